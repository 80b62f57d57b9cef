//! What can be wrong with the section by itself.

use std::collections::BTreeMap;

use contract::ContentType;
use diagnostics::{Diagnostic, Diagnostics, Severity, Span};
use http::HeaderValue;
use spec::{Mode, Node};

use super::config::{AnswerSection, MessageSecuritySection, RequestSection};
use crate::pattern::{Pattern, Step, same_name};

/// Code of what is wrong here.
const CODE: &str = "message-security";

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &Node, out: &mut Diagnostics) {
    let before = out.count(Severity::Error);
    let section: Option<MessageSecuritySection> = spec::read(node, out);
    // What was left out since it cannot be read is not missed a second time.
    let Some(section) = section.filter(|_| out.count(Severity::Error) == before) else { return };
    if section.mode != Mode::Off && section.request.is_none() && section.answer.is_none() {
        error("the section protects nothing", node.span, "write `request`, `answer` or both", out);
    }
    check(&section, out);
}

/// Reports by code, with what to do.
pub(super) fn error(message: impl Into<String>, span: Span, help: &str, out: &mut Diagnostics) {
    out.push(Diagnostic::error(CODE, message.into()).at(span).help(help));
}

/// The same of what may be meant.
pub(super) fn warning(message: impl Into<String>, span: Span, help: &str, out: &mut Diagnostics) {
    out.push(Diagnostic::warning(CODE, message.into()).at(span).help(help));
}

pub(super) fn check(section: &MessageSecuritySection, out: &mut Diagnostics) {
    if let Some(request) = &section.request {
        check_request(request, request.span, out);
    }
    if let Some(answer) = &section.answer {
        check_answer(answer, answer.span, out);
    }
}

fn check_request(request: &RequestSection, span: Span, out: &mut Diagnostics) {
    if request.decrypt.is_none() && request.verify.is_none() {
        let help = "write `decrypt`, `verify` or both";
        error("`request` says nothing of what a message is", span, help, out);
    }
    let empty = |list: bool, what: &str, at: Span, out: &mut Diagnostics| {
        if list {
            error(format!("an empty `{what}` accepts nothing"), at, "list what is accepted", out);
        }
    };
    if let Some(decrypt) = &request.decrypt {
        empty(decrypt.algorithms.is_empty(), "algorithms", decrypt.span, out);
        empty(decrypt.encryption.is_empty(), "encryption", decrypt.span, out);
    }
    if let Some(verify) = &request.verify {
        empty(verify.algorithms.is_empty(), "algorithms", verify.span, out);
        if verify.typ.as_deref().is_some_and(|typ| typ.trim().is_empty()) {
            let help = "write the `typ` that messages have, or leave the key out where they have none";
            error("no message has an empty `typ`", verify.span, help, out);
        }
        check_callers(verify.callers.as_ref(), verify.issuer.is_some(), verify.span, out);
    }
    check_types([&request.media_type, &request.content_type], span, out);
    check_fields(&request.fields, span, out);
}

fn check_answer(answer: &AnswerSection, span: Span, out: &mut Diagnostics) {
    if answer.sign.is_none() && answer.encrypt.is_none() {
        let help = "write `sign`, `encrypt` or both";
        error("`answer` says nothing of what a message is", span, help, out);
    }
    if let Some(encrypt) = &answer.encrypt {
        check_callers(encrypt.callers.as_ref(), encrypt.issuer.is_some(), encrypt.span, out);
        if encrypt.kid.is_some() && encrypt.callers.is_some() {
            let help = "write one of them";
            error("`kid` is for all callers and `callers` for each", encrypt.span, help, out);
        }
    }
    check_types([&answer.media_type, "application/json"], span, out);
    check_fields(&answer.fields, span, out);
}

/// An empty map would read as none at all, by which any key is good for anybody: the last partner who goes would take the binding along.
fn check_callers(
    callers: Option<&BTreeMap<String, String>>,
    issuer: bool,
    span: Span,
    out: &mut Diagnostics,
) {
    if issuer && callers.is_none() {
        let help = "write `callers`, or leave `issuer` out";
        error("`issuer` says whose applications `callers` names", span, help, out);
    }
    if callers.is_some_and(BTreeMap::is_empty) {
        let help = "name who calls, or leave the key out where any key is good for anybody";
        error("an empty `callers` is for nobody", span, help, out);
    }
}

/// The media type of a message and that of what is in it.
fn check_types([message, content]: [&str; 2], span: Span, out: &mut Diagnostics) {
    for text in [message, content] {
        if HeaderValue::from_str(text).is_err() || ContentType::parse(text).is_none() {
            let help = "write one such as `application/jose`";
            error(format!("`{text}` is no media type"), span, help, out);
        }
    }
    if essence(message) == essence(content) {
        let help = "a message has a media type of its own, such as `application/jose`";
        error("a message and what is in it cannot be told apart", span, help, out);
    }
}

/// A media type in lower case, without parameters.
pub(super) fn essence(text: &str) -> String {
    ContentType::parse(text).map(|parsed| parsed.essence).unwrap_or_default()
}

/// A field within another would be a message in a message.
fn check_fields(fields: &[Pattern], span: Span, out: &mut Diagnostics) {
    let leads = |(one, two): (&Step, &Step)| match (one.name(), two.name()) {
        (Some(one), Some(two)) => same_name(one, two),
        _ => true,
    };
    for (number, one) in fields.iter().enumerate() {
        for two in fields.iter().skip(number + 1) {
            if one.steps().iter().zip(two.steps()).all(leads) {
                let message = format!("`{}` and `{}` may lead into each other", one.as_str(), two.as_str());
                error(message, span, "protect the outer or the inner of them", out);
            }
        }
    }
}
