//! Questions in JSON, written as they are made up: all that a call has may be long, and none of it is kept.

use engine::text::push_json;

use super::question::Body;

/// JSON as it is written, member by member.
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn new(start: &[u8]) -> Self {
        Self { bytes: start.to_vec() }
    }

    pub(super) fn raw(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
    }

    /// Parts what follows from what is there, if something is.
    pub(super) fn comma(&mut self) {
        if !matches!(self.bytes.last(), None | Some(b'{' | b'[' | b':')) {
            self.bytes.push(b',');
        }
    }

    pub(super) fn key(&mut self, name: &str) {
        self.comma();
        push_json(&mut self.bytes, name);
        self.bytes.push(b':');
    }

    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        push_json(&mut self.bytes, value);
    }

    pub(super) fn item(&mut self, value: &str) {
        self.comma();
        push_json(&mut self.bytes, value);
    }

    pub(super) fn list<'v>(&mut self, name: &str, values: impl Iterator<Item = &'v str>) {
        self.key(name);
        self.raw(b"[");
        values.for_each(|value| self.item(value));
        self.raw(b"]");
    }

    /// `null` where a body is told of and there is none.
    pub(super) fn body(&mut self, body: Option<&Body>) {
        let Some(body) = body else { return };
        self.key("body");
        match body {
            Body::Empty => self.raw(b"null"),
            Body::Json(tape, _) => tape.root().write_compact(&mut self.bytes),
        }
    }
}
