//! One core for a control under test: a fake clock, real counters, and no way out.

use std::sync::Arc;

use engine::control::Cancel;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Spawn};
use engine::{BoxFuture, CoreContext, Step, Verdict};
use state::{MemoryCells, MemoryReplays};

use crate::FakeClock;

/// A way out that leads nowhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFetch;

impl Fetch for NoFetch {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        Box::pin(async move { Err(FetchError::Address(request.url)) })
    }
}

/// A side runtime that drops what it is given.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSpawn;

impl Spawn for NoSpawn {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        drop(task);
    }
}

/// What a control is attached to. Cores made with the same `cells` count together.
#[must_use]
pub fn core(clock: &FakeClock, cells: &Arc<MemoryCells>) -> CoreContext {
    CoreContext {
        core: 0,
        clock: Arc::new(clock.clone()),
        cells: Arc::clone(cells) as Arc<dyn engine::cells::Cells>,
        replays: Arc::new(MemoryReplays::new()),
        fetch: Arc::new(NoFetch),
        side: Arc::new(NoSpawn),
        keyed: Arc::default(),
    }
}

/// The verdict of a step, and whether it left the core; what leaves it is done here, at once.
///
/// # Panics
/// When the step waits.
pub fn worked(step: Step<'_>) -> (bool, Verdict) {
    match step {
        Step::Done(verdict) => (false, verdict),
        Step::Offload(job) => (true, (job.run)(&Cancel::default())),
        Step::OffloadThen(job, then) => (true, worked(then((job.run)(&Cancel::default()))).1),
        #[expect(clippy::panic, reason = "a helper of tests: the wrong kind of step fails the test")]
        Step::Wait(_) => panic!("nothing to wait for"),
    }
}

/// The verdict of a step that is done at once.
///
/// # Panics
/// When the step waits or leaves the core.
pub fn done(step: Step<'_>) -> Verdict {
    match step {
        Step::Done(verdict) => verdict,
        #[expect(clippy::panic, reason = "a helper of tests: the wrong kind of step fails the test")]
        other => panic!("expected a verdict at once, found {other:?}"),
    }
}
