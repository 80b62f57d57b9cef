//! One key for both directions. Nothing in a message says which way it goes (RFC 7515 and RFC 7516 have no member for that), so whoever sees
//! an answer could send it back, and it would be a good request: keys have to tell the two apart, in the whole gateway.

use std::sync::{Arc, Mutex, PoisonError};

use diagnostics::{Diagnostics, Span};

use super::answer::Answers;
use super::check::error;
use super::request::Requests;
use crate::scope::OperationScope;

/// What is taken and what is given, as far as operations have been compiled.
#[derive(Debug, Default)]
struct Known {
    taken: Vec<(String, Arc<Requests>)>,
    given: Vec<Given>,
}

#[derive(Debug)]
struct Given {
    by: String,
    answers: Arc<Answers>,
    span: Span,
    is_told: bool,
}

/// Reports answers of one operation, or of those before it, that would be good requests of another, and the other way round.
pub(super) fn check(
    scope: &OperationScope<'_>,
    requests: Option<&Arc<Requests>>,
    answers: Option<(&Arc<Answers>, Span)>,
    out: &mut Diagnostics,
) {
    let known = scope.api.gateway.shared.get("message_security directions", Mutex::<Known>::default);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let place = || format!("`{}` of `{}`", scope.id, scope.api.name);
    let before = known.taken.len() + known.given.len();
    if let Some(requests) = requests
        && !known.taken.iter().any(|(_, one)| Arc::ptr_eq(one, requests))
    {
        known.taken.push((place(), Arc::clone(requests)));
    }
    if let Some((answers, span)) = answers
        && !known.given.iter().any(|one| Arc::ptr_eq(&one.answers, answers))
    {
        known.given.push(Given { by: place(), answers: Arc::clone(answers), span, is_told: false });
    }
    if known.taken.len() + known.given.len() == before {
        return;
    }
    let Known { taken, given } = &mut *known;
    for given in given.iter_mut().filter(|given| !given.is_told) {
        let would_take =
            |(_, one): &&(String, Arc<Requests>)| given.answers.outgoing.is_taken_by(&one.incoming);
        let Some((taker, _)) = taken.iter().find(would_take) else { continue };
        let message =
            format!("answers of {} are good requests of {taker}: one key is for both ways", given.by);
        let help = "give each direction a key of its own, or let `verify` say by whom requests are signed";
        error(message, given.span, help, out);
        given.is_told = true;
    }
}
