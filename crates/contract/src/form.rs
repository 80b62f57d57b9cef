//! From the fields of an `application/x-www-form-urlencoded` body to the object that its schema describes.

use tape::{Bounds, Tape};

use crate::body::{MediaRules, Problem, add};
use crate::query;
use crate::shape::{Raw, Shape};
use crate::style::{self, Style};

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
