//! All files of one contract, `$ref` between them, and the problems found, which get their places at the end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use diagnostics::{Diagnostic, Diagnostics, Severity, Sources, Span};
use serde_json::Value;

use crate::load::{self, Assets, File};
use crate::swagger::PointerMap;
use crate::{locate, pointer};

/// A value by its file and JSON Pointer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Spot {
    pub(crate) file: usize,
    pub(crate) pointer: Rc<str>,
}

impl Spot {
    pub(crate) fn root(file: usize) -> Self {
        Self { file, pointer: Rc::from("") }
    }

    pub(crate) fn join(&self, token: &str) -> Self {
        Self { file: self.file, pointer: pointer::join(&self.pointer, token).into() }
    }

    pub(crate) fn at(&self, tokens: &[&str]) -> Self {
        let mut pointer = self.pointer.to_string();
        for token in tokens {
            pointer = pointer::join(&pointer, token);
        }
        Self { file: self.file, pointer: pointer.into() }
    }
}

/// Steps of one chain of references before it is called a loop.
const MAX_CHAIN: usize = 64;

struct Pending {
    diagnostic: Diagnostic,
    spot: Spot,
}

/// The files; index 0 is the contract itself.
pub(crate) struct Documents {
    pub(crate) files: Vec<File>,
    /// Of files that were converted: where their parts stand in the text.
    origins: HashMap<usize, PointerMap>,
    by_path: HashMap<String, usize>,
    anchors: HashMap<(usize, String), Rc<str>>,
    ids: HashMap<String, Spot>,
    /// Whether any schema asks what other schemas evaluated.
    pub(crate) unevaluated: bool,
    pending: RefCell<Vec<Pending>>,
    said: RefCell<BTreeSet<(Spot, &'static str)>>,
}

impl Documents {
    /// Parses the contract and all that it reaches.
    pub(crate) fn load(
        path: &str,
        assets: &Assets,
        sources: &mut Sources,
        out: &mut Diagnostics,
    ) -> Option<Self> {
        let mut documents = Self {
            files: Vec::new(),
            origins: HashMap::new(),
            by_path: HashMap::new(),
            anchors: HashMap::new(),
            ids: HashMap::new(),
            unevaluated: false,
            pending: RefCell::default(),
            said: RefCell::default(),
        };
        let mut wanted = vec![path.to_owned()];
        while let Some(next) = wanted.pop() {
            // Not even parsed: a diagnostic would show a line of it.
            if documents.by_path.contains_key(&next) || !pointer::is_below(path, &next) && next != path {
                continue;
            }
            let Some(bytes) = assets.get(&next) else {
                if documents.files.is_empty() {
                    out.push(Diagnostic::error("missing-file", format!("`{next}` was not found")));
                    return None;
                }
                continue;
            };
            match load::file(&next, bytes, sources) {
                Ok(file) => {
                    documents.by_path.insert(next.clone(), documents.files.len());
                    wanted.extend(load::references_of(&next, &file.value));
                    documents.files.push(file);
                }
                Err(diagnostic) => {
                    out.push(diagnostic);
                    if documents.files.is_empty() {
                        return None;
                    }
                }
            }
        }
        documents.index();
        Some(documents)
    }

