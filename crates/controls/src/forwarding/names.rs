//! Which header fields of a client never reach an upstream.
//!
//! A field is judged by its canonical spelling, `-` for `_`: CGI, WSGI and Rack make one variable of both, so that
//! `X_User_Id` would arrive as `X-User-Id` (THREATS row 14). Fields with `_` in their names are removed altogether, as nginx
//! does by default, but for those that the operation's contract declares and that are no alias of a listed one.
//!
//! [`CLAIMS`] and [`CLAIM_PREFIXES`] are names by which some services are told who calls and others take an ordinary
//! parameter: they pass where the operation's contract declares them. Credentials (`Authorization`, `X-Auth-Token`,
//! `X-Api-Key`) prove instead of claiming, and pass.

use std::borrow::Cow;

/// Fields that name or describe who calls, who forwards, or that change what is called: exact names.
const NAMES: &[&str] = &[
    // Who calls, as gateways and login proxies tell their upstreams.
    "client-cert",
    "client-cert-chain",
    "eppn",
    "smuser",
    "x-user",
    "x-user-id",
    "x-userid",
    "x-user-name",
    "x-username",
    "x-user-email",
    "x-user-roles",
    "x-user-groups",
    "x-userinfo",
    "x-email",
    "x-groups",
    "x-roles",
    "x-scopes",
    "x-tenant-id",
    "x-subject",
    "x-account-id",
    "x-principal",
    "x-id-token",
    "x-access-token-claims",
    "x-identity",
    "x-arr-clientcert",
    "x-apigateway-api-userinfo",
    "x-endpoint-api-userinfo",
    "x-vouch-idp-accesstoken",
    "x-vouch-idp-idtoken",
    "x-proxy-user",
    "txn-token",
    "x-client-cert",
    "x-client-dn",
    "x-client-verify",
    "x-ssl-cert",
    "x-anonymous-consumer",
    // Who forwards, and for whom.
    "forwarded",
    "x-forwarded",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-azure-clientip",
    "x-azure-socketip",
    "x-proxyuser-ip",
    "client-ip",
    "true-client-ip",
    "fastly-client-ip",
    "x-scheme",
    "x-url-scheme",
    "front-end-https",
    // What is called.
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-method",
    "x-host",
    "x-http-host-override",
    "x-http-path-override",
    "x-override-url",
    "x-script-name",
    "x-path-info",
    // Would set HTTP_PROXY for the upstream's own calls.
    "proxy",
    // A proof of possession for this gateway, which is not to be shown to anybody else (RFC 9449).
    "dpop",
];

/// The same, by how they begin.
const PREFIXES: &[&str] = &[
    "x-forwarded-",
    "x-original-",
    "x-rewrite-",
    "x-consumer-",
    "x-credential-",
    "x-authenticated-",
    "x-auth-request-",
    "x-auth-user",
    "x-jwt-",
    "x-token-",
    "x-webauth-",
    "x-ssl-client-",
    "x-tls-client-",
    "x-client-cert-",
    "ssl-client-",
    "tls-client-",
    "cf-access-",
    "cf-connecting-",
    "impersonate-",
    "iv-",
    "oidc-",
    "remote-",
    "shib-",
    "sm-user",
    "tailscale-",
    "x-apigee-",
    "x-appengine-",
    "x-authentik-",
    "x-impersonate-",
    "x-ms-token-",
    "x-oidc-",
    "x-pomerium-",
    "x-remote-",
    "x-shib-",
    "x-sso-",
    "x-vouch-user",
    "x-envoy-",
    "x-amzn-oidc-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-yett-",
    "yett-",
];

/// Fields that name or describe who calls where the contract does not declare them: exact names.
const CLAIMS: &[&str] = &[
    "tenant-id",
    "x-admin",
    "x-api-user",
    "x-claims",
    "x-gateway-user",
    "x-internal-user",
    "x-is-admin",
    "x-org-id",
    "x-permissions",
    "x-person-id",
    "x-role",
    "x-scope-orgid",
    "x-sub",
    "x-tenant",
    "x-trusted-user",
    "x-uid",
    "x-verified-user",
];

/// The same, by how they begin.
const CLAIM_PREFIXES: &[&str] = &["grpc-metadata-", "x-auth-", "x-hasura-"];

/// Credentials among what begins so.
const CREDENTIALS: &[&str] = &["x-auth-token", "x-auth-key", "x-hasura-admin-secret"];

/// For each first byte of a listed name, a bit for each byte that comes second: most fields of a call are told apart by it.
static BEGIN: [u128; 128] = begin();

const fn begin() -> [u128; 128] {
    let mut bits = [0; 128];
    let mut lists: &[&[&str]] = &[NAMES, PREFIXES, CLAIMS, CLAIM_PREFIXES];
    while let Some((list, others)) = lists.split_first() {
        let mut names = *list;
        while let Some((name, rest)) = names.split_first() {
            if let [one, two, ..] = name.as_bytes() {
                let (_, from) = bits.split_at_mut((*one & 127) as usize);
                if let Some((second, _)) = from.split_first_mut() {
                    *second |= 1 << (*two & 127);
                }
            }
            names = rest;
        }
        lists = others;
    }
    bits
}

/// Whether a client's field of this name (lower case, as [`http::HeaderName`] has it) is removed. `declared` are names that
/// the operation's contract declares and that [`depends_on_contract`].
pub(super) fn is_removed(name: &str, declared: &[Box<str>]) -> bool {
    let aliased = name.contains('_');
    if !aliased && !may_be_listed(name) {
        return false;
    }
    let canonical = if aliased { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name) };
    is_listed(&canonical, NAMES, PREFIXES)
        || (aliased || is_claim(&canonical)) && !declared.iter().any(|known| **known == *name)
}

/// Whether a field of this name (lower case) passes only where the contract declares it.
pub(super) fn depends_on_contract(name: &str) -> bool {
    name.contains('_') || is_claim(name)
}

fn may_be_listed(name: &str) -> bool {
    let [one, two, ..] = name.as_bytes() else { return false };
    BEGIN.get(usize::from(one & 127)).is_some_and(|second| second >> (two & 127) & 1 == 1)
}

fn is_claim(name: &str) -> bool {
    is_listed(name, CLAIMS, CLAIM_PREFIXES) && !CREDENTIALS.contains(&name)
}

fn is_listed(name: &str, names: &[&str], prefixes: &[&str]) -> bool {
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}
