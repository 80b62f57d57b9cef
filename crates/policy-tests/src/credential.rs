//! What a case presents, as it is written: a token, an API key, and what these are bound to.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;
use spec::{Duration, Spanned, Strings};

/// A token, minted for the case. As a word: `none`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Credential {
    /// Nothing is presented.
    pub none: bool,
    /// Name of the issuer; without it the first that the API takes.
    pub issuer: Option<Spanned<String>>,
    /// Whom it proves.
    pub subject: Option<String>,
    /// The application that calls: `client_id`, and where the issuer has it.
    pub application: Option<String>,
    /// For whom it is; without it the API's audience.
    pub audience: Option<Strings>,
    /// Scopes, put where the issuer puts them.
    pub scopes: Strings,
    /// Roles, put where the issuer has them: `roles`, unless it says otherwise.
    pub roles: Strings,
    /// How long it is good.
    pub expires_in: Option<Duration>,
    /// Whether it was good until an hour ago.
    pub expired: bool,
    /// Who signed it.
    pub signed_by: SignedBy,
    /// Further claims; they replace those that are made.
    pub claims: BTreeMap<String, Json>,
    /// The `typ` of its header.
    pub typ: Option<String>,
    /// The key that it is bound to, and the proof that comes with it (RFC 9449). As a word: how the proof is.
    pub dpop: Option<Dpop>,
    /// The client certificate that it is bound to (RFC 8705 section 3).
    pub mtls: Option<Mtls>,
    /// An API key, in the place of the token.
    pub key: Option<ApiKey>,
    /// Name of a user, in the place of the token, with a password that is made for the run.
    pub user: Option<String>,
    /// The password that is sent in the place of that.
    pub password: Option<String>,
}

/// Whose key signs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignedBy {
    /// The issuer's.
    #[default]
    Issuer,
    /// Somebody else's, under the name of the issuer's.
    Stranger,
}

/// The proof of possession that comes with a token (RFC 9449 section 4), and how both are sent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Dpop {
    /// What is wrong with it, if anything.
    pub proof: ProofState,
    /// The method that it names; without it the request's.
    pub method: Option<String>,
    /// The URI that it names; without it the request's.
    pub uri: Option<String>,
    /// How long before the call it was made.
    pub age: Option<Duration>,
}

/// How a proof is, and its token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofState {
    /// As the holder makes it; a nonce is fetched where one is wanted.
    #[default]
    Good,
    /// None is sent.
    None,
    /// None is sent, and the token comes by the scheme `Bearer`.
    Bearer,
    /// It was used before.
    Repeated,
    /// It is signed by somebody else's key.
    Stranger,
    /// It names another token.
    OtherToken,
    /// It has no nonce, whatever the gateway asks for.
    WithoutNonce,
    /// It is good, and the token is bound to no key.
    Unbound,
}

impl ProofState {
    /// All of them, with the word that stands for each.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Good, "good"),
        (Self::None, "none"),
        (Self::Bearer, "bearer"),
        (Self::Repeated, "repeated"),
        (Self::Stranger, "stranger"),
        (Self::OtherToken, "other-token"),
        (Self::WithoutNonce, "without-nonce"),
        (Self::Unbound, "unbound"),
    ];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(one, _)| *one == self).map_or("good", |(_, name)| name)
    }
}

/// To which certificate a token is bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mtls {
    /// To the one that the case shows.
    Own,
    /// To another one.
    Other,
}

/// An API key of an application.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ApiKey {
    /// Name of its application.
    pub application: Option<String>,
    /// Scopes that it carries.
    pub scopes: Strings,
    /// What became of it.
    pub state: KeyState,
    /// The security scheme of the contract that says where it is sent; without it the first of the operation that takes keys.
    pub scheme: Option<Spanned<String>>,
    /// Whether the token is sent beside it.
    pub and_token: bool,
}

/// What became of an API key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// It is good.
    #[default]
    Good,
    /// Its time is over.
    Expired,
    /// Another took its place, and the overlap is over.
    Replaced,
    /// It was revoked.
    Revoked,
    /// Its application is suspended.
    Suspended,
    /// The gateway never made it.
    Unknown,
}

impl KeyState {
    /// All of them, with the word that stands for each.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Good, "good"),
        (Self::Expired, "expired"),
        (Self::Replaced, "replaced"),
        (Self::Revoked, "revoked"),
        (Self::Suspended, "suspended"),
        (Self::Unknown, "unknown"),
    ];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(one, _)| *one == self).map_or("good", |(_, name)| name)
    }
}
