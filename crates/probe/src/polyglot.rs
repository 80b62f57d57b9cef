//! Files that are two things at once: one for who checks them, another for who opens them.

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

use crate::Kind;
use crate::archive;

/// Readers of PDF look for its beginning this far (ISO 32000, annex H of Adobe's reference).
const PDF: usize = 1024;

/// What servers and browsers run wherever it stands, and archives that are found wherever they begin: nothing of it
/// belongs into a picture.
const IN_PICTURES: [(&str, Kind); 6] = [
    ("<?php", Kind::Script),
    ("<script", Kind::Html),
    ("<%@", Kind::Script),
    ("<iframe", Kind::Html),
    ("<html", Kind::Html),
    ("<jsp:", Kind::Script),
];

/// What else a file of `kind` is; `None` when it is nothing else.
#[must_use]
pub fn second(bytes: &[u8], kind: Kind) -> Option<Kind> {
    if !kind.is_zip() && archive::ends_as_zip(bytes) {
        return Some(Kind::Zip);
    }
    let head = bytes.get(..bytes.len().min(PDF)).unwrap_or_default();
    let holds = kind.is_text() || archive::is_archive(kind) || kind == Kind::Pdf;
    if !holds && memchr::memmem::find(head, b"%PDF-").is_some() {
        return Some(Kind::Pdf);
    }
    if kind != Kind::Tar && !kind.is_text() && bytes.get(257..263) == Some(b"ustar\0") {
        return Some(Kind::Tar);
    }
    if kind.is_picture() { in_picture(bytes) } else { None }
}

fn in_picture(bytes: &[u8]) -> Option<Kind> {
    static WORDS: OnceLock<Option<AhoCorasick>> = OnceLock::new();
    let words = WORDS.get_or_init(|| {
        let words = IN_PICTURES.iter().map(|(word, _)| word);
        AhoCorasick::builder().ascii_case_insensitive(true).build(words).ok()
    });
    // Six fixed words always build; without them nothing could be said, so everything is.
    let Some(words) = words else { return Some(Kind::Data) };
    if let Some(found) = words.find(bytes) {
        return IN_PICTURES.get(found.pattern().as_usize()).map(|(_, kind)| *kind);
    }
    let after = bytes.get(1..).unwrap_or_default();
    let archives = [(&b"Rar!\x1a\x07"[..], Kind::Rar), (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip)];
    archives.iter().find(|(sign, _)| memchr::memmem::find(after, sign).is_some()).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
    const GIF: &[u8] = b"GIF89a/*";
    const END: &[u8] = b"PK\x01\x02PK\x05\x06\0\0\0\0\x01\0\x01\0\x04\0\0\0\0\0\0\0\0\0";

    #[test]
    fn second_natures_are_found_and_single_ones_are_left_alone() {
        let with = |parts: &[&[u8]]| parts.concat();
        let mut tar = [GIF, &vec![0; 512]].concat();
        tar[257..263].copy_from_slice(b"ustar\0");
        let cases = [
            (with(&[PNG, b"pixels"]), None),
            (with(&[PNG, b"pixels", END]), Some(Kind::Zip)),
            (with(&[b"%PDF-1.7\n\x80", END]), Some(Kind::Zip)),
            (with(&[GIF, b"*/=1;<SCRIPT>alert(1)"]), Some(Kind::Html)),
            (with(&[PNG, b"..<?php system($_GET[0]);"]), Some(Kind::Script)),
            (with(&[PNG, b"<?xpacket begin=''?>"]), None),
            (with(&[PNG, b"....%PDF-1.4"]), Some(Kind::Pdf)),
            (with(&[PNG, &[1; 1100], b"%PDF-1.4"]), None),
            (with(&[PNG, b"Rar!\x1a\x07\0"]), Some(Kind::Rar)),
            (with(&[b"text about %PDF- and <script>"]), None),
            (with(&[b"%PDF-1.4 <script> \x80"]), None),
            (tar, Some(Kind::Tar)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(second(&bytes, Kind::of(&bytes)), expected, "{}", bytes.escape_ascii());
        }
    }
}
