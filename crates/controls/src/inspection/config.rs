//! The section `inspection`.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::{Control, Mode as EngineMode};
use schemars::JsonSchema;
use seclang::Exclusion;
use serde::{Deserialize, Serialize};
use spec::{FileRef, Mode, Node, Size, Spanned};

use super::exclude::{self, Excluded};
use super::modes::{self, Modes, Ruled};
use super::next;
use super::rules::{self, Loaded, Wanted};
use super::watch::Watch;
use super::{Inspection, Settings, own};
use crate::scope::{Compiled, HeldTo, NamedFile, NamedKind, OperationKind, OperationScope, mode};

/// Rules that look for attacks in calls, and for leaks in answers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Inspection")]
pub struct InspectionSection {
    /// whether calls that the rules take for attacks are refused, or only recorded
    pub mode: Mode,
    /// whether answers that the rules take for leaks are withheld, or only recorded; enforcing reads answers whole
    pub answers: Mode,
    /// `builtin`, the detectors of our own, as where nothing is said; or the OWASP Core Rule Set's folder, or a file of rules in the
    /// same language (SecLang)
    pub rules: Option<Spanned<FileRef>>,
    /// rules that are to come: a folder or a file as under `rules`, which looks at requests in shadow beside what is in force;
    /// `yett update` writes it
    pub next: Option<Spanned<FileRef>>,
    /// what `rules` said before the last promotion: `yett update rollback` goes back there; nothing is loaded from it
    pub before: Option<Spanned<FileRef>>,
    /// the set's `crs-setup.conf`, or a folder with it and with rules that come before and after the set's, where they do not lie
    /// in its folder
    pub setup: Option<Spanned<FileRef>>,
    /// from 1 to 4: more rules, and more false alarms; without it as the set's settings say
    #[schemars(range(min = 1, max = 4))]
    pub paranoia: Option<Spanned<u8>>,
    /// scores from which on a call is refused or an answer withheld; without them as the set's settings say
    pub threshold: ThresholdSection,
    /// bounds of what is read of a body
    pub body: BodySection,
    /// what some rules do not look at
    pub exclude: Vec<Spanned<ExcludeSection>>,
    /// rules that have a mode of their own, by names of your choice, which decisions have
    pub modes: Modes,
}

impl Default for InspectionSection {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            answers: Mode::Off,
            rules: None,
            next: None,
            before: None,
            setup: None,
            paranoia: None,
            threshold: ThresholdSection::default(),
            body: BodySection::default(),
            exclude: Vec::new(),
            modes: Modes::new(),
        }
    }
}

/// Scores from which on something is done.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "InspectionThreshold")]
pub struct ThresholdSection {
    /// of a call
    #[schemars(range(min = 1))]
    pub inbound: Option<Spanned<u32>>,
    /// of an answer
    #[schemars(range(min = 1))]
    pub outbound: Option<Spanned<u32>>,
}

/// What is read of a body.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "InspectionBody")]
pub struct BodySection {
    /// bytes that are read
    pub max: Spanned<Size>,
    /// what becomes of a longer body
    pub over: Over,
    /// arguments that are read, each value of a JSON body one; a body with more is refused
    #[schemars(range(min = 1))]
    pub arguments: Option<Spanned<u32>>,
}

impl Default for BodySection {
    fn default() -> Self {
        let max = Spanned::nowhere(Size::from_bytes(engine::bounds::BODY_BYTES));
        Self { max, over: Over::Refuse, arguments: None }
    }
}

/// What becomes of a body that is longer than what is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// The call is refused.
    Refuse,
    /// Its beginning is read, the rest goes on unread.
    Inspect,
}

/// What some rules do not look at. Without parameters, headers and cookies the rules are left out altogether.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InspectionExclusion")]
pub struct ExcludeSection {
    /// the rule of this id
    #[serde(default)]
    pub rule: Option<Spanned<u64>>,
    /// the rules with this tag, as in `attack-sqli`
    #[serde(default)]
    pub tag: Option<Spanned<String>>,
    /// parameters of the query or the body, under the names that rules know them by: those of JSON as in `json.user.name`
    #[serde(default)]
    pub parameters: Vec<String>,
    /// header fields
    #[serde(default)]
    pub headers: Vec<String>,
    /// cookies
    #[serde(default)]
    pub cookies: Vec<String>,
    /// callers it holds for; without them all
    #[serde(default)]
    pub callers: Vec<Spanned<CallerSection>>,
    /// operations it holds for: each an operationId, `METHOD /template` or `tag:name`; without it all
    #[serde(default)]
    pub operations: Vec<Spanned<String>>,
}

