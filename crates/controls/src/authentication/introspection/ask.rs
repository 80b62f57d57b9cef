//! One question to an introspection endpoint (RFC 7662 section 2) and what its answer comes to.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::fetch::{FetchRequest, FetchResponse, Reach};
use engine::{Clock, CoreContext};
use http::{Method, StatusCode};
use jose::Algorithm;
use tape::{Bounds, Kind, Node, Tape};
use zeroize::Zeroizing;

use super::Answer;
use crate::authentication::keys::KeySource;
use crate::oauth::{self, Client};

/// Longest answer, in bytes.
const ANSWER_BYTES: usize = 16 * 1024;
/// How old a signed answer may be, and how far in the future, in seconds.
const SIGNED_WITHIN: u64 = 60;
const SIGNED: &str = "application/token-introspection+jwt";

/// An introspection endpoint and what is asked of it.
#[derive(Debug)]
pub struct Endpoint {
    /// The issuer, exactly.
    pub issuer: Arc<str>,
    /// The endpoint.
    pub url: String,
    /// Who the gateway is at the issuer.
    pub client: Client,
    /// Longest time for which an answer counts.
    pub max_age: Duration,
    /// Longest time that an answer may take.
    pub deadline: Duration,
    /// Whether only signed answers are taken.
    pub signed: bool,
}

impl Endpoint {
    /// Names all of its settings, of a secret by its hash: who has the same asks together.
    #[must_use]
    pub fn settings(&self) -> String {
        let Self { issuer, url, client, max_age, deadline, signed } = self;
        let client = client.settings();
        format!("{issuer:?} {url:?} {client} {max_age:?} {deadline:?} {signed}")
    }
}

/// Asks. To be polled on the side runtime.
pub(super) fn ask(
    endpoint: Arc<Endpoint>,
    token: Box<str>,
    keys: Arc<KeySource>,
    core: &CoreContext,
) -> impl Future<Output = Answer> + Send + use<> {
    let (clock, fetch) = (Arc::clone(&core.clock), Arc::clone(&core.fetch));
    async move {
        let token = Zeroizing::new(String::from(token));
        let response = match endpoint.request(&token, &*clock) {
            Ok(request) => oauth::within(fetch.fetch(request), clock.sleep(endpoint.deadline)).await,
            Err(why) => return Answer::None(why.into()),
        };
        let read = match response {
            Ok(response) => endpoint.read(&response, &keys, &*clock),
            Err(error) => Err(error.to_string()),
        };
        read.unwrap_or_else(|why| Answer::None(format!("`{}`: {why}", endpoint.url).into()))
    }
}

impl Endpoint {
    fn request(&self, token: &str, clock: &dyn Clock) -> Result<FetchRequest, String> {
        let mut form = format!("token={}&token_type_hint=access_token", oauth::encoded(token.as_bytes()));
        let wanted = if self.signed { SIGNED } else { "application/json" };
        let mut headers = oauth::headers(wanted);
        self.client.prove(&self.issuer, &mut form, &mut headers, clock)?;
        Ok(FetchRequest {
            method: Method::POST,
            url: self.url.clone(),
            headers,
            body: form.into(),
            deadline: self.deadline,
            max_bytes: ANSWER_BYTES,
            head_only: false,
            reach: Reach::Operator,
        })
    }

    /// What an answer comes to.
    fn read(&self, response: &FetchResponse, keys: &KeySource, clock: &dyn Clock) -> Result<Answer, String> {
        if response.status != StatusCode::OK {
            return Err(format!("it answered {}", response.status));
        }
        let wanted = if self.signed { SIGNED } else { "application/json" };
        if !oauth::is_of(response, wanted) {
            return Err(format!("its answer is not `{wanted}`"));
        }
        let said =
            if self.signed { self.verified(&response.body, keys, clock)? } else { response.body.clone() };
        let bounds = Bounds { depth: 16, values: 4_000, members: 256, items: 2_000, ..Bounds::default() };
        let said = Tape::parse(said, &bounds).map_err(|error| format!("its answer is no JSON: {error}"))?;
        if said.root().kind() != Kind::Object {
            return Err(String::from("its answer is no JSON object"));
        }
        let active = said.root().get("active").and_then(Node::as_bool);
        if active != Some(true) {
            return active
                .map(|_| Answer::Inactive)
                .ok_or_else(|| String::from("its answer has no `active`"));
        }
        let issuer = said.root().get("iss");
        if issuer.is_some_and(|issuer| issuer.as_str().as_deref() != Some(&*self.issuer)) {
            return Err(String::from("its answer is in the name of another issuer"));
        }
        if !said.values().filter_map(Node::as_number).all(|number| number.is_finite()) {
            return Err(String::from("its answer has a number that nobody can read"));
        }
        Ok(Answer::Active(Arc::new(said), clock.unix()))
    }

    /// The claim `token_introspection` of a signed answer: RFC 9701 section 5.
    fn verified(&self, body: &[u8], keys: &KeySource, clock: &dyn Clock) -> Result<Bytes, String> {
        let unread = |fault: jose::Fault| format!("its signed answer: {fault}");
        let text = std::str::from_utf8(body).map_err(|_| String::from("its signed answer is not ASCII"))?;
        let token = jose::parse(text.trim_ascii()).map_err(unread)?;
        let set = keys.usable(clock.now()).then(|| keys.current().keys).flatten();
        let set = set.ok_or_else(|| String::from("the issuer's keys are not known"))?;
        let verified = jose::verify(&token, &set, &Algorithm::ALL).map_err(unread)?;
        let is_answer = verified.header().typ.as_deref().is_some_and(|typ| {
            typ.eq_ignore_ascii_case("token-introspection+jwt") || typ.eq_ignore_ascii_case(SIGNED)
        });
        if !is_answer {
            return Err(String::from("its signed answer is a token of another kind"));
        }
        let claims = verified.payload();
        let text = |name: &str| claims.get(name).and_then(Node::as_str);
        if text("iss").as_deref() != Some(&*self.issuer) {
            return Err(String::from("its signed answer is in the name of another issuer"));
        }
        let audience =
            claims.get("aud").ok_or_else(|| String::from("its signed answer names no audience"))?;
        let ours = |node: Node<'_>| node.as_str().as_deref() == Some(&*self.client.id);
        if !(ours(audience) || audience.items().any(ours)) {
            return Err(String::from("its signed answer is for another client"));
        }
        let issued = claims.get("iat").and_then(Node::as_number).and_then(|number| number.as_u64());
        let issued = issued.ok_or_else(|| String::from("its signed answer has no date"))?;
        if issued.abs_diff(clock.unix().seconds()) > SIGNED_WITHIN {
            return Err(String::from("its signed answer is of another time"));
        }
        let said = claims.get("token_introspection").filter(|said| said.kind() == Kind::Object);
        let said = said.ok_or_else(|| String::from("its signed answer has no `token_introspection`"))?;
        let mut out = Vec::new();
        said.write_canonical(&mut out);
        Ok(out.into())
    }
}
