//! One question to an introspection endpoint (RFC 7662 section 2) and what its answer comes to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use engine::fetch::{FetchRequest, FetchResponse, Reach};
use engine::{Clock, CoreContext};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use jose::{Algorithm, SigningKey};
use tape::{Bounds, Builder, Kind, Node, Tape};
use zeroize::Zeroizing;

use super::Answer;
use crate::asked::within;
use crate::authentication::keys::KeySource;

/// Longest answer, in bytes.
const ANSWER_BYTES: usize = 16 * 1024;
/// How long an assertion of ours is good, in seconds.
const ASSERTION: u64 = 60;
/// How old a signed answer may be, and how far in the future, in seconds.
const SIGNED_WITHIN: u64 = 60;
const SIGNED: &str = "application/token-introspection+jwt";

/// How the gateway proves who it is.
pub enum Client {
    /// In `Authorization: Basic` (RFC 6749 section 2.3.1).
    Basic(Arc<[u8]>),
    /// In the form.
    Post(Arc<[u8]>),
    /// By an assertion (RFC 7523 section 2.2).
    Key(Box<SigningKey>),
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic",
            Self::Post(_) => "Post",
            Self::Key(_) => "Key",
        })
    }
}

/// An introspection endpoint and what is asked of it.
#[derive(Debug)]
pub struct Endpoint {
    /// The issuer, exactly.
    pub issuer: Arc<str>,
    /// The endpoint.
    pub url: String,
    /// Name of the gateway at the issuer.
    pub client_id: String,
    /// How it proves that.
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
        let Self { issuer, url, client_id, client, max_age, deadline, signed } = self;
        let hash = |secret: &[u8]| {
            let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret);
            jose::base64url_encode(hash.as_ref())
        };
        let shown = match client {
            Client::Basic(secret) | Client::Post(secret) => hash(secret),
            Client::Key(key) => key.thumbprint().to_owned(),
        };
        format!("{issuer:?} {url:?} {client_id:?} {client:?} {shown} {max_age:?} {deadline:?} {signed}")
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
            Ok(request) => within(fetch.fetch(request), clock.sleep(endpoint.deadline)).await,
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
        let mut form = format!("token={}&token_type_hint=access_token", encoded(token.as_bytes()));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        let wanted = if self.signed { SIGNED } else { "application/json" };
        headers.insert(ACCEPT, HeaderValue::from_static(wanted));
        let id = encoded(self.client_id.as_bytes());
        match &self.client {
            Client::Basic(secret) => {
                let pair = Zeroizing::new(format!("{id}:{}", encoded(secret)));
                let field = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                let mut field =
                    HeaderValue::from_str(&field).map_err(|_| String::from("the client's name"))?;
                field.set_sensitive(true);
                headers.insert(AUTHORIZATION, field);
            }
            Client::Post(secret) => {
                form.push_str(&format!("&client_id={id}&client_secret={}", encoded(secret)));
            }
            Client::Key(key) => form.push_str(&format!(
                "&client_id={id}&client_assertion={}\
                 &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
                self.assertion(key, clock)?
            )),
        }
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

    /// RFC 7523 section 3: for the issuer, once, for a minute.
    fn assertion(&self, key: &SigningKey, clock: &dyn Clock) -> Result<String, String> {
        let mut id = [0; 16];
        clock.fill(&mut id);
        let now = clock.unix().seconds();
        let mut claims = Builder::new();
        claims.begin_object().key("iss").string(&self.client_id).key("sub").string(&self.client_id);
        claims.key("aud").string(&self.issuer).key("jti").string(&jose::base64url_encode(&id));
        let failed = |_| String::from("the client's assertion cannot be written");
        claims.key("iat").number(&now.to_string()).map_err(failed)?;
        claims.key("exp").number(&(now + ASSERTION).to_string()).map_err(failed)?;
        claims.end_object();
        let claims = claims.try_finish().map_err(failed)?;
        key.sign(&[("typ", "JWT")], claims.source()).map_err(|error| error.to_string())
    }

    /// What an answer comes to.
    fn read(&self, response: &FetchResponse, keys: &KeySource, clock: &dyn Clock) -> Result<Answer, String> {
        if response.status != StatusCode::OK {
            return Err(format!("it answered {}", response.status));
        }
        let media = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = media.and_then(|media| media.split(';').next()).unwrap_or_default().trim();
        let wanted = if self.signed { SIGNED } else { "application/json" };
        if !media.eq_ignore_ascii_case(wanted) {
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
        let ours = |node: Node<'_>| node.as_str().as_deref() == Some(&*self.client_id);
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

/// `application/x-www-form-urlencoded` of some bytes; of a space, `%20`, which every reader takes.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// The key of `client_key`: one private key in PEM.
pub(in crate::authentication) fn private_key(pem: &[u8]) -> Option<SigningKey> {
    let text = std::str::from_utf8(pem).ok()?;
    let (_, rest) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: Zeroizing<String> =
        Zeroizing::new(body.chars().filter(|char| !char.is_ascii_whitespace()).collect());
    let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
    SigningKey::from_pkcs8(&der).ok()
}
