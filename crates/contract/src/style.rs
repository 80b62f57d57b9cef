//! Parameter styles (OpenAPI 3 §4.8.12 "Style Values", RFC 6570): text split into scalars, lists and maps.
//!
//! Delimiters are looked for before percent-decoding, so that an encoded delimiter stays part of a value.

use crate::percent;
use crate::query::Pair;
use crate::shape::{Raw, Shape};

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Style {
    Simple,
    Label,
    Matrix,
    Form,
    /// As `form`, of text that stands for itself: nothing in it is percent-encoded (OpenAPI 3.2, RFC 6265).
    Cookie,
    Space,
    Pipe,
    Deep,
}

impl Style {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "simple" => Self::Simple,
            "label" => Self::Label,
            "matrix" => Self::Matrix,
            "form" => Self::Form,
            "cookie" => Self::Cookie,
            "spaceDelimited" => Self::Space,
            "pipeDelimited" => Self::Pipe,
            "deepObject" => Self::Deep,
            _ => return None,
        })
    }
}

/// What is wrong with a value's form: keyword and message.
pub(crate) type Wrong = (&'static str, &'static str);

const ENCODING: Wrong = ("encoding", "must be percent-encoded UTF-8");
const STYLE: Wrong = ("style", "must be written in the style that the contract declares");
const REPEATED: Wrong = ("duplicate", "must be given once");

/// Decodes one piece.
fn text(raw: &str, plus: bool) -> Result<Raw, Wrong> {
    let decoded = percent::decode(raw.as_bytes(), plus).ok_or(ENCODING)?;
    if decoded.contains('\0') { Err(ENCODING) } else { Ok(Raw::Text(decoded)) }
}

fn list(raw: &str, separators: &[&str], plus: bool) -> Result<Raw, Wrong> {
    if raw.is_empty() {
        return Ok(Raw::List(Vec::new()));
    }
    split(raw, separators).into_iter().map(|piece| text(piece, plus)).collect::<Result<_, _>>().map(Raw::List)
}

/// `k,v,k,v`
fn alternating(raw: &str, separators: &[&str], plus: bool) -> Result<Raw, Wrong> {
    let pieces = split(raw, separators);
    let mut out = Vec::new();
    let mut pieces = pieces.into_iter();
    if raw.is_empty() {
        return Ok(Raw::Map(out));
    }
    while let Some(name) = pieces.next() {
        let value = pieces.next().ok_or(STYLE)?;
        push(&mut out, name, value, plus)?;
    }
    Ok(Raw::Map(out))
}

/// `k=v,k=v`
fn assigned(raw: &str, separators: &[&str], plus: bool) -> Result<Raw, Wrong> {
    let mut out = Vec::new();
    for piece in split(raw, separators) {
        let (name, value) = piece.split_once('=').ok_or(STYLE)?;
        push(&mut out, name, value, plus)?;
    }
    Ok(Raw::Map(out))
}

fn push(out: &mut Vec<(String, Raw)>, name: &str, value: &str, plus: bool) -> Result<(), Wrong> {
    let name = percent::decode(name.as_bytes(), plus).ok_or(ENCODING)?;
    if out.iter().any(|(known, _)| *known == name) {
        return Err(REPEATED);
    }
    out.push((name, text(value, plus)?));
    Ok(())
}

