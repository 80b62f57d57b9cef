//! Operations that administrators use: the first use of one by somebody is worth telling, since it is what a stolen credential of an
//! administrator, or one that was given too much, is good for (OWASP API5:2023).
//!
//! It refuses nothing: who may is for [`super::Require`], without which such an operation does not compile. It speaks when every check has
//! passed, so that what was refused is no use.

use std::collections::HashSet;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use engine::keyed::Keyed;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict, bounds};
use parking_lot::Mutex;

/// What the decision says.
const FIRST: &str = "first use of this administrative operation by this caller";

/// Who used which operation: by hash, the newest [`bounds::ADMINISTRATIVE_USES`] of them and as many before. Whoever is forgotten is told
/// of once more.
#[derive(Debug, Default)]
struct Uses(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashSet<[u8; 16]>,
    old: HashSet<[u8; 16]>,
}

impl Uses {
    fn of(keyed: &Keyed) -> Arc<Self> {
        keyed.get_or_make("administrative-uses", "", Self::default)
    }

    /// Whether it is the first, and takes it down.
    fn is_first(&self, key: [u8; 16]) -> bool {
        let mut uses = self.0.lock();
        if uses.young.contains(&key) {
            return false;
        }
        if uses.young.len() >= bounds::ADMINISTRATIVE_USES {
            uses.old = std::mem::take(&mut uses.young);
        }
        let known = uses.old.contains(&key);
        uses.young.insert(key);
        !known
    }
}

/// The control, for one operation.
#[derive(Debug)]
pub struct Administrative {
    api: Box<str>,
    operation: Box<str>,
}

impl Administrative {
    /// For an operation by its name.
    #[must_use]
    pub fn new(api: &str, operation: &str) -> Self {
        Self { api: api.into(), operation: operation.into() }
    }

    /// Operation and caller by hash; `None` for nobody.
    fn key(&self, call: &Call) -> Option<[u8; 16]> {
        let principal = call.principal()?;
        let mut context = Context::new(&SHA256);
        let application = principal.application.as_deref().unwrap_or_default();
        for part in [&*self.api, &*self.operation, &*principal.issuer, &*principal.subject, application] {
            context.update(&part.len().to_be_bytes());
            context.update(part.as_bytes());
        }
        context.finish().as_ref().first_chunk().copied()
    }
}

impl Control for Administrative {
    fn name(&self) -> &'static str {
        "authorization"
    }

    fn needs(&self) -> Needs {
        Needs { upstream: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtCore { control: self, uses: Uses::of(&core.keyed) })
    }
}

#[derive(Debug)]
struct AtCore {
    control: Arc<Administrative>,
    uses: Arc<Uses>,
}

impl Attached for AtCore {
    fn upstream<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let first = self.control.key(call).is_some_and(|key| self.uses.is_first(key));
        if !first {
            return Step::Done(Verdict::Allow);
        }
        call.decision.notable = Some("authorization");
        Step::Done(Verdict::Note(FIRST.into()))
    }
}

#[cfg(test)]
mod tests {
    use engine::Verdict;
    use state::MemoryCells;
    use testkit::{CallBuilder, FakeClock, core, done};

    use super::*;

    #[test]
    fn the_first_use_by_somebody_of_an_operation_is_told_and_no_other() {
        let core = core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
        let attach = |operation| Arc::new(Administrative::new("a", operation)).attach(&core);
        let (one, other) = (attach("one"), attach("other"));
        let told = |control: &dyn Attached, subject: Option<(&str, Option<&str>)>| {
            let call = CallBuilder::get("/");
            let mut call = match subject {
                Some((subject, application)) => call.principal("i", subject, application).build(),
                None => call.build(),
            };
            let said = matches!(done(control.upstream(&mut call)), Verdict::Note(_));
            assert_eq!(call.decision.notable.is_some(), said);
            said
        };
        assert!(told(&*one, Some(("ada", None))));
        assert!(!told(&*one, Some(("ada", None))));
        assert!(told(&*other, Some(("ada", None))));
        assert!(told(&*one, Some(("bob", None))));
        assert!(told(&*one, Some(("ada", Some("app")))), "by another application");
        assert!(!told(&*one, None), "nobody is nobody in particular");
        // A reload makes controls anew, and forgets nobody.
        assert!(!told(&*attach("one"), Some(("ada", None))));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let uses = Uses::default();
        let key = |number: usize| {
            let mut key = [0; 16];
            key[..8].copy_from_slice(&number.to_be_bytes());
            key
        };
        for number in 0..bounds::ADMINISTRATIVE_USES * 3 {
            assert!(uses.is_first(key(number)));
            assert!(!uses.is_first(key(number)));
        }
        let held = {
            let uses = uses.0.lock();
            uses.young.len() + uses.old.len()
        };
        assert!(held <= bounds::ADMINISTRATIVE_USES * 2, "{held}");
        assert!(uses.is_first(key(0)), "who is forgotten is told of once more");
    }
}
