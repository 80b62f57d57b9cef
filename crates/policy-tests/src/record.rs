//! What the log of a running gateway would say of a call, kept for whoever judges it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use engine::bounds::Bound;
use engine::decision::{Outcome, Recorded};
use engine::plan::{Mode, Stage};
use engine::record::{ConnectionEvent, CoreRecorder, Recorder};
use engine::{Call, Carried, Snapshot};
use tokio::sync::Notify;

/// One control's verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The control.
    pub control: &'static str,
    /// Where in the life of the call.
    pub stage: Stage,
    /// Whether it counted.
    pub mode: Mode,
    /// What it came to.
    pub outcome: Outcome,
    /// Its code, when it stops the call.
    pub code: Option<&'static str>,
    /// Place in the configuration or pointer into the contract.
    pub place: String,
    /// The part of the contract whose rule it is; empty when it is none of the contract's.
    pub contract: String,
    /// Why, for the operator.
    pub detail: Option<String>,
}

/// All that was decided of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// Its API and operation, and the method of the plan, when it had one.
    pub operation: Option<(String, String, String)>,
    /// Verdicts in the order given.
    pub verdicts: Vec<Heard>,
    /// Why it ended without the upstream's answer.
    pub code: Option<&'static str>,
    /// The fault behind `code`, when no verdict says it.
    pub fault: Option<String>,
    /// Scopes that the caller brought, when there was a caller.
    pub carried: Option<Carried>,
    /// Whether the client got no whole answer.
    pub aborted: bool,
}

impl Decided {
    /// The verdict that ended the call.
    #[must_use]
    pub fn stop(&self) -> Option<&Heard> {
        self.verdicts.iter().find(|heard| heard.mode == Mode::Enforce && heard.outcome.stops())
    }

    /// Codes of the verdicts that would have ended it.
    #[must_use]
    pub fn shadowed(&self) -> Vec<&'static str> {
        let shadow = self.verdicts.iter().filter(|heard| heard.mode == Mode::Shadow && heard.outcome.stops());
        shadow.filter_map(|heard| heard.code).collect()
    }
}

/// Takes down the calls of one core.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    calls: Mutex<VecDeque<Decided>>,
    more: Notify,
}

impl Taken {
    /// The next call that is over.
    pub(crate) async fn next(&self) -> Decided {
        loop {
            let next = self.calls.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            match next {
                Some(decided) => return decided,
                None => self.more.notified().await,
            }
        }
    }
}

/// Hands it to its core.
#[derive(Debug)]
pub(crate) struct Book(pub(crate) Arc<Taken>);

impl Recorder for Book {
    fn core(&self, _index: usize) -> Box<dyn CoreRecorder> {
        Box::new(Book(Arc::clone(&self.0)))
    }
}

impl CoreRecorder for Book {
    fn call(&self, snapshot: &Snapshot, call: &Call) {
        let heard = |recorded: &Recorded| Heard {
            control: recorded.control,
            stage: recorded.stage,
            mode: recorded.mode,
            outcome: recorded.outcome,
            code: recorded.code.map(|code| code.name),
            place: snapshot.place(recorded.place).to_owned(),
            contract: snapshot.place(recorded.contract).to_owned(),
            detail: recorded.detail.as_deref().map(str::to_owned),
        };
        let plan = call.operation.as_ref();
        let decided = Decided {
            operation: plan.map(|plan| (plan.api.to_string(), plan.id.to_string(), plan.method.to_string())),
            verdicts: call.decision.verdicts.iter().map(heard).collect(),
            code: call.decision.code.map(|code| code.name),
            fault: call.decision.fault.as_deref().map(str::to_owned),
            carried: Carried::of(call),
            aborted: call.decision.aborted,
        };
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner).push_back(decided);
        self.0.more.notify_one();
    }

    fn bound(&self, _bound: Bound) {}

    fn connection(&self, _event: ConnectionEvent) {}
}
