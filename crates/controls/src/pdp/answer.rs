//! What an answer of a PDP comes to. What is not exactly an answer of its protocol is none.

use std::sync::Arc;

use engine::fetch::FetchResponse;
use engine::text::inert;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};
use tape::{Bounds, Kind, Node, Tape};

use super::{Endpoint, Protocol};

/// What is kept of a PDP's reason, in bytes.
pub(super) const REASON: usize = 200;
/// Fields of one name that go upstream, and how long all of them may be, in bytes: they are remembered.
const ADDED: (usize, usize) = (8, 4 * 1024);

/// Fields that go upstream.
pub type Added = Arc<[(HeaderName, HeaderValue)]>;

/// What came of asking.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The call may go on, with these fields.
    Allow(Added),
    /// It may not.
    Deny {
        /// Why, as the PDP says; bounded and without hidden characters.
        reason: Arc<str>,
        /// Whether the PDP said 404.
        not_found: bool,
    },
    /// There is an answer that is none of the protocol's, and why.
    Nonsense(Arc<str>),
    /// Nobody answers, or an error of its own, and why.
    Away(Arc<str>),
}

impl Answer {
    fn deny(reason: &str) -> Self {
        Self::Deny { reason: inert(reason, REASON).into(), not_found: false }
    }

    /// Whether it says nothing of the call.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Nonsense(_) | Self::Away(_))
    }

    fn allow() -> Self {
        Self::Allow(Arc::from([]))
    }
}

/// Reads an answer.
pub(super) fn read(endpoint: &Endpoint, response: &FetchResponse) -> Answer {
    let read = match endpoint.protocol {
        Protocol::Opa => json(response).and_then(|said| opa(said.root())),
        Protocol::AuthZen => json(response).and_then(|said| authzen(said.root())),
        Protocol::ExtAuthz => ext_authz(endpoint, response),
        Protocol::ExtAuthzGrpc => Err(String::from("its answer is not one of gRPC")),
    };
    read.unwrap_or_else(|why| undecided(response.status, why))
}

/// What an answer that decides nothing comes to: an error of the PDP's own by its status, or none.
pub(super) fn undecided(status: StatusCode, why: String) -> Answer {
    let is_away = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    if is_away { Answer::Away(why.into()) } else { Answer::Nonsense(why.into()) }
}

/// The JSON object of an answer with the status 200.
fn json(response: &FetchResponse) -> Result<Tape, String> {
    if response.status != StatusCode::OK {
        return Err(format!("it answered {}", response.status));
    }
    let mut fields = response.headers.get_all(CONTENT_TYPE).iter();
    let media = fields.next().filter(|_| fields.next().is_none()).and_then(|value| value.to_str().ok());
    let media = media.and_then(|media| media.split(';').next()).unwrap_or_default().trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(String::from("its answer is not `application/json`"));
    }
    let bounds = Bounds { depth: 16, values: 4_000, members: 256, items: 2_000, ..Bounds::default() };
    let said = Tape::parse(response.body.clone(), &bounds)
        .map_err(|error| format!("its answer is no JSON: {error}"))?;
    match said.root().kind() {
        Kind::Object => Ok(said),
        _ => Err(String::from("its answer is no JSON object")),
    }
}

/// `result` is a boolean, or an object with the boolean `allow`. That there is none, of a rule or in a package, is how OPA says that
/// no rule decided, which denies: nothing is allowed by the absence of a policy.
fn opa(said: Node<'_>) -> Result<Answer, String> {
    let result = said.get("result");
    let in_object = result.filter(|result| result.kind() == Kind::Object);
    let decision = in_object.map_or(result, |result| result.get("allow"));
    if decision.is_none() {
        return Ok(Answer::deny("its policy says nothing (undefined)"));
    }
    let reason = in_object.and_then(reason_in);
    decide(
        decision,
        reason.as_deref(),
        "`result` is neither a boolean nor an object with the boolean `allow`",
    )
}

/// `decision` is a boolean; `context` may say why (sections 6.2 and 6.3).
fn authzen(said: Node<'_>) -> Result<Answer, String> {
    let reason = said.get("context").and_then(|context| {
        let told = ["reason_admin", "reason_user", "reason"].into_iter().find_map(|key| context.get(key));
        told.or(Some(context)).map(shown)
    });
    decide(said.get("decision"), reason.as_deref(), "its answer has no boolean `decision`")
}

fn decide(decision: Option<Node<'_>>, reason: Option<&str>, wrong: &str) -> Result<Answer, String> {
    match decision.and_then(Node::as_bool) {
        Some(true) => Ok(Answer::allow()),
        Some(false) => Ok(Answer::deny(reason.unwrap_or("no reason was given"))),
        None => Err(wrong.to_owned()),
    }
}

fn reason_in(result: Node<'_>) -> Option<String> {
    ["reason", "reasons", "message"].into_iter().find_map(|key| result.get(key)).map(shown)
}

/// A text, or whatever else it is as JSON. It is bounded by what an answer may be.
fn shown(node: Node<'_>) -> String {
    if let Some(text) = node.as_str() {
        return text.into_owned();
    }
    let mut out = Vec::new();
    node.write_compact(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// As Envoy reads it: 200 is a permission, 5xx an error of the service's own, and whatever else a denial, as the redirect to a page
/// where one logs in.
fn ext_authz(endpoint: &Endpoint, response: &FetchResponse) -> Result<Answer, String> {
    match response.status {
        StatusCode::OK => Ok(Answer::Allow(added(endpoint, response)?)),
        status if status.is_server_error() => Err(format!("it answered {status}")),
        status => Ok(Answer::Deny {
            reason: format!("it answered {}", status.as_u16()).into(),
            not_found: status == StatusCode::NOT_FOUND,
        }),
    }
}

fn added(endpoint: &Endpoint, response: &FetchResponse) -> Result<Added, String> {
    let mut all = Vec::new();
    for name in &endpoint.headers {
        all.extend(response.headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
    }
    few(&endpoint.headers, &all)?;
    Ok(all.into())
}

/// Whether fields are as few and as short as what is remembered has to be.
pub(super) fn few(names: &[HeaderName], all: &[(HeaderName, HeaderValue)]) -> Result<(), String> {
    let (most, longest) = ADDED;
    let too_many = |name: &&HeaderName| all.iter().filter(|(known, _)| known == *name).count() > most;
    if let Some(name) = names.iter().find(too_many) {
        return Err(format!("there is too much of `{name}` in its answer"));
    }
    if all.iter().map(|(_, value)| value.len()).sum::<usize>() > longest {
        return Err(String::from("there is too much for the upstream in its answer"));
    }
    Ok(())
}
