//! Accept and refuse tables after JSONTestSuite, bounds, reading, building, and a differential with serde_json.

use crate::{Bounds, Builder, ErrorKind, Kind, Node, Tape};
use proptest::prelude::*;
use serde_json::Value;

fn parse(text: impl AsRef<[u8]>) -> Result<Tape, crate::Error> {
    Tape::parse(bytes::Bytes::copy_from_slice(text.as_ref()), &Bounds::default())
}

fn ok(text: &str) -> Tape {
    parse(text).unwrap_or_else(|error| panic!("`{text}` refused: {error}"))
}

fn canonical(tape: &Tape) -> String {
    let mut out = Vec::new();
    tape.write_canonical(&mut out);
    String::from_utf8(out).unwrap()
}

/// What the tape says, as serde_json would hold it.
fn value(node: Node<'_>) -> Value {
    match node.kind() {
        Kind::Null => Value::Null,
        Kind::Bool => Value::Bool(node.as_bool().unwrap()),
        Kind::Number => serde_json::from_str(node.as_number().unwrap().text()).unwrap(),
        Kind::String => Value::String(node.as_str().unwrap().into_owned()),
        Kind::Array => node.items().map(value).collect(),
        Kind::Object => node.members().map(|(name, node)| (name.into_owned(), value(node))).collect(),
    }
}

const ACCEPTED: &[&str] = &[
    "[[]   ]",
    "[\"\"]",
    "[]",
    "[\"a\"]",
    "[false]",
    "[null, 1, \"1\", {}]",
    "[null]",
    "[1\n]",
    " [1]",
    "[1,null,null,null,2]",
    "[2] ",
    "[123e65]",
    "[0e+1]",
    "[0e1]",
    "[ 4]",
    "[-0.000000000000000000000000000000000000000000001]",
    "[20e1]",
    "[-0]",
    "[-123]",
    "[-1]",
    "[1E22]",
    "[1E-2]",
    "[1E+2]",
    "[123e45]",
    "[123.456e78]",
    "[1e-2]",
    "[1e+2]",
    "[123]",
    "[123.456789]",
    "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}",
    "{\"asd\":\"sdf\"}",
    "{}",
    "{\"\":0}",
    "{\"foo\\u0000bar\": 42}",
    "{ \"min\": -1.0e+28, \"max\": 1.0e+28 }",
    "{\n\"a\": \"b\"\n}",
    "{\"x\":[{\"id\": \"xxxx\"}]}",
    "[\"\\u0060\\u012a\\u12AB\"]",
    "[\"\\uD801\\udc37\"]",
    "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]",
    "[\"\\\\u0000\"]",
    "[\"\\\"\"]",
    "[\"a/*b*/c/*d//e\"]",
    "[\"\\\\a\"]",
    "[\"\\\\n\"]",
    "[\"\\u0012\"]",
    "[\"\\uFFFF\"]",
    "[\"asd\"]",
    "[ \"asd\"]",
    "[\"\\uDBFF\\uDFFF\"]",
    "[\"new\\u00A0line\"]",
    "[\"\u{10ffff}\"]",
    "[\"\u{ffff}\"]",
    "[\"\\u0000\"]",
    "[\"\\u002c\"]",
    "[\"π\"]",
    "[\"\u{1bfff}\"]",
    "[\"asd \"]",
    "\" \"",
    "[\"\\uD834\\uDd1e\"]",
    "[\"\\u0821\"]",
    "[\"\\u0123\"]",
    "[\"\u{2028}\"]",
    "[\"\u{2029}\"]",
    "[\"\\u0061\\u30af\\u30EA\\u30b9\"]",
    "[\"new\\u000Aline\"]",
    "[\"\u{7f}\"]",
    "[\"\\uA66D\"]",
    "[\"\\u005C\"]",
    "[\"⍂㈴⍂\"]",
    "[\"\\u200B\"]",
    "[\"\\u2064\"]",
    "[\"\\uFDD0\"]",
    "[\"\\uFFFE\"]",
    "[\"\\u0022\"]",
    "[\"€𝄞\"]",
    "[\"a\u{7f}a\"]",
    "false",
    "42",
    "-0.1",
    "null",
    "\"asd\"",
    "true",
    "\"\"",
    "[\"a\"]\n",
    "[true]",
    " [] ",
    "1e999",
    "[\"\u{feff}\"]",
    "{\"a\":1,\"A\":2}",
    "{\"a\":{\"a\":{\"a\":1}}}",
    "[{\"a\":1},{\"a\":1}]",
    "\t\r\n 0 \t\r\n",
];

