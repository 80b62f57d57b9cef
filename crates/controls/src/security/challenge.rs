//! `WWW-Authenticate: Bearer` (RFC 6750 section 3) and `DPoP` (RFC 9449 section 7.1), with the place of the metadata document
//! (RFC 9728 section 5.1), and beside them or in their place a challenge for each scheme that takes something else: API keys, client
//! certificates, passwords (`Basic`, RFC 7617 section 2), webhooks, or signatures; for these with what they have to cover
//! (`Accept-Signature`, RFC 9421 section 5).
//!
//! No registered scheme asks for a certificate, a webhook or a signature; RFC 9110 section 15.5.2 wants a challenge with every 401.
//! `ClientCertificate` is what the draft on client certificates in later connections (draft-thomson-httpbis-cant) called it.

use std::fmt::Write;
use std::time::Duration;

use engine::Request;
use engine::call::BodyLength;
use engine::codes::{self, Code};
use engine::verdict::Refusal;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue};

use super::asked::{ACCEPT_SIGNATURE, Asked};
use super::keys::{KeyScheme, key_scheme, key_schemes};
use super::{
    ANY_SCHEME, Access, certificate_scheme, password_scheme, possession, signature_schemes,
    takes_any_certificate, takes_any_password, takes_token, webhook_scheme, webhooks,
};
use crate::scope::ApiScope;

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// By itself (RFC 6750).
    Bearer,
    /// With a proof that its holder presents it (RFC 9449).
    Dpop,
}

impl Scheme {
    /// The scheme of a name, in any case (RFC 9110 section 11.1).
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        match name {
            _ if name.eq_ignore_ascii_case(b"bearer") => Some(Self::Bearer),
            _ if name.eq_ignore_ascii_case(b"dpop") => Some(Self::Dpop),
            _ => None,
        }
    }

    /// The scheme that a call presents its token by; of one that presents none, the usual one.
    #[must_use]
    pub fn presented(request: &Request) -> Self {
        let field = request.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        let name = field.split(|byte| *byte == b' ').next().unwrap_or_default();
        Self::of(name).unwrap_or(Self::Bearer)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// What an API asks for when it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    realm: Box<str>,
    metadata: Box<str>,
    /// Algorithms of proofs; `None` where none are taken.
    algorithms: Option<Box<str>>,
    /// Schemes that who presents nothing is told, the preferred first.
    offered: &'static [Scheme],
    /// Whether tokens are taken.
    tokens: bool,
    /// Challenges of the schemes that take something else, by number; those of keys first.
    others: Box<[(u16, Box<str>)]>,
    /// That for certificates.
    certificate: Box<str>,
    /// That for passwords.
    password: Box<str>,
    /// That for webhooks.
    webhook: Box<str>,
    /// What is asked of signatures, where they are taken.
    signing: Option<Asked>,
}

impl Challenge {
    /// The challenge of an API, which offers plain tokens.
    #[must_use]
    pub fn of(api: &ApiScope<'_>) -> Self {
        let metadata = crate::metadata::url(api.public_url, api.base_path);
        let algorithms = possession::taken(api).map(|proofs| {
            let names: Vec<&str> = proofs.algorithms.iter().map(|one| one.name()).collect();
            names.join(" ").into()
        });
        let realm = quotable(api.name);
        Self {
            certificate: format!("ClientCertificate realm=\"{realm}\"").into(),
            password: format!("Basic realm=\"{realm}\", charset=\"UTF-8\"").into(),
            webhook: format!("Webhook realm=\"{realm}\"").into(),
            realm: realm.into(),
            metadata: quotable(&metadata).into(),
            algorithms,
            offered: &[Scheme::Bearer],
            tokens: true,
            others: Box::default(),
            signing: None,
        }
    }

