//! Auth0: one issuer per tenant, whose URL ends with a slash.
//!
//! By the default profile the application is in `azp`, by that of RFC 9068 in `client_id`. With roles switched on, `scope` is what was asked
//! for and granted, and `permissions` all that the user has: the former are scopes, the latter count as roles, so that they grant
//! what the document says and an application that asked for less does not get more. ID tokens have `aud` of the application, never the
//! API's. Signed with RS256, or with PS256 where an API is set so.
//!
//! <https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles>,
//! <https://auth0.com/docs/get-started/apis/enable-role-based-access-control-for-apis>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "auth0",
    sets: &[
        ("algorithms", Given::List(&["RS256", "PS256"])),
        ("scopes_from", Given::Text("scope")),
        ("roles_from", Given::List(&["permissions"])),
        ("application_from", Given::List(&["azp", "client_id"])),
    ],
    narrow_by: None,
    url_end: Some("/"),
};
