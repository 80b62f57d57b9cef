//! The section `objects`.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::Carries;
use diagnostics::{Diagnostic, Diagnostics, Severity};
use engine::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Mode, Spanned, Strings};

use super::modes::{Bound, Group, groups};
use super::owners::{self, OwnerSection};
use super::{Binding, Objects, Place, Refuse, unguarded};
use crate::callers::ClaimPath;
use crate::callers::config::CallerSection;
use crate::callers::trust::Trust;
use crate::pattern::{Pattern, Step};
use crate::scope::{Compiled, HeldTo, NamedFile, OperationKind, OperationScope, rule_name};
use crate::security::{Access, access};

/// Whose objects callers may name: ids in calls that belong to a claim of who calls.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Objects")]
pub struct ObjectsSection {
    /// whether calls are refused, or only recorded
    pub mode: Mode,
    /// how a call is refused: `forbidden` is 403, `not_found` is 404, as if there were no such object
    pub refuse: RefuseAs,
    /// ids and the claims that they belong to, by names of your choice, which decisions have
    pub bindings: BTreeMap<String, Spanned<BindingSection>>,
}

impl Default for ObjectsSection {
    fn default() -> Self {
        Self { mode: Mode::Enforce, refuse: RefuseAs::Forbidden, bindings: BTreeMap::new() }
    }
}

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefuseAs {
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
}

/// One kind of id.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ObjectBinding")]
pub struct BindingSection {
    /// whether this binding alone refuses, is only recorded, or is not looked at; without it as the section says
    #[serde(default)]
    pub mode: Option<Mode>,
    /// the claim that says which ids are the caller's: equal to it, or in it when it is a list
    pub claim: ClaimPath,
    /// issuers whose claim is believed, by their names; `applications` for API keys, or `any`
    #[serde(default)]
    pub issuer: Option<Strings>,
    /// whose an object is, where its id is not what the claim has: then the claim has owners
    #[serde(default)]
    pub owner: Option<Spanned<OwnerSection>>,
    /// where the id stands in calls; every place counts, in every operation that has it
    #[schemars(length(min = 1))]
    pub places: Vec<Spanned<PlaceSection>>,
    /// callers who may name any id: a role, or `roles`, `scopes` and `claims`
    #[serde(default)]
    pub except: Vec<CallerSection>,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ObjectPlace")]
pub struct PlaceSection {
    /// which part of a call
    #[serde(rename = "in")]
    pub part: Part,
    /// name of the parameter, header field or cookie; none for the body
    #[serde(default)]
    pub name: Option<String>,
    /// where in the body, or in a parameter that is an object: a JSON Pointer, `*` for every item or member
    #[serde(default)]
    pub pointer: Option<Pattern>,
    /// a call without an id here, or with `null`
    #[serde(default)]
    pub absent: OnAbsent,
    /// that no operation declares the place is known: schemas only leave it room
    #[serde(default)]
    pub undeclared: bool,
}

impl PlaceSection {
    /// As a person says it; `None` where it is not whole.
    fn said(&self) -> Option<String> {
        let within =
            self.pointer.as_ref().map_or_else(String::new, |pointer| format!(" at `{}`", pointer.as_str()));
        let name = || self.name.as_ref().map(|name| format!("`{name}`"));
        Some(match self.part {
            Part::Path => format!("the parameter {} in its path", name()?),
            Part::Query => format!("the parameter {} in its query{within}", name()?),
            Part::Header => format!("the header field {}{within}", name()?),
            Part::Cookie => format!("the cookie {}{within}", name()?),
            Part::Body => format!("a body with `{}`", self.pointer.as_ref()?.as_str()),
        })
    }
}

/// A part of a call, as OpenAPI names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// A parameter of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header field.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
}

impl Part {
    pub(super) const fn place(self) -> contract::Place {
        match self {
            Self::Path => contract::Place::Path,
            Self::Query => contract::Place::Query,
            Self::Header => contract::Place::Header,
            Self::Cookie => contract::Place::Cookie,
            Self::Body => contract::Place::Body,
        }
    }
}

/// What becomes of a call that names no object where one may be named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnAbsent {
    /// It is refused: what it means is the service's choice.
    #[default]
    Refuse,
    /// It goes on.
    Pass,
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(ObjectsSection)
}

