//! One question to a token endpoint (RFC 6749 section 4.4, RFC 8693 section 2) and what its answer comes to.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use engine::fetch::{FetchRequest, FetchResponse, Reach};
use engine::{Clock, CoreContext, Tick};
use http::{HeaderValue, Method, StatusCode};
use spec::TokenType;
use tape::{Bounds, Kind, Node, Tape};
use zeroize::Zeroizing;

use crate::oauth::{self, Client};

/// Longest answer, in bytes.
const ANSWER_BYTES: usize = 16 * 1024;
/// Longest token that is taken, in bytes: it goes upstream in a header field.
const TOKEN_BYTES: usize = 8 * 1024;
/// How long a token counts of which nobody said when it ends.
const UNSAID: Duration = Duration::from_secs(60);
/// How long before its end a token is not used any more: what is under way has to arrive, and clocks differ.
const MARGIN: Duration = Duration::from_secs(10);
/// Longest pause that an issuer may ask for.
const PAUSE: Duration = Duration::from_secs(60);

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

/// A token endpoint, and what is asked of it for one service.
pub struct Asked {
    /// The issuer, exactly.
    pub issuer: Arc<str>,
    /// The endpoint.
    pub url: String,
    /// Who the gateway is at the issuer.
    pub client: Client,
    /// Longest time that an answer may take.
    pub deadline: Duration,
    /// Who acts for the caller, and what kind of token says so.
    pub actor: Option<(Arc<[u8]>, TokenType)>,
    /// Whom the token is for, as the issuer calls them.
    pub audience: Vec<String>,
    /// The same, by their URLs (RFC 8707).
    pub resource: Vec<String>,
    /// Scopes that are asked for.
    pub scope: Option<String>,
    /// Longest time for which a token counts.
    pub max_age: Duration,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").field("url", &self.url).field("client", &self.client).finish_non_exhaustive()
    }
}

/// What is asked for.
pub(super) enum Grant {
    /// Another token in the place of this one.
    Exchange(Zeroizing<String>),
    /// A token of the gateway's own.
    Own,
}

/// What came of asking.
#[derive(Debug, Clone)]
pub(super) enum Given {
    /// This, as the value of `Authorization`.
    Token(HeaderValue),
    /// The issuer does not take the caller's token for this; why, for the operator.
    Refused(Arc<str>),
    /// There is no answer, and why.
    None(Arc<str>),
}

/// An answer, and how long it counts from when it came; of none, how long nobody is to ask again, where the issuer said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) given: Given,
    pub(super) lasts: Option<Duration>,
}

impl Answer {
    fn none(why: impl Into<Arc<str>>) -> Self {
        Self { given: Given::None(why.into()), lasts: None }
    }
}

impl Asked {
    /// Names all of its settings, of secrets by their hashes: who has the same asks together.
    #[must_use]
    pub fn settings(&self) -> String {
        let Self { issuer, url, client, deadline, actor, audience, resource, scope, max_age } = self;
        let client = client.settings();
        let actor = actor.as_ref().map(|(token, kind)| (oauth::hash(token), kind));
        format!(
            "{issuer:?} {url:?} {client} {deadline:?} {actor:?} {audience:?} {resource:?} {scope:?} {max_age:?}"
        )
    }

    fn form(&self, grant: &Grant) -> Result<String, String> {
        let mut form = String::new();
        let mut add = |name: &str, value: &str| {
            let gap = if form.is_empty() { "" } else { "&" };
            form.push_str(&format!("{gap}{name}={}", oauth::encoded(value.as_bytes())));
        };
        match grant {
            Grant::Own => add("grant_type", "client_credentials"),
            Grant::Exchange(token) => {
                add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
                add("subject_token", token);
                add("subject_token_type", ACCESS_TOKEN);
                add("requested_token_type", ACCESS_TOKEN);
                if let Some((token, kind)) = &self.actor {
                    let text = std::str::from_utf8(token).map_err(|_| String::from("the actor's token"))?;
                    add("actor_token", text);
                    add("actor_token_type", urn(*kind));
                }
            }
        }
        self.audience.iter().for_each(|one| add("audience", one));
        self.resource.iter().for_each(|one| add("resource", one));
        self.scope.iter().for_each(|scope| add("scope", scope));
        Ok(form)
    }

