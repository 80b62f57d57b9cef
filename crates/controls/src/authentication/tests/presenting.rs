//! How a token may be presented, and what else is refused (RFC 6750 section 2, THREATS row 13).

use super::super::bearer::{Presented, presented};
use crate::security::kit::{call, ready};
use crate::security::{ANY_SCHEME, Scheme};
use engine::Principal;
use engine::principal::{CredentialKind, Proof};
use proptest::prelude::*;
use testkit::FakeClock;

/// Target, header fields, code.
type Row<'a> = (&'a str, Vec<(&'a str, String)>, &'a str);

#[test]
fn one_authorization_field_with_one_bearer_token() {
    let (world, gateway) = ready();
    let token = world.token(&[]);
    let bearer = format!("Bearer {token}");
    let auth = "authorization";
    let cases: Vec<Row<'_>> = vec![
        ("/v1/x", vec![(auth, bearer.clone())], "ok"),
        ("/v1/x", vec![(auth, format!("bearer {token}"))], "ok"),
        ("/v1/x", vec![(auth, format!("BEARER   {token}"))], "ok"),
        ("/v1/x?token=1&my_access_token=1", vec![(auth, bearer.clone())], "ok"),
        ("/v1/x", vec![], "credential_missing"),
        ("/v1/x", vec![("x-authorization", bearer.clone())], "credential_missing"),
        ("/v1/x", vec![("proxy-authorization", bearer.clone())], "credential_missing"),
        ("/v1/x", vec![("cookie", format!("access_token={token}"))], "credential_missing"),
        ("/v1/x", vec![(auth, format!("DPoP {token}"))], "token_invalid"),
        ("/v1/x", vec![(auth, format!("MAC {token}"))], "credential_missing"),
        ("/v1/x", vec![(auth, "Basic YTpi".into())], "credential_missing"),
        ("/v1/x", vec![(auth, token.clone())], "credential_missing"),
        ("/v1/x", vec![(auth, String::new())], "credential_malformed"),
        ("/v1/x", vec![(auth, "Bearer".into())], "credential_malformed"),
        ("/v1/x", vec![(auth, "Bearer ".into())], "credential_malformed"),
        ("/v1/x", vec![(auth, "Bearer ==".into())], "token_invalid"),
        ("/v1/x", vec![(auth, format!("Bearer\t{token}"))], "credential_malformed"),
        ("/v1/x", vec![(auth, format!("Bearer: {token}"))], "credential_malformed"),
        ("/v1/x", vec![(auth, format!("Bearer {token}, Bearer {token}"))], "credential_malformed"),
        ("/v1/x", vec![(auth, format!("Bearer {token},"))], "credential_malformed"),
        ("/v1/x", vec![(auth, format!("Bearer {token} x"))], "credential_malformed"),
        ("/v1/x", vec![(auth, format!("Bearer \"{token}\""))], "token_invalid"),
        ("/v1/x", vec![(auth, format!("Bearer {token}é"))], "token_invalid"),
        ("/v1/x", vec![(auth, format!("Bearer {token}é, Bearer x"))], "credential_malformed"),
        ("/v1/x", vec![(auth, format!("Bearer {}", token.replacen('.', "=.", 1)))], "token_invalid"),
        ("/v1/x", vec![(auth, bearer.clone()), (auth, bearer.clone())], "credential_malformed"),
        ("/v1/x", vec![(auth, bearer.clone()), (auth, "Basic YTpi".into())], "credential_malformed"),
        ("/v1/x?access_token=a", vec![], "credential_malformed"),
        ("/v1/x?a=1&access_token=a", vec![(auth, bearer.clone())], "credential_malformed"),
        ("/v1/x?access%5Ftoken=a", vec![(auth, bearer.clone())], "credential_malformed"),
        ("/v1/x?%61ccess_token=a", vec![(auth, bearer.clone())], "credential_malformed"),
        ("/v1/x?ACCESS_TOKEN=a", vec![(auth, bearer)], "credential_malformed"),
    ];
    assert_eq!(cases.iter().filter(|(.., code)| *code != "ok").count(), 28);
    for (target, fields, code) in cases {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let ended = gateway.send("read", target, &fields);
        assert_eq!(ended.code(), code, "{target} {fields:?}");
        if code == "credential_malformed" {
            assert!(ended.challenge().contains("error=\"invalid_request\""), "{target} {fields:?}");
        }
        if code == "token_invalid" {
            assert!(ended.challenge().contains("error=\"invalid_token\""), "{target} {fields:?}");
        }
        if code == "credential_missing" {
            assert!(!ended.challenge().contains("error="), "{target} {fields:?}");
        }
    }
}

proptest! {
    #[test]
    fn whatever_comes_a_token_is_only_what_a_token_may_be(value in "[ -~é]{0,40}", query in "[ -~&&[^#]]{0,30}") {
        let target = format!("/x?{}", query.replace([' ', '"', '<', '>', '\\', '^', '`', '{', '|', '}'], "_"));
        if target.parse::<http::Uri>().is_ok() && !target.contains('%') {
            let value = value.trim();
            let call = call(&FakeClock::new(), &target, &[("authorization", value)]);
            if let Presented::Token(scheme, token) = presented(&call.request) {
                let name = if scheme == Scheme::Bearer { "bearer " } else { "dpop " };
                prop_assert!(value[..name.len()].eq_ignore_ascii_case(name));
                prop_assert!(value.ends_with(token) && !token.contains([' ', ',', '"']));
                prop_assert!(!query.contains("access_token"));
            }
        }
    }
}

#[test]
fn what_was_proven_stands_in_a_live_stream_unless_nobody_may_call() {
    let (_world, gateway) = ready();
    for (operation, code) in [("silentAuthenticated", "ok"), ("open", "ok"), ("key", "unsecured_operation")] {
        let mut call = call(&gateway.clock, "/v1/x", &[]);
        let principal = testkit::call::principal("yett:applications", "app", u64::MAX);
        let principal = Principal { credential: CredentialKind::ApiKey, ..Principal::clone(&principal) };
        call.proofs.push(Proof { scheme: ANY_SCHEME, principal: principal.into(), certificate: None });
        assert_eq!(gateway.end(operation, call).code(), code, "{operation}");
    }
}
