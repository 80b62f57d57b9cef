//! Signatures beside other credentials, and what goes on of a call.

use std::sync::Arc;

use engine::principal::CredentialKind;
use engine::replay::{Replays, Used};
use engine::{BoxFuture, UnixTime};

use super::client::{Draft, Pen, Sent, Signed, get, parameters};
use crate::security::kit::World;

fn with_token(draft: &mut Draft, token: &str) {
    draft.fields.push(("authorization", format!("Bearer {token}")));
    draft.covered.push("\"authorization\"");
}

#[test]
fn who_signs_is_the_configurations() {
    let gateway = Signed::new();
    let ended = gateway.send("read", get("who").sign());
    let principal = ended.call.principal().unwrap();
    assert_eq!((&*principal.issuer, &*principal.subject), ("yett:signers:partners", "shop"));
    assert_eq!(principal.application.as_deref(), Some("shop"));
    assert_eq!(principal.credential, CredentialKind::Signature);
    assert_eq!(principal.roles.join(" "), "clerk");
    let claims = principal.claims.root();
    assert_eq!(claims.get("keyid").unwrap().as_str().unwrap(), "shop-1");
    assert_eq!(claims.get("sub").unwrap().as_str().unwrap(), "shop");
    // The fields end here; what they covered goes on.
    let headers = &ended.call.request.headers;
    assert!(!headers.contains_key("signature") && !headers.contains_key("signature-input"));

    let mut bakery = get("bakery");
    bakery.pen = Pen::Ed25519(Arc::clone(&gateway.bakery));
    bakery.parameters = parameters(0, "bakery-1", "bakery");
    let ended = gateway.send("read", bakery.sign());
    assert_eq!(ended.call.principal().unwrap().application.as_deref(), Some("ovens"));
    // A scope that the contract asks for and the signer lacks.
    bakery.parameters = parameters(0, "bakery-1", "bakery-2");
    let ended = gateway.send("write", bakery.sign());
    assert_eq!(ended.code(), "insufficient_scope");
    assert!(ended.challenge().starts_with("Signature realm=\"orders\", error=\"insufficient_scope\""));
}

#[test]
fn a_refusal_says_what_is_wanted() {
    let gateway = Signed::new();
    let ended = gateway.gateway.send("read", "/v1/read", &[]);
    assert_eq!(ended.code(), "credential_missing");
    assert_eq!(
        ended.challenge(),
        "Signature realm=\"orders\"|sig=(\"@method\" \"@authority\" \"@path\" \"@query\");created"
    );
    let mut sent = super::client::post("asked").sign();
    sent.method = "PUT";
    let ended = gateway.send("write", sent);
    assert_eq!(
        ended.challenge(),
        "Signature realm=\"orders\", error=\"invalid_signature\", error_description=\"the signature is wrong\"|\
         sig=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\" \"content-type\");created"
    );
    let ended = gateway.gateway.send("named", "/v1/named", &[]);
    assert!(ended.challenge().ends_with("\"@query\" \"x-request-id\");created;tag=\"orders\""));
    // Where no signature is taken, none is asked for.
    let ended = gateway.gateway.send("token", "/v1/token", &[]);
    assert!(!ended.challenge().contains("Signature") && !ended.challenge().contains("sig="));
}

#[test]
fn settings_of_a_scheme_are_its_own() {
    let gateway = Signed::new();
    let draft = |change: fn(&mut Draft)| {
        let mut draft = get("");
        draft.target = "/v1/named";
        draft.parameters = format!(";created={};keyid=\"other-1\";tag=\"orders\"", super::client::now());
        draft.fields.push(("x-request-id", "7".into()));
        draft.covered.push("\"x-request-id\"");
        change(&mut draft);
        draft.sign()
    };
    let ended = gateway.send("named", draft(|_| {}));
    assert_eq!(ended.code(), "ok");
    assert!(ended.call.request.headers.contains_key("signature"), "forwarded");
    assert_eq!(&*ended.call.principal().unwrap().issuer, "yett:signers:others");
    // Without nonces it is good as long as it is fresh.
    assert_eq!(gateway.send("named", draft(|_| {})).code(), "ok");
    for change in [
        (|draft: &mut Draft| draft.parameters = draft.parameters.replace("orders", "other"))
            as fn(&mut Draft),
        |draft| draft.parameters = draft.parameters.replace(";tag=\"orders\"", ""),
        |draft| draft.covered.truncate(4),
        |draft| drop(draft.fields.pop()),
        |draft| draft.parameters = draft.parameters.replace("other-1", "shop-1"),
    ] {
        assert_eq!(gateway.send("named", draft(change)).code(), "signature_invalid");
    }
}

