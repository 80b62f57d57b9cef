//! The narrowest exclusions that let calls pass which were refused by mistake.
//!
//! For each call and each rule that matched in it: that rule, for that operation and that parameter, and nothing else. What turns out
//! to be needless is left out again; every step is checked by compiling the changed document and looking at all calls anew.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use compile::{Compiled, Input, Kept};
use diagnostics::{Diagnostics, Sources};
use engine::OperationPlan;
use engine::snapshot::Live;
use spec::{OperationRef, quoted};

use super::offline::{INSPECTION, Judged, Offline};
use super::patch::{self, Patch};
use super::requests::Raw;
use super::{Matched, Named, RuleName};
use crate::load::Loaded;

/// Rounds after which a call that is refused still is given up: each can only show what the one before hid.
const ROUNDS: usize = 8;

/// One exclusion.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exclusion {
    pub(crate) api: String,
    pub(crate) operation: String,
    pub(crate) rule: RuleName,
    /// [`Named::Nothing`] takes the rule out of the operation.
    pub(crate) part: Named,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tuned {
    pub(crate) exclusions: BTreeSet<Exclusion>,
    /// The document with them; as it was when there are none.
    pub(crate) document: String,
    /// The change as a unified diff; empty when there is none.
    pub(crate) patch: String,
    /// Calls that are refused still, and why no exclusion helps.
    pub(crate) left: Vec<(String, String)>,
    /// Calls that pass and must not.
    pub(crate) passing: Vec<String>,
}

/// Looks for exclusions.
pub(crate) struct Tuner<'a> {
    pub(crate) loaded: &'a Loaded,
    pub(crate) environment: Option<&'a str>,
    pub(crate) client: IpAddr,
    /// Calls that have to pass.
    pub(crate) good: &'a [Raw],
    /// Calls that have to be refused still.
    pub(crate) bad: &'a [Raw],
}

impl Tuner<'_> {
    /// Compiles the document as it is, or with another text.
    pub(crate) fn compile(
        &self,
        text: &str,
        kept: Option<&Kept>,
        sources: &mut Sources,
    ) -> Result<Compiled, Diagnostics> {
        let loaded = self.loaded;
        let input = Input {
            path: &loaded.name,
            text,
            assets: &loaded.assets,
            unreadable: &loaded.unreadable,
            references: &loaded.references,
            environment: self.environment,
            local_jwks: None,
            generation: 1,
            live: &Live::default(),
        };
        compile::compile(&input, kept, sources)
    }

    /// Finds the exclusions.
    ///
    /// # Errors
    /// When the document is written in a way that no patch is made for.
    pub(crate) fn run(&self, base: &Compiled) -> Result<Tuned, String> {
        let mut tuned = Tuned { document: self.loaded.text.clone(), ..Tuned::default() };
        let mut given_up: BTreeMap<usize, String> = BTreeMap::new();
        for _ in 0..ROUNDS {
            let refused = self.refused(base, &tuned.exclusions)?;
            let before = tuned.exclusions.clone();
            for (number, judged) in refused {
                match proposed(&judged, &before) {
                    Ok(more) => tuned.exclusions.extend(more),
                    Err(why) => drop(given_up.insert(number, why)),
                }
            }
            if tuned.exclusions == before {
                break;
            }
        }
        self.prune(base, &mut tuned.exclusions)?;
        for (number, judged) in self.refused(base, &tuned.exclusions)? {
            let why = given_up.remove(&number).unwrap_or_else(|| why_not(&judged));
            tuned.left.push((self.name(number), why));
        }
        let patch = self.patch(base, &tuned.exclusions)?;
        if !tuned.exclusions.is_empty() {
            tuned.document = patch.apply(&self.loaded.text);
            tuned.patch = patch.diff(&self.loaded.name, &self.loaded.text);
        }
        let offline = self.offline(base, &tuned.exclusions)?;
        for raw in self.bad {
            if !offline.judge(raw, self.client)?.is_refused() {
                tuned.passing.push(raw.name.clone());
            }
        }
        Ok(tuned)
    }

    fn name(&self, number: usize) -> String {
        self.good.get(number).map(|raw| raw.name.clone()).unwrap_or_default()
    }

    /// Good calls that are refused with these exclusions.
    fn refused(
        &self,
        base: &Compiled,
        exclusions: &BTreeSet<Exclusion>,
    ) -> Result<Vec<(usize, Judged)>, String> {
        let offline = self.offline(base, exclusions)?;
        let judged = self.good.iter().map(|raw| offline.judge(raw, self.client));
        let judged = judged.collect::<Result<Vec<Judged>, String>>()?;
        Ok(judged.into_iter().enumerate().filter(|(_, judged)| judged.is_refused()).collect())
    }

    /// Takes out what is not needed, the widest first.
    fn prune(&self, base: &Compiled, exclusions: &mut BTreeSet<Exclusion>) -> Result<(), String> {
        let refused = self.refused(base, exclusions)?.len();
        let mut order: Vec<Exclusion> = exclusions.iter().cloned().collect();
        order.sort_by_key(|exclusion| exclusion.part != Named::Nothing);
        for one in order {
            let mut fewer = exclusions.clone();
            fewer.remove(&one);
            if self.refused(base, &fewer)?.len() == refused {
                *exclusions = fewer;
            }
        }
        Ok(())
    }

    fn offline(&self, base: &Compiled, exclusions: &BTreeSet<Exclusion>) -> Result<Offline, String> {
        let text = self.patch(base, exclusions)?.apply(&self.loaded.text);
        let mut sources = Sources::default();
        let compiled = self.compile(&text, Some(base.kept()), &mut sources).map_err(|found| {
            let first = found.iter().next().map_or_else(String::new, |first| first.message.clone());
            format!("the changed document does not compile: {first}")
        })?;
        Ok(Offline::new(&compiled))
    }

    /// The change that these exclusions are.
    fn patch(&self, base: &Compiled, exclusions: &BTreeSet<Exclusion>) -> Result<Patch, String> {
        let mut patch = Patch::default();
        // One item for all parts of a call that a rule is not to look at.
        let mut items: BTreeMap<(&str, &str, &RuleName, bool), Vec<&Named>> = BTreeMap::new();
        for Exclusion { api, operation, rule, part } in exclusions {
            let key = (api.as_str(), operation.as_str(), rule, *part == Named::Nothing);
            items.entry(key).or_default().push(part);
        }
        for ((api, operation, rule, _), parts) in items {
            let section = section(base, api, operation)
                .ok_or_else(|| format!("`{operation}` of `{api}` has no section to put exclusions in"))?;
            let place = patch::place(&self.loaded.text, &section).map_err(|why| format!("`{api}`: {why}"))?;
            patch.add(place, item(operation, rule, &parts));
        }
        Ok(patch)
    }
}

