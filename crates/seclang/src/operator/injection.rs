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
    let mut state = libinjectionrs::SqliState::new(value, libinjectionrs::SqliFlags::FLAG_NONE);
    state.detect().then(|| state.get_fingerprint().as_str().as_bytes().to_vec())
}

/// Whether the value is cross-site scripting.
pub(super) fn script(value: &[u8]) -> bool {
    libinjectionrs::detect_xss(value).is_injection()
}
