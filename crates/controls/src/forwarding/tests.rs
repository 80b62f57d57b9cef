use std::sync::Arc;

use engine::{Call, Control, Verdict, bounds};
use http::Method;
use signatures::ContentDigest;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done, worked};

use super::Forwarding;

fn forward(call: Call) -> Call {
    forward_with(call, &[])
}

fn forward_with(mut call: Call, declared: &[&str]) -> Call {
    let context = core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
    let control = Arc::new(Forwarding::new(declared.iter().copied())).attach(&context);
    assert!(matches!(done(control.head(&mut call)), Verdict::Allow));
    call
}

fn field<'c>(call: &'c Call, name: &str) -> Vec<&'c str> {
    call.request.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn identity_and_override_fields_are_removed_in_any_spelling() {
    let hostile = [
        "X-User-Id",
        "X_User_Id",
        "x-user_id",
        "X-USER-ID",
        "X-Consumer-Username",
        "X-Authenticated-Scope",
        "X-Authenticated-Userid",
        "X-Forwarded-User",
        "X_Forwarded_User",
        "X-Forwarded-Email",
        "X-Forwarded-Prefix",
        "X-Real-IP",
        "X-Original-URL",
        "X-Original-Host",
        "X-Rewrite-URL",
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "X_HTTP_METHOD_OVERRIDE",
        "X-Host",
        "X-Envoy-Original-Path",
        "X-Yett-Subject",
        "Yett-Call",
        "yett_call",
        "Remote-User",
        "X-Client-Cert",
        "SSL-Client-Verify",
        "True-Client-IP",
        "Proxy",
        "X-Amzn-Oidc-Identity",
        "X-Goog-Authenticated-User-Email",
        "X-MS-CLIENT-PRINCIPAL-ID",
        "X-Auth-Request-User",
        "Txn-Token",
        "txn_token",
        "TXN_TOKEN",
        "anything_at_all",
    ];
    for trusted in [false, true] {
        let mut builder = CallBuilder::get("/");
        for name in hostile {
            builder = builder.header(name, "admin").header(name, "twice");
        }
        let mut call = builder.build();
        call.trusted = trusted;
        let call = forward(call);
        for name in hostile {
            assert!(!call.request.headers.contains_key(name), "{name}");
        }
    }
}

/// Not made from the list that is tested: what login proxies, gateways and platforms document.
const SPOOFS: &[&str] = &[
    "Client-Cert",
    "Client-Cert-Chain",
    "Remote-User",
    "Remote-Email",
    "Remote-Groups",
    "Remote-Name",
    "Cf-Access-Authenticated-User-Email",
    "Cf-Access-Jwt-Assertion",
    "Cf-Connecting-Ip",
    "Cf-Connecting-Ipv6",
    "X-Pomerium-Jwt-Assertion",
    "X-Pomerium-Claim-Email",
    "Tailscale-User-Login",
    "Tailscale-User-Name",
    "X-Vouch-User",
    "X-Authentik-Username",
    "X-Authentik-Groups",
    "Oidc-Claim-Sub",
    "OIDC-Access-Token",
    "Sm-User",
    "Sm-Userdn",
    "Smuser",
    "Iv-User",
    "Iv-Groups",
    "Iv-Creds",
    "X-Appengine-User-Email",
    "X-Appengine-User-Is-Admin",
    "Impersonate-User",
    "Impersonate-Group",
    "Impersonate-Extra-Scopes",
    "X-Auth-Email",
    "X-Auth-Subject",
    "X-Auth-Roles",
    "X-Role",
    "X-Roles",
    "X-Azure-ClientIP",
    "X-MS-CLIENT-PRINCIPAL",
    "X-MS-CLIENT-PRINCIPAL-NAME",
    "X-MS-TOKEN-AAD-ID-TOKEN",
    "X-Remote-Extra-Scopes",
    "X-Oidc-Sub",
    "X-Sso-User",
    "X-Shib-User",
    "Shib-Identity-Provider",
    "Eppn",
    "X-Apigee-Developer",
    "X-Hasura-Role",
    "X-Scope-OrgID",
    "X-Tenant",
    "Tenant-Id",
    "X-Org-Id",
    "X-Is-Admin",
    "X-Claims",
    "X-Uid",
    "X-Permissions",
    "X-Sub",
    "X-Proxy-User",
    "X-ProxyUser-Ip",
    "X-Endpoint-API-UserInfo",
    "Grpc-Metadata-User",
    "X-Arr-ClientCert",
    "X-Forwarded-Client-Cert",
    "X-Amzn-Oidc-Data",
    "X-Goog-Iap-Jwt-Assertion",
    "X-Admin",
    "Txn-Token",
];