#[test]
fn accepts_what_the_suite_accepts() {
    for text in ACCEPTED {
        let tape = ok(text);
        if !text.contains("999") {
            assert_eq!(value(tape.root()), serde_json::from_str::<Value>(text).unwrap(), "{text}");
        }
        assert_eq!(canonical(&ok(&canonical(&tape))), canonical(&tape), "{text}");
    }
}

const REFUSED: &[&str] = &[
    "[1 true]",
    "[\"\": 1]",
    "[\"\"],",
    "[,1]",
    "[1,,2]",
    "[\"x\",,]",
    "[\"x\"]]",
    "[\"\",]",
    "[\"x\"",
    "[x",
    "[3[4]]",
    "[1:2]",
    "[,]",
    "[-]",
    "[   , \"\"]",
    "[\"a\",\n4\n,1,",
    "[1,]",
    "[1,\n1\n,1",
    "[{}",
    "[\"\u{b}a\"\\f]",
    "[*]",
    "[\"\"",
    "[1,",
    "[fals]",
    "[nul]",
    "[tru]",
    "[++1234]",
    "[+1]",
    "[+Inf]",
    "[-01]",
    "[-1.0.]",
    "[-2.]",
    "[-NaN]",
    "[.-1]",
    "[.2e-3]",
    "[0.1.2]",
    "[0.3e+]",
    "[0.3e]",
    "[0.e1]",
    "[0E+]",
    "[0E]",
    "[0e+]",
    "[0e]",
    "[1.0e+]",
    "[1.0e-]",
    "[1.0e]",
    "[1 000.0]",
    "[1eE2]",
    "[2.e+3]",
    "[2.e-3]",
    "[2.e3]",
    "[9.e+]",
    "[Inf]",
    "[NaN]",
    "[１]",
    "[1+2]",
    "[0x1]",
    "[0x42]",
    "[Infinity]",
    "[0e+-1]",
    "[-123.123foo]",
    "[-Infinity]",
    "[-foo]",
    "[- 1]",
    "[-012]",
    "[-.123]",
    "[-1x]",
    "[1ea]",
    "[1.]",
    "[.123]",
    "[1.2a-3]",
    "[1.8011670033376514H-308]",
    "[012]",
    "[\"x\", truth]",
    "{[: \"x\"}",
    "{\"x\", null}",
    "{\"x\"::\"b\"}",
    "{🇨🇭}",
    "{\"a\":\"a\" 123}",
    "{key: 'value'}",
    "{\"a\" b}",
    "{:\"b\"}",
    "{\"a\" \"b\"}",
    "{\"a\":",
    "{\"a\"",
    "{1:1}",
    "{9999E9999:1}",
    "{null:null,null:null}",
    "{\"id\":0,,,,,}",
    "{'a':0}",
    "{\"id\":0,}",
    "{\"a\":\"b\",,\"c\":\"d\"}",
    "{a: \"b\"}",
    "{\"a\":\"a",
    "{ \"foo\" : \"bar\", \"a\" }",
    "[\"\\uD800\\u\"]",
    "[\"\\uD800\\u1\"]",
    "[\"\\uD800\\u1x\"]",
    "[é]",
    "[\"\\\u{0}\"]",
    "[\"\\x00\"]",
    "[\"\\\\\\\"]",
    "[\"\\\t\"]",
    "[\"\\🌀\"]",
    "[\"\\\"]",
    "[\"\\u00A\"]",
    "[\"\\uD834\\uDd\"]",
    "[\"\\a\"]",
    "[\"\\uqqqq\"]",
    "[\"\\u+123\"]",
    "[\\u0020\"asd\"]",
    "[\\n]",
    "\"",
    "['single quote']",
    "abc",
    "[\"\\",
    "[\"a\u{0}a\"]",
    "[\"new\nline\"]",
    "[\"\t\"]",
    "\"\\UA66D\"",
    "[\"\u{1f}\"]",
    "<.>",
    "[<null>]",
    "[True]",
    "{\"x\": true,",
    "]",
    "[\u{2060}]",
    "1]",
    "{}}",
    "[\"\\u12",
    "[\u{c}]",
    "[1],",
    "nullx",
    "[\u{a0}1]",
    "{\"a\": true} \"x\"",
    "{\"a\":\"b\"}#",
    "{\"a\":\"b\"}//",
    "{\"a\":/*c*/1}",
    "00",
    "-",
    "01",
    "2.",
    "[1}",
    "{\"a\":1]",
    "{\"a\":1,",
    "{,}",
    "true false",
];

#[test]
fn refuses_what_the_suite_refuses() {
    for text in REFUSED {
        assert!(parse(text).is_err(), "accepted `{text}`");
        assert!(serde_json::from_str::<Value>(text).is_err(), "the table is wrong about `{text}`");
    }
}

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

