//! What is told of one call. Only what [`crate::Wants`] names need be there.

use std::borrow::Cow;
use std::net::IpAddr;

use smallvec::SmallVec;

/// A value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Term<'c> {
    /// A text.
    Text(Cow<'c, str>),
    /// A whole number.
    Long(i64),
    /// True or false.
    Bool(bool),
    /// Texts; twice the same is once.
    Texts(SmallVec<[Cow<'c, str>; 4]>),
}

/// An attribute and its value; what is not there is left out.
pub type Told<'c> = (&'c str, Term<'c>);

/// Who calls.
#[derive(Debug, Clone, Default)]
pub struct Caller<'c> {
    /// Who vouches, as the credential says.
    pub issuer: &'c str,
    /// The same as policies name it: `Issuer::"…"`.
    pub issuer_name: &'c str,
    /// Who it is, as the issuer calls them.
    pub subject: &'c str,
    /// The application that calls.
    pub application: Option<&'c str>,
    /// What was presented.
    pub credential: &'c str,
    /// Scopes of the contract.
    pub scopes: SmallVec<[&'c str; 8]>,
    /// Roles that are believed.
    pub roles: SmallVec<[Cow<'c, str>; 8]>,
}

/// When it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Time {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix: i64,
    /// Day of the week where the API is at home, from 1 for Monday to 7 (ISO 8601).
    pub weekday: i64,
    /// Minutes since midnight there.
    pub minute: i64,
}

/// How sure it is who calls.
#[derive(Debug, Clone, Default)]
pub struct Assurance<'c> {
    /// `acr` (OpenID Connect Core section 2).
    pub acr: Option<Cow<'c, str>>,
    /// `amr` (RFC 8176).
    pub amr: SmallVec<[Cow<'c, str>; 4]>,
    /// Seconds since the user logged in (`auth_time`).
    pub login_age: Option<i64>,
    /// Whether the credential is bound to a key that was shown (RFC 7800).
    pub bound: bool,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Facts<'c> {
    /// Who calls; nobody who is known.
    pub caller: Option<Caller<'c>>,
    /// The canonical path: the id of the resource.
    pub path: &'c str,
    /// Attributes of the resource.
    pub resource: SmallVec<[Told<'c>; 8]>,
    /// Claims.
    pub claims: SmallVec<[Told<'c>; 8]>,
    /// Its method.
    pub method: &'c str,
    /// The host that was asked for.
    pub host: &'c str,
    /// Name of the listener.
    pub listener: &'c str,
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Address of the client, or of the last hop where that hides it.
    pub address: IpAddr,
    /// Whether it is the client's.
    pub located: bool,
    /// When it is.
    pub time: Time,
    /// Seconds since the token was issued.
    pub token_age: Option<i64>,
    /// Seconds until the credential ends.
    pub token_left: Option<i64>,
    /// How sure it is who calls.
    pub assurance: Assurance<'c>,
    /// What was presented, all of it.
    pub credentials: SmallVec<[&'c str; 4]>,
}
