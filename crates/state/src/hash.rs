//! Keys of 128 bits out of whatever is counted: two independent SipHashes, keyed from the system's randomness.

use std::hash::{BuildHasher, Hasher, RandomState};

use aws_lc_rs::digest::{Context, SHA256};

/// Keyed per process, so that nobody outside can aim at a key.
#[derive(Debug, Default)]
pub(crate) struct Keys(RandomState, RandomState);

impl Keys {
    /// The key of these parts, in their order.
    pub(crate) fn of(&self, parts: &[&[u8]]) -> u128 {
        let mut high = self.0.build_hasher();
        let mut low = self.1.build_hasher();
        for hasher in [&mut high, &mut low] {
            for part in parts {
                // Lengths keep the parts apart: ("ab", "c") is not ("a", "bc").
                hasher.write_usize(part.len());
                hasher.write(part);
            }
        }
        u128::from(high.finish()) << 64 | u128::from(low.finish())
    }
}

/// The key of these parts as every gateway makes it: half of their SHA-256. Anybody can work it out, but nobody finds two that meet.
pub(crate) fn public(parts: &[&[u8]]) -> u128 {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let digest = context.finish();
    digest.as_ref().iter().take(16).fold(0, |key, byte| key << 8 | u128::from(*byte))
}

/// Keys are keyed hashes already: a part of them is as good a hash as any.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Passed(u64);

impl Hasher for Passed {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u128(&mut self, key: u128) {
        self.0 = u64::try_from(key & u128::from(u64::MAX)).unwrap_or(0);
    }
}

/// Makes [`Passed`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BuildPassed;

impl BuildHasher for BuildPassed {
    type Hasher = Passed;
    fn build_hasher(&self) -> Passed {
        Passed::default()
    }
}

/// A shard of `shards` (a power of two) for a key; the other half of the key hashes within it.
pub(crate) fn shard(key: u128, shards: usize) -> usize {
    usize::try_from(key >> 64 & (shards as u128 - 1)).unwrap_or(0)
}
