//! Bodies: which of the declared media types one is, whether it fits, and the one form it is sent on in.

use std::collections::BTreeMap;

use tape::{Bounds, Tape};

use crate::checker::Checker;
use crate::media::{ContentType, MediaKind, Range};
use crate::rewrite::{self, Strip};
use crate::shape::{Raw, Shape};
use crate::style::Style;
use crate::violation::{Place, Violations};

/// Which declared body a content type means.
#[derive(Debug)]
pub enum BodyMatch<'a> {
    /// One that the contract declares.
    Media(&'a MediaRules),
    /// The contract declares no body here.
    NotDeclared,
    /// There is no content type, or a malformed one.
    MissingContentType,
    /// The contract declares others.
    Unsupported,
}

/// A body as it was received (content codings undone).
#[derive(Debug, Clone, Copy)]
pub struct BodyInput<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// Its tape, when somebody made one; made here otherwise.
    pub tape: Option<&'a Tape>,
    /// The `Content-Type` field.
    pub content_type: Option<&'a str>,
}

/// What goes on instead of the body as received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    /// The body.
    pub bytes: Vec<u8>,
    /// The new `Content-Type`, where it changes.
    pub content_type: Option<String>,
}

/// How one property of a form is written.
#[derive(Debug, Clone)]
pub(crate) struct Encoding {
    /// Accepted content types of a part; empty for any.
    pub(crate) types: Vec<Range>,
    pub(crate) style: Option<Style>,
    pub(crate) explode: bool,
    /// Whether a field of a form is JSON, as its content type says.
    pub(crate) json: bool,
    /// Names of header fields that a part may have, in lower case.
    pub(crate) headers: Vec<String>,
}

/// The rules of one entry of `content`.
#[derive(Debug)]
pub struct MediaRules {
    pub(crate) range: Range,
    /// Whether it is one type without parameters: a content type with the same text has no narrower entry.
    pub(crate) plain: bool,
    /// What reads it; of a range, the actual type says.
    pub(crate) kind: Option<MediaKind>,
    pub(crate) media_type: String,
    pub(crate) checker: Checker,
    pub(crate) shape: Shape,
    pub(crate) encodings: BTreeMap<String, Encoding>,
    pub(crate) has_schema: bool,
    /// A range whose schema says more than that there are bytes.
    pub(crate) readable_only: bool,
}

/// Chooses the narrowest entry that matches.
pub(crate) fn choose<'a>(rules: &'a [MediaRules], content_type: Option<&str>) -> BodyMatch<'a> {
    if rules.is_empty() {
        return BodyMatch::NotDeclared;
    }
    // Usually word for word what the contract says.
    let same = |rules: &&MediaRules| rules.plain && content_type == Some(rules.media_type.as_str());
    if let Some(rules) = rules.iter().find(same) {
        return BodyMatch::Media(rules);
    }
    let Some(actual) = content_type.and_then(ContentType::parse) else {
        return BodyMatch::MissingContentType;
    };
    rules
        .iter()
        .filter_map(|rules| rules.range.matches(&actual).map(|narrow| (narrow, rules)))
        .max_by_key(|(narrow, _)| *narrow)
        .map_or(BodyMatch::Unsupported, |(_, rules)| BodyMatch::Media(rules))
}

impl MediaRules {
    /// The media type or range as the contract writes it.
    #[must_use]
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// What reads a body of this content type; of a range, the actual type says.
    #[must_use]
    pub fn kind(&self, content_type: Option<&str>) -> MediaKind {
        let actual = || content_type.and_then(ContentType::parse).map(|actual| actual.kind());
        self.kind.or_else(actual).unwrap_or(MediaKind::Opaque)
    }

    /// Whether a body of this content type passes unread: nothing here reads it, and the contract does not say by a
    /// schema that any bytes will do.
    #[must_use]
    pub fn is_unread(&self, content_type: Option<&str>) -> bool {
        match self.kind(content_type) {
            MediaKind::Opaque => true,
            MediaKind::Binary => !self.has_schema,
            MediaKind::Json | MediaKind::Form | MediaKind::Multipart | MediaKind::Text => false,
        }
    }

    /// Whether [`MediaRules::is_unread`] for some content type that the entry takes; of a range with a schema, the types
    /// that it has no place for are refused instead.
    #[must_use]
    pub fn may_be_unread(&self) -> bool {
        if self.range.is_exact() {
            self.is_unread(Some(&self.media_type))
        } else {
            !self.has_schema && self.range.may_be_bytes()
        }
    }

    /// Whether the contract gives a schema.
    #[must_use]
    pub fn has_schema(&self) -> bool {
        self.has_schema
    }

    /// Whether [`MediaRules::check`] can ever find something but a malformed body.
    #[must_use]
    pub fn is_trivial(&self) -> bool {
        self.checker.is_trivial()
    }

    /// Checks a body; returns JSON Pointers of properties to strip, for [`MediaRules::rewrite`].
    pub fn check(&self, input: &BodyInput<'_>, out: &mut Violations) -> Vec<String> {
        let parameters = input.content_type.filter(|text| text.contains(';'));
        let actual = parameters.and_then(ContentType::parse);
        if actual.as_ref().is_some_and(|actual| !actual.is_utf8()) {
            out.push(Place::Body, "", "charset", "the charset must be utf-8");
            return Vec::new();
        }
        match self.kind(input.content_type) {
            MediaKind::Json => self.check_json(input, out),
            MediaKind::Form => self.with_tape(self.read_form(input.bytes), out),
            MediaKind::Multipart => self.with_tape(self.read_multipart(input.bytes, actual.as_ref()), out),
            MediaKind::Text => self.with_tape(self.read_text(input.bytes), out),
            MediaKind::Binary if self.readable_only => {
                let message =
                    "the contract describes the body by a schema, which this media type has no place for";
                out.push(Place::Body, "", "media-type", message);
                Vec::new()
            }
            MediaKind::Binary | MediaKind::Opaque => Vec::new(),
        }
    }

