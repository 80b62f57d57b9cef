//! The suite as it is written: YAML beside the configuration, read by the reader of the configuration.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Sources, Span};
use serde::Deserialize;
use serde_json::Value as Json;
use spec::{Duration, Node, Spanned, Strings, Value};

pub use crate::credential::{ApiKey, Credential, Dpop, KeyState, Mtls, ProofState, SignedBy};
use crate::moment::Moment;
use crate::sugar;

/// Most cases of one suite.
pub const MOST: usize = 50_000;
/// Most calls before the one that is judged.
pub const MOST_CALLS: u32 = 10_000;

/// A file of cases.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name as shown.
    pub name: Arc<str>,
    /// In the order written.
    pub cases: Vec<Spanned<Case>>,
}

/// What stands at the top.
#[derive(Debug, Deserialize)]
struct Top {
    version: Spanned<u32>,
    #[serde(default)]
    tests: Vec<Spanned<Case>>,
}

/// One call and what is expected of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// What it shows; unique in its file.
    pub name: Spanned<String>,
    /// The API that is called, where paths and hosts leave that open.
    #[serde(default)]
    pub api: Option<Spanned<String>>,
    /// What is sent.
    pub request: Request,
    /// What is presented; nothing when it is left out.
    #[serde(default)]
    pub credential: Option<Credential>,
    /// When; the first second of 2026 when it is left out.
    #[serde(default)]
    pub at: Option<Moment>,
    /// The client's address; one for documentation (RFC 5737) when it is left out.
    #[serde(default)]
    pub from: Option<Spanned<String>>,
    /// The listener that is called; the API's first when it is left out.
    #[serde(default)]
    pub listener: Option<Spanned<String>>,
    /// The certificate that the client's connection shows.
    #[serde(default)]
    pub certificate: Option<Certificate>,
    /// What happened before.
    #[serde(default)]
    pub state: State,
    /// What the service behind answers.
    #[serde(default)]
    pub upstream: Service,
    /// What a policy decision point answers that is asked; when it is left out, it allows.
    #[serde(default)]
    pub pdp: Option<Decides>,
    /// Whose objects are, by their ids, where a service is asked: an owner, or a list of them. An object that is not here is its own
    /// owner.
    #[serde(default)]
    pub owners: BTreeMap<String, Strings>,
    /// What has to come of it.
    pub expect: Expect,
}

/// What a client sends. As a word: `GET /orders`.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    /// Its method.
    pub method: Spanned<String>,
    /// Path and query, as on the wire.
    pub target: Spanned<String>,
    /// Fields; a list is several of one name.
    #[serde(default)]
    pub headers: BTreeMap<String, Strings>,
    /// Content as it is.
    #[serde(default)]
    pub body: Option<String>,
    /// Content as JSON, with its media type where the fields name none.
    #[serde(default)]
    pub json: Option<Json>,
    /// So many bytes of content more, of the letter `x`.
    #[serde(default)]
    pub padding: Option<u32>,
}

/// A client's certificate, taken for one that the listener's authorities signed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Certificate {
    /// Hosts that it names.
    pub dns: Strings,
    /// URIs that it names.
    pub uri: Strings,
    /// Mail addresses that it names.
    pub email: Strings,
}

/// What happened before the call.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct State {
    /// So many calls like it, which nobody judges.
    pub calls: Option<Spanned<u32>>,
    /// The time over which they were spread, the last of them just before.
    pub over: Option<Duration>,
    /// Whether they came without a credential.
    pub anonymous: bool,
}

/// What the service behind answers.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its status; 200 when it is left out.
    pub status: Option<Spanned<u16>>,
    /// Fields.
    pub headers: BTreeMap<String, Strings>,
    /// Content as it is.
    pub body: Option<String>,
    /// Content as JSON.
    pub json: Option<Json>,
    /// Whether nobody listens there.
    pub down: bool,
}

/// What a policy decision point answers. As a word: what it says, in its own protocol.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Decides {
    /// Its decision; without it the answer is the rest.
    pub says: Option<Says>,
    /// Its status; 200 when it is left out.
    pub status: Option<Spanned<u16>>,
    /// Fields.
    pub headers: BTreeMap<String, Strings>,
    /// Content as it is.
    pub body: Option<String>,
    /// Content as JSON.
    pub json: Option<Json>,
}

/// A decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Says {
    /// The call may go on.
    Allow,
    /// It may not.
    Deny,
    /// There is no answer.
    Down,
}

impl Says {
    /// As it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Down => "down",
        }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// It was let through, and the service's answer came back.
    Allow,
    /// It was refused, or its answer was withheld.
    Refuse,
    /// The gateway itself answered: a preflight, a metadata document.
    Answer,
}

impl Decision {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Refuse => "refuse",
            Decision::Answer => "answer",
        }
    }
}

