//! `@detectSQLi` and `@detectXSS`: libinjection's algorithms, by a port of it to safe Rust.
//!
//! Rules are tuned to what libinjection finds, so a detector of another making would change what they mean. Both read the
//! value a constant number of times.

use crate::bytes::ByteSet;

/// Letters, digits and underscores alone are at most a number and a word, which is no injection.
pub(super) const SQL_NEEDS: ByteSet = {
    let word = ByteSet::of_const(b"_").with_range(b'0', b'9').with_range(b'A', b'Z').with_range(b'a', b'z');
    word.complement()
};

/// Tags and comments begin with `<`, and an attribute counts by its value, which follows `=`.
pub(super) const SCRIPT_NEEDS: ByteSet = ByteSet::of_const(b"<=");

/// The fingerprint, when the value is an SQL injection.
pub(super) fn sql(value: &[u8]) -> Option<Vec<u8>> {
    fingerprint(value).or_else(|| fingerprint(&without_exponents(value)?))
}

fn fingerprint(value: &[u8]) -> Option<Vec<u8>> {
    let mut state = libinjectionrs::SqliState::new(value, libinjectionrs::SqliFlags::FLAG_NONE);
    state.detect().then(|| state.get_fingerprint().as_str().as_bytes().to_vec())
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
