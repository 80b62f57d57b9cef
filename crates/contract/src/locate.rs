//! JSON Pointer → place in the text. Only asked for diagnostics and operations, so one pass finds all at once and skips
//! whatever none of the pointers leads into.

use std::collections::BTreeMap;

use diagnostics::Span;

use crate::load::File;
use crate::pointer;

/// Finds the key (the value, in an array) that each pointer names; the nearest parent where it names nothing.
pub(crate) fn locate(file: &File, text: &str, pointers: &[String]) -> BTreeMap<String, Span> {
    let mut found = BTreeMap::new();
    let mut wanted: Vec<Wanted<'_>> =
        pointers.iter().map(|pointer| Wanted { pointer, tokens: pointer::tokens(pointer) }).collect();
    wanted.sort_by(|left, right| left.tokens.cmp(&right.tokens));
    let mut add = |pointer: &str, start: u32, length: u32| {
        found.insert(pointer.to_owned(), Span { file: file.id, start, end: start.saturating_add(length) });
    };
    if let Some(tree) = &file.tree {
        for Wanted { pointer, tokens } in &wanted {
            let hit = (0..=tokens.len()).rev().find_map(|end| tree.locate(tokens.get(..end)?));
            let (start, length) = hit.unwrap_or((0, 1));
            add(pointer, start, length);
        }
        return found;
    }
    for Wanted { pointer, .. } in &wanted {
        add(pointer, 0, 1);
    }
    let mut scanner = Scanner { text: text.as_bytes(), at: 0, add: &mut add };
    scanner.value(&wanted, 0);
    found
}

struct Wanted<'a> {
    pointer: &'a str,
    tokens: Vec<String>,
}

struct Scanner<'t, 'f> {
    text: &'t [u8],
    at: usize,
    add: &'f mut dyn FnMut(&str, u32, u32),
}

impl Scanner<'_, '_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }

    /// Reads one value; `wanted` are the pointers that lead into it, `depth` tokens of them are used.
    fn value(&mut self, wanted: &[Wanted<'_>], depth: usize) {
        self.space();
        if depth == 0 && self.text.starts_with("\u{feff}".as_bytes()) && self.at == 0 {
            self.at = 3;
            self.space();
        }
        match self.peek() {
            b'{' if !wanted.is_empty() => self.object(wanted, depth),
            b'[' if !wanted.is_empty() => self.array(wanted, depth),
            _ => self.skip(),
        }
    }

    fn object(&mut self, wanted: &[Wanted<'_>], depth: usize) {
        self.at += 1;
        loop {
            self.space();
            if self.peek() != b'"' {
                break;
            }
            let start = self.at;
            self.string();
            let raw = self.text.get(start..self.at).unwrap_or_default();
            let key: String = serde_json::from_slice(raw).unwrap_or_default();
            self.space();
            self.at += 1;
            let inside = self.narrow(wanted, depth, &key, start, raw.len());
            self.value(inside, depth + 1);
            self.space();
            if self.peek() != b',' {
                break;
            }
            self.at += 1;
        }
        self.at += 1;
    }

    fn array(&mut self, wanted: &[Wanted<'_>], depth: usize) {
        self.at += 1;
        let mut index = 0_usize;
        loop {
            self.space();
            if matches!(self.peek(), b']' | 0) {
                break;
            }
            let inside = self.narrow(wanted, depth, &index.to_string(), self.at, 1);
            self.value(inside, depth + 1);
            self.space();
            if self.peek() != b',' {
                break;
            }
            self.at += 1;
            index += 1;
        }
        self.at += 1;
    }

    /// The pointers whose next token is `key`; those get this place (until a deeper one is found).
    fn narrow<'w, 'p>(
        &mut self,
        wanted: &'w [Wanted<'p>],
        depth: usize,
        key: &str,
        start: usize,
        length: usize,
    ) -> &'w [Wanted<'p>] {
        let token = |entry: &Wanted<'_>| entry.tokens.get(depth).map(String::as_str).map(|t| t.cmp(key));
        let from = wanted.partition_point(|entry| token(entry).is_none_or(std::cmp::Ordering::is_lt));
        let rest = wanted.get(from..).unwrap_or_default();
        let count = rest.partition_point(|entry| token(entry).is_some_and(std::cmp::Ordering::is_eq));
        let inside = rest.get(..count).unwrap_or_default();
        for entry in inside {
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            (self.add)(entry.pointer, start, u32::try_from(length).unwrap_or(1));
        }
        inside
    }

    fn string(&mut self) {
        self.at += 1;
        while self.at < self.text.len() {
            match self.peek() {
                b'\\' => self.at += 2,
                b'"' => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
    }

    /// Past one value, whatever it is.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.text.len() {
            match self.peek() {
                b'"' => self.string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' if depth == 0 => return,
                b'}' | b']' => {
                    depth -= 1;
                    self.at += 1;
                }
                b',' if depth == 0 => return,
                _ => self.at += 1,
            }
            if depth == 0 && matches!(self.text.get(self.at.wrapping_sub(1)), Some(b'"' | b'}' | b']')) {
                return;
            }
        }
    }
}
