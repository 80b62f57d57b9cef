//! Keycloak: one issuer per realm.
//!
//! Roles of the realm are in `realm_access.roles`, those of a client in `resource_access.CLIENT.roles`; of the latter those count whose
//! client is an audience of ours that the token names. `typ` in the claims tells access tokens (`Bearer`, or `DPoP` where they are bound)
//! from ID and refresh tokens, which the realm signs with the same key. A realm signs with RS256 unless it was told otherwise.
//! Without a mapper of the audience a token has no `aud` of the API's, and is refused.
//!
//! <https://www.keycloak.org/docs-api/latest/javadocs/org/keycloak/representations/AccessToken.html>,
//! <https://www.keycloak.org/securing-apps/oidc-layers>, read together with
//! <https://phasetwo.io/tutorials/getting-started/your-first-token/>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "keycloak",
    sets: &[
        ("algorithms", Given::List(&["RS256"])),
        ("scopes_from", Given::Text("scope")),
        ("roles_from", Given::List(&["/realm_access/roles", "/resource_access/{audience}/roles"])),
        ("application_from", Given::List(&["azp", "client_id"])),
        ("require_claims", Given::Claims(&[("typ", &["Bearer", "DPoP"])])),
    ],
    narrow_by: None,
    url_end: None,
};
