//! Reading, pointing, numbers, building.

use super::{canonical, ok};
use crate::{Builder, ErrorKind, Kind, Node};

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
