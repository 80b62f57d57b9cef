//! Object level authorization: an id that a call names has to belong to who calls (OWASP API1:2023).
//!
//! A binding says once where an id stands (path, query, header, cookie, body) and which claim says whose it is; it holds in every
//! operation that has the place. An id is the caller's when it equals the claim or is in it, compared byte for byte: `42` and `"42"`
//! are one id, `042`, `42.0` and another case are not it. Every id counts, in lists, batches and repeated parameters.
//!
//! Values are read by the contract's own readers ([`contract::RequestRules::read`]) and off the tape that validation read, so that no
//! second decoder sees another id. What cannot be decided is refused: a value that does not fit the contract, a parameter that is there
//! twice or under a name that some services read as this one, an object where an id should be, a body that nothing here reads. An id under
//! its own name where nothing declares one counts like one in its place, since filters may be nested. So is a
//! call without an id where the operation declares one (a list without its filter), unless the place says `absent: pass`.
//!
//! The decision names the binding and the place, never the id.

mod config;
mod elsewhere;
mod modes;
mod patches;
#[cfg(test)]
mod tests;
mod unguarded;

use std::borrow::Cow;
use std::sync::Arc;

use contract::{Carries, ParameterInput, Reading};
use engine::verdict::{Refusal, Violation};
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};
use smallvec::SmallVec;
use tape::{Kind, Node};

use crate::callers::{Callers, ClaimPath, scalar};
use crate::patch::Patch;
use crate::pattern::{Found, Pattern};
use crate::read_body::{self, Content};
use crate::security::Issuers;
use patches::check_patch;

pub use config::{
    BindingSection, ObjectsSection, OnAbsent, Part, PlaceSection, RefuseAs, check_section, compile, schema,
};

/// A place of a binding, as one operation has it.
#[derive(Debug)]
struct Place {
    part: contract::Place,
    /// Of a header field in lower case; empty for the body.
    name: Box<str>,
    pointer: Option<Pattern>,
    /// Whether there has to be an id.
    required: bool,
    /// Whether an id may be taken away by a patch.
    passes: bool,
    /// Whether the contract declares it.
    declared: bool,
    /// Whether the contract leaves it any room.
    possible: bool,
}

/// A kind of id and whose it is.
#[derive(Debug)]
struct Binding {
    name: Box<str>,
    claim: ClaimPath,
    /// Whose claim is believed.
    issuers: Issuers,
    except: Callers,
    places: Vec<Place>,
}

/// How a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refuse {
    Forbidden,
    NotFound,
}

/// Why a call is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// The id belongs to somebody else.
    Other,
    /// There is none.
    Absent,
    /// It cannot be told which it is.
    Undecidable,
}

/// The control, for one operation: all bindings of one mode, or one that has a mode of its own.
#[derive(Debug)]
pub struct Objects {
    bindings: Vec<Arc<Binding>>,
    /// These and those that are enforced beside them: where ids are known to stand.
    known: Vec<Arc<Binding>>,
    /// Its one binding, where that is in shadow by itself.
    rule: Option<Box<str>>,
    refuse: Refuse,
    operation: Option<Arc<contract::Operation>>,
    params: Vec<Box<str>>,
}

/// What a call has to be to pass one place.
type Checked = Result<(), Why>;

impl Objects {
    fn has(&self, body: bool) -> bool {
        let places = self.bindings.iter().flat_map(|binding| &binding.places);
        places.into_iter().any(|place| (place.part == contract::Place::Body) == body)
    }

    /// Whether the operation may have a body at all.
    fn takes_body(&self) -> bool {
        self.operation.as_ref().is_none_or(|operation| operation.request.has_body())
    }

    fn check_head(&self, call: &Call) -> Verdict {
        let names = self.params.iter().map(|name| &**name);
        let path: SmallVec<[(&str, &str); 4]> = names.zip(call.params()).collect();
        let input =
            ParameterInput { path: &path, query: call.request.query(), headers: &call.request.headers };
        let comes = read_body::comes(call);
        for binding in self.bindings.iter().filter(|binding| !binding.except.include(call)) {
            let owned = Owned::of(binding, call);
            for place in &binding.places {
                let checked = match place.part {
                    // A body where none is declared is read by no check of the contract.
                    contract::Place::Body if comes && !self.takes_body() => Err(Why::Undecidable),
                    contract::Place::Body => continue,
                    part => self.check_parameter(place, &owned, &self.read(part, &place.name, &input)),
                };
                if let Err(why) = checked {
                    return self.refusal(binding, place, why);
                }
            }
        }
        Verdict::Allow
    }

