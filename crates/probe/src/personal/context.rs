//! What stands before a value: the name of the member that it is of, or the words of a sentence.

/// Bytes before a value that are looked at.
const BEFORE: usize = 40;

/// Words in lower case.
pub(super) type Words = &'static [&'static [u8]];

/// Whether one of the words stands shortly before a byte, in whatever case, with neither another value nor another line between.
pub(super) fn is_named(bytes: &[u8], at: usize, words: Words) -> bool {
    let before = bytes.get(at.saturating_sub(BEFORE)..at).unwrap_or_default();
    let from = before.iter().rposition(|byte| b",;{}[\n".contains(byte)).map_or(0, |last| last + 1);
    let before = before.get(from..).unwrap_or_default();
    let stands = |word: &[u8]| before.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    words.iter().any(|word| stands(word))
}