    /// The challenge of operations that may be called as `access` says.
    #[must_use]
    pub fn for_access(api: &ApiScope<'_>, access: &Access) -> Self {
        let own = Self::of(api);
        let signed = signature_schemes(api, access);
        let mut others: Vec<(u16, Box<str>)> = Vec::new();
        let of_key = |scheme: KeyScheme| (scheme.number, Box::<str>::from(scheme.challenge(&own.realm)));
        let tokens = match access {
            Access::Open | Access::Closed(_) => return own,
            Access::Authenticated => {
                others.extend(key_schemes(api).into_iter().map(of_key));
                for (taken, text) in [
                    (takes_any_certificate(api), &own.certificate),
                    (takes_any_password(api), &own.password),
                    (webhooks(api).next().is_some(), &own.webhook),
                ] {
                    others.extend(taken.then(|| (ANY_SCHEME, text.clone())));
                }
                api.settings.authentication.values().any(|entry| !entry.issuers.is_empty())
            }
            Access::OneOf { alternatives, .. } => {
                let mut numbers: Vec<u16> =
                    alternatives.iter().flat_map(|one| &one.needs).map(|need| need.scheme).collect();
                numbers.sort_unstable();
                numbers.dedup();
                others.extend(numbers.iter().filter_map(|number| key_scheme(api, *number)).map(of_key));
                let is_shown = |number: &u16| !certificate_scheme(api, *number).is_empty();
                let is_known = |number: &u16| !password_scheme(api, *number).0.is_empty();
                let is_sent = |number: &u16| webhook_scheme(api, *number).is_some();
                let of = |number: &u16, text: &str| (*number, Box::<str>::from(text));
                others
                    .extend(numbers.iter().filter(|one| is_shown(one)).map(|one| of(one, &own.certificate)));
                others.extend(numbers.iter().filter(|one| is_known(one)).map(|one| of(one, &own.password)));
                others.extend(numbers.iter().filter(|one| is_sent(one)).map(|one| of(one, &own.webhook)));
                numbers.iter().any(|number| takes_token(api, *number))
            }
        };
        others.extend(signed.iter().map(|scheme| (scheme.number, own.signature().into())));
        let signing = signed.first().and_then(|scheme| Asked::of(api, scheme.entry));
        Self { tokens, others: others.into(), signing, ..own }
    }

    /// Whether tokens are taken, so that `Authorization` may hold one.
    #[must_use]
    pub fn takes_tokens(&self) -> bool {
        self.tokens
    }

    /// The same, which offers these schemes.
    #[must_use]
    pub fn offering(mut self, offered: &'static [Scheme]) -> Self {
        self.offered = offered;
        self
    }