fn split<'a>(raw: &'a str, separators: &[&str]) -> Vec<&'a str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut at = 0;
    while at < raw.len() {
        let rest = raw.get(at..).unwrap_or_default();
        if let Some(separator) = separators.iter().find(|separator| rest.starts_with(**separator)) {
            out.push(raw.get(start..at).unwrap_or_default());
            at += separator.len();
            start = at;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    out.push(raw.get(start..).unwrap_or_default());
    out
}

/// All readings of one raw value that the shape admits, the likeliest first.
pub(crate) fn single(
    style: Style,
    explode: bool,
    name: &str,
    raw: &str,
    shape: &Shape,
) -> Result<Vec<Raw>, Wrong> {
    let plus = matches!(style, Style::Form | Style::Space | Style::Pipe);
    let body = match style {
        Style::Label => raw.strip_prefix('.').ok_or(STYLE)?,
        Style::Matrix => raw.strip_prefix(';').ok_or(STYLE)?,
        _ => raw,
    };
    let mut out = Vec::new();
    if shape.is_scalar() {
        let scalar = match style {
            Style::Matrix => assignment(body, name)?,
            _ => body,
        };
        out.push(text(scalar, plus)?);
    }
    if shape.items.is_some() {
        out.push(match (style, explode) {
            (Style::Label, true) => list(body, &["."], plus)?,
            (Style::Matrix, true) => matrix_list(body, name)?,
            (Style::Matrix, false) => list(assignment(body, name)?, &[","], plus)?,
            (Style::Space, _) => list(body, &["%20", "+"], plus)?,
            (Style::Pipe, _) => list(body, &["|", "%7C", "%7c"], plus)?,
            _ => list(body, &[","], plus)?,
        });
    }
    if shape.fields.is_some() {
        let map = match (style, explode) {
            (Style::Label, true) => assigned(body, &["."], plus),
            (Style::Matrix, true) => assigned(body, &[";"], plus),
            (Style::Matrix, false) => alternating(assignment(body, name)?, &[","], plus),
            (Style::Simple, true) => assigned(body, &[","], plus),
            (Style::Space, _) => alternating(body, &["%20", "+"], plus),
            (Style::Pipe, _) => alternating(body, &["|", "%7C", "%7c"], plus),
            _ => alternating(body, &[","], plus),
        };
        match map {
            Ok(map) => out.push(map),
            Err(wrong) if out.is_empty() => return Err(wrong),
            Err(_) => {}
        }
    }
    Ok(out)
}

/// `name=value` of the matrix style; `name` alone is empty.
fn assignment<'a>(body: &'a str, name: &str) -> Result<&'a str, Wrong> {
    let rest = body.strip_prefix(name).ok_or(STYLE)?;
    if rest.is_empty() { Ok("") } else { rest.strip_prefix('=').ok_or(STYLE) }
}

fn matrix_list(body: &str, name: &str) -> Result<Raw, Wrong> {
    body.split(';')
        .map(|piece| assignment(piece, name).and_then(|value| text(value, false)))
        .collect::<Result<_, _>>()
        .map(Raw::List)
}

