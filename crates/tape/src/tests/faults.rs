//! Each fault with its place, each bound with what just fits it.

use super::{canonical, ok, parse};
use crate::{Bounds, ErrorKind, Tape};

#[test]
fn names_the_fault_and_its_place() {
    let cases: &[(&[u8], ErrorKind, usize)] = &[
        (b"", ErrorKind::Empty, 0),
        (b" \n ", ErrorKind::Empty, 3),
        (b"\xef\xbb\xbf{}", ErrorKind::Bom, 0),
        (b"\xff\xfe{\0}\0", ErrorKind::Utf8, 0),
        (b"[\"\xc0\xaf\"]", ErrorKind::Utf8, 2),
        (b"[\"\xed\xa0\x80\"]", ErrorKind::Utf8, 2),
        (b"[\"\xf4\x90\x80\x80\"]", ErrorKind::Utf8, 2),
        (b"[\"\xe9\"]", ErrorKind::Utf8, 2),
        (br#"["\uD800"]"#, ErrorKind::LoneSurrogate, 2),
        (br#"["\uDC00"]"#, ErrorKind::LoneSurrogate, 2),
        (br#"["\uDC00\uD800"]"#, ErrorKind::LoneSurrogate, 2),
        (br#"["\uD800\uD800"]"#, ErrorKind::LoneSurrogate, 2),
        (br#"["\uD800\n"]"#, ErrorKind::LoneSurrogate, 2),
        (br#"{"\ud800":1}"#, ErrorKind::LoneSurrogate, 2),
        (b"{} {}", ErrorKind::Trailing, 3),
        (b"1 2", ErrorKind::Trailing, 2),
        (b"[1,]", ErrorKind::Syntax, 3),
        (b"01", ErrorKind::Trailing, 1),
        (br#"{"a":1,"b":2,"a":3}"#, ErrorKind::DuplicateKey, 13),
        (br#"{"a":1,"\u0061":3}"#, ErrorKind::DuplicateKey, 7),
        (br#"{"\u0061":1,"\u0061":3}"#, ErrorKind::DuplicateKey, 12),
        (br#"{"":1,"":3}"#, ErrorKind::DuplicateKey, 6),
        (br#"[{"x":{"a":1,"a":{}}}]"#, ErrorKind::DuplicateKey, 13),
        (br#"{"a\/b":1,"a/b":2}"#, ErrorKind::DuplicateKey, 10),
        (br#"{"\ud83d\ude39":1,"\uD83D\uDE39":2}"#, ErrorKind::DuplicateKey, 18),
    ];
    for (text, kind, offset) in cases {
        let error = parse(text).unwrap_err();
        assert_eq!((error.kind, error.offset), (*kind, *offset), "{}", String::from_utf8_lossy(text));
        assert_eq!(error.to_string(), format!("{kind} (at byte {offset})"));
        assert!(!kind.name().contains(char::is_whitespace));
    }
}

#[test]
fn finds_duplicates_wherever_they_stand_in_objects_of_any_size() {
    for size in [2, 3, 8, 15, 16, 17, 18, 64, 999] {
        let unique: Vec<String> = (0..size).map(|i| format!("\"k{i}\":{{\"k0\":[{i}]}}")).collect();
        ok(&format!("{{{}}}", unique.join(",")));
        for repeated in [0, size / 2, size - 1] {
            for spelling in [format!("\"k{repeated}\":0"), format!("\"\\u006b{repeated}\":0")] {
                let text = format!("{{{},{spelling}}}", unique.join(","));
                assert_eq!(parse(&text).unwrap_err().kind, ErrorKind::DuplicateKey, "{text}");
            }
        }
    }
}

#[test]
fn holds_each_bound_and_allows_what_just_fits() {
    let tight =
        Bounds { depth: 2, values: 5, members: 2, items: 3, name_bytes: 3, string_bytes: 4, number_bytes: 2 };
    let cases: &[(&str, &str, ErrorKind, usize)] = &[
        ("[[]]", "[[[]]]", ErrorKind::Depth, 2),
        ("[{}]", "[{\"a\":{}}]", ErrorKind::Depth, 6),
        ("[1,[2,3]]", "[1,[2,3,4]]", ErrorKind::Values, 8),
        ("{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2,\"c\":3}", ErrorKind::Members, 13),
        ("[1,2,3]", "[1,2,3,4]", ErrorKind::Items, 7),
        ("{\"abc\":1}", "{\"abcd\":1}", ErrorKind::NameLength, 1),
        ("[\"abcd\"]", "[\"abcde\"]", ErrorKind::StringLength, 1),
        ("[-1]", "[-11]", ErrorKind::NumberLength, 1),
    ];
    for (fits, over, kind, offset) in cases {
        assert!(Tape::parse(fits.to_string().into(), &tight).is_ok(), "{fits}");
        let error = Tape::parse(over.to_string().into(), &tight).unwrap_err();
        assert_eq!((error.kind, error.offset), (*kind, *offset), "{over}");
    }
    let scalars = Bounds { depth: 0, ..Bounds::default() };
    assert!(Tape::parse("1".into(), &scalars).is_ok());
    assert_eq!(Tape::parse("[]".into(), &scalars).unwrap_err().kind, ErrorKind::Depth);
}

#[test]
fn a_million_levels_cost_no_stack() {
    for (open, close, middle) in [("[", "]", ""), ("{\"a\":", "}", "1")] {
        let text = format!("{}{middle}{}", open.repeat(1_000_000), close.repeat(1_000_000));
        assert_eq!(parse(&text).unwrap_err().kind, ErrorKind::Depth);
        let tape = Tape::parse(text.clone().into(), &Bounds::UNBOUNDED).unwrap();
        assert_eq!(canonical(&tape), text);
        drop(tape);
        assert!(Tape::parse(open.repeat(1_000_000).into(), &Bounds::UNBOUNDED).is_err());
    }
}
