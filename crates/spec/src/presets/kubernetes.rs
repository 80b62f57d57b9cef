//! Kubernetes: tokens of service accounts, as a projected volume or `TokenRequest` gives them out, for an audience that was asked for.
//!
//! The subject is `system:serviceaccount:NAMESPACE:NAME`, which counts as a role too, so that `roles` can grant it something; the
//! application is the namespace. Tokens of the old kind, kept in secrets, never end and are refused. The API server tells its keys to who may
//! ask (`system:service-account-issuer-discovery`): where that is nobody, write `jwks: file:…` with what `kubectl get --raw
//! /openid/v1/jwks` says. Signed with RS256, or with ES256 where the cluster's key is an elliptic one.
//!
//! <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>,
//! <https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery>

use super::{Given, Preset};

pub(super) const PRESET: Preset = Preset {
    name: "kubernetes",
    sets: &[
        ("typ", Given::Text("id-token")),
        ("algorithms", Given::List(&["RS256", "ES256"])),
        ("roles_from", Given::List(&["sub"])),
        ("application_from", Given::List(&["/kubernetes.io/namespace"])),
        (
            "require_claims",
            Given::Claims(&[
                ("sub", &["system:serviceaccount:*"]),
                ("/kubernetes.io/serviceaccount/name", &["*"]),
            ]),
        ),
    ],
    narrow_by: None,
    url_end: None,
};
