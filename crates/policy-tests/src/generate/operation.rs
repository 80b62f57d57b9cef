//! What is known of an operation: who may call it, a call that should pass, and what of it may be changed.

use contract::Operation;
use contract::raw::{At, RawOperation};
use engine::path::percent_encoded;
use engine::{BodyMode, Mode, OperationPlan};
use serde_json::Value as Json;
use spec::{Api, OperationRef, Strings};

use super::call::{Call, Content, Declared};
use super::limits::{self, Reach};
use super::sample::{self, Extent, Way, Wish};
use super::{rights, shown};
use crate::Subject;
use crate::decides;
use crate::document::{Certificate, Credential};

/// An operation and a call of it.
#[derive(Debug, Clone)]
pub(crate) struct Known<'r> {
    pub(crate) id: String,
    pub(crate) raw: RawOperation<'r>,
    /// What it has to be called with; `None` when anyone may.
    pub(crate) credential: Option<Credential>,
    /// The certificate that the client's connection has to show.
    pub(crate) certificate: Option<Certificate>,
    /// Whether that is so whoever calls.
    pub(crate) demands_certificate: bool,
    /// Whether it proves who calls.
    pub(crate) proves: bool,
    /// How proofs are taken.
    pub(crate) proofs: spec::Dpop,
    /// All scopes of the API's contract.
    pub(crate) scopes_of_api: Vec<String>,
    /// What is required and nothing more.
    pub(crate) least: Call<'r>,
    most: Call<'r>,
    /// Whether the gateway lets the least, and whether it lets everything; `None` when not even the least passes.
    pub(crate) good: Option<bool>,
    pub(crate) body_schema: Option<At<'r>>,
    pub(crate) body_limit: Option<u64>,
    pub(crate) takes_no_body: bool,
    /// Whether an answer that breaks the contract is withheld.
    pub(crate) holds_answers: bool,
    /// Whether a policy decision point is asked about it.
    pub(crate) asks: bool,
    /// What calls of it find of its limits, its own or the API's.
    pub(crate) reach: Reach,
}

pub(super) fn words(section: Option<&spec::Node>, path: &[&str]) -> Vec<String> {
    let Some(node) = section.and_then(|section| section.at(path)) else { return Vec::new() };
    let one = node.as_str().map(str::to_owned).into_iter();
    one.chain(node.items().iter().filter_map(|item| item.as_str().map(str::to_owned))).collect()
}

impl<'r> Known<'r> {
    /// Of an operation of the contract.
    pub(crate) fn of(
        subject: &Subject,
        (api, contract, base): (&Api, &contract::Api, &str),
        operation: &Operation,
        raw: RawOperation<'r>,
        scopes_of_api: &[String],
    ) -> Self {
        let tags: Vec<&str> = operation.tags.iter().map(String::as_str).collect();
        let id = Some(operation.id.as_str()).filter(|id| !id.contains(' '));
        let reference = OperationRef {
            id,
            method: operation.method.as_str(),
            template: &operation.template,
            tags: &tags,
        };
        let authenticated =
            api.unsecured_for(&reference).is_some_and(|word| word.value == spec::Unsecured::Authenticated);
        let required = api.section_for("authorization", &reference);
        let document = subject.document();
        let shown = shown::shown(document, (api, contract), &reference, operation, authenticated);
        let proving = shown.as_ref().and_then(|shown| shown.certificate.clone());
        let credential = shown.filter(shown::Shown::has_credential).map(|mut shown| {
            let scopes = Strings(std::mem::take(&mut shown.scopes));
            let mut credential = Credential { scopes, ..Credential::default() };
            for section in ["objects", "views"] {
                rights::add_exempt(api.section_for(section, &reference).as_ref(), &mut credential);
            }
            rights::add(required.as_ref(), &mut credential);
            shown.complete(&mut credential);
            credential
        });
        let is_bound = credential.as_ref().is_some_and(|one| one.mtls.is_some());
        let demanded = api.client_certificate.is_some();
        let declared: Vec<Declared<'r>> = raw.parameters.iter().filter_map(|at| Declared::of(*at)).collect();
        let body = raw.at.get("requestBody").and_then(At::resolve);
        let (media, schema) = body.and_then(content_of).unzip();
        let base = operation.base_path.as_deref().unwrap_or(base);
        let call = |extent: Extent| Call {
            method: raw.method.clone(),
            template: format!("{base}{}", operation.template),
            parameters: declared
                .iter()
                .filter(|one| extent == Extent::All || one.required)
                .map(|one| (*one, one.good()))
                .collect(),
            further: Vec::new(),
            headers: Default::default(),
            content: media.map(|media| (media.to_owned(), content(media, schema.flatten(), extent))),
        };
        let plans = &subject.compiled().snapshot.operations;
        let plan = plans.iter().find(|plan| *plan.api == *api.name.value && *plan.id == *operation.id);
        Self {
            id: operation.id.clone(),
            proves: proving.is_some(),
            certificate: proving.or_else(|| (is_bound || demanded).then(shown::certificate)),
            demands_certificate: demanded,
            proofs: api.dpop.as_ref().map(|dpop| dpop.value.clone()).unwrap_or_default(),
            credential,
            scopes_of_api: scopes_of_api.to_vec(),
            least: call(Extent::Least),
            most: call(Extent::All),
            good: None,
            body_schema: schema.flatten(),
            body_limit: plan.map(|plan| match plan.request_mode {
                BodyMode::Pass { limit } | BodyMode::Whole { limit } => limit,
            }),
            takes_no_body: body.is_none(),
            holds_answers: plan.is_some_and(|plan| holds_answers(subject, plan)),
            asks: decides::is_asked(api, &reference),
            reach: limits::reach(api.section_for("limits", &reference).as_ref()),
            raw,
        }
    }