/// A parameter of a query or a form: finds its pairs, marks them as used, and gives the readings.
pub(crate) fn from_pairs(
    style: Style,
    explode: bool,
    name: &str,
    shape: &Shape,
    pairs: &[Pair<'_>],
    used: &mut [bool],
) -> Result<Vec<Raw>, Wrong> {
    if style == Style::Deep {
        return Ok(deep(name, shape, pairs, used)?.into_iter().collect());
    }
    if explode && shape.fields.is_some() && !shape.is_scalar() && shape.items.is_none() {
        return exploded(shape, pairs, used).map(|map| map.into_iter().collect());
    }
    let mut own = Vec::new();
    for (pair, used) in pairs.iter().zip(used.iter_mut()) {
        if pair.name == name {
            *used = true;
            own.push(pair);
        }
    }
    let Some(first) = own.first() else { return Ok(Vec::new()) };
    if explode && shape.items.is_some() {
        let values = Raw::List(own.iter().map(|pair| Raw::Text(pair.value.clone())).collect());
        let alone = own.len() == 1 && shape.is_scalar();
        return Ok(if alone { vec![Raw::Text(first.value.clone()), values] } else { vec![values] });
    }
    if own.len() > 1 {
        return Err(REPEATED);
    }
    if explode && !shape.is_compound() {
        return Ok(vec![Raw::Text(first.value.clone())]);
    }
    single(style, explode, name, first.raw, shape)
}

/// Each property is a pair of its own.
fn exploded(shape: &Shape, pairs: &[Pair<'_>], used: &mut [bool]) -> Result<Option<Raw>, Wrong> {
    let Some(fields) = &shape.fields else { return Ok(None) };
    let mut out: Vec<(String, Raw)> = Vec::new();
    for (pair, used) in pairs.iter().zip(used.iter_mut()) {
        let field = fields.named.get(&pair.name);
        if *used || (field.is_none() && (fields.rest.is_none() || !fields.named.is_empty())) {
            continue;
        }
        *used = true;
        let is_list = field.or(fields.rest.as_deref()).is_some_and(|field| field.items.is_some());
        let value = Raw::Text(pair.value.clone());
        match out.iter_mut().find(|(name, _)| *name == pair.name) {
            Some((_, Raw::List(items))) => items.push(value),
            Some(_) => return Err(REPEATED),
            None if is_list => out.push((pair.name.clone(), Raw::List(vec![value]))),
            None => out.push((pair.name.clone(), value)),
        }
    }
    Ok((!out.is_empty()).then_some(Raw::Map(out)))
}

/// Levels of `name[a][b]`.
const DEEP: usize = 8;

/// `name[key]=value`, nested and with `[]` or indices for lists.
fn deep(name: &str, shape: &Shape, pairs: &[Pair<'_>], used: &mut [bool]) -> Result<Option<Raw>, Wrong> {
    let mut root: Option<Raw> = None;
    for (pair, used) in pairs.iter().zip(used.iter_mut()) {
        let Some(rest) = pair.name.strip_prefix(name) else { continue };
        if rest.is_empty() && shape.is_scalar() {
            *used = true;
            if root.is_some() {
                return Err(REPEATED);
            }
            root = Some(Raw::Text(pair.value.clone()));
            continue;
        }
        if !rest.starts_with('[') {
            continue;
        }
        *used = true;
        let path = brackets(rest).ok_or(STYLE)?;
        place(&mut root, shape, &path, &pair.value)?;
    }
    Ok(root)
}

/// The keys of `[a][b]`.
pub(crate) fn brackets(mut rest: &str) -> Option<Vec<&str>> {
    let mut out = Vec::new();
    while let Some(inner) = rest.strip_prefix('[') {
        let (key, after) = inner.split_once(']')?;
        if key.contains('[') || out.len() >= DEEP {
            return None;
        }
        out.push(key);
        rest = after;
    }
    rest.is_empty().then_some(out)
}

fn place(at: &mut Option<Raw>, shape: &Shape, path: &[&str], value: &str) -> Result<(), Wrong> {
    let Some((key, rest)) = path.split_first() else {
        if at.is_some() {
            return Err(REPEATED);
        }
        *at = Some(Raw::Text(value.to_owned()));
        return Ok(());
    };
    let free = Shape::default();
    let index = key.is_empty() || key.bytes().all(|byte| byte.is_ascii_digit());
    if shape.items.is_some() && index {
        let inner = shape.items.as_deref().unwrap_or(&free);
        let Raw::List(items) = at.get_or_insert_with(|| Raw::List(Vec::new())) else { return Err(STYLE) };
        let position = if key.is_empty() { items.len() } else { key.parse().map_err(|_| STYLE)? };
        // Indices come in order, so that no index can make a long list of nothing.
        if position < items.len() {
            let mut slot = items.get(position).cloned();
            if rest.is_empty() {
                return Err(REPEATED);
            }
            place(&mut slot, inner, rest, value)?;
            if let (Some(old), Some(new)) = (items.get_mut(position), slot) {
                *old = new;
            }
            return Ok(());
        }
        if position > items.len() {
            return Err(STYLE);
        }
        let mut slot = None;
        place(&mut slot, inner, rest, value)?;
        items.extend(slot);
        return Ok(());
    }
    let fields = shape.fields.as_ref();
    let inner = fields.and_then(|fields| fields.named.get(*key).or(fields.rest.as_deref())).unwrap_or(&free);
    let Raw::Map(members) = at.get_or_insert_with(|| Raw::Map(Vec::new())) else { return Err(STYLE) };
    if let Some((_, member)) = members.iter_mut().find(|(name, _)| name == key) {
        let mut slot = Some(std::mem::replace(member, Raw::List(Vec::new())));
        place(&mut slot, inner, rest, value)?;
        if let Some(new) = slot {
            *member = new;
        }
        return Ok(());
    }
    let mut slot = None;
    place(&mut slot, inner, rest, value)?;
    members.extend(slot.map(|slot| ((*key).to_owned(), slot)));
    Ok(())
}