    fn check_json(&self, input: &BodyInput<'_>, out: &mut Violations) -> Vec<String> {
        if let Some(tape) = input.tape {
            return self.checker.check(tape.root(), Place::Body, "", out);
        }
        match Tape::parse(input.bytes.to_vec().into(), &Bounds::default()) {
            Ok(tape) => self.checker.check(tape.root(), Place::Body, "", out),
            Err(error) => {
                out.push(Place::Body, "", "syntax", format!("must be JSON: {error}"));
                Vec::new()
            }
        }
    }

    fn with_tape(&self, tape: Result<Tape, Problem>, out: &mut Violations) -> Vec<String> {
        match tape {
            Ok(tape) => self.checker.check(tape.root(), Place::Body, "", out),
            Err(Problem { at, keyword, message }) => {
                out.push(Place::Body, &at, keyword, message);
                Vec::new()
            }
        }
    }

    fn read_text(&self, bytes: &[u8]) -> Result<Tape, Problem> {
        let text = std::str::from_utf8(bytes).map_err(|_| Problem::new("encoding", "must be UTF-8"))?;
        let raw = Raw::Text(text.to_owned());
        self.shape.build(&raw, self.shape.string).ok_or(Problem::new("syntax", "must be text"))
    }

    pub(crate) fn object(&self, members: Vec<(String, Raw)>) -> Result<Tape, Problem> {
        let raw = Raw::Map(members);
        // Text that a union of types could read in two ways is taken as text first.
        for literal in [true, false] {
            if let Some(tape) = self.shape.build(&raw, literal)
                && (!literal || self.checker.fits(tape.root()))
            {
                return Ok(tape);
            }
        }
        Err(Problem::new("syntax", "has a field that cannot be read as the contract declares"))
    }

    /// The body in its one canonical form, without the properties at `strip`; `None` for kinds that have no such form,
    /// for bodies that do not parse, and when what is left would not pass or would still have something to strip,
    /// because a property cannot be taken out of how the form writes it.
    #[must_use]
    pub fn rewrite(&self, input: &BodyInput<'_>, strip: &[String]) -> Option<Rewritten> {
        let written = self.write(input, &Strip::new(strip))?;
        (strip.is_empty() || self.is_clean(&written, input.content_type)).then_some(written)
    }

    fn write(&self, input: &BodyInput<'_>, strip: &Strip<'_>) -> Option<Rewritten> {
        let mut bytes = Vec::with_capacity(input.bytes.len());
        match self.kind(input.content_type) {
            MediaKind::Json => {
                let parsed;
                let tape = match input.tape {
                    Some(tape) => tape,
                    None => {
                        parsed = Tape::parse(input.bytes.to_vec().into(), &Bounds::default()).ok()?;
                        &parsed
                    }
                };
                rewrite::without(tape.root(), strip.pointers(), &mut bytes)?;
                Some(Rewritten { bytes, content_type: None })
            }
            MediaKind::Form => {
                self.write_form(input.bytes, strip, &mut bytes)?;
                Some(Rewritten { bytes, content_type: None })
            }
            MediaKind::Multipart => {
                let actual = ContentType::parse(input.content_type?)?;
                let boundary = actual.parameter("boundary")?;
                self.write_multipart(input.bytes, boundary, strip, &mut bytes)?;
                let content_type = Some(format!("multipart/form-data; boundary=\"{boundary}\""));
                Some(Rewritten { bytes, content_type })
            }
            MediaKind::Text | MediaKind::Binary | MediaKind::Opaque => None,
        }
    }

    /// Whether a body passes as it is.
    fn is_clean(&self, written: &Rewritten, content_type: Option<&str>) -> bool {
        let content_type = written.content_type.as_deref().or(content_type);
        let mut found = Violations::new();
        let input = BodyInput { bytes: &written.bytes, tape: None, content_type };
        self.check(&input, &mut found).is_empty() && found.is_empty()
    }
}

/// Adds a member; a repeated one makes a list where the schema has one, and is refused elsewhere.
pub(crate) fn add(
    members: &mut Vec<(String, Raw)>,
    name: String,
    raw: Raw,
    shape: &Shape,
) -> Result<(), Problem> {
    match members.iter_mut().find(|(known, _)| *known == name) {
        Some((_, Raw::List(items))) if shape.items.is_some() => items.push(raw),
        Some(_) => return Err(Problem::at(&name, "duplicate", "must be given once")),
        None if shape.items.is_some() && !shape.is_scalar() => members.push((name, Raw::List(vec![raw]))),
        None => members.push((name, raw)),
    }
    Ok(())
}

/// Why a body cannot be read as what the contract declares.
pub(crate) struct Problem {
    at: String,
    keyword: &'static str,
    message: &'static str,
}

impl Problem {
    pub(crate) fn new(keyword: &'static str, message: &'static str) -> Self {
        Self { at: String::new(), keyword, message }
    }

    pub(crate) fn at(name: &str, keyword: &'static str, message: &'static str) -> Self {
        Self { at: crate::pointer::join("", name), keyword, message }
    }
}
