//! What parameters and bodies say, as the contract's own validators read them: for controls that decide by a value.
//!
//! There is one decoder. A control that split a query or a path by itself would one day read another value than the one that was
//! validated, and the service a third. Where the contract admits several readings of one text (a scalar or a list, a number or
//! a string) all that fit are given, and what cannot be read is said to be so; who decides by it has to refuse.

use http::HeaderMap;
use http::header::COOKIE;
use tape::{Bounds, Tape};

use crate::alias::{has_alias, hides, is_alias};
use crate::body::MediaRules;
use crate::media::{ContentType, MediaKind};
use crate::parameter::Parameter;
use crate::percent;
use crate::query::{self, Pair};
use crate::request::{ParameterInput, RequestRules, joined};
use crate::response::ResponseRules;
use crate::shape::Raw;
use crate::style::{self, Style, Wrong};
use crate::violation::Place;

/// What a call says under a parameter's name.
#[derive(Debug)]
pub enum Reading {
    /// Nothing.
    Absent,
    /// This, by every reading that fits the contract; never empty.
    Values(Vec<Tape>),
    /// Something that does not fit the contract, is there more than once, or stands under a name that some services read
    /// as this one (another case, brackets).
    Unreadable,
}

impl Parameter {
    fn is_greedy(&self) -> bool {
        self.explode && self.shape.fields.is_some()
    }

    /// Properties that are written as pairs under their own names.
    fn pairs_of_its_own(&self) -> impl Iterator<Item = &str> {
        let fields = self.shape.fields.as_ref().filter(|_| self.explode && self.style == Style::Form);
        fields.into_iter().flat_map(|fields| fields.named.keys()).map(String::as_str)
    }

    fn fitting(&self, readings: Result<Vec<Raw>, Wrong>) -> Reading {
        let Ok(readings) = readings else { return Reading::Unreadable };
        if readings.is_empty() {
            return Reading::Absent;
        }
        let passes: &[bool] = if self.shape.is_ambiguous() { &[true, false] } else { &[false] };
        let tapes = readings
            .iter()
            .flat_map(|raw| passes.iter().filter_map(move |literal| self.shape.build(raw, *literal)));
        non_empty(tapes.filter(|tape| self.checker.is_trivial() || self.checker.fits(tape.root())).collect())
    }

    fn json(&self, text: String) -> Reading {
        let tape = Tape::parse(text.into(), &Bounds::default()).ok();
        non_empty(tape.into_iter().filter(|tape| self.checker.fits(tape.root())).collect())
    }

    fn read_single(&self, raw: Option<&str>) -> Reading {
        let Some(raw) = raw else { return Reading::Absent };
        if self.json {
            return percent::decode(raw.as_bytes(), false)
                .map_or(Reading::Unreadable, |text| self.json(text));
        }
        self.fitting(style::single(self.style, self.explode, &self.name, raw, &self.shape))
    }

    fn read_header(&self, headers: &HeaderMap) -> Reading {
        match joined(self, headers) {
            Err(_) => Reading::Unreadable,
            Ok(Some(raw)) if self.json => self.json(raw),
            // The readings decode: what is written here must come out as it went in.
            Ok(raw) => self.read_single(raw.map(|raw| raw.replace('%', "%25")).as_deref()),
        }
    }

    fn read_pairs(&self, pairs: &[Pair<'_>], used: &mut [bool]) -> Reading {
        if !self.json {
            let readings = style::from_pairs(self.style, self.explode, &self.name, &self.shape, pairs, used);
            return self.fitting(readings);
        }
        let mut own = pairs.iter().zip(used.iter_mut()).filter(|(pair, _)| pair.name == self.name);
        let Some((first, mark)) = own.next() else { return Reading::Absent };
        *mark = true;
        if own.next().is_some() { Reading::Unreadable } else { self.json(first.value.clone()) }
    }
}

fn non_empty(tapes: Vec<Tape>) -> Reading {
    if tapes.is_empty() { Reading::Unreadable } else { Reading::Values(tapes) }
}

impl RequestRules {
    pub(crate) fn declared(&self, place: Place) -> &[Parameter] {
        match place {
            Place::Path => &self.path,
            Place::Query => &self.query,
            Place::Header => &self.headers,
            Place::Cookie => &self.cookies,
            Place::Body | Place::Status => &[],
        }
    }

