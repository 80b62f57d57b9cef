//! Macros in office documents: what runs when somebody opens one.

use crate::Kind;

/// Entries of a compound file's directory are of this length, aligned to it ([MS-CFB] section 2.6.1).
const ENTRY: usize = 128;

/// Whether a file, or an entry called `name` of an office document, is or declares a macro:
/// - a compound file with a VBA project ([MS-OVBA] section 2.2.1 names its streams), also as a part of an Office Open XML document;
/// - the list of content types of such a document that declares one, whatever its part is called, or a sheet of Excel 4.0 macros;
/// - the folders of OpenDocument in which macros lie.
#[must_use]
pub fn is_macro(name: &str, bytes: &[u8], kind: Kind) -> bool {
    let lower = name.to_ascii_lowercase();
    if lower == "[content_types].xml" {
        let text = bytes.to_ascii_lowercase();
        return ["vbaproject", "macroenabled", "macrosheet"]
            .iter()
            .any(|word| memchr::memmem::find(&text, word.as_bytes()).is_some());
    }
    lower.ends_with("vbaproject.bin")
        || lower.starts_with("xl/macrosheets/")
        || lower.starts_with("basic/")
        || lower.starts_with("scripts/")
        || (kind == Kind::Compound && has_project(bytes))
}

fn has_project(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"_\0V\0B\0A\0_\0P\0R\0O\0J\0E\0C\0T\0";
    bytes
        .chunks(ENTRY)
        .any(|entry| entry.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_are_found_by_what_declares_and_holds_them() {
        let mut compound = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec();
        compound.resize(1024, 0);
        assert!(!is_macro("a.doc", &compound, Kind::of(&compound)));
        let project: Vec<u8> = "_VBA_PROJECT".encode_utf16().flat_map(u16::to_le_bytes).collect();
        compound.extend_from_slice(&project);
        assert!(is_macro("a.doc", &compound, Kind::of(&compound)));
        assert!(is_macro("word/renamed.bin", &compound, Kind::of(&compound)));
        let types = |part: &str| format!("<Types><Override PartName='/a' ContentType='{part}'/></Types>");
        for (part, expected) in [
            ("application/vnd.ms-office.vbaProject", true),
            ("application/vnd.ms-word.document.macroEnabled.main+xml", true),
            ("application/vnd.ms-excel.macrosheet+xml", true),
            ("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml", false),
        ] {
            assert_eq!(
                is_macro("[Content_Types].xml", types(part).as_bytes(), Kind::Xml),
                expected,
                "{part}"
            );
        }
        for (name, expected) in [
            ("word/vbaProject.bin", true),
            ("Basic/Standard/Module1.xml", true),
            ("word/document.xml", false),
        ] {
            assert_eq!(is_macro(name, b"x", Kind::Text), expected, "{name}");
        }
    }
}
