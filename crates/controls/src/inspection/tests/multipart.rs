//! Multipart bodies: no way of writing a field makes it pass for the content of a file, or for another field.

use detect::Families;
use http::Method;
use testkit::CallBuilder;

use super::builtin::{attach, said, settings};
use crate::inspection::builtin::{Excluded, Settings};

const ATTACK: &str = "1' union select a, b from c -- ";
const GOOD: &str = "a union of states";

/// A body of these sections, each a head and a content.
fn body(sections: &[(&str, &str)]) -> String {
    let one = |(head, content): &(&str, &str)| format!("--b\r\n{head}\r\n\r\n{content}\r\n");
    sections.iter().map(one).collect::<String>() + "--b--\r\n"
}

fn call(body: &str) -> CallBuilder {
    CallBuilder::new(Method::POST, "/a").body("multipart/form-data; boundary=b", body.to_owned())
}

const FIELD: &str = "Content-Disposition: form-data; name=\"q\"";
const FILE: &str = "Content-Disposition: form-data; name=\"f\"; filename=\"a.txt\"";

#[test]
fn a_field_is_no_file_however_it_is_written() {
    let excluded = Excluded {
        families: Families::ALL,
        everywhere: false,
        parameters: vec!["comment".to_owned()],
        headers: Vec::new(),
        cookies: Vec::new(),
        callers: Vec::new(),
    };
    let control = attach(Settings { excluded: vec![excluded], ..settings() }, None, &[]);
    let refused = |head: &str, content: &str, twin: &str| {
        let attack = said(&*control, call(&body(&[(head, content)])));
        assert!(["payload_refused", "body_malformed"].contains(&attack[1].as_str()), "{head}: {attack:?}");
        assert_eq!(said(&*control, call(&body(&[(twin, GOOD)]))), ["ok", "ok"], "{twin}");
    };
    // A field whose name begins like the disposition's.
    refused(
        &format!("{FIELD}\r\nContent-Disposition-X: ; filename=a"),
        ATTACK,
        &format!("{FIELD}\r\nX-A: b"),
    );
    // Parameters inside of quotes.
    refused("Content-Disposition: form-data; x=\"; filename=a\"; name=\"q\"", ATTACK, FIELD);
    refused("Content-Disposition: form-data; x=\"; name=comment;\"; name=\"q\"", ATTACK, FIELD);
    let inside = "Content-Disposition: form-data; name=\"q; filename=a\"";
    refused(inside, ATTACK, inside);
    // An empty name of a file is none to some, and names with escapes end elsewhere to some.
    let empty = "Content-Disposition: form-data; name=\"q\"; filename=\"\"";
    refused(empty, ATTACK, empty);
    let escaped = "Content-Disposition: form-data; name=\"q\\\\\"; filename=\"a\"";
    refused(escaped, ATTACK, escaped);
    // A delimiter that begins no line, or no line of this syntax.
    let glued = format!("x--bContent-Disposition: a; filename=y\r\n\r\n{ATTACK}");
    refused(FIELD, &glued, FIELD);
    let bare = format!("x\n--b\r\n{FIELD}\r\n\r\n{ATTACK}");
    refused(FILE, &bare, FILE);
    // Another charset, said of one part or of all.
    refused(&format!("{FIELD}\r\nContent-Type: text/plain; charset=utf-7"), GOOD, FIELD);
    refused("Content-Disposition: form-data; name=\"_charset_\"", "utf-7", FIELD);
    let said_utf8 = [("Content-Disposition: form-data; name=\"_charset_\"", "UTF-8"), (FIELD, GOOD)];
    assert_eq!(said(&*control, call(&body(&said_utf8))), ["ok", "ok"]);
}

#[test]
fn names_fields_and_contents_are_looked_at_and_contents_of_files_are_not() {
    let control = attach(settings(), None, &[]);
    let script = "<script>alert(1)</script>";
    let end = |sections: &[(&str, &str)]| said(&*control, call(&body(sections)))[1].clone();
    for (head, content, expected) in [
        (FIELD, ATTACK, "payload_refused"),
        (FILE, ATTACK, "ok"),
        (&format!("Content-Disposition: form-data; name=\"{script}\""), "", "payload_refused"),
        (&format!("Content-Disposition: form-data; name=f; filename=\"{script}\""), "x", "payload_refused"),
        (&format!("{FILE}\r\nX-Note: {script}"), "x", "payload_refused"),
        (&format!("{FILE}\r\nContent-Type: text/csv; charset=iso-8859-1"), "x", "ok"),
        (&format!("{FILE}\r\nContent-Type: text/csv; a=\"{script}\""), "x", "payload_refused"),
        (&format!("{FILE}\r\nX-Note: script"), "x", "ok"),
    ] {
        assert_eq!(end(&[(FIELD, GOOD), (head, content)]), expected, "{head}");
    }
}

#[test]
fn the_beginning_of_a_long_body_is_read_as_strictly() {
    let cut = |at: usize| attach(Settings { body: at, whole: false, ..settings() }, None, &[]);
    let filling = "x".repeat(500);
    for (content, expected) in [(ATTACK, "payload_refused"), (GOOD, "ok")] {
        let text = body(&[(FILE, "a"), (FIELD, content), (FILE, &filling)]);
        let (begins, ends) = (text.find(content).unwrap(), text.find(content).unwrap() + content.len());
        for at in [ends, ends + 1, ends + 4, ends + 6, ends + 20, ends + 200] {
            assert_eq!(said(&*cut(at), call(&text)), ["ok", expected], "{at}");
        }
        for at in [2, 5, 10, begins - 1, begins] {
            assert!(["ok", "body_malformed"].contains(&said(&*cut(at), call(&text))[1].as_str()), "{at}");
        }
    }
    let bare = format!("x\n--b\r\n{FIELD}\r\n\r\n{ATTACK}");
    for text in [body(&[(FILE, &bare), (FILE, &filling)]), format!("{}{filling}", body(&[(FIELD, GOOD)]))] {
        assert_eq!(said(&*cut(300), call(&text)), ["ok", "body_malformed"]);
    }
    let whole = body(&[(FIELD, GOOD)]);
    for less in [1, 2, 3, 4] {
        assert_eq!(said(&*cut(whole.len() - less), call(&whole)), ["ok", "ok"], "{less}");
    }
}