/// The files that it names.
#[must_use]
pub fn files(node: &spec::Node) -> Vec<NamedFile> {
    owners::files(node)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &spec::Node, out: &mut Diagnostics) {
    let before = out.count(Severity::Error);
    let Some(section) = spec::read::<ObjectsSection>(node, out) else { return };
    // What was left out since it cannot be read is not missed a second time.
    if out.count(Severity::Error) > before {
        return;
    }
    for (name, binding) in &section.bindings {
        rule_name(name, binding.mode, binding.span, out);
        if let Some(owner) = &binding.owner {
            owners::check(owner, out);
        }
        if binding.places.is_empty() {
            let message = format!("the binding `{name}` has no place, so it guards nothing");
            out.push(Diagnostic::error("objects", message).at(binding.span).help("say where the id stands"));
        }
        for place in &binding.places {
            let (message, help) = match (place.part, &place.name, &place.pointer) {
                (Part::Body, Some(_), _) => ("an id in the body has no `name`", "say where by `pointer`"),
                (Part::Body, None, None) => {
                    ("an id in the body wants a `pointer`", "write one, as `/customer_id`")
                }
                (Part::Body, None, Some(_)) | (_, Some(_), _) => continue,
                (_, None, _) => ("an id outside of the body wants a `name`", "write the parameter's `name`"),
            };
            out.push(Diagnostic::error("objects", message).at(place.span).help(help));
        }
    }
}

/// Compiles it for an operation: the places that it has.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), OperationKind::Declared | OperationKind::ImpliedHead) = (scope.section, scope.kind)
    else {
        return Vec::new();
    };
    let shared = scope.api.share(&scope.section_key("objects"), || {
        let section = spec::read::<ObjectsSection>(node, out)?;
        check_places(scope, &section, out);
        Some(section)
    });
    let Some(section) = shared.as_ref().as_ref().filter(|section| section.mode != Mode::Off) else {
        return Vec::new();
    };
    unguarded::report(scope, section, out);
    let bound = bindings(scope, section, out);
    if bound.is_empty() {
        return Vec::new();
    }
    if access(scope) == Access::Open {
        open(scope, &bound, node, out);
    }
    let refuse = match section.refuse {
        RefuseAs::Forbidden => Refuse::Forbidden,
        RefuseAs::NotFound => Refuse::NotFound,
    };
    let compiled = |group: Group| Compiled {
        control: Arc::new(Objects {
            bindings: group.bindings,
            known: group.known,
            rule: group.rule,
            refuse,
            operation: scope.contract.map(Arc::clone),
            params: scope.params.to_vec(),
        }) as Arc<dyn Control>,
        mode: group.mode,
        response_mode: group.mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(group.span),
    };
    groups(&bound, node.span).into_iter().map(compiled).collect()
}

/// Those that have a place in the operation.
fn bindings(scope: &OperationScope<'_>, section: &ObjectsSection, out: &mut Diagnostics) -> Vec<Bound> {
    let trust = Trust::of(scope, out);
    let mut all = Vec::new();
    for (name, binding) in &section.bindings {
        let places: Vec<Place> = binding.places.iter().flat_map(|place| of_operation(scope, place)).collect();
        let mode = binding.mode.unwrap_or(section.mode);
        if places.is_empty() || mode == Mode::Off {
            continue;
        }
        let own = binding.mode.map(|_| binding.span);
        // What is wrong with it was reported, and keeps the document from being served.
        let Some(source) = owners::compile(scope, binding.owner.as_ref(), out) else { continue };
        let binding = Arc::new(Binding {
            name: name.as_str().into(),
            claim: binding.claim.clone(),
            issuers: trust.issuers(binding.issuer.as_ref(), binding.span, out),
            source,
            except: trust.callers(&binding.except, binding.span, out),
            places,
        });
        all.push(Bound { binding, mode, own });
    }
    all
}

/// Nobody who calls an operation that anyone may call has a claim: whatever it names is refused.
fn open(scope: &OperationScope<'_>, bound: &[Bound], node: &spec::Node, out: &mut Diagnostics) {
    let mut bindings = bound.iter().map(|one| &one.binding);
    let named = bindings.find(|binding| binding.places.iter().any(|place| place.declared));
    if let Some(binding) = named {
        let message =
            format!("anyone may call `{}`, so no object of `{}` is the caller's", scope.id, binding.name);
        let help = "give the operation `security` in the contract, or write `objects: { mode: off }` for it";
        out.push(Diagnostic::error("objects-without-security", message).at(node.span).help(help));
    }
}

/// A place as one operation has it; none when it has not. Parameters that it does not declare are looked at all the same, since
/// what is undeclared may be let through: they need not be there.
fn of_operation(scope: &OperationScope<'_>, place: &PlaceSection) -> impl Iterator<Item = Place> {
    let request = scope.contract.map(|contract| &contract.request);
    let also = request.and_then(|request| written_out(request, place)).and_then(|place| one(scope, &place));
    one(scope, place).into_iter().chain(also)
}

