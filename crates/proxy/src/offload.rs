//! The bounded pool of threads for work that may take long.
//!
//! All cores share it. A job that finds the queue full, panics, or overruns its budget comes to nothing, which the
//! pipeline turns into a refusal; a job that nobody waits for any more is told so.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, thread};

use engine::bounds::{self, Bound};
use engine::control::{Cancel, Job, Offload};
use engine::record::CoreRecorder;
use engine::{LocalFuture, Verdict};
use tokio::sync::oneshot;

struct Work {
    job: Job,
    cancel: Cancel,
    done: oneshot::Sender<Option<Verdict>>,
}

/// Starts the threads; they end when the last sender is gone.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn start(threads: usize) -> io::Result<Queue> {
    let (sender, receiver) = sync_channel(bounds::OFFLOAD_QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for number in 0..threads.max(1) {
        let receiver = Arc::clone(&receiver);
        thread::Builder::new().name(format!("work-{number}")).spawn(move || work(&receiver))?;
    }
    Ok(Queue(sender))
}

/// The way into the pool.
#[derive(Clone)]
pub(crate) struct Queue(SyncSender<Work>);

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Queue")
    }
}

fn work(receiver: &Mutex<Receiver<Work>>) {
    loop {
        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Work { job, cancel, done }) = next else { return };
        if cancel.is_cancelled() {
            continue;
        }
        let verdict = catch_unwind(AssertUnwindSafe(|| (job.run)(&cancel))).ok();
        // Nobody waits any more: the verdict has no use.
        let _ = done.send(verdict);
    }
}

/// The pool as one core sees it.
#[derive(Debug)]
pub(crate) struct CoreOffload {
    pub(crate) queue: Queue,
    pub(crate) recorder: Rc<dyn CoreRecorder>,
}

/// Cancels the job when its call goes away.
struct Watch(Cancel);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Offload for CoreOffload {
    fn run(&self, job: Job) -> LocalFuture<'static, Option<Verdict>> {
        let (done, result) = oneshot::channel();
        let watch = Watch(Cancel::default());
        let budget = job.budget;
        if self.queue.0.try_send(Work { job, cancel: watch.0.clone(), done }).is_err() {
            self.recorder.bound(Bound::OffloadQueue);
            return Box::pin(std::future::ready(None));
        }
        Box::pin(async move {
            let verdict = tokio::time::timeout(budget, result).await.ok()?.ok()?;
            drop(watch);
            verdict
        })
    }
}