#[test]
fn what_platforms_say_of_callers_is_removed_in_any_spelling() {
    let mut passed = Vec::new();
    for name in SPOOFS {
        let (lower, upper) = (name.to_lowercase(), name.to_uppercase());
        let first = lower.replacen('-', "_", 1);
        for spelled in [name.to_string(), upper.replace('-', "_"), first, upper, lower] {
            let call = forward(CallBuilder::get("/").header(&spelled, "admin").build());
            if call.request.headers.contains_key(&spelled) {
                passed.push(spelled);
            }
        }
    }
    assert_eq!(passed, Vec::<String>::new());
}

#[test]
fn a_name_with_two_meanings_passes_where_the_contract_declares_it() {
    let call = || {
        let builder = CallBuilder::get("/").header("x-tenant", "t").header("x_tenant", "u");
        builder.header("x-auth-realm", "r").header("remote-user", "root").build()
    };
    let forwarded = forward_with(call(), &["X-Tenant", "Remote-User"]);
    assert_eq!(field(&forwarded, "x-tenant"), ["t"]);
    for gone in ["x_tenant", "x-auth-realm", "remote-user"] {
        assert!(field(&forwarded, gone).is_empty(), "{gone}");
    }
}

#[test]
fn what_means_no_harm_passes() {
    let harmless = [
        ("authorization", "Bearer x"),
        ("cookie", "a=b"),
        ("x-request-id", "7"),
        ("accept", "*/*"),
        ("traceparent", "00-0-0-00"),
        ("x-api-key", "k"),
        ("x-custom", "1"),
        ("range", "bytes=0-1"),
        ("x-users", "2"),
        ("x-auth-token", "a credential"),
        ("x-client-version", "7"),
        ("if-none-match", "*"),
        ("origin", "https://a.example"),
        ("expect", "100-continue"),
        ("user-agent", "a"),
    ];
    let mut builder = CallBuilder::get("/");
    for (name, value) in harmless {
        builder = builder.header(name, value);
    }
    let call = forward(builder.build());
    for (name, value) in harmless {
        assert_eq!(field(&call, name), [value], "{name}");
    }
}

#[test]
fn an_untrusted_peer_is_forwarded_afresh() {
    let call = forward(
        CallBuilder::get("/")
            .peer("2001:db8::7")
            .tls()
            .header("forwarded", "for=6.6.6.6;host=evil")
            .header("x-forwarded-for", "6.6.6.6")
            .header("x-forwarded-for", "7.7.7.7")
            .header("x-forwarded-proto", "http")
            .header("x-forwarded-host", "evil")
            .build(),
    );
    assert_eq!(field(&call, "forwarded"), ["for=\"[2001:db8::7]\";proto=https;host=\"api.example.com\""]);
    assert_eq!(field(&call, "x-forwarded-for"), ["2001:db8::7"]);
    assert_eq!(field(&call, "x-forwarded-proto"), ["https"]);
    assert_eq!(field(&call, "x-forwarded-host"), ["api.example.com"]);
}

