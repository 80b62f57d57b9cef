//! From host, path and method to one operation of one contract: the tree of an API; [`RouteTable`] chooses the API.
//!
//! A tree of segments per API. At each level literal segments win over segments with literal parts, those over plain
//! parameters, those over a tail (OpenAPI 3.1 section 4.8.8.2: concrete before templated); a dead end goes back to the
//! next kind. A node is reached on one way only, so a search visits each node at most once.

mod table;

use std::collections::HashMap;
use std::fmt;

use http::Method;
use smallvec::SmallVec;

pub use table::{Mount, Route, RouteTable};

/// Number of an operation in [`crate::Snapshot::operations`].
pub type OperationIndex = u32;

/// Values of path parameters as they stand in the canonical path, still percent-encoded, as ranges of its bytes, in the
/// order of the template.
pub type Params = SmallVec<[(u32, u32); 4]>;

/// One segment of a template.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// Stands for itself.
    Literal(Box<str>),
    /// One parameter with literal text around it: (before, after) of each; `{base}...{head}` is
    /// `parts = ["", "...", ""]`.
    Mixed(Vec<Box<str>>),
    /// One parameter, the whole segment.
    Param,
    /// `*`: everything that is left, be it nothing but the slash before it (`/files/*` has `/files/`, not `/files`). Only
    /// where there is no contract.
    Tail,
}

/// A parsed path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Names of its parameters, in order.
    pub params: Vec<Box<str>>,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadTemplate(pub String);

impl fmt::Display for BadTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Template {
    /// Parses `/orders/{id}`; `tail` allows a last segment `*`.
    ///
    /// # Errors
    /// When braces do not pair, two parameters touch, a name is empty or repeated, or `/` is missing.
    pub fn parse(text: &str, tail: bool) -> Result<Self, BadTemplate> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(BadTemplate(format!("`{text}` must start with a slash")));
        };
        let mut template = Template { segments: Vec::new(), params: Vec::new() };
        let mut pieces = rest.split('/').peekable();
        while let Some(piece) = pieces.next() {
            if piece == "*" && tail && pieces.peek().is_none() {
                template.segments.push(Segment::Tail);
            } else {
                let segment = parse_segment(piece, &mut template.params)
                    .map_err(|why| BadTemplate(format!("`{text}`: {why}")))?;
                template.segments.push(segment);
            }
        }
        Ok(template)
    }
}

fn parse_segment(piece: &str, params: &mut Vec<Box<str>>) -> Result<Segment, String> {
    let mut parts: Vec<Box<str>> = Vec::new();
    let mut rest = piece;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) =
            after.split_once('}').ok_or_else(|| String::from("an opening brace without its closing one"))?;
        if name.is_empty() || name.contains('{') {
            return Err(String::from("a parameter without a name"));
        }
        if params.iter().any(|known| &**known == name) {
            return Err(format!("the parameter `{name}` stands twice"));
        }
        if before.is_empty() && !parts.is_empty() {
            return Err(String::from("two parameters touch, so nobody can tell where one ends"));
        }
        if before.contains('}') {
            return Err(String::from("a closing brace without its opening one"));
        }
        params.push(name.into());
        parts.push(literal(before));
        rest = after;
    }
    if rest.contains('}') {
        return Err(String::from("a closing brace without its opening one"));
    }
    if parts.is_empty() {
        return Ok(Segment::Literal(literal(rest)));
    }
    parts.push(literal(rest));
    let plain = parts.len() == 2 && parts.iter().all(|part| part.is_empty());
    Ok(if plain { Segment::Param } else { Segment::Mixed(parts) })
}

/// A literal as it stands in a canonical path.
fn literal(text: &str) -> Box<str> {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'`' | b'^' | b'|' | b'\\' | b'#' | b'?')
        {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    crate::path::canonical_path(&format!("/{encoded}"))
        .map_or_else(|_| encoded.as_str().into(), |path| path.get(1..).unwrap_or_default().into())
}

/// The tree of one API.
#[derive(Debug, Default)]
pub struct Tree {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, usize>,
    mixed: Vec<(Vec<Box<str>>, usize)>,
    param: Option<usize>,
    tail: Option<usize>,
    methods: Vec<(Method, OperationIndex)>,
}

/// What a path came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'t> {
    /// This operation.
    Operation(OperationIndex, Params),
    /// The path is there, the method is not.
    OtherMethods(&'t [(Method, OperationIndex)], Params),
    /// Nothing.
    Nothing,
}

