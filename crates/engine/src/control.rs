//! The one interface of all controls.
//!
//! A control is compiled once per snapshot (immutable, shared between cores) and attached once per core (where it may
//! keep caches without locks). It takes part in the stages that it names; the order of controls within a stage is the
//! registry's. Each step is done at once, or waits on its core, or leaves the core's thread as a job.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::LocalFuture;
use crate::call::Call;
use crate::cells::Cells;
use crate::clock::Clock;
use crate::fetch::{Fetch, Spawn};
use crate::keyed::Keyed;
use crate::replay::Replays;
use crate::verdict::Verdict;

/// What a control takes part in; what nobody needs is not computed, buffered or parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// Speaks before routing. Only controls that are not an operation's own.
    pub admission: bool,
    /// Speaks when the head is there.
    pub head: bool,
    /// Reads the request's body whole.
    pub body: bool,
    /// Reads each message of a stream.
    pub message: bool,
    /// Speaks when every check has passed, before anything goes upstream. It need not have the body.
    pub upstream: bool,
    /// Speaks when the answer's head is there.
    pub response_head: bool,
    /// Reads the answer's body whole, or as a sample when in shadow.
    pub response_body: bool,
    /// Its step at the head is asked once more of a live stream when the configuration has changed: it reads the head and the
    /// proofs, and changes nothing but the proofs.
    pub recheck: bool,
    /// Sees the finished decision.
    pub observe: bool,
}

/// A control as compiled for one operation, one API or the whole gateway. Its own folder knows it again by its type, to explain it.
pub trait Control: Any + Send + Sync + fmt::Debug {
    /// Its name in documents, logs and metrics.
    fn name(&self) -> &'static str;
    /// Which one of its rules this is, where that has a mode of its own: its path in the control's section, after which reports and
    /// `yett promote` tell it from the others. It holds a bounded number of bytes.
    fn rule(&self) -> Option<&str> {
        None
    }
    /// What it takes part in.
    fn needs(&self) -> Needs;
    /// Binds it to one core and to the state that outlives snapshots.
    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached>;
}

/// A control at work on one core. A stage that [`Needs`] does not name is never called.
pub trait Attached: fmt::Debug {
    /// Before routing.
    fn admission<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Allow)
    }
    /// The head is there.
    fn head<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Allow)
    }
    /// The request's body is there, whole, in [`Call::body`].
    fn body<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Allow)
    }
    /// One message of a stream is there, whole.
    fn message<'c>(&'c self, _call: &'c mut Call, _message: &'c mut Message) -> Step<'c> {
        Step::Done(Verdict::Allow)
    }
    /// Every check has passed, and nothing has gone upstream yet.
    fn upstream<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Allow)
    }
    /// The head of the answer is there, in [`Call::response`].
    fn response_head<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Allow)
    }
    /// The body of the answer is there, whole, in [`Call::response`].
    fn response_body<'c>(&'c self, _call: &'c mut Call) -> Step<'c> {
        Step::Done(Verdict::Allow)
    }
    /// The call is over. Not called for calls that were refused before routing, but for controls of admission.
    fn observe(&self, _call: &Call) {}
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the upstream.
    Up,
    /// From the upstream to the client.
    Down,
}

/// One message of a stream.
#[derive(Debug)]
pub struct Message {
    /// Which way it goes.
    pub direction: Direction,
    /// Whether it is a text; then it is UTF-8.
    pub text: bool,
    /// Its content.
    pub body: crate::call::Body,
}

/// How a control arrives at its verdict.
#[must_use = "a verdict that is dropped lets a call pass unchecked"]
pub enum Step<'c> {
    /// At once, without allocating.
    Done(Verdict),
    /// After waiting on this core.
    Wait(LocalFuture<'c, Verdict>),
    /// On another thread, since it may take long.
    Offload(Job),
    /// On another thread, and then on this core again, where what came of the work is put into the call; what it says is the next step.
    OffloadThen(Job, Then<'c>),
}

/// What a core does with the verdict of a job; not asked when the job came to nothing.
pub type Then<'c> = Box<dyn FnOnce(Verdict) -> Step<'c> + 'c>;

impl fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Done(verdict) => f.debug_tuple("Done").field(verdict).finish(),
            Step::Wait(_) => f.write_str("Wait"),
            Step::Offload(_) | Step::OffloadThen(..) => f.write_str("Offload"),
        }
    }
}

/// Work for another thread.
pub struct Job {
    /// How long it may take; what takes longer should look at [`Cancel`] and give up.
    pub budget: Duration,
    /// The work.
    pub run: Box<dyn FnOnce(&Cancel) -> Verdict + Send>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("budget", &self.budget).finish_non_exhaustive()
    }
}

/// Tells a job that nobody waits for it any more.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Says so.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody said so.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The pool of threads for jobs.
pub trait Offload: fmt::Debug {
    /// Runs a job; `None` when the pool is full (the caller answers 503) or the job panicked.
    fn run(&self, job: Job) -> LocalFuture<'static, Option<Verdict>>;
}

/// What a control gets when it is attached to a core.
#[derive(Debug, Clone)]
pub struct CoreContext {
    /// Number of the core, from 0.
    pub core: usize,
    /// Time and randomness.
    pub clock: Arc<dyn Clock>,
    /// Shared counters.
    pub cells: Arc<dyn Cells>,
    /// What may be used once and was.
    pub replays: Arc<dyn Replays>,
    /// The way out.
    pub fetch: Arc<dyn Fetch>,
    /// The side runtime.
    pub side: Arc<dyn Spawn>,
    /// State that outlives snapshots.
    pub keyed: Arc<Keyed>,
}
