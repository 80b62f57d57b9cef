//! Work on long bodies, apart from the thread that serves their connection and many others.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::control::{Cancel, Job};
use engine::verdict::Refusal;
use engine::{Step, Verdict, bounds, codes};

/// Longer than this nobody waits for a body of any length that a configuration allows.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether work on so many bytes is long.
pub(crate) const fn is_long(bytes: usize) -> bool {
    bytes > bounds::LONG_BODY
}

/// Work that is done by another thread when it is `long`, and at once otherwise; then what is to be done with its outcome, where the
/// call is.
pub(crate) fn aside<'c, T: Send + 'static>(
    long: bool,
    work: impl FnOnce() -> T + Send + 'static,
    then: impl FnOnce(T) -> Verdict + 'c,
) -> Step<'c> {
    aside_and(long, work, |outcome| Step::Done(then(outcome)))
}

/// The same for work of many parts, which looks between them whether anybody still waits for it.
pub(crate) fn aside_in_parts<'c, T: Send + 'static>(
    long: bool,
    work: impl FnOnce(&Cancel) -> T + Send + 'static,
    then: impl FnOnce(T) -> Verdict + 'c,
) -> Step<'c> {
    hand_over(long, work, |outcome| Step::Done(then(outcome)))
}

/// The same, where what follows may have to wait in its turn.
pub(crate) fn aside_and<'c, T: Send + 'static>(
    long: bool,
    work: impl FnOnce() -> T + Send + 'static,
    then: impl FnOnce(T) -> Step<'c> + 'c,
) -> Step<'c> {
    hand_over(long, |_| work(), then)
}

fn hand_over<'c, T: Send + 'static>(
    long: bool,
    work: impl FnOnce(&Cancel) -> T + Send + 'static,
    then: impl FnOnce(T) -> Step<'c> + 'c,
) -> Step<'c> {
    if !long {
        return then(work(&Cancel::default()));
    }
    let outcome = Arc::new(Mutex::new(None));
    let place = Arc::clone(&outcome);
    let run = move |cancel: &Cancel| {
        if !cancel.is_cancelled() {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(work(cancel));
        }
        Verdict::Allow
    };
    let then = move |_| match outcome.lock().unwrap_or_else(PoisonError::into_inner).take() {
        Some(outcome) => then(outcome),
        None => Step::Done(Verdict::Refuse(Refusal::new(
            &codes::CONTROL_FAILED,
            "nothing came of the work on a body",
        ))),
    };
    Step::OffloadThen(Job { budget: PATIENCE, run: Box::new(run) }, Box::new(then))
}