impl Tree {
    /// Adds an operation.
    ///
    /// # Errors
    /// The number of the operation that is already there, under the same method and shape of path.
    pub fn insert(
        &mut self,
        template: &Template,
        method: Method,
        operation: OperationIndex,
    ) -> Result<(), OperationIndex> {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for segment in &template.segments {
            at = self.child(at, segment);
        }
        let Some(node) = self.nodes.get_mut(at) else { return Ok(()) };
        if let Some((_, known)) = node.methods.iter().find(|(known, _)| *known == method) {
            return Err(*known);
        }
        node.methods.push((method, operation));
        Ok(())
    }

    fn child(&mut self, at: usize, segment: &Segment) -> usize {
        let next = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        let child = match segment {
            Segment::Literal(text) => *node.literals.entry(text.clone()).or_insert(next),
            Segment::Param => *node.param.get_or_insert(next),
            Segment::Tail => *node.tail.get_or_insert(next),
            Segment::Mixed(parts) => match node.mixed.iter().find(|(known, _)| known == parts) {
                Some((_, child)) => *child,
                None => {
                    node.mixed.push((parts.clone(), next));
                    // More literal text first: the more specific template wins.
                    node.mixed.sort_by_key(|(parts, _)| {
                        std::cmp::Reverse(parts.iter().map(|part| part.len()).sum::<usize>())
                    });
                    next
                }
            },
        };
        if child == next {
            self.nodes.push(Node::default());
        }
        child
    }

    /// Finds the operation of a canonical path below the API's base path, whose first byte is at `offset` of `path`.
    #[must_use]
    pub fn find(&self, path: &str, offset: usize, method: &Method) -> Found<'_> {
        let mut params = Params::new();
        // A base path itself (`/v1`) is the template `/` without its slash: no such template.
        let Some(b'/') = path.as_bytes().get(offset) else { return Found::Nothing };
        match self.walk(0, path, offset + 1, &mut params) {
            Some(node) => match node.methods.iter().find(|(known, _)| known == method) {
                Some((_, operation)) => Found::Operation(*operation, params),
                None => Found::OtherMethods(&node.methods, params),
            },
            None => Found::Nothing,
        }
    }

    /// Recursion is bounded by the depth of the tree, which the contract sets.
    fn walk(&self, at: usize, path: &str, start: usize, params: &mut Params) -> Option<&Node> {
        let node = self.nodes.get(at)?;
        let rest = path.get(start..)?;
        let (segment, next) = match rest.find('/') {
            Some(length) => (rest.get(..length)?, Some(start + length + 1)),
            None => (rest, None),
        };
        if let Some(child) = node.literals.get(segment)
            && let Some(found) = self.step(*child, path, next, params)
        {
            return Some(found);
        }
        let depth = params.len();
        for (parts, child) in &node.mixed {
            if match_mixed(parts, segment, start, params)
                && let Some(found) = self.step(*child, path, next, params)
            {
                return Some(found);
            }
            params.truncate(depth);
        }
        if let Some(child) = node.param
            && !segment.is_empty()
        {
            params.push(range(start, segment.len()));
            if let Some(found) = self.step(child, path, next, params) {
                return Some(found);
            }
            params.truncate(depth);
        }
        let tail = self.nodes.get(node.tail?)?;
        Some(tail)
    }

    fn step(&self, child: usize, path: &str, next: Option<usize>, params: &mut Params) -> Option<&Node> {
        match next {
            Some(start) => self.walk(child, path, start, params),
            None => self.nodes.get(child).filter(|node| !node.methods.is_empty()),
        }
    }
}

/// Matches `before{a}between{b}after`; each parameter takes the shortest text, at least one byte.
fn match_mixed(parts: &[Box<str>], segment: &str, start: usize, params: &mut Params) -> bool {
    let Some((first, between)) = parts.split_first() else { return false };
    let Some(mut rest) = segment.strip_prefix(&**first) else { return false };
    for (index, part) in between.iter().enumerate() {
        let last = index + 1 == between.len();
        let length = if last {
            rest.len().checked_sub(part.len()).filter(|_| rest.ends_with(&**part))
        } else {
            rest.get(1..).and_then(|tail| tail.find(&**part)).map(|at| at + 1)
        };
        let Some(length) = length.filter(|length| *length > 0) else { return false };
        params.push(range(start + segment.len() - rest.len(), length));
        rest = rest.get(length + part.len()..).unwrap_or_default();
    }
    true
}

fn range(start: usize, length: usize) -> (u32, u32) {
    let start32 = u32::try_from(start).unwrap_or(u32::MAX);
    (start32, start32.saturating_add(u32::try_from(length).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests;
