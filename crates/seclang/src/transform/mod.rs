//! Transformations (reference manual, section "Transformation functions").
//!
//! Each takes bytes and writes bytes, in one pass over the input, to at most a small multiple of its length. Each also
//! says which bytes it needs to see to change anything, so that a whole chain is skipped when none of them is there.

mod encode;
mod escape;
mod path;
mod text;
mod url;

use crate::bytes::ByteSet;

pub(crate) use url::{decode as url_decode, has_broken_escape};

/// One transformation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the reference manual describes each by this name")]
pub enum Transformation {
    Base64Decode,
    Base64DecodeExt,
    Base64Encode,
    CmdLine,
    CompressWhitespace,
    CssDecode,
    EscapeSeqDecode,
    HexDecode,
    HexEncode,
    HtmlEntityDecode,
    JsDecode,
    Length,
    Lowercase,
    NormalizePath,
    NormalizePathWin,
    RemoveComments,
    RemoveCommentsChar,
    RemoveNulls,
    RemoveWhitespace,
    ReplaceComments,
    ReplaceNulls,
    Sha1,
    SqlHexDecode,
    Trim,
    TrimLeft,
    TrimRight,
    Uppercase,
    UrlDecode,
    UrlDecodeUni,
    UrlEncode,
    Utf8ToUnicode,
}

use Transformation as T;

const TABLE: &[(&str, Transformation)] = &[
    ("base64Decode", T::Base64Decode),
    ("base64DecodeExt", T::Base64DecodeExt),
    ("base64Encode", T::Base64Encode),
    ("cmdLine", T::CmdLine),
    ("compressWhitespace", T::CompressWhitespace),
    ("cssDecode", T::CssDecode),
    ("escapeSeqDecode", T::EscapeSeqDecode),
    ("hexDecode", T::HexDecode),
    ("hexEncode", T::HexEncode),
    ("htmlEntityDecode", T::HtmlEntityDecode),
    ("jsDecode", T::JsDecode),
    ("length", T::Length),
    ("lowercase", T::Lowercase),
    ("normalizePath", T::NormalizePath),
    ("normalisePath", T::NormalizePath),
    ("normalizePathWin", T::NormalizePathWin),
    ("normalisePathWin", T::NormalizePathWin),
    ("removeComments", T::RemoveComments),
    ("removeCommentsChar", T::RemoveCommentsChar),
    ("removeNulls", T::RemoveNulls),
    ("removeWhitespace", T::RemoveWhitespace),
    ("replaceComments", T::ReplaceComments),
    ("replaceNulls", T::ReplaceNulls),
    ("sha1", T::Sha1),
    ("sqlHexDecode", T::SqlHexDecode),
    ("trim", T::Trim),
    ("trimLeft", T::TrimLeft),
    ("trimRight", T::TrimRight),
    ("uppercase", T::Uppercase),
    ("urlDecode", T::UrlDecode),
    ("urlDecodeUni", T::UrlDecodeUni),
    ("urlEncode", T::UrlEncode),
    ("utf8toUnicode", T::Utf8ToUnicode),
];

impl Transformation {
    /// How many there are.
    pub(crate) const COUNT: usize = T::Utf8ToUnicode as usize + 1;