    pub(crate) fn find(&self, place: Place, name: &str) -> Option<&Parameter> {
        self.declared(place).iter().find(|parameter| parameter.name == name)
    }

    /// Whether the contract declares such a parameter; the name of a header field is in lower case.
    #[must_use]
    pub fn declares(&self, place: Place, name: &str) -> bool {
        self.find(place, name).is_some()
    }

    /// What a call says under a name, whether the contract declares such a parameter or not. What is not declared is text.
    #[must_use]
    pub fn read(&self, place: Place, name: &str, input: &ParameterInput<'_>) -> Reading {
        let parameter = self.find(place, name);
        match (place, parameter) {
            (Place::Path, Some(parameter)) => {
                let raw = input.path.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
                parameter.read_single(raw)
            }
            (Place::Query, parameter) => self.read_query(parameter, name, input.query.unwrap_or_default()),
            (Place::Header, Some(parameter)) => {
                if has_alias(name, input.headers) {
                    Reading::Unreadable
                } else {
                    parameter.read_header(input.headers)
                }
            }
            (Place::Cookie, parameter) => read_cookie(parameter, name, input.headers),
            (place, None) => undeclared(place, name, input),
            (Place::Body | Place::Status, Some(_)) => Reading::Absent,
        }
    }

    fn read_query(&self, parameter: Option<&Parameter>, name: &str, raw: &str) -> Reading {
        // What stands behind so many a service may never see.
        if query::is_long(raw) {
            return Reading::Unreadable;
        }
        let Ok(pairs) = query::pairs(raw) else { return Reading::Unreadable };
        if pairs.is_empty() {
            return Reading::Absent;
        }
        // Such a parameter takes the query as it stands: what a service makes of it is not said.
        if self.query.iter().any(|other| other.whole_query) {
            return Reading::Unreadable;
        }
        let mut used = vec![false; pairs.len()];
        let Some(parameter) = parameter else { return self.read_texts(name, &pairs) };
        if parameter.is_greedy() {
            // It takes what the others leave, as when it is validated.
            for other in self.query.iter().filter(|other| !other.is_greedy()) {
                drop(other.read_pairs(&pairs, &mut used));
            }
        }
        let reading = parameter.read_pairs(&pairs, &mut used);
        let mut left = pairs.iter().zip(&used).filter(|(_, used)| !**used);
        let is_own = |written: &str| {
            written == name
                || self.is_other(name, written)
                || parameter.pairs_of_its_own().any(|property| self.is_other(property, written))
        };
        if left.any(|(pair, _)| is_own(&pair.name)) { Reading::Unreadable } else { reading }
    }

    /// Whether a pair is another spelling of a name, and not a parameter that the contract declares beside it.
    fn is_other(&self, name: &str, written: &str) -> bool {
        is_alias(name, written) && !self.query.iter().any(|other| other.name == written)
    }

