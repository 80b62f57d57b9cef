//! What holds of proofs over more than one call: their uses, nonces, and what is demanded where.

use std::sync::Arc;
use std::time::Duration;

use diagnostics::Diagnostics;
use engine::replay::{Replays, Used};
use engine::{BoxFuture, Step, UnixTime, Verdict};
use http::Method;
use state::MemoryReplays;
use testkit::Alg;

use super::holder::{Attempt, Holder, field};
use super::proofs::{kinds, text};
use crate::scope::{OperationKind, OperationScope};
use crate::security::kit::{CONTRACT, DOCUMENT, Gateway, NOW, Setup, World, call, ready};

#[test]
fn every_algorithm_is_taken_that_is_safe() {
    let (world, gateway) = ready();
    for alg in [
        Alg::Es256,
        Alg::Es384,
        Alg::Es512,
        Alg::EdDsa,
        Alg::Rs256,
        Alg::Rs384,
        Alg::Rs512,
        Alg::Ps256,
        Alg::Ps384,
        Alg::Ps512,
    ] {
        let holder = Holder::new(alg);
        let token = holder.token(&world, &[]);
        let passed = Attempt::new(&token, holder.proof(&token, &[])).send(&gateway, "read");
        assert_eq!(passed.code(), "ok", "{alg:?}: {:?}", passed.refusal);
    }
    let document = DOCUMENT.replace(
        "    unsecured: anonymous\n",
        "    unsecured: anonymous\n    dpop: { algorithms: [ES384, PS256] }\n",
    );
    let gateway = Setup::new(&document, CONTRACT).attach(&world, 0);
    world.side.run();
    for (alg, code) in
        [(Alg::Es256, "proof_invalid"), (Alg::Es384, "ok"), (Alg::Ps256, "ok"), (Alg::EdDsa, "proof_invalid")]
    {
        let holder = Holder::new(alg);
        let token = holder.token(&world, &[]);
        let ended = Attempt::new(&token, holder.proof(&token, &[])).send(&gateway, "read");
        assert_eq!(ended.code(), code, "{alg:?}");
        if code != "ok" {
            assert!(field(&ended, "www-authenticate").unwrap().contains("algs=\"ES384 PS256\""));
        }
    }
}

#[test]
fn a_proof_is_good_once_whichever_core_it_comes_to() {
    let (world, first) = ready();
    let second = Setup::new(DOCUMENT, CONTRACT).attach(&world, 1);
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    let attempt = Attempt::new(&token, holder.proof(&token, &[]));
    assert_eq!(attempt.send(&first, "read").code(), "ok");
    assert_eq!(attempt.send(&second, "read").code(), "proof_invalid");
    // The same `jti` under another key is another proof; under the same key for another token it is the same.
    let other = Holder::new(Alg::Es256);
    let others = other.token(&world, &[]);
    let jti = [("jti", "\"proof-1\"")];
    assert_eq!(Attempt::new(&others, other.proof(&others, &jti)).send(&second, "read").code(), "ok");
    let next = holder.token(&world, &[("sub", "\"bob\"")]);
    assert_eq!(Attempt::new(&next, holder.proof(&next, &jti)).send(&first, "read").code(), "proof_invalid");
    // A second signature over the same proof (ECDSA has another for each) is no second proof.
    let claims = holder.claims(&token, &[]);
    let twice = || Attempt::new(&token, holder.mint.jws(&holder.header(&[]), &claims));
    assert_eq!(twice().send(&first, "read").code(), "ok");
    assert_eq!(twice().send(&second, "read").code(), "proof_invalid");
    // A reload forgets nothing.
    let third = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    drop(first);
    assert_eq!(attempt.send(&third, "read").code(), "proof_invalid");
}

#[test]
fn a_proof_is_remembered_as_long_as_it_could_be_used() {
    let (world, gateway) = ready();
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    // From as far in the future as clocks may differ.
    let attempt = Attempt::new(&token, holder.proof(&token, &[("iat", &(NOW + 10).to_string())]));
    assert_eq!(attempt.send(&gateway, "read").code(), "ok");
    for _ in 0..100 {
        world.clock.advance(Duration::from_secs(1));
        assert_eq!(attempt.send(&gateway, "read").code(), "proof_invalid");
    }
}

