//! What is worked on beside the core, and how much of it.

use super::*;
use crate::message_security::Form;
use crate::message_security::fields::{Fields, Values};
use crate::message_security::keys::{Decrypt, Incoming};
use crate::message_security::request::Requests;
use crate::pattern::Pattern;

/// Spellings of one name, each a member of its own.
fn spellings(name: &str, most: usize) -> impl Iterator<Item = String> {
    let name = name.to_owned();
    (0..most).map(move |bits| {
        let letter =
            |(at, one): (usize, char)| if bits >> at & 1 == 1 { one.to_ascii_uppercase() } else { one };
        name.chars().enumerate().map(letter).collect()
    })
}

/// JSON in which every spelling of a name has this value.
fn spelled(name: &str, most: usize, value: &str) -> String {
    let members: Vec<_> = spellings(name, most).map(|name| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

fn is_aside(step: &Step<'_>) -> bool {
    matches!(step, Step::OffloadThen(..))
}

#[test]
fn one_pointer_to_many_members_is_worked_on_beside_the_core() {
    let control = attached(&format!("request: {{ fields: [/note], values: text, {DECRYPT} }}"));
    let message = format!("\"{}\"", sealed("x", b"n", None));
    for (most, aside) in [(1, false), (2, false), (16, true)] {
        let mut call = post(JSON, spelled("note", most, &message)).build();
        assert_eq!(told(finish(control.head(&mut call))).0, "ok");
        let step = control.body(&mut call);
        assert_eq!(is_aside(&step), aside, "{most}");
        assert_eq!(told(finish(step)).0, "ok");
        assert_eq!(call.body.bytes(), spelled("note", most, "\"n\"").as_bytes());
    }
    let control = attached(&format!("answer: {{ fields: [/note], {SIGN}, {ENCRYPT} }}"));
    for (most, aside) in [(2, false), (16, true)] {
        let mut call = CallBuilder::get("/x").build();
        answer(&mut call, 200, JSON, spelled("note", most, "1"));
        assert_eq!(told(finish(control.response_head(&mut call))).0, "ok");
        let step = control.response_body(&mut call);
        assert_eq!(is_aside(&step), aside, "{most}");
        assert_eq!(told(finish(step)).0, "ok");
    }
}

#[test]
fn one_message_that_many_keys_could_open_is_worked_on_beside_the_core() {
    for (keys, aside) in [(2, false), (8, true)] {
        let keys = one_key_by_many_names(keys).0;
        let control = with_keys(&format!("request: {{ {} }}", DECRYPT.replace("A128KW, dir, ", "")), &keys);
        let mut call = post(JOSE, sealed("x", CONTENT, None)).build();
        assert_eq!(told(finish(control.head(&mut call))).0, "ok");
        assert_eq!(is_aside(&control.body(&mut call)), aside, "{keys}");
    }
}

/// One key under many names, and a message for it that names none.
fn one_key_by_many_names(names: usize) -> (String, String) {
    let key = r#"{"kty":"OKP",NAME"crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08","d":"XasIfmJKikt54X-Lg4AO5m87sSkmGLb9HC-LJ_-I4Os"}"#;
    let named = |number: usize| key.replace("NAME", &format!("\"kid\":\"{number}\","));
    let all: Vec<_> = (0..names).map(named).collect();
    let own = Bytes::from(format!("{{\"keys\":[{}]}}", key.replace("NAME", "")));
    let recipient = Recipient::new(own, None, KeyManagement::EcdhEs, ContentEncryption::A256Gcm).unwrap();
    (format!("{{\"keys\":[{}]}}", all.join(",")), recipient.encrypt(b"n", None, None).unwrap())
}

#[test]
fn one_body_costs_so_many_operations_and_no_more() {
    let section =
        format!("request: {{ fields: [/payment], values: text, {} }}", DECRYPT.replace("A128KW, dir, ", ""));
    let section = section.replace("/payment", "/note");
    for (names, most, code) in [(8, 16, "ok"), (8, 17, "protection_invalid"), (2, 16, "ok")] {
        let (keys, message) = one_key_by_many_names(names);
        let control = with_keys(&section, &keys);
        let mut members: Vec<_> = spellings("note", 16).collect();
        members.push(String::from("note\\u0000x"));
        members.truncate(most);
        let members: Vec<_> = members.iter().map(|name| format!("\"{name}\":\"{message}\"")).collect();
        let (told, detail) = judge(&*control, &mut post(JSON, format!("{{{}}}", members.join(","))).build());
        assert_eq!(told, code, "{names} {most} {detail}");
        assert_eq!(detail.contains("more keys to be tried"), told != "ok", "{detail}");
    }
}

#[test]
fn work_for_a_call_that_went_away_ends_at_the_next_message() {
    let decrypt = Decrypt {
        keys: OpeningKeys::parse(keys()).unwrap(),
        management: vec![KeyManagement::A128Kw],
        encryption: vec![ContentEncryption::A256Gcm],
    };
    let note = serde_json::from_str::<Pattern>("\"/note\"").unwrap();
    let requests = Requests {
        form: Form::Fields(Fields { at: [note].into(), values: Values::Text }),
        content_type: HeaderValue::from_static(JSON),
        required: true,
        incoming: Incoming { decrypt: Some(decrypt), verify: None, content: "text/plain".into() },
    };
    let body = Bytes::from(format!("{{\"note\":\"{}\"}}", sealed("w", b"n", None)));
    let cancel = Cancel::default();
    assert!(requests.read(&body, None, None, &cancel).is_ok());
    cancel.cancel();
    assert_eq!(requests.read(&body, None, None, &cancel).unwrap_err().code.name, "control_failed");
}
