//! Who signs tokens.

use crate::presets::PresetName;
use crate::read::Spanned;
use crate::units::{Duration, FileOrUrl, ParseError, SecretRef, Strings, Url, text_type};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// One signer of tokens: the gateway's own, or an OpenID provider.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Issuer {
    /// what is known of the provider's tokens, where the keys below do not say otherwise
    #[serde(default)]
    pub preset: Option<Spanned<PresetName>>,
    /// the issuer's URL, exactly as in the `iss` claim; where `tenants` are listed, with the claim that names one in braces
    #[serde(default)]
    pub url: Option<Spanned<Url>>,
    /// tenants that are let in, each as the claim in braces in `url` has it: an issuer for each, `NAME/TENANT`
    #[serde(default)]
    pub tenants: Option<Strings>,
    /// the gateway's own issuer, for the first minutes and for tests
    #[serde(default)]
    pub local: bool,
    /// where its keys are, when discovery is not wanted
    #[serde(default)]
    pub jwks: Option<Spanned<FileOrUrl>>,
    /// keys that come from the network
    #[serde(default)]
    pub keys: IssuerKeys,
    /// audience that a token must name when an API does not say
    #[serde(default)]
    pub audience: Option<Strings>,
    /// the claim that stands for `aud` in tokens that have none, as `client_id`
    #[serde(default)]
    pub audience_from: Option<Spanned<String>>,
    /// signature algorithms taken; without it all that are safe
    #[serde(default)]
    pub algorithms: Option<Vec<Spanned<String>>>,
    /// how far clocks may differ; at most 5m
    #[serde(default = "default_leeway")]
    pub leeway: Spanned<Duration>,
    /// which kind of token is taken, by its `typ` header and by what only other kinds have
    #[serde(default)]
    pub typ: TypRule,
    /// the claim that holds scopes; without it `scope`, then `scp`
    #[serde(default)]
    pub scopes_from: Option<Spanned<ScopesFrom>>,
    /// claims or JSON Pointers with roles, each a list or one role; without it `roles`. `{audience}` in a pointer stands for each
    /// audience of ours that the token names
    #[serde(default)]
    pub roles_from: Option<Spanned<Strings>>,
    /// scopes that a role stands for, by role
    #[serde(default)]
    pub roles: BTreeMap<String, Strings>,
    /// claims or JSON Pointers of which the first that is there names the application; without it `client_id`, then `azp`
    #[serde(default)]
    pub application_from: Option<Spanned<Strings>>,
    /// what claims have to say, by claim or JSON Pointer: one of these, where `*` at the end stands for anything
    #[serde(default)]
    pub require_claims: BTreeMap<String, Strings>,
    /// where the issuer tells what a token says that cannot be read here (RFC 7662)
    #[serde(default)]
    pub introspection: Option<Spanned<Introspection>>,
    /// where the issuer gives tokens, for what `upstream_identity` asks of it (RFC 6749, RFC 8693)
    #[serde(default)]
    pub token_endpoint: Option<Spanned<TokenEndpoint>>,
}

/// Where an issuer gives the gateway tokens for a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct TokenEndpoint {
    /// the issuer's token endpoint
    pub url: Spanned<Url>,
    /// name of the gateway at the issuer
    pub client_id: String,
    /// secret of the gateway at the issuer
    #[serde(default)]
    pub client_secret: Option<Spanned<SecretRef>>,
    /// PEM private key (PKCS #8, P-256) of the gateway, for `private_key_jwt`
    #[serde(default)]
    pub client_key: Option<Spanned<SecretRef>>,
    /// how the gateway proves who it is
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// token that says who acts for the caller, sent with each exchange (RFC 8693 section 2.1)
    #[serde(default)]
    pub actor_token: Option<Spanned<SecretRef>>,
    /// what kind of token the `actor_token` is
    #[serde(default)]
    pub actor_token_type: TokenType,
    /// longest time that an answer may take, from `100ms` to `10s`
    #[serde(default = "default_introspection_deadline")]
    pub deadline: Spanned<Duration>,
}

/// What kind of token it is (RFC 8693 section 3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    /// `urn:ietf:params:oauth:token-type:jwt`.
    #[default]
    Jwt,
    /// `urn:ietf:params:oauth:token-type:access_token`.
    AccessToken,
    /// `urn:ietf:params:oauth:token-type:id_token`.
    IdToken,
}

