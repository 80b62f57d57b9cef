//! The section `networks`, and the lists that it names.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::Control;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use spec::{Cidr, FileRef, Mode, Node, Spanned};

use super::places::{Databases, Network, Place};
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
    /// databases in MaxMind's format (MMDB), which say in which country or autonomous system an address is
    pub databases: Vec<Spanned<FileRef>>,
    /// networks that are let in, and no others: in CIDR notation, lists of them in files, countries, autonomous systems; without it all
    pub allow: Option<Vec<Spanned<Source>>>,
    /// networks that are not let in, whatever `allow` says
    pub deny: Vec<Spanned<Source>>,
}

impl Default for NetworksSection {
    fn default() -> Self {
        Self { mode: Mode::Enforce, databases: Vec::new(), allow: None, deny: Vec::new() }
    }
}

/// A network, a file that lists them, or where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// One.
    Network(Cidr),
    /// One a line.
    File(FileRef),
    /// All of a country or an autonomous system.
    Place(Place),
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a network, `file:` and the path of a list, `country:` or `asn:`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Source, E> {
                const HELP: &str = "write it as in `10.0.0.0/8`, `2001:db8::/32` or `file:offices.txt`";
                const PLACES: &str = "write it as in `country:DE` (ISO 3166-1) or `asn:64496`";
                let fault = |_| spec::fault(format_args!("`{text}` is no network in CIDR notation"), HELP);
                match text.split_once(':') {
                    Some(("file", _)) => text.parse().map(Source::File).map_err(fault),
                    Some(("country" | "asn", _)) => text.parse().map(Source::Place).map_err(|()| {
                        spec::fault(format_args!("`{text}` is no country and no autonomous system"), PLACES)
                    }),
                    _ => text.parse().map(Source::Network).map_err(fault),
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
            "description": "a network in CIDR notation; `file:` and the path of a list with one a line; `country:` and two letters (ISO 3166-1), or `asn:` and a number, which `databases` know",
            "examples": ["10.0.0.0/8", "2001:db8::/32", "file:offices.txt", "country:DE", "asn:64496"]
        })
    }
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(NetworksSection)
}

/// The lists and databases that it names.
#[must_use]
pub fn files(node: &Node) -> Vec<NamedFile> {
    const KEYS: [(&str, NamedKind); 3] =
        [("databases", NamedKind::Database), ("allow", NamedKind::File), ("deny", NamedKind::File)];
    let items = KEYS.into_iter().filter_map(|(key, kind)| Some((node.get(key)?, kind)));
    let items = items.flat_map(|(list, kind)| list.items().iter().map(move |item| (item, kind)));
    let named = |(item, kind): (&Node, NamedKind)| {
        let is_file = |text: &&str| kind == NamedKind::Database || text.starts_with("file:");
        let text = item.as_str().filter(is_file)?;
        let path = text.parse::<FileRef>().ok()?.path().to_owned();
        Some(NamedFile { path, span: item.span, kind })
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
        let located = located(scope, &section, out)?;
        let allow = match &section.allow {
            None => None,
            Some(sources) => Some(ranges(scope, sources, &located, out)?),
        };
        let deny = ranges(scope, &section.deny, &located, out)?;
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

/// The networks of each place that is named, which some database has to know.
fn located(
    scope: &OperationScope<'_>,
    section: &NetworksSection,
    out: &mut Diagnostics,
) -> Option<BTreeMap<Place, Vec<Network>>> {
    let mut error = |span: Span, message: String, help: &str| {
        out.push(Diagnostic::error("networks", message).at(span).help(help));
    };
    let mut databases = Databases::default();
    for file in &section.databases {
        // One that is not there is told of already.
        let bytes = scope.api.gateway.assets.get(file.path())?;
        if let Err(why) = databases.add(bytes) {
            let message = format!("`{}` is no database in MaxMind's format: {why}", file.path());
            error(file.span, message, "give a file that ends in `.mmdb`, as its maker hands it out");
            return None;
        }
    }
    let named: Vec<(Place, Span)> = section
        .allow
        .iter()
        .flatten()
        .chain(&section.deny)
        .filter_map(|source| match source.value {
            Source::Place(place) => Some((place, source.span)),
            _ => None,
        })
        .collect();
    let wanted: Vec<Place> = named.iter().map(|(place, _)| *place).collect();
    let found = match databases.networks(&wanted) {
        Ok(found) => found,
        Err(why) => {
            let message = format!("the databases cannot be read: {why}");
            error(section.databases.first()?.span, message, "fetch them anew from their maker");
            return None;
        }
    };
    let unknown = |(place, _): &&(Place, Span)| found.get(place).is_none_or(Vec::is_empty);
    let strangers: Vec<_> = named.iter().filter(unknown).collect();
    for (place, span) in &strangers {
        if databases.is_empty() {
            let help = "name a database: `databases: [\"file:country.mmdb\"]`";
            error(*span, format!("where `{place}` is, nothing says"), help);
        } else {
            // A typing error would let nobody in, or keep nobody out.
            let help = "write a country as ISO 3166-1 does, or name a database that has it";
            error(*span, format!("no database has a network of `{place}`"), help);
        }
    }
    strangers.is_empty().then_some(found)
}

fn ranges(
    scope: &OperationScope<'_>,
    sources: &[Spanned<Source>],
    located: &BTreeMap<Place, Vec<Network>>,
    out: &mut Diagnostics,
) -> Option<Ranges> {
    let network = |one: &Cidr| (one.address(), one.prefix());
    let mut all: Vec<Network> = Vec::new();
    for source in sources {
        match &source.value {
            Source::Network(one) => all.push(network(one)),
            Source::File(file) => all.extend(listed(scope, file, source.span, out)?.iter().map(network)),
            Source::Place(place) => all.extend(located.get(place).into_iter().flatten()),
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
