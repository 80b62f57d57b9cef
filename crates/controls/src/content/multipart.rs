//! `multipart/form-data`: the parts by the reader that `validation` uses, which refuses what two readers could read differently
//! (`filename*` and transfer encodings among it); here their number, sizes, names and content.

use contract::{ContentType, MediaKind, Part, parse_multipart};
use engine::codes;

use super::{Found, OnPart, Settings, agree, beyond, malformed, refuse, step};

/// Bounds of a multipart body.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) parts: usize,
    /// Parts with a file's name.
    pub(super) files: usize,
    /// Bytes.
    pub(super) name: usize,
    /// Bytes.
    pub(super) filename: usize,
    /// Bytes of one part's content.
    pub(super) part: usize,
    /// Parts that are multipart themselves.
    pub(super) nested: OnPart,
}

impl Settings {
    pub(super) fn check_multipart(&self, bytes: &[u8], content_type: &ContentType) -> Found {
        let limits = &self.multipart;
        let boundary = content_type.parameter("boundary").unwrap_or_default();
        let parts = parse_multipart(bytes, boundary).map_err(|message| malformed("", message))?;
        if parts.len() > limits.parts {
            return Err(beyond("", &format!("must have at most {} parts", limits.parts)));
        }
        if parts.iter().filter(|part| part.filename.is_some()).count() > limits.files {
            return Err(beyond("", &format!("must have at most {} files", limits.files)));
        }
        parts.iter().try_for_each(|part| self.check_part(part))
    }

    fn check_part(&self, part: &Part<'_>) -> Found {
        let limits = &self.multipart;
        if part.name.len() > limits.name {
            return Err(beyond("", &format!("the name of a part must have at most {} bytes", limits.name)));
        }
        let pointer = format!("/{}", step(&part.name));
        if part.body.len() > limits.part {
            return Err(beyond(&pointer, &format!("must be at most {} bytes long", limits.part)));
        }
        if let Some(filename) = &part.filename {
            if filename.len() > limits.filename {
                let message = format!("the name of a file must have at most {} bytes", limits.filename);
                return Err(beyond(&pointer, &message));
            }
            if !is_plain(filename) {
                let message = "the name of a file must be a name: no path, no control characters";
                return Err(refuse(&codes::CONTENT_FORBIDDEN, message, &pointer, message));
            }
        }
        let Some(content_type) = &part.content_type else { return Ok(()) };
        if content_type.essence.starts_with("multipart/") {
            let message = "a part must not be multipart itself";
            return match limits.nested {
                OnPart::Refuse => Err(refuse(&codes::CONTENT_FORBIDDEN, message, &pointer, message)),
                OnPart::Allow => Ok(()),
            };
        }
        if part.body.is_empty() {
            return Ok(());
        }
        self.check_bytes(part.body, content_type, &pointer)?;
        // JSON and XML have parsed by now; of a form nothing more can be said.
        let parsed = matches!(content_type.kind(), MediaKind::Json | MediaKind::Form);
        if self.agree && !parsed { agree(part.body, content_type, &pointer) } else { Ok(()) }
    }
}

/// Whether a name is one step of a path that shows as what it is: neither a way out of a folder, nor a device, nor text whose
/// direction is turned around so that it seems to end otherwise.
fn is_plain(name: &str) -> bool {
    let odd = |c: char| {
        c.is_control()
            || matches!(c, '/' | '\\' | ':' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    !name.contains(odd) && name != "." && name != ".."
}
