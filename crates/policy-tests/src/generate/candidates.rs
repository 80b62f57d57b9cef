//! What could be wrong with a call of an operation: one thing at a time, each with the codes that would say so.

use serde_json::{Value as Json, json};
use spec::Spanned;

use super::call::{Call, Content};
use super::operation::Known;
use super::wrong::{self, UNKNOWN};
use super::{answers, callers};
use crate::document::{Certificate, Credential, Says, Service};

/// A call that should be refused.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'r> {
    pub(crate) why: String,
    pub(crate) call: Call<'r>,
    pub(crate) credential: Option<Credential>,
    pub(crate) certificate: Option<Certificate>,
    /// Codes of which one has to come; anything else shows nothing.
    pub(crate) codes: &'static [&'static str],
    pub(crate) missing: Option<Vec<String>>,
    /// What the service answers, where that is what is wrong.
    pub(crate) answer: Option<Service>,
    /// What a policy decision point says, where that is what is wrong.
    pub(crate) decides: Option<Says>,
}

const PARAMETER: &[&str] = &["parameter_invalid", "path_not_canonical", "operation_unknown"];
const BODY: &[&str] = &["body_invalid", "body_malformed", "body_out_of_bounds"];
const ATTACK: &[&str] = &["payload_refused"];

/// Everything that could be wrong with a call.
pub(crate) fn all<'r>(known: &Known<'r>) -> Vec<Candidate<'r>> {
    let mut found = Vec::new();
    callers::all(known, &mut found);
    if known.good.is_some() {
        parameters(known, &mut found);
        bodies(known, &mut found);
        attacks(known, &mut found);
        decisions(known, &mut found);
        answers::bad(known, &mut found);
    }
    found
}

pub(super) fn simple<'r>(
    known: &Known<'r>,
    why: impl Into<String>,
    call: Call<'r>,
    codes: &'static [&'static str],
) -> Candidate<'r> {
    let (credential, certificate) = (known.credential.clone(), known.certificate.clone());
    Candidate {
        why: why.into(),
        call,
        credential,
        certificate,
        codes,
        missing: None,
        answer: None,
        decides: None,
    }
}

fn parameters<'r>(known: &Known<'r>, found: &mut Vec<Candidate<'r>>) {
    let full = known.full();
    for (declared, good) in &full.parameters {
        let (name, place) = (declared.name, declared.place);
        let said = format!("{place} {name}");
        if declared.required && place != "path" {
            found.push(simple(known, format!("{said} is missing"), full.without(name, place), PARAMETER));
        }
        let wrongs = if declared.is_compound() {
            let inner = wrong::anywhere(declared.schema, good);
            inner.into_iter().filter(|wrong| wrong.value.is_array() == good.is_array()).collect()
        } else {
            wrong::here(declared.schema, good)
        };
        for wrong in wrongs {
            // A path without the segment is another path; and as text every scalar is a string.
            let text = wrong.value.as_str().unwrap_or("x");
            if (place == "path" || place == "header") && text.is_empty() {
                continue;
            }
            if place != "query" && !text.is_ascii() {
                let value = json!(format!("{}!", good.as_str().unwrap_or_default()));
                found.push(simple(
                    known,
                    format!("{said} {}", wrong.why),
                    full.with(name, place, value),
                    PARAMETER,
                ));
                continue;
            }
            found.push(simple(
                known,
                format!("{said} {}", wrong.why),
                full.with(name, place, wrong.value),
                PARAMETER,
            ));
        }
    }
    let mut call = full.clone();
    call.further.push((UNKNOWN.to_owned(), String::from("1")));
    found.push(simple(known, "with a query parameter that is not declared", call, PARAMETER));
    if let Some((declared, _)) =
        full.parameters.iter().find(|(declared, _)| declared.place == "query" && !declared.is_compound())
    {
        let mut call = full.clone();
        call.further.push((declared.name.to_owned(), String::from("1")));
        found.push(simple(known, format!("query {} is given twice", declared.name), call, PARAMETER));
    }
    let mut call = full.clone();
    call.headers.insert(String::from("X-Not-In-The-Contract"), String::from("1"));
    found.push(simple(known, "with a field that is not declared", call, PARAMETER));
    let mut call = full;
    call.headers.insert(String::from("Cookie"), format!("{UNKNOWN}=1"));
    found.push(simple(known, "with a cookie that is not declared", call, PARAMETER));
}

fn bodies<'r>(known: &Known<'r>, found: &mut Vec<Candidate<'r>>) {
    let call = &known.least;
    let Some((media_type, good)) = known.body() else {
        if known.takes_no_body && !matches!(call.method.as_str(), "GET" | "HEAD") {
            let carrying = call.carrying("application/json", Content::Json(json!({ "a": 1 })));
            found.push(simple(known, "with a body that is not declared", carrying, &["body_not_declared"]));
        }
        return;
    };
    let missing = Call { content: None, ..call.clone() };
    found.push(simple(known, "without a body", missing, &["body_missing"]));
    let plain = call.carrying("text/x-not-in-the-contract", Content::Text(String::from("x")));
    found.push(simple(known, "with a body of another media type", plain, &["media_type_unsupported"]));
    if let Some(limit) =
        known.body_limit.and_then(|limit| u32::try_from(limit).ok()).filter(|limit| *limit <= 8 << 20)
    {
        let long = call.carrying(media_type, Content::Long(limit + 1));
        found.push(simple(known, "with a body that is too long", long, &["body_too_large"]));
    }
    let mut coded = call.clone();
    coded.headers.insert(String::from("Content-Encoding"), String::from("x-unknown"));
    found.push(simple(known, "with a content coding that is unknown", coded, &["coding_unsupported"]));
    let Content::Json(good) = good else { return };
    let cut = good.to_string();
    let cut = cut.get(..cut.len().saturating_sub(1)).unwrap_or_default().to_owned();
    found.push(simple(
        known,
        "with a body that is cut off",
        call.carrying(media_type, Content::Text(cut)),
        BODY,
    ));
    let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    found.push(simple(
        known,
        "with a body that is too deep",
        call.carrying(media_type, Content::Text(deep)),
        BODY,
    ));
    if let Some(text) = twice(good) {
        found.push(simple(
            known,
            "with a member that is there twice",
            call.carrying(media_type, Content::Text(text)),
            BODY,
        ));
    }
    if let Some(schema) = known.body_schema {
        for wrong in wrong::anywhere(schema, good) {
            let call = call.carrying(media_type, Content::Json(wrong.value));
            found.push(simple(known, wrong.why, call, BODY));
        }
    }
}