#[test]
fn what_a_trusted_hop_says_is_appended_to() {
    let mut call = CallBuilder::get("/")
        .peer("10.0.0.1")
        .header("forwarded", "for=203.0.113.9")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-forwarded-for", "10.0.0.2")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "shop.example.com:8443")
        .build();
    call.trusted = true;
    let call = forward(call);
    assert_eq!(
        field(&call, "forwarded"),
        ["for=203.0.113.9, for=10.0.0.1;proto=http;host=\"api.example.com\""]
    );
    assert_eq!(field(&call, "x-forwarded-for"), ["203.0.113.9, 10.0.0.2, 10.0.0.1"]);
    assert_eq!(field(&call, "x-forwarded-proto"), ["https"]);
    assert_eq!(field(&call, "x-forwarded-host"), ["shop.example.com:8443"]);
}

#[test]
fn nonsense_of_a_trusted_hop_is_replaced() {
    let mut call = CallBuilder::get("/")
        .peer("10.0.0.1")
        .header("forwarded", "for=;;")
        .header("x-forwarded-for", "what")
        .header("x-forwarded-proto", "gopher")
        .header("x-forwarded-host", "a/b")
        .build();
    call.trusted = true;
    let call = forward(call);
    assert_eq!(field(&call, "forwarded"), ["for=10.0.0.1;proto=http;host=\"api.example.com\""]);
    assert_eq!(field(&call, "x-forwarded-for"), ["10.0.0.1"]);
    assert_eq!(field(&call, "x-forwarded-proto"), ["http"]);
    assert_eq!(field(&call, "x-forwarded-host"), ["api.example.com"]);
}

#[test]
fn a_declared_field_with_an_underscore_passes_unless_it_is_an_alias() {
    let call = || {
        let builder = CallBuilder::get("/").header("api_key", "1").header("x_user_id", "2");
        builder.header("other_one", "3").build()
    };
    let forwarded = forward_with(call(), &["api_key", "x_user_id", "x-other"]);
    assert_eq!(field(&forwarded, "api_key"), ["1"]);
    assert!(field(&forwarded, "x_user_id").is_empty() && field(&forwarded, "other_one").is_empty());
    assert!(field(&forward(call()), "api_key").is_empty());
}

#[test]
fn garbage_of_the_client_does_not_hide_it_from_the_upstream() {
    let mut call = CallBuilder::get("/")
        .peer("10.0.0.1")
        .header("forwarded", "for=\"evil, for=203.0.113.9")
        .header("x-forwarded-for", "x, 203.0.113.9")
        .build();
    call.trusted = true;
    let call = forward(call);
    assert_eq!(field(&call, "x-forwarded-for"), ["203.0.113.9, 10.0.0.1"]);
    assert_eq!(
        field(&call, "forwarded"),
        ["for=203.0.113.9, for=10.0.0.1;proto=http;host=\"api.example.com\""]
    );
}

#[test]
fn the_digest_of_what_is_sent_replaces_what_a_client_says_of_it() {
    let context = core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
    let plain = Forwarding::new([].into_iter());
    assert!(!plain.needs().body, "where nothing is signed nobody waits for a body");
    let control = Arc::new(plain.with_digest(true));
    assert!(control.needs().body);
    let control = control.attach(&context);
    let said = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    for (length, long) in [(0, false), (1, false), (bounds::LONG_BODY, false), (bounds::LONG_BODY + 1, true)]
    {
        let call = CallBuilder::new(Method::POST, "/").header("content-digest", said);
        let body = vec![b' '; length];
        let mut call = call.body("text/plain", body.clone()).build();
        let (aside, verdict) = worked(control.body(&mut call));
        assert!(aside == long && matches!(verdict, Verdict::Allow), "{length}");
        let digest = ContentDigest::read(&call.request.headers).unwrap();
        assert_eq!(digest.is_some(), length > 0, "{length}");
        assert!(digest.is_none_or(|digest| digest.is_of(&body)), "{length}");
        assert_eq!(field(&call, "content-digest").len(), usize::from(length > 0));
    }
}