    fn request(&self, grant: &Grant, clock: &dyn Clock) -> Result<FetchRequest, String> {
        let mut form = self.form(grant)?;
        let mut headers = oauth::headers("application/json");
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

    /// What an answer comes to; `spent` went by since it was asked for, which counts as the token's own time.
    fn read(&self, response: &FetchResponse, grant: &Grant, spent: Duration, now: u64) -> Answer {
        let exchange = matches!(grant, Grant::Exchange(_));
        if response.status != StatusCode::OK {
            return refused(response, exchange, now);
        }
        let token = object(response).and_then(|said| self.token(&said, exchange, spent));
        match token {
            Ok((token, lasts)) => Answer { given: Given::Token(token), lasts: Some(lasts) },
            Err(why) => Answer::none(why),
        }
    }

    /// The token of an answer, and how long it counts from now.
    fn token(
        &self,
        said: &Tape,
        exchange: bool,
        spent: Duration,
    ) -> Result<(HeaderValue, Duration), &'static str> {
        let text = |name: &str| said.root().get(name).and_then(Node::as_str);
        if !text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
            return Err("its answer has no token of the type `Bearer`");
        }
        // REQUIRED of an exchange (RFC 8693 section 2.2.1): an ID token or a refresh token is none for a service.
        if exchange && !text("issued_token_type").is_some_and(|kind| [ACCESS_TOKEN, JWT].contains(&&*kind)) {
            return Err("its answer does not say that it issued an access token");
        }
        let token = text("access_token").ok_or("its answer has no `access_token`")?;
        if token.len() > TOKEN_BYTES || !is_token(&token) {
            return Err(
                "its answer has an `access_token` that is too long, or has a character that no token has",
            );
        }
        let field = Zeroizing::new(format!("Bearer {token}"));
        let mut field = HeaderValue::from_str(&field).map_err(|_| "its answer has an odd `access_token`")?;
        field.set_sensitive(true);
        let life = match said.root().get("expires_in") {
            None => UNSAID,
            Some(node) => {
                let seconds = node.as_number().and_then(|number| number.as_u64());
                Duration::from_secs(
                    seconds.ok_or("its answer has an `expires_in` that is no number of seconds")?,
                )
            }
        };
        let life = life.min(self.max_age);
        let left = life.saturating_sub(MARGIN.min(life / 10)).saturating_sub(spent);
        if left.is_zero() {
            return Err("its answer has a token that is over already");
        }
        Ok((field, left))
    }
}

/// Asks. To be polled on the side runtime.
pub(super) fn ask(
    asked: Arc<Asked>,
    grant: Grant,
    core: &CoreContext,
) -> impl Future<Output = Answer> + Send + use<> {
    let (clock, fetch) = (Arc::clone(&core.clock), Arc::clone(&core.fetch));
    async move {
        let began: Tick = clock.now();
        let response = match asked.request(&grant, &*clock) {
            Ok(request) => oauth::within(fetch.fetch(request), clock.sleep(asked.deadline)).await,
            Err(why) => return Answer::none(format!("`{}`: {why} cannot be sent", asked.url)),
        };
        let answer = match response {
            Ok(response) => {
                let spent = clock.now().since(began);
                asked.read(&response, &grant, spent, clock.unix().seconds())
            }
            Err(error) => Answer::none(error.to_string()),
        };
        let at = |why: Arc<str>| Arc::<str>::from(format!("`{}`: {why}", asked.url));
        let given = match answer.given {
            Given::Token(token) => Given::Token(token),
            Given::Refused(why) => Given::Refused(at(why)),
            Given::None(why) => Given::None(at(why)),
        };
        Answer { given, ..answer }
    }
}

/// What another status than 200 comes to (RFC 6749 section 5.2, RFC 8693 section 2.2.2). The caller is told only of what is the
/// caller's: that the gateway may not ask, or asks for what there is not, is no fault of a token.
fn refused(response: &FetchResponse, exchange: bool, now: u64) -> Answer {
    let status = response.status;
    let said = object(response).ok();
    let error = said.as_ref().and_then(|said| said.root().get("error").and_then(Node::as_str));
    let error = error.filter(|error| error.len() <= 64 && error.bytes().all(|byte| byte.is_ascii_graphic()));
    let why = match &error {
        Some(error) => format!("it answered {status} `{error}`"),
        None => format!("it answered {status}"),
    };
    let of_token = ["invalid_request", "invalid_grant", "invalid_token", "access_denied"];
    let is_of_token = error.is_some_and(|error| of_token.contains(&&*error));
    if exchange && is_of_token && [400, 401, 403].contains(&status.as_u16()) {
        return Answer { given: Given::Refused(why.into()), lasts: None };
    }
    let busy = [429, 503].contains(&status.as_u16());
    let pause = response.retry_after(now).filter(|_| busy).map(|pause| pause.min(PAUSE));
    Answer { given: Given::None(why.into()), lasts: pause }
}

/// The JSON object of an answer.
fn object(response: &FetchResponse) -> Result<Tape, &'static str> {
    if !oauth::is_of(response, "application/json") {
        return Err("its answer is not `application/json`");
    }
    let bounds = Bounds { depth: 16, values: 1_000, members: 128, items: 256, ..Bounds::default() };
    let said = Tape::parse(response.body.clone(), &bounds).map_err(|_| "its answer is no JSON")?;
    let is_object = said.root().kind() == Kind::Object;
    is_object.then_some(said).ok_or("its answer is no JSON object")
}

/// `b64token` (RFC 6750 section 2.1).
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

const fn urn(kind: TokenType) -> &'static str {
    match kind {
        TokenType::Jwt => JWT,
        TokenType::AccessToken => ACCESS_TOKEN,
        TokenType::IdToken => ID_TOKEN,
    }
}