    /// Notes `$self` (OpenAPI 3.2), `$id`, `$anchor` and `$dynamicAnchor` of every file.
    fn index(&mut self) {
        for (file, document) in self.files.iter().enumerate() {
            if let Some(Value::String(own)) = document.value.get("$self") {
                self.ids.insert(own.trim_end_matches('#').to_owned(), Spot::root(file));
            }
            let mut stack = vec![(String::new(), &document.value)];
            while let Some((at, value)) = stack.pop() {
                match value {
                    Value::Object(map) => {
                        self.unevaluated |=
                            map.contains_key("unevaluatedProperties") || map.contains_key("unevaluatedItems");
                        for key in ["$anchor", "$dynamicAnchor"] {
                            if let Some(Value::String(name)) = map.get(key) {
                                self.anchors.insert((file, name.clone()), at.as_str().into());
                            }
                        }
                        if let Some(Value::String(id)) = map.get("$id") {
                            let id = id.trim_end_matches('#').to_owned();
                            self.ids.insert(id, Spot { file, pointer: at.as_str().into() });
                        }
                        let deeper = |value: &Value| value.is_object() || value.is_array();
                        stack.extend(
                            map.iter().filter(|(_, v)| deeper(v)).map(|(k, v)| (pointer::join(&at, k), v)),
                        );
                    }
                    Value::Array(items) => stack.extend(
                        items
                            .iter()
                            .enumerate()
                            .map(|(index, v)| (pointer::join(&at, &index.to_string()), v)),
                    ),
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn get(&self, spot: &Spot) -> Option<&Value> {
        pointer::get(&self.files.get(spot.file)?.value, &spot.pointer)
    }

    /// One step: where a reference written at `from` points.
    pub(crate) fn target(&self, from: &Spot, reference: &str) -> Result<Spot, String> {
        let (document, fragment) = pointer::split(reference);
        let file = if document.is_empty() {
            from.file
        } else if let Some(spot) = self.ids.get(document) {
            let is_anchor = !fragment.is_empty() && !fragment.starts_with('/');
            if !(is_anchor && spot.pointer.is_empty()) {
                let pointer = format!("{}{fragment}", spot.pointer);
                return self.existing(Spot { file: spot.file, pointer: pointer.into() }, reference);
            }
            spot.file
        } else if pointer::is_remote(document) {
            return Err(format!("`{reference}` is remote, and remote references are never fetched"));
        } else {
            let base = self.files.get(from.file).map_or("", |file| file.path.as_str());
            let path = pointer::relative(base, document);
            let contract = self.files.first().map_or("", |file| file.path.as_str());
            match self.by_path.get(&path) {
                Some(file) => *file,
                None if !pointer::is_below(contract, &path) => {
                    return Err(format!("`{reference}` leads out of the contract's folder"));
                }
                None => return Err(format!("`{reference}` needs the file `{path}`, which was not found")),
            }
        };
        if fragment.is_empty() || fragment.starts_with('/') {
            return self.existing(Spot { file, pointer: fragment.into() }, reference);
        }
        match self.anchors.get(&(file, fragment)) {
            Some(pointer) => Ok(Spot { file, pointer: pointer.clone() }),
            None => Err(format!("`{reference}` names no anchor of the document")),
        }
    }

    fn existing(&self, spot: Spot, reference: &str) -> Result<Spot, String> {
        if self.get(&spot).is_some() { Ok(spot) } else { Err(format!("`{reference}` points to nothing")) }
    }

    /// Follows `$ref` of OpenAPI objects until there is none; says what is wrong, and what beside it means nothing.
    pub(crate) fn follow<'a>(&'a self, spot: &Spot) -> Option<(Spot, &'a Value)> {
        let mut at = spot.clone();
        for _ in 0..MAX_CHAIN {
            let Some(map) = self.get(&at)?.as_object() else { break };
            let Some(Value::String(reference)) = map.get("$ref") else { break };
            let meant = |key: &&String| {
                !matches!(key.as_str(), "$ref" | "summary" | "description") && !key.starts_with("x-")
            };
            if let Some(key) = map.keys().find(meant) {
                let message = format!("`{key}` beside `$ref` means nothing");
                let help = "write it where the reference leads";
                self.say(Diagnostic::warning("ref-siblings", message).help(help), &at);
            }
            match self.target(&at, reference) {
                Ok(next) => at = next,
                Err(_) => break,
            }
        }
        self.follow_quietly(spot)
    }

    /// [`Self::follow`] where what stands beside a reference counts.
    pub(crate) fn follow_quietly<'a>(&'a self, spot: &Spot) -> Option<(Spot, &'a Value)> {
        let mut at = spot.clone();
        for _ in 0..MAX_CHAIN {
            let value = self.get(&at)?;
            let Some(Value::String(reference)) = value.get("$ref") else { return Some((at, value)) };
            match self.target(&at, reference) {
                Ok(next) => at = next,
                Err(message) => {
                    self.bad_reference(&at, message);
                    return None;
                }
            }
        }
        self.error(
            &at.join("$ref"),
            "cyclic-ref",
            "`$ref` leads back to itself",
            "let one of the references name a definition",
        );
        None
    }

    pub(crate) fn bad_reference(&self, at: &Spot, message: String) {
        let help = if message.contains("remote") {
            "save the file beside the contract and refer to it by a relative path"
        } else if message.contains("leads out of") {
            "only files in the contract's folder and below are read: move the file there, or the contract up"
        } else {
            "correct the reference; `#/components/…` is within the file, `other.yaml#/…` in one beside it"
        };
        self.error(&at.join("$ref"), "unresolved-ref", message, help);
    }

    pub(crate) fn error(&self, spot: &Spot, code: &'static str, message: impl Into<String>, help: &str) {
        self.say(Diagnostic::error(code, message).help(help), spot);
    }

    /// Keeps a diagnostic until the places are known; the same code at the same spot is said once.
    pub(crate) fn say(&self, diagnostic: Diagnostic, spot: &Spot) {
        if self.said.borrow_mut().insert((spot.clone(), diagnostic.code)) {
            self.pending.borrow_mut().push(Pending { diagnostic, spot: spot.clone() });
        }
    }

    /// Keeps a diagnostic even when the spot has another of the same code.
    pub(crate) fn say_again(&self, diagnostic: Diagnostic, spot: &Spot) {
        self.pending.borrow_mut().push(Pending { diagnostic, spot: spot.clone() });
    }

    /// Whether a diagnostic of this code was kept for the spot.
    pub(crate) fn has_said_at(&self, spot: &Spot, code: &'static str) -> bool {
        self.said.borrow().contains(&(spot.clone(), code))
    }

    /// Whether a diagnostic of this code was kept for any spot.
    pub(crate) fn has_said(&self, code: &str) -> bool {
        self.said.borrow().iter().any(|(_, said)| *said == code)
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.pending.borrow().iter().any(|pending| pending.diagnostic.severity == Severity::Error)
    }

    /// As shown in `accept_unenforced`.
    pub(crate) fn display(&self, spot: &Spot) -> String {
        if spot.file == 0 {
            return spot.pointer.to_string();
        }
        let path = self.files.get(spot.file).map_or("", |file| file.path.as_str());
        format!("{path}#{}", spot.pointer)
    }

    /// Pointers as [`Documents::display`] writes them, whichever way a person named the contract itself.
    pub(crate) fn accepted(&self, pointers: &BTreeSet<String>) -> BTreeSet<String> {
        let own = self.files.first().map_or("", |file| file.path.trim_start_matches("./"));
        let plain = |pointer: &String| match pointer.split_once('#') {
            Some((file, rest)) if file.trim_start_matches("./") == own => rest.to_owned(),
            _ => pointer.clone(),
        };
        pointers.iter().map(plain).collect()
    }

    /// Takes over converted values, in the order of the files, and the maps of those whose parts moved.
    pub(crate) fn replace(&mut self, converted: Vec<(Value, Option<PointerMap>)>) {
        for (index, (value, map)) in converted.into_iter().enumerate() {
            if let Some(file) = self.files.get_mut(index) {
                file.value = value;
            }
            if let Some(map) = map {
                self.origins.insert(index, map);
            }
        }
    }

    /// Places of many pointers, one pass per file.
    pub(crate) fn places(&self, spots: &[Spot], sources: &Sources) -> HashMap<Spot, Span> {
        let mut by_file: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let origin = |spot: &Spot| {
            let map = self.origins.get(&spot.file);
            map.map_or_else(|| spot.clone(), |map| map.origin(spot.file, &spot.pointer))
        };
        let origins: Vec<Spot> = spots.iter().map(origin).collect();
        for origin in &origins {
            by_file.entry(origin.file).or_default().push(origin.pointer.to_string());
        }
        let mut found: HashMap<Spot, Span> = HashMap::new();
        for (index, pointers) in by_file {
            let Some(file) = self.files.get(index) else { continue };
            let text = sources.get(file.id).map_or("", |source| &source.text);
            for (pointer, span) in locate::locate(file, text, &pointers) {
                found.insert(Spot { file: index, pointer: pointer.into() }, span);
            }
        }
        let pairs = spots.iter().zip(&origins);
        pairs.filter_map(|(spot, origin)| Some((spot.clone(), *found.get(origin)?))).collect()
    }

    /// Hands over all that was found, each with its place, in document order.
    pub(crate) fn flush(&self, sources: &Sources, out: &mut Diagnostics) {
        let pending = std::mem::take(&mut *self.pending.borrow_mut());
        let spots: Vec<Spot> = pending.iter().map(|entry| entry.spot.clone()).collect();
        let places = self.places(&spots, sources);
        let mut placed: Vec<Diagnostic> = pending
            .into_iter()
            .map(|Pending { diagnostic, spot }| {
                let shown = self.display(&spot);
                diagnostic.maybe_at(places.get(&spot).copied()).pointer(shown)
            })
            .collect();
        placed.sort_by_key(|entry| (entry.severity, entry.span));
        for diagnostic in placed {
            out.push(diagnostic);
        }
    }
}
