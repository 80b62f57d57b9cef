//! What schemas say of where values have a property, for controls that are told of places and have to know whether there are such.

use tape::Kind;

use crate::body::MediaRules;
use crate::media::MediaKind;
use crate::request::RequestRules;
use crate::shape::Shape;
use crate::violation::Place;

/// Most places of one name that are told of one schema.
pub const MAX_PLACES: usize = 64;

/// Whether values of some kind have a property, by their schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carries {
    /// The schema leaves it no place.
    No,
    /// It may be there, undeclared.
    Open,
    /// The schema declares it.
    Yes,
}

/// The steps of a pointer; `None` for any item or member.
pub type Steps<'s> = Vec<Option<&'s str>>;

impl Shape {
    /// By the steps of a pointer; `None` is any item or member. A name is found in any case.
    fn carries(&self, steps: &[Option<&str>]) -> Carries {
        let Some((step, rest)) = steps.split_first() else { return Carries::Yes };
        if self.is_any() {
            return Carries::Open;
        }
        let of = |shape: &Shape| shape.carries(rest);
        let undeclared = |shape: &Shape| of(shape).min(Carries::Open);
        let fields = self.fields.as_ref();
        let named = fields.into_iter().flat_map(|fields| &fields.named);
        let others = fields.and_then(|fields| fields.rest.as_deref());
        let items = self.items.as_deref();
        let found = match step {
            None => {
                named.map(|(_, shape)| of(shape)).chain(items.map(of)).chain(others.map(undeclared)).max()
            }
            Some(name) => {
                let same =
                    named.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, shape)| of(shape));
                let item = items.filter(|_| name.bytes().all(|byte| byte.is_ascii_digit())).map(of);
                same.chain(item).chain(others.map(undeclared)).max()
            }
        };
        found.unwrap_or(Carries::No)
    }

    /// Whether the schema names the property that the steps lead to. `None` is an item and nothing else, and what is in the values of a
    /// mapping (`additionalProperties`) is named by their schema.
    fn names_at(&self, steps: &[Option<&str>]) -> bool {
        let Some((step, rest)) = steps.split_first() else { return true };
        let Some(name) = step else { return self.items.as_deref().is_some_and(|items| items.names_at(rest)) };
        let Some(fields) = &self.fields else { return false };
        let mut same = fields.named.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let of_mapping = || fields.rest.as_deref().filter(|_| !rest.is_empty());
        same.any(|(_, shape)| shape.names_at(rest)) || of_mapping().is_some_and(|shape| shape.names_at(rest))
    }

    /// What may stand where the steps lead.
    fn reach<'s>(&'s self, steps: &[Option<&str>], out: &mut Vec<&'s Shape>) {
        let Some((step, rest)) = steps.split_first() else { return out.push(self) };
        if self.is_any() {
            return out.push(self);
        }
        let fields = self.fields.as_ref();
        let named = fields.into_iter().flat_map(|fields| &fields.named);
        let same = named.filter(|(known, _)| step.is_some_and(|name| known.eq_ignore_ascii_case(name)));
        let mut found = false;
        for (_, shape) in same {
            found = true;
            shape.reach(rest, out);
        }
        let other =
            if step.is_none() { self.items.as_deref() } else { fields.and_then(|one| one.rest.as_deref()) };
        if let Some(shape) = other.filter(|_| !found) {
            shape.reach(rest, out);
        }
    }

    /// Whether a value of this kind is one that the schema names.
    fn names(&self, kind: Kind) -> bool {
        !self.is_any() && (kind == Kind::Null || self.has_kind(kind))
    }

    /// Where values have a property of this name, as the steps of pointers; at most [`MAX_PLACES`]. As deep as the shape.
    fn places<'s>(&'s self, name: &str, at: &mut Steps<'s>, out: &mut Vec<Steps<'s>>) {
        let fields = self.fields.as_ref();
        for (known, shape) in fields.into_iter().flat_map(|fields| &fields.named) {
            at.push(Some(known));
            if known.eq_ignore_ascii_case(name) && out.len() < MAX_PLACES {
                out.push(at.clone());
            }
            shape.places(name, at, out);
            at.pop();
        }
        let others = fields.and_then(|fields| fields.rest.as_deref());
        for inner in self.items.as_deref().into_iter().chain(others) {
            at.push(None);
            inner.places(name, at, out);
            at.pop();
        }
    }
}

impl RequestRules {
    /// Whether values of such a parameter have one where the steps of a pointer lead; of one that is not declared they may.
    #[must_use]
    pub fn carries(&self, place: Place, name: &str, steps: &[Option<&str>]) -> Carries {
        self.find(place, name).map_or(Carries::Open, |parameter| parameter.shape.carries(steps))
    }

    /// Parameters of a part of the call, and where their values have a property of this name. The name of a header field is in lower
    /// case.
    pub fn places<'s>(
        &'s self,
        place: Place,
        name: &'s str,
    ) -> impl Iterator<Item = (&'s str, Vec<Steps<'s>>)> {
        self.declared(place).iter().map(move |parameter| {
            let mut out = Vec::new();
            parameter.shape.places(name, &mut Vec::new(), &mut out);
            (parameter.name.as_str(), out)
        })
    }
}

impl MediaRules {
    /// Whether a body of this kind has a value where the steps of a pointer lead; `None` is any item or member. Text and bytes
    /// have no places, unless their schema has.
    #[must_use]
    pub fn carries(&self, steps: &[Option<&str>]) -> Carries {
        match self.kind {
            Some(MediaKind::Text | MediaKind::Binary) if !self.shape.is_compound() => Carries::No,
            _ => self.shape.carries(steps),
        }
    }

    /// Whether a value of this kind where `at` leads (`None` is an item) is another than the schema has there, which may have a place where
    /// `rest` leads on from there: a reader may find that place elsewhere.
    #[must_use]
    pub fn is_misplaced(&self, at: &[Option<&str>], kind: Kind, rest: &[Option<&str>]) -> bool {
        let mut shapes = Vec::new();
        self.shape.reach(at, &mut shapes);
        shapes.iter().any(|shape| shape.carries(rest) != Carries::No)
            && !shapes.iter().any(|shape| shape.names(kind))
    }

    /// Whether the schema names the property that stands where `at` leads (`None` is an item) in a value, as deep as schemas are looked into.
    #[must_use]
    pub fn names(&self, at: &[Option<&str>]) -> bool {
        self.shape.names_at(at)
    }

    /// The same as [`MediaRules::carries`], where a property of the values of a mapping (`additionalProperties`) is declared too: it need not
    /// be there, but its name is known.
    #[must_use]
    pub fn knows(&self, steps: &[Option<&str>]) -> Carries {
        let carries = self.carries(steps);
        let Some(Some(leaf)) = steps.last().filter(|_| carries == Carries::Open) else { return carries };
        let fits = |(wanted, step): (&Option<&str>, &Option<&str>)| match (wanted, step) {
            (Some(name), Some(known)) => known.eq_ignore_ascii_case(name),
            _ => true,
        };
        let mut places = self.places(leaf).into_iter();
        let is_known = places.any(|place| place.len() == steps.len() && steps.iter().zip(&place).all(fits));
        if is_known { Carries::Yes } else { carries }
    }

    /// Where bodies of this kind have a property of this name; at most [`MAX_PLACES`], and no deeper than schemas are looked into.
    #[must_use]
    pub fn places(&self, name: &str) -> Vec<Steps<'_>> {
        let mut out = Vec::new();
        self.shape.places(name, &mut Vec::new(), &mut out);
        out
    }
}
