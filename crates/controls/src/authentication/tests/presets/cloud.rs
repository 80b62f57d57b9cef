//! Microsoft Entra ID and Amazon Cognito.

use super::{INVALID, Provider, SCOPE};

pub(super) const ENTRA_V2: Provider = Provider {
    name: "entra-v2",
    issuer: "preset: entra-v2, url: \"https://login.microsoftonline.com/t1/v2.0\", roles: { Clerk: [\"orders:read\"] }",
    audience: "6e74172b",
    operation: "read",
    typ: Some("JWT"),
    claims: &[
        ("iss", "\"https://login.microsoftonline.com/t1/v2.0\""),
        ("sub", "\"pairwise\""),
        ("aud", "\"6e74172b\""),
        ("ver", "\"2.0\""),
        ("tid", "\"t1\""),
        ("oid", "\"o\""),
        ("azp", "\"app\""),
        ("azpacr", "\"0\""),
        ("scp", "\"orders:read access_as_user\""),
    ],
    who: (Some("app"), &[]),
    rows: &[
        (
            "another tenant",
            &[("iss", "\"https://login.microsoftonline.com/t2/v2.0\""), ("tid", "\"t2\"")],
            &[],
            INVALID,
        ),
        (
            "a token of version 1.0",
            &[
                ("iss", "\"https://sts.windows.net/t1/\""),
                ("ver", "\"1.0\""),
                ("azp", ""),
                ("appid", "\"app\""),
            ],
            &[],
            INVALID,
        ),
        ("a token that says it is of version 1.0", &[("ver", "\"1.0\"")], &[("ver", "\"2.0\"")], INVALID),
        ("a version that is a number", &[("ver", "2.0")], &[], INVALID),
        (
            "an ID token with roles",
            &[("azp", ""), ("scp", ""), ("roles", "[\"Clerk\"]")],
            &[("scp", ""), ("roles", "[\"Clerk\"]")],
            INVALID,
        ),
        ("an ID token by its nonce", &[("nonce", "\"n\"")], &[], INVALID),
        ("an application that is empty", &[("azp", "\"\"")], &[], INVALID),
        ("the application of version 1.0", &[("azp", ""), ("appid", "\"app\"")], &[], INVALID),
        ("no audience", &[("aud", "")], &[], INVALID),
        ("the audience by its URI", &[("aud", "\"api://6e74172b\"")], &[], INVALID),
        (
            "roles that are an object",
            &[("scp", ""), ("roles", "{\"Clerk\":1}")],
            &[("scp", ""), ("roles", "[\"Clerk\"]")],
            SCOPE,
        ),
        (
            "groups, which are not asked for",
            &[("scp", ""), ("groups", "[\"Clerk\"]")],
            &[("scp", ""), ("roles", "[\"Clerk\"]"), ("_claim_names", "{\"groups\":\"src1\"}")],
            SCOPE,
        ),
        ("scopes in another claim", &[("scp", ""), ("scope", "\"orders:read\"")], &[], SCOPE),
        ("scopes that are elsewhere", &[("_claim_names", "{\"scp\":\"src1\"}")], &[], INVALID),
    ],
};

pub(super) const ENTRA_GROUPS: Provider = Provider {
    name: "entra-v2 with groups",
    issuer: "preset: entra-v2, url: \"https://login.microsoftonline.com/t1/v2.0\", roles_from: [roles, groups], \
             roles: { g7: [\"orders:read\"] }",
    claims: &[
        ("iss", "\"https://login.microsoftonline.com/t1/v2.0\""),
        ("sub", "\"pairwise\""),
        ("aud", "\"6e74172b\""),
        ("ver", "\"2.0\""),
        ("azp", "\"app\""),
        ("groups", "[\"g1\",\"g7\"]"),
    ],
    who: (Some("app"), &["g1", "g7"]),
    rows: &[
        (
            "too many groups to name",
            &[("groups", ""), ("_claim_names", "{\"groups\":\"src1\"}")],
            &[],
            INVALID,
        ),
        (
            "some groups, and more elsewhere",
            &[("_claim_names", "{\"groups\":\"src1\"}")],
            &[("_claim_names", "{}")],
            INVALID,
        ),
        (
            "too many for a fragment",
            &[("groups", ""), ("hasgroups", "true")],
            &[("hasgroups", "true")],
            INVALID,
        ),
        (
            "too many, in words",
            &[("groups", ""), ("hasgroups", "\"true\"")],
            &[("hasgroups", "false")],
            INVALID,
        ),
        ("a group that is none", &[("groups", "[\"g7\",7]")], &[("groups", "[\"g7\",\"7\"]")], SCOPE),
        ("another group", &[("groups", "[\"g70\"]")], &[("groups", "\"g7\"")], SCOPE),
    ],
    ..ENTRA_V2
};

