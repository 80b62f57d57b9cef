use super::*;

fn apply(transformation: Transformation, input: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    transformation.apply(input, &mut out);
    out
}

/// Transformation, input, output.
const CASES: &[(Transformation, &[u8], &[u8])] = &[
    (T::Base64Decode, b"VGVzdA==", b"Test"),
    (T::Base64Decode, b"VGVz-dA", b"Tes"),
    (T::Base64Decode, b"", b""),
    (T::Base64DecodeExt, b"VG Vz.dA==", b"Test"),
    (T::Base64Encode, b"Test", b"VGVzdA=="),
    (T::Base64Encode, b"Tes", b"VGVz"),
    (T::Base64Encode, b"T", b"VA=="),
    (T::CmdLine, b"C^M\"D.ex'e; /c,  dir  (", b"cmd.exe/c dir("),
    (T::CompressWhitespace, b"a \t\n b\xa0c", b"a b c"),
    (T::CssDecode, b"ja\\76\\61 sc\\0072ipt", b"javascript"),
    (T::CssDecode, b"a\\\nb\\-c\\", b"ab-c"),
    (T::CssDecode, b"\\ff21\\00ff41 ", b"Aa"),
    (T::EscapeSeqDecode, b"\\x41\\101\\n\\q\\\\", b"AA\n\\q\\"),
    (T::HexDecode, b"414243", b"ABC"),
    (T::HexEncode, b"ABC\xff", b"414243ff"),
    (T::HtmlEntityDecode, b"&lt;a&#62;&#x3E &amp;amp;&QUOT;&nbsp;&foo;&", b"<a>> &amp;\"\xa0&foo;&"),
    (T::JsDecode, b"\\u0061\\x62\\143\\n\\'\\uff41\\8", b"abc\n'a8"),
    (T::JsDecode, b"\\777\\", b"\x3f7\\"),
    (T::Length, b"abc", b"3"),
    (T::Length, b"", b"0"),
    (T::Lowercase, b"AbC\xc0", b"abc\xc0"),
    (T::NormalizePath, b"/a//b/./../c/", b"/a/c/"),
    (T::NormalizePath, b"../../etc/passwd", b"../../etc/passwd"),
    (T::NormalizePath, b"a/../../b", b"../b"),
    (T::NormalizePath, b"/../../b", b"/b"),
    (T::NormalizePath, b"abc", b"abc"),
    (T::NormalizePathWin, b"C:\\a\\..\\b", b"C:/b"),
    (T::RemoveComments, b"a/*b*/c<!--d-->e--f", b"ace"),
    (T::RemoveCommentsChar, b"a/*b*/c--d#e", b"abcde"),
    (T::RemoveNulls, b"a\0b", b"ab"),
    (T::RemoveWhitespace, b" a\tb\xa0", b"ab"),
    (T::ReplaceComments, b"a/*b*/c/*d", b"a c "),
    (T::ReplaceNulls, b"a\0b", b"a b"),
    (T::SqlHexDecode, b"0x414243 0xg", b"ABC 0xg"),
    (T::Trim, b" a ", b"a"),
    (T::TrimLeft, b" a ", b"a "),
    (T::TrimRight, b" a ", b" a"),
    (T::Uppercase, b"aB", b"AB"),
    (T::UrlDecode, b"a%20b+c%zz%4", b"a b c%zz%4"),
    (T::UrlDecodeUni, b"%u0041%uff21%41+%u00", b"AAA %u00"),
    (T::UrlEncode, b"a b*&", b"a+b*%26"),
    (T::Utf8ToUnicode, "aé€\u{1f600}".as_bytes(), b"a%u00e9%u20ac%u1f600"),
    (T::Utf8ToUnicode, b"\xff\xc3a", b"\xff\xc3a"),
];

#[test]
fn every_transformation_does_what_the_manual_says() {
    for (transformation, input, output) in CASES {
        let found = apply(*transformation, input);
        assert_eq!(
            String::from_utf8_lossy(&found),
            String::from_utf8_lossy(output),
            "{} of {:?}",
            transformation.name(),
            String::from_utf8_lossy(input)
        );
    }
    let sha1 = apply(T::Sha1, b"abc");
    assert_eq!(apply(T::HexEncode, &sha1), b"a9993e364706816aba3e25717850c26c9cd0d89d");
    for transformation in Transformation::all() {
        let is_tested =
            CASES.iter().any(|(tested, ..)| *tested == transformation) || transformation == T::Sha1;
        assert!(is_tested, "{} has no case", transformation.name());
        assert_eq!(Transformation::parse(transformation.name()), Some(transformation));
    }
}

proptest::proptest! {
    #[test]
    fn transformations_grow_little_and_need_their_triggers(input: Vec<u8>) {
        for transformation in Transformation::all() {
            let out = apply(transformation, &input);
            proptest::prop_assert!(out.len() <= input.len() * 5 + 40);
            let mut present = ByteSet::of(&input);
            if transformation.changes_empty() {
                present = ByteSet::ALL;
            }
            if !present.meets(transformation.triggers()) {
                proptest::prop_assert_eq!(&out, &input, "{}", transformation.name());
            }
        }
    }
}
