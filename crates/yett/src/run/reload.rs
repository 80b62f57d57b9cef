//! Reload: load and compile beside the serving snapshot, then swap one pointer. Identical means nothing happens; an error
//! leaves the old one serving and is shown in log, metrics and readiness.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use compile::Compiled;
use diagnostics::{Diagnostic, Diagnostics, Sources};
use manage_api::{
    Ask, AskDecisions, AskNotices, BoxFuture, Handler, MAX_DIAGNOSTICS, Problem, ReloadOutcome, ReloadReport,
    Said, SaidDecisions, SaidNotices, Status, Token, TokenRequest,
};

use super::gateway::{Gateway, add_assertion_key, compile_loaded, show};
use super::{data, export, mint, revoke};
use crate::in_shadow::in_shadow;
use crate::load::{self, Loaded};
use crate::{render, terminal};

/// Why a reload is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// Somebody asked: by signal or over the control socket.
    Asked,
    /// A file seems to have changed.
    Seen,
}

/// The control API of one gateway.
pub(super) struct Control(pub(super) Arc<Gateway>);

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Control")
    }
}

impl Handler for Control {
    fn status(&self) -> Status {
        self.0.status()
    }

    fn returned(&self) -> manage_api::Returned {
        self.0.returned()
    }

    fn behavior(&self) -> BoxFuture<'_, serde_json::Value> {
        let gateway = Arc::clone(&self.0);
        Box::pin(async move {
            // That of a large contract takes a while.
            let described = tokio::task::spawn_blocking(move || gateway.behavior());
            described.await.unwrap_or_default()
        })
    }

    fn reload(&self) -> BoxFuture<'_, ReloadReport> {
        Box::pin(reload(&self.0, Reason::Asked))
    }

    fn token(&self, request: TokenRequest) -> Result<Token, Problem> {
        let Some(key) = self.0.key.lock().clone() else {
            let detail = "no API takes tokens of the local issuer: write `issuer: local`";
            return Err(Problem::new(409, "no_local_issuer", "there is no local issuer", detail));
        };
        let current = self.0.current.lock();
        mint::mint(request, &current.compiled.resolved.document, &key, &*self.0.clock)
    }

    fn ask(&self, actor: String, ask: Ask) -> BoxFuture<'_, Result<Said, Problem>> {
        let Some(credentials) = self.0.credentials().map(Arc::clone) else {
            return Box::pin(async { Err(no_store()) });
        };
        if let Ask::Revoke(new) = ask {
            let new = {
                let current = self.0.current.lock();
                revoke::resolve(new, &current.compiled.resolved.document, self.0.clock.unix().seconds())
            };
            return Box::pin(async move { credentials.revoke(actor, new?).await });
        }
        Box::pin(credentials.ask(actor, ask))
    }

    fn decisions(&self, ask: AskDecisions) -> BoxFuture<'_, Result<SaidDecisions, Problem>> {
        let asked = match &ask {
            AskDecisions::Shadow(asked) => Some(asked.clone()),
            _ => None,
        };
        Box::pin(async move {
            let mut said = Arc::clone(self.0.decisions()).ask(ask).await?;
            if let (SaidDecisions::Shadow(report), Some(asked)) = (&mut said, asked) {
                let current = self.0.current.lock();
                report.in_shadow = in_shadow(&current.compiled.snapshot, &asked);
                report.serving_since = current.since;
            }
            Ok(said)
        })
    }

    fn notices(&self, ask: AskNotices) -> BoxFuture<'_, Result<SaidNotices, Problem>> {
        Box::pin(Arc::clone(self.0.notices()).ask(ask))
    }
}

/// What is said where no store is open.
fn no_store() -> Problem {
    let detail = "no API takes keys of applications: bind a security scheme of a contract, as in \
                  `authentication: { apiKey: { source: applications } }`, or write `store: {}`";
    Problem::new(409, "no_store", "there is no store of applications", detail)
}

/// Makes one reload. At most one runs; all who ask while it does share the one after it.
pub(super) async fn reload(gateway: &Arc<Gateway>, reason: Reason) -> ReloadReport {
    let ticket = gateway.asked.fetch_add(1, Ordering::AcqRel) + 1;
    let mut served = gateway.turn.lock().await;
    if *served >= ticket
        && let Some(report) = gateway.current.lock().last_reload.clone()
    {
        return report;
    }
    *served = gateway.asked.load(Ordering::Acquire);
    let worker = Arc::clone(gateway);
    let done = tokio::task::spawn_blocking(move || attempt(&worker, reason)).await;
    done.unwrap_or_else(|_| {
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error("internal", "the reload failed by a fault of this build"));
        finish(gateway, ReloadOutcome::Failed, &found, &Sources::default())
    })
}

