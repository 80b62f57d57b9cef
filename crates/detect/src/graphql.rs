//! GraphQL within a value (GraphQL, October 2021, section 2): whether a text is a document by its tokens, and where its strings are.

use crate::bytes::{self, at, from};
use crate::json;

/// What begins the definitions of a document that has operations.
const DEFINITIONS: [&[u8]; 4] = [b"query", b"mutation", b"subscription", b"fragment"];
/// What begins and ends a block string.
const BLOCK: &[u8] = b"\"\"\"";
/// How a block string says that.
const IN_BLOCK: &[u8] = b"\\\"\"\"";

/// Whether a text is a document with strings in it: then they are worth a look of their own. Code of other languages has signs that no
/// token has.
pub(crate) fn is_document(value: &[u8]) -> bool {
    let text = value.trim_ascii();
    let is_field = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.');
    let begins = match text.first() {
        Some(b'{') => is_field(at(text, bytes::skip_space(text, 1))),
        _ => DEFINITIONS.iter().any(|word| text.starts_with(word) && !bytes::is_word(at(text, word.len()))),
    };
    begins && text.last() == Some(&b'}') && has_strings(text)
}

/// Whether nothing but tokens and comments stands in a text, and a string among them.
fn has_strings(text: &[u8]) -> bool {
    let (mut index, mut found) = (0, false);
    while let Some(&byte) = text.get(index) {
        index = match byte {
            b'"' => {
                found = true;
                string(text, index).1
            }
            b'#' => line_end(text, index),
            byte if is_token(byte) => index + 1,
            _ => return false,
        };
    }
    // One that is not closed ends behind the text.
    found && index == text.len()
}

const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b' ' | b'\t' | b'\n' | b'\r' | b'_' | b'!' | b'$' | b'&' | b'(' | b')' | b'.' | b':' | b'='
        )
        || matches!(byte, b'@' | b'[' | b']' | b'{' | b'|' | b'}' | b',' | b'-' | b'+')
}

fn line_end(text: &[u8], start: usize) -> usize {
    memchr::memchr(b'\n', from(text, start)).map_or(text.len(), |offset| start + offset)
}

/// What stands in the string that begins at `open`, from where to where, and where it is over.
fn string(text: &[u8], open: usize) -> ((usize, usize), usize) {
    if !from(text, open).starts_with(BLOCK) {
        let (end, _) = json::string_end(text, open);
        return ((open + 1, end), end + 1);
    }
    let start = open + BLOCK.len();
    let mut end = start;
    while end < text.len() && !from(text, end).starts_with(BLOCK) {
        end += if from(text, end).starts_with(IN_BLOCK) { IN_BLOCK.len() } else { 1 };
    }
    ((start, end), end + BLOCK.len())
}

/// The next string of a document from `start` on.
pub(crate) fn next(text: &[u8], mut start: usize) -> Option<((usize, usize), usize)> {
    loop {
        let found = start + memchr::memchr2(b'"', b'#', from(text, start))?;
        if at(text, found) == b'"' {
            return Some(string(text, found));
        }
        start = line_end(text, found);
    }
}
