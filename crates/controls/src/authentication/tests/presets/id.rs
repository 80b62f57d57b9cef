//! Those whose ID tokens stand for access tokens.

use super::{INVALID, Provider, SCOPE};

pub(super) const GOOGLE: Provider = Provider {
    name: "google",
    issuer: "preset: google, require_claims: { hd: example.com, email_verified: \"true\" }",
    audience: "1.apps.googleusercontent.com",
    operation: "any",
    typ: Some("JWT"),
    claims: &[
        ("iss", "\"https://accounts.google.com\""),
        ("sub", "\"1101\""),
        ("aud", "\"1.apps.googleusercontent.com\""),
        ("azp", "\"1.apps.googleusercontent.com\""),
        ("hd", "\"example.com\""),
        ("email_verified", "true"),
        ("at_hash", "\"h\""),
        ("nonce", "\"n\""),
    ],
    who: (Some("1.apps.googleusercontent.com"), &[]),
    rows: &[
        ("an access token", &[("scope", "\"openid\"")], &[], INVALID),
        ("a logout token", &[("events", "{}"), ("nonce", "")], &[("nonce", "")], INVALID),
        ("another client", &[("aud", "\"2.apps.googleusercontent.com\"")], &[], INVALID),
        ("no audience", &[("aud", "")], &[], INVALID),
        ("an issuer in its old spelling", &[("iss", "\"accounts.google.com\"")], &[], INVALID),
        ("somebody of no domain", &[("hd", "")], &[], INVALID),
        ("somebody of another domain", &[("hd", "\"example.com.evil\"")], &[], INVALID),
        ("domains in a list", &[("hd", "[\"example.com\"]")], &[], INVALID),
        (
            "an address that is not verified",
            &[("email_verified", "false")],
            &[("email_verified", "\"true\"")],
            INVALID,
        ),
        ("an address that may be", &[("email_verified", "1")], &[], INVALID),
    ],
};

pub(super) const FIREBASE: Provider = Provider {
    name: "firebase",
    issuer: "preset: firebase, url: \"https://securetoken.google.com/shop\", roles: { clerk: [\"orders:read\"] }",
    audience: "shop",
    operation: "read",
    typ: Some("JWT"),
    claims: &[
        ("iss", "\"https://securetoken.google.com/shop\""),
        ("sub", "\"uid\""),
        ("user_id", "\"uid\""),
        ("aud", "\"shop\""),
        ("auth_time", "1"),
        ("firebase", "{\"sign_in_provider\":\"password\"}"),
        ("roles", "[\"clerk\"]"),
    ],
    who: (None, &["clerk"]),
    rows: &[
        (
            "another project",
            &[("iss", "\"https://securetoken.google.com/evil\""), ("aud", "\"evil\"")],
            &[],
            INVALID,
        ),
        (
            "the issuer of another project",
            &[("iss", "\"https://securetoken.google.com/evil\"")],
            &[],
            INVALID,
        ),
        ("the audience of another project", &[("aud", "\"evil\"")], &[], INVALID),
        ("a session cookie", &[("iss", "\"https://session.firebase.google.com/shop\"")], &[], INVALID),
        ("nobody", &[("sub", "\"\"")], &[], INVALID),
        ("an access token", &[("scp", "[\"orders:read\"]")], &[], INVALID),
        ("roles that are an object", &[("roles", "{\"clerk\":true}")], &[], SCOPE),
        ("roles in one text", &[("roles", "\"user clerk\"")], &[("roles", "\"clerk\"")], SCOPE),
        ("a role that is a switch", &[("roles", ""), ("clerk", "true")], &[], SCOPE),
    ],
};

