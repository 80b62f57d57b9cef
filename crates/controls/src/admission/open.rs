//! Operations that anyone may call: nobody looks at a credential there, so that a made-up one must not get past the limit on
//! anonymous calls, nor past the one on failing addresses.

use std::sync::Arc;

use engine::call::too_many_failures;
use engine::cells::Cells;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict};

use super::{Allowance, presents_credential, too_many_anonymous};

/// The control.
#[derive(Debug)]
pub(super) struct Open {
    anonymous: Option<Allowance>,
    keys: bool,
}

impl Open {
    /// Counts under this allowance; `keys` says that API keys are credentials here.
    #[must_use]
    pub(super) fn new(anonymous: Option<Allowance>, keys: bool) -> Self {
        Self { anonymous, keys }
    }
}

impl Control for Open {
    fn name(&self) -> &'static str {
        "admission"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork { control: self, cells: Arc::clone(&core.cells) })
    }
}

#[derive(Debug)]
struct AtWork {
    control: Arc<Open>,
    cells: Arc<dyn Cells>,
}

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        // A call without a credential was counted before it was routed.
        if !presents_credential(&call.request, self.control.keys) {
            return Step::Done(Verdict::Allow);
        }
        if let Some(wait) = call.suspect {
            return Step::Done(Verdict::Throttle(too_many_failures(wait)));
        }
        let taken = self.control.anonymous.as_ref().map(|allowance| allowance.take(&*self.cells, call));
        Step::Done(match taken.filter(|taken| !taken.allowed) {
            Some(taken) => Verdict::Throttle(too_many_anonymous(taken.retry_after)),
            None => Verdict::Allow,
        })
    }
}
