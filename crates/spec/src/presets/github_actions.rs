//! GitHub Actions: tokens of workflows, one issuer for all of GitHub.
//!
//! Any workflow of anybody gets a token for whatever audience it asks for, so that the document has to say whose are taken
//! (`require_claims: { repository_owner_id: "…" }`; a name can be given up and taken by somebody else, a number cannot). `repository` and `sub`
//! (`repo:OWNER/NAME:ref:refs/heads/main`) count as roles, whole: what a branch or an environment is called grants nothing else.
//! The application is the repository. Signed with RS256.
//!
//! <https://docs.github.com/en/actions/reference/security/oidc>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "github-actions",
    sets: &[
        ("url", Given::Text("https://token.actions.githubusercontent.com")),
        ("typ", Given::Text("id-token")),
        ("algorithms", Given::List(&["RS256"])),
        ("roles_from", Given::List(&["repository", "sub"])),
        ("application_from", Given::List(&["repository"])),
    ],
    narrow_by: Some((
        &[
            "repository_owner_id",
            "repository_owner",
            "repository_id",
            "repository",
            "sub",
            "enterprise_id",
            "enterprise",
        ],
        "any workflow of anybody at GitHub gets a token for this audience",
    )),
    url_end: None,
};
