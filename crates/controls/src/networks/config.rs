//! The section `networks`, and the lists that it names.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::Control;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use spec::{Cidr, FileRef, Mode, Node, Spanned};

use super::{Networks, Ranges};
use crate::scope::{Compiled, HeldTo, NamedFile, NamedKind, OperationScope, mode};

/// Most networks of one list.
const MOST: usize = 1_000_000;

/// From where calls may come.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Networks")]
pub struct NetworksSection {
    /// whether calls are refused, or only recorded
    pub mode: Mode,
    /// networks that are let in, and no others: in CIDR notation, or lists of them in files; without it all
    pub allow: Option<Vec<Spanned<Source>>>,
    /// networks that are not let in, whatever `allow` says
    pub deny: Vec<Spanned<Source>>,
}

impl Default for NetworksSection {
    fn default() -> Self {
        Self { mode: Mode::Enforce, allow: None, deny: Vec::new() }
    }
}

/// A network, or a file that lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One.
    Network(Cidr),
    /// One a line.
    File(FileRef),
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network, or `file:` and the path of a list")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Source, E> {
                const HELP: &str = "write it as in `10.0.0.0/8`, `2001:db8::/32` or `file:offices.txt`";
                let fault = |_| spec::fault(format_args!("`{text}` is no network in CIDR notation"), HELP);
                match text.strip_prefix("file:") {
                    Some(_) => text.parse().map(Source::File).map_err(fault),
                    None => text.parse().map(Source::Network).map_err(fault),
                }
            }
        }

        deserializer.deserialize_str(Visitor)
    }
}

impl JsonSchema for Source {
    fn schema_name() -> Cow<'static, str> {
        "NetworkSource".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "a network in CIDR notation, or `file:` and the path of a list with one a line",
            "examples": ["10.0.0.0/8", "2001:db8::/32", "file:offices.txt"]
        })
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(NetworksSection)
}

/// The lists that it names.
#[must_use]
pub fn files(node: &Node) -> Vec<NamedFile> {
    let items = ["allow", "deny"].into_iter().filter_map(|key| node.get(key)).flat_map(Node::items);
    let named = |item: &Node| {
        let text = item.as_str().filter(|text| text.starts_with("file:"))?;
        let path = text.parse::<FileRef>().ok()?.path().to_owned();
        Some(NamedFile { path, span: item.span, kind: NamedKind::File })
    };
    items.filter_map(named).collect()
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &Node, out: &mut Diagnostics) {
    let Some(section) = spec::read::<NetworksSection>(node, out) else { return };
    let mut error = |message: &str, help: &str| {
        out.push(Diagnostic::error("networks", message).at(node.span).help(help));
    };
    match &section.allow {
        Some(allow) if allow.is_empty() => {
            error("an empty `allow` lets nobody in", "list networks, or leave it out to let all in");
        }
        None if section.deny.is_empty() && section.mode != Mode::Off => {
            error("the section names no network", "write `allow` or `deny`");
        }
        _ => {}
    }
}

/// Compiles it for an operation. Whatever its kind: who is not let in is told nothing.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let Some(node) = scope.section else { return Vec::new() };
    let shared = scope.api.share(&scope.section_key("networks"), || {
        let section = spec::read::<NetworksSection>(node, out)?;
        let allow = match &section.allow {
            None => None,
            Some(sources) => Some(ranges(scope, sources, out)?),
        };
        let deny = ranges(scope, &section.deny, out)?;
        let control: Arc<dyn Control> = Arc::new(Networks { allow, deny });
        (section.mode != Mode::Off).then_some((control, mode(section.mode)))
    });
    // A section with errors keeps the document from being served.
    let Some((control, mode)) = &*shared else { return Vec::new() };
    let (control, mode) = (Arc::clone(control), *mode);
    vec![Compiled {
        control,
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(node.span),
    }]
}

fn ranges(scope: &OperationScope<'_>, sources: &[Spanned<Source>], out: &mut Diagnostics) -> Option<Ranges> {
    let mut all = Vec::new();
    for source in sources {
        match &source.value {
            Source::Network(network) => all.push(*network),
            Source::File(file) => all.extend(listed(scope, file, source.span, out)?),
        }
    }
    Some(Ranges::new(&all))
}

/// The networks of a file: one a line, with `#` before what is none.
fn listed(
    scope: &OperationScope<'_>,
    file: &FileRef,
    span: Span,
    out: &mut Diagnostics,
) -> Option<Vec<Cidr>> {
    let path = file.path();
    let mut error = |message: String, help: &str| {
        out.push(Diagnostic::error("networks", message).at(span).help(help));
    };
    let Some(bytes) = scope.api.gateway.assets.get(path) else {
        error(format!("there is no list `{path}`"), "write the path of a file, relative to this document");
        return None;
    };
    let Ok(text) = std::str::from_utf8(bytes) else {
        error(format!("`{path}` is not UTF-8"), "write one network a line");
        return None;
    };
    if !text.is_empty() && !text.ends_with('\n') {
        // A network that is cut off in its prefix is a wider one.
        error(
            format!("the last line of `{path}` has no end"),
            "end it with a line feed, when the file is whole",
        );
        return None;
    }
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match line.parse::<Cidr>() {
            Ok(network) if all.len() < MOST => all.push(network),
            Ok(_) => {
                error(format!("`{path}` lists more than {MOST} networks"), "put small ones together");
                return None;
            }
            Err(_) => {
                let message = format!("`{line}` in line {} of `{path}` is no network", number + 1);
                error(message, "write it as in `10.0.0.0/8` or `2001:db8::/32`; `#` begins a comment");
                return None;
            }
        }
    }
    if all.is_empty() {
        // One that was cut off while it was written lets nobody in, or everybody.
        error(format!("`{path}` lists no network"), "write one a line, or leave the file out");
        return None;
    }
    Some(all)
}