#[test]
fn reads_scalars_and_containers() {
    let tape = ok(
        r#" { "n":null, "t":true, "f":false, "s":"a\u00e9\n", "p":"plain", "x":[1,[2,{"y":"z"}],{}], "e":{} } "#,
    );
    let root = tape.root();
    assert_eq!((root.kind(), root.len(), root.index(), root.offset()), (Kind::Object, 7, 0, 1));
    assert!(root.get("n").unwrap().is_null());
    assert_eq!(root.get("t").unwrap().as_bool(), Some(true));
    assert_eq!(root.get("f").unwrap().as_bool(), Some(false));
    assert_eq!(root.get("s").unwrap().as_str().unwrap(), "aé\n");
    assert!(matches!(root.get("p").unwrap().as_str(), Some(std::borrow::Cow::Borrowed("plain"))));
    assert!(root.get("absent").is_none() && root.get("y").is_none() && root.get("").is_none());
    assert!(root.get("t").unwrap().get("t").is_none());
    let list = root.get("x").unwrap();
    assert_eq!((list.len(), list.items().len()), (3, 3));
    assert_eq!(list.at(1).unwrap().at(1).unwrap().get("y").unwrap().as_str().unwrap(), "z");
    assert!(list.at(3).is_none() && list.members().next().is_none() && root.items().next().is_none());
    assert!(list.at(2).unwrap().is_empty() && root.get("e").unwrap().is_empty());
    let mut seen: Vec<u32> = list.items().map(Node::index).collect();
    seen.dedup();
    assert_eq!(seen.len(), 3);
    assert_eq!(root.members().map(|(name, _)| name.into_owned()).collect::<String>(), "ntfspxe");
    assert_eq!(
        canonical(&tape),
        r#"{"n":null,"t":true,"f":false,"s":"aé\n","p":"plain","x":[1,[2,{"y":"z"}],{}],"e":{}}"#
    );
    let mut part = Vec::new();
    list.at(1).unwrap().write_canonical(&mut part);
    assert_eq!(part, br#"[2,{"y":"z"}]"#);
    assert_eq!(tape.values().count(), 14);
    assert_eq!(tape.values().filter(|node| node.kind() == Kind::Number).count(), 2);
    assert!(format!("{tape:?} {root:?}").len() < 80);
}

#[test]
fn follows_json_pointers() {
    // The examples of RFC 6901, section 5, and what is no pointer.
    let tape =
        ok(r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8}"#);
    let cases = [
        ("/foo/0", "\"bar\""),
        ("/foo/1", "\"baz\""),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        ("/i\\j", "5"),
        ("/k\"l", "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("/foo", r#"["bar","baz"]"#),
    ];
    for (pointer, want) in cases {
        let mut out = Vec::new();
        tape.root().pointer(pointer).unwrap_or_else(|| panic!("{pointer}")).write_canonical(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), want, "{pointer}");
    }
    assert_eq!(tape.root().pointer("").unwrap().index(), 0);
    for pointer in [
        "foo", "/foo/2", "/foo/-", "/foo/01", "/foo/+1", "/foo/", "/foo/0/0", "/m~n", "/m~2n", "/m~", "/a~1",
        "/none",
    ] {
        assert!(tape.root().pointer(pointer).is_none(), "{pointer}");
    }
}

#[test]
fn reads_numbers_exactly() {
    type Row = (&'static str, Option<i64>, Option<u64>, bool);
    let cases: &[Row] = &[
        ("0", Some(0), Some(0), true),
        ("-0", Some(0), Some(0), true),
        ("-0.0", Some(0), Some(0), true),
        ("1.0", Some(1), Some(1), true),
        ("1e2", Some(100), Some(100), true),
        ("1.50e1", Some(15), Some(15), true),
        ("10e-1", Some(1), Some(1), true),
        ("-12.00", Some(-12), None, true),
        ("1.5", None, None, false),
        ("1e-1", None, None, false),
        ("0e-99999999999", Some(0), Some(0), true),
        ("0e99999999999", Some(0), Some(0), true),
        ("1e99999999999999999999", None, None, true),
        ("1e-99999999999999999999", None, None, false),
        ("9223372036854775807", Some(i64::MAX), Some(i64::MAX as u64), true),
        ("9223372036854775808", None, Some(1 << 63), true),
        ("18446744073709551615", None, Some(u64::MAX), true),
        ("18446744073709551615.0", None, Some(u64::MAX), true),
        ("18446744073709551616", None, None, true),
        ("-9223372036854775808", Some(i64::MIN), None, true),
        ("-9223372036854775808.000", Some(i64::MIN), None, true),
        ("123456789012345678901234567890123456789012345678901234567890", None, None, true),
    ];
    for (text, signed, unsigned, integer) in cases {
        let tape = ok(text);
        let number = tape.root().as_number().unwrap();
        assert_eq!(
            (number.as_i64(), number.as_u64(), number.is_integer()),
            (*signed, *unsigned, *integer),
            "{text}"
        );
        assert_eq!(number.text(), *text);
    }
    assert_eq!(ok("1e999").root().as_number().unwrap().as_f64(), None);
    assert_eq!(ok("-2.5e1").root().as_number().unwrap().as_f64(), Some(-25.0));
}

#[test]
fn builds_what_was_asked_and_refuses_what_is_no_value() {
    let mut builder = Builder::new();
    builder.begin_object().key("a\"b").begin_array().null().bool(true).bool(false).string("x\u{1}\n/é");
    builder.number("-1.5e3").unwrap();
    assert_eq!(builder.number("01").unwrap_err().kind, ErrorKind::Syntax);
    builder.end_array().key("o").begin_object().end_object().key("l").begin_array().end_array().end_object();
    let tape = builder.finish();
    assert_eq!(canonical(&tape), r#"{"a\"b":[null,true,false,"x\u0001\n/é",-1.5e3],"o":{},"l":[]}"#);

    type Misuse = fn(&mut Builder);
    let misuses: &[Misuse] = &[
        |_| {},
        |b| _ = b.begin_object(),
        |b| _ = b.begin_array().end_object(),
        |b| _ = b.begin_object().null().end_object(),
        |b| _ = b.begin_object().key("a").end_object(),
        |b| _ = b.begin_array().key("a").null().end_array(),
        |b| _ = b.begin_object().key("a").null().key("a").null().end_object(),
        |b| _ = b.bool(true).bool(true),
    ];
    for (place, misuse) in misuses.iter().enumerate() {
        let (mut refused, mut null) = (Builder::new(), Builder::new());
        misuse(&mut refused);
        misuse(&mut null);
        assert!(refused.try_finish().is_err(), "{place}");
        let null = null.finish();
        assert!(null.root().is_null() && canonical(&null) == "null", "{place}");
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 24, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..24).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..24)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// Bytes that look like JSON more often than not.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let token = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\\u0062\"",
        "\"",
        "\\",
        "\\u",
        "d83d",
        "\\ude00",
        "0",
        "-",
        "1.5",
        "e+3",
        "E",
        ".",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "é",
        "\u{1}",
        "x",
    ]);
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat().into_bytes())
}

