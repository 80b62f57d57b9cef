//! What a rule file says, parsed but not yet compiled (reference manual, sections "Configuration Directives" and
//! "Actions").

use diagnostics::Span;

use crate::transform::Transformation;
use crate::variable::Variable;

/// One directive.
#[derive(Debug, Clone)]
pub(crate) struct Directive {
    pub(crate) kind: DirectiveKind,
}

/// The directives that mean something to the engine.
#[derive(Debug, Clone)]
pub(crate) enum DirectiveKind {
    /// `SecRule`, or `SecAction`, which has no test.
    Rule(Box<RuleSyntax>),
    /// `SecMarker`.
    Marker(String),
    /// `SecDefaultAction`.
    DefaultAction(ActionList),
    /// `SecRuleRemoveById`, `…ByTag`, `…ByMsg`.
    Remove(Vec<Select>),
    /// `SecRuleUpdateTargetById`, `…ByTag`, `…ByMsg`.
    UpdateTarget(Vec<Select>, Vec<Target>),
    /// `SecRuleUpdateActionById`.
    UpdateAction(Vec<Select>, ActionList),
    /// A setting of the engine.
    Setting(SettingSyntax),
}

/// Which rules an update or a removal is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Select {
    /// An inclusive range of ids.
    Ids(u64, u64),
    /// Rules with this tag.
    Tag(String),
    /// Rules with this message.
    Message(String),
}

/// One setting that the engine honors; others are checked and left to who embeds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingSyntax {
    Engine(Mode),
    RequestBodyAccess(bool),
    RequestBodyLimit(u64),
    RequestBodyNoFilesLimit(u64),
    RequestBodyLimitReject(bool),
    ResponseBodyAccess(bool),
    ResponseBodyLimit(u64),
    ResponseBodyLimitReject(bool),
    ResponseBodyMimeTypes(Vec<String>),
    ArgumentSeparator(u8),
    ArgumentsLimit(u64),
    JsonDepthLimit(u64),
    /// Concerns logs, files or other things that the embedding program does.
    Elsewhere,
}

/// `SecRuleEngine`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Rules are not run.
    Off,
    /// Rules run and are reported; nothing is refused.
    DetectionOnly,
    /// Rules run and may refuse.
    On,
}

/// A rule as written.
#[derive(Debug, Clone)]
pub(crate) struct RuleSyntax {
    pub(crate) targets: Vec<Target>,
    pub(crate) test: Option<Test>,
    pub(crate) actions: ActionList,
    pub(crate) span: Span,
}

/// One entry of a rule's list of variables.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) variable: Variable,
    pub(crate) key: Key,
    /// `&`: how many there are.
    pub(crate) count: bool,
    /// `!`: taken away from the others.
    pub(crate) exclude: bool,
    pub(crate) span: Span,
}

/// Which members of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// All.
    Any,
    /// The one of this name, in any case.
    Name(String),
    /// Those whose name matches.
    Pattern(String),
}

/// An operator as written.
#[derive(Debug, Clone)]
pub(crate) struct Test {
    pub(crate) negated: bool,
    pub(crate) name: String,
    pub(crate) argument: String,
    pub(crate) span: Span,
    /// Of the argument.
    pub(crate) argument_span: Span,
}

/// All actions of a rule, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct ActionList {
    pub(crate) items: Vec<(Action, Span)>,
}

/// One action.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Id(u64),
    Phase(u8),
    Message(Template),
    LogData(Template),
    Tag(String),
    Severity(u8),
    /// `ver`, `rev`, `auditlog` and the like: nothing here depends on them.
    Annotation,
    Capture,
    MultiMatch,
    Chain,
    Skip(u32),
    SkipAfter(String),
    Transform(Transformation),
    TransformNone,
    SetVar(SetVar),
    Control(Control),
    Log(bool),
    Block,
    Deny,
    Drop,
    Pass,
    Allow(AllowScope),
    Redirect(Template),
    Status(u16),
    /// `initcol`, `setsid`, `expirevar` …: accepted, and nothing is stored beyond the call.
    Collection,
}

/// How far `allow` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AllowScope {
    Transaction,
    Phase,
    Request,
}

/// `setvar`.
#[derive(Debug, Clone)]
pub(crate) struct SetVar {
    pub(crate) collection: Variable,
    pub(crate) name: Template,
    pub(crate) change: Change,
}

/// What `setvar` does to the variable.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Set(Template),
    Add(Template),
    Subtract(Template),
    Unset,
}

/// `ctl`.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    Engine(Mode),
    ForceRequestBody(bool),
    BodyProcessor(Processor),
    RequestBodyAccess(bool),
    ResponseBodyAccess(bool),
    Remove(Vec<Select>),
    RemoveTarget(Select, Target),
    /// Concerns the audit or debug log, which the embedding program writes.
    Elsewhere,
}

/// Who parses a request body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// `multipart/form-data`.
    Multipart,
    /// JSON, flattened to arguments.
    Json,
    /// XML, for `XML:/*` and `XML://@*`.
    Xml,
}

impl Processor {
    /// As `REQBODY_PROCESSOR` shows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Processor::UrlEncoded => "URLENCODED",
            Processor::Multipart => "MULTIPART",
            Processor::Json => "JSON",
            Processor::Xml => "XML",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Processor> {
        let all = [Processor::UrlEncoded, Processor::Multipart, Processor::Json, Processor::Xml];
        all.into_iter().find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

/// Text with `%{…}` macros in it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Text(String),
    Macro(Variable, Option<String>),
}

impl Template {
    /// The text when there is no macro in it.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }
}
