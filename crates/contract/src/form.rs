//! From the fields of an `application/x-www-form-urlencoded` body to the object that its schema describes.

use tape::{Bounds, Tape};

use crate::body::{MediaRules, Problem, add};
use crate::rewrite::Strip;
use crate::shape::{Raw, Shape};
use crate::style::{self, Style};
use crate::{percent, pointer, query};

impl MediaRules {
    /// The object that a form stands for.
    pub(crate) fn read_form(&self, bytes: &[u8]) -> Result<Tape, Problem> {
        let text = std::str::from_utf8(bytes).map_err(|_| Problem::new("encoding", "must be UTF-8"))?;
        // Old servers part fields at `;` as well as at `&`; no serializer writes it raw (THREATS row 34).
        if text.contains(';') {
            return Err(Problem::new("encoding", "a `;` must be written as `%3B`"));
        }
        let pairs = query::pairs(text).map_err(|fault| match fault {
            query::Fault::Encoding => Problem::new("encoding", "must be percent-encoded UTF-8"),
            query::Fault::TooMany => Problem::new("bounds", "has too many fields"),
        })?;
        let mut used = vec![false; pairs.len()];
        let mut members: Vec<(String, Raw)> = Vec::new();
        let free = Shape::default();
        if let Some(fields) = &self.shape.fields {
            for (name, shape) in &fields.named {
                let readings = self.read_field(name, shape, &pairs, &mut used)?;
                let best = readings.iter().rposition(|raw| shape.is_scalar() == matches!(raw, Raw::Text(_)));
                members.extend(
                    best.or(readings.len().checked_sub(1))
                        .and_then(|index| readings.get(index).cloned())
                        .map(|raw| (name.clone(), raw)),
                );
            }
        }
        let rest = self.shape.fields.as_ref().and_then(|fields| fields.rest.as_deref()).unwrap_or(&free);
        for (pair, used) in pairs.iter().zip(&used) {
            if !used {
                add(&mut members, pair.name.clone(), Raw::Text(pair.value.clone()), rest)?;
            }
        }
        self.object(members)
    }

    /// Appends the fields without what goes. `None` for a body that does not parse.
    pub(crate) fn write_form(&self, bytes: &[u8], strip: &Strip<'_>, out: &mut Vec<u8>) -> Option<()> {
        let pairs = query::pairs(std::str::from_utf8(bytes).ok()?).ok()?;
        for pair in &pairs {
            let at = self.field_pointer(&pair.name);
            if strip.takes(&at) || strip.takes_owner(&pair.name) {
                continue;
            }
            if !out.is_empty() {
                out.push(b'&');
            }
            percent::encode_form(&pair.name, out);
            out.push(b'=');
            match strip.json_without(&at, pair.value.as_bytes()).map(String::from_utf8) {
                Some(json) => percent::encode_form(&json.ok()?, out),
                None => self.write_value(pair, out)?,
            }
        }
        Some(())
    }

    /// A comma that separates is written as it is: escaped it would be part of an item.
    fn write_value(&self, pair: &query::Pair<'_>, out: &mut Vec<u8>) -> Option<()> {
        let separates = self.encodings.get(&pair.name).is_some_and(|encoding| {
            !encoding.json && !encoding.explode && matches!(encoding.style, None | Some(Style::Form))
        });
        if !separates {
            percent::encode_form(&pair.value, out);
            return Some(());
        }
        for (index, piece) in pair.raw.split(',').enumerate() {
            if index > 0 {
                out.push(b',');
            }
            percent::encode_form(&percent::decode(piece.as_bytes(), true)?, out);
        }
        Some(())
    }

    /// Where the value of a field stands: `a[b]` below `a`, when that is read from brackets. An index that is left out
    /// (`a[]`) is no place.
    fn field_pointer(&self, name: &str) -> String {
        let nested = name.match_indices('[').find_map(|(at, _)| {
            let (own, rest) = name.split_at_checked(at)?;
            let shape = self.shape.fields.as_ref()?.named.get(own)?;
            let declared = self.encodings.get(own).and_then(|encoding| encoding.style);
            let keys =
                style::brackets(rest).filter(|_| shape.is_compound() || declared == Some(Style::Deep))?;
            Some(keys.iter().fold(pointer::join("", own), |at, key| pointer::join(&at, key)))
        });
        nested.unwrap_or_else(|| pointer::join("", name))
    }

    fn read_field(
        &self,
        name: &str,
        shape: &Shape,
        pairs: &[query::Pair<'_>],
        used: &mut [bool],
    ) -> Result<Vec<Raw>, Problem> {
        let encoding = self.encodings.get(name);
        if encoding.is_some_and(|encoding| encoding.json) {
            let text = once(name, pairs, used)?;
            return text.map(|text| json_field(name, text)).into_iter().collect();
        }
        let declared = encoding.and_then(|encoding| encoding.style);
        let bracketed = format!("{name}[");
        let deep = pairs.iter().any(|pair| pair.name.starts_with(&bracketed));
        // Without a style a nested object is JSON (OpenAPI 3.1 §4.8.15.1.1); brackets are what everybody sends.
        if declared.is_none() && shape.fields.is_some() && !deep {
            let text = once(name, pairs, used)?;
            return Ok(text.map(|text| structured(text, shape)).into_iter().collect());
        }
        let style = if deep && shape.is_compound() { Style::Deep } else { declared.unwrap_or(Style::Form) };
        let explode = encoding.is_none_or(|encoding| encoding.explode);
        style::from_pairs(style, explode, name, shape, pairs, used)
            .map_err(|(keyword, message)| Problem::at(name, keyword, message))
    }
}

/// The value of a field that is written once.
fn once<'p>(name: &str, pairs: &'p [query::Pair<'_>], used: &mut [bool]) -> Result<Option<&'p str>, Problem> {
    let mut own = pairs.iter().zip(used.iter_mut()).filter(|(pair, _)| pair.name == name);
    let Some((pair, mark)) = own.next() else { return Ok(None) };
    *mark = true;
    if own.next().is_some() {
        return Err(Problem::at(name, "duplicate", "must be given once"));
    }
    Ok(Some(&pair.value))
}

/// A field whose content type is JSON.
fn json_field(name: &str, text: &str) -> Result<Raw, Problem> {
    match Tape::parse(text.to_owned().into(), &Bounds::default()) {
        Ok(_) => Ok(Raw::Json(text.to_owned())),
        Err(_) => Err(Problem::at(name, "syntax", "must be JSON")),
    }
}

fn structured(text: &str, shape: &Shape) -> Raw {
    let is_json = matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'['));
    if is_json && shape.is_compound() && Tape::parse(text.to_owned().into(), &Bounds::default()).is_ok() {
        Raw::Json(text.to_owned())
    } else {
        Raw::Text(text.to_owned())
    }
}
