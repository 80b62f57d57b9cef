//! Google: its access tokens are opaque and for its own APIs, so that ID tokens are what proves somebody to others.
//!
//! `aud` is the client id of the application that asked, `azp` who presented it. There are no scopes and no roles. Everybody with a Google
//! account is somebody here: `require_claims: { hd: example.com }` takes those of a Workspace only. An old spelling of `iss` without
//! `https://` is refused. Signed with RS256.
//!
//! <https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "google",
    sets: &[
        ("url", Given::Text("https://accounts.google.com")),
        ("typ", Given::Text("id-token")),
        ("algorithms", Given::List(&["RS256"])),
        ("roles_from", Given::List(&[])),
        ("application_from", Given::List(&["azp"])),
    ],
    narrow_by: None,
    url_end: None,
};
