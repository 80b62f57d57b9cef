//! Sets of bytes and the few byte-string helpers that everything here shares.

/// A set of byte values, as four words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Every byte.
    pub(crate) const ALL: ByteSet = ByteSet([u64::MAX; 4]);

    /// No byte.
    pub(crate) const fn new() -> Self {
        Self([0; 4])
    }

    /// The bytes of a string.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut set = Self::new();
        for byte in bytes {
            set.insert(*byte);
        }
        set
    }

    /// The bytes of a string, when the program is compiled.
    pub(crate) const fn of_const(bytes: &[u8]) -> Self {
        let mut set = Self::new();
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            set = set.with_range(*byte, *byte);
            rest = after;
        }
        set
    }

    /// And an inclusive range.
    pub(crate) const fn with_range(self, from: u8, to: u8) -> Self {
        let Self([mut a, mut b, mut c, mut d]) = self;
        let mut byte = from;
        loop {
            let bit = 1 << (byte & 63);
            match byte >> 6 {
                0 => a |= bit,
                1 => b |= bit,
                2 => c |= bit,
                _ => d |= bit,
            }
            if byte >= to {
                return Self([a, b, c, d]);
            }
            byte += 1;
        }
    }

    /// Adds one byte.
    pub(crate) fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    /// Adds an inclusive range.
    pub(crate) fn insert_range(&mut self, from: u8, to: u8) {
        for byte in from..=to {
            self.insert(byte);
        }
    }

    /// Whether a byte is in it.
    pub(crate) fn contains(self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    /// Whether the two have a byte in common.
    pub(crate) fn meets(self, other: Self) -> bool {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = other.0;
        (a & e) | (b & f) | (c & g) | (d & h) != 0
    }

    /// Both sets.
    pub(crate) fn union(self, other: Self) -> Self {
        let [a, b, c, d] = self.0;
        let [e, f, g, h] = other.0;
        Self([a | e, b | f, c | g, d | h])
    }

    /// What is not in it.
    pub(crate) const fn complement(self) -> Self {
        let Self([a, b, c, d]) = self;
        Self([!a, !b, !c, !d])
    }

    /// How many bytes.
    pub(crate) fn len(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    /// The members, in order.
    pub(crate) fn iter(self) -> impl Iterator<Item = u8> {
        (0..=u8::MAX).filter(move |byte| self.contains(*byte))
    }
}

/// White space as C's `isspace` has it in the C locale.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

/// The value of one hexadecimal digit.
pub(crate) fn hex(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// The value of two hexadecimal digits.
pub(crate) fn hex2(high: u8, low: u8) -> Option<u8> {
    Some(hex(high)? << 4 | hex(low)?)
}

/// Where `needle` first occurs.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

/// An integer as C's `atoi` reads it: optional sign, digits, the rest ignored, 0 when there are none; saturating.
pub(crate) fn integer(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let value = digits.iter().take_while(|byte| byte.is_ascii_digit()).fold(0_i64, |value, byte| {
        value.saturating_mul(10).saturating_add(i64::from(byte.wrapping_sub(b'0')))
    });
    if negative { value.saturating_neg() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let mut set = ByteSet::of(b"az");
        set.insert_range(0xf0, 0xff);
        assert!(set.contains(b'a') && set.contains(0xff) && !set.contains(b'b'));
        assert_eq!(set.len(), 18);
        assert_eq!(set.complement().len(), 238);
        assert!(set.meets(ByteSet::of(b"z")) && !set.meets(ByteSet::of(b"y")));
        assert_eq!(set.iter().next(), Some(b'a'));
        assert_eq!(ByteSet::ALL.len(), 256);
    }

    #[test]
    fn integers_are_read_as_atoi_does() {
        for (text, value) in [
            (&b"12x"[..], 12),
            (b" -3", -3),
            (b"+7", 7),
            (b"", 0),
            (b"abc", 0),
            (b"99999999999999999999", i64::MAX),
        ] {
            assert_eq!(integer(text), value);
        }
    }
}
