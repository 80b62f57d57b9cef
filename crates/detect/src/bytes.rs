//! Bytes by class, and reading without a panic.

/// Letters, digits and what harmless values are otherwise made of.
pub(crate) const PLAIN: u16 = 1;
/// Space, tab, line breaks.
pub(crate) const SPACE: u16 = 1 << 1;
/// `'`, `"` and the backtick.
pub(crate) const QUOTE: u16 = 1 << 2;
/// `<` and `>`.
pub(crate) const ANGLE: u16 = 1 << 3;
/// Brackets of all other kinds.
pub(crate) const BRACKET: u16 = 1 << 4;
/// `%`.
pub(crate) const PERCENT: u16 = 1 << 5;
/// `\`.
pub(crate) const BACKSLASH: u16 = 1 << 6;
/// `&`.
pub(crate) const AMPERSAND: u16 = 1 << 7;
/// `/`.
pub(crate) const SLASH: u16 = 1 << 8;
/// `;`, `|`, `$`, `#`, `=`, `*`, `~`, `^`.
pub(crate) const MARK: u16 = 1 << 9;
/// Bytes below the space that are none of [`SPACE`], and DEL.
pub(crate) const CONTROL: u16 = 1 << 10;
/// From 0x80.
pub(crate) const HIGH: u16 = 1 << 11;
/// `:`, `+`, `=`: in URLs, times, base64.
pub(crate) const COLON: u16 = 1 << 12;
/// Beside its class: what no quiet text has (`quiet.rs`).
pub(crate) const LOUD: u16 = 1 << 13;
/// Beside its class: `(`.
pub(crate) const OPEN: u16 = 1 << 14;
/// Beside its class: `;`.
pub(crate) const SEMICOLON: u16 = 1 << 15;

const CLASSES: [u16; 256] = classes();

#[allow(clippy::indexing_slicing, reason = "runs when the crate is compiled, over a range that fits")]
const fn classes() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8) | beside(byte as u8);
        byte += 1;
    }
    table
}

const fn class(byte: u8) -> u16 {
    match byte {
        b' ' | b'\t' | b'\n' | b'\r' => SPACE,
        b'\'' | b'"' | b'`' => QUOTE,
        b'<' | b'>' => ANGLE,
        b'(' | b')' | b'[' | b']' | b'{' | b'}' => BRACKET,
        b'%' => PERCENT,
        b'\\' => BACKSLASH,
        b'&' => AMPERSAND,
        b'/' => SLASH,
        b';' | b'|' | b'$' | b'#' | b'=' | b'*' | b'~' | b'^' => MARK,
        b':' | b'+' => COLON,
        0..=31 | 127 => CONTROL,
        128..=255 => HIGH,
        _ => PLAIN,
    }
}

const fn beside(byte: u8) -> u16 {
    match byte {
        b'(' => OPEN,
        b';' => SEMICOLON,
        b'\n' | b'\r' | b'`' | b'+' => LOUD,
        b' ' | b'\t' | b'\'' | b'"' | b')' | b'/' | b':' | 128..=255 => 0,
        _ if class(byte) == PLAIN => 0,
        _ => LOUD,
    }
}

/// The classes of one byte.
pub(crate) fn classes_of(byte: u8) -> u16 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(HIGH)
}

/// Which classes occur.
pub(crate) fn mask(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |mask, byte| mask | classes_of(*byte))
}

/// The byte there, or NUL beyond the end.
pub(crate) fn at(bytes: &[u8], index: usize) -> u8 {
    bytes.get(index).copied().unwrap_or(0)
}

/// The byte before `index`, or NUL at the beginning.
pub(crate) fn before(bytes: &[u8], index: usize) -> u8 {
    index.checked_sub(1).map_or(0, |index| at(bytes, index))
}

/// The rest from `index` on; nothing beyond the end.
pub(crate) fn from(bytes: &[u8], index: usize) -> &[u8] {
    bytes.get(index..).unwrap_or_default()
}

/// The part between; nothing when there is none.
pub(crate) fn part(bytes: &[u8], start: usize, end: usize) -> &[u8] {
    bytes.get(start..end.min(bytes.len())).unwrap_or_default()
}

/// Whether `bytes` begin with `lower`, whatever the case of the former.
pub(crate) fn starts(bytes: &[u8], lower: &[u8]) -> bool {
    bytes.get(..lower.len()).is_some_and(|head| head.eq_ignore_ascii_case(lower))
}

/// Whether `lower` occurs, whatever the case; for short texts.
pub(crate) fn contains(bytes: &[u8], lower: &[u8]) -> bool {
    bytes.windows(lower.len()).any(|window| window.eq_ignore_ascii_case(lower))
}

/// Index of the first byte at or after `index` that is no white space.
pub(crate) fn skip_space(bytes: &[u8], index: usize) -> usize {
    let rest = from(bytes, index);
    index + rest.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0).count()
}

/// Index of the first byte at or after `index` that belongs to no word.
pub(crate) fn skip_word(bytes: &[u8], index: usize) -> usize {
    index + from(bytes, index).iter().take_while(|byte| is_word(**byte)).count()
}

pub(crate) const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A word in lower case, when it is short enough to be one that we know.
pub(crate) struct Lower {
    bytes: [u8; Lower::MAX],
    length: usize,
}

impl Lower {
    const MAX: usize = 32;

    /// `None` for words that are too long.
    pub(crate) fn new(word: &[u8]) -> Option<Self> {
        let mut lower = Self { bytes: [0; Self::MAX], length: word.len() };
        let slots = lower.bytes.get_mut(..word.len())?;
        slots.copy_from_slice(word);
        slots.make_ascii_lowercase();
        Some(lower)
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}
