//! How each kind is known.

use super::Kind;

/// Signatures at the very beginning.
pub(super) const PREFIXES: &[(&[u8], Kind)] = &[
    (b"\x89PNG\r\n\x1a\n", Kind::Png),
    (b"\xff\xd8\xff", Kind::Jpeg),
    (b"GIF87a", Kind::Gif),
    (b"GIF89a", Kind::Gif),
    (b"BM", Kind::Bmp),
    (b"II*\0", Kind::Tiff),
    (b"MM\0*", Kind::Tiff),
    (b"\0\0\x01\0", Kind::Icon),
    (b"\0\0\x02\0", Kind::Icon),
    (b"ID3", Kind::Mp3),
    (b"OggS", Kind::Ogg),
    (b"fLaC", Kind::Flac),
    (b"\x1a\x45\xdf\xa3", Kind::Matroska),
    (b"wOFF", Kind::Font),
    (b"wOF2", Kind::Font),
    (b"OTTO", Kind::Font),
    (b"\0\x01\0\0\0", Kind::Font),
    (b"%PDF-", Kind::Pdf),
    (b"%!PS", Kind::PostScript),
    (b"{\\rtf", Kind::Rtf),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Compound),
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::Zip),
    (b"PK\x07\x08", Kind::Zip),
    (b"\x1f\x8b\x08", Kind::Gzip),
    (b"BZh", Kind::Bzip2),
    (b"\xfd7zXZ\0", Kind::Xz),
    (b"\x28\xb5\x2f\xfd", Kind::Zstd),
    (b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    (b"Rar!\x1a\x07", Kind::Rar),
    (b"\x7fELF", Kind::Elf),
    (b"MZ", Kind::Pe),
    (b"\xfe\xed\xfa\xce", Kind::MachO),
    (b"\xfe\xed\xfa\xcf", Kind::MachO),
    (b"\xce\xfa\xed\xfe", Kind::MachO),
    (b"\xcf\xfa\xed\xfe", Kind::MachO),
    (b"\xca\xfe\xba\xbe", Kind::MachO),
    (b"\0asm", Kind::Wasm),
    (b"L\0\0\0\x01\x14\x02\0", Kind::Shortcut),
    (b"SQLite format 3\0", Kind::Sqlite),
];

/// How browsers know HTML (WHATWG MIME Sniffing section 7.1), in lower case, after blanks.
const HTML: [&[u8]; 17] = [
    b"<!doctype html",
    b"<html",
    b"<head",
    b"<script",
    b"<iframe",
    b"<h1",
    b"<div",
    b"<font",
    b"<table",
    b"<a",
    b"<style",
    b"<title",
    b"<b",
    b"<body",
    b"<br",
    b"<p",
    b"<!--",
];

/// How far the root element of SVG is looked for.
const HEAD: usize = 4096;

pub(super) fn kind(bytes: &[u8]) -> Kind {
    if bytes.is_empty() {
        return Kind::Empty;
    }
    let text = is_text(bytes);
    let known = PREFIXES.iter().find(|(prefix, _)| bytes.starts_with(prefix)).map(|(_, kind)| *kind);
    match known {
        Some(Kind::Zip) => return zipped(bytes),
        // Two letters begin many a text.
        Some(Kind::Bmp | Kind::Pe | Kind::Bzip2 | Kind::Mp3) if text => {}
        Some(kind) => return kind,
        None => {}
    }
    if let Some(kind) = framed(bytes) {
        return kind;
    }
    if text { marked_up(bytes) } else { Kind::Data }
}

/// Whether bytes are UTF-8 without control characters other than those that texts have.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    let odd = |byte: &u8| matches!(byte, 0..=8 | 0x0e..=0x1a | 0x1c..=0x1f | 0x7f);
    !bytes.iter().any(odd) && std::str::from_utf8(bytes).is_ok()
}

/// Kinds whose signature is not at the very beginning.
fn framed(bytes: &[u8]) -> Option<Kind> {
    let at = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    match (at(0, 4), at(4, 8), at(8, 12)) {
        (b"RIFF", _, b"WEBP") => return Some(Kind::Webp),
        (b"RIFF", _, b"WAVE") => return Some(Kind::Wav),
        (_, b"ftyp", b"avif" | b"avis") => return Some(Kind::Avif),
        (_, b"ftyp", b"heic" | b"heix" | b"hevc" | b"heim" | b"heis" | b"mif1" | b"msf1") => {
            return Some(Kind::Heif);
        }
        (_, b"ftyp", _) => return Some(Kind::Mp4),
        _ => {}
    }
    if at(257, 262) == b"ustar" {
        return Some(Kind::Tar);
    }
    // A frame of MPEG audio, layer 3: eleven bits of sync, and neither reserved version nor layer.
    let [first, second, ..] = bytes else { return None };
    (*first == 0xff && second & 0xe6 == 0xe2 && second & 0x18 != 0x08).then_some(Kind::Mp3)
}

/// Text, by its first tag.
fn marked_up(bytes: &[u8]) -> Kind {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.starts_with(b"#!") {
        return Kind::Script;
    }
    let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let head = bytes.get(blank..bytes.len().min(blank.saturating_add(HEAD))).unwrap_or_default();
    let head = head.to_ascii_lowercase();
    let ends = |tag: &[u8]| {
        let next = head.get(tag.len()).copied().unwrap_or(b'>');
        tag == b"<!--" || next == b'>' || next.is_ascii_whitespace()
    };
    if head.starts_with(b"<svg")
        || (head.starts_with(b"<?xml") || head.starts_with(b"<!")) && has(&head, b"<svg")
    {
        return Kind::Svg;
    }
    if HTML.iter().any(|tag| head.starts_with(tag) && ends(tag)) {
        return Kind::Html;
    }
    match head.as_slice() {
        [b'<', b'?', ..] if head.starts_with(b"<?xml") => Kind::Xml,
        [b'<', next, ..] if next.is_ascii_alphabetic() || *next == b'_' => Kind::Xml,
        _ => Kind::Text,
    }
}

fn has(haystack: &[u8], needle: &[u8]) -> bool {
    memchr::memmem::find(haystack, needle).is_some()
}

/// What a ZIP archive is, by the names that it begins with. Only local headers are looked at here: that a name stands in the
/// directory as well is for who looks into archives.
fn zipped(bytes: &[u8]) -> Kind {
    let name = |name: &[u8]| has(bytes, name);
    let first = bytes.get(30..).unwrap_or_default();
    if first.starts_with(b"mimetypeapplication/vnd.oasis.opendocument") {
        return Kind::OpenDocument;
    }
    if name(b"[Content_Types].xml") && (name(b"word/") || name(b"xl/") || name(b"ppt/")) {
        return Kind::OfficeXml;
    }
    if name(b"META-INF/MANIFEST.MF") || name(b"AndroidManifest.xml") {
        return Kind::Jar;
    }
    Kind::Zip
}
