//! What others say: of what is revoked, and a collector of what it took. Forms, subjects and times of events, answers of those that are asked for events, and events
//! themselves. What is read says what stands there, as another parser reads it; nothing is read in two ways.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use jose::{Algorithm, EventExpectations, KeySet, SigningKey};
use serde_json::Value;
use spec::Opaque;
use tape::{Bounds, Tape};

#[allow(dead_code, unreachable_pub, reason = "the gateway uses the rest")]
#[path = "../../yett/src/run/feeds/answer.rs"]
mod answer;
#[path = "../../telemetry/src/otlp/answer.rs"]
mod collector;
#[allow(dead_code, unreachable_pub, reason = "the gateway uses the rest")]
#[path = "../../yett/src/run/feeds/form.rs"]
mod form;
#[allow(dead_code, unreachable_pub, reason = "the gateway uses the rest")]
#[path = "../../yett/src/run/feeds/subject.rs"]
mod subject;

use subject::Meant;

const NOW: u64 = 1_800_000_000;
const LEEWAY: u64 = 60;
const MAX_AGE: u64 = 3_600;
const ISSUER: &str = "https://idp.example";
const AUDIENCE: &str = "https://gateway.example";
const MOST: usize = 3;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 6) else { return };
    match selector {
        0 => a_form(rest),
        1 => a_subject(rest, Opaque::Refused),
        2 => a_subject(rest, Opaque::Session),
        3 => an_answer(rest),
        5 => a_collector(rest),
        _ => an_event(rest),
    }
}

/// What is written anew reads the same, and a field that stands there twice is none.
fn a_form(body: &[u8]) {
    let Ok(Some(token)) = form::field(body, "token") else { return };
    let encoded: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let anew = format!("%74oken={encoded}");
    assert_eq!(form::field(anew.as_bytes(), "token"), Ok(Some(token)), "written anew it is another");
    for twice in [[body, b"&token=x"].concat(), [b"token=x&".as_slice(), body].concat()] {
        assert_eq!(form::field(&twice, "token"), Err(()), "one of two is read");
    }
}

fn tape(text: &[u8]) -> Option<(Tape, Value)> {
    let tape = Tape::parse(Bytes::copy_from_slice(text), &Bounds::default()).ok()?;
    Some((tape, serde_json::from_slice(text).ok()?))
}

/// Who is meant stands there word for word, and so does when.
fn a_subject(text: &[u8], opaque: Opaque) {
    let Some((event, read)) = tape(text) else { return };
    let event = event.root();
    if let Ok(at) = subject::when(event, NOW - 1, NOW) {
        let written = read["event_timestamp"].as_f64().unwrap_or((NOW - 1) as f64);
        assert!(
            at <= NOW + LEEWAY && at as f64 >= written && at as f64 - written < 1.0,
            "{at} is not {written}"
        );
    }
    let Ok(all) = subject::meant(None, event, opaque, &[ISSUER]) else { return };
    assert_eq!(all.len(), 1, "one subject, and {} are meant", all.len());
    let named = &read["subject"];
    let whole = named.to_string();
    for meant in all {
        let (Meant::Subject(issuer, value) | Meant::Session(issuer, value) | Meant::Token(issuer, value)) =
            &meant;
        for text in [issuer, value] {
            assert!((1..=1024).contains(&text.len()) && !text.chars().any(char::is_control), "{text:?}");
        }
        let quoted = |text: &str| Value::from(text).to_string();
        assert!(whole.contains(&quoted(value)), "{value} does not stand there");
        assert!(issuer == ISSUER || whole.contains(&quoted(issuer)), "{issuer} does not stand there");
        if named["format"] == "opaque" {
            assert!(matches!(meant, Meant::Session(..)) && matches!(opaque, Opaque::Session), "{meant:?}");
        }
    }
}

/// Events are those that stand there, as many as were asked for.
fn an_answer(body: &[u8]) {
    let Ok(polled) = answer::read(Bytes::copy_from_slice(body), MOST) else { return };
    // A number that is out of the other one's range is passed over here.
    let Ok(read) = serde_json::from_slice::<Value>(body) else { return };
    let sets = read["sets"].as_object().expect("events are an object");
    assert!(polled.events.len() == sets.len() && sets.len() <= MOST, "another number of events");
    for (name, event) in &polled.events {
        assert_eq!(sets[name].as_str(), Some(event.as_str()), "another event");
    }
    assert_eq!(polled.more, read["moreAvailable"].as_bool().unwrap_or(false));
}

/// Any payload, properly signed: what is taken says what was expected.
fn an_event(payload: &[u8]) {
    static MATERIAL: OnceLock<(SigningKey, KeySet)> = OnceLock::new();
    let (key, keys) = MATERIAL.get_or_init(|| {
        let key = SigningKey::generate().expect("a key");
        let keys = KeySet::parse(key.jwks_json().into()).expect("its own key set");
        (key, keys)
    });
    let Ok(text) = key.sign(&[("typ", jose::EVENT_TYPE)], payload) else { return };
    let Ok(token) = jose::parse(&text) else { return };
    let verified = jose::verify(&token, keys, &[Algorithm::Es256]).expect("our own signature");
    let expect = EventExpectations {
        issuer: ISSUER,
        audiences: &[String::from(AUDIENCE)],
        leeway: Duration::from_secs(LEEWAY),
        max_age: Duration::from_secs(MAX_AGE),
        now: NOW,
    };
    let Ok(event) = jose::validate_event(&verified, &expect) else { return };
    let read: Value = serde_json::from_slice(payload).expect("an accepted payload is JSON");
    assert_eq!(read["iss"], ISSUER, "another issuer");
    let aimed =
        read["aud"] == AUDIENCE || read["aud"].as_array().is_some_and(|all| all.contains(&AUDIENCE.into()));
    assert!(aimed, "another audience");
    assert_eq!(read["jti"].as_str(), Some(&*event.id), "another event");
    let issued = read["iat"].as_f64().expect("an accepted event has a date");
    assert!(event.issued as f64 >= issued && event.issued <= NOW + LEEWAY, "an event of the future");
    assert!(event.issued + MAX_AGE + LEEWAY >= NOW, "an event that is too old");
    let events = read["events"].as_object().expect("events are an object");
    assert!(event.events.len() == events.len() && event.events.len() <= 16, "another number of events");
    for foreign in ["sub", "nonce", "scope", "client_id", "cnf", "sid", "htm"] {
        assert!(read.get(foreign).is_none(), "`{foreign}` is another kind's");
    }
}

/// What a collector says is bounded and inert, and it rejects no more than a number of items can be.
fn a_collector(data: &[u8]) {
    let Some(partial) = collector::read(data) else { return };
    assert!(partial.rejected <= i64::MAX.unsigned_abs());
    assert!(partial.message.len() <= 3 * engine::evidence::TEXT);
    assert!(!partial.message.chars().any(engine::text::is_hidden));
}