    /// Looks a transformation up by its name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Transformation> {
        TABLE
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, transformation)| *transformation)
    }

    /// The name as the reference manual writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(_, transformation)| *transformation == self).map_or("", |(name, _)| name)
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Transformation> {
        TABLE.iter().map(|(_, transformation)| *transformation)
    }

    /// Appends the transformed `input` to `out`.
    pub fn apply(self, input: &[u8], out: &mut Vec<u8>) {
        match self {
            T::Base64Decode => encode::base64_decode(input, out, false),
            T::Base64DecodeExt => encode::base64_decode(input, out, true),
            T::Base64Encode => encode::base64_encode(input, out),
            T::CmdLine => text::cmd_line(input, out),
            T::CompressWhitespace => text::compress_whitespace(input, out),
            T::CssDecode => escape::css_decode(input, out),
            T::EscapeSeqDecode => escape::escape_seq_decode(input, out),
            T::HexDecode => encode::hex_decode(input, out),
            T::HexEncode => encode::hex_encode(input, out),
            T::HtmlEntityDecode => escape::html_entity_decode(input, out),
            T::JsDecode => escape::js_decode(input, out),
            T::Length => out.extend_from_slice(input.len().to_string().as_bytes()),
            T::Lowercase => out.extend(input.iter().map(u8::to_ascii_lowercase)),
            T::NormalizePath => path::normalize(input, out, false),
            T::NormalizePathWin => path::normalize(input, out, true),
            T::RemoveComments => text::remove_comments(input, out),
            T::RemoveCommentsChar => text::remove_comments_char(input, out),
            T::RemoveNulls => out.extend(input.iter().filter(|byte| **byte != 0)),
            T::RemoveWhitespace => out.extend(input.iter().filter(|byte| !text::is_blank(**byte))),
            T::ReplaceComments => text::replace_comments(input, out),
            T::ReplaceNulls => out.extend(input.iter().map(|byte| if *byte == 0 { b' ' } else { *byte })),
            T::Sha1 => encode::sha1(input, out),
            T::SqlHexDecode => encode::sql_hex_decode(input, out),
            T::Trim => out.extend_from_slice(text::trim(input, true, true)),
            T::TrimLeft => out.extend_from_slice(text::trim(input, true, false)),
            T::TrimRight => out.extend_from_slice(text::trim(input, false, true)),
            T::Uppercase => out.extend(input.iter().map(u8::to_ascii_uppercase)),
            T::UrlDecode => url::decode(input, out),
            T::UrlDecodeUni => url::decode_uni(input, out),
            T::UrlEncode => url::encode(input, out),
            T::Utf8ToUnicode => url::utf8_to_unicode(input, out),
        }
    }

    /// A value without any of these bytes is left as it is.
    pub(crate) fn triggers(self) -> ByteSet {
        const BLANKS: ByteSet = ByteSet::of_const(b" \t\n\x0b\x0c\r\xa0");
        const COMMAND: ByteSet = ByteSet::of_const(b"\\\"'^,;/( \t\n\x0b\x0c\r").with_range(b'A', b'Z');
        const BACKSLASH: ByteSet = ByteSet::of_const(b"\\");
        const AMPERSAND: ByteSet = ByteSet::of_const(b"&");
        const UPPER: ByteSet = ByteSet::new().with_range(b'A', b'Z');
        const LOWER: ByteSet = ByteSet::new().with_range(b'a', b'z');
        const HIGH: ByteSet = ByteSet::new().with_range(0x80, 0xff);
        const PATH: ByteSet = ByteSet::of_const(b"/.");
        const PATH_WINDOWS: ByteSet = ByteSet::of_const(b"/.\\");
        const COMMENTS: ByteSet = ByteSet::of_const(b"/*-#<>");
        const NUL: ByteSet = ByteSet::of_const(b"\0");
        const SLASH: ByteSet = ByteSet::of_const(b"/");
        const X: ByteSet = ByteSet::of_const(b"xX");
        const ESCAPES: ByteSet = ByteSet::of_const(b"%+");
        match self {
            T::CmdLine => COMMAND,
            T::CompressWhitespace | T::RemoveWhitespace => BLANKS,
            T::CssDecode | T::EscapeSeqDecode | T::JsDecode => BACKSLASH,
            T::HtmlEntityDecode => AMPERSAND,
            T::Lowercase => UPPER,
            T::NormalizePath => PATH,
            T::NormalizePathWin => PATH_WINDOWS,
            T::RemoveComments | T::RemoveCommentsChar => COMMENTS,
            T::RemoveNulls | T::ReplaceNulls => NUL,
            T::ReplaceComments => SLASH,
            T::SqlHexDecode => X,
            T::Trim | T::TrimLeft | T::TrimRight => BLANKS,
            T::Uppercase => LOWER,
            T::UrlDecode | T::UrlDecodeUni => ESCAPES,
            T::Utf8ToUnicode => HIGH,
            T::Base64Decode
            | T::Base64DecodeExt
            | T::Base64Encode
            | T::HexDecode
            | T::HexEncode
            | T::Length
            | T::Sha1
            | T::UrlEncode => ByteSet::ALL,
        }
    }

    /// Whether even the empty value is changed.
    pub(crate) fn changes_empty(self) -> bool {
        matches!(self, T::Length | T::Sha1)
    }
}

/// Kinds of bytes that transformations look for, one bit each.
pub(crate) type Kinds = u16;

/// The kinds. Every byte that triggers a transformation is of one of them, or the transformation changes everything.
const KINDS: [ByteSet; 15] = [
    ByteSet::of_const(b"%+"),
    ByteSet::of_const(b"&"),
    ByteSet::of_const(b"\\"),
    ByteSet::of_const(b"/"),
    ByteSet::of_const(b"."),
    ByteSet::of_const(b" \t\n\x0b\x0c\r"),
    ByteSet::of_const(b"\xa0"),
    ByteSet::new().with_range(b'A', b'Z'),
    ByteSet::new().with_range(b'a', b'z'),
    ByteSet::of_const(b"\0"),
    ByteSet::new().with_range(0x80, 0xff),
    ByteSet::of_const(b"\"'^,;("),
    ByteSet::of_const(b"*-#<>"),
    ByteSet::of_const(b"xX"),
    // Whatever there is.
    ByteSet::ALL,
];

/// The kinds of the bytes in a set.
pub(crate) fn kinds(set: ByteSet) -> Kinds {
    let of = |kind: &ByteSet| set.meets(*kind);
    let everything = set == ByteSet::ALL;
    let bits =
        KINDS.iter().enumerate().filter(|(number, kind)| if *number == 14 { everything } else { of(kind) });
    bits.fold(0, |bits, (number, _)| bits | 1 << number)
}

/// The kinds of the bytes that a value has.
pub(crate) fn kinds_of_value(present: ByteSet) -> Kinds {
    kinds(present) | 1 << 14
}

#[cfg(test)]
mod tests;