/// What has to come of a call; what is left out may be anything. As a word: a decision.
#[derive(Debug, Clone, Deserialize)]
pub struct Expect {
    /// What becomes of it.
    pub decision: Decision,
    /// The control that refused or answered.
    #[serde(default)]
    pub control: Option<Spanned<String>>,
    /// The code of the refusal.
    #[serde(default)]
    pub code: Option<Spanned<String>>,
    /// The status that the client sees.
    #[serde(default)]
    pub status: Option<u16>,
    /// Fields of the answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Members of the problem document.
    #[serde(default)]
    pub problem: BTreeMap<String, Json>,
    /// Scopes that the caller is told to lack, in any order.
    #[serde(default)]
    pub missing_scopes: Option<Strings>,
    /// Content of the answer: a pattern, or `as-upstream`.
    #[serde(default)]
    pub body: Option<String>,
    /// Content of the answer as JSON.
    #[serde(default)]
    pub json: Option<Json>,
    /// What came to the service behind.
    #[serde(default)]
    pub upstream: Option<Arrived>,
    /// Codes of what would have refused the call were it not in shadow.
    #[serde(default)]
    pub shadow: Option<Vec<Spanned<String>>>,
}

/// What comes to the service behind. As a word: `none`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Arrived {
    /// Nothing at all.
    pub none: bool,
    /// The method.
    pub method: Option<String>,
    /// Path and query.
    pub target: Option<String>,
    /// Fields.
    pub headers: BTreeMap<String, String>,
    /// Content: a pattern.
    pub body: Option<String>,
    /// Content as JSON.
    pub json: Option<Json>,
}

impl Suite {
    /// Reads a suite; what is wrong with it goes to `out`, and `None` comes back when nothing can be made of it.
    pub fn read(name: &str, text: &str, sources: &mut Sources, out: &mut Diagnostics) -> Option<Self> {
        let file = sources.add(name, text);
        let mut tree = spec::parse(text, file, out)?;
        if !matches!(tree.value, Value::Mapping(_)) {
            let diagnostic =
                Diagnostic::error("wrong-type", format!("expected a mapping, found {}", tree.kind()));
            out.push(diagnostic.at(tree.span).help("begin with `version: 1`, then `tests:`"));
            return None;
        }
        sugar::expand(&mut tree);
        let mut found = Diagnostics::new();
        let top: Option<Top> = spec::read(&tree, &mut found);
        out.extend(found.without_repeats());
        let top = top?;
        check(&top, &tree, out);
        Some(Self { name: name.into(), cases: top.tests })
    }
}

fn check(top: &Top, tree: &Node, out: &mut Diagnostics) {
    let mut wrong = |span: Span, message: String, help: &str| {
        out.push(Diagnostic::error("suite", message).at(span).help(help));
    };
    if top.version.value != 1 {
        wrong(top.version.span, format!("version {} is not known", top.version.value), "write `version: 1`");
    }
    if top.tests.len() > MOST {
        wrong(tree.span, format!("there are more than {MOST} cases"), "split the file");
    }
    let mut names = BTreeMap::new();
    for case in &top.tests {
        if names.insert(case.name.value.as_str(), ()).is_some() {
            wrong(
                case.name.span,
                format!("the name `{}` is there twice", case.name.value),
                "say what is different",
            );
        }
        if let Some(calls) = case.state.calls.filter(|calls| calls.value > MOST_CALLS) {
            let message = format!("`{}` calls are too many", calls.value);
            wrong(calls.span, message, "write at most 10000");
        }
        if let Some(from) = case.from.as_ref().filter(|from| from.parse::<IpAddr>().is_err()) {
            wrong(from.span, format!("`{}` is not an address", from.value), "write one as in `203.0.113.7`");
        }
        let told = case.pdp.as_ref().and_then(|pdp| pdp.status);
        let statuses = case.upstream.status.into_iter().chain(told);
        for status in statuses.filter(|status| !(200..=599).contains(&status.value)) {
            wrong(
                status.span,
                format!("`{}` is not a status of an answer", status.value),
                "write 200 to 599",
            );
        }
        check_words(case, &mut wrong);
    }
}

/// Codes and controls are those that there are.
fn check_words(case: &Case, wrong: &mut impl FnMut(Span, String, &str)) {
    let expect = &case.expect;
    for code in expect.code.iter().chain(expect.shadow.iter().flatten()) {
        if engine::codes::find(&code.value).is_none() {
            let codes = engine::codes::TABLE.iter().map(|code| code.name);
            let near = diagnostics::nearest(&code.value, codes);
            let help = near.map_or_else(
                || String::from("docs/errors lists all codes"),
                |near| format!("did you mean `{near}`?"),
            );
            wrong(code.span, format!("there is no code `{}`", code.value), &help);
        }
    }
    if let Some(control) = &expect.control {
        let names = || controls::CONTROLS.iter().map(|entry| entry.name).chain(["route"]);
        if !names().any(|name| name == control.value) {
            let near = diagnostics::nearest(&control.value, names());
            let help = near.map_or_else(
                || String::from("`yett order` lists all controls"),
                |near| format!("did you mean `{near}`?"),
            );
            wrong(control.span, format!("there is no control `{}`", control.value), &help);
        }
    }
}
