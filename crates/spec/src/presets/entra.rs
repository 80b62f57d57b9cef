//! Microsoft Entra ID: the version of a token is chosen by the API's own registration, whichever endpoint gave it out.
//!
//! Version 2.0 has `iss` `https://login.microsoftonline.com/TENANT/v2.0`, the application in `azp`, and `aud` is the client id of the API.
//! Version 1.0 has `https://sts.windows.net/TENANT/`, the application in `appid`, and `aud` may be a URI. Both say `ver`. The application is
//! in access tokens only, so that an ID token is none of them, even one whose audience is the same registration. `scp` is what a
//! user let the application do, `roles` what the application or the user was assigned.
//!
//! Groups do not count unless the document says `roles_from: [roles, groups]`. With more than 200 a token names none and says where they
//! are (`_claim_names`, `hasgroups`): then it is refused, since whom it is for may be in any.
//!
//! Microsoft signs for all tenants with some keys and for one with others, and says so beside each (`issuer` in the key set): a key is
//! used for no other tenant than it is for.
//!
//! <https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference>,
//! <https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#validate-tokens>

use super::{Given, Preset};

pub(super) const V1: Preset = Preset {
    name: "entra-v1",
    sets: &[
        ("algorithms", Given::List(&["RS256"])),
        ("scopes_from", Given::Text("scp")),
        ("roles_from", Given::List(&["roles"])),
        ("application_from", Given::List(&["appid"])),
        ("require_claims", Given::Claims(&[("ver", &["1.0"]), ("appid", &["*"])])),
    ],
    narrow_by: None,
    url_end: Some("/"),
};

pub(super) const V2: Preset = Preset {
    name: "entra-v2",
    sets: &[
        ("algorithms", Given::List(&["RS256"])),
        ("scopes_from", Given::Text("scp")),
        ("roles_from", Given::List(&["roles"])),
        ("application_from", Given::List(&["azp"])),
        ("require_claims", Given::Claims(&[("ver", &["2.0"]), ("azp", &["*"])])),
    ],
    narrow_by: None,
    url_end: Some("/v2.0"),
};