/// The section that holds for an operation, as merged.
fn section(base: &Compiled, api: &str, operation: &str) -> Option<spec::Node> {
    let settings = base.resolved.api(api)?;
    let contract = base.contract(api);
    let declared = contract.and_then(|contract| contract.operations.iter().find(|one| one.id == operation));
    let tags: Vec<&str> = declared.iter().flat_map(|one| &one.tags).map(String::as_str).collect();
    let (method, template) = match declared {
        Some(one) => (one.method.as_str(), one.template.as_str()),
        None => operation.split_once(' ')?,
    };
    settings.section_for(INSPECTION, &OperationRef { id: Some(operation), method, template, tags: &tags })
}

/// An exclusion as the document has it.
fn item(operation: &str, rule: &RuleName, parts: &[&Named]) -> String {
    let rule = match rule {
        RuleName::Id(id) => format!("rule: {id}"),
        RuleName::Tag(tag) => format!("tag: {tag}"),
    };
    let list = |key: &str, name: fn(&Named) -> Option<&str>| {
        let names: Vec<String> = parts.iter().filter_map(|part| name(part)).map(quoted).collect();
        if names.is_empty() { String::new() } else { format!(", {key}: [{}]", names.join(", ")) }
    };
    let parameters = list("parameters", |part| match part {
        Named::Parameter(name) => Some(name.as_str()),
        _ => None,
    });
    let headers = list("headers", |part| match part {
        Named::Header(name) => Some(name.as_str()),
        _ => None,
    });
    let cookies = list("cookies", |part| match part {
        Named::Cookie(name) => Some(name.as_str()),
        _ => None,
    });
    format!("{{ {rule}{parameters}{headers}{cookies}, operations: [{}] }}", quoted(operation))
}

/// What would let a call pass, beside what there is already.
///
/// # Errors
/// Why nothing would.
fn proposed(judged: &Judged, known: &BTreeSet<Exclusion>) -> Result<Vec<Exclusion>, String> {
    let (Some(plan), Some(explanation)) = (&judged.operation, &judged.explanation) else {
        return Err(why_not(judged));
    };
    if judged.refused_elsewhere().is_some() {
        return Err(why_not(judged));
    }
    let threshold = explanation.threshold.unwrap_or(0);
    let counts = |found: &&Matched| match found.rule {
        RuleName::Id(_) => true,
        RuleName::Tag(_) => found.score >= threshold,
    };
    let mut more = Vec::new();
    for found in explanation.matches.iter().filter(counts) {
        let narrow = exclusion(plan, found, found.named.clone());
        let wide = exclusion(plan, found, Named::Nothing);
        match (&found.rule, &found.named) {
            // A family is too much to take out of all of an operation.
            (RuleName::Tag(tag), Named::Nothing) => {
                return Err(format!("`{tag}` in `{}`, which no exclusion can name", found.place));
            }
            (RuleName::Id(_), _) if known.contains(&narrow) => more.push(wide),
            _ => more.push(narrow),
        }
    }
    if more.iter().all(|one| known.contains(one)) { Err(why_not(judged)) } else { Ok(more) }
}

fn exclusion(plan: &OperationPlan, found: &Matched, part: Named) -> Exclusion {
    Exclusion { api: plan.api.to_string(), operation: plan.id.to_string(), rule: found.rule.clone(), part }
}

/// Why no exclusion lets it pass.
fn why_not(judged: &Judged) -> String {
    let inspection = judged.refused.iter().find(|refused| refused.by == INSPECTION);
    match judged.refused_elsewhere().or(inspection) {
        Some(refused) => format!("{} refuses with {}: {}", refused.by, refused.code.name, refused.detail),
        None => String::from("it is refused"),
    }
}
