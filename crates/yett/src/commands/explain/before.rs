//! A call that was not made: put to the configuration as `yett test` puts its cases, without a network, with a key of ours in
//! the place of every issuer's and a service that answers as the contract says.

use diagnostics::{Diagnostics, Sources};
use engine::codes;
use manage_api::{Event, Explained, Record, Verdict};
use policy_tests::document::{Case, Service};
use policy_tests::generate::answer_of;
use policy_tests::{Files, Finished, Heard, Outcome, Seen, Subject, Suite};
use serde_json::{Map, Value, json};

use super::Arguments;
use crate::{load, render, terminal};

/// What would become of a call; `None` when the configuration has errors, which were shown.
///
/// # Errors
/// What is wrong with what was asked.
pub(super) fn ask(arguments: &Arguments, request: &str) -> Result<Option<Explained>, String> {
    let (case, claims) = written(arguments, request)?;
    let which = &arguments.running.which;
    let loaded = load::load(&which.config, which.env.as_deref(), None)?;
    let files = Files {
        name: &loaded.name,
        text: &loaded.text,
        assets: &loaded.assets,
        unreadable: &loaded.unreadable,
        references: &loaded.references,
        environment: which.env.as_deref(),
    };
    let mut sources = Sources::default();
    let subject = match Subject::compile(&files, &mut sources) {
        Ok(subject) => subject,
        Err(found) => return Ok(refused(&found, &sources)),
    };
    let mut found = Diagnostics::new();
    let suite = Suite::read("the command line", &case.to_string(), &mut sources, &mut found);
    let Some(suite) = suite.filter(|_| !found.has_errors()) else { return Ok(refused(&found, &sources)) };
    let mut asked = suite.cases.into_iter().next().ok_or("the call was not put")?.value;
    let mut one = put(&subject, &asked)?;
    // What reaches the service is answered as the contract says: nobody asked what an empty answer comes to.
    if let Some(service) = one.seen.as_ref().and_then(|seen| answer(&subject, seen)) {
        asked.upstream = service;
        one = put(&subject, &asked)?;
    }
    match (one.seen, one.outcome) {
        (Some(seen), _) => Ok(Some(explained(&case, &claims, &seen))),
        (None, Outcome::Broken(why)) => Err(why),
        (None, _) => Err(String::from("the call was not put")),
    }
}

fn put(subject: &Subject, case: &Case) -> Result<Finished, String> {
    let finished = policy_tests::run(subject, &[case], 1)?;
    finished.into_iter().next().ok_or_else(|| String::from("the call was not put"))
}

/// What the service would answer a call that came to it.
fn answer(subject: &Subject, seen: &Seen) -> Option<Service> {
    seen.arrived.as_ref()?;
    let (api, operation, _) = seen.decided.operation.as_ref()?;
    answer_of(subject, api, operation)
}

fn refused(found: &Diagnostics, sources: &Sources) -> Option<Explained> {
    terminal::rendered(&render::human(found, sources, terminal::color()));
    terminal::say(format_args!("not tried: {}", render::tally(found)));
    None
}

/// A file of one case, and the claims of its token.
fn written(arguments: &Arguments, request: &str) -> Result<(Value, Map<String, Value>), String> {
    let (method, target) = request.trim().split_once(' ').ok_or_else(|| {
        format!("`{}` is no request: write it as in `GET /orders/7`", render::printable(request))
    })?;
    let mut headers: Map<String, Value> = Map::new();
    for field in &arguments.headers {
        let (name, value) = field.split_once(':').ok_or_else(|| {
            format!("`{}` is no header field: write `name: value`", render::printable(field))
        })?;
        let values = headers.entry(name.trim().to_owned()).or_insert_with(|| json!([]));
        if let Some(values) = values.as_array_mut() {
            values.push(json!(value.trim()));
        }
    }
    let mut call = json!({ "method": method, "target": target.trim(), "headers": headers });
    if let (Some(body), Some(call)) = (&arguments.body, call.as_object_mut()) {
        let is_typed = headers_name(&arguments.headers, "content-type");
        match serde_json::from_str::<Value>(body) {
            Ok(json) if !is_typed => call.insert(String::from("json"), json),
            _ => call.insert(String::from("body"), json!(body)),
        };
    }
    let mut case = json!({ "name": "asked", "request": call, "expect": { "decision": "allow" } });
    let claims: Map<String, Value> = match &arguments.claims {
        None => Map::new(),
        Some(text) => {
            serde_json::from_str(text).map_err(|error| format!("`--claims` is no JSON object: {error}"))?
        }
    };
    if let Some(case) = case.as_object_mut() {
        if arguments.claims.is_some() {
            case.insert(String::from("credential"), json!({ "claims": claims }));
        }
        if let Some(api) = &arguments.api {
            case.insert(String::from("api"), json!(api));
        }
    }
    Ok((json!({ "version": 1, "tests": [case] }), claims))
}

