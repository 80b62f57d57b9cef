//! A call as the evaluator is told of it: who calls, the action, the resource and the context.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy_core::ast::{
    Context, Eid, Entity, EntityType, EntityUID, EntityUIDEntry, Name, PartialValue, Request, Value,
};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::facts::{Assurance, Caller, Facts, Term, Time};
use crate::slice::Slice;

/// Types of entities, and functions by which values are made.
#[derive(Debug)]
pub(crate) struct Types {
    caller: EntityType,
    anonymous: EntityType,
    pub(crate) role: EntityType,
    issuer: EntityType,
    application: EntityType,
    resource: EntityType,
    pub(crate) action: EntityType,
    ip: Name,
    datetime: Name,
    duration: Name,
    offset: Name,
}

impl Types {
    /// Makes them.
    ///
    /// # Errors
    /// Never: all of these are names.
    pub(crate) fn new() -> Result<Self, String> {
        let name = |text: &str| text.parse::<Name>().map_err(|error| error.to_string());
        let of = |text: &str| name(text).map(EntityType::from);
        Ok(Self {
            caller: of("Caller")?,
            anonymous: of("Anonymous")?,
            role: of("Role")?,
            issuer: of("Issuer")?,
            application: of("Application")?,
            resource: of("Resource")?,
            action: of("Action")?,
            ip: name("ip")?,
            datetime: name("datetime")?,
            duration: name("duration")?,
            offset: name("offset")?,
        })
    }

    /// An operation with its groups.
    pub(crate) fn action(&self, operation: &str, groups: &[Box<str>]) -> Entity {
        let parents = groups.iter().map(|group| entity(&self.action, &**group)).collect();
        made(entity(&self.action, operation), [], parents)
    }
}

fn entity(of: &EntityType, id: impl Into<SmolStr>) -> EntityUID {
    EntityUID::from_components(of.clone(), Eid::new(id), None)
}

/// An entity whose parents have none.
fn made(
    uid: EntityUID,
    attributes: impl IntoIterator<Item = (SmolStr, Value)>,
    parents: HashSet<EntityUID>,
) -> Entity {
    let attributes = attributes.into_iter().map(|(name, value)| (name, PartialValue::Value(value)));
    Entity::new_with_attr_partial_value(uid, attributes, HashSet::new(), parents, [])
}

