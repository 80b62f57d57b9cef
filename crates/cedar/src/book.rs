//! The policies of an API, read.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use cedar_policy_core::ast::{
    ActionConstraint, Annotation, AnyId, Effect, EntityReference, EntityUID, PrincipalOrResourceConstraint,
    Template,
};
use cedar_policy_core::parser::{self, Loc};
use miette::Diagnostic;
use parking_lot::Mutex;

use crate::ask::Types;
use crate::bare::{Reads, bare, is_deeper, nowhere};
use crate::check::Checked;
use crate::names::{Shape, Vocabulary};
use crate::slice::{Rule, Scope, Slice};
use crate::{Fault, Source, check};

/// What a policy is called by: an annotation.
const ID: &str = "id";
/// Longest id of a policy, in bytes: decisions have it.
const ID_BYTES: usize = 100;
/// Most policies: each operation has a list of those that are about it.
const POLICIES: usize = 4_000;
/// How deep a condition may be; `a || b || c` is as deep as it is long. It is walked through by functions that call themselves.
const DEPTH: usize = 500;

/// A policy as it was read.
#[derive(Debug)]
pub(crate) struct Policy {
    /// As it is checked, with places.
    pub(crate) template: Template,
    /// As it is evaluated.
    pub(crate) rule: Arc<Rule>,
    /// Number of its source.
    pub(crate) source: usize,
    /// Actions that it names, in its scope and below.
    pub(crate) actions: BTreeSet<Box<str>>,
    /// Whether its condition tells actions apart.
    pub(crate) tells_actions: bool,
}

/// Policies, and what they may name.
#[derive(Debug)]
pub struct Book {
    pub(crate) policies: Vec<Policy>,
    pub(crate) vocabulary: Vocabulary,
    types: Arc<Types>,
    /// By the operation or group that their scope names.
    by_action: HashMap<Box<str>, Vec<usize>>,
    /// Those of which the scope names none.
    everywhere: Vec<usize>,
    checked: Mutex<Checked>,
}

