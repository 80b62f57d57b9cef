//! What a service answers: as the contract says, and against it, each for one reason.

use serde_json::{Value as Json, json};
use spec::{Spanned, Strings};

use super::candidates::{Candidate, simple};
use super::operation::Known;
use crate::document::Service;

/// A status that nobody declares by itself.
const UNDECLARED: u16 = 299;

/// Has a service answer as the contract of an operation says.
pub(super) fn good(known: &Known<'_>) -> Service {
    let (status, fields, json) = known.answer();
    Service {
        status: Some(Spanned::nowhere(status)),
        headers: fields.into_iter().map(|(name, value)| (name, Strings(vec![value]))).collect(),
        json,
        ..Service::default()
    }
}

/// Good calls with answers that the contract does not allow, where answers are held to it.
pub(super) fn bad<'r>(known: &Known<'r>, found: &mut Vec<Candidate<'r>>) {
    if !known.holds_answers || known.good.is_none() {
        return;
    }
    let good = good(known);
    let mut answered = |why: String, answer: Service| {
        let made = simple(known, why, known.least.clone(), &["response_invalid"]);
        found.push(Candidate { answer: Some(answer), ..made });
    };
    if let Some(json) = &good.json {
        let other = if json.is_string() { json!(4711) } else { json!("no") };
        answered(String::from("the service answers another type"), with(&good, other));
        let first = json.as_object().and_then(|members| members.keys().next().cloned());
        if let (Some(name), Json::Object(mut members)) = (first, json.clone()) {
            members.remove(&name);
            answered(format!("the service answers without /{name}"), with(&good, Json::Object(members)));
        }
    }
    if known.is_closed() {
        let answer = Service { status: Some(Spanned::nowhere(UNDECLARED)), ..good };
        answered(String::from("the service answers by an undeclared status"), answer);
    }
}

fn with(good: &Service, json: Json) -> Service {
    Service { json: Some(json), ..good.clone() }
}