fn headers_name(headers: &[String], name: &str) -> bool {
    headers
        .iter()
        .any(|field| field.split_once(':').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name)))
}

/// What was seen, in the shape of a decision that is kept.
fn explained(case: &Value, claims: &Map<String, Value>, seen: &Seen) -> Explained {
    let decided = &seen.decided;
    let request = |key: &str| {
        let found = case.pointer(&format!("/tests/0/request/{key}")).and_then(Value::as_str);
        found.unwrap_or_default().to_owned()
    };
    let code = decided.code.and_then(codes::find);
    let is_shadowed = decided.code.is_none() && !decided.shadowed().is_empty();
    let shadowed =
        decided.verdicts.iter().find(|heard| heard.mode == engine::Mode::Shadow && heard.outcome.stops());
    let control = if is_shadowed { shadowed } else { decided.stop() };
    let kept = match code {
        Some(code) if code.blame == engine::Blame::Client || decided.stop().is_some() => "refused",
        Some(_) => "failed",
        None if is_shadowed => "shadowed",
        None => "passed",
    };
    let (api, operation, _) = decided.operation.clone().unwrap_or_default();
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let target = request("target");
    // Who the case's token proves where its claims do not say.
    let subject = if case.pointer("/tests/0/credential").is_some() { "alice" } else { "" };
    let event = Event {
        kept: kept.to_owned(),
        status: seen.status.as_u16(),
        code: decided.code.unwrap_or_default().to_owned(),
        control: control.map_or("", |heard| heard.control).to_owned(),
        method: request("method"),
        path: target.split('?').next().unwrap_or_default().to_owned(),
        api,
        operation,
        subject: claims.get("sub").map_or_else(|| subject.to_owned(), |_| claim("sub")),
        issuer: claim("iss"),
        application: claim("client_id"),
        ..Event::default()
    };
    let record = Record {
        blame: code.map_or("", |code| code.blame.name()).to_owned(),
        fault: decided.fault.clone().unwrap_or_default(),
        scopes: decided.carried.as_ref().map(|carried| texts(&carried.counted)),
        other_scopes: decided.carried.as_ref().map(|carried| texts(&carried.others)).unwrap_or_default(),
        verdicts: decided.verdicts.iter().map(verdict).collect(),
        ..Record::default()
    };
    Explained { event, record }
}

/// Whether it says something of the call, so that it is worth telling whose rule that is.
fn told_of(heard: &Heard) -> bool {
    heard.outcome.stops() || heard.detail.is_some()
}

fn texts(all: &[Box<str>]) -> Vec<String> {
    all.iter().map(|text| text.to_string()).collect()
}

fn verdict(heard: &Heard) -> Verdict {
    Verdict {
        control: heard.control.to_owned(),
        rule: String::new(),
        stage: heard.stage.name().to_owned(),
        outcome: heard.outcome.name().to_owned(),
        mode: if heard.mode == engine::Mode::Shadow { heard.mode.name().to_owned() } else { String::new() },
        code: heard.code.unwrap_or_default().to_owned(),
        place: heard.place.clone(),
        contract: if told_of(heard) { heard.contract.clone() } else { String::new() },
        detail: heard.detail.clone().unwrap_or_default(),
        cost_us: 0,
    }
}