    fn read(&self, part: contract::Place, name: &str, input: &ParameterInput<'_>) -> Reading {
        match &self.operation {
            Some(operation) => operation.request.read(part, name, input),
            None => contract::undeclared(part, name, input),
        }
    }

    fn check_parameter(&self, place: &Place, owned: &Owned<'_>, reading: &Reading) -> Checked {
        check_reading(place, owned, reading)?;
        let Reading::Values(tapes) = reading else { return Ok(()) };
        let search = |root| elsewhere::check((place, self.places()), owned, root, &|_| false);
        tapes.iter().try_for_each(|tape| search(tape.root()))
    }

    /// In a body what the contract declares elsewhere is known to who wrote the binding (`objects-unguarded`).
    fn check_elsewhere(&self, place: &Place, owned: &Owned<'_>, body: &Content) -> Checked {
        let root = match body {
            Content::Json(tape) | Content::Merge(tape) | Content::Both(tape) => tape.root(),
            Content::Fields(tape) => tape.root(),
            Content::Empty | Content::Patch(_) | Content::Flat | Content::Unread => return Ok(()),
        };
        let declares = |at: &[Option<&str>]| {
            let media = self.operation.iter().flat_map(|operation| operation.request.media());
            media.into_iter().any(|media| media.carries(at) == Carries::Yes)
        };
        elsewhere::check((place, self.places()), owned, root, &declares)
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.known.iter().flat_map(|binding| &binding.places)
    }

    fn check_body(&self, call: &mut Call) -> Verdict {
        if self.bindings.iter().all(|binding| binding.except.include(call)) {
            return Verdict::Allow;
        }
        let body = read_body::read(self.operation.as_deref(), call);
        let call = &*call;
        let patch = match &body {
            Content::Patch(tape) | Content::Both(tape) => Some(Patch::read(tape.root())),
            _ => None,
        };
        for binding in self.bindings.iter().filter(|binding| !binding.except.include(call)) {
            let owned = Owned::of(binding, call);
            for place in binding.places.iter().filter(|place| place.part == contract::Place::Body) {
                let checked = check_place(place, &owned, (&body, patch.as_ref()));
                if let Err(why) = checked.and_then(|()| self.check_elsewhere(place, &owned, &body)) {
                    return self.refusal(binding, place, why);
                }
            }
        }
        Verdict::Allow
    }

    fn refusal(&self, binding: &Binding, place: &Place, why: Why) -> Verdict {
        let pointer = place.pointer.as_ref().map(Pattern::as_str).unwrap_or_default();
        let at = format!("{} `{}{pointer}`", place.part.as_str(), place.name);
        let (said, public) = match why {
            Why::Other => ("is not the caller's", "must be an object of the caller's own"),
            Why::Absent => ("names no object", "must name an object of the caller's own"),
            Why::Undecidable => ("cannot be read in one way", "must name an object in one way only"),
        };
        let detail = format!("binding `{}`: {at} {said} (claim `{}`)", binding.name, binding.claim.as_str());
        match self.refuse {
            Refuse::NotFound => Verdict::Refuse(Refusal::new(&codes::OBJECT_NOT_FOUND, detail)),
            Refuse::Forbidden => {
                let mut refusal = Refusal::new(&codes::OBJECT_FORBIDDEN, detail);
                refusal.violations.push(Violation {
                    place: place.part.as_str(),
                    pointer: format!("{}{pointer}", place.name),
                    message: public.to_owned(),
                });
                Verdict::Refuse(refusal)
            }
        }
    }
}

/// The ids that are the caller's, sorted.
struct Owned<'c>(SmallVec<[Cow<'c, str>; 4]>);