pub(super) const ENTRA_V1: Provider = Provider {
    name: "entra-v1",
    issuer: "preset: entra-v1, url: \"https://sts.windows.net/t1/\"",
    audience: "\"api://orders\"",
    operation: "read",
    typ: Some("JWT"),
    claims: &[
        ("iss", "\"https://sts.windows.net/t1/\""),
        ("sub", "\"pairwise\""),
        ("aud", "\"api://orders\""),
        ("ver", "\"1.0\""),
        ("appid", "\"app\""),
        ("appidacr", "\"1\""),
        ("scp", "\"orders:read\""),
    ],
    who: (Some("app"), &[]),
    rows: &[
        (
            "a token of version 2.0",
            &[
                ("iss", "\"https://login.microsoftonline.com/t1/v2.0\""),
                ("ver", "\"2.0\""),
                ("appid", ""),
                ("azp", "\"app\""),
            ],
            &[],
            INVALID,
        ),
        ("a token that says it is of version 2.0", &[("ver", "\"2.0\"")], &[], INVALID),
        ("an ID token", &[("appid", "")], &[], INVALID),
        ("the application of version 2.0", &[("appid", ""), ("azp", "\"app\"")], &[], INVALID),
        ("an issuer without its slash", &[("iss", "\"https://sts.windows.net/t1\"")], &[], INVALID),
        ("another tenant", &[("iss", "\"https://sts.windows.net/t2/\"")], &[], INVALID),
        ("no version", &[("ver", "")], &[], INVALID),
    ],
};

pub(super) const COGNITO: Provider = Provider {
    name: "cognito",
    issuer: "preset: cognito, url: \"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a\", \
             roles: { clerks: [\"orders:read\"] }",
    audience: "[web, \"https://orders.example\"]",
    operation: "read",
    typ: None,
    claims: &[
        ("iss", "\"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_a\""),
        ("sub", "\"u\""),
        ("client_id", "\"web\""),
        ("token_use", "\"access\""),
        ("username", "\"alice\""),
        ("scope", "\"aws.cognito.signin.user.admin orders:read\""),
        ("cognito:groups", "[\"users\"]"),
    ],
    who: (Some("web"), &["users"]),
    rows: &[
        (
            "an ID token",
            &[("token_use", "\"id\""), ("aud", "\"web\""), ("scope", ""), ("cognito:groups", "[\"clerks\"]")],
            &[("scope", ""), ("cognito:groups", "[\"clerks\"]")],
            INVALID,
        ),
        ("a token for no use", &[("token_use", "")], &[], INVALID),
        ("two uses", &[("token_use", "[\"access\",\"id\"]")], &[], INVALID),
        ("another client", &[("client_id", "\"other\"")], &[], INVALID),
        ("no client, and no audience", &[("client_id", "")], &[], INVALID),
        ("a list of clients", &[("client_id", "[\"web\"]")], &[], INVALID),
        ("a client by prefix", &[("client_id", "\"web2\"")], &[], INVALID),
        (
            "our client, for another resource",
            &[("aud", "\"https://billing.example\"")],
            &[("aud", "\"https://orders.example\"")],
            INVALID,
        ),
        ("an audience of nothing", &[("aud", "null")], &[], INVALID),
        ("an audience of nobody", &[("aud", "[]")], &[], INVALID),
        (
            "another pool",
            &[("iss", "\"https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_b\"")],
            &[],
            INVALID,
        ),
        (
            "another region",
            &[("iss", "\"https://cognito-idp.us-east-1.amazonaws.com/eu-central-1_a\"")],
            &[],
            INVALID,
        ),
        (
            "groups in one text",
            &[("scope", ""), ("cognito:groups", "\"users clerks\"")],
            &[("scope", ""), ("cognito:groups", "\"clerks\"")],
            SCOPE,
        ),
        (
            "groups of another claim",
            &[("scope", ""), ("groups", "[\"clerks\"]")],
            &[("scope", ""), ("cognito:groups", "[\"clerks\"]")],
            SCOPE,
        ),
    ],
};