/// The text of an object with its first member said twice.
fn twice(value: &Json) -> Option<String> {
    let (name, member) = value.as_object()?.iter().next()?;
    let text = value.to_string();
    Some(format!("{{{}:{member},{}", Json::String(name.clone()), text.get(1..)?))
}

/// Texts that an inspection takes for attacks, where a text may be anything.
fn attacks<'r>(known: &Known<'r>, found: &mut Vec<Candidate<'r>>) {
    let texts = [
        ("an injection into SQL", "x' UNION SELECT username, password FROM users --"),
        ("a script", "<script>alert(document.cookie)</script>"),
        ("a path to a file of the system", "../../../../etc/passwd"),
    ];
    let full = known.full();
    if let (Some((media_type, Content::Json(good))), Some(schema)) = (known.body(), known.body_schema)
        && let Some(pointer) = free_text(schema, good)
    {
        for (what, text) in texts {
            let mut body = good.clone();
            if let Some(slot) = body.pointer_mut(&pointer) {
                *slot = json!(text);
            }
            let call = full.carrying(media_type, Content::Json(body));
            found.push(simple(known, format!("{pointer} holds {what}"), call, ATTACK));
        }
    }
    let free = full
        .parameters
        .iter()
        .find(|(declared, good)| declared.place == "query" && is_free(declared.schema, good));
    if let Some((declared, _)) = free {
        for (what, text) in texts {
            let call = full.with(declared.name, declared.place, json!(text));
            found.push(simple(known, format!("query {} holds {what}", declared.name), call, ATTACK));
        }
    }
}

/// Good calls that a policy decision point does not let pass.
fn decisions<'r>(known: &Known<'r>, found: &mut Vec<Candidate<'r>>) {
    if !known.asks {
        return;
    }
    for (says, why, codes) in [
        (Says::Deny, "a policy decision point denies it", &["pdp_denied"][..]),
        (Says::Down, "no policy decision point answers", &["pdp_unavailable"][..]),
    ] {
        let call = simple(known, why, known.least.clone(), codes);
        found.push(Candidate { decides: Some(says), ..call });
    }
}

/// Whether any text of some length fits.
fn is_free(schema: contract::raw::At<'_>, good: &Json) -> bool {
    let Some(schema) = schema.resolve() else { return false };
    let bound = ["pattern", "format", "enum", "const"].iter().any(|key| schema.value.get(*key).is_some());
    let room = schema.value.get("maxLength").and_then(Json::as_u64).unwrap_or(u64::MAX) >= 60;
    good.is_string() && !bound && room
}

/// The first member of an object that is such a text.
fn free_text(schema: contract::raw::At<'_>, good: &Json) -> Option<String> {
    let properties = schema.resolve()?.get("properties")?;
    let mut members = good.as_object()?.iter();
    let (name, _) =
        members.find(|(name, value)| properties.get(name).is_some_and(|schema| is_free(schema, value)))?;
    Some(format!("/{}", name.replace('~', "~0").replace('/', "~1")))
}

/// What is refused at an API whatever its operations say: paths, methods, hosts.
pub(crate) fn of_api<'r>(known: &[Known<'r>], base: &str) -> Vec<Candidate<'r>> {
    let mut found = Vec::new();
    let Some(first) = known.first() else { return found };
    let bare = |method: &str, template: String| Call {
        method: method.to_owned(),
        template,
        parameters: Vec::new(),
        further: Vec::new(),
        headers: Default::default(),
        content: None,
    };
    let nobody = format!("{base}/{UNKNOWN}");
    found.push(Candidate {
        credential: None,
        ..simple(first, "a path that the contract does not have", bare("GET", nobody), &["operation_unknown"])
    });
    let mut seen = std::collections::BTreeSet::new();
    for one in known {
        if !seen.insert(one.least.template.clone()) {
            continue;
        }
        let taken: Vec<&str> = known
            .iter()
            .filter(|other| other.least.template == one.least.template)
            .map(|other| other.least.method.as_str())
            .collect();
        let free =
            ["DELETE", "PUT", "PATCH", "POST", "GET"].into_iter().find(|method| !taken.contains(method));
        if let Some(method) = free {
            let call =
                Call { method: method.to_owned(), content: None, further: Vec::new(), ..one.least.clone() };
            let why = format!("{method} {}, a method that the contract does not have", one.least.template);
            found.push(Candidate { credential: None, ..simple(one, why, call, &["method_not_allowed"]) });
        }
    }
    found
}

/// The name of a case.
pub(crate) fn name(operation: Option<&str>, why: &str) -> Spanned<String> {
    Spanned::nowhere(match operation {
        Some(operation) => format!("{operation}: {why}"),
        None => why.to_owned(),
    })
}