    /// The call with all that is declared, where that passes; else the least.
    pub(crate) fn full(&self) -> Call<'r> {
        if self.good == Some(true) { self.most.clone() } else { self.least.clone() }
    }

    /// The call with all that is declared.
    pub(crate) fn most(&self) -> &Call<'r> {
        &self.most
    }

    /// The media type and content that pass, when it takes a body.
    pub(crate) fn body(&self) -> Option<(&str, &Content)> {
        let call = if self.good == Some(true) { &self.most } else { &self.least };
        call.content.as_ref().map(|(media, content)| (media.as_str(), content))
    }

    /// Whether it declares answers one by one.
    pub(crate) fn is_closed(&self) -> bool {
        let responses = self.raw.at.get("responses");
        let mut all = responses.into_iter().flat_map(At::members);
        all.all(|(status, _)| !status.eq_ignore_ascii_case("default") && !status.eq_ignore_ascii_case("2xx"))
    }

    /// An answer that the contract allows: its status, its fields, and its content.
    pub(crate) fn answer(&self) -> (u16, Vec<(String, String)>, Option<Json>) {
        let responses = self.raw.at.get("responses");
        let mut all = responses.into_iter().flat_map(At::members);
        let good = all.find_map(|(status, at)| {
            Some((status.parse::<u16>().ok().filter(|status| (200..300).contains(status))?, at.resolve()?))
        });
        let Some((status, at)) = good else { return (200, Vec::new(), None) };
        let wish = Wish { extent: Extent::Least, way: Way::Response };
        let fields = at.get("headers").into_iter().flat_map(At::members).filter_map(|(name, field)| {
            let schema = field.resolve()?.get("schema")?;
            let value = sample::value(schema, wish);
            Some((name.to_owned(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        });
        let media = at.get("content").and_then(|content| content.get("application/json"));
        let json = media.and_then(|media| media.get("schema")).map(|schema| sample::value(schema, wish));
        (status, fields.collect(), json)
    }
}

fn holds_answers(subject: &Subject, plan: &OperationPlan) -> bool {
    let steps = plan.response_head.iter().chain(&plan.response_body);
    let mut enforced = steps.filter(|step| step.mode == Mode::Enforce);
    let controls = &subject.compiled().snapshot.controls;
    enforced
        .any(|step| controls.get(step.control as usize).is_some_and(|control| control.name() == "validation"))
}

/// The media type that is sent, JSON before others, with its schema.
fn content_of(body: At<'_>) -> Option<(&str, Option<At<'_>>)> {
    let content = body.get("content")?;
    let mut all: Vec<(&str, At<'_>)> = content.members().collect();
    all.sort_by_key(|(name, _)| !is_json(name));
    let (name, media) = *all.first()?;
    Some((name, media.get("schema")))
}

fn is_json(media_type: &str) -> bool {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    bare == "application/json" || bare.ends_with("+json")
}

fn content(media: &str, schema: Option<At<'_>>, extent: Extent) -> Content {
    let wish = Wish { extent, way: Way::Request };
    let value = schema.map(|schema| sample::value(schema, wish)).unwrap_or_else(|| serde_json::json!({}));
    if is_json(media) {
        return Content::Json(value);
    }
    let percent = |text: &str| percent_encoded(text.as_bytes());
    let pairs = |value: &Json| {
        let scalar = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let members = value.as_object().into_iter().flatten();
        members
            .map(|(name, value)| format!("{}={}", percent(name), percent(&scalar(value))))
            .collect::<Vec<_>>()
            .join("&")
    };
    match media {
        "application/x-www-form-urlencoded" => Content::Text(pairs(&value)),
        _ => Content::Text(value.as_str().unwrap_or("text").to_owned()),
    }
}
