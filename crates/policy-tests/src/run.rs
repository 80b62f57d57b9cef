//! Runs cases: each in a world of its own, spread over threads, told in the order written.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use proxy::offline::Answer;

use crate::document::{Case, Service};
use crate::judge::{self, Mismatch};
use crate::moment::Moment;
use crate::token::{self, Times};
use crate::world::{Seen, Threads, World};
use crate::{Subject, bytes_of};

/// When a case happens that does not say: 2026-01-01T00:00:00Z.
const START: Moment = Moment(1_767_225_600);
/// Stack of a thread that runs cases, in bytes: as a core of the data plane has it.
const STACK: usize = 16 << 20;

/// What came of a case.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// All is as expected.
    Passed,
    /// Something is not.
    Failed(Vec<Mismatch>),
    /// It could not be put: what it names is not there, or the call did not end.
    Broken(String),
}

/// A case that was run.
#[derive(Debug, Clone)]
pub struct Finished {
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen, when the call was made.
    pub seen: Option<Seen>,
}

/// Runs all cases on so many threads.
///
/// # Errors
/// When the system gives no thread.
pub fn run(subject: &Subject, cases: &[&Case], threads: usize) -> Result<Vec<Finished>, String> {
    let results: Vec<Mutex<Option<Finished>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let done = on_this_thread(subject, |threads, runtime| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let (Some(case), Some(slot)) = (cases.get(number), results.get(number)) else { return };
                let finished = runtime.block_on_local(one(subject, threads, case));
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(finished);
            }
        });
        if done.is_err() {
            failed.store(true, Ordering::Relaxed);
        }
    };
    let most = threads.clamp(1, cases.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..most {
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            if thread.is_err() {
                failed.store(true, Ordering::Relaxed);
            }
        }
    });
    let taken = results.into_iter().map(|slot| slot.into_inner().unwrap_or_else(PoisonError::into_inner));
    let finished: Option<Vec<Finished>> = taken.collect();
    finished
        .filter(|_| !failed.load(Ordering::Relaxed))
        .ok_or_else(|| String::from("a thread for cases ended early"))
}

/// A runtime with its set of local tasks.
pub(crate) struct Local {
    runtime: tokio::runtime::Runtime,
    set: tokio::task::LocalSet,
}

impl Local {
    pub(crate) fn block_on_local<F: Future>(&self, future: F) -> F::Output {
        self.set.block_on(&self.runtime, future)
    }
}

/// Gives a runtime and threads for long work.
pub(crate) fn on_this_thread<T>(
    subject: &Subject,
    work: impl FnOnce(&Threads, &Local) -> T,
) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let local = Local { runtime, set: tokio::task::LocalSet::new() };
    let threads = local.block_on_local(async { Threads::start(subject) })?;
    Ok(work(&threads, &local))
}

/// Runs one case in a world of its own.
async fn one(subject: &Subject, threads: &Threads, case: &Case) -> Finished {
    match put(subject, threads, case).await {
        Err(why) => Finished { outcome: Outcome::Broken(why), seen: None },
        Ok((seen, answered)) => {
            let mismatches = judge::judge(&case.expect, &seen, &answered);
            let outcome = if mismatches.is_empty() { Outcome::Passed } else { Outcome::Failed(mismatches) };
            Finished { outcome, seen: Some(seen) }
        }
    }
}

/// Puts a case's call; what was seen of it, and what the service answered.
async fn put(subject: &Subject, threads: &Threads, case: &Case) -> Result<(Seen, Vec<u8>), String> {
    let place = bytes_of::place(subject, case)?;
    let over = case.state.over.map_or(Duration::ZERO, spec::Duration::get);
    let at = case.at.unwrap_or(START).0;
    let from = at.saturating_sub(over.as_secs());
    let wanted = case.credential.as_ref().filter(|credential| !credential.none);
    let token = match wanted {
        Some(credential) => Some(token::mint(subject, place.api, credential, Times { from, at })?),
        None => None,
    };
    let peer = bytes_of::peer(subject, case, &place);
    let request = bytes_of::request(&case.request, &place.host, token.as_deref());
    let answer = answer(&case.upstream)?;
    let answered = answer.as_ref().map(|answer| answer.body.to_vec()).unwrap_or_default();
    let world = World::new(subject, threads, from);
    world.answer(answer);
    let calls = case.state.calls.map_or(0, |calls| calls.value);
    let before = if case.state.anonymous {
        bytes_of::request(&case.request, &place.host, None)
    } else {
        request.clone()
    };
    let step = over.checked_div(calls.max(1)).unwrap_or_default();
    for _ in 0..calls {
        world.call(peer.clone(), &before).await?;
        world.advance(step);
    }
    world.advance(over.saturating_sub(step * calls));
    let seen = world.call(peer, &request).await?;
    Ok((seen, answered))
}

/// What the service behind answers; `None` when it is down.
pub(crate) fn answer(service: &Service) -> Result<Option<Answer>, String> {
    if service.down {
        return Ok(None);
    }
    let status = service.status.map_or(200, |status| status.value);
    let status = StatusCode::from_u16(status).map_err(|error| error.to_string())?;
    let (body, json) = bytes_of::content(service.body.as_ref(), service.json.as_ref());
    let mut headers = HeaderMap::new();
    for (name, values) in &service.headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no name of a field"))?;
        for value in &values.0 {
            let value = HeaderValue::from_bytes(value.as_bytes())
                .map_err(|_| format!("the value of `{name}` is none of a field"))?;
            headers.append(name.clone(), value);
        }
    }
    if json && !headers.contains_key(header::CONTENT_TYPE) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    Ok(Some(Answer { status, headers, body: body.into() }))
}
