//! Which header fields of a client never reach an upstream.
//!
//! A field is judged by its canonical spelling, `-` for `_`: CGI, WSGI and Rack make one variable of both, so that
//! `X_User_Id` would arrive as `X-User-Id` (THREATS row 14). Fields with `_` in their names are removed altogether, as nginx
//! does by default, but for those that the operation's contract declares and that are no alias of a listed one.

/// Fields that name or describe who calls, who forwards, or that change what is called: exact names.
const NAMES: &[&str] = &[
    // Who calls, as gateways and login proxies tell their upstreams.
    "remote-user",
    "x-remote-user",
    "x-remote-group",
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
    "x-remote-addr",
    "x-remote-ip",
    "client-ip",
    "true-client-ip",
    "cf-connecting-ip",
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
    "x-client-cert-",
    "ssl-client-",
    "tls-client-",
    "x-envoy-",
    "x-amzn-oidc-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-yett-",
    "yett-",
];

/// Whether a client's field of this name (lower case, as [`http::HeaderName`] has it) is removed. `declared` are names with `_`
/// that the operation's contract declares.
pub(super) fn is_removed(name: &str, declared: &[Box<str>]) -> bool {
    if name.contains('_') {
        return !declared.iter().any(|known| **known == *name) || is_listed(&name.replace('_', "-"));
    }
    is_listed(name)
}

fn is_listed(name: &str) -> bool {
    // All of them begin so: most fields of a call are told apart by one byte.
    match name.as_bytes().first() {
        Some(b'x' | b'r' | b'f' | b'c' | b't' | b'p' | b's' | b'y') => {
            NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        }
        _ => false,
    }
}
