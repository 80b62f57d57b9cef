//! `@detectSQLi` and `@detectXSS`: libinjection's algorithms, by a port of it to safe Rust.
//!
//! Rules are tuned to what libinjection finds, so a detector of another making would change what they mean. Both read the
//! value a constant number of times.

use std::borrow::Cow;

use crate::bytes::ByteSet;

/// Letters, digits and underscores alone are at most a number and a word, which is no injection.
pub(super) const SQL_NEEDS: ByteSet = {
    let word = ByteSet::of_const(b"_").with_range(b'0', b'9').with_range(b'A', b'Z').with_range(b'a', b'z');
    word.complement()
};

/// What ends a word of SQL.
const SQL_ENDS: ByteSet = ByteSet::of_const(b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0b\x0c\r\"\xa0\0");

/// Tags and comments begin with `<`, and an attribute counts by its value, which follows `=`.
pub(super) const SCRIPT_NEEDS: ByteSet = ByteSet::of_const(b"<=");

/// The fingerprint, when the value is an SQL injection.
pub(super) fn sql(value: &[u8]) -> Option<Vec<u8>> {
    let value = calmed(value);
    fingerprint(&value).or_else(|| fingerprint(&without_exponents(&value)?))
}

fn fingerprint(value: &[u8]) -> Option<Vec<u8>> {
    let mut state = libinjectionrs::SqliState::new(value, libinjectionrs::SqliFlags::FLAG_NONE);
    state.detect().then(|| state.get_fingerprint().as_str().as_bytes().to_vec())
}

/// Bytes of a word in which its parts are told apart. The detector looks at five tokens of at most 31 bytes, whose length is
/// what counts of a longer one.
const WORD: usize = 192;

/// The port asks at each `.` and `` ` `` of a word whether all before it is a keyword, whatever the word's length, so that a long word
/// of them would cost its length squared. Behind the bytes that can tell, they are taken for another byte of a word.
fn calmed(value: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Cow::Borrowed(value);
    if value.len() <= WORD {
        return out;
    }
    let mut start = 0;
    for (at, byte) in value.iter().enumerate() {
        if SQL_ENDS.contains(*byte) {
            start = at + 1;
            continue;
        }
        let telling = matches!(byte, b'.' | b'`') && at - start >= WORD;
        if let Some(byte) = telling.then(|| out.to_mut()).and_then(|out| out.get_mut(at)) {
            *byte = b'_';
        }
    }
    out
}

/// MySQL reads a number with an exponent that has no digits, as `1.e`, as nothing at all, so that `1.e(select` is `(select`;
/// to the detector it is a word. `None` when there is none.
fn without_exponents(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'.', rest) {
        let (before, after) = rest.split_at(at);
        let after = after.get(1..).unwrap_or_default();
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let is_exponent = match after.get(digits..) {
            Some([b'e' | b'E']) => true,
            Some([b'e' | b'E', next, ..]) => {
                !next.is_ascii_alphanumeric() && !matches!(next, b'_' | b'+' | b'-' | b'.')
            }
            _ => false,
        };
        if is_exponent {
            let whole = before.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            out.extend_from_slice(before.get(..before.len() - whole).unwrap_or_default());
            rest = after.get(digits + 1..).unwrap_or_default();
        } else {
            out.extend_from_slice(before);
            out.push(b'.');
            rest = after;
        }
    }
    out.extend_from_slice(rest);
    (out.len() < value.len()).then_some(out)
}

/// Whether the value is cross-site scripting.
pub(super) fn script(value: &[u8]) -> bool {
    libinjectionrs::detect_xss(value).is_injection()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_calmed_and_short_ones_are_left() {
        let short = b"a.b.c ".repeat(100);
        assert!(matches!(calmed(&short), Cow::Borrowed(_)));
        let long = b".`".repeat(5_000);
        let telling = calmed(&long).iter().filter(|byte| matches!(byte, b'.' | b'`')).count();
        assert_eq!((telling, calmed(&long).len()), (WORD, long.len()));
        let hidden = [&long[..], b" ' or 1=1 -- "].concat();
        assert!(calmed(&hidden).ends_with(b" ' or 1=1 -- "));
        assert!(sql(b"x' or 1=1 -- a.b.c.d").is_some());
    }
}
