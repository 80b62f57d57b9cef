//! Step-up authentication (RFC 9470): logins that are too weak or too old are told what is asked for, and reach nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its tokens need the time of day"
)]

use std::process::Command;

use crate::harness::*;
use testkit::Recorder;

/// A token of the local issuer, with claims.
fn token(gateway: &Gateway, claims: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yett"));
    command.args(["token", "--subject", "alice", "--scope", "things:read"]).current_dir(gateway.path(""));
    for claim in claims {
        command.args(["--claim", claim]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn logins_that_are_weak_or_old_are_told_what_is_asked_for() {
    let upstream = Recorder::start();
    let rule = "operations: { readSecret: { authorization: { require: { acr_values: [phr, mfa], max_age: 10m } } } }";
    let gateway = Gateway::with(&Setup::api(rule), &upstream.url());
    let (fresh, old) = (format!("auth_time={}", now() - 5), format!("auth_time={}", now() - 700));
    let acr = |value: &str| format!("acr={value}");
    let mut reached = 0;
    let rows = [
        (vec![acr("mfa"), fresh.clone()], None),
        (vec![acr("phr"), fresh.clone()], None),
        (vec![acr("mfa"), old.clone()], Some("login_stale")),
        (vec![acr("pwd"), fresh.clone()], Some("login_weak")),
        (vec![acr("MFA"), fresh.clone()], Some("login_weak")),
        (vec![acr("phr mfa"), fresh.clone()], Some("login_weak")),
        (vec![String::from("amr=mfa"), fresh.clone()], Some("login_weak")),
        (vec![fresh], Some("login_weak")),
        (vec![acr("pwd"), old], Some("login_weak")),
    ];
    assert_eq!(rows.iter().filter(|(_, code)| code.is_some()).count(), 7);
    for (claims, code) in rows {
        // First and remembered.
        let token = token(&gateway, &claims);
        for _ in 0..2 {
            let reply = gateway.call(get_as("/secret", &token));
            assert_eq!(reply.code().as_deref(), code, "{claims:?} {}", reply.text());
            reached += usize::from(code.is_none());
            assert_eq!(upstream.count(), reached, "{claims:?}");
            if code.is_some() {
                assert_eq!(reply.status, 401);
                let challenge = reply.head.get("www-authenticate").unwrap();
                let all = [
                    "Bearer ",
                    "error=\"insufficient_user_authentication\"",
                    "acr_values=\"phr mfa\"",
                    "max_age=\"600\"",
                ];
                assert!(all.iter().all(|part| challenge.contains(part)), "{challenge}");
            }
        }
    }
}