    fn read_texts(&self, name: &str, pairs: &[Pair<'_>]) -> Reading {
        if pairs.iter().any(|pair| self.is_other(name, &pair.name)) {
            return Reading::Unreadable;
        }
        texts(pairs.iter().filter(|pair| pair.name == name).map(|pair| pair.value.clone()))
    }
}

/// A name that nothing declares, of a call that no contract describes.
///
/// The name of a header field is in lower case.
#[must_use]
pub fn undeclared(place: Place, name: &str, input: &ParameterInput<'_>) -> Reading {
    match place {
        Place::Path => match input.path.iter().find(|(known, _)| *known == name) {
            None => Reading::Absent,
            Some((_, raw)) => match percent::decode(raw.as_bytes(), false) {
                Some(text) => texts([text]),
                None => Reading::Unreadable,
            },
        },
        Place::Query if input.query.is_some_and(query::is_long) => Reading::Unreadable,
        Place::Query => match query::pairs(input.query.unwrap_or_default()) {
            Err(_) => Reading::Unreadable,
            Ok(pairs) if pairs.iter().any(|pair| is_alias(name, &pair.name)) => Reading::Unreadable,
            Ok(pairs) => texts(pairs.iter().filter(|pair| pair.name == name).map(|pair| pair.value.clone())),
        },
        Place::Header if has_alias(name, input.headers) => Reading::Unreadable,
        Place::Header => {
            let fields: Option<Vec<String>> = input
                .headers
                .get_all(name)
                .iter()
                .map(|field| Some(std::str::from_utf8(field.as_bytes()).ok()?.trim().to_owned()))
                .collect();
            fields.map_or(Reading::Unreadable, texts)
        }
        Place::Cookie => read_cookie(None, name, input.headers),
        Place::Body | Place::Status => Reading::Absent,
    }
}

/// Each text by itself: all of them are said.
fn texts(all: impl IntoIterator<Item = String>) -> Reading {
    let tapes: Vec<Tape> = all
        .into_iter()
        .map(|text| {
            let mut builder = tape::Builder::new();
            builder.string(&text);
            builder.finish()
        })
        .collect();
    if tapes.is_empty() { Reading::Absent } else { Reading::Values(tapes) }
}

fn read_cookie(parameter: Option<&Parameter>, name: &str, headers: &HeaderMap) -> Reading {
    let mut own: Vec<&str> = Vec::new();
    let mut pieces = 0;
    for field in headers.get_all(COOKIE) {
        let Ok(text) = std::str::from_utf8(field.as_bytes()) else { return Reading::Unreadable };
        pieces += text.split(';').count();
        if pieces > query::MAX_READ_PAIRS {
            return Reading::Unreadable;
        }
        for (written, value) in query::cookies(text) {
            if is_alias(name, written) || own.len() > 1 || hides(name, value) {
                return Reading::Unreadable;
            }
            if written == name {
                own.push(value);
            }
        }
    }
    // Quotes are dropped by some servers and kept by others; a second cookie of the name is read by some and not by others.
    match (own.as_slice(), parameter) {
        ([], _) => Reading::Absent,
        ([value], _) if value.starts_with('"') => Reading::Unreadable,
        ([value], Some(parameter)) => parameter.read_single(Some(&parameter.of_cookie(value))),
        ([value], None) => texts([(*value).to_owned()]),
        _ => Reading::Unreadable,
    }
}

impl MediaRules {
    /// The object that the fields of a form or the parts of multipart stand for; nothing for other kinds.
    ///
    /// # Errors
    /// When the body is not what the contract declares.
    pub fn read_fields(&self, bytes: &[u8], content_type: Option<&str>) -> Result<Option<Tape>, Unreadable> {
        let actual = content_type.and_then(ContentType::parse);
        let tape = match self.kind(content_type) {
            MediaKind::Form if query::is_long(bytes) => return Err(Unreadable),
            MediaKind::Form => self.read_form(bytes),
            MediaKind::Multipart => self.read_multipart(bytes, actual.as_ref()),
            _ => return Ok(None),
        };
        tape.map(Some).map_err(|_| Unreadable)
    }
}

/// A body cannot be read as the contract declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl ResponseRules {
    /// Rules of every status that is declared.
    pub fn media_of_all(&self) -> impl Iterator<Item = &MediaRules> {
        self.exact.values().chain(self.classes.values()).chain(&self.default).flat_map(|rule| &rule.media)
    }
}