#[test]
fn a_refused_proof_is_not_used_up() {
    let (world, gateway) = ready();
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[("scope", "\"orders:none\"")]);
    let attempt = Attempt::new(&token, holder.proof(&token, &[]));
    let elsewhere = Attempt { target: "/v1/y", ..attempt.clone() };
    assert_eq!(elsewhere.send(&gateway, "read").code(), "proof_invalid");
    let scopeless = attempt.send(&gateway, "read");
    assert_eq!(scopeless.code(), "insufficient_scope", "it was good, and is used now");
    assert!(field(&scopeless, "www-authenticate").unwrap().starts_with("DPoP realm="));
    assert_eq!(attempt.send(&gateway, "read").code(), "proof_invalid");
}

#[test]
fn without_room_to_take_a_use_down_nothing_passes() {
    let mut world = World::new();
    world.replays = Arc::new(MemoryReplays::with_capacity(1));
    let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    world.side.run();
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    let try_one = || Attempt::new(&token, holder.proof(&token, &[])).send(&gateway, "read");
    let ended: Vec<_> = (0..400).map(|_| try_one()).collect();
    assert_eq!(ended[0].code(), "ok");
    let full = ended.iter().filter(|ended| ended.code() == "proof_unchecked").count();
    assert!(full >= 300 && ended.iter().all(|one| matches!(one.code(), "ok" | "proof_unchecked")), "{full}");
    let refused = ended.iter().find_map(|one| one.refusal.as_ref()).unwrap();
    assert_eq!((refused.code.status, refused.retry_after), (503, Some(Duration::from_secs(1))));
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok", "others need no room");
    world.clock.advance(Duration::from_secs(62));
    let later = [("iat", &*(NOW + 62).to_string())];
    let later = Attempt::new(&token, holder.proof(&token, &later)).send(&gateway, "read");
    assert_eq!(later.code(), "ok", "there is room again when what was used is over");
}

/// Other gateways, which say the same of every use.
#[derive(Debug)]
struct Others(MemoryReplays, Used);

impl Replays for Others {
    fn take(&self, keys: (u128, u128), until: UnixTime, now: UnixTime) -> Used {
        self.0.take(keys, until, now)
    }
    fn key(&self, parts: &[&[u8]]) -> u128 {
        self.0.key(parts)
    }
    fn elsewhere(
        &self,
        _key: u128,
        (since, until): (UnixTime, UnixTime),
        now: UnixTime,
    ) -> Option<BoxFuture<'static, Used>> {
        assert!(since < now && now < until && until.seconds() - since.seconds() == 70);
        let said = self.1;
        Some(Box::pin(async move { said }))
    }
}

#[test]
fn a_proof_is_taken_when_other_gateways_say_that_it_is_the_first() {
    for (said, code) in
        [(Used::First, "ok"), (Used::Before, "proof_invalid"), (Used::Unknown, "proof_unchecked")]
    {
        let mut world = World::new();
        world.replays = Arc::new(Others(MemoryReplays::new(), said));
        let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
        world.side.run();
        let holder = Holder::new(Alg::Es256);
        let token = holder.token(&world, &[]);
        let attempt = Attempt::new(&token, holder.proof(&token, &[]));
        assert_eq!(attempt.send(&gateway, "read").code(), code, "{said:?}");
        // Who is known here to have used it does not ask.
        assert_eq!(attempt.send(&gateway, "read").code(), "proof_invalid", "{said:?}");
        assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok", "others are asked nothing");
    }
}