fn attempt(gateway: &Gateway, reason: Reason) -> ReloadReport {
    let options = &gateway.options;
    let before = Arc::clone(&gateway.current.lock().loaded);
    let read = load::load(&options.config, options.environment.as_deref(), Some(&before));
    let read = read.map_err(|why| ("file-missing", why)).and_then(|mut loaded| {
        add_assertion_key(gateway.data(), &mut loaded).map_err(|why| ("data", why))?;
        Ok(loaded)
    });
    let loaded = match read {
        // What was read last need not be what serves: after a failure it is compiled again, and may be what serves.
        Ok(loaded) if reason == Reason::Seen && !failed_last(gateway) && loaded.same_content(&before) => {
            return unchanged(gateway);
        }
        Ok(loaded) => Arc::new(loaded),
        Err((code, why)) => {
            let mut found = Diagnostics::new();
            found.push(Diagnostic::error(code, why));
            return finish(gateway, ReloadOutcome::Failed, &found, &Sources::default());
        }
    };
    drop(before);
    let mut sources = Sources::default();
    let result = compile_next(gateway, &loaded, &mut sources);
    gateway.current.lock().loaded = Arc::clone(&loaded);
    match result {
        Ok(None) => {
            gateway.notices().try_again();
            gateway.counts.unchanged.fetch_add(1, Ordering::Relaxed);
            finish_quietly(gateway, ReloadOutcome::Unchanged, &Diagnostics::new(), &sources)
        }
        Ok(Some(compiled)) => publish(gateway, compiled, loaded, &sources),
        Err(found) => finish(gateway, ReloadOutcome::Failed, &found, &sources),
    }
}

/// Compiles beside what serves; `None` when it is the same.
fn compile_next(
    gateway: &Gateway,
    loaded: &Loaded,
    sources: &mut Sources,
) -> Result<Option<Compiled>, Diagnostics> {
    let failed = |why: String| {
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error("data", why));
        found
    };
    let local = loaded.outline.as_ref().is_some_and(|outline| outline.local_issuer);
    let key = gateway.key.lock().clone();
    let key = match key {
        None if local => Some(data::issuer_key(gateway.data()).map(Arc::new).map_err(failed)?),
        // The key stays when no API wants it any more: it may come back with the next edit.
        key => key.filter(|_| local),
    };
    let (generation, previous) = {
        let current = gateway.current.lock();
        (current.compiled.snapshot.generation + 1, current.compiled.kept().clone())
    };
    let compiled = compile_loaded(
        loaded,
        &gateway.options,
        key.as_deref(),
        generation,
        &gateway.live,
        Some(&previous),
        sources,
    )?;
    gateway.want_store(&compiled.resolved.document, loaded).map_err(failed)?;
    let current = gateway.current.lock();
    let mut found = Diagnostics::new();
    needs_restart(&current.compiled, &compiled, &mut found);
    if found.has_errors() {
        return Err(found);
    }
    // A comment changes no meaning, but may move the places that decisions name. What counts is keyed and goes on.
    let (old, new) = (&current.compiled.snapshot, &compiled.snapshot);
    if new.digest == old.digest && new.places == old.places {
        return Ok(None);
    }
    if let Some(key) = key {
        *gateway.key.lock() = Some(key);
    }
    Ok(Some(compiled))
}

