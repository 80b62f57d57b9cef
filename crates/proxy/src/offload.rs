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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::tests::world::Tape;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn offload(tape: &Tape) -> CoreOffload {
        CoreOffload { queue: start(1).unwrap(), recorder: Rc::new(tape.clone()) }
    }

    fn job(run: impl FnOnce(&Cancel) -> Verdict + Send + 'static) -> Job {
        Job { budget: PATIENCE, run: Box::new(run) }
    }

    /// A job that keeps its thread until it is let go, and then tells whether it is wanted; begun when this returns.
    fn blocker(
        offload: &CoreOffload,
    ) -> (LocalFuture<'static, Option<Verdict>>, SyncSender<()>, Receiver<bool>) {
        let ((started, begun), (go, wait), (tell, told)) =
            (sync_channel(1), sync_channel(1), sync_channel(1));
        let future = offload.run(job(move |cancel| {
            started.send(()).unwrap();
            wait.recv().unwrap();
            tell.send(cancel.is_cancelled()).unwrap();
            Verdict::Allow
        }));
        begun.recv_timeout(PATIENCE).unwrap();
        (future, go, told)
    }

    #[test]
    fn who_is_gone_has_no_job() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (tape, ran) = (Tape::default(), Arc::new(AtomicBool::new(false)));
        let offload = offload(&tape);
        let (running, go, told) = blocker(&offload);
        let flag = Arc::clone(&ran);
        let waiting = offload.run(job(move |_| {
            flag.store(true, Ordering::SeqCst);
            Verdict::Allow
        }));
        drop((running, waiting));
        go.send(()).unwrap();
        assert!(told.recv_timeout(PATIENCE).unwrap(), "it is told");
        let next = offload.run(job(|cancel| {
            assert!(!cancel.is_cancelled());
            Verdict::Allow
        }));
        assert!(matches!(runtime.block_on(next), Some(Verdict::Allow)));
        assert!(!ran.load(Ordering::SeqCst), "it never began");
    }

    #[test]
    fn a_full_pool_takes_nothing_and_says_so() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let tape = Tape::default();
        let offload = offload(&tape);
        let (running, go, _told) = blocker(&offload);
        let waiting: Vec<_> =
            (0..bounds::OFFLOAD_QUEUE).map(|_| offload.run(job(|_| Verdict::Allow))).collect();
        assert!(tape.bounds().is_empty());
        assert!(runtime.block_on(offload.run(job(|_| Verdict::Allow))).is_none());
        assert_eq!(tape.bounds(), [Bound::OffloadQueue]);
        go.send(()).unwrap();
        assert!(runtime.block_on(running).is_some());
        for one in waiting {
            assert!(matches!(runtime.block_on(one), Some(Verdict::Allow)));
        }
    }
}