/// A call as the evaluator is told of it.
pub(crate) struct Asked {
    pub(crate) principal: Arc<Entity>,
    pub(crate) resource: Arc<Entity>,
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

impl Asked {
    /// `None` where a value cannot be made.
    pub(crate) fn of(slice: &Slice, facts: &Facts<'_>) -> Option<Self> {
        let types = slice.types();
        let principal = Arc::new(principal(slice, facts.caller.as_ref()));
        let attributes = facts.resource.iter().map(|(name, term)| (SmolStr::from(*name), value(term)));
        let resource = made(entity(&types.resource, facts.path), attributes, HashSet::new());
        let resource = Arc::new(resource);
        let action = slice.tells_actions.then(|| Arc::clone(slice.action()));
        let all = [Arc::clone(&principal), Arc::clone(&resource)].into_iter().chain(action);
        let entities = Entities::new()
            .add_entities(
                all,
                None::<&NoEntitiesSchema>,
                TCComputation::AssumeAlreadyComputed,
                Extensions::all_available(),
            )
            .ok()?;
        let entry = |entity: &Entity| EntityUIDEntry::known(entity.uid().clone(), None);
        let request = Request::new_unchecked(
            entry(&principal),
            entry(slice.action()),
            entry(&resource),
            Some(Context::Value(Arc::new(context(slice, facts)?))),
        );
        Some(Self { principal, resource, request, entities })
    }
}

fn principal(slice: &Slice, caller: Option<&Caller<'_>>) -> Entity {
    let (types, wants) = (slice.types(), slice.wants());
    let Some(caller) = caller else {
        return made(entity(&types.anonymous, "anonymous"), [], HashSet::new());
    };
    let mut attributes: SmallVec<[(SmolStr, Value); 8]> = SmallVec::new();
    let mut add = |name: &'static str, value: Value| attributes.push((SmolStr::new_static(name), value));
    add("issuer", text(caller.issuer));
    add("subject", text(caller.subject));
    caller.application.into_iter().for_each(|application| add("application", text(application)));
    add("credential", text(caller.credential));
    if wants.scopes {
        add("scopes", texts(caller.scopes.iter().copied()));
    }
    if wants.roles {
        add("roles", texts(caller.roles.iter().map(|role| &**role)));
    }
    let mut parents = HashSet::with_capacity(caller.roles.len() + 2);
    parents.insert(entity(&types.issuer, caller.issuer_name));
    parents.extend(caller.application.map(|application| entity(&types.application, application)));
    parents.extend(caller.roles.iter().map(|role| entity(&types.role, &**role)));
    let id = format!("{}|{}", caller.issuer_name, caller.subject);
    made(entity(&types.caller, id), attributes, parents)
}

fn context(slice: &Slice, facts: &Facts<'_>) -> Option<BTreeMap<SmolStr, Value>> {
    let wants = slice.wants();
    let mut context = BTreeMap::new();
    let mut add = |name: &'static str, value: Value| context.insert(SmolStr::new_static(name), value);
    if wants.claims {
        let claims = facts.claims.iter().map(|(name, term)| (SmolStr::from(*name), value(term)));
        add("claims", record(claims));
    }
    if wants.client {
        let address = address(slice.types(), facts.address)?;
        add("client", named([("address", Some(address)), ("located", Some(facts.located.into()))]));
    }
    if wants.request {
        let members = [
            ("method", Some(text(facts.method))),
            ("host", Some(text(facts.host))),
            ("path", Some(text(facts.path))),
            ("listener", Some(text(facts.listener))),
            ("tls", Some(facts.tls.into())),
        ];
        add("request", named(members));
    }
    if wants.time {
        add("time", time(slice, facts.time)?);
    }
    if wants.token {
        let members =
            [("age", facts.token_age.map(Value::from)), ("left", facts.token_left.map(Value::from))];
        add("token", named(members));
    }
    if wants.assurance {
        add("assurance", assurance(&facts.assurance));
    }
    if wants.credentials {
        add("credentials", texts(facts.credentials.iter().copied()));
    }
    Some(context)
}

fn assurance(assurance: &Assurance<'_>) -> Value {
    named([
        ("acr", assurance.acr.as_deref().map(text)),
        ("amr", Some(texts(assurance.amr.iter().map(|one| &**one)))),
        ("login_age", assurance.login_age.map(Value::from)),
        ("bound", Some(assurance.bound.into())),
    ])
}

fn time(slice: &Slice, time: Time) -> Option<Value> {
    let now = match slice.now {
        true => Some(moment(slice.types(), time.unix)?),
        false => None,
    };
    Some(named([("now", now), ("weekday", Some(time.weekday.into())), ("minute", Some(time.minute.into()))]))
}

/// A moment: Cedar makes one of a text, or of one by a distance.
fn moment(types: &Types, unix: i64) -> Option<Value> {
    let start = called(&types.datetime, &[text("1970-01-01")])?;
    let distance = called(&types.duration, &[text(&format!("{unix}ms"))])?;
    called(&types.offset, &[start, distance])
}

fn address(types: &Types, address: IpAddr) -> Option<Value> {
    called(&types.ip, &[text(&address.to_string())])
}

/// What a function of Cedar's makes.
fn called(function: &Name, arguments: &[Value]) -> Option<Value> {
    match Extensions::all_available().func(function).ok()?.call(arguments).ok()? {
        PartialValue::Value(value) => Some(value),
        PartialValue::Residual(_) => None,
    }
}

fn value(term: &Term<'_>) -> Value {
    match term {
        Term::Text(term) => text(term),
        Term::Long(term) => Value::from(*term),
        Term::Bool(term) => Value::from(*term),
        Term::Texts(terms) => texts(terms.iter().map(|term| &**term)),
    }
}

fn text(text: &str) -> Value {
    Value::from(SmolStr::from(text))
}

fn texts<'t>(all: impl Iterator<Item = &'t str>) -> Value {
    Value::set_of_lits(all.map(|text| SmolStr::from(text).into()), None)
}

fn named<const N: usize>(members: [(&'static str, Option<Value>); N]) -> Value {
    record(members.into_iter().filter_map(|(name, value)| Some((SmolStr::new_static(name), value?))))
}

fn record(members: impl Iterator<Item = (SmolStr, Value)>) -> Value {
    Value::record_arc(Arc::new(members.collect()), None)
}
