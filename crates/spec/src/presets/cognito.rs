//! Amazon Cognito: one issuer per user pool, whose URL names the region.
//!
//! An access token has no `aud`, unless a resource was asked for; who it was given to (`client_id`) stands for it, so that `audience` is
//! the list of app clients. ID tokens have the same issuer, and that list as their `aud`: `token_use` tells them apart. Groups of the pool are
//! in `cognito:groups`. Signed with RS256.
//!
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html>,
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "cognito",
    sets: &[
        ("algorithms", Given::List(&["RS256"])),
        ("audience_from", Given::Text("client_id")),
        ("scopes_from", Given::Text("scope")),
        ("roles_from", Given::List(&["cognito:groups"])),
        ("application_from", Given::List(&["client_id"])),
        ("require_claims", Given::Claims(&[("token_use", &["access"])])),
    ],
    narrow_by: None,
    url_end: None,
};