impl<'c> Owned<'c> {
    /// What the claim says of every credential that was proven by an issuer that is believed. A claim that is empty names nothing.
    fn of(binding: &Binding, call: &'c Call) -> Self {
        let mut all = SmallVec::new();
        let principals = call.proofs.iter().map(|proof| &*proof.principal);
        let believed = principals.filter(|principal| binding.issuers.vouch_for(principal));
        for claim in believed.filter_map(|principal| binding.claim.find(principal)) {
            match claim.kind() {
                Kind::Array => all.extend(claim.items().filter_map(scalar)),
                _ => all.extend(scalar(claim)),
            }
        }
        all.retain(|id: &mut Cow<'_, str>| !id.is_empty());
        all.sort_unstable();
        Self(all)
    }

    fn has(&self, id: &str) -> bool {
        self.0.binary_search_by(|known| (**known).cmp(id)).is_ok()
    }

    /// An id, or a list of ids.
    fn check(&self, node: Node<'_>) -> Checked {
        match node.kind() {
            Kind::Null => Err(Why::Absent),
            Kind::Array if node.is_empty() => Err(Why::Absent),
            Kind::Array => node.items().try_for_each(|item| self.one(item)),
            _ => self.one(node),
        }
    }

    fn one(&self, node: Node<'_>) -> Checked {
        let id = scalar(node).ok_or(Why::Undecidable)?;
        if self.has(&id) { Ok(()) } else { Err(Why::Other) }
    }
}

/// Nothing is no fault where there need not be an id.
fn absent(place: &Place, checked: Checked) -> Checked {
    if checked == Err(Why::Absent) && !place.required { Ok(()) } else { checked }
}

/// Every value that stands at a place.
fn check_value(place: &Place, owned: &Owned<'_>, root: Node<'_>) -> Checked {
    let Some(pattern) = &place.pointer else { return absent(place, owned.check(root)) };
    let mut checked = Ok(());
    pattern.walk(root, &mut |found| {
        let this = match found {
            Found::Value(node) => owned.check(node),
            Found::Absent => Err(Why::Absent),
            // A schema that has no such place says that the value is something else.
            Found::Misplaced if !place.possible => Ok(()),
            Found::Misplaced => Err(Why::Undecidable),
        };
        checked = checked.and(absent(place, this));
    });
    checked
}

fn check_reading(place: &Place, owned: &Owned<'_>, reading: &Reading) -> Checked {
    match reading {
        Reading::Absent => absent(place, Err(Why::Absent)),
        Reading::Unreadable => Err(Why::Undecidable),
        Reading::Values(tapes) => tapes.iter().try_for_each(|tape| check_value(place, owned, tape.root())),
    }
}

fn check_place(place: &Place, owned: &Owned<'_>, (body, patch): (&Content, Option<&Patch<'_>>)) -> Checked {
    let patched =
        |pattern| patch.map_or(Err(Why::Undecidable), |patch| check_patch(place, pattern, owned, patch));
    match (body, &place.pointer) {
        (Content::Empty, _) => absent(place, Err(Why::Absent)),
        (Content::Unread, _) => Err(Why::Undecidable),
        // Bytes and plain text have no places, unless the same operation has them in another form: then they may be that.
        (Content::Flat, _) => {
            if place.possible {
                Err(Why::Undecidable)
            } else {
                Ok(())
            }
        }
        (Content::Patch(_), Some(pattern)) => patched(pattern),
        (Content::Both(tape), Some(pattern)) => check_value(place, owned, tape.root()).and(patched(pattern)),
        (Content::Fields(tape), Some(pattern)) if read_body::has_alias(tape, pattern) => {
            Err(Why::Undecidable)
        }
        (Content::Json(tape) | Content::Merge(tape), _) => check_value(place, owned, tape.root()),
        (Content::Fields(tape), _) => check_value(place, owned, tape.root()),
        (Content::Patch(_) | Content::Both(_), None) => Err(Why::Undecidable),
    }
}

impl Control for Objects {
    fn name(&self) -> &'static str {
        "objects"
    }

    fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    fn needs(&self) -> Needs {
        let body = self.has(true);
        Needs {
            head: self.has(false) || (body && !self.takes_body()),
            body: body && self.takes_body(),
            recheck: true,
            ..Needs::default()
        }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Objects>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_head(call))
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(self.0.check_body(call))
    }
}
