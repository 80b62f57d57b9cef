//! One parameter of a contract, compiled: where it is, how it is written, what it may be.

use std::borrow::Cow;

use tape::{Bounds, Tape};

use crate::checker::Checker;
use crate::fast::Fast;
use crate::query::Pair;
use crate::shape::{Raw, Shape};
use crate::style::{self, Style, Wrong};
use crate::violation::{Place, Violations};

/// A compiled parameter.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) place: Place,
    /// In lower case for header fields.
    pub(crate) name: String,
    pub(crate) required: bool,
    pub(crate) style: Style,
    pub(crate) explode: bool,
    pub(crate) allow_empty: bool,
    /// `content` with a JSON media type.
    pub(crate) json: bool,
    /// `in: querystring`: the whole query.
    pub(crate) whole_query: bool,
    pub(crate) shape: Shape,
    pub(crate) checker: Checker,
    /// Scalars that need no validator.
    pub(crate) fast: Option<Fast>,
}

impl Parameter {
    /// From one raw value: a path segment, a header field or a cookie.
    pub(crate) fn check_single(&self, raw: Option<&str>, out: &mut Violations) {
        let Some(raw) = raw else {
            self.missing(out);
            return;
        };
        if let Some(fast) = &self.fast
            && self.style == Style::Simple
            && !raw.contains('%')
        {
            if let Err((keyword, message)) = fast.check(raw) {
                out.push(self.place, &self.name, keyword, message);
            }
            return;
        }
        if self.json {
            match crate::percent::decode(raw.as_bytes(), false) {
                Some(text) => self.check_json(&text, out),
                None => out.push(self.place, &self.name, "encoding", "must be percent-encoded UTF-8"),
            }
            return;
        }
        self.check_readings(style::single(self.style, self.explode, &self.name, raw, &self.shape), out);
    }

    /// The text of a cookie as the readings decode it to what stands there. A plus is a plus in a cookie: only queries and
    /// forms write spaces so. In the style `cookie` a percent sign is one too.
    pub(crate) fn of_cookie<'a>(&self, value: &'a str) -> Cow<'a, str> {
        let (sign, written) = match self.style {
            Style::Cookie if !self.json => ('%', "%25"),
            _ => ('+', "%2B"),
        };
        if value.contains(sign) { value.replace(sign, written).into() } else { value.into() }
    }

    /// From a header field, which is not percent-encoded.
    pub(crate) fn check_header(&self, raw: Option<&str>, out: &mut Violations) {
        match raw {
            // The readings decode: what is written here must come out as it went in.
            Some(raw) if raw.contains('%') && !self.json => {
                self.check_single(Some(&raw.replace('%', "%25")), out);
            }
            Some(raw) if self.json => self.check_json(raw, out),
            other => self.check_single(other, out),
        }
    }

    /// From a query, marking the pairs it uses.
    pub(crate) fn check_pairs(&self, pairs: &[Pair<'_>], used: &mut [bool], out: &mut Violations) {
        if self.allow_empty || self.json || self.fast.is_some() {
            let mut own = pairs.iter().zip(used.iter_mut()).filter(|(pair, _)| pair.name == self.name);
            let Some((pair, mark)) = own.next() else {
                self.missing(out);
                return;
            };
            let empty = self.allow_empty && pair.value.is_empty();
            if empty || self.json || self.fast.is_some() {
                *mark = true;
                let mut repeated = false;
                for (_, mark) in own {
                    *mark = true;
                    repeated = true;
                }
                if repeated {
                    out.push(self.place, &self.name, "duplicate", "must be given once");
                } else if self.json {
                    self.check_json(&pair.value, out);
                } else if !empty
                    && let Some(fast) = &self.fast
                    && let Err((keyword, message)) = fast.check(&pair.value)
                {
                    out.push(self.place, &self.name, keyword, message);
                }
                return;
            }
        }
        let readings = style::from_pairs(self.style, self.explode, &self.name, &self.shape, pairs, used);
        if matches!(&readings, Ok(readings) if readings.is_empty()) {
            self.missing(out);
            return;
        }
        self.check_readings(readings, out);
    }

    fn missing(&self, out: &mut Violations) {
        if self.required {
            out.push(self.place, &self.name, "required", format!("`{}` is required", self.name));
        }
    }

    fn check_json(&self, text: &str, out: &mut Violations) {
        match Tape::parse(text.to_owned().into(), &Bounds::default()) {
            Ok(tape) => {
                self.checker.check(tape.root(), self.place, &self.name, out);
            }
            Err(_) => out.push(self.place, &self.name, "syntax", "must be JSON without duplicate names"),
        }
    }

    fn check_readings(&self, readings: Result<Vec<Raw>, Wrong>, out: &mut Violations) {
        let readings = match readings {
            Ok(readings) => readings,
            Err((keyword, message)) => {
                out.push(self.place, &self.name, keyword, message);
                return;
            }
        };
        if self.checker.is_trivial() {
            return;
        }
        let passes: &[bool] = if self.shape.is_ambiguous() { &[true, false] } else { &[false] };
        let mut last = None;
        for raw in &readings {
            for literal in passes {
                let Some(tape) = self.shape.build(raw, *literal) else { continue };
                if self.checker.fits(tape.root()) {
                    self.checker.check(tape.root(), self.place, &self.name, out);
                    return;
                }
                last = Some(tape);
            }
        }
        match last {
            Some(tape) => {
                self.checker.check(tape.root(), self.place, &self.name, out);
            }
            None => out.push(self.place, &self.name, "style", "must be written as the contract declares"),
        }
    }
}
