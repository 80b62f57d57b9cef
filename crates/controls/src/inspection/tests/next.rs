//! Rules that are to come.

use std::sync::Arc;

use engine::{Control, Mode};
use http::header::CONTENT_ENCODING;
use seclang::Which;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core};

use super::super::exclude::Excluded;
use super::super::next::Next;
use super::{Inspection, end, form, loaded, settings, short};

fn said(excluded: &[Which<'_>], builder: &CallBuilder) -> String {
    let loaded = loaded(super::RULES);
    let engine = loaded.engine().unwrap();
    let exclusion = |which: &Which<'_>| Excluded::new(engine.exclusion(*which, &[]).unwrap(), []);
    let exclusions = excluded.iter().map(exclusion).collect();
    let inspection =
        Inspection::new(Arc::clone(&loaded), exclusions, Vec::new(), settings(Mode::Shadow, Mode::Off));
    let next = Arc::new(Next(Arc::new(inspection)));
    assert!(next.needs().body && !next.needs().response_body);
    let next = next.attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
    let mut call = builder.clone().build();
    let said = short(&end(next.body(&mut call)).1);
    assert!(call.held.is_empty(), "what is in force finds its own there");
    said
}

#[test]
fn they_say_of_a_whole_request_what_they_would_make_of_it() {
    let (words, none) = ([Which::Tag("words")], [].as_slice());
    for (excluded, builder, expected) in [
        (none, form("q=fine"), "ok"),
        (none, CallBuilder::get("/a"), "ok"),
        (none, form("q=evil"), "note: rules 12; score 3 of 5; 12 in `ARGS:q` (a.conf:4:1)"),
        (
            none,
            form("q=evil&r=bad"),
            "payload_refused: rules 12 13 19; score 6 of 5; 12 in `ARGS:q` (a.conf:4:1)",
        ),
        (
            none,
            CallBuilder::get("/a").header("x-bad", "now"),
            "payload_refused: rules 11; 11 in `REQUEST_HEADERS:x-bad` (a.conf:3:1)",
        ),
        (&words[..], form("q=evil&r=bad"), "ok"),
    ] {
        assert_eq!(said(excluded, &builder), expected);
    }
}

#[test]
fn what_they_cannot_read_they_say_nothing_of() {
    let encoded = form("q=evil&r=bad").header(CONTENT_ENCODING.as_str(), "gzip");
    assert!(said(&[], &encoded).starts_with("note: a body in a content coding"));
    // Longer than what is read: the beginning counts, and that it has no end does not.
    let long = |word: &str| form(&format!("q={word}&r=bad&s={}", "x".repeat(100_000)));
    assert!(said(&[], &long("evil")).starts_with("payload_refused: rules 12 13 19"));
    assert!(said(&[], &long("fine")).starts_with("note: rules 13"));
}
