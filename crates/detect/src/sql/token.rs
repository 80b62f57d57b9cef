//! Words, numbers and signs of SQL, whichever string they stand in.
//!
//! A value that breaks out of a string has its quotes the wrong way round: what looks like a string is code, and the code looks
//! like a string. So quotes are tokens of their own here, and a string is one quote, some words and another quote. White space,
//! comments within (`/**/`) and NULs only separate.

use smallvec::SmallVec;

use super::word::{Word, word};
use crate::bytes::{at, from, is_word, skip_word};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word(Word),
    Number,
    /// `'`, `"` or a backtick.
    Quote(u8),
    /// `=`, `<`, `!=` and their like.
    Compare,
    /// `||`.
    Pipes,
    /// `&&`.
    Ampersands,
    /// `+`, `-`, `*`, `/`, `%`, `^`, `|`, `&`, `~`, `!`.
    Sign(u8),
    Open,
    Close,
    Comma,
    Semicolon,
    /// `--`, `#` or `/*` that hides what follows.
    Comment,
    /// `/*! … */`: code for MySQL.
    Version,
    /// `@name`, `@@name`, `:name`.
    Variable,
    Other,
}

/// One token and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// All tokens of a text.
pub(crate) type Tokens = SmallVec<[Token; 64]>;

/// How `--` and `#` are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    /// As signs of their own, behind which there is more to read: to other databases they are operators.
    Open,
    /// As comments that the end of their line ends: white space, when code follows on another.
    Lines,
}

/// Bytes of one line's comment at most.
const LINE: usize = 256;

/// Whether there are comments that a line ends, before more.
pub(crate) fn has_line_comments(text: &[u8]) -> bool {
    let last = memchr::memrchr2(b'\n', b'\r', text.trim_ascii_end());
    let before = text.get(..last.unwrap_or(0)).unwrap_or_default();
    memchr::memchr(b'#', before).is_some() || memchr::memmem::find(before, b"--").is_some()
}

/// Reads a text.
pub(crate) fn tokens(text: &[u8], comments: Comments) -> Tokens {
    let mut found = Tokens::new();
    let mut index = 0;
    while let Some(&byte) = text.get(index) {
        if byte.is_ascii_whitespace() || byte == 0 || byte == 0x0b {
            index += 1;
            continue;
        }
        let commented =
            comments == Comments::Lines && (byte == b'#' || text.get(index..index + 2) == Some(b"--"));
        let line_end = commented
            .then(|| memchr::memchr2(b'\n', b'\r', text.get(index..text.len().min(index + LINE))?))
            .flatten();
        if let Some(length) = line_end {
            index += length + 1;
            continue;
        }
        let (kind, end) = token(text, index, byte);
        if let Some(kind) = kind {
            let (start, end) =
                (u32::try_from(index).unwrap_or(u32::MAX), u32::try_from(end).unwrap_or(u32::MAX));
            found.push(Token { kind, start, end });
        }
        index = end.max(index + 1);
    }
    found
}

fn token(text: &[u8], index: usize, byte: u8) -> (Option<Kind>, usize) {
    let next = at(text, index + 1);
    let one = index + 1;
    let kind = match byte {
        b'0'..=b'9' => return number(text, index),
        byte if is_word(byte) || byte >= 0x80 => return read_word(text, index),
        b'.' if next.is_ascii_digit() => return number(text, index),
        b'\'' | b'"' | b'`' => Kind::Quote(byte),
        // A curly quote that some code pages make a straight one is a word character above.
        b'-' if next == b'-' => return (Some(Kind::Comment), index + 2),
        b'#' => Kind::Comment,
        b'/' if next == b'*' => return comment(text, index),
        b'*' if next == b'/' => return (None, index + 2),
        b'|' if next == b'|' => return (Some(Kind::Pipes), index + 2),
        b'&' if next == b'&' => return (Some(Kind::Ampersands), index + 2),
        b'=' | b'<' | b'>' => return (Some(Kind::Compare), index + run(text, index, b"=<>")),
        b'!' if matches!(next, b'=' | b'<' | b'>') => return (Some(Kind::Compare), index + 2),
        b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'|' | b'&' | b'~' | b'!' => Kind::Sign(byte),
        b'(' => Kind::Open,
        b')' => Kind::Close,
        b',' => Kind::Comma,
        b';' => Kind::Semicolon,
        b'@' | b':' if is_word(next) || next == b'@' => {
            return (Some(Kind::Variable), skip_word(text, index + run(text, index, b"@:")));
        }
        _ => Kind::Other,
    };
    (Some(kind), one)
}

fn run(text: &[u8], index: usize, set: &[u8]) -> usize {
    from(text, index).iter().take(3).take_while(|byte| set.contains(byte)).count()
}

/// Digits with what belongs to a number (`0x1f`, `1.5`, `2e7`); letters right after it are a word (`1or`, `1union`).
fn number(text: &[u8], index: usize) -> (Option<Kind>, usize) {
    let hexadecimal = at(text, index) == b'0' && matches!(at(text, index + 1), b'x' | b'X');
    if hexadecimal && at(text, index + 2).is_ascii_hexdigit() {
        return (Some(Kind::Number), skip_word(text, index + 2));
    }
    let rest = from(text, index);
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let mut end = index + length;
    let exponent = matches!(at(text, end), b'e' | b'E')
        && (at(text, end + 1).is_ascii_digit() || !is_word(at(text, end + 1)) && at(text, end + 1) != 0);
    if exponent {
        end += 1;
        end += from(text, end).iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    // A word that begins with digits (`2fast`, `4b7a`) is one, unless a word of SQL is glued to a number.
    if is_word(at(text, end)) && !glued(text, end) {
        return (Some(Kind::Word(Word::Other)), skip_word(text, end));
    }
    (Some(Kind::Number), end)
}

fn glued(text: &[u8], index: usize) -> bool {
    let end = skip_word(text, index);
    let known = word(text.get(index..end).unwrap_or_default());
    matches!(known, Word::Logic | Word::Union | Word::Compare | Word::Clause | Word::Order)
}

fn read_word(text: &[u8], index: usize) -> (Option<Kind>, usize) {
    let rest = from(text, index);
    let length = rest.iter().take_while(|byte| is_word(**byte) || **byte >= 0x80 || **byte == b'$').count();
    let end = index + length;
    (Some(Kind::Word(word(text.get(index..end).unwrap_or_default()))), end)
}

fn comment(text: &[u8], index: usize) -> (Option<Kind>, usize) {
    if matches!(at(text, index + 2), b'!' | b'+') && at(text, index + 3) != b'*' {
        let digits = from(text, index + 3).iter().take_while(|byte| byte.is_ascii_digit()).count();
        return (Some(Kind::Version), index + 3 + digits);
    }
    let rest = from(text, index + 2);
    match memchr::memmem::find(rest.get(..rest.len().min(256)).unwrap_or_default(), b"*/") {
        Some(length) => (None, index + 2 + length + 2),
        None => (Some(Kind::Comment), index + 2),
    }
}
