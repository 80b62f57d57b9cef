//! Cases from a contract: what the configuration refuses, each for one reason, and good calls that pass.
//!
//! Nothing that is written was guessed: every call is put to the configuration first. A call that should be refused and is
//! goes into the file with what was seen; one that should be and is not, shows nothing and is counted, since it tells what
//! the contract leaves open. So what is written passes on the configuration that it was made from, and fails when a later
//! one lets more through.

mod answers;
mod call;
mod callers;
mod candidates;
mod limits;
mod operation;
mod pattern;
mod rights;
mod sample;
mod shown;
mod text;
mod wrong;

use std::collections::BTreeMap;

use contract::raw::Raw;
use spec::{Api, ContractSource, Spanned, Strings};

use crate::document::{Case, Credential, Decides, Decision, Expect, Request, Service, State};
use crate::judge;
use crate::run::{Finished, run};
use crate::{Subject, world::Seen};
use call::Call;
use candidates::Candidate;
use operation::Known;

pub use text::MARK;

/// Most bytes of a file: a suite is read by the reader of the configuration, which takes no more.
const MOST_BYTES: usize = spec::MAX_BYTES - 4_096;

/// A file that was made.
#[derive(Debug, Clone)]
pub struct Written {
    /// Name of the API.
    pub api: String,
    /// Its text.
    pub text: String,
    /// Cases in it.
    pub cases: usize,
    /// Cases that did not fit into it.
    pub left_out: usize,
    /// Calls that should be refused by what the contract says, and pass, by what is wrong with them.
    pub let_through: BTreeMap<String, usize>,
    /// Those that do not pass, but for another reason than the one that they were made to show.
    pub otherwise_refused: BTreeMap<String, usize>,
    /// Operations of which no call passes, and why.
    pub without_good_call: Vec<(String, String)>,
    /// Limits of which no case shows the call that is refused, and why.
    pub beyond_limits: Vec<(String, String)>,
}

/// A case with what it was made to show.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) case: Case,
}

/// Makes one file for each API that has a contract.
///
/// # Errors
/// When the system gives no thread.
pub fn generate(subject: &Subject, threads: usize) -> Result<Vec<Written>, String> {
    let mut all = Vec::new();
    let several = subject.document().apis.len() > 1;
    for api in subject.document().apis.values() {
        let ContractSource::File(file) = &api.contract.value else { continue };
        let Some(raw) = Raw::load(file.path(), &subject.assets) else { continue };
        all.push(of_api(subject, api, (file.path(), &raw), (several, all.is_empty(), threads))?);
    }
    Ok(all)
}

/// What a service would answer an operation as its contract says; `None` where there is no such operation in one.
#[must_use]
pub fn answer_of(subject: &Subject, api: &str, operation: &str) -> Option<Service> {
    let api = subject.document().apis.get(api)?;
    let ContractSource::File(file) = &api.contract.value else { return None };
    let raw = Raw::load(file.path(), &subject.assets)?;
    let known = operations(subject, api, &raw).into_iter().find(|known| known.id == operation)?;
    Some(answers::good(&known))
}