fn agrees(bytes: &[u8]) {
    match (parse(bytes), serde_json::from_slice::<Value>(bytes)) {
        (Ok(tape), Ok(want)) => {
            assert_eq!(value(tape.root()), want);
            let again = ok(&canonical(&tape));
            assert_eq!(value(again.root()), want);
        }
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => assert!(error.to_string().contains("number out of range"), "{error}"),
        (Err(error), Ok(_)) => assert!(
            !matches!(
                error.kind,
                ErrorKind::Syntax | ErrorKind::Trailing | ErrorKind::Empty | ErrorKind::Utf8
            ),
            "{error}"
        ),
    }
}

proptest! {
    #[test]
    fn agrees_with_serde_json_on_json(value in json(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        agrees(&text.unwrap());
    }

    #[test]
    fn agrees_with_serde_json_on_damaged_json(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut text = serde_json::to_vec(&value).unwrap();
        let at = at.index(text.len());
        if cut { text.truncate(at); } else { text[at] = byte; }
        agrees(&text);
    }

    #[test]
    fn agrees_with_serde_json_on_tokens(bytes in almost_json()) {
        agrees(&bytes);
    }

    #[test]
    fn agrees_with_serde_json_on_anything(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        agrees(&bytes);
    }
}

/// Prints the rate of the pass on a typical body: `cargo test -p tape --profile ci -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn rate() {
    let order = |i: u32| {
        format!(
            r#"{{"id":"ord_{i:08}","customer":{{"name":"Ada Lovelace","email":"ada@example.com","vip":true}},"lines":[{{"sku":"A-{i}","quantity":3,"unit_price":12.50}},{{"sku":"B-77","quantity":1,"unit_price":99.95}}],"note":"please ring twice, and leave it with the neighbours at number 12","shipping":{{"street":"12 St James's Square","city":"London","postcode":"SW1Y 4JH","country":"GB"}},"placed":"2026-01-02T03:04:05Z","tags":["gift","express"],"total":137.45}}"#
        )
    };
    let body = bytes::Bytes::from(format!("[{},{}]", order(1), order(2)));
    let bounds = Bounds::default();
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let rounds = 200_000u32;
        for _ in 0..rounds {
            std::hint::black_box(Tape::parse(std::hint::black_box(body.clone()), &bounds).is_ok());
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{} bytes: {:.0} MB/s", body.len(), body.len() as f64 * f64::from(rounds) / seconds / 1e6);
    }
}
