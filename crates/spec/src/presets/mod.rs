//! What is known of providers of tokens, as settings of an issuer: `preset: keycloak` writes them where the document does not.
//!
//! A preset is data: keys of `issuers` with their values, no code. Whatever it sets, the document can say otherwise, key by key (of
//! `require_claims`, claim by claim), and `yett config` says of each value that the preset put it there. A new one is a file here, a
//! line in [`ALL`] and a row on the page of authentication.
//!
//! What each says was read in the provider's own documentation, whose page its file names. Where a provider lets its customers choose,
//! a preset says what comes of choosing nothing, and what is stricter of two: who chose otherwise writes it.

mod auth0;
mod cognito;
mod entra;
mod firebase;
mod github_actions;
mod google;
mod keycloak;
mod kubernetes;
mod okta;

use crate::node::{Entry, Node, Origin, Value};
use crate::units::{ParseError, text_type};
use diagnostics::{Span, nearest};
use std::fmt;
use std::str::FromStr;

/// Every preset, in the order of the page.
const ALL: [&Preset; 10] = [
    &auth0::PRESET,
    &cognito::PRESET,
    &entra::V1,
    &entra::V2,
    &firebase::PRESET,
    &github_actions::PRESET,
    &google::PRESET,
    &keycloak::PRESET,
    &kubernetes::PRESET,
    &okta::PRESET,
];

/// What is known of one provider.
#[derive(Debug, PartialEq, Eq)]
pub struct Preset {
    /// As the document names it.
    pub name: &'static str,
    /// Keys of an issuer with their values.
    sets: &'static [(&'static str, Given)],
    /// Claims of which the document has to require one, and why: a provider signs for everybody in the world by the same issuer, and
    /// with whatever audience they like.
    pub narrow_by: Option<(&'static [&'static str], &'static str)>,
    /// How the issuer's URL ends.
    pub url_end: Option<&'static str>,
}

/// A value that a preset sets.
#[derive(Debug, PartialEq, Eq)]
enum Given {
    Text(&'static str),
    List(&'static [&'static str]),
    /// Claims with the values that they may have.
    Claims(&'static [(&'static str, &'static [&'static str])]),
}

impl Given {
    /// The same in the tree, as if it stood where the preset is named.
    fn node(&self, origin: &Origin, span: Span) -> Node {
        let made = |value| Node { value, span, origin: origin.clone() };
        let list = |all: &[&str]| {
            let items = all.iter().map(|text| made(Value::String((*text).to_owned())));
            made(Value::Sequence(items.collect()))
        };
        match self {
            Self::Text(text) => made(Value::String((*text).to_owned())),
            Self::List(all) => list(all),
            Self::Claims(claims) => {
                let entries = claims.iter().map(|(claim, values)| Entry::new(*claim, list(values)));
                made(Value::Mapping(entries.collect()))
            }
        }
    }
}

/// A preset by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresetName(&'static Preset);

impl PresetName {
    /// What is known of the provider.
    #[must_use]
    pub const fn preset(self) -> &'static Preset {
        self.0
    }
}

fn names() -> Vec<&'static str> {
    ALL.iter().map(|preset| preset.name).collect()
}

impl FromStr for PresetName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some(preset) = ALL.into_iter().find(|preset| preset.name == text) {
            return Ok(Self(preset));
        }
        let mut near: Vec<&str> = nearest(text, names()).into_iter().collect();
        if near.is_empty() && !text.is_empty() {
            near = names().into_iter().filter(|name| name.starts_with(text)).collect();
        }
        let help = match near.is_empty() {
            false => format!("did you mean `{}`?", near.join("` or `")),
            true => {
                format!("write one of `{}`; another provider needs none, only its keys", names().join("`, `"))
            }
        };
        Err(ParseError::new(format!("there is no preset `{text}`"), help))
    }
}

impl fmt::Display for PresetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name)
    }
}

text_type!(
    PresetName,
    "the name of a preset",
    "write a name, as in `keycloak`",
    schemars::json_schema!({
        "type": "string",
        "description": "what the provider's tokens look like: what is known of it, where the document does not say otherwise",
        "enum": names(),
        "examples": ["keycloak"]
    })
);

/// Writes out the presets of all issuers. A name that is not known is reported when the issuer is read.
pub(crate) fn fill(root: &mut Node) {
    for issuer in root.get_mut("issuers").and_then(Node::entries_mut).into_iter().flatten() {
        of_preset(&mut issuer.value);
    }
}

fn of_preset(issuer: &mut Node) {
    let Some(named) = issuer.get("preset") else { return };
    let (span, name) = (named.span, named.as_str().and_then(|text| text.parse::<PresetName>().ok()));
    let Some(PresetName(preset)) = name else { return };
    let origin = Origin::Preset(preset.name, span);
    for (key, given) in preset.sets {
        put(issuer, key, given.node(&origin, span));
    }
}

/// Puts a value where nothing is written; of a mapping, the keys that are not.
fn put(holder: &mut Node, key: &str, given: Node) {
    match holder.get_mut(key) {
        Some(written) if matches!((&written.value, &given.value), (Value::Mapping(_), Value::Mapping(_))) => {
            given.entries().iter().for_each(|entry| put(written, &entry.key, entry.value.clone()));
        }
        Some(written) if written.value != Value::Null => {}
        _ => holder.set(key, given),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_told_apart_and_found_by_their_names() {
        let mut sorted = names();
        sorted.sort_unstable();
        assert_eq!(sorted, names(), "as on the page");
        for preset in ALL {
            assert_eq!(preset.name.parse::<PresetName>().map(PresetName::preset), Ok(preset));
            let mut keys: Vec<&str> = preset.sets.iter().map(|(key, _)| *key).collect();
            keys.sort_unstable();
            keys.dedup();
            assert_eq!(keys.len(), preset.sets.len(), "{}", preset.name);
            assert!(keys.contains(&"algorithms"), "{}", preset.name);
        }
        let near = "keycloack".parse::<PresetName>().expect_err("misspelled");
        assert_eq!(near.help, "did you mean `keycloak`?");
        let several = "entra".parse::<PresetName>().expect_err("of no version");
        assert_eq!(several.help, "did you mean `entra-v1` or `entra-v2`?");
        assert!("ory".parse::<PresetName>().expect_err("unknown").help.contains("`kubernetes`"));
    }
}