fn of_api(
    subject: &Subject,
    api: &Api,
    (file, raw): (&str, &Raw),
    (several, first, threads): (bool, bool, usize),
) -> Result<Written, String> {
    let name = api.name.value.as_str();
    let mut known = operations(subject, api, raw);
    let named = several.then(|| api.name.clone());
    let mut kept = Vec::new();
    let mut without = Vec::new();
    good_calls(subject, (&mut known, &named, threads), &mut kept, &mut without)?;
    let base = base_of(subject, name);
    let mut wanted: Vec<(Option<&str>, Candidate<'_>)> = Vec::new();
    for one in &known {
        wanted.extend(candidates::all(one).into_iter().map(|candidate| (Some(one.id.as_str()), candidate)));
    }
    wanted.extend(candidates::of_api(&known, &base).into_iter().map(|candidate| (None, candidate)));
    let cases: Vec<Case> = wanted.iter().map(|(id, candidate)| refused(*id, candidate, &named)).collect();
    let finished = run(subject, &cases.iter().collect::<Vec<_>>(), threads)?;
    let (mut let_through, mut otherwise_refused) = (BTreeMap::new(), BTreeMap::new());
    for (((_, candidate), case), finished) in wanted.iter().zip(cases).zip(&finished) {
        if let Some(seen) = shows(candidate, finished) {
            kept.push(Kept { case: expecting(case, seen, candidate.missing.as_ref()) });
            continue;
        }
        let counts = if passes(finished).is_some() { &mut let_through } else { &mut otherwise_refused };
        *counts.entry(wrong::kind(&candidate.why)).or_default() += 1;
    }
    let beyond = limits::limits(subject, (&known, &named, first, threads), &mut kept)?;
    sort(&known, &mut kept);
    let no_call = |(id, why): &(String, String)| format!("no call of {id} that passes could be made: {why}");
    let no_end = |(whose, why): &(String, String)| format!("no case shows {whose}: {why}");
    let notes: Vec<String> = without.iter().map(no_call).chain(beyond.iter().map(no_end)).collect();
    let (text, cases) = text::file(file, &notes, &kept, MOST_BYTES);
    let left_out = kept.len() - cases;
    Ok(Written {
        api: name.to_owned(),
        text,
        cases,
        left_out,
        let_through,
        otherwise_refused,
        without_good_call: without,
        beyond_limits: beyond,
    })
}

fn base_of(subject: &Subject, api: &str) -> String {
    let mut summaries = subject.compiled().apis.iter();
    summaries.find(|summary| summary.name == api).map(|summary| summary.base_path.clone()).unwrap_or_default()
}

fn operations<'r>(subject: &Subject, api: &Api, raw: &'r Raw) -> Vec<Known<'r>> {
    let Some(contract) = subject.compiled().contract(&api.name) else { return Vec::new() };
    let base = base_of(subject, &api.name);
    let mut scopes: Vec<String> = Vec::new();
    for operation in &contract.operations {
        if let contract::Security::Alternatives(all) = &operation.security {
            let named = all.iter().flat_map(|one| &one.schemes).flat_map(|(_, scopes)| scopes);
            scopes.extend(named.cloned());
        }
    }
    scopes.sort();
    scopes.dedup();
    let written = raw.operations();
    let find = |operation: &contract::Operation| {
        written
            .iter()
            .find(|raw| raw.template == operation.template && raw.method == operation.method.as_str())
    };
    let known = contract.operations.iter().filter_map(|operation| {
        Some(Known::of(subject, (api, contract, &base), operation, find(operation)?.clone(), &scopes))
    });
    known.collect()
}

fn case(name: Spanned<String>, request: Request, credential: Option<Credential>, decision: Decision) -> Case {
    Case {
        name,
        api: None,
        request,
        credential,
        at: None,
        from: None,
        listener: None,
        certificate: None,
        state: State::default(),
        upstream: Service::default(),
        pdp: None,
        owners: BTreeMap::new(),
        expect: Expect {
            decision,
            control: None,
            code: None,
            status: None,
            headers: BTreeMap::new(),
            problem: BTreeMap::new(),
            missing_scopes: None,
            body: None,
            json: None,
            upstream: None,
            shadow: None,
        },
    }
}

fn refused(id: Option<&str>, candidate: &Candidate<'_>, api: &Option<Spanned<String>>) -> Case {
    let name = candidates::name(id, &candidate.why);
    let made = case(name, candidate.call.request(), candidate.credential.clone(), Decision::Refuse);
    let upstream = candidate.answer.clone().unwrap_or_default();
    let pdp = candidate.decides.map(|says| Decides { says: Some(says), ..Decides::default() });
    Case { api: api.clone(), certificate: candidate.certificate.clone(), upstream, pdp, ..made }
}

/// What was seen, when it shows what the candidate was made to show.
fn shows<'f>(candidate: &Candidate<'_>, finished: &'f Finished) -> Option<&'f Seen> {
    let seen = finished.seen.as_ref()?;
    seen.decided.code.filter(|code| candidate.codes.contains(code))?;
    Some(seen)
}

