//! The byte strings of one call: each distinct one is kept once, with what was found out about it.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use crate::bytes::ByteSet;
use crate::compile::Prefilter;
use crate::transform::{Kinds, Transformation, kinds_of_value};

/// Names a byte string of the call.
pub(crate) type Text = u32;

/// No string.
const UNKNOWN: Text = Text::MAX;

/// Longer strings are not compared with those already there.
const MAX_SHARED: usize = 4096;

/// A string and what is known of it.
#[derive(Debug, Clone, Copy)]
struct Known {
    start: u32,
    end: u32,
    present: ByteSet,
    kinds: Kinds,
    scanned: bool,
}

/// All strings of a call.
#[derive(Debug)]
pub(crate) struct Texts {
    bytes: Vec<u8>,
    known: Vec<Known>,
    by_hash: HashMap<u64, Text, BuildHasherDefault<Spread>>,
    keys: Keys,
    /// For each string what each single transformation makes of it, once that is known.
    steps: Vec<Text>,
    /// Rules that the prefilter lets run, `width` words for each string.
    words: Vec<u64>,
    width: usize,
    scratch: Vec<u8>,
}

/// Secret numbers that keep the hashes of a process from being chosen by a caller. Two strings of one hash are only not
/// shared, so a weaker function than SipHash is enough.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keys(u64, u64);

impl Keys {
    /// New ones.
    pub(crate) fn new() -> Keys {
        let random = RandomState::new();
        Keys(random.hash_one(0_u8) | 1, random.hash_one(1_u8) | 1)
    }

    fn hash(self, text: &[u8]) -> u64 {
        let mix = |hash: u64, word: u64| {
            let product = u128::from(hash ^ word).wrapping_mul(u128::from(self.0));
            (product as u64) ^ ((product >> 64) as u64)
        };
        let (words, rest) = text.as_chunks::<8>();
        let mut tail = [0; 8];
        tail.iter_mut().zip(rest).for_each(|(byte, rest)| *byte = *rest);
        let hash = words.iter().fold(self.1, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        mix(mix(hash, u64::from_le_bytes(tail)), text.len() as u64)
    }
}

/// Spreads keys that are already numbers: hashes, or numbers of our own making that no caller chooses.
#[derive(Debug, Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 32;
    }
}

impl Texts {
    /// Room for the strings of a call; `width` words are kept per string.
    pub(crate) fn new(width: usize, keys: Keys) -> Texts {
        Texts {
            bytes: Vec::with_capacity(8 * 1024),
            known: Vec::with_capacity(128),
            by_hash: HashMap::with_capacity_and_hasher(256, BuildHasherDefault::default()),
            keys,
            steps: Vec::with_capacity(128 * Transformation::COUNT),
            words: Vec::new(),
            width,
            scratch: Vec::new(),
        }
    }

    /// The bytes of a string.
    pub(crate) fn get(&self, text: Text) -> &[u8] {
        let Some(known) = self.known.get(text as usize) else { return b"" };
        self.bytes.get(known.start as usize..known.end as usize).unwrap_or_default()
    }

    /// Which bytes occur in it.
    pub(crate) fn present(&self, text: Text) -> ByteSet {
        self.known.get(text as usize).map_or(ByteSet::ALL, |known| known.present)
    }

    /// Kinds of bytes in it, none when it is empty.
    pub(crate) fn kinds(&self, text: Text) -> Kinds {
        self.known
            .get(text as usize)
            .map_or(0, |known| if known.start == known.end { 0 } else { known.kinds })
    }

    /// Bytes that all strings take.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Keeps a string.
    pub(crate) fn add(&mut self, text: &[u8]) -> Text {
        let hash = if text.len() <= MAX_SHARED {
            let hash = self.keys.hash(text);
            if let Some(found) = self.by_hash.get(&hash).copied().filter(|found| self.get(*found) == text) {
                return found;
            }
            Some(hash)
        } else {
            None
        };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(text);
        self.push(start, hash)
    }

    fn push(&mut self, start: usize, hash: Option<u64>) -> Text {
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        let id = number(self.known.len());
        let present = ByteSet::of(self.bytes.get(start..).unwrap_or_default());
        let end = self.bytes.len();
        self.known.push(Known {
            start: number(start),
            end: number(end),
            present,
            kinds: kinds_of_value(present),
            scanned: false,
        });
        if let Some(hash) = hash {
            self.by_hash.insert(hash, id);
        }
        id
    }

    /// A string transformed, and the bytes that were read for it.
    pub(crate) fn transformed(&mut self, text: Text, step: Transformation) -> (Text, u64) {
        let present = self.present(text);
        let length = self.get(text).len();
        let untouched = if length == 0 { !step.changes_empty() } else { !present.meets(step.triggers()) };
        if untouched {
            return (text, 0);
        }
        let place = text as usize * Transformation::COUNT + step as usize;
        if let Some(found) = self.steps.get(place).filter(|found| **found != UNKNOWN) {
            return (*found, 1);
        }
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        step.apply(self.get(text), &mut scratch);
        let result = if scratch == self.get(text) { text } else { self.add(&scratch) };
        self.scratch = scratch;
        if self.steps.len() <= place {
            self.steps.resize(self.known.len() * Transformation::COUNT, UNKNOWN);
        }
        if let Some(known) = self.steps.get_mut(place) {
            *known = result;
        }
        (result, length as u64 + 8)
    }

    /// The rules that the prefilter lets run on a string, and the bytes that were read to find out.
    pub(crate) fn candidates(&mut self, text: Text, prefilter: &Prefilter) -> (&[u64], u64) {
        let from = text as usize * self.width;
        let to = from + self.width;
        if self.words.len() < to {
            self.words.resize(self.known.len() * self.width, 0);
        }
        let scanned = self.known.get(text as usize).is_some_and(|known| known.scanned);
        let mut work = 0;
        if !scanned {
            let mut words = std::mem::take(&mut self.words);
            if let Some(words) = words.get_mut(from..to) {
                prefilter.run(self.get(text), words);
            }
            self.words = words;
            work = self.get(text).len() as u64 + 8;
            if let Some(known) = self.known.get_mut(text as usize) {
                known.scanned = true;
            }
        }
        (self.words.get(from..to).unwrap_or_default(), work)
    }
}
