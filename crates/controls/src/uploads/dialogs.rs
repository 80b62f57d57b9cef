//! A dialog on the side runtime, waited for on a core.

use std::sync::Arc;

use bytes::Bytes;
use engine::CoreContext;
use engine::fetch::{DialogRequest, FetchError};
use engine::signal::Signal;
use parking_lot::Mutex;

type Outcome = Result<Bytes, FetchError>;

#[derive(Debug, Default)]
struct Slot {
    outcome: Mutex<Option<Outcome>>,
    changed: Signal,
}

impl Slot {
    fn fill(&self, outcome: Outcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.changed.raise();
    }
}

/// Fills the slot when the task ends without an outcome, so that nobody waits for ever.
struct Task(Arc<Slot>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.fill(Err(FetchError::Exchange(String::from("it was given up"))));
    }
}

/// Makes an exchange; its deadline ends the waiting too.
pub(super) async fn ask(core: &CoreContext, request: DialogRequest) -> Outcome {
    let slot = Arc::new(Slot::default());
    let task = Task(Arc::clone(&slot));
    let fetch = Arc::clone(&core.fetch);
    core.side.spawn(Box::pin(async move {
        let outcome = fetch.dialog(request).await;
        task.0.fill(outcome);
    }));
    loop {
        let seen = slot.changed.version();
        if let Some(outcome) = slot.outcome.lock().take() {
            return outcome;
        }
        slot.changed.changed(seen).await;
    }
}