/// What was seen, when the call reached the service and its answer came back.
fn passes(finished: &Finished) -> Option<&Seen> {
    finished.seen.as_ref().filter(|seen| judge::decision(seen) == Decision::Allow)
}

/// The case, expecting what was seen.
fn expecting(mut case: Case, seen: &Seen, missing: Option<&Vec<String>>) -> Case {
    case.expect.decision = judge::decision(seen);
    case.expect.control = seen.decided.stop().map(|stop| Spanned::nowhere(stop.control.to_owned()));
    case.expect.code = seen.decided.code.map(|code| Spanned::nowhere(code.to_owned()));
    case.expect.status = Some(seen.status.as_u16());
    let told = judge::missing_scopes(seen);
    let fits = |scopes: &&Vec<String>| {
        scopes.len() == told.len() && scopes.iter().all(|scope| told.contains(scope.as_str()))
    };
    case.expect.missing_scopes = missing.filter(fits).map(|scopes| Strings(scopes.clone()));
    case
}

/// Puts the least and the fullest call of each operation, and keeps those that pass.
fn good_calls(
    subject: &Subject,
    (known, api, threads): (&mut [Known<'_>], &Option<Spanned<String>>, usize),
    kept: &mut Vec<Kept>,
    without: &mut Vec<(String, String)>,
) -> Result<(), String> {
    let made = |one: &Known<'_>, call: &Call<'_>, why: &str, answered: bool| {
        let name = candidates::name(Some(&one.id), why);
        let mut made = case(name, call.request(), one.credential.clone(), Decision::Allow);
        if answered {
            made.upstream = answers::good(one);
        }
        Case { api: api.clone(), certificate: one.certificate.clone(), ..made }
    };
    let (least, most) = ("a good call with what is required", "a good call with all that is declared");
    let mut cases = Vec::new();
    for one in known.iter() {
        for answered in [false, true] {
            cases.push(made(one, &one.least, least, answered));
            cases.push(made(one, one.most(), most, answered));
        }
    }
    let finished = run(subject, &cases.iter().collect::<Vec<_>>(), threads)?;
    for ((one, cases), finished) in known.iter_mut().zip(cases.chunks(4)).zip(finished.chunks(4)) {
        let mut passed = [false; 2];
        for (number, (case, finished)) in cases.iter().zip(finished).enumerate() {
            let (Some(slot), Some(seen)) = (passed.get_mut(number % 2), passes(finished)) else { continue };
            if !std::mem::replace(slot, true) {
                kept.push(Kept { case: expecting(case.clone(), seen, None) });
            }
        }
        let [least, most] = passed;
        one.good = least.then_some(most);
        if !least {
            let why =
                finished.first().and_then(crate::report::reason).map(|(why, _)| why).unwrap_or_default();
            without.push((one.id.clone(), why));
        }
    }
    // One without a body or parameters has but one good call.
    let mut requests = std::collections::BTreeSet::new();
    kept.retain(|kept| {
        requests.insert(format!(
            "{:?}",
            (
                &kept.case.request.method.value,
                &kept.case.request.target.value,
                &kept.case.request.json,
                &kept.case.request.headers,
                &kept.case.credential
            )
        ))
    });
    Ok(())
}

/// In the order of the contract, of each operation in the order made; names are made unique.
fn sort(known: &[Known<'_>], kept: &mut Vec<Kept>) {
    let places: BTreeMap<&str, usize> =
        known.iter().enumerate().map(|(place, one)| (one.id.as_str(), place)).collect();
    let place = |kept: &Kept| {
        let id = kept.case.name.value.split(": ").next().unwrap_or_default();
        places.get(id).copied().unwrap_or(usize::MAX)
    };
    kept.sort_by_key(place);
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for one in kept {
        let count = seen.entry(one.case.name.value.clone()).or_default();
        *count += 1;
        if *count > 1 {
            one.case.name.value.push_str(&format!(" ({count})"));
        }
    }
}