    /// A header field. `scope` is left out when empty.
    #[must_use]
    pub fn field(
        &self,
        scheme: Scheme,
        error: Option<(&str, &str)>,
        scope: &str,
    ) -> (HeaderName, HeaderValue) {
        let name = scheme.name();
        let mut text = format!("{name} realm=\"{}\"", self.realm);
        if let Some((error, description)) = error {
            let _ = write!(text, ", error=\"{error}\", error_description=\"{}\"", quotable(description));
        }
        if !scope.is_empty() {
            let _ = write!(text, ", scope=\"{}\"", quotable(scope));
        }
        if let (Scheme::Dpop, Some(algorithms)) = (scheme, &self.algorithms) {
            let _ = write!(text, ", algs=\"{algorithms}\"");
        }
        let _ = write!(text, ", resource_metadata=\"{}\"", self.metadata);
        let value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(name));
        (WWW_AUTHENTICATE, value)
    }

    /// The field with an error: by the scheme that was presented, or the one that it should have been.
    fn error(&self, presented: Scheme, error: (&str, &str), scope: &str) -> (HeaderName, HeaderValue) {
        let proofs = presented == Scheme::Dpop && self.algorithms.is_some();
        let fits = proofs || self.offered.contains(&presented);
        let scheme = if fits { presented } else { self.offered.first().copied().unwrap_or(presented) };
        self.field(scheme, Some(error), scope)
    }

    /// 401 as [`Self::missing`], with what is asked of signatures.
    #[must_use]
    pub fn missing_from(&self, request: &Request, detail: &str) -> Box<Refusal> {
        self.asking(self.missing(detail, None), request)
    }

    /// 401 without an error code: no credential came, or none of a scheme that is taken (RFC 6750 section 3.1).
    #[must_use]
    pub fn missing(&self, detail: &str, public: Option<&'static str>) -> Box<Refusal> {
        let refusal = Refusal::new(&codes::CREDENTIAL_MISSING, detail);
        self.challenging(match public {
            Some(public) => refusal.public(public),
            None => refusal,
        })
    }

    /// A refusal with a challenge for each kind that is taken.
    fn challenging(&self, mut refusal: Box<Refusal>) -> Box<Refusal> {
        if self.tokens {
            refusal.headers.extend(self.offered.iter().map(|scheme| self.field(*scheme, None, "")));
        }
        let mut asked_for: Vec<&str> = Vec::with_capacity(self.others.len());
        for (_, text) in &self.others {
            if !asked_for.contains(&&**text) {
                asked_for.push(text);
            }
        }
        asked_for.iter().fold(refusal, |refusal, text| refusal.header(WWW_AUTHENTICATE, header(text)))
    }

    /// A client certificate that does not let the call pass; `public` is what the caller may know, `detail` what the operator
    /// should.
    #[must_use]
    pub fn certificate(
        &self,
        code: &'static Code,
        detail: impl Into<Box<str>>,
        public: &'static str,
    ) -> Box<Refusal> {
        Refusal::new(code, detail).public(public).header(WWW_AUTHENTICATE, header(&self.certificate))
    }

    /// A password that does not let the call pass; `public` is what the caller may know, `detail` what the operator should.
    #[must_use]
    pub fn password(
        &self,
        code: &'static Code,
        detail: impl Into<Box<str>>,
        public: &'static str,
    ) -> Box<Refusal> {
        Refusal::new(code, detail).public(public).header(WWW_AUTHENTICATE, header(&self.password))
    }

    /// A delivery that does not let the call pass; `public` is what the sender may know, `detail` what the operator should.
    #[must_use]
    pub fn webhook(&self, detail: impl Into<Box<str>>, public: &'static str) -> Box<Refusal> {
        let text = with_error(&self.webhook, "invalid_signature", public, "");
        let refusal = Refusal::new(&codes::WEBHOOK_INVALID, detail).public(public);
        refusal.header(WWW_AUTHENTICATE, header(&text))
    }

    /// A key of a scheme (by its number) that does not let the call pass; `public` is what the caller may know, `detail` what
    /// the operator should.
    #[must_use]
    pub fn key(
        &self,
        scheme: u16,
        (code, error): (&'static Code, &str),
        detail: impl Into<Box<str>>,
        public: &'static str,
    ) -> Box<Refusal> {
        let text = self.of_key(scheme).map_or_else(String::new, |own| with_error(own, error, public, ""));
        Refusal::new(code, detail).public(public).header(WWW_AUTHENTICATE, header(&text))
    }

    fn of_key(&self, scheme: u16) -> Option<&str> {
        let found = self.others.iter().find(|(number, _)| *number == scheme || scheme == ANY_SCHEME);
        found.map(|(_, text)| &**text)
    }

    /// The challenge of signatures.
    fn signature(&self) -> String {
        format!("Signature realm=\"{}\"", self.realm)
    }

    /// What is asked of signatures, with every refusal that one could mend.
    fn asking(&self, refusal: Box<Refusal>, request: &Request) -> Box<Refusal> {
        let body = !matches!(request.length, BodyLength::Empty | BodyLength::Known(0));
        match &self.signing {
            Some(asked) => refusal.header(ACCEPT_SIGNATURE, asked.field(body)),
            None => refusal,
        }
    }

    /// A signature over the call that does not let it pass; `public` is what the caller may know.
    #[must_use]
    pub fn unsigned(
        &self,
        request: &Request,
        code: &'static Code,
        detail: impl Into<Box<str>>,
        public: &str,
    ) -> Box<Refusal> {
        let text = with_error(&self.signature(), "invalid_signature", public, "");
        let refusal = Refusal::new(code, detail).public(public).header(WWW_AUTHENTICATE, header(&text));
        self.asking(refusal, request)
    }

    /// 400 `invalid_request`.
    #[must_use]
    pub fn malformed(&self, presented: Scheme, what: &'static str) -> Box<Refusal> {
        if !self.tokens {
            return self.challenging(Refusal::new(&codes::CREDENTIAL_MALFORMED, what).public(what));
        }
        let (name, value) = self.error(presented, ("invalid_request", what), "");
        Refusal::new(&codes::CREDENTIAL_MALFORMED, what).public(what).header(name, value)
    }

    /// 401 `invalid_token`; `public` is what the caller may know, `detail` what the operator should.
    #[must_use]
    pub fn invalid(
        &self,
        presented: Scheme,
        code: &'static Code,
        detail: impl Into<Box<str>>,
        public: &'static str,
    ) -> Box<Refusal> {
        self.refused(presented, code, "invalid_token", detail, public)
    }

    /// 401 with an error of the scheme's.
    #[must_use]
    pub fn refused(
        &self,
        presented: Scheme,
        code: &'static Code,
        error: &str,
        detail: impl Into<Box<str>>,
        public: &'static str,
    ) -> Box<Refusal> {
        let (name, value) = self.error(presented, (error, public), "");
        Refusal::new(code, detail).public(public).header(name, value)
    }

    /// 403 `insufficient_scope` with the scopes that are missing from what was proven for a scheme of the contract, by its
    /// number, and how a token was presented.
    #[must_use]
    pub fn insufficient(
        &self,
        (scheme, presented): (u16, Scheme),
        missing: &[&str],
        public: String,
    ) -> Box<Refusal> {
        let scopes = missing.join(" ");
        let own = self.others.iter().find(|(number, _)| *number == scheme);
        let (name, value) = match own {
            Some((_, own)) => {
                (WWW_AUTHENTICATE, header(&with_error(own, "insufficient_scope", &public, &scopes)))
            }
            None => self.error(presented, ("insufficient_scope", &public), &scopes),
        };
        Refusal::new(&codes::INSUFFICIENT_SCOPE, public.clone()).public(public).header(name, value)
    }

    /// 403: the caller lacks something that is no scope, so that no other scope would help. What it is called is told to the operator alone:
    /// names of roles say what there is to be had.
    #[must_use]
    pub fn lacking(&self, detail: String) -> Box<Refusal> {
        Refusal::new(&codes::PRIVILEGE_MISSING, detail)
    }

    /// 401 `insufficient_user_authentication` (RFC 9470 section 3): the user has to log in again. `acr` are the values of which one is asked
    /// for, the preferred first, and `most` is how long ago that may be; both are told, whichever is missing.
    #[must_use]
    pub fn step_up(
        &self,
        (scheme, presented): (u16, Scheme),
        code: &'static Code,
        (acr, most): (&[Box<str>], Option<Duration>),
    ) -> Box<Refusal> {
        let why = if *code == codes::LOGIN_WEAK {
            "the login is not one of those that are asked for"
        } else {
            "the login is too long ago"
        };
        let error = ("insufficient_user_authentication", why);
        let (name, value) = match self.others.iter().find(|(number, _)| *number == scheme) {
            Some((_, own)) => (WWW_AUTHENTICATE, header(&with_error(own, error.0, error.1, ""))),
            None => self.error(presented, error, ""),
        };
        let mut wanted = String::new();
        if !acr.is_empty() {
            let _ = write!(wanted, ", acr_values=\"{}\"", quotable(&acr.join(" ")));
        }
        if let Some(most) = most {
            let _ = write!(wanted, ", max_age=\"{}\"", most.as_secs());
        }
        let text = value.to_str().map(|text| format!("{text}{wanted}"));
        let value = text.map_or(value, |text| header(&text));
        let detail = format!("{why}: {}", wanted.trim_start_matches(", "));
        Refusal::new(code, detail).public(why).header(name, value)
    }

    /// The same refusal of a call on whose way others read along: no browser asks for a password by it, which would be sent in clear.
    #[must_use]
    pub fn in_clear(mut refusal: Box<Refusal>) -> Box<Refusal> {
        for (_, value) in &mut refusal.headers {
            let text = value.to_str().ok().and_then(|text| text.strip_prefix("Basic "));
            if let Some(text) = text.map(|rest| format!("BasicOverTls {rest}")) {
                *value = header(&text);
            }
        }
        refusal
    }

    /// 503: nothing can be verified now.
    #[must_use]
    pub fn unavailable(detail: impl Into<Box<str>>, after: Duration) -> Box<Refusal> {
        Refusal::new(&codes::ISSUER_UNAVAILABLE, detail).retry_after(after)
    }
}

/// A challenge with what was wrong.
fn with_error(challenge: &str, error: &str, description: &str, scope: &str) -> String {
    // RFC 6750 section 3.1 has one word for a bearer credential that is not good.
    let bearer = challenge.starts_with("Bearer ") && matches!(error, "invalid_key" | "expired_key");
    let error = if bearer { "invalid_token" } else { error };
    let mut text = format!("{challenge}, error=\"{error}\", error_description=\"{}\"", quotable(description));
    if !scope.is_empty() {
        let _ = write!(text, ", scope=\"{}\"", quotable(scope));
    }
    text
}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("ApiKey"))
}

/// The text with what may not stand inside a quoted parameter left out (RFC 6750 section 3: `%x20-21 / %x23-5B /
/// %x5D-7E`).
pub(super) fn quotable(text: &str) -> String {
    text.chars().filter(|char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\')).collect()
}
