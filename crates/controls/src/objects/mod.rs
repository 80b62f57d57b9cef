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
//! Where the id does not say whose it is, its owner is in a table, or asked of the service that has the object ([`owners`]): what has to be
//! asked about is found first, and nothing goes on before the answers are there.
//!
//! The decision names the binding and the place, never the id.

mod config;
mod elsewhere;
mod modes;
mod owned;
mod owners;
mod patches;
#[cfg(test)]
mod tests;
mod unguarded;

use std::sync::Arc;
use std::time::Duration;

use contract::{Carries, ParameterInput, Reading};
use engine::verdict::{Refusal, Violation};
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};
use smallvec::SmallVec;

use crate::callers::{Callers, ClaimPath};
use crate::patch::Patch;
use crate::pattern::Pattern;
use crate::read_body::{self, Content};
use crate::security::Issuers;
use owned::{Owned, check_place, check_reading};
use owners::{Answer, Asker, Known, Owners, Source, Told};

pub use config::{
    BindingSection, ObjectsSection, OnAbsent, Part, PlaceSection, RefuseAs, check_section, compile, files,
    schema,
};
pub use owners::{LookupSection, OwnerSection, OwnerStandIn, stand_ins};

/// When to come back while it cannot be told whose an object is.
const RETRY_AFTER: Duration = Duration::from_secs(1);

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
    /// How an id comes to what the claim has.
    source: Source,
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
    /// It cannot be told now whose it is.
    Unknown,
    /// More objects than are asked about for one call.
    TooMany,
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

/// What a call comes to, as far as owners are known.
enum Outcome {
    Done(Verdict),
    /// These have to be asked about, by the number of the binding; all else is good.
    Asks(Vec<(usize, Box<str>)>),
}

impl Outcome {
    fn of(wanted: Vec<(usize, Box<str>)>) -> Self {
        if wanted.is_empty() { Self::Done(Verdict::Allow) } else { Self::Asks(wanted) }
    }
}

impl Objects {
    fn has(&self, body: bool) -> bool {
        let places = self.bindings.iter().flat_map(|binding| &binding.places);
        places.into_iter().any(|place| (place.part == contract::Place::Body) == body)
    }

    /// Whether the operation may have a body at all.
    fn takes_body(&self) -> bool {
        self.operation.as_ref().is_none_or(|operation| operation.request.has_body())
    }

