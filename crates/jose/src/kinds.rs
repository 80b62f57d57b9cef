//! Telling access tokens from the other JWTs that the same issuer signs with the same keys.
//!
//! RFC 8725 section 3.12: every kind must be refused where another is expected. Most kinds say what they are in `typ`;
//! the older ones can only be told by the claims that they alone carry.

use crate::{Fault, Header, TypPolicy};
use tape::Node;

/// Claims that no access token has, and who has them.
const FOREIGN: [&str; 8] = [
    "nonce",               // ID token: OpenID Connect Core section 2
    "at_hash",             // ID token: section 3.1.3.6
    "c_hash",              // ID token: section 3.3.2.11
    "s_hash",              // ID token: FAPI 1.0 part 2, section 5.1
    "events", // logout token: OpenID Connect Back-Channel Logout section 2.4; RFC 8417 section 2.2
    "htm",    // DPoP proof: RFC 9449 section 4.2
    "htu",    // DPoP proof
    "token_introspection", // RFC 9701 section 5
];

/// Claims that no ID token has that stands for an access token, and who has them.
const FOREIGN_TO_ID: [&str; 6] = [
    "scope",               // access token: RFC 9068 section 2.2.3
    "scp",                 // access token
    "events",              // logout token, security event
    "htm",                 // DPoP proof
    "htu",                 // DPoP proof
    "token_introspection", // RFC 9701 section 5
];

/// Values of the claims `typ` and `token_use` with which some issuers mark what is not an access token.
const FOREIGN_TYPES: [&str; 4] = ["id", "refresh", "offline", "logout"];
/// Those that mark what is not an ID token.
const FOREIGN_TYPES_TO_ID: [&str; 6] = ["access", "bearer", "dpop", "refresh", "offline", "logout"];

/// Refuses what is, or may be, another kind of token.
pub(crate) fn refuse_others(header: &Header, payload: Node<'_>, policy: TypPolicy) -> Result<(), Fault> {
    let accepted = match header.kind() {
        Some("at+jwt") => policy != TypPolicy::IdToken,
        Some("jwt") | None => policy != TypPolicy::Rfc9068,
        Some(_) => false,
    };
    if !accepted {
        return Err(Fault::TypRefused);
    }
    let (claims, types): (&[&str], &[&str]) = match policy {
        TypPolicy::Common | TypPolicy::Rfc9068 => (&FOREIGN, &FOREIGN_TYPES),
        TypPolicy::IdToken => (&FOREIGN_TO_ID, &FOREIGN_TYPES_TO_ID),
    };
    let foreign = payload.members().any(|(name, value)| match &*name {
        "typ" | "token_use" => {
            value.as_str().is_some_and(|typ| types.iter().any(|kind| typ.eq_ignore_ascii_case(kind)))
        }
        name => claims.contains(&name),
    });
    if foreign { Err(Fault::WrongKind) } else { Ok(()) }
}
