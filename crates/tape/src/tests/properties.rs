//! A differential with serde_json: they agree on all but duplicates, bounds and numbers beyond doubles.

use super::{canonical, ok, parse, value};
use crate::ErrorKind;
use proptest::prelude::*;
use serde_json::Value;

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