fn one(scope: &OperationScope<'_>, place: &PlaceSection) -> Option<Place> {
    let part = place.part.place();
    let name = place.name.clone().unwrap_or_default();
    let name = if place.part == Part::Header { name.to_ascii_lowercase() } else { name };
    let carries = match (place.part, scope.contract) {
        (Part::Path, _) if !scope.params.iter().any(|param| **param == *name) => return None,
        (Part::Body, _) if scope.websocket => return None,
        (Part::Body, Some(contract)) => carried(&contract.request, place),
        (Part::Body, None) if matches!(scope.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "TRACE") => {
            Carries::Open
        }
        (Part::Query | Part::Header | Part::Cookie, Some(contract)) => {
            contract.request.carries(part, &name, &place.pointer.as_ref().map(steps).unwrap_or_default())
        }
        _ => Carries::Yes,
    };
    let (declared, possible) = (carries == Carries::Yes, carries != Carries::No);
    let passes = place.absent == OnAbsent::Pass;
    let required = declared && !passes;
    Some(Place {
        part,
        name: name.into(),
        pointer: place.pointer.clone(),
        required,
        passes,
        declared,
        possible,
    })
}

/// The parameter by which a contract declares `name[a][b]` (or `name.a.b`) for `/a/b` in `name`, where it has no `name`.
fn written_out(request: &contract::RequestRules, place: &PlaceSection) -> Option<PlaceSection> {
    let (name, pointer) = (place.name.as_ref()?, place.pointer.as_ref()?);
    let declares = |name: &String| request.declares(contract::Place::Query, name);
    if place.part != Part::Query || declares(name) {
        return None;
    }
    let steps: Vec<&str> = pointer.steps().iter().map(Step::name).collect::<Option<_>>()?;
    let brackets: String = steps.iter().map(|step| format!("[{step}]")).collect();
    let dots: String = steps.iter().map(|step| format!(".{step}")).collect();
    let name = [brackets, dots].iter().map(|rest| format!("{name}{rest}")).find(declares);
    name.map(|name| PlaceSection { name: Some(name), pointer: None, ..place.clone() })
}

fn carried(request: &contract::RequestRules, place: &PlaceSection) -> Carries {
    let Some(pattern) = &place.pointer else { return Carries::No };
    let steps = steps(pattern);
    request.media().iter().map(|media| media.carries(&steps)).max().unwrap_or(Carries::No)
}

fn steps(pattern: &Pattern) -> Vec<Option<&str>> {
    pattern.steps().iter().map(Step::name).collect()
}

/// A place that no operation of the contract has guards nothing: it is misspelled.
fn check_places(scope: &OperationScope<'_>, section: &ObjectsSection, out: &mut Diagnostics) {
    let Some(api) = scope.api.contract else { return };
    for (name, binding) in &section.bindings {
        for place in &binding.places {
            let named = place.name.as_deref().unwrap_or_default();
            let steps = place.pointer.as_ref().map(steps).unwrap_or_default();
            let part = place.part.place();
            let declared = |request: &contract::RequestRules, name: &str| {
                if request.declares(part, name) { request.carries(part, name, &steps) } else { Carries::No }
            };
            let has = |operation: &Arc<contract::Operation>| match place.part {
                Part::Path if operation.template.contains(&format!("{{{named}}}")) => Carries::Yes,
                Part::Path => Carries::No,
                Part::Body => {
                    let media = operation.request.media().iter();
                    media.map(|media| media.knows(&steps)).max().unwrap_or(Carries::No)
                }
                Part::Header => declared(&operation.request, &named.to_ascii_lowercase()),
                _ if written_out(&operation.request, place).is_some() => Carries::Yes,
                _ => declared(&operation.request, named),
            };
            let found = match api.operations.iter().map(has).max().unwrap_or(Carries::No) {
                Carries::No => {
                    // Without either it was told of already.
                    let Some(what) = place.said() else { continue };
                    let message =
                        format!("no operation of the contract has {what}, as the binding `{name}` says");
                    Diagnostic::error("objects", message)
                        .help("compare the name with the contract: as it is, it guards nothing")
                }
                Carries::Open if !place.undeclared => {
                    let message =
                        format!("no operation of the contract declares this place of the binding `{name}`");
                    let help = "compare it with the contract, whose schemas only leave it room; where it is right, write `undeclared: true`";
                    Diagnostic::warning("objects", message).help(help)
                }
                Carries::Open | Carries::Yes => continue,
            };
            out.push(found.at(place.span));
        }
    }
}