#[test]
fn every_credential_that_comes_is_good() {
    let gateway = Signed::new();
    let token = gateway.world.token(&[]);
    let foreign = gateway.world.token(&[("aud", "\"others\"")]);
    let signed = |nonce: &str, token: &str| {
        let mut draft = get(nonce);
        if !token.is_empty() {
            with_token(&mut draft, token);
        }
        draft.sign()
    };
    let code = |operation: &str, sent: Sent| gateway.send(operation, sent).code();
    assert_eq!(code("both", signed("a", &token)), "ok");
    assert_eq!(code("both", signed("b", "")), "credential_missing");
    assert_eq!(code("both", signed("c", &foreign)), "token_invalid");
    assert_eq!(gateway.gateway.bearer("both", &token).code(), "credential_missing");
    // Of a call that is refused for its token, the nonce is not used.
    assert_eq!(code("both", signed("c", &token)), "ok");
    assert_eq!(code("both", signed("c", &token)), "signature_invalid");
    assert_eq!(code("either", signed("d", "")), "ok");
    assert_eq!(gateway.gateway.bearer("either", &token).code(), "ok");
    assert_eq!(code("either", signed("e", &token)), "ok");
    let mut wrong = signed("f", &token);
    wrong.method = "PUT";
    assert_eq!(code("either", wrong), "signature_invalid", "a good token does not help");
    // Anyone may call, but who signs has to sign well.
    assert_eq!(gateway.gateway.send("optional", "/v1/optional", &[]).code(), "ok");
    let mut wrong = signed("g", "");
    wrong.method = "PUT";
    assert_eq!(code("optional", wrong), "signature_invalid");
    assert_eq!(code("optional", signed("h", "")), "ok");
    // Where no signature is taken, its fields are fields like others.
    let mut ignored = get("i");
    with_token(&mut ignored, &token);
    let ended = gateway.send("token", ignored.sign());
    assert_eq!(ended.code(), "ok");
    assert!(ended.call.request.headers.contains_key("signature"));
}

#[test]
fn nothing_is_verified_for_an_address_that_has_failed_too_often() {
    let gateway = Signed::new();
    let mut call = crate::security::kit::call(&gateway.world.clock, "/v1/read", &[]);
    let sent = get("suspect").sign();
    for (name, value) in &sent.fields {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        call.request.headers.append(name, http::HeaderValue::from_bytes(value).unwrap());
    }
    call.suspect = Some(std::time::Duration::from_secs(1));
    let mut said = None;
    for (control, _) in &gateway.gateway.operations["read"] {
        if let engine::Step::Done(verdict @ engine::Verdict::Throttle(_)) = control.head(&mut call) {
            said = Some(verdict);
            break;
        }
    }
    assert!(said.is_some());
    assert_eq!(gateway.said(get("suspect").sign()).0, "ok", "and its nonce was not used");
}

#[test]
fn a_remembered_token_does_not_help_a_signature_of_an_address_that_has_failed_too_often() {
    let gateway = Signed::new();
    let token = gateway.world.token(&[]);
    // It is remembered when it comes for the second time.
    for _ in 0..2 {
        assert_eq!(gateway.gateway.bearer("either", &token).code(), "ok");
    }
    let is_throttled = |nonce: Option<&str>| {
        let mut draft = get(nonce.unwrap_or_default());
        with_token(&mut draft, &token);
        let mut sent = draft.sign();
        if nonce.is_none() {
            sent.drop("signature");
            sent.drop("signature-input");
        }
        let mut call = sent.call(&gateway.world.clock);
        call.suspect = Some(std::time::Duration::from_secs(1));
        let mut controls = gateway.gateway.operations["either"].iter();
        controls.any(|(control, _)| {
            matches!(control.head(&mut call), engine::Step::Done(engine::Verdict::Throttle(_)))
        })
    };
    assert!(!is_throttled(None), "its twin");
    assert!(is_throttled(Some("unlooked")));
}

