//! The policies of one operation, and what they say of its calls.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy_core::ast::{Entity, EntityType, EntityUID, Expr, Literal, Value, ValueKind};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use smol_str::SmolStr;

use crate::ask::{Asked, Types};
use crate::names::Wants;
use crate::{Decision, Facts, Told};

/// A policy as it is evaluated. That it is about the operation is known.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: Box<str>,
    pub(crate) permits: bool,
    pub(crate) text: Box<str>,
    pub(crate) principal: Scope,
    pub(crate) resource: Scope,
    /// Its condition, without places; without one it always holds.
    pub(crate) when: Option<Expr>,
    /// Names of attributes that it reads, of whatever they are.
    pub(crate) reads: BTreeSet<SmolStr>,
    /// Whether it reads roles.
    pub(crate) roles: bool,
    /// Whether it reads the action.
    pub(crate) tells_actions: bool,
    /// Whether it reads the context, or the time in it, as a whole.
    pub(crate) whole: bool,
}

/// What a scope says of who calls, or of what is called about.
#[derive(Debug)]
pub(crate) enum Scope {
    /// Anything.
    Any,
    /// Of this type.
    Is(EntityType),
    /// This one.
    Eq(EntityUID),
    /// This one, or in it.
    In(EntityUID),
    /// Of this type, and this one or in it.
    IsIn(EntityType, EntityUID),
    /// Nothing.
    Nobody,
}

impl Scope {
    /// The entity that it names.
    pub(crate) fn names(&self) -> Option<&EntityUID> {
        match self {
            Self::Eq(uid) | Self::In(uid) | Self::IsIn(_, uid) => Some(uid),
            Self::Any | Self::Is(_) | Self::Nobody => None,
        }
    }

    /// Whether an entity is in it, as Cedar has it: each is in itself.
    fn has(&self, entity: &Entity) -> bool {
        let is_in = |uid: &EntityUID| entity.uid() == uid || entity.is_descendant_of(uid);
        match self {
            Self::Any => true,
            Self::Is(of) => entity.uid().entity_type() == of,
            Self::Eq(uid) => entity.uid() == uid,
            Self::In(uid) => is_in(uid),
            Self::IsIn(of, uid) => entity.uid().entity_type() == of && is_in(uid),
            Self::Nobody => false,
        }
    }
}

/// Policies of one operation.
#[derive(Debug)]
pub struct Slice {
    /// Those that forbid, then those that permit, each in their order.
    rules: Box<[Arc<Rule>]>,
    types: Arc<Types>,
    action: Arc<Entity>,
    wants: Wants,
    /// Whether one of them reads `context.time.now`.
    pub(crate) now: bool,
    /// Whether one of them reads the action.
    pub(crate) tells_actions: bool,
}

impl Slice {
    pub(crate) fn new(
        mut rules: Vec<Arc<Rule>>,
        types: &Arc<Types>,
        operation: &str,
        groups: &[Box<str>],
    ) -> Self {
        rules.sort_by_key(|rule| rule.permits);
        let whole = rules.iter().any(|rule| rule.whole);
        let reads = |name: &str| whole || rules.iter().any(|rule| rule.reads.contains(name));
        let wants = Wants {
            claims: reads("claims"),
            roles: rules.iter().any(|rule| rule.roles),
            scopes: rules.iter().any(|rule| rule.reads.contains("scopes")),
            client: reads("client"),
            request: reads("request"),
            time: reads("time"),
            token: reads("token"),
            assurance: reads("assurance"),
            credentials: reads("credentials"),
        };
        let now = wants.time && reads("now");
        let tells_actions = rules.iter().any(|rule| rule.tells_actions);
        let action = Arc::new(types.action(operation, groups));
        Self { rules: rules.into(), types: Arc::clone(types), action, wants, now, tells_actions }
    }

    /// What of a call they read.
    #[must_use]
    pub fn wants(&self) -> &Wants {
        &self.wants
    }

    /// Whether one of them reads this attribute of the resource.
    #[must_use]
    pub fn reads(&self, attribute: &str) -> bool {
        self.rules.iter().any(|rule| rule.reads.contains(attribute))
    }

    /// Whether one of them permits anything.
    #[must_use]
    pub fn permits(&self) -> bool {
        self.rules.iter().any(|rule| rule.permits)
    }

    /// The policies.
    pub fn policies(&self) -> impl Iterator<Item = Told<'_>> {
        self.rules.iter().map(|rule| Told { id: &rule.id, permits: rule.permits, text: &rule.text })
    }

    pub(crate) fn types(&self) -> &Types {
        &self.types
    }

    pub(crate) fn action(&self) -> &Arc<Entity> {
        &self.action
    }

    /// What they say of a call.
    #[must_use]
    pub fn decide(&self, facts: &Facts<'_>) -> Decision<'_> {
        let Some(asked) = Asked::of(self, facts) else {
            // Nothing of what is told here can make that so; if it does, whatever would forbid first does.
            return self.rules.first().map_or(Decision::Unpermitted, |rule| Decision::Undecided(&rule.id));
        };
        let Asked { principal, resource, request, entities } = asked;
        let evaluator = Evaluator::new(request, &entities, Extensions::all_available());
        let slots = HashMap::new();
        for rule in &self.rules {
            if !rule.principal.has(&principal) || !rule.resource.has(&resource) {
                continue;
            }
            let held = match &rule.when {
                None => Some(true),
                Some(when) => evaluator.interpret(when, &slots).ok().as_ref().and_then(truth),
            };
            match (held, rule.permits) {
                (Some(true), true) => return Decision::Permitted(&rule.id),
                (Some(true), false) => return Decision::Forbidden(&rule.id),
                (None, false) => return Decision::Undecided(&rule.id),
                (Some(false), _) | (None, true) => {}
            }
        }
        Decision::Unpermitted
    }
}

/// What a condition came to, which the checker has made sure is true or false.
fn truth(value: &Value) -> Option<bool> {
    match value.value_kind() {
        ValueKind::Lit(Literal::Bool(value)) => Some(*value),
        _ => None,
    }
}