/// What cannot change while sockets and files are open.
fn needs_restart(old: &Compiled, new: &Compiled, out: &mut Diagnostics) {
    let mut report = |what: String, span| {
        let help = "put it back, or restart `yett run`";
        out.push(Diagnostic::error("restart-needed", what).at(span).help(help));
    };
    let (before, after) = (&old.resolved.document, &new.resolved.document);
    let same = before.listeners.len() == after.listeners.len()
        && before
            .listeners
            .iter()
            .zip(&after.listeners)
            .all(|((name, one), (other_name, other))| name == other_name && is_same_socket(one, other));
    if !same {
        let moved = after.listeners.iter().find(|(name, listener)| {
            before.listeners.get(*name).is_none_or(|known| !is_same_socket(known, listener))
        });
        let (what, span) = match moved {
            Some((name, listener)) => {
                (format!("the listener `{name}` is new or has moved"), listener.bind.span)
            }
            None => (String::from("a listener was taken out"), after.span),
        };
        report(what, span);
    }
    if before.admin.bind.value != after.admin.bind.value {
        report(String::from("the admin listener has moved"), after.admin.bind.span);
    }
    let bind = |document: &spec::Document| document.revocation.as_ref().map(|one| one.bind.value);
    if bind(before) != bind(after) {
        report(String::from("the listener of `revocation` has moved"), after.span);
    }
    if before.record.access_log != after.record.access_log {
        report(String::from("the access log goes elsewhere"), after.span);
    }
    let url = |document: &spec::Document| {
        document.store.as_ref().and_then(|store| store.url.as_ref()).map(|url| url.value.clone())
    };
    if url(before) != url(after) {
        report(String::from("decisions are kept in another place"), after.span);
    }
    if state_of(before) != state_of(after) {
        report(String::from("state is shared in another way"), after.span);
    }
    if before.data != after.data {
        report(String::from("the data directory is another one"), after.span);
    }
}

/// What is written of shared state.
fn state_of(document: &spec::Document) -> Option<serde_json::Value> {
    document.state.as_ref().and_then(|state| serde_json::to_value(&state.value).ok())
}

/// Whether two listeners can be one socket.
fn is_same_socket(one: &spec::Listener, other: &spec::Listener) -> bool {
    let permissions = |listener: &spec::Listener| listener.permissions.map(|written| written.value);
    one.bind.value == other.bind.value
        && permissions(one) == permissions(other)
        && one.tls.is_some() == other.tls.is_some()
}

fn publish(gateway: &Gateway, compiled: Compiled, loaded: Arc<Loaded>, sources: &Sources) -> ReloadReport {
    if let Some(plane) = gateway.plane.read().as_ref() {
        plane.publish(&compiled.snapshot);
    }
    gateway.decisions().apply(&compiled.resolved.document);
    // Its secrets were there when it was compiled.
    if let Err(why) = gateway.notices().apply(&compiled.resolved.document, &loaded) {
        terminal::say(format_args!("warning: {why}; events go where they went"));
    }
    gateway.exporter().apply(export::settings(&compiled.resolved.document, &loaded));
    let warnings = compiled.warnings.clone();
    let old = {
        let mut current = gateway.current.lock();
        current.served = loaded;
        current.since = gateway.clock.unix().seconds();
        std::mem::replace(&mut current.compiled, compiled)
    };
    drop(old);
    finish(gateway, ReloadOutcome::Changed, &warnings, sources)
}

fn failed_last(gateway: &Gateway) -> bool {
    let current = gateway.current.lock();
    current.last_reload.as_ref().is_some_and(|report| report.outcome == ReloadOutcome::Failed)
}

fn unchanged(gateway: &Gateway) -> ReloadReport {
    let current = gateway.current.lock();
    current.last_reload.clone().unwrap_or(ReloadReport {
        outcome: ReloadOutcome::Unchanged,
        generation: current.compiled.snapshot.generation,
        at: gateway.clock.unix().seconds(),
        diagnostics: Vec::new(),
        more: 0,
    })
}

/// Keeps what became of a reload and says so.
fn finish(gateway: &Gateway, outcome: ReloadOutcome, found: &Diagnostics, sources: &Sources) -> ReloadReport {
    show(found, sources);
    let report = finish_quietly(gateway, outcome, found, sources);
    let count = match outcome {
        ReloadOutcome::Failed => {
            terminal::say(format_args!(
                "reload failed ({}): configuration {} goes on serving",
                render::tally(found),
                report.generation
            ));
            &gateway.counts.failed
        }
        _ => {
            terminal::say(format_args!("reloaded: configuration {} serves now", report.generation));
            &gateway.counts.changed
        }
    };
    count.fetch_add(1, Ordering::Relaxed);
    report
}

fn finish_quietly(
    gateway: &Gateway,
    outcome: ReloadOutcome,
    found: &Diagnostics,
    sources: &Sources,
) -> ReloadReport {
    let (diagnostics, more) = render::views(found, sources, MAX_DIAGNOSTICS);
    let mut current = gateway.current.lock();
    let report = ReloadReport {
        outcome,
        generation: current.compiled.snapshot.generation,
        at: gateway.clock.unix().seconds(),
        diagnostics,
        more,
    };
    current.last_reload = Some(report.clone());
    report
}