impl Book {
    /// Reads all of them, in their order; with warnings.
    ///
    /// # Errors
    /// All that is wrong with them by themselves, warnings among it. What depends on an operation, [`Book::slice`] says.
    pub fn read(sources: &[Source<'_>], vocabulary: Vocabulary) -> Result<(Self, Vec<Fault>), Vec<Fault>> {
        let mut faults = Vec::new();
        let mut policies = Vec::new();
        let types = match Types::new() {
            Ok(types) => Arc::new(types),
            Err(error) => return Err(vec![Fault::error(0, None, error)]),
        };
        let mut known = HashSet::new();
        for (number, source) in sources.iter().enumerate() {
            for template in parse(number, source, &mut faults) {
                let policy = read(template, (number, source), &types, &mut faults);
                check_actions(&policy, &vocabulary, &mut faults);
                if !known.insert(policy.rule.id.clone()) {
                    let message = format!("there are two policies with the id `{}`", policy.rule.id);
                    let at = range(policy.template.loc());
                    faults.push(Fault::error(number, at, message).help("give each an `@id` of its own"));
                }
                policies.push(policy);
            }
        }
        if policies.len() > POLICIES {
            faults.push(Fault::error(0, None, format!("there are more than {POLICIES} policies")));
        }
        if faults.iter().any(|fault| fault.severity == crate::Severity::Error) {
            return Err(faults);
        }
        let (mut by_action, mut everywhere) = (HashMap::<Box<str>, Vec<usize>>::new(), Vec::new());
        for (index, policy) in policies.iter().enumerate() {
            match named(policy.template.action_constraint()) {
                None => everywhere.push(index),
                Some(uids) => {
                    for uid in uids {
                        by_action.entry(uid.eid().as_ref().into()).or_default().push(index);
                    }
                }
            }
        }
        let mut book = Self { policies, vocabulary, types, by_action, everywhere, checked: Mutex::default() };
        let mut reach = vec![0; book.policies.len()];
        for operation in book.vocabulary.actions.operations() {
            for index in book.about(operation) {
                reach.get_mut(index).into_iter().for_each(|operations| *operations += 1);
            }
        }
        book.checked = Mutex::new(Checked::new(reach));
        Ok((book, faults))
    }

    /// Those whose scope has an operation, in their order.
    fn about(&self, operation: &str) -> Vec<usize> {
        let groups = self.vocabulary.actions.groups_of(operation).iter().map(|group| &**group);
        let named = std::iter::once(operation).chain(groups).filter_map(|name| self.by_action.get(name));
        let mut found: Vec<usize> = named.flatten().chain(&self.everywhere).copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Those that can be satisfied in an operation, checked there; what is wrong is said once for all operations of one shape, and that a
    /// policy can be satisfied in none with the last of those that it is about.
    #[must_use]
    pub fn slice(&self, operation: &str, shape: &Shape) -> (Slice, Vec<Fault>) {
        let (found, faults) =
            check::check(self, &mut self.checked.lock(), (operation, shape), &self.about(operation));
        let rules = found.into_iter().filter_map(|index| Some(Arc::clone(&self.policies.get(index)?.rule)));
        let groups = self.vocabulary.actions.groups_of(operation);
        (Slice::new(rules.collect(), &self.types, operation, groups), faults)
    }
}

/// Bytes of a place.
pub(crate) fn range(place: Option<&Loc>) -> Option<Range<usize>> {
    place.map(|place| place.start()..place.end())
}

/// What the parser, or the checker, says.
pub(crate) fn fault(source: usize, said: &dyn Diagnostic) -> Fault {
    let label = said.labels().and_then(|mut labels| labels.next());
    let range = label.as_ref().map(|label| label.offset()..label.offset() + label.len());
    let fault = Fault::error(source, range, said.to_string());
    let expected = label.and_then(|label| label.label().map(str::to_owned));
    match said.help().map(|help| help.to_string()).or(expected) {
        Some(help) => fault.help(help),
        None => fault,
    }
}

fn parse(number: usize, source: &Source<'_>, faults: &mut Vec<Fault>) -> Vec<Template> {
    match parser::parse_policyset(source.text) {
        Ok(set) => {
            let mut all: Vec<Template> = set.all_templates().cloned().collect();
            all.sort_by_key(|template| template.loc().map_or(0, Loc::start));
            all
        }
        Err(errors) => {
            faults.extend(errors.into_iter().map(|error| fault(number, &error)));
            Vec::new()
        }
    }
}

fn read(
    template: Template,
    (number, source): (usize, &Source<'_>),
    types: &Types,
    faults: &mut Vec<Fault>,
) -> Policy {
    let at = range(template.loc());
    if !template.is_static() {
        let help = "name the entity itself, or write a link in the configuration";
        faults.push(Fault::error(number, at.clone(), "a template of Cedar's is not linked").help(help));
    }
    let id = match ID.parse::<AnyId>().ok().and_then(|key| template.annotation(&key)) {
        Some(id) => <Annotation as AsRef<str>>::as_ref(id).to_owned(),
        None => {
            let before = source.text.get(..at.as_ref().map_or(0, |at| at.start)).unwrap_or_default();
            format!("{}:{}", source.name, before.matches('\n').count() + 1)
        }
    };
    if id.is_empty() || id.len() > ID_BYTES {
        let message = format!("the id of a policy has from 1 to {ID_BYTES} bytes");
        faults.push(Fault::error(number, at, message).help("write another `@id`"));
    }
    let mut condition = template.non_scope_constraints();
    if condition.is_some_and(|condition| is_deeper(condition, DEPTH)) {
        let message = format!("the condition has more than {DEPTH} parts in each other");
        let help = "compare with a set, as in `[\"a\", \"b\"].contains(…)`, or write several policies";
        faults.push(Fault::error(number, range(template.loc()), message).help(help));
        condition = None;
    }
    let reads = Reads::of(condition);
    let principal = scope(template.principal_constraint().as_inner());
    let of_role = |uid: &EntityUID| *uid.entity_type() == types.role;
    let roles = reads.attributes.contains("roles")
        || reads.entities.iter().any(|uid| of_role(uid))
        || principal.names().is_some_and(of_role);
    let below = reads.entities.iter().filter(|uid| *uid.entity_type() == types.action);
    let of_scope = named(template.action_constraint()).into_iter().flatten();
    let actions = below.map(|uid| &**uid).chain(of_scope).map(|uid| uid.eid().as_ref().into()).collect();
    let rule = Rule {
        id: id.into(),
        permits: template.effect() == Effect::Permit,
        text: template.loc().and_then(Loc::snippet).unwrap_or_default().into(),
        principal,
        resource: scope(template.resource_constraint().as_inner()),
        when: condition.map(bare),
        roles,
        tells_actions: reads.action,
        whole: reads.whole,
        reads: reads.attributes,
    };
    let tells_actions = rule.tells_actions;
    Policy { template, rule: Arc::new(rule), source: number, actions, tells_actions }
}

/// Operations and groups that a scope names; `None` where it names none, so that all are meant.
fn named(constraint: &ActionConstraint) -> Option<Vec<&EntityUID>> {
    match constraint {
        ActionConstraint::Any => None,
        ActionConstraint::In(uids) => Some(uids.iter().map(|uid| &**uid).collect()),
        ActionConstraint::Eq(uid) => Some(vec![uid]),
    }
}

fn scope(constraint: &PrincipalOrResourceConstraint) -> Scope {
    // A slot was refused: it is nobody.
    let entity = |reference: &EntityReference| match reference {
        EntityReference::EUID(uid) => Some(nowhere(uid)),
        EntityReference::Slot(_) => None,
    };
    match constraint {
        PrincipalOrResourceConstraint::Any => Scope::Any,
        PrincipalOrResourceConstraint::Is(of) => Scope::Is((**of).clone()),
        PrincipalOrResourceConstraint::Eq(uid) => entity(uid).map_or(Scope::Nobody, Scope::Eq),
        PrincipalOrResourceConstraint::In(uid) => entity(uid).map_or(Scope::Nobody, Scope::In),
        PrincipalOrResourceConstraint::IsIn(of, uid) => {
            entity(uid).map_or(Scope::Nobody, |uid| Scope::IsIn((**of).clone(), uid))
        }
    }
}

/// Reports actions that the API does not have: a policy for a misspelled operation guards nothing.
fn check_actions(policy: &Policy, vocabulary: &Vocabulary, faults: &mut Vec<Fault>) {
    let actions = &vocabulary.actions;
    let at = range(policy.template.loc());
    for name in policy.actions.iter().filter(|name| !actions.knows(name)) {
        let message = format!("the API has no operation and no group `{name}`");
        let help = match diagnostics::nearest(name, actions.names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "name an operation by its `operationId`, or by its method and path, or a group: `{}`, `{}`, `tag:…`",
                crate::names::READ,
                crate::names::WRITE
            ),
        };
        faults.push(Fault::error(policy.source, at.clone(), message).help(help));
    }
    if let ActionConstraint::Eq(uid) = policy.template.action_constraint() {
        let name: &str = uid.eid().as_ref();
        if actions.knows(name) && actions.is_group(name) {
            let message = format!("`{name}` is a group, and no call is one");
            let help = format!("write `action in Action::\"{name}\"`");
            faults.push(Fault::error(policy.source, at, message).help(help));
        }
    }
}
