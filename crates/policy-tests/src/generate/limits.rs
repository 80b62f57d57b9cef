//! The call at the tightest limit of each operation and the one after it, which is refused; and which limits no case can reach.

use controls::admission::AdmissionSection;
use controls::limits::LimitSection;
use diagnostics::Diagnostics;
use spec::{Mode, Node, Spanned};

use super::operation::Known;
use super::{Kept, candidates, case, expecting};
use crate::document::{Case, Decision, MOST_CALLS};
use crate::run::{Exhausted, exhaust};
use crate::{Subject, judge};

/// What calls one after the other find of an operation's limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Nothing: there is none that counts calls, and is enforced.
    Nothing,
    /// One within the calls that a case may make.
    Within,
    /// Each lets more calls pass than a case may make.
    Beyond,
}

/// What a section of limits lets find.
pub(crate) fn reach(section: Option<&Node>) -> Reach {
    let read: Option<Vec<LimitSection>> = section.and_then(|node| spec::read(node, &mut Diagnostics::new()));
    let most = |one: &LimitSection| {
        let burst = one.burst.as_ref().map(|burst| u64::from(burst.value));
        burst.or(one.rate.as_ref().or(one.quota.as_ref()).map(|rate| rate.value.count()))
    };
    let enforced = read.iter().flatten().filter(|one| one.mode == Mode::Enforce);
    match enforced.filter_map(most).min() {
        None => Reach::Nothing,
        Some(calls) if calls <= u64::from(MOST_CALLS) => Reach::Within,
        Some(_) => Reach::Beyond,
    }
}

/// A call that is repeated, and what of it is said when no case can show its limit.
struct Probe {
    case: Case,
    whose: String,
    /// Who is to throttle it, where that is one.
    control: Option<&'static str>,
}

/// Calls an operation until it is throttled, and keeps the call before and the one that is refused. Returns the limits of
/// which no case shows the end, and why.
pub(super) fn limits(
    subject: &Subject,
    (known, api, first, threads): (&[Known<'_>], &Option<Spanned<String>>, bool, usize),
    kept: &mut Vec<Kept>,
) -> Result<Vec<(String, String)>, String> {
    let mut beyond = Vec::new();
    let mut probes = Vec::new();
    for one in known.iter().filter(|one| one.good.is_some()) {
        let whose = format!("the limits of {}", one.id);
        match one.reach {
            Reach::Nothing => {}
            Reach::Beyond => beyond.push((whose, too_many())),
            Reach::Within => {
                let name = candidates::name(Some(&one.id), "");
                let made = case(name, one.least.request(), one.credential.clone(), Decision::Refuse);
                probes.push(Probe { case: of(one, api, made), whose, control: Some("limits") });
            }
        }
    }
    // What addresses may ask for that prove nobody is the gateway's: once is enough.
    if first {
        probes.extend(nobodys(subject, (known, api)));
    }
    let cases: Vec<&Case> = probes.iter().map(|probe| &probe.case).collect();
    let found = exhaust(subject, &cases, (threads, MOST_CALLS))?;
    for (probe, found) in probes.into_iter().zip(found) {
        if let Err(why) = found.and_then(|found| keep(probe.case, probe.control, found, kept)) {
            beyond.push((probe.whose, why));
        }
    }
    Ok(beyond)
}

fn of(one: &Known<'_>, api: &Option<Spanned<String>>, made: Case) -> Case {
    Case { api: api.clone(), certificate: one.certificate.clone(), ..made }
}

/// Calls without a credential: of an operation that anyone may call, and of one that nobody may without.
fn nobodys(subject: &Subject, (known, api): (&[Known<'_>], &Option<Spanned<String>>)) -> Vec<Probe> {
    let section = subject.document().section("admission");
    let section: AdmissionSection =
        section.and_then(|node| spec::read(node, &mut Diagnostics::new())).unwrap_or_default();
    let anonymous = section.anonymous.mode == Mode::Enforce;
    let is_open = |one: &&Known<'_>| one.credential.is_none() && !one.proves && one.good.is_some();
    let open = known.iter().find(is_open).filter(|_| anonymous);
    let counted = anonymous || section.failures.mode == Mode::Enforce;
    let shut = known.iter().find(|one| one.credential.is_some()).filter(|_| counted);
    let probe = |one: &Known<'_>| {
        let name = candidates::name(Some(&one.id), "without a credential, ");
        let made = case(name, one.least.request(), None, Decision::Refuse);
        let whose = format!("the limit of calls of {} without a credential", one.id);
        Probe { case: of(one, api, made), whose, control: None }
    };
    open.into_iter().chain(shut).map(probe).collect()
}

fn too_many() -> String {
    format!("{MOST_CALLS} calls at one time pass, and no case makes more")
}

/// Keeps what was found; says why where it shows no limit of this control.
fn keep(mut case: Case, control: Option<&str>, found: Exhausted, kept: &mut Vec<Kept>) -> Result<(), String> {
    let (calls, last, seen) = found.ok_or_else(too_many)?;
    let name = case.name.value.clone();
    let mut before = case.clone();
    case.name = Spanned::nowhere(format!("{name}call {} at one time", calls + 1));
    case.state.calls = Some(Spanned::nowhere(calls));
    kept.push(Kept { case: expecting(case, &seen, None) });
    if judge::decision(&last) == Decision::Allow {
        before.name = Spanned::nowhere(format!("{name}call {calls} at one time, the last that passes"));
        before.state.calls = Some(Spanned::nowhere(calls - 1));
        kept.push(Kept { case: expecting(before, &last, None) });
    }
    let stop = seen.decided.stop().map(|stop| stop.control);
    let other = stop.filter(|stop| control.is_some_and(|control| control != *stop));
    other.map_or(Ok(()), |other| Err(format!("`{other}` refuses call {} before", calls + 1)))
}
