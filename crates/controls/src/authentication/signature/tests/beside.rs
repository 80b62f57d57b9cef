//! Signatures beside a password and beside a webhook: each of them has to be good, and what is good once is used last.

use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use engine::principal::CredentialKind;
use engine::replay::Used;
use testkit::mint::base64;
use testkit::webhook::tag;

use super::client::{CONTRACT, DOCUMENT, SECRET, Sent, Signed, get, now, pem, post};
use super::composed::Others;
use crate::security::kit::{Ended, Setup, World};

/// What the reference implementation of Argon2 makes of `password`.
const USERS: &str =
    "alice:$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc\n";
const HOOK: [u8; 32] = [7; 32];

fn gateway(world: World) -> Signed {
    let bakery = Arc::new(Ed25519KeyPair::generate().unwrap());
    let document = DOCUMENT
        .replace("PEM", &pem(&bakery))
        .replace(
            "apis:\n",
            "users: { staff: { passwords: staff.txt } }\nwebhooks: { billing: { secrets: [\"env:HOOK\"] } }\napis:\n",
        )
        .replace("      key: {", "      basic: { users: [staff] }\n      hook: { webhook: billing }\n      key: {");
    let contract = CONTRACT
        .replace(
            "    key: {",
            "    basic: { type: http, scheme: basic }\n    hook: { type: apiKey, in: header, name: webhook-signature }\n    key: {",
        )
        .replace(
            "paths:\n",
            "paths:\n  /known: { get: { operationId: known, security: [{ signed: [], basic: [] }], responses: { \"200\": { description: ok } } } }\n  \
             /hooked: { post: { operationId: hooked, security: [{ signed: [], hook: [] }], responses: { \"200\": { description: ok } } } }\n",
        );
    let mut setup = Setup::new(&document, &contract);
    let hook = base64(HOOK);
    for (name, bytes) in [("env:SHOP", SECRET), ("env:HOOK", hook.as_str()), ("staff.txt", USERS)] {
        setup.assets.insert(name.into(), bytes.as_bytes().into());
    }
    let gateway = setup.attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    Signed { world, gateway, bakery }
}

fn basic(password: &str) -> String {
    format!("Basic {}", base64(format!("alice:{password}")))
}

/// A call that is signed, with a password.
fn known(nonce: &str, password: &str) -> Sent {
    let mut draft = get(nonce);
    draft.fields.push(("authorization", basic(password)));
    draft.covered.push("\"authorization\"");
    draft.sign()
}

/// A call that is signed, as the attempt of a webhook.
fn hooked(nonce: &str, id: &str, secret: &[u8]) -> Sent {
    let mut draft = post(nonce);
    let at = now().to_string();
    let signature = tag(secret, id, &at, draft.body.unwrap());
    let fields = [("webhook-id", id.to_owned()), ("webhook-timestamp", at), ("webhook-signature", signature)];
    draft.fields.extend(fields);
    draft.sign()
}

fn proven(ended: &Ended) -> Vec<CredentialKind> {
    ended.call.proofs.iter().map(|proof| proof.principal.credential).collect()
}

#[test]
fn a_password_and_a_signature_are_both_good() {
    let gateway = gateway(World::new());
    let code = |sent: Sent| gateway.send("known", sent).code();
    let ended = gateway.send("known", known("a", "password"));
    assert_eq!(ended.code(), "ok");
    assert_eq!(proven(&ended), [CredentialKind::Password, CredentialKind::Signature]);
    let headers = &ended.call.request.headers;
    assert!(!headers.contains_key("authorization") && !headers.contains_key("signature"), "they end here");
    assert_eq!(code(known("a", "password")), "signature_invalid", "used before");
    assert_eq!(code(known("b", "wrong")), "password_invalid");
    assert_eq!(code(known("b", "password")), "ok", "of a call that was refused for its password");
    let mut changed = known("c", "password");
    changed.method = "PUT";
    assert_eq!(code(changed), "signature_invalid");
    let mut uncovered = known("d", "password");
    uncovered.drop("authorization");
    uncovered.add("authorization", &basic("password"));
    assert_eq!(code(uncovered.clone()), "ok", "its twin");
    uncovered = get("e").sign();
    uncovered.add("authorization", &basic("password"));
    assert_eq!(code(uncovered), "signature_invalid");
    assert_eq!(code(get("f").sign()), "credential_missing");
    let alone = gateway.gateway.send("known", "/v1/known", &[("authorization", &basic("password"))]);
    assert_eq!(alone.code(), "credential_missing");
}

#[test]
fn other_gateways_are_asked_of_a_signature_beside_a_password() {
    for (used, code) in
        [(Used::First, "ok"), (Used::Before, "signature_invalid"), (Used::Unknown, "proof_unchecked")]
    {
        let replays = Arc::new(Others(state::MemoryReplays::new(), used, true));
        let gateway = gateway(World { replays, ..World::new() });
        // The second time the password is known.
        for nonce in ["a", "b"] {
            assert_eq!(gateway.send("known", known(nonce, "password")).code(), code, "{used:?} {nonce}");
        }
    }
}

#[test]
fn a_webhook_that_is_signed_as_a_call_is_held_to_both() {
    let gateway = gateway(World::new());
    let code = |sent: Sent| gateway.send("hooked", sent).code();
    let ended = gateway.send("hooked", hooked("a", "m1", &HOOK));
    assert_eq!(ended.code(), "ok");
    assert_eq!(proven(&ended), [CredentialKind::Webhook, CredentialKind::Signature]);
    assert_eq!(code(hooked("b", "m1", &HOOK)), "webhook_invalid", "the attempt came before");
    assert_eq!(code(hooked("a", "m2", &HOOK)), "signature_invalid", "the nonce came before");
    // What is refused for one of them takes nothing from the other.
    let mut changed = hooked("c", "m2", &HOOK);
    changed.body = Some(br#"{"amount": 11}"#.to_vec());
    assert_eq!(code(changed), "digest_mismatch");
    assert_eq!(code(hooked("d", "m2", &[9; 32])), "webhook_invalid");
    assert_eq!(code(hooked("e", "m2", &HOOK)), "ok");
    assert_eq!(code(post("f").sign()), "credential_missing");
}