/// A caller by who vouches, and whom or which application they name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "InspectionCaller")]
pub struct CallerSection {
    /// the issuer's identifier, as `iss` of its tokens has it
    pub issuer: String,
    /// the subject, as `sub` of the token has it
    #[serde(default)]
    pub subject: Option<String>,
    /// the application, as `client_id` or `azp` of the token has it
    #[serde(default)]
    pub application: Option<String>,
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(InspectionSection)
}

/// The word for detectors of our own.
const BUILTIN: &str = "builtin";

impl InspectionSection {
    /// Whether the detectors of our own are asked: where nothing else is said too.
    pub(super) fn is_builtin(&self) -> bool {
        self.rules.as_ref().is_none_or(|rules| rules.path() == BUILTIN)
    }
}

/// The files that the section names.
#[must_use]
pub fn files(node: &Node) -> Vec<NamedFile> {
    let named = |key: &str| {
        let value = node.get(key)?;
        let path = value.as_str()?.parse::<FileRef>().ok()?;
        let path = path.path().trim_end_matches('/').to_owned();
        (path != BUILTIN).then_some(NamedFile { path, span: value.span, kind: NamedKind::Rules })
    };
    ["rules", "next", "setup"].into_iter().filter_map(named).collect()
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &Node, out: &mut Diagnostics) {
    let section: Option<InspectionSection> = spec::read(node, out);
    if let Some(section) = section {
        check(&section, node, out);
    }
}

fn check(section: &InspectionSection, node: &Node, out: &mut Diagnostics) -> Option<()> {
    let before = out.count(diagnostics::Severity::Error);
    let mut error = |code: &'static str, message: String, span: Span, help: &str| {
        out.push(Diagnostic::error(code, message).at(span).help(help));
    };
    if let Some(level) = section.paranoia.filter(|level| !(1..=4).contains(&level.value)) {
        let message = format!("`paranoia: {}` is out of range", level.value);
        error("inspection", message, level.span, "write from 1 to 4");
    }
    let scores = [("inbound", section.threshold.inbound), ("outbound", section.threshold.outbound)];
    for (key, score) in scores.iter().filter_map(|(key, score)| Some((key, (*score)?))) {
        if score.value == 0 {
            let message = format!("`{key}: 0` would refuse every call");
            error("inspection", message, score.span, "write at least 1; the set's own are 5 and 4");
        }
    }
    let bound = engine::bounds::WHOLE_BYTES / 4;
    if !(1..=bound).contains(&section.body.max.bytes()) {
        let message = format!("`max: {}` is out of range", section.body.max.value);
        let help = format!("write from `1B` to `{}`", Size::from_bytes(bound));
        error("inspection", message, section.body.max.span, &help);
    }
    if let Some(zero) = section.body.arguments.filter(|arguments| arguments.value == 0) {
        error("inspection", String::from("`arguments: 0` is out of range"), zero.span, "write at least 1");
    }
    if let Some(next) = section.next.as_ref().filter(|next| next.path() == BUILTIN) {
        let help = "write `file:` with a folder of rules, or take it out and write `rules: builtin`";
        error("inspection", String::from("`next: builtin` names no rules of a file"), next.span, help);
    }
    if section.is_builtin() {
        own::check(section, node.get("answers").map_or(node.span, |answers| answers.span), &mut error);
    }
    for exclude in &section.exclude {
        exclude::check(exclude, out);
    }
    modes::check(section, out);
    (out.count(diagnostics::Severity::Error) == before).then_some(())
}

/// What a section comes to, before it is looked at which exclusions hold for which operation.
struct Prepared {
    section: InspectionSection,
    /// `None` for detectors of our own.
    loaded: Option<Arc<Loaded>>,
    exclusions: Vec<Excluded>,
    modes: Vec<Ruled>,
    /// Rules that are to come.
    next: Option<next::Prepared>,
}

/// Compiles it for an operation that goes upstream, when it has the section.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let upstream = matches!(scope.kind, OperationKind::Declared | OperationKind::ImpliedHead);
    let (Some(node), true) = (scope.section, upstream) else { return Vec::new() };
    let name = scope.section_key("inspection");
    let prepared = scope.api.share(&name, || prepare(node, scope, out));
    let Some(prepared) = &*prepared else { return Vec::new() };
    let here = exclude::holding(&prepared.section, scope);
    let ruled = modes::holding(&prepared.section, scope);
    // Rules of a file cannot read messages.
    let next = prepared.next.as_ref().filter(|_| !scope.websocket).map(|next| {
        let key = format!("{name}:next:{here:?}:{ruled:?}");
        (*scope.api.share(&key, || next.control(&prepared.section, &here, &ruled))).clone()
    });
    let Some(loaded) = &prepared.loaded else {
        let own = own::compile(&prepared.section, (&here, &ruled), node.span, scope, out);
        return own.into_iter().chain(next).collect();
    };
    if scope.websocket {
        let message = format!("rules of a file cannot read the messages of the WebSocket `{}`", scope.id);
        let help =
            "write `inspection: { rules: builtin }` for this operation, or `inspection: { mode: off }`";
        out.push(Diagnostic::error("unsupported", message).at(node.span).help(help));
    }
    let all = scope.api.share(&format!("{name}:{here:?}:{ruled:?}"), || {
        let exclusions = here.iter().filter_map(|at| prepared.exclusions.get(*at).cloned()).collect();
        let modes: Vec<Ruled> = ruled.iter().filter_map(|at| prepared.modes.get(*at).cloned()).collect();
        let entries: Vec<_> = modes.iter().map(|one| (&*one.name, one.mode, one.span, &one.rules)).collect();
        modes::check_overlap(&entries, Exclusion::overlaps, out);
        controls(&prepared.section, loaded, (exclusions, modes), node.span)
    });
    all.iter().cloned().chain(next).collect()
}

