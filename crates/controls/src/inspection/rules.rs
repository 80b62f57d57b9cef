//! From rule files to an engine: which files a set has, in which order, and what the section lays over them.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use diagnostics::{Diagnostic, Diagnostics, Sources, Span};
use seclang::{Engine, RuleFile};

use super::config::{BodySection, ThresholdSection};
use crate::scope::{Assets, GatewayScope};

/// What every set runs with.
const ENGINE: &str = include_str!("engine.conf");
/// Its name in messages.
const ENGINE_NAME: &str = "the engine's own rules";
/// The name of what the section comes to.
const SECTION_NAME: &str = "the section `inspection`";

/// All that an engine is made of beside the files.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    /// A file or a folder, as the assets call it.
    pub(super) path: &'a str,
    /// The set's own settings, when they lie elsewhere.
    pub(super) setup: Option<&'a str>,
    pub(super) paranoia: Option<u8>,
    pub(super) threshold: ThresholdSection,
    pub(super) body: BodySection,
}

/// Rules as loaded; held by the controls that use them, so that the next compilation finds them.
#[derive(Debug)]
pub(super) struct Loaded {
    engine: Option<Engine>,
    found: Diagnostics,
    sources: Sources,
}

impl Loaded {
    /// The engine, when nothing was wrong.
    pub(super) fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// `file:line:column` of a rule.
    pub(super) fn place(&self, span: Span) -> String {
        self.sources.place(span)
    }

    /// Reports what was said when the rules were loaded, at its places among the files of this compilation.
    pub(super) fn tell(&self, sources: &Sources, out: &mut Diagnostics) {
        for found in self.found.iter() {
            let span = found.span.and_then(|span| {
                let file = sources.find(&self.sources.get(span.file)?.name)?;
                Some(Span { file, ..span })
            });
            let mut found = found.clone();
            // What stands in no file of the user's is named in words.
            if let (None, Some(span)) = (span, found.span) {
                found.message = format!("{}: {}", self.sources.place(span), found.message);
            }
            found.span = span;
            out.push(found);
        }
    }
}

/// The Core Rule Set's own settings, and as they come before somebody copies them.
const SETUP: &str = "crs-setup.conf";
const SETUP_EXAMPLE: &str = "crs-setup.conf.example";
/// The file of the Core Rule Set that wants them.
const INITIALIZATION: &str = "REQUEST-901-INITIALIZATION.conf";

fn is_setup(name: &str, wanted: &Wanted<'_>) -> bool {
    wanted.setup == Some(name) || name.ends_with(SETUP) || name.ends_with(SETUP_EXAMPLE)
}

/// One file of rules: its name and its bytes.
type File<'a> = (&'a str, &'a [u8]);

/// Loads rules, or finds what a living snapshot loaded from the same bytes. `None` when files are missing, which is
/// reported at `span`.
pub(super) fn load(
    scope: &GatewayScope<'_>,
    wanted: &Wanted<'_>,
    span: Span,
    out: &mut Diagnostics,
) -> Option<Arc<Loaded>> {
    let files = files(scope.assets, wanted, span, out)?;
    let data = data(scope.assets, wanted.path);
    let key = key(wanted, &files, &data);
    Some(scope.made.get_or_make("inspection", &key, || compile(wanted, &files, &data)))
}

pub(super) fn compile(wanted: &Wanted<'_>, files: &[File<'_>], data: &[File<'_>]) -> Loaded {
    let text = |(name, bytes): &File<'_>| ((*name).to_owned(), String::from_utf8_lossy(bytes).into_owned());
    let mut texts: Vec<(String, String)> = files.iter().map(text).collect();
    // What the section says comes after the set's own settings, and before the rules that fill in what nobody said.
    let setups = texts.iter().take_while(|(name, _)| is_setup(name, wanted)).count();
    texts.insert(setups, (SECTION_NAME.to_owned(), overrides(wanted)));
    texts.insert(0, (ENGINE_NAME.to_owned(), ENGINE.to_owned()));
    let files: Vec<RuleFile<'_>> = texts.iter().map(|(name, text)| RuleFile { name, text }).collect();
    let data = Data(data.iter().map(text).collect());
    let (mut engine, found, sources) = Engine::load(&files, &data);
    if let Some(engine) = &mut engine {
        let settings = engine.settings_mut();
        settings.request_body_limit = wanted.body.max.as_usize();
        settings.request_body_no_files_limit = wanted.body.max.as_usize();
        settings.request_body_limit_reject = false;
        settings.response_body_limit = engine::bounds::BODY_BYTES as usize;
        if let Some(arguments) = &wanted.body.arguments {
            settings.arguments_limit = arguments.value as usize;
        }
    }
    Loaded { engine, found, sources }
}

/// Files that rules name: by their last part, wherever the rules think that they lie.
struct Data(Vec<(String, String)>);

impl seclang::Assets for Data {
    fn get(&self, name: &str) -> Option<&str> {
        let last = |name: &str| name.rsplit('/').next().map(str::to_owned);
        let wanted = last(name)?;
        let found = self.0.iter().find(|(known, _)| last(known).as_ref() == Some(&wanted));
        found.map(|(_, text)| text.as_str())
    }
}

