//! `application/x-www-form-urlencoded`.

use std::collections::BTreeSet;

use contract::{PairsFault, pairs};

use super::{Found, beyond, malformed, step};

/// Bounds of a form.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) fields: usize,
    /// Bytes, decoded.
    pub(super) name: usize,
    /// Bytes, decoded.
    pub(super) value: usize,
    /// Whether a field may be there more than once.
    pub(super) repeated: bool,
}

impl Limits {
    pub(super) fn check(&self, bytes: &[u8], prefix: &str) -> Found {
        let text = std::str::from_utf8(bytes).map_err(|_| malformed(prefix, "a form must be UTF-8"))?;
        let pairs = pairs(text).map_err(|fault| match fault {
            PairsFault::Encoding => malformed(prefix, "a form must be percent-encoded UTF-8"),
            PairsFault::TooMany => self.too_many(prefix),
        })?;
        if pairs.len() > self.fields {
            return Err(self.too_many(prefix));
        }
        let mut names = BTreeSet::new();
        for pair in &pairs {
            if pair.name.len() > self.name {
                return Err(beyond(
                    prefix,
                    &format!("the name of a field must have at most {} bytes", self.name),
                ));
            }
            let pointer = || format!("{prefix}/{}", step(&pair.name));
            if pair.value.len() > self.value {
                return Err(beyond(&pointer(), &format!("must be at most {} bytes long", self.value)));
            }
            if !self.repeated && !names.insert(pair.name.as_str()) {
                return Err(beyond(&pointer(), "must be there once"));
            }
        }
        Ok(())
    }

    fn too_many(&self, prefix: &str) -> Box<engine::Refusal> {
        beyond(prefix, &format!("must have at most {} fields", self.fields.min(contract::MAX_PAIRS)))
    }
}
