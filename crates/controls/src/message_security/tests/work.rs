//! What is worked on beside the core, and how much of it.

use super::*;

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
    let one =
        KEYS.lines().filter(|line| line.contains("X25519") || line.contains("XasIf")).collect::<String>();
    let one = one.replace("]}", "");
    for (keys, aside) in [(2, false), (8, true)] {
        let all: Vec<_> =
            (0..keys).map(|number| one.replace("\"kid\":\"x\"", &format!("\"kid\":\"{number}\""))).collect();
        let keys = format!("{{\"keys\":[{}]}}", all.join(","));
        let control = with_keys(&format!("request: {{ {} }}", DECRYPT.replace("A128KW, dir, ", "")), &keys);
        let mut call = post(JOSE, sealed("x", CONTENT, None)).build();
        assert_eq!(told(finish(control.head(&mut call))).0, "ok");
        assert_eq!(is_aside(&control.body(&mut call)), aside, "{keys}");
    }
}