/// What the section says, in the words of the set: those of versions 3 and 4.
fn overrides(wanted: &Wanted<'_>) -> String {
    let mut variables: Vec<(&str, u64)> = Vec::new();
    if let Some(level) = wanted.paranoia {
        let names = [
            "blocking_paranoia_level",
            "detection_paranoia_level",
            "paranoia_level",
            "executing_paranoia_level",
        ];
        variables.extend(names.map(|name| (name, u64::from(level))));
    }
    let thresholds = [
        ("inbound_anomaly_score_threshold", &wanted.threshold.inbound),
        ("outbound_anomaly_score_threshold", &wanted.threshold.outbound),
    ];
    for (name, score) in thresholds {
        variables.extend(score.iter().map(|score| (name, u64::from(score.value))));
    }
    if variables.is_empty() {
        return String::new();
    }
    let set: Vec<String> =
        variables.iter().map(|(name, value)| format!("setvar:tx.{name}={value}")).collect();
    format!("SecAction \"id:199999,phase:1,pass,t:none,nolog,{}\"\n", set.join(","))
}

/// The files of a set, in the order in which they are loaded: settings first, then rules by name.
pub(super) fn files<'a>(
    assets: &'a Assets,
    wanted: &Wanted<'a>,
    span: Span,
    out: &mut Diagnostics,
) -> Option<Vec<File<'a>>> {
    let mut rules = rules_of(assets, wanted.path);
    // A file that is not there has been reported.
    if rules.is_empty() {
        return None;
    }
    let settings = wanted.setup.unwrap_or(wanted.path);
    let setup = match wanted.setup.and_then(|setup| file(assets, setup)) {
        Some(setup) => Some(setup),
        None => [SETUP, SETUP_EXAMPLE].iter().find_map(|name| file(assets, &format!("{settings}/{name}"))),
    };
    if let Some(folder) = wanted.setup.filter(|setup| file(assets, setup).is_none()) {
        rules.extend(rules_of(assets, folder));
        rules.sort_by_key(|(name, _)| name.rsplit('/').next());
    }
    let needs_setup = wanted.setup.is_some() || rules.iter().any(|(name, _)| name.ends_with(INITIALIZATION));
    if setup.is_none() && needs_setup {
        let message = format!(
            "there is no `{SETUP}` in `{settings}`, without which the Core Rule Set refuses every call"
        );
        let help = "write `setup:` with its folder, on Debian `file:/etc/modsecurity/crs`";
        out.push(Diagnostic::error("rules-setup", message).at(span).help(help));
        return None;
    }
    let files: Vec<File<'a>> = setup.into_iter().chain(rules).collect();
    let strange = files.iter().find(|(_, bytes)| std::str::from_utf8(bytes).is_err());
    if let Some((name, _)) = strange {
        let message = format!("`{name}` is not UTF-8");
        out.push(Diagnostic::error("rules-encoding", message).at(span).help("convert it"));
        return None;
    }
    Some(files)
}

fn file<'a>(assets: &'a Assets, name: &str) -> Option<File<'a>> {
    assets.get_key_value(name).map(|(name, bytes)| (name.as_str(), &**bytes))
}

/// Rule files by name, without settings: the one of this name, or those of a folder's `rules`, or of the folder.
fn rules_of<'a>(assets: &'a Assets, path: &str) -> Vec<File<'a>> {
    let inside: Vec<File<'a>> = below(assets, &format!("{path}/rules/"), ".conf").collect();
    let mut rules: Vec<File<'a>> = match file(assets, path) {
        Some(single) => return vec![single],
        None if inside.is_empty() => below(assets, &format!("{path}/"), ".conf").collect(),
        None => inside,
    };
    rules.retain(|(name, _)| !name.ends_with(SETUP));
    rules
}

/// The data files that a set may name.
fn data<'a>(assets: &'a Assets, path: &str) -> Vec<File<'a>> {
    if !assets.contains_key(path) {
        return below(assets, &format!("{path}/"), ".data").collect();
    }
    let folder = path.rfind('/').map_or("", |end| path.get(..=end).unwrap_or_default());
    below(assets, folder, ".data")
        .filter(|(name, _)| !name.trim_start_matches(folder).contains('/'))
        .collect()
}

/// Assets of an ending whose names begin with a folder's, by name.
fn below<'a>(assets: &'a Assets, folder: &str, ending: &'static str) -> impl Iterator<Item = File<'a>> {
    let folder = folder.to_owned();
    let files = assets.range(folder.clone()..);
    files
        .take_while(move |(name, _)| name.starts_with(&folder))
        .filter(move |(name, _)| name.ends_with(ending))
        .map(|(name, bytes)| (name.as_str(), &**bytes))
}

/// Equal keys load alike.
fn key(wanted: &Wanted<'_>, files: &[File<'_>], data: &[File<'_>]) -> String {
    let mut hash = Context::new(&SHA256);
    let mut part = |bytes: &[u8]| {
        hash.update(&(bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(overrides(wanted).as_bytes());
    part(&wanted.body.max.bytes().to_be_bytes());
    part(&wanted.body.arguments.map_or(0, |arguments| arguments.value).to_be_bytes());
    part(wanted.setup.unwrap_or_default().as_bytes());
    for (name, bytes) in files.iter().chain(data) {
        part(name.as_bytes());
        part(bytes);
    }
    hash.finish().as_ref().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
impl Loaded {
    /// With another budget of work.
    pub(super) fn limit_work(&mut self, bytes: u64) {
        if let Some(engine) = &mut self.engine {
            engine.settings_mut().work_limit = bytes;
        }
    }
}
