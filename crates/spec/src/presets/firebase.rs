//! Firebase Authentication: ID tokens, of the issuer `https://securetoken.google.com/PROJECT` and for the audience `PROJECT`.
//!
//! All projects are signed for with the same keys; which one a token is of, `iss` and `aud` say. The keys are read as a JWK set, not as the
//! certificates that the documentation names first. Custom claims are what the project's own server set; a list `roles` among them
//! counts. Signed with RS256.
//!
//! <https://firebase.google.com/docs/auth/admin/verify-id-tokens#verify_id_tokens_using_a_third-party_jwt_library>,
//! <https://securetoken.google.com/PROJECT/.well-known/openid-configuration>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "firebase",
    sets: &[
        ("typ", Given::Text("id-token")),
        (
            "jwks",
            Given::Text(
                "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com",
            ),
        ),
        ("algorithms", Given::List(&["RS256"])),
        ("roles_from", Given::List(&["roles"])),
    ],
    narrow_by: None,
    url_end: None,
};