/// How an issuer is asked about tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
pub struct Introspection {
    /// the issuer's introspection endpoint
    pub url: Spanned<Url>,
    /// name of the gateway at the issuer
    pub client_id: String,
    /// secret of the gateway at the issuer
    #[serde(default)]
    pub client_secret: Option<Spanned<SecretRef>>,
    /// PEM private key (PKCS #8, P-256) of the gateway, for `private_key_jwt`
    #[serde(default)]
    pub client_key: Option<Spanned<SecretRef>>,
    /// how the gateway proves who it is
    #[serde(default)]
    pub client_authentication: ClientAuthentication,
    /// which tokens are asked about: `opaque`, those that are no signed JWT, or `all`
    #[serde(default)]
    pub tokens: Introspected,
    /// longest time for which an answer counts, from `1s` to `10m`; never longer than the token itself
    #[serde(default = "default_introspection_age")]
    pub max_age: Spanned<Duration>,
    /// longest time that an answer may take, from `100ms` to `10s`
    #[serde(default = "default_introspection_deadline")]
    pub deadline: Spanned<Duration>,
    /// `false` takes tokens for which the issuer names no audience: it then has to see to it that they are for this API
    #[serde(default = "yes")]
    pub audience: bool,
    /// `true` takes signed answers only (RFC 9701)
    #[serde(default)]
    pub signed: bool,
}

/// How the gateway proves to an issuer who it is (OpenID Connect Core section 9).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthentication {
    /// Name and secret in `Authorization: Basic` (RFC 6749 section 2.3.1).
    #[default]
    ClientSecretBasic,
    /// Name and secret in the form.
    ClientSecretPost,
    /// A signed assertion (RFC 7523 section 2.2).
    PrivateKeyJwt,
}

/// Which tokens an issuer is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Introspected {
    /// Those that are no signed JWT.
    #[default]
    Opaque,
    /// All, so that a revoked one is known within `max_age`.
    All,
}

fn default_introspection_age() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(60))
}

fn default_introspection_deadline() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(2))
}

const fn yes() -> bool {
    true
}

/// How keys that come from the network are kept.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct IssuerKeys {
    /// how long the last good keys serve while the issuer cannot be asked, from `1m` to `7d`; then no token of it is good
    pub max_age: Spanned<Duration>,
}

impl Default for IssuerKeys {
    /// A day: an outage of a provider ends within it, and a key that was stolen does not serve for a week.
    fn default() -> Self {
        Self { max_age: Spanned::nowhere(Duration::from_secs(24 * 3600)) }
    }
}

fn default_leeway() -> Spanned<Duration> {
    Spanned::nowhere(Duration::from_secs(10))
}

/// Which kind of token is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TypRule {
    /// Absent, `JWT` or `at+jwt`: most providers are older than RFC 9068.
    #[default]
    Lenient,
    /// `at+jwt` only, with the claims that RFC 9068 demands.
    Rfc9068,
    /// An OpenID Connect ID token, `JWT` or nothing, in the place of an access token: for who gives out no other to third parties.
    #[serde(rename = "id-token")]
    IdToken,
}

/// The claim in which an issuer puts scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopesFrom {
    /// `scope`: one string, parted by spaces (RFC 8693 §4.2).
    Scope,
    /// `scp`: a list or a string (Entra ID, Okta).
    Scp,
    /// `roles`: a list (Entra ID application roles).
    Roles,
    /// `groups`: a list.
    Groups,
    /// A JSON Pointer (RFC 6901) into the claims, as in `/realm_access/roles`.
    Pointer(String),
}

impl FromStr for ScopesFrom {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "scope" => Ok(Self::Scope),
            "scp" => Ok(Self::Scp),
            "roles" => Ok(Self::Roles),
            "groups" => Ok(Self::Groups),
            pointer if pointer.starts_with('/') && pointer.len() > 1 => Ok(Self::Pointer(pointer.to_owned())),
            other => Err(ParseError::new(
                format!("`{other}` is not a place for scopes"),
                "write `scope`, `scp`, `roles`, `groups` or a pointer such as `/realm_access/roles`",
            )),
        }
    }
}

impl fmt::Display for ScopesFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scope => "scope",
            Self::Scp => "scp",
            Self::Roles => "roles",
            Self::Groups => "groups",
            Self::Pointer(pointer) => pointer,
        })
    }
}

text_type!(
    ScopesFrom,
    "a claim",
    "write `scope`, `scp`, `roles`, `groups` or a pointer such as `/realm_access/roles`",
    schemars::json_schema!({
        "type": "string",
        "description": "the claim that holds scopes: `scope`, `scp`, `roles`, `groups` or a JSON Pointer",
        "pattern": "^(scope|scp|roles|groups|/.+)$",
        "examples": ["scope", "/realm_access/roles"]
    })
);
