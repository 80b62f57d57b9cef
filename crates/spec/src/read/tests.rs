use super::*;
use crate::parse::parse;
use crate::units::{Mode, Strings};
use diagnostics::Sources;
use proptest::prelude::*;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Shape {
    Plain,
    Round(u8),
    Square { side: u16, color: Option<String> },
}

#[derive(Debug, Deserialize, PartialEq)]
struct Inner {
    name: Spanned<String>,
    #[serde(default)]
    ratio: f64,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Outer {
    inner: Inner,
    #[serde(default)]
    many: Vec<Inner>,
    #[serde(default)]
    by_name: BTreeMap<String, Inner>,
    shape: Option<Shape>,
    mode: Option<Mode>,
    words: Option<Strings>,
    pair: Option<(u8, String)>,
}

/// What a text reads as, and what is said of it: `code line:column message`.
fn check(text: &str) -> (Option<Outer>, Vec<String>) {
    let mut sources = Sources::default();
    let mut found = Diagnostics::new();
    let file = sources.add("x", text);
    let node = parse(text, file, &mut found).expect("YAML");
    let value = read(&node, &mut found);
    let line = |item: &diagnostics::Diagnostic| {
        let place = sources.place(item.span.expect("a place"));
        format!("{} {} {}", item.code, place.trim_start_matches("x:"), item.message)
    };
    (value, found.iter().map(line).collect())
}

#[test]
fn good_values_are_read() {
    let text = "inner: { name: a, ratio: 1 }\nmany: [{ name: b }]\nby_name: { x: { name: c, ratio: .5 } }\n\
                shape: { square: { side: 3 } }\nmode: off\nwords: one\npair: [1, two]\n";
    let (value, found) = check(text);
    assert_eq!(found, Vec::<String>::new());
    let value = value.expect("a value");
    assert_eq!(
        (value.inner.name.value.as_str(), value.inner.name.span.start, value.inner.ratio),
        ("a", 15, 1.0)
    );
    assert_eq!(value.shape, Some(Shape::Square { side: 3, color: None }));
    assert_eq!(value.mode, Some(Mode::Off));
    assert_eq!(value.words, Some(Strings(vec![String::from("one")])));
    assert_eq!(value.pair, Some((1, String::from("two"))));
    for (shape, expected) in [("plain", Shape::Plain), ("{ round: 7 }", Shape::Round(7))] {
        let (value, found) = check(&format!("inner: {{ name: a }}\nshape: {shape}\n"));
        assert_eq!((value.and_then(|value| value.shape), found), (Some(expected), vec![]));
    }
}

#[test]
fn all_problems_come_at_once() {
    let text = "inner: { nme: a, ratio: x }\nmany: [{ name: 1 }, { name: b, ratoi: 1 }, 5]\n\
                by_name: { x: {}, y: { name: [], z: 1 } }\nshape: { square: { side: 70000, colour: x } }\n\
                mode: offf\nwords: 5\npair: [256, two]\n";
    let (value, found) = check(text);
    assert!(value.is_none());
    let expected = [
        "unknown-key 1:10 unknown key `nme`",
        "wrong-type 1:25 expected a number, found a string",
        "missing-key 1:8 the key `name` is missing",
        "wrong-type 2:16 expected a string, found an integer",
        "unknown-key 2:32 unknown key `ratoi`",
        "wrong-type 2:44 expected a mapping, found an integer",
        "missing-key 3:15 the key `name` is missing",
        "wrong-type 3:30 expected a string, found a list",
        "unknown-key 3:34 unknown key `z`",
        "invalid-value 4:26 expected a whole number from 0 to 65535, found `70000`",
        "unknown-value 5:7 unknown value `offf`",
        "wrong-type 6:8 expected a string or a list of strings, found an integer",
        "invalid-value 7:8 expected a whole number from 0 to 255, found `256`",
    ];
    for line in expected {
        assert!(found.iter().any(|found| found == line), "{line}\n{found:#?}");
    }
    let once: std::collections::HashSet<_> = found.iter().collect();
    assert_eq!(once.len(), found.len(), "{found:#?}");
}

#[test]
fn an_unknown_key_alone_still_gives_a_value() {
    let (value, found) = check("inner: { name: a }\nmdoe: off\n");
    assert!(value.is_some());
    assert_eq!(found, ["unknown-key 2:1 unknown key `mdoe`"]);
}

#[test]
fn enums_say_what_they_want() {
    for (shape, expected) in [
        ("rund", "unknown-value 2:8 unknown value `rund`"),
        ("round", "invalid-value 2:8 `round` needs a value: write `round: …`"),
        ("{ plain: 1 }", "invalid-value 2:8 `plain` takes no value: write `plain` alone"),
        ("{ round: x }", "wrong-type 2:17 expected a whole number from 0 to 255, found a string"),
        ("[]", "wrong-type 2:8 expected one of `plain`, `round`, `square`, found a list"),
        ("{ round: 1, plain: 2 }", "invalid-value 2:8 expected one key of `plain`, `round`, `square`"),
    ] {
        let (_, found) = check(&format!("inner: {{ name: a }}\nshape: {shape}\n"));
        assert_eq!(found, [expected], "{shape}");
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_what_is_missing_is_said(text in "[a-z:{}\\[\\], \n0-9&*!|>'\"-]{0,60}") {
        let mut found = Diagnostics::new();
        let mut sources = Sources::default();
        let file = sources.add("x", text.as_str());
        match parse(&text, file, &mut found) {
            Some(node) => {
                let value: Option<Outer> = read(&node, &mut found);
                prop_assert!(value.is_some() || found.has_errors());
            }
            None => prop_assert!(found.has_errors()),
        }
        for item in found.iter() {
            let span = item.span.expect("a place");
            prop_assert!(span.start as usize <= text.len());
        }
    }
}
