//! What a document says of a sink, ready to be used.

use std::time::Duration;

use engine::Kept;
use engine::fetch::Reach;
use notices::{Filter, Retry, Secret, Severity};

use crate::load::Loaded;

/// How one sink is to be told.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) url: String,
    /// What events are signed with, the newest first.
    pub(super) secrets: Vec<Secret>,
    /// Whether it is told of calls, and of alerts.
    pub(super) calls: bool,
    pub(super) alerts: bool,
    pub(super) wanted: Filter,
    /// Those for whose alerts it is told; empty for all.
    pub(super) owners: Vec<String>,
    pub(super) reach: Reach,
    pub(super) deadline: Duration,
    pub(super) retry: Retry,
    /// Bytes that may wait, and those of dead letters.
    pub(super) size: u64,
    pub(super) dead: u64,
}

impl Settings {
    /// Those of a sink of a document that compiled.
    ///
    /// # Errors
    /// That a secret is not there any more.
    pub(super) fn of(sink: &spec::Sink, document: &spec::Document, loaded: &Loaded) -> Result<Self, String> {
        let secret = |reference: &spec::SecretRef| {
            Secret::parse(loaded.secret(reference)?)
                .map_err(|why| format!("the secret `{reference}` cannot be used: {why}"))
        };
        let secrets = std::iter::once(&sink.secret).chain(&sink.previous_secret);
        let retry = &sink.retry;
        Ok(Self {
            url: sink.url.as_str().to_owned(),
            secrets: secrets.map(|reference| secret(reference)).collect::<Result<_, _>>()?,
            calls: sink.tell.contains(&spec::Tell::Calls),
            alerts: sink.tell.contains(&spec::Tell::Alerts),
            wanted: filter(&sink.events, document),
            owners: texts(&sink.events.owner),
            reach: if sink.allow_private { Reach::Operator } else { Reach::PublicOnly },
            deadline: sink.deadline.get(),
            retry: Retry {
                first: retry.first.get(),
                most: retry.most.get(),
                tries: retry.tries.value,
                age: retry.age.get(),
            },
            size: sink.size.bytes(),
            dead: sink.dead.bytes(),
        })
    }
}

/// A name that no API has.
const NOBODY: &str = "\0";

/// What a document wants to be told of.
pub(super) fn filter(wanted: &spec::Wanted, document: &spec::Document) -> Filter {
    let outcome = |outcome: &spec::EventOutcome| match outcome {
        spec::EventOutcome::Refused => Kept::Refused,
        spec::EventOutcome::Failed => Kept::Failed,
        spec::EventOutcome::Shadowed => Kept::Shadowed,
        spec::EventOutcome::Noted => Kept::Noted,
    };
    Filter {
        severity: severity(wanted.severity),
        outcomes: wanted.outcome.iter().map(outcome).collect(),
        codes: texts(&wanted.code),
        controls: texts(&wanted.control),
        apis: apis(wanted, document),
        operations: texts(&wanted.operation),
    }
}

pub(super) fn severity(severity: spec::Severity) -> Severity {
    match severity {
        spec::Severity::Info => Severity::Info,
        spec::Severity::Notice => Severity::Notice,
        spec::Severity::Warning => Severity::Warning,
        spec::Severity::Error => Severity::Error,
    }
}

/// The APIs that are wanted by name and by who answers for them; none for all.
fn apis(wanted: &spec::Wanted, document: &spec::Document) -> Vec<String> {
    let named = texts(&wanted.api);
    if wanted.owner.is_empty() {
        return named;
    }
    let is_wanted = |owner: &String| wanted.owner.iter().any(|one| one.value == *owner);
    let owned = document.apis.iter().filter(|(_, api)| api.owner.as_ref().is_some_and(is_wanted));
    let owned = owned.map(|(name, _)| name.clone());
    let mut all: Vec<String> = owned.filter(|name| named.is_empty() || named.contains(name)).collect();
    if all.is_empty() {
        all.push(NOBODY.to_owned());
    }
    all
}

fn texts(written: &[spec::Spanned<String>]) -> Vec<String> {
    written.iter().map(|text| text.value.clone()).collect()
}