/// The control, and one for each of the rules that are only watched.
fn controls(
    section: &InspectionSection,
    loaded: &Arc<Loaded>,
    (exclusions, modes): (Vec<Excluded>, Vec<Ruled>),
    span: Span,
) -> Vec<Compiled> {
    let (mode, answers) = (mode(section.mode), mode(section.answers));
    let settings = Settings {
        request: mode,
        answers,
        body: section.body.max.as_usize(),
        whole: section.body.over == Over::Refuse,
    };
    let of_mode = |mode: Mode| modes.iter().filter(move |one| one.mode == mode);
    let left_out = of_mode(Mode::Off).map(|one| Excluded::new(one.rules.clone(), []));
    let exclusions = exclusions.into_iter().chain(left_out).collect();
    let watched: Vec<&Ruled> = of_mode(Mode::Shadow).collect();
    let rules = watched.iter().map(|one| one.rules.clone()).collect();
    let inspection = Arc::new(Inspection::new(Arc::clone(loaded), exclusions, rules, settings));
    let compiled = |control: Arc<dyn Control>, mode, response_mode, span| Compiled {
        control,
        mode,
        response_mode,
        body_limit: body_limit(section),
        held_to: HeldTo::Configuration,
        span: Some(span),
    };
    // What counts speaks first: those that are watched learn from it whether they have matched.
    let mut all = vec![compiled(Arc::clone(&inspection) as Arc<dyn Control>, mode, answers, span)];
    let shadow = |answers| if answers == EngineMode::Off { answers } else { EngineMode::Shadow };
    all.extend(watched.iter().enumerate().map(|(at, one)| {
        let watch = Watch::new(Arc::clone(&inspection), at, one.name.clone());
        compiled(Arc::new(watch), EngineMode::Shadow, shadow(answers), one.span)
    }));
    all
}

/// In shadow nothing is refused for its length that would have passed unread.
pub(super) fn body_limit(section: &InspectionSection) -> Option<u64> {
    match (mode(section.mode), section.body.over) {
        (EngineMode::Enforce, Over::Refuse) => Some(section.body.max.bytes()),
        (EngineMode::Enforce, Over::Inspect) => None,
        _ => Some(engine::bounds::PASS_BYTES),
    }
}

fn prepare(node: &Node, scope: &OperationScope<'_>, out: &mut Diagnostics) -> Option<Prepared> {
    let section: InspectionSection = spec::read(node, out)?;
    check(&section, node, out)?;
    exclude::check_operations(&section, scope, out);
    if section.mode == Mode::Off {
        return None;
    }
    let next = match &section.next {
        Some(next) => Some(next::prepare(&section, next, scope, out)?),
        None => None,
    };
    let Some(rules) = section.rules.as_ref().filter(|_| !section.is_builtin()) else {
        return Some(Prepared { section, loaded: None, exclusions: Vec::new(), modes: Vec::new(), next });
    };
    let setup = section.setup.as_ref().map(folder);
    let wanted = Wanted {
        path: &folder(rules),
        setup: setup.as_deref(),
        paranoia: section.paranoia.map(|level| level.value),
        threshold: section.threshold,
        body: section.body,
    };
    let loaded = rules::load(scope.api.gateway, &wanted, rules.span, out)?;
    loaded.tell(scope.api.gateway.sources, out);
    let engine = loaded.engine()?;
    let mut exclusions = Vec::new();
    for exclude in &section.exclude {
        exclusions.push(exclude::compile(engine, exclude, out)?);
    }
    let modes = modes::compile(&section, engine, out)?;
    Some(Prepared { section, exclusions, modes, next, loaded: Some(loaded) })
}

/// A folder or a file of rules as the assets call it.
pub(super) fn folder(file: &Spanned<FileRef>) -> String {
    file.path().trim_end_matches('/').to_owned()
}
