//! Tests of text that are more than a search.

/// Whether `word` occurs with no letter, digit or underscore on either side.
pub(super) fn contains_word(value: &[u8], word: &[u8]) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if word.is_empty() {
        return true;
    }
    value.windows(word.len()).enumerate().any(|(at, window)| {
        let before = at.checked_sub(1).and_then(|before| value.get(before)).is_some_and(is_word);
        let after = value.get(at + word.len()).is_some_and(is_word);
        window == word && !before && !after
    })
}
