//! The gateway as a client of an issuer's endpoints: how it proves who it is (RFC 6749 section 2.3.1, RFC 7523 section 2.2),
//! and what questions and answers have in common.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use engine::fetch::{FetchError, FetchResponse};
use engine::{BoxFuture, Clock};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use jose::SigningKey;
use spec::{ClientAuthentication, SecretRef, Spanned};
use tape::Builder;
use zeroize::Zeroizing;

/// How long an assertion of ours is good, in seconds.
const ASSERTION: u64 = 60;
/// Most private keys of one file.
const KEYS: usize = 4;

/// Who the gateway is at an issuer.
#[derive(Debug)]
pub struct Client {
    /// Its name there.
    pub id: String,
    /// How it proves that.
    pub by: Proves,
}

/// How the gateway proves who it is.
pub enum Proves {
    /// In `Authorization: Basic` (RFC 6749 section 2.3.1).
    Basic(Arc<[u8]>),
    /// In the form.
    Post(Arc<[u8]>),
    /// By an assertion (RFC 7523 section 2.2).
    Key(Box<SigningKey>),
}

impl fmt::Debug for Proves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Basic(_) => "Basic",
            Self::Post(_) => "Post",
            Self::Key(_) => "Key",
        })
    }
}

impl Client {
    /// The client that a document describes; `None` where a secret is missing, and within it where the key cannot be used.
    pub(crate) fn read(
        id: &str,
        by: ClientAuthentication,
        (secret, key): (Option<&Spanned<SecretRef>>, Option<&Spanned<SecretRef>>),
        kept: impl Fn(&SecretRef) -> Option<Arc<[u8]>>,
    ) -> Option<Option<Self>> {
        let by = match by {
            ClientAuthentication::ClientSecretBasic => Proves::Basic(kept(secret?)?),
            ClientAuthentication::ClientSecretPost => Proves::Post(kept(secret?)?),
            ClientAuthentication::PrivateKeyJwt => match private_key(&kept(key?)?) {
                Some(key) => Proves::Key(Box::new(key)),
                None => return Some(None),
            },
        };
        Some(Some(Self { id: id.to_owned(), by }))
    }

    /// Names all of it, a secret by its hash.
    pub(crate) fn settings(&self) -> String {
        let shown = match &self.by {
            Proves::Basic(secret) | Proves::Post(secret) => hash(secret),
            Proves::Key(key) => key.thumbprint().to_owned(),
        };
        format!("{:?} {:?} {shown}", self.id, self.by)
    }

    /// Puts the proof into a question to an issuer.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn prove(
        &self,
        issuer: &str,
        form: &mut String,
        headers: &mut HeaderMap,
        clock: &dyn Clock,
    ) -> Result<(), String> {
        let id = encoded(self.id.as_bytes());
        match &self.by {
            Proves::Basic(secret) => {
                let pair = Zeroizing::new(format!("{id}:{}", encoded(secret)));
                let field = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
                let mut field =
                    HeaderValue::from_str(&field).map_err(|_| String::from("the client's name"))?;
                field.set_sensitive(true);
                headers.insert(AUTHORIZATION, field);
            }
            Proves::Post(secret) => {
                form.push_str(&format!("&client_id={id}&client_secret={}", encoded(secret)));
            }
            Proves::Key(key) => form.push_str(&format!(
                "&client_id={id}&client_assertion={}\
                 &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
                self.assertion(issuer, key, clock)?
            )),
        }
        Ok(())
    }

    /// RFC 7523 section 3: for the issuer, once, for a minute.
    fn assertion(&self, issuer: &str, key: &SigningKey, clock: &dyn Clock) -> Result<String, String> {
        let mut id = [0; 16];
        clock.fill(&mut id);
        let now = clock.unix().seconds();
        let mut claims = Builder::new();
        claims.begin_object().key("iss").string(&self.id).key("sub").string(&self.id);
        claims.key("aud").string(issuer).key("jti").string(&jose::base64url_encode(&id));
        let failed = |_| String::from("the client's assertion cannot be written");
        claims.key("iat").number(&now.to_string()).map_err(failed)?;
        claims.key("exp").number(&(now + ASSERTION).to_string()).map_err(failed)?;
        claims.end_object();
        let claims = claims.try_finish().map_err(failed)?;
        key.sign(&[("typ", "JWT")], claims.source()).map_err(|error| error.to_string())
    }
}

/// A hash of a secret, by which settings with it are told apart.
pub(crate) fn hash(secret: &[u8]) -> String {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, secret);
    jose::base64url_encode(hash.as_ref())
}

/// Header fields of a question that is a form.
pub(crate) fn headers(wanted: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static(wanted));
    headers
}

/// Whether an answer is of this media type.
pub(crate) fn is_of(response: &FetchResponse, wanted: &str) -> bool {
    let media = response.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = media.and_then(|media| media.split(';').next()).unwrap_or_default().trim();
    media.eq_ignore_ascii_case(wanted)
}

/// The answer, if it comes before the time is over.
pub(crate) async fn within(
    fetch: BoxFuture<'static, Result<FetchResponse, FetchError>>,
    mut over: BoxFuture<'static, ()>,
) -> Result<FetchResponse, FetchError> {
    let mut fetch = pin!(fetch);
    std::future::poll_fn(move |context| {
        if let Poll::Ready(answer) = fetch.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        over.as_mut().poll(context).map(|()| Err(FetchError::Deadline))
    })
    .await
}

/// `application/x-www-form-urlencoded` of some bytes; of a space, `%20`, which every reader takes.
pub(crate) fn encoded(bytes: &[u8]) -> String {
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

/// The key of a file with one private key in PEM.
pub(crate) fn private_key(pem: &[u8]) -> Option<SigningKey> {
    private_keys(pem).and_then(|keys| keys.into_iter().next())
}

/// The keys of a file with private keys in PEM, one after another; `None` when one of them cannot be used, when there is none,
/// and when there are too many.
pub(crate) fn private_keys(pem: &[u8]) -> Option<Vec<SigningKey>> {
    let mut text = std::str::from_utf8(pem).ok()?;
    let mut keys = Vec::new();
    while let Some((_, rest)) = text.split_once("-----BEGIN PRIVATE KEY-----") {
        let (body, rest) = rest.split_once("-----END PRIVATE KEY-----")?;
        let body: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|char| !char.is_ascii_whitespace()).collect());
        let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?);
        keys.push(SigningKey::from_pkcs8(&der).ok()?);
        text = rest;
    }
    ((1..=KEYS).contains(&keys.len())).then_some(keys)
}