fn with(world: &World, from: &str, to: &str) -> Gateway {
    let document = DOCUMENT.replace(from, to);
    assert_ne!(document, DOCUMENT);
    let gateway = Setup::new(&document, CONTRACT).attach(world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    gateway
}

const OPEN: &str = "    unsecured: anonymous\n";

#[test]
fn nonces_are_asked_for_rotate_and_end() {
    let world = World::new();
    let gateway = with(&world, OPEN, &format!("{OPEN}    dpop: {{ nonce: required, window: 10m }}\n"));
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    let send =
        |nonce: &str| Attempt::new(&token, holder.proof(&token, &[("nonce", nonce)])).send(&gateway, "read");
    let asked = send("");
    assert_eq!((asked.code(), asked.refusal.as_ref().unwrap().code.status), ("proof_nonce_required", 401));
    assert!(field(&asked, "www-authenticate").unwrap().contains("error=\"use_dpop_nonce\""));
    let nonce = text(&field(&asked, "dpop-nonce").unwrap());
    for wrong in ["\"\"", "7", "\"x\"", "null"] {
        assert_ne!(send(wrong).code(), "ok", "{wrong}");
    }
    let passed = send(&nonce);
    assert_eq!(passed.code(), "ok");
    assert!(passed.call.answer_headers.is_empty(), "nothing new to tell");
    assert_eq!(send(&nonce).code(), "ok", "a nonce is no proof: many use it");
    world.clock.advance(Duration::from_secs(60));
    let last = send(&nonce);
    assert_eq!(last.code(), "ok");
    let (name, fresh) = last.call.answer_headers.first().unwrap();
    assert_eq!(name, "dpop-nonce");
    let fresh = text(fresh.to_str().unwrap());
    assert_ne!(fresh, nonce);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(send(&nonce).code(), "proof_nonce_required");
    assert_eq!(send(&fresh).code(), "ok");
    // Only who holds the key is given one.
    let thief = Holder::new(Alg::Es256);
    let forged = thief.mint.jws(&holder.header(&[]), &holder.claims(&token, &[]));
    let refused = Attempt::new(&token, forged).send(&gateway, "read");
    assert_eq!((refused.code(), field(&refused, "dpop-nonce")), ("proof_invalid", None));
}

#[test]
fn gateways_that_share_a_key_take_each_others_nonces() {
    let shared = format!("{OPEN}    dpop: {{ nonce: required, nonce_key: \"env:NONCES\" }}\n");
    let document = DOCUMENT.replace(OPEN, &shared);
    let gateway = |world: &World, key: &str| {
        let mut setup = Setup::new(&document, CONTRACT);
        setup.assets.insert("env:NONCES".into(), key.as_bytes().into());
        let gateway = setup.attach(world, 0);
        world.side.run();
        gateway
    };
    let key = "k".repeat(32);
    let (world, other) = (World::new(), World::new());
    let (one, two) = (gateway(&world, &key), gateway(&other, &key));
    let third = World::new();
    let strange = gateway(&third, &"s".repeat(32));
    let holder = Holder::new(Alg::Es256);
    let ask = |world: &World, gateway: &Gateway, nonce: &str| {
        let token = holder.token(world, &[]);
        Attempt::new(&token, holder.proof(&token, &[("nonce", nonce)])).send(gateway, "read")
    };
    let nonce = text(&field(&ask(&world, &one, ""), "dpop-nonce").unwrap());
    assert_eq!(ask(&other, &two, &nonce).code(), "ok");
    assert_eq!(ask(&third, &strange, &nonce).code(), "proof_nonce_required");
    let weak = gateway(&world, "short");
    assert!(weak.codes().contains(&"weak-secret"), "{:?}", weak.codes());
    let token = holder.token(&world, &[]);
    let refused = Attempt::new(&token, holder.proof(&token, &[])).send(&weak, "read");
    assert_ne!(refused.code(), "ok", "a document with errors is laxer in nothing");
}

#[test]
fn what_is_demanded_is_demanded() {
    let world = World::new();
    let demand = "shop: { issuers: [shop], audience: orders";
    let holder = Holder::new(Alg::Es256);
    let proven = |gateway: &Gateway, operation| {
        let token = holder.token(&world, &[]);
        Attempt::new(&token, holder.proof(&token, &[])).send(gateway, operation)
    };
    for kind in ["dpop", "any"] {
        let gateway = with(&world, demand, &format!("{demand}, sender_constrained: {kind}"));
        let plain = gateway.bearer("read", &world.token(&[]));
        assert_eq!(plain.code(), "token_invalid", "{kind}");
        let challenge = field(&plain, "www-authenticate").unwrap();
        let by = if kind == "dpop" { "DPoP realm=" } else { "Bearer realm=" };
        assert!(challenge.starts_with(by) && challenge.contains("invalid_token"), "{challenge}");
        assert_eq!(proven(&gateway, "read").code(), "ok", "{kind}");
        let missing = gateway.send("read", "/v1/x", &[]).challenge();
        assert!(missing.starts_with("DPoP realm=") && missing.contains("algs="), "{missing}");
        assert_eq!(missing.contains("Bearer realm="), kind == "any", "{missing}");
        // Other schemes demand nothing.
        assert_eq!(gateway.bearer("both", &world.token(&[])).code(), "ok", "{kind}");
    }
    // One operation demands what its scheme does not.
    let own = "silentAuthenticated: { unsecured: authenticated }";
    let gateway = with(
        &world,
        own,
        &format!("{own}\n      either: {{ authentication: {{ sender_constrained: dpop }} }}"),
    );
    assert_eq!(gateway.bearer("read", &world.token(&[])).code(), "ok");
    assert_eq!(gateway.bearer("either", &world.token(&[])).code(), "token_invalid");
    assert_eq!(proven(&gateway, "either").code(), "ok");
    assert_eq!(proven(&gateway, "read").code(), "ok");
    let gateway = with(
        &world,
        own,
        "silentAuthenticated: { unsecured: authenticated, authentication: { sender_constrained: dpop } }",
    );
    assert_eq!(gateway.bearer("silentAuthenticated", &world.token(&[])).code(), "token_invalid");
    assert_eq!(proven(&gateway, "silentAuthenticated").code(), "ok");
}

#[test]
fn a_head_is_held_to_what_its_get_is() {
    let own = "silentAuthenticated: { unsecured: authenticated }";
    let demand =
        format!("{own}\n      \"GET /either\": {{ authentication: {{ sender_constrained: dpop }} }}");
    let document = DOCUMENT.replace(own, &demand);
    let world = World::new();
    Setup::new(&document, CONTRACT).attach_and(&world, 0, |api| {
        let declared = &api.contract.unwrap().operations;
        let scope = OperationScope {
            api,
            kind: OperationKind::ImpliedHead,
            contract: declared.iter().find(|operation| operation.id == "either"),
            id: "either",
            method: &Method::HEAD,
            template: "/either",
            params: &[],
            siblings: &[],
            websocket: false,
            section: None,
        };
        let compiled = crate::authentication::compile(&scope, &mut Diagnostics::new());
        let attached = Arc::clone(&compiled[0].control).attach(&world.core(0));
        world.side.run();
        let bearer = format!("Bearer {}", world.token(&[]));
        let mut call = call(&world.clock, "/v1/either", &[("authorization", &bearer)]);
        let Step::Done(Verdict::Refuse(refusal)) = attached.head(&mut call) else { panic!("it passes") };
        assert_eq!(refusal.code.name, "token_invalid");
    });
}

#[test]
fn nothing_is_demanded_of_tokens_that_nobody_looks_at() {
    let own = "silentAuthenticated: { unsecured: authenticated }";
    let demand = format!("{own}\n      open: {{ authentication: {{ sender_constrained: any }} }}");
    let world = World::new();
    let found = Setup::new(&DOCUMENT.replace(own, &demand), CONTRACT).attach(&world, 0);
    assert_eq!(found.codes().into_iter().filter(|code| *code == "demand-without-security").count(), 1);
}

#[test]
fn behind_a_proxy_proofs_are_for_the_url_that_clients_see() {
    let world = World::new();
    let gateway = with(&world, OPEN, &format!("{OPEN}    url: \"https://shop.example.com/api\"\n"));
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    for (htu, code) in [
        ("https://shop.example.com/api/v1/x", "ok"),
        ("https://api.example.com/v1/x", "proof_invalid"),
        ("https://shop.example.com/v1/x", "proof_invalid"),
    ] {
        let proof = holder.proof(&token, &[("htu", &text(htu))]);
        let attempt = Attempt { tls: false, host: "10.0.0.7:8080", ..Attempt::new(&token, proof) };
        assert_eq!(attempt.send(&gateway, "read").code(), code, "{htu}");
    }
}

#[test]
fn where_any_host_is_taken_no_proof_is() {
    let world = World::new();
    let wide = DOCUMENT.replace(
        "listen: http://127.0.0.1:8080",
        "listeners: { a: { bind: \"0.0.0.0:8443\", tls: { certificate: c.pem, key: \"env:K\" } } }",
    );
    let holder = Holder::new(Alg::Es256);
    let gateway = Setup::new(&wide, CONTRACT).attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    let token = holder.token(&world, &[]);
    let refused = Attempt::new(&token, holder.proof(&token, &[])).send(&gateway, "read");
    assert_eq!(refused.code(), "credential_missing");
    assert_eq!(
        gateway.bearer("read", &token).code(),
        "token_invalid",
        "and the token is no plain one either"
    );
    let demand = "shop: { issuers: [shop], audience: orders";
    let demanding = wide.replace(demand, &format!("{demand}, sender_constrained: dpop"));
    assert!(Setup::new(&demanding, CONTRACT).attach(&world, 0).codes().contains(&"proofs-for-any-host"));
    for known in ["    hosts: [api.example.com]\n", "    url: \"https://api.example.com\"\n"] {
        let gateway =
            Setup::new(&demanding.replace(OPEN, &format!("{OPEN}{known}")), CONTRACT).attach(&world, 0);
        assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
        assert_eq!(Attempt::new(&token, holder.proof(&token, &[])).send(&gateway, "read").code(), "ok");
    }
}

#[test]
fn what_is_remembered_is_the_binding_and_not_the_proof() {
    let (world, gateway) = ready();
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    let hits = || super::super::TokenCache::of(&world.keyed, 0).counts().hits;
    for _ in 0..3 {
        assert_eq!(Attempt::new(&token, holder.proof(&token, &[])).send(&gateway, "read").code(), "ok");
    }
    assert_eq!(hits(), 1, "the token is remembered");
    let thief = Holder::new(Alg::Es256);
    assert_eq!(gateway.bearer("read", &token).code(), "token_invalid");
    assert_eq!(Attempt::new(&token, thief.proof(&token, &[])).send(&gateway, "read").code(), "token_invalid");
    let none = Attempt { proofs: Vec::new(), ..Attempt::new(&token, String::new()) };
    assert_eq!(none.send(&gateway, "read").code(), "proof_invalid");
    assert_eq!(hits(), 4);
}

#[test]
fn a_suspect_needs_a_remembered_token_and_its_proof() {
    let (world, gateway) = ready();
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    let attempt = || Attempt::new(&token, holder.proof(&token, &[]));
    (0..2).for_each(|_| assert_eq!(attempt().send(&gateway, "read").code(), "ok"));
    let (authentication, _) = &gateway.operations["read"][0];
    let passes = |attempt: &Attempt| {
        let mut call = attempt.call(&gateway.clock);
        call.suspect = Some(Duration::from_secs(3));
        match authentication.head(&mut call) {
            Step::Done(Verdict::Allow) => true,
            Step::Done(Verdict::Throttle(_)) => false,
            other => panic!("{other:?}"),
        }
    };
    assert!(passes(&attempt()));
    assert!(!passes(&Attempt { proofs: Vec::new(), ..attempt() }));
    assert!(!passes(&Attempt { scheme: "Bearer", ..attempt() }));
    let new = holder.token(&world, &[("sub", "\"bob\"")]);
    assert!(!passes(&Attempt::new(&new, holder.proof(&new, &[]))));
}

#[test]
fn threat_31_a_proof_is_no_token_and_no_other_kind_is_a_proof() {
    let (world, gateway) = ready();
    let holder = Holder::new(Alg::Es256);
    let token = holder.token(&world, &[]);
    let proof = holder.proof(&token, &[]);
    assert_eq!(gateway.bearer("read", &proof).code(), "token_invalid");
    assert_eq!(
        Attempt::new(&proof, holder.proof(&proof, &[])).send(&gateway, "read").code(),
        "token_invalid"
    );
    // Not even when the issuer's own key makes one that says all that a token does.
    let claims =
        crate::security::kit::claims(&[("htm", "\"GET\""), ("htu", "\"https://api.example.com/v1/x\"")]);
    for typ in ["dpop+jwt", "at+jwt", "JWT"] {
        let signed = world.shop.sign(&[("typ", typ)], claims.as_bytes()).unwrap();
        assert_eq!(gateway.bearer("read", &signed).code(), "token_invalid", "{typ}");
    }
    for (name, other) in kinds(&world) {
        let code = if name == "an access token" { "ok" } else { "token_invalid" };
        assert_eq!(gateway.bearer("read", &other).code(), code, "{name}");
    }
}
