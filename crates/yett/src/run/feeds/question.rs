//! One question to a transmitter (RFC 8936 section 2.2): what was taken, what was refused, and whether there is more.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Reach};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::answer::{Polled, read};
use super::is_of;
use super::poll::Settings;

/// Events of one answer.
pub(super) const EVENTS: usize = 32;
/// Longest answer, in bytes: so many events as long as they may be, and a little around them.
const ANSWER: usize = EVENTS * 17 * 1024;
/// Longer than whoever asks waits.
const DEADLINE: Duration = Duration::from_secs(3_600);
/// Most events of which something is still to be said: those of one answer, and of one that came while nothing could be said.
const SETTLED: usize = 4 * EVENTS;

/// What is to be said of events that came.
#[derive(Default)]
pub(super) struct Settled {
    taken: Vec<String>,
    refused: Map<String, Value>,
}

impl Settled {
    pub(super) fn took(&mut self, id: String) {
        if self.taken.len() < SETTLED && !self.taken.contains(&id) {
            self.taken.push(id);
        }
    }

    pub(super) fn refuse(&mut self, id: String, why: Value) {
        if self.refused.len() < SETTLED {
            self.refused.insert(id, why);
        }
    }

    /// How many were taken, and how many refused.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.taken.len() as u64, self.refused.len() as u64)
    }

    /// It was said: of which events.
    pub(super) fn take(&mut self) -> HashSet<String> {
        let Self { taken, refused } = std::mem::take(self);
        taken.into_iter().chain(refused.into_iter().map(|(id, _)| id)).collect()
    }

    /// The body of a question.
    fn body(&self, most: usize, patient: bool) -> Bytes {
        let mut body = Map::new();
        body.insert(String::from("maxEvents"), json!(most));
        body.insert(String::from("returnImmediately"), json!(!patient));
        if !self.taken.is_empty() {
            body.insert(String::from("ack"), json!(self.taken));
        }
        if !self.refused.is_empty() {
            body.insert(String::from("setErrs"), Value::Object(self.refused.clone()));
        }
        Value::Object(body).to_string().into()
    }
}

/// What came back.
pub(super) enum Heard {
    /// An answer.
    Polled(Polled),
    /// One that is too long, so that fewer events are to be asked for.
    TooLong(String),
    /// None, and why; and when to come back, where that was said.
    Nothing(String, Option<Duration>),
}

/// Asks for so many events; a patient one lets the answer be held back until there are any.
pub(super) async fn ask(
    fetch: &dyn Fetch,
    settings: &Settings,
    settled: &Settled,
    (most, patient): (usize, bool),
) -> Heard {
    let Some(headers) = headers(settings) else {
        return Heard::Nothing(String::from("its token cannot be sent in a header field"), None);
    };
    let request = FetchRequest {
        method: Method::POST,
        url: settings.url.clone(),
        headers,
        body: settled.body(most, patient),
        deadline: DEADLINE,
        max_bytes: ANSWER,
        head_only: false,
        reach: Reach::Operator,
    };
    match fetch.fetch(request).await {
        Ok(response) => heard(response, most),
        Err(error @ FetchError::TooLarge) => Heard::TooLong(error.to_string()),
        Err(error) => Heard::Nothing(error.to_string(), None),
    }
}

fn headers(settings: &Settings) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(CONTENT_TYPE, json.clone());
    headers.insert(ACCEPT, json);
    // Of the descriptions of what was refused (section 2.6).
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    if let Some(bearer) = &settings.bearer {
        let token = zeroize::Zeroizing::new([b"Bearer ", bearer.as_slice()].concat());
        let mut field = HeaderValue::from_bytes(&token).ok()?;
        field.set_sensitive(true);
        headers.insert(AUTHORIZATION, field);
    }
    Some(headers)
}

fn heard(response: FetchResponse, most: usize) -> Heard {
    if response.status != StatusCode::OK {
        let after = response.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        return Heard::Nothing(format!("it answered {}", response.status), after.map(Duration::from_secs));
    }
    if !is_of(&response.headers, "application/json") {
        return Heard::Nothing(String::from("its answer is not `application/json`"), None);
    }
    match read(response.body, most) {
        Ok(polled) => Heard::Polled(polled),
        Err(why) => Heard::Nothing(String::from(why), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_settled_is_said_and_bounded() {
        let mut settled = Settled::default();
        assert_eq!(settled.body(32, true), r#"{"maxEvents":32,"returnImmediately":false}"#);
        settled.took(String::from("a"));
        settled.took(String::from("a"));
        settled.refuse(String::from("b"), json!({ "err": "invalid_key" }));
        assert_eq!(
            settled.body(1, false),
            r#"{"maxEvents":1,"returnImmediately":true,"ack":["a"],"setErrs":{"b":{"err":"invalid_key"}}}"#
        );
        assert_eq!(settled.take(), HashSet::from([String::from("a"), String::from("b")]));
        for number in 0..=SETTLED {
            settled.took(number.to_string());
            settled.refuse(number.to_string(), Value::Null);
        }
        assert_eq!(settled.counts(), (SETTLED as u64, SETTLED as u64));
    }

    #[test]
    fn what_is_no_answer_is_told_with_the_time_to_come_back() {
        let response = |status: u16, media: &'static str, body: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
            FetchResponse { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into() }
        };
        let good = "{\"sets\":{}}";
        assert!(matches!(heard(response(200, "application/json; charset=utf-8", good), 1), Heard::Polled(_)));
        let wait = |heard| match heard {
            Heard::Nothing(_, after) => after,
            _ => panic!("it was heard"),
        };
        let seven = Some(Duration::from_secs(7));
        for status in [202, 204, 302, 401, 429, 500, 503] {
            assert_eq!(wait(heard(response(status, "application/json", good), 1)), seven, "{status}");
        }
        for (media, body) in [("text/html", good), ("application/jsonx", good), ("application/json", "{}")] {
            assert_eq!(wait(heard(response(200, media, body), 1)), None, "{media}");
        }
    }
}
