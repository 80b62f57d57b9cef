//! What an issuer's tokens look like, beside what standards say: which kind stands for an access token, what stands for `aud`, which
//! claim is the application, and what claims have to say. Read from the document, where a preset may have put it.

use std::sync::Arc;

use jose::{Claims, Fault, TypPolicy};
use spec::{Issuer, Strings, TypRule};
use tape::Node;

/// Where in the claims something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A claim of the token's top level.
    Claim(Box<str>),
    /// A JSON Pointer (RFC 6901) into the claims.
    Pointer(Box<str>),
    /// Pointers by the audience of ours for which each counts.
    ByAudience(Box<[(Box<str>, Box<str>)]>),
}

/// What stands in a pointer for an audience of ours.
const AUDIENCE: &str = "{audience}";

impl Place {
    /// A place as a document names it, for these audiences.
    #[must_use]
    pub fn of(text: &str, audiences: &[String]) -> Self {
        if !text.starts_with('/') {
            return Self::Claim(text.into());
        }
        if !text.contains(AUDIENCE) {
            return Self::Pointer(text.into());
        }
        let pointer = |audience: &String| {
            let escaped = audience.replace('~', "~0").replace('/', "~1");
            (audience.as_str().into(), text.replace(AUDIENCE, &escaped).into())
        };
        Self::ByAudience(audiences.iter().map(pointer).collect())
    }

    /// What stands there: by audience there may be several, of those that the token names.
    pub fn find<'t>(&self, claims: Node<'t>) -> Vec<Node<'t>> {
        match self {
            Self::Claim(name) => claims.get(name).into_iter().collect(),
            Self::Pointer(pointer) => claims.pointer(pointer).into_iter().collect(),
            Self::ByAudience(all) => {
                let named = all.iter().filter(|(audience, _)| is_for(claims, audience));
                named.filter_map(|(_, pointer)| claims.pointer(pointer)).collect()
            }
        }
    }

    /// The claim of the top level that it is, or is in.
    #[must_use]
    pub fn top(&self) -> &str {
        let pointer = match self {
            Self::Claim(name) => return name,
            Self::Pointer(pointer) => &**pointer,
            Self::ByAudience(all) => all.first().map_or("", |(_, pointer)| &**pointer),
        };
        pointer.split('/').nth(1).unwrap_or_default()
    }
}

/// Whether a token names an audience.
fn is_for(claims: Node<'_>, audience: &str) -> bool {
    let is = |node: Node<'_>| node.as_str().is_some_and(|name| name == audience);
    claims.get("aud").is_some_and(|aud| is(aud) || aud.items().any(is))
}

/// What a claim has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Required {
    place: Place,
    /// As the document names it.
    name: Box<str>,
    /// One of these; what begins as one that ends with `*`.
    values: Box<[Box<str>]>,
}

impl Required {
    /// A string, or a boolean by its name. A list is none: whether one of its words is enough, only who wrote it would know.
    fn is_met(&self, claims: Node<'_>) -> bool {
        self.place.find(claims).into_iter().any(|node| match node.as_bool() {
            Some(said) => self.is_value(if said { "true" } else { "false" }),
            None => jose::plain(node).is_ok_and(|said| self.is_value(&said)),
        })
    }

    fn is_value(&self, said: &str) -> bool {
        self.values.iter().any(|value| match value.strip_suffix('*') {
            Some(start) => said.starts_with(start),
            None => said == &**value,
        })
    }
}

/// What an issuer's tokens look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Which kind of token is taken.
    pub typ: TypPolicy,
    /// The claim that stands for `aud` where there is none.
    pub audience_from: Option<Box<str>>,
    /// Where the application is; `None` for where standards have it.
    application: Option<Box<[Place]>>,
    required: Box<[Required]>,
}

impl Shape {
    /// As the document says it of an issuer.
    #[must_use]
    pub fn of(issuer: &Issuer) -> Self {
        let place = |text: &String| Place::of(text, &[]);
        let boxed = |Strings(values): &Strings| values.iter().map(|value| value.as_str().into()).collect();
        let required = issuer.require_claims.iter().filter(|(_, values)| !values.0.is_empty());
        Self {
            typ: match issuer.typ {
                TypRule::Lenient => TypPolicy::Common,
                TypRule::Rfc9068 => TypPolicy::Rfc9068,
                TypRule::IdToken => TypPolicy::IdToken,
            },
            audience_from: issuer.audience_from.as_ref().map(|claim| claim.value.as_str().into()),
            application: issuer.application_from.as_ref().map(|all| all.value.0.iter().map(place).collect()),
            required: required
                .map(|(name, values)| Required {
                    place: place(name),
                    name: name.as_str().into(),
                    values: boxed(values),
                })
                .collect(),
        }
    }

    /// The application that a token was given to.
    ///
    /// # Errors
    /// [`Fault::ClaimMalformed`] where the claim is no name.
    pub fn application(&self, claims: &Claims<'_>) -> Result<Option<Arc<str>>, Fault> {
        let Some(places) = &self.application else { return Ok(claims.client.as_deref().map(Into::into)) };
        let first = places.iter().find_map(|place| place.find(claims.payload).into_iter().next());
        first.map(|node| jose::plain(node).map(|name| Arc::from(&*name))).transpose()
    }

    /// Whether the claims say what they have to.
    ///
    /// # Errors
    /// The name of one that does not.
    pub fn check(&self, claims: Node<'_>) -> Result<(), &str> {
        match self.required.iter().find(|required| !required.is_met(claims)) {
            Some(unmet) => Err(&*unmet.name),
            None => Ok(()),
        }
    }
}
