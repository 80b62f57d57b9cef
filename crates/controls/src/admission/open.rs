//! Operations that anyone may call: what nobody looks at there, because all is open or because it stands where no scheme of the
//! operation has its credential, is no credential. A made-up one must not get past the limit on anonymous calls, nor past the
//! one on failing addresses.

use std::sync::Arc;

use engine::call::too_many_failures;
use engine::cells::Cells;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict};
use http::header::AUTHORIZATION;

use super::{Allowance, Credentials, is_delivery, presents_credential, signs, too_many_anonymous};
use crate::security::Where;
use crate::security::find::{Found, find};

/// The control.
#[derive(Debug)]
pub(super) struct Open {
    anonymous: Option<Allowance>,
    credentials: Credentials,
    read: Option<Read>,
}

/// What is looked at beside tokens, which stand in `Authorization`.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// Where API keys are looked for.
    pub(super) places: Vec<Where>,
    /// Whether the client certificate is looked at.
    pub(super) certificates: bool,
    /// Whether signatures are looked at.
    pub(super) signatures: bool,
    /// Whether it may be the delivery of a webhook.
    pub(super) webhooks: bool,
}

impl Open {
    /// Counts under this allowance. `credentials` says what is a credential here; `read`, what of it the operation looks at: `None`
    /// where nobody looks at any.
    #[must_use]
    pub(super) fn new(anonymous: Option<Allowance>, credentials: Credentials, read: Option<Read>) -> Self {
        Self { anonymous, credentials, read }
    }

    /// Whether a call counts as one without a credential, and was not counted as such before it was routed.
    fn is_uncounted(&self, call: &Call) -> bool {
        let request = &call.request;
        let is_read = |read: &Read| {
            request.headers.contains_key(AUTHORIZATION)
                || read.places.iter().any(|place| find(request, place, false) != Found::Nothing)
                || (read.certificates && call.peer.certificate().is_some())
                || (read.signatures && signs(request))
                || (read.webhooks && is_delivery(request))
        };
        !self.read.as_ref().is_some_and(is_read) && presents_credential(call, self.credentials)
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
        if !self.control.is_uncounted(call) {
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