#[test]
fn one_of_several_signers_and_of_several_schemes() {
    let both = |document: String| {
        document
            .replace("named: { signers: [others], forward: true }", "named: { signers: [partners, others] }")
    };
    let gateway = Signed::with(World::new(), both);
    let named = |nonce: &str| {
        let mut draft = get(nonce);
        draft.target = "/v1/named";
        draft
    };
    // Two entries name the same signers: a signature is used once, and not once for each.
    assert_eq!(gateway.send("named", named("a").sign()).code(), "ok");
    assert_eq!(gateway.send("twice", named("b").sign()).code(), "ok");
    assert_eq!(gateway.send("twice", named("b").sign()).code(), "signature_invalid");
    // What the others want is asked of their own keys.
    let mut other = named("");
    other.parameters = format!(";created={};keyid=\"other-1\";tag=\"orders\"", super::client::now());
    assert_eq!(gateway.send("named", other.sign()).code(), "signature_invalid");
    other.fields.push(("x-request-id", "7".into()));
    other.covered.push("\"x-request-id\"");
    let ended = gateway.send("named", other.sign());
    assert_eq!(&*ended.call.principal().unwrap().issuer, "yett:signers:others");
}

/// Other gateways that say this.
#[derive(Debug)]
pub(super) struct Others(pub(super) state::MemoryReplays, pub(super) Used, pub(super) bool);

impl Replays for Others {
    fn take(&self, holder_and_use: (u128, u128), until: UnixTime, now: UnixTime) -> Used {
        if self.2 { self.0.take(holder_and_use, until, now) } else { Used::Unknown }
    }

    fn key(&self, parts: &[&[u8]]) -> u128 {
        self.0.key(parts)
    }

    fn elsewhere(&self, _: u128, _: (UnixTime, UnixTime), _: UnixTime) -> Option<BoxFuture<'static, Used>> {
        let used = self.1;
        Some(Box::pin(async move { used }))
    }
}

#[test]
fn a_nonce_is_used_once_at_all_gateways_or_refused() {
    for (used, room, code) in [
        (Used::First, true, "ok"),
        (Used::Before, true, "signature_invalid"),
        (Used::Unknown, true, "proof_unchecked"),
        (Used::First, false, "proof_unchecked"),
    ] {
        let mut world = World::new();
        world.replays = Arc::new(Others(state::MemoryReplays::new(), used, room));
        let gateway = Signed::with(world, |document| document);
        assert_eq!(gateway.send("read", get("shared").sign()).code(), code, "{used:?} {room}");
    }
}

#[test]
fn an_api_behind_a_proxy_is_signed_for_under_its_own_name() {
    let url = "    url: https://Public.example.com:8443/shop\n    hosts:";
    let gateway = Signed::with(World::new(), |document| document.replace("    hosts:", url));
    let mut draft = get("proxied");
    (draft.host, draft.target) = ("public.example.com:8443", "/shop/v1/read?a=1&b=%20");
    let mut sent = draft.sign();
    (sent.host, sent.target) = ("api.example.com".into(), "/v1/read?a=1&b=%20".into());
    assert_eq!(gateway.said(sent).0, "ok");
    assert_eq!(gateway.said(get("direct").sign()).0, "signature_invalid");
}

#[test]
fn a_target_is_signed_as_it_is_sent() {
    let gateway = Signed::new();
    let mut draft = get("spelled");
    draft.target = "/v1/%72ead?a=%31&b";
    let ended = gateway.send("read", draft.sign());
    assert_eq!(ended.code(), "ok");
    assert_eq!(ended.call.request.path(), "/v1/read", "and goes on in one spelling");
    let mut draft = get("upper");
    draft.host = "api.example.com";
    let mut sent = draft.sign();
    sent.host = "API.example.com:443".into();
    assert_eq!(gateway.said(sent).0, "ok", "one authority in another spelling");
}

#[test]
fn a_live_stream_goes_on_as_long_as_its_signer_is_known() {
    let gateway = Signed::new();
    let ended = gateway.send("read", get("stream").sign());
    let mut call = ended.call;
    let again = |call: &mut engine::Call, gateway: &Signed| {
        let (control, _) = &gateway.gateway.operations["read"][0];
        matches!(control.head(call), engine::Step::Done(engine::Verdict::Allow))
    };
    assert!(again(&mut call, &gateway));
    let without = Signed::with(World::new(), |document| document.replace("shop-1:", "shop-2:"));
    assert!(!again(&mut call, &without));
    let other = Signed::with(World::new(), |document| document.replace("subject: shop,", "subject: else,"));
    assert!(!again(&mut call, &other));
}
