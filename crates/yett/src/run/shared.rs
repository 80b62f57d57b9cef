//! State that several gateways share, as the document says: the way to its server, and this gateway's part of the denylist.

use std::sync::{Arc, Weak};

use credentials::Kind;
use engine::fetch::Spawn;
use engine::{BoxFuture, Clock};
use serde_json::{Value, json};
use spec::{Document, LimitsAlone};
use state::Shared;
use state::shared::{Denial, Denylist, Dial, Settings, State, Stream};
use store::{Adopted, Revocation};
use telemetry::{Kind as Metric, Sample};

use super::credentials::{Credentials, plain};
use crate::load::Loaded;
use crate::terminal;

/// What the audit chain calls who revoked what comes from there.
const ACTOR: &str = "gateways:state";
/// Read at one time of our own list.
const PAGE: usize = 1_000;
/// How old what is known of the denylist may be before readiness says so, in seconds.
const FRESH: f64 = 1.0;

/// Begins to use the server that a document names; `None` where it names none.
///
/// # Errors
/// When TLS cannot be set up, or the password is not there.
pub(super) fn start(
    document: &Document,
    loaded: &Loaded,
    (clock, side): (&Arc<dyn Clock>, &Arc<dyn Spawn>),
) -> Result<Option<Arc<Shared>>, String> {
    let Some(redis) = document.state.as_ref().map(|state| &state.redis) else { return Ok(None) };
    let roots = compile::state_roots(document, &loaded.assets);
    let client = outbound::Client::new(Arc::clone(clock), &roots)
        .map_err(|error| format!("the server of shared state cannot be reached: {error}"))?;
    let address = match redis.path() {
        Some(path) => format!("unix:{path}"),
        None => format!("{}://{}", if redis.tls { "tls" } else { "tcp" }, redis.address.value),
    };
    let dial: Dial = Arc::new(move || {
        let opening = client.open(&address);
        Box::pin(async move {
            let stream = opening.await.map_err(|error| error.to_string())?;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    });
    let password = redis.password.as_ref().map(|reference| loaded.secret_text(&reference.value));
    let settings = Settings {
        prefix: redis.prefix.value.clone(),
        username: redis.username.as_ref().map(|username| username.value.clone()),
        password: password.transpose()?,
        database: redis.database,
        timeout: redis.timeout.get(),
        refuse_alone: redis.limits_alone == LimitsAlone::Refuse,
        say: |text| terminal::say(text),
    };
    Ok(Some(Shared::start(settings, dial, clock, side)))
}

/// A denial, as the store has it; or that it was taken back, at a moment in µs since 1970.
pub(super) fn denial(one: &Revocation, undone: Option<u64>) -> Denial {
    Denial {
        kind: one.kind.name().to_owned(),
        issuer: one.issuer.clone(),
        value: one.value.clone(),
        before: one.before,
        until: one.expires,
        undone: undone.is_some(),
        // What was known when it was taken back was said before, whatever the clocks were.
        said: undone.map_or(one.said, |at| at.max(one.said.saturating_add(1))),
    }
}

/// Follows the common denylist with a store.
pub(super) fn follow(shared: &Shared, credentials: &Arc<Credentials>) {
    let list: Arc<dyn Denylist> = Arc::<Credentials>::clone(credentials);
    let list: Weak<dyn Denylist> = Arc::downgrade(&list);
    shared.follow(list);
}

impl Denylist for Credentials {
    fn adopt(&self, said: Vec<Denial>) -> BoxFuture<'_, Result<(), String>> {
        let adopted = said.into_iter().filter_map(|one| {
            let kind = Kind::parse(&one.kind)?;
            let Denial { issuer, value, before, until, undone, said, .. } = one;
            Some(Adopted { kind, issuer, value, before, until, undone, said })
        });
        let adopted: Vec<Adopted> = adopted.collect();
        Box::pin(async move { self.take_over(ACTOR, &adopted).await.map_err(|why| plain(&why)) })
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<Denial>, String>> {
        Box::pin(async move {
            let mut all: Vec<Denial> = Vec::new();
            let mut behind: Option<(u64, String)> = None;
            loop {
                let after = behind.as_ref().map(|(created, id)| (*created, id.as_str()));
                let page = self.listed(after, PAGE).await.map_err(|why| plain(&why))?;
                all.extend(page.iter().map(|one| denial(one, None)));
                match page.last() {
                    Some(last) if page.len() == PAGE => behind = Some((last.created, last.id.clone())),
                    _ => return Ok(all),
                }
            }
        })
    }
}

/// What readiness says of it.
pub(super) fn detail(state: &State) -> Value {
    let age = state.revocations_age.map(|age| age.as_secs_f64());
    json!({
        "ok": !is_degraded(state),
        "fault": state.fault.as_ref().map(|(why, _)| why),
        "since": state.fault.as_ref().map(|(_, since)| since),
        "evicts": !state.keeps,
        "replays": if state.fault.is_none() && state.keeps { "checked" } else { "refused" },
        "revocations": {
            "current": age.is_some_and(|age| age <= FRESH),
            "age": age,
            "unsaid": state.revocations_unsaid,
            "fault": state.revocations_fault,
        },
    })
}

/// Whether something does not hold among gateways that should.
pub(super) fn is_degraded(state: &State) -> bool {
    let age = state.revocations_age.map(|age| age.as_secs_f64());
    state.fault.is_some()
        || !state.keeps
        || state.revocations_fault.is_some()
        || state.revocations_unsaid
        || age.is_none_or(|age| age > FRESH)
}

/// The same as metrics.
pub(super) fn samples(state: &State) -> Vec<Sample> {
    let one = |name, help, kind, value| Sample { name, help, kind, labels: Vec::new(), value };
    let flag = |is: bool| f64::from(u8::from(is));
    // Exact to 2^53, as every number in this format.
    let number = |value: u64| value as f64;
    let questions = |outcome: &str, value| Sample {
        name: "yett_state_questions_total",
        help: "Questions to the server of shared state, by what became of them.",
        kind: Metric::Counter,
        labels: vec![("outcome", outcome.to_owned())],
        value: number(value),
    };
    let mut all = vec![
        one(
            "yett_state_up",
            "Whether the server of shared state can be used.",
            Metric::Gauge,
            flag(state.fault.is_none()),
        ),
        one(
            "yett_state_keeps",
            "Whether it throws nothing away before its time.",
            Metric::Gauge,
            flag(state.keeps),
        ),
        one(
            "yett_state_shares",
            "Limits of which units are held.",
            Metric::Gauge,
            number(state.shares as u64),
        ),
        one(
            "yett_state_connections_total",
            "Connections made to it.",
            Metric::Counter,
            number(state.connections),
        ),
        questions("answered", state.answered),
        questions("failed", state.failed),
        questions("not_asked", state.not_asked),
    ];
    if let Some(age) = state.revocations_age {
        let help = "Time since all revocations of other gateways were known to be in effect here.";
        all.push(one("yett_state_revocations_age_seconds", help, Metric::Gauge, age.as_secs_f64()));
    }
    all
}
