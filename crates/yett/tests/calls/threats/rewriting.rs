//! Row 46: what is written anew on its way is judged as it goes on. There are no plugins and no processors
//! (`process/wrong.rs`); controls that change a body speak before those that approve of it (`controls/src/tests.rs`).

use testkit::Recorder;

use super::codings::{coded, gzip};
use crate::harness::*;

/// Bodies that are good until they are decoded and spelled in one way: a name, the hostile one, its twin, and what arrives of that.
fn bodies() -> Vec<(&'static str, String, String, String)> {
    let named = |letter: &str, count: usize| format!(r#"{{"name":"{}"}}"#, letter.repeat(count));
    let text = str::to_owned;
    vec![
        (
            "a key in escapes",
            text(r#"{"name":"a","\u0065vil":1}"#),
            text(r#"{ "n\u0061me" : "a" }"#),
            named("a", 1),
        ),
        (
            "a value in escapes",
            text(r#"{"name":"a","role":"\u0061dmin"}"#),
            text(r#"{"name":"a","role":"\u0075ser"}"#),
            text(r#"{"name":"a","role":"user"}"#),
        ),
        ("a length in escapes", named(r"\u0061", 65), named(r"\u0061", 64), named("a", 64)),
        (
            "a number below its least",
            text("{\"name\":\"a\",\n\"count\": -1}"),
            text("{\"name\":\"a\",\n\"count\": 1}"),
            text(r#"{"name":"a","count":1}"#),
        ),
    ]
}

fn cases() -> Vec<Case> {
    let gzipped = |body: &str| coded("Content-Encoding: gzip\r\n", gzip(body.as_bytes()));
    let invalid = Expect::Problem(400, "body_invalid");
    bodies()
        .iter()
        .map(|(name, hostile, good, _)| case(name, gzipped(hostile), invalid.clone()).twin(gzipped(good)))
        .collect()
}

#[test]
fn threat_46_what_is_written_anew_is_what_was_checked() {
    let recorder = Recorder::start();
    let api = "bodies: { codings: [gzip] }\nvalidation: { canonical: true }";
    let gateway = Gateway::with(&Setup::api(api), &recorder.url());
    judge(&gateway, &recorder, &cases());
    let arrived: Vec<String> =
        recorder.calls().into_iter().map(|call| String::from_utf8(call.body).unwrap()).collect();
    let checked: Vec<String> = bodies().into_iter().map(|(_, _, _, arrives)| arrives).collect();
    assert_eq!(arrived, checked);
}

#[test]
fn threat_46_the_same_bodies_get_through_a_naive_proxy() {
    reaches_naive(&cases());
}
