//! Runs cases: each in a world of its own, spread over threads, told in the order written.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use proxy::offline::Answer;
use spec::Strings;

use crate::decides::Said;
use crate::document::{Case, Request, Service};
use crate::judge::{self, Mismatch};
use crate::moment::Moment;
use crate::present::{Carried, Nth, Presented};
use crate::token::Times;
use crate::world::{Seen, Threads, World};
use crate::{Subject, bytes_of};

/// When a case happens that does not say: 2026-01-01T00:00:00Z.
const START: Moment = Moment(1_767_225_600);
/// The field in which the gateway gives a nonce (RFC 9449 section 8.1).
const NONCE: &str = "dpop-nonce";
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
    over(subject, cases, threads, &async |threads: &Threads, case: &Case| one(subject, threads, case).await)
}

/// Does something with each case on so many threads; the results are in the order of the cases.
fn over<T: Send>(
    subject: &Subject,
    cases: &[&Case],
    threads: usize,
    each: &(impl AsyncFn(&Threads, &Case) -> T + Sync),
) -> Result<Vec<T>, String> {
    let results: Vec<Mutex<Option<T>>> = cases.iter().map(|_| Mutex::new(None)).collect();
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        let done = on_this_thread(subject, |threads, runtime| {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let (Some(case), Some(slot)) = (cases.get(number), results.get(number)) else { return };
                let finished = runtime.block_on_local(each(threads, case));
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
    let finished: Option<Vec<T>> = taken.collect();
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

/// A case made ready to be put.
struct Ready<'s> {
    peer: engine::Peer,
    host: String,
    request: &'s Request,
    presented: Presented<'s>,
    answer: Option<Answer>,
    said: Said,
    owners: &'s BTreeMap<String, Strings>,
    /// When the first call is made, in seconds since 1970.
    from: u64,
    over: Duration,
}

impl<'s> Ready<'s> {
    fn of(subject: &'s Subject, case: &'s Case) -> Result<Self, String> {
        let place = bytes_of::place(subject, case)?;
        let over = case.state.over.map_or(Duration::ZERO, spec::Duration::get);
        let at = case.at.unwrap_or(START).0;
        let from = at.saturating_sub(over.as_secs());
        Ok(Self {
            peer: bytes_of::peer(case, &place),
            presented: Presented::of(subject, case, &place, Times { from, at })?,
            request: &case.request,
            host: place.host,
            answer: answer(&case.upstream)?,
            said: Said::of(case.pdp.as_ref())?,
            owners: &case.owners,
            from,
            over,
        })
    }

    /// A call, byte for byte.
    fn bytes(&self, nth: Nth<'_>) -> Result<Vec<u8>, String> {
        Ok(bytes_of::request(self.request, &self.host, &self.presented.with(nth)?))
    }
}

/// A case's call as its client sends it, byte for byte, and the client's end of the connection.
///
/// # Errors
/// What the case names and the configuration does not have.
pub fn on_the_wire(subject: &Subject, case: &Case) -> Result<(engine::Peer, Vec<u8>), String> {
    let ready = Ready::of(subject, case)?;
    let bytes = ready.bytes(Nth { number: 0, now: case.at.unwrap_or(START).0, nonce: None })?;
    Ok((ready.peer, bytes))
}

/// A case's client, and the world that it calls.
struct Client<'r> {
    ready: &'r Ready<'r>,
    world: World,
    calls: u32,
    nonce: Option<String>,
}

impl<'r> Client<'r> {
    fn new(subject: &Subject, threads: &Threads, ready: &'r Ready<'r>) -> Self {
        let world = World::knowing(subject, threads, ready.from, ready.presented.issued());
        world.answer(ready.answer.clone());
        world.decide(ready.said.clone());
        world.own(ready.owners.clone());
        Self { ready, world, calls: 0, nonce: None }
    }

    /// Makes the next call. A nonce that the gateway wants is taken from its answer and sent, once (RFC 9449 section 8).
    async fn call(&mut self) -> Result<Seen, String> {
        let (seen, bytes) = self.once().await?;
        let given = seen.headers.get(NONCE).and_then(|value| value.to_str().ok());
        let wanted = seen.decided.code == Some("proof_nonce_required") && self.ready.presented.takes_nonces();
        let (seen, bytes) = match given.map(str::to_owned).filter(|_| wanted) {
            None => (seen, bytes),
            nonce => {
                self.nonce = nonce;
                self.once().await?
            }
        };
        if self.ready.presented.is_repeated() {
            return self.world.call(self.ready.peer.clone(), &bytes).await;
        }
        Ok(seen)
    }

    async fn once(&mut self) -> Result<(Seen, Vec<u8>), String> {
        self.calls += 1;
        let nth = Nth { number: self.calls, now: self.world.now(), nonce: self.nonce.as_deref() };
        let bytes = self.ready.bytes(nth)?;
        Ok((self.world.call(self.ready.peer.clone(), &bytes).await?, bytes))
    }

    /// Makes a call that shows nobody.
    async fn anonymous(&self) -> Result<Seen, String> {
        let bytes = bytes_of::request(self.ready.request, &self.ready.host, &Carried::default());
        self.world.call(self.ready.peer.clone(), &bytes).await
    }
}

/// Puts a case's call; what was seen of it, and what the service answered.
async fn put(subject: &Subject, threads: &Threads, case: &Case) -> Result<(Seen, Vec<u8>), String> {
    let ready = Ready::of(subject, case)?;
    let answered = ready.answer.as_ref().map(|answer| answer.body.to_vec()).unwrap_or_default();
    let mut client = Client::new(subject, threads, &ready);
    let calls = case.state.calls.map_or(0, |calls| calls.value);
    let step = ready.over.checked_div(calls.max(1)).unwrap_or_default();
    for _ in 0..calls {
        if case.state.anonymous {
            client.anonymous().await?;
        } else {
            client.call().await?;
        }
        client.world.advance(step);
    }
    client.world.advance(ready.over.saturating_sub(step * calls));
    Ok((client.call().await?, answered))
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

/// How many calls of a case pass before one is throttled (429), the last that was not, and the one that was; `None` when as
/// many pass as were to be made.
pub(crate) type Exhausted = Option<(u32, Seen, Seen)>;

/// Repeats each case's call in one world until it is throttled, at most so many times; or says why it cannot be.
pub(crate) fn exhaust(
    subject: &Subject,
    cases: &[&Case],
    (threads, most): (usize, u32),
) -> Result<Vec<Result<Exhausted, String>>, String> {
    over(subject, cases, threads, &async |threads: &Threads, case: &Case| {
        repeat(subject, threads, case, most).await
    })
}

async fn repeat(subject: &Subject, threads: &Threads, case: &Case, most: u32) -> Result<Exhausted, String> {
    let ready = Ready::of(subject, case)?;
    let mut client = Client::new(subject, threads, &ready);
    let mut last: Option<Seen> = None;
    for calls in 0..=most {
        let seen = client.call().await?;
        if seen.status == StatusCode::TOO_MANY_REQUESTS {
            let last = last.ok_or_else(|| String::from("the first call is throttled already"))?;
            return Ok(Some((calls, last, seen)));
        }
        last = Some(seen);
    }
    Ok(None)
}