pub(super) const KUBERNETES: Provider = Provider {
    name: "kubernetes",
    issuer: "preset: kubernetes, url: \"https://kubernetes.default.svc.cluster.local\", \
             roles: { \"system:serviceaccount:shop:web\": [\"orders:read\"] }",
    audience: "orders",
    operation: "read",
    typ: None,
    claims: &[
        ("iss", "\"https://kubernetes.default.svc.cluster.local\""),
        ("sub", "\"system:serviceaccount:shop:web\""),
        ("aud", "[\"orders\"]"),
        ("kubernetes.io", "{\"namespace\":\"shop\",\"serviceaccount\":{\"name\":\"web\",\"uid\":\"u\"}}"),
    ],
    who: (Some("shop"), &["system:serviceaccount:shop:web"]),
    rows: &[
        (
            "a token of a secret",
            &[
                ("iss", "\"kubernetes/serviceaccount\""),
                ("exp", ""),
                ("aud", ""),
                ("kubernetes.io", ""),
                ("kubernetes.io/serviceaccount/namespace", "\"shop\""),
            ],
            &[],
            INVALID,
        ),
        ("a token that never ends", &[("exp", "")], &[], INVALID),
        ("the audience of the API server", &[("aud", "[\"https://kubernetes.default.svc\"]")], &[], INVALID),
        ("no audience", &[("aud", "")], &[("aud", "[\"x\",\"orders\"]")], INVALID),
        ("a user", &[("sub", "\"alice\"")], &[], INVALID),
        ("a group", &[("sub", "\"system:serviceaccounts:shop:web\"")], &[], INVALID),
        ("not said by the cluster", &[("kubernetes.io", "")], &[], INVALID),
        ("an account without a name", &[("kubernetes.io", "{\"namespace\":\"shop\"}")], &[], INVALID),
        (
            "a namespace that is none",
            &[("kubernetes.io", "{\"namespace\":{},\"serviceaccount\":{\"name\":\"web\"}}")],
            &[],
            INVALID,
        ),
        ("another account", &[("sub", "\"system:serviceaccount:shop:web2\"")], &[], SCOPE),
        (
            "two accounts in one",
            &[("sub", "\"system:serviceaccount:evil:x system:serviceaccount:shop:web\"")],
            &[],
            SCOPE,
        ),
        ("an access token", &[("scope", "\"orders:read\"")], &[], INVALID),
    ],
};

pub(super) const GITHUB: Provider = Provider {
    name: "github-actions",
    issuer: "preset: github-actions, require_claims: { repository_owner_id: \"65\" }, \
             roles: { \"repo:acme/shop:environment:prod\": [\"orders:read\"] }",
    audience: "orders",
    operation: "read",
    typ: Some("JWT"),
    claims: &[
        ("iss", "\"https://token.actions.githubusercontent.com\""),
        ("sub", "\"repo:acme/shop:environment:prod\""),
        ("aud", "\"orders\""),
        ("repository", "\"acme/shop\""),
        ("repository_owner", "\"acme\""),
        ("repository_owner_id", "\"65\""),
        ("ref", "\"refs/heads/main\""),
    ],
    who: (Some("acme/shop"), &["acme/shop", "repo:acme/shop:environment:prod"]),
    rows: &[
        (
            "somebody else's workflow",
            &[("repository_owner_id", "\"66\""), ("repository_owner", "\"evil\"")],
            &[],
            INVALID,
        ),
        ("the name of an owner that was given up", &[("repository_owner_id", "\"66\"")], &[], INVALID),
        ("an owner that is not said", &[("repository_owner_id", "")], &[], INVALID),
        ("an owner that is a number", &[("repository_owner_id", "65")], &[], INVALID),
        ("owners in a list", &[("repository_owner_id", "[\"65\"]")], &[], INVALID),
        ("the audience that nobody asked for", &[("aud", "\"https://github.com/acme\"")], &[], INVALID),
        (
            "an enterprise of its own",
            &[("iss", "\"https://token.actions.githubusercontent.com/evil\"")],
            &[],
            INVALID,
        ),
        ("a repository that is none", &[("repository", "7")], &[], INVALID),
        ("a branch", &[("sub", "\"repo:acme/shop:ref:refs/heads/main\"")], &[], SCOPE),
        ("a pull request", &[("sub", "\"repo:acme/shop:pull_request\"")], &[], SCOPE),
        (
            "an environment that is called like two",
            &[("sub", "\"repo:acme/x:environment:a repo:acme/shop:environment:prod\"")],
            &[],
            SCOPE,
        ),
        ("an access token", &[("scp", "\"orders:read\"")], &[], INVALID),
    ],
};
