//! The form of a key: `yett_<id>_<secret><checksum>`.

use std::fmt;

use zeroize::{Zeroize, Zeroizing};

/// What every key begins with.
pub const PREFIX: &str = "yett_";
/// Characters of a key's public id: 71 bits.
pub const ID_LENGTH: usize = 12;
/// Characters of its secret: 160 bits.
const SECRET: usize = 27;
/// Characters of its checksum: CRC-32 of all before it.
const CHECK: usize = 6;
/// Characters of a key.
pub const LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + SECRET + CHECK;
/// What finds keys in texts, for scanners of leaked secrets.
pub const PATTERN: &str = "yett_[0-9A-Za-z]{12}_[0-9A-Za-z]{33}";

/// Bytes that the checksum is of.
const CHECKED: usize = LENGTH - CHECK;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Largest multiple of 62 that a byte can be below: what is not below it is drawn again, so that no digit is likelier.
const FAIR: u8 = 248;

/// A key's public id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; ID_LENGTH]);

impl KeyId {
    /// The id of a text of [`ID_LENGTH`] letters and digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; ID_LENGTH] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text cannot be a key. Says nothing of what stood there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It does not begin with [`PREFIX`].
    Prefix,
    /// It is not [`LENGTH`] bytes long.
    Length,
    /// It has a character that no key has, or one in the wrong place.
    Character,
    /// Its checksum is not that of the rest.
    Checksum,
}

impl Malformed {
    /// For the operator, as a clause.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Prefix => "it does not begin with `yett_`",
            Self::Length => "it has another length than a key",
            Self::Character => "it has a character that no key has",
            Self::Checksum => "its checksum is wrong",
        }
    }
}

/// A text that may be a key: its form and checksum are good.
#[derive(Clone, Copy)]
pub struct Presented<'a> {
    /// Its public id.
    pub id: KeyId,
    text: &'a [u8],
}

impl<'a> Presented<'a> {
    /// Looks at the form of what was presented; computes no hash.
    ///
    /// # Errors
    /// Why it cannot be a key.
    pub fn parse(text: &'a [u8]) -> Result<Self, Malformed> {
        let Some(rest) = text.strip_prefix(PREFIX.as_bytes()) else { return Err(Malformed::Prefix) };
        if text.len() != LENGTH {
            return Err(Malformed::Length);
        }
        let Some((id, rest)) = rest.split_first_chunk::<ID_LENGTH>() else { return Err(Malformed::Length) };
        let Some((b'_', rest)) = rest.split_first() else { return Err(Malformed::Character) };
        if !id.iter().chain(rest).all(u8::is_ascii_alphanumeric) {
            return Err(Malformed::Character);
        }
        let (checked, check) = text.split_at_checked(CHECKED).unwrap_or_default();
        if check != checksum(checked) {
            return Err(Malformed::Checksum);
        }
        Ok(Self { id: KeyId(*id), text })
    }

    pub(crate) fn text(&self) -> &'a [u8] {
        self.text
    }
}

impl fmt::Debug for Presented<'_> {
    /// A key is a secret; its id is not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The checksum of the first [`CHECKED`] bytes, in digits of base 62, the highest first.
fn checksum(checked: &[u8]) -> [u8; CHECK] {
    let mut left = crc32fast::hash(checked);
    let mut out = [b'0'; CHECK];
    for slot in out.iter_mut().rev() {
        *slot = digit(left % 62);
        left /= 62;
    }
    out
}

fn digit(value: u32) -> u8 {
    usize::try_from(value).ok().and_then(|at| DIGITS.get(at)).copied().unwrap_or(b'0')
}

/// The public id that stands in a key, or an id alone: what people paste into commands.
#[must_use]
pub fn public_id(text: &str) -> Option<KeyId> {
    let rest = text.strip_prefix(PREFIX).unwrap_or(text);
    KeyId::parse(rest.get(..ID_LENGTH)?)
        .filter(|_| matches!(rest.as_bytes().get(ID_LENGTH), None | Some(b'_')))
}

/// A key that was just made: the only moment at which it is known.
pub struct NewKey {
    /// Its public id.
    pub id: KeyId,
    text: Zeroizing<String>,
}

impl NewKey {
    /// Makes one of the bytes that `fill` draws, which have to come from a good source.
    #[must_use]
    pub fn draw(mut fill: impl FnMut(&mut [u8])) -> Self {
        let mut digits = Zeroizing::new([0_u8; ID_LENGTH + SECRET]);
        let mut pool = [0_u8; 64];
        let mut left = 0;
        for slot in digits.iter_mut() {
            *slot = loop {
                if left == 0 {
                    fill(&mut pool);
                    left = pool.len();
                }
                left -= 1;
                let byte = pool.get(left).copied().unwrap_or(u8::MAX);
                if byte < FAIR {
                    break digit(u32::from(byte) % 62);
                }
            };
        }
        pool.zeroize();
        let (id, secret) = digits.split_at_checked(ID_LENGTH).unwrap_or_default();
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        text.push_str(PREFIX);
        text.extend(id.iter().copied().map(char::from));
        text.push('_');
        text.extend(secret.iter().copied().map(char::from));
        let check = checksum(text.as_bytes());
        text.extend(check.into_iter().map(char::from));
        let mut bytes = [b'0'; ID_LENGTH];
        bytes.iter_mut().zip(id).for_each(|(slot, byte)| *slot = *byte);
        Self { id: KeyId(bytes), text }
    }

    /// The whole key: to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewKey").field("id", &self.id).finish_non_exhaustive()
    }
}
