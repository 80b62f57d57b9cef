//! Okta: a custom authorization server, `https://ORG.okta.com/oauth2/SERVER`. What the org's own server gives out is for Okta's APIs; it is
//! of another `typ`, and refused.
//!
//! `scp` is a list, `cid` the application: ID tokens have neither. Groups are in a claim that the server is told to add, usually
//! `groups`. Signed with RS256.
//!
//! <https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token>,
//! <https://developer.okta.com/docs/guides/validate-access-tokens/>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "okta",
    sets: &[
        ("algorithms", Given::List(&["RS256"])),
        ("scopes_from", Given::Text("scp")),
        ("roles_from", Given::List(&["groups"])),
        ("application_from", Given::List(&["cid"])),
        ("require_claims", Given::Claims(&[("cid", &["*"])])),
    ],
    narrow_by: None,
    url_end: None,
};