    /// The bindings that a caller is held to, with their numbers.
    fn held_to<'s>(&'s self, call: &'s Call) -> impl Iterator<Item = (usize, &'s Binding)> {
        let bindings = self.bindings.iter().map(|binding| &**binding).enumerate();
        bindings.filter(|(_, binding)| !binding.except.include(call))
    }

    fn check_head(&self, call: &Call, told: &Told) -> Outcome {
        let names = self.params.iter().map(|name| &**name);
        let path: SmallVec<[(&str, &str); 4]> = names.zip(call.params()).collect();
        let input =
            ParameterInput { path: &path, query: call.request.query(), headers: &call.request.headers };
        let (comes, mut wanted) = (read_body::comes(call), Vec::new());
        for (number, binding) in self.held_to(call) {
            let owned = Owned::of(binding, call, Owners::of(&binding.source, number, told));
            for place in &binding.places {
                let checked = match place.part {
                    // A body where none is declared is read by no check of the contract.
                    contract::Place::Body if comes && !self.takes_body() => Err(Why::Undecidable),
                    contract::Place::Body => continue,
                    part => self.check_parameter(place, &owned, &self.read(part, &place.name, &input)),
                };
                if let Err(why) = checked {
                    return Outcome::Done(self.refusal(binding, place, why));
                }
            }
            wanted.extend(owned.wanted());
        }
        Outcome::of(wanted)
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

    fn check_body(&self, call: &Call, body: &Content, told: &Told) -> Outcome {
        let patch = match body {
            Content::Patch(tape) | Content::Both(tape) => Some(Patch::read(tape.root())),
            _ => None,
        };
        let mut wanted = Vec::new();
        for (number, binding) in self.held_to(call) {
            let owned = Owned::of(binding, call, Owners::of(&binding.source, number, told));
            for place in binding.places.iter().filter(|place| place.part == contract::Place::Body) {
                let checked = check_place(place, &owned, (body, patch.as_ref()));
                if let Err(why) = checked.and_then(|()| self.check_elsewhere(place, &owned, body)) {
                    return Outcome::Done(self.refusal(binding, place, why));
                }
            }
            wanted.extend(owned.wanted());
        }
        Outcome::of(wanted)
    }

    fn refusal(&self, binding: &Binding, place: &Place, why: Why) -> Verdict {
        let pointer = place.pointer.as_ref().map(Pattern::as_str).unwrap_or_default();
        let at = format!("{} `{}{pointer}`", place.part.as_str(), place.name);
        let (said, public) = match why {
            Why::Other => ("is not the caller's", "must be an object of the caller's own"),
            Why::Absent => ("names no object", "must name an object of the caller's own"),
            Why::Undecidable => ("cannot be read in one way", "must name an object in one way only"),
            Why::TooMany => ("names too many objects", "must name fewer objects"),
            Why::Unknown => ("is of nobody knows whom", ""),
        };
        let detail = format!("binding `{}`: {at} {said} (claim `{}`)", binding.name, binding.claim.as_str());
        if why == Why::Unknown {
            return unavailable(detail);
        }
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

fn unavailable(detail: String) -> Verdict {
    Verdict::Refuse(Refusal::new(&codes::OWNER_UNAVAILABLE, detail).retry_after(RETRY_AFTER))
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

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let asker = |binding: &Arc<Binding>| match &binding.source {
            Source::Lookup(lookup) => Some(Asker::of(lookup, core)),
            Source::Id | Source::Table(_) => None,
        };
        let askers = self.bindings.iter().map(asker).collect();
        Box::new(AtWork { control: self, askers, core: core.clone() })
    }
}

#[derive(Debug)]
struct AtWork {
    control: Arc<Objects>,
    /// By the number of the binding.
    askers: Box<[Option<Arc<Asker>>]>,
    core: CoreContext,
}

/// Held by a call that was checked at its head: when that comes again, it is a live stream.
struct Before;

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        match self.control.check_head(call, &Told::new()) {
            Outcome::Done(verdict) => Step::Done(verdict),
            Outcome::Asks(wanted) => {
                let again = call.held.iter().any(|held| (**held).is::<Before>());
                if !again {
                    call.held.push(Box::new(Before));
                }
                let call = &*call;
                self.ask(wanted, again, move |told| self.control.check_head(call, told))
            }
        }
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        if self.control.held_to(call).next().is_none() {
            return Step::Done(Verdict::Allow);
        }
        let body = read_body::read(self.control.operation.as_deref(), call);
        let call = &*call;
        match self.control.check_body(call, &body, &Told::new()) {
            Outcome::Done(verdict) => Step::Done(verdict),
            Outcome::Asks(wanted) => {
                self.ask(wanted, false, move |told| self.control.check_body(call, &body, told))
            }
        }
    }
}

impl AtWork {
    /// Asks about objects, and checks the call once more when the answers are there.
    fn ask<'c>(
        &'c self,
        wanted: Vec<(usize, Box<str>)>,
        again: bool,
        check: impl Fn(&Told) -> Outcome + 'c,
    ) -> Step<'c> {
        let (mut told, mut asking) = (Told::new(), Vec::new());
        for (binding, id) in wanted {
            let known = match self.askers.get(binding).and_then(Option::as_ref) {
                Some(asker) => asker.look(&id, again, &self.core),
                None => Known::Answer(Answer::Unknown("nobody can be asked".into())),
            };
            match known {
                Known::Answer(answer) => _ = told.insert((binding, id), answer),
                Known::Asking(flight) => asking.push((binding, id, flight)),
            }
        }
        if asking.is_empty() {
            return Step::Done(decided(check(&told), &told));
        }
        Step::Wait(Box::pin(async move {
            for (binding, id, flight) in asking {
                flight.wait().await;
                let came_to_nothing = || Answer::Unknown("the question came to nothing".into());
                let answer = flight.told().map_or_else(came_to_nothing, |said| said.answer.clone());
                told.insert((binding, id), answer);
            }
            decided(check(&told), &told)
        }))
    }
}

/// The verdict on a call of which all that was wanted is told; where that was nothing, with the reason.
fn decided(outcome: Outcome, told: &Told) -> Verdict {
    let verdict = match outcome {
        Outcome::Done(verdict) => verdict,
        Outcome::Asks(_) => unavailable(String::from("objects were asked about in vain")),
    };
    let why = told.values().find_map(|answer| match answer {
        Answer::Unknown(why) => Some(why),
        Answer::Owners(_) => None,
    });
    match (verdict, why) {
        (Verdict::Refuse(mut refusal), Some(why)) if *refusal.code == codes::OWNER_UNAVAILABLE => {
            refusal.detail = format!("{}: {why}", refusal.detail).into();
            Verdict::Refuse(refusal)
        }
        (verdict, _) => verdict,
    }
}
