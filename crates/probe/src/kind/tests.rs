use super::signs::PREFIXES;
use super::*;

#[test]
fn kinds_are_known_by_their_first_bytes() {
    let tar = {
        let mut tar = vec![0_u8; 512];
        tar[0] = b'a';
        tar[257..262].copy_from_slice(b"ustar");
        tar
    };
    let cases: &[(&[u8], Kind)] = &[
        (b"", Kind::Empty),
        (b"\x89PNG\r\n\x1a\nrest", Kind::Png),
        (b"\xff\xd8\xff\xe0", Kind::Jpeg),
        (b"GIF89a...", Kind::Gif),
        (b"RIFF\0\0\0\0WEBPVP8 ", Kind::Webp),
        (b"RIFF\0\0\0\0WAVE", Kind::Wav),
        (b"\0\0\0\x20ftypavif", Kind::Avif),
        (b"\0\0\0\x20ftypheic", Kind::Heif),
        (b"\0\0\0\x20ftypisom", Kind::Mp4),
        (b"%PDF-1.7\n\x80", Kind::Pdf),
        (b"PK\x03\x04", Kind::Zip),
        (b"PK\x03\x04...[Content_Types].xml...word/document.xml", Kind::OfficeXml),
        (b"PK\x03\x04...META-INF/MANIFEST.MF", Kind::Jar),
        (b"\x1f\x8b\x08\0", Kind::Gzip),
        (b"MZ\x90\0", Kind::Pe),
        (b"\x7fELF\x02", Kind::Elf),
        (b"BM\x36\0\0\0", Kind::Bmp),
        (b"\xff\xfb\x90\x00", Kind::Mp3),
        // Texts that begin like something else.
        (b"BMW builds cars", Kind::Text),
        (b"MZ is a file format", Kind::Text),
        (b"ID3 tags", Kind::Text),
        (b"plain text\n", Kind::Text),
        (b"{\"a\":1}", Kind::Text),
        (b"\xef\xbb\xbf<?xml version='1.0'?><a/>", Kind::Xml),
        (b"<order/>", Kind::Xml),
        (b"<abbr>x</abbr>", Kind::Xml),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'/>", Kind::Svg),
        (b"<svg/>", Kind::Svg),
        (b"  <!DOCTYPE html><p>", Kind::Html),
        (b"<ScRiPt >alert(1)", Kind::Html),
        (b"#!/bin/sh\n", Kind::Script),
        (b"\x00\x01\x02\x03", Kind::Data),
        (b"a\0b", Kind::Data),
        (b"\xe9t\xe9", Kind::Data),
        (&tar, Kind::Tar),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Kind::of(bytes), *expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn media_types_agree_with_what_they_name_only() {
    let cases = [
        ("image/png", Kind::Png, true),
        ("image/png", Kind::Jpeg, false),
        ("image/png", Kind::Html, false),
        ("image/x-unknown", Kind::Data, true),
        ("image/x-unknown", Kind::Text, false),
        ("image/svg+xml", Kind::Svg, true),
        ("image/svg+xml", Kind::Png, false),
        ("application/pdf", Kind::Pdf, true),
        ("application/pdf", Kind::Pe, false),
        ("application/zip", Kind::OfficeXml, true),
        ("application/zip", Kind::Pdf, false),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Kind::Zip, false),
        ("text/plain", Kind::Text, true),
        ("text/csv", Kind::Html, true),
        ("text/plain", Kind::Pe, false),
        ("text/plain", Kind::Data, false),
        ("application/json", Kind::Text, true),
        ("application/json", Kind::Data, false),
        ("application/soap+xml", Kind::Xml, true),
        ("application/octet-stream", Kind::Pe, true),
        ("application/vnd.example", Kind::Png, true),
    ];
    for (media_type, kind, expected) in cases {
        assert_eq!(kind.agrees_with(media_type), expected, "{media_type} {}", kind.name());
    }
}

#[test]
fn extensions_agree_with_what_they_name_only() {
    let cases = [
        ("png", Kind::Png, Some(true)),
        ("PNG", Kind::Png, Some(true)),
        ("png", Kind::Html, Some(false)),
        ("jpg", Kind::Jpeg, Some(true)),
        ("zip", Kind::Zip, Some(true)),
        ("zip", Kind::OfficeXml, Some(false)),
        ("docx", Kind::OfficeXml, Some(true)),
        ("csv", Kind::Text, Some(true)),
        ("csv", Kind::Pe, Some(false)),
        ("xml", Kind::Svg, Some(true)),
        ("unheard-of", Kind::Pe, None),
    ];
    for (extension, kind, expected) in cases {
        assert_eq!(kind.agrees_with_extension(extension), expected, "{extension} {}", kind.name());
    }
}

#[test]
fn each_kind_has_one_row_and_one_name() {
    let mut names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
    for row in ROWS {
        assert_eq!(named(row.name), Some(row.kind));
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_have_a_kind_and_a_kind_agrees_with_itself(bytes: Vec<u8>, start in 0..PREFIXES.len()) {
        for bytes in [bytes.clone(), [PREFIXES[start].0, &bytes].concat()] {
            let kind = Kind::of(&bytes);
            for media_type in kind.media_types() {
                proptest::prop_assert!(kind.agrees_with(media_type));
            }
        }
    }
}
