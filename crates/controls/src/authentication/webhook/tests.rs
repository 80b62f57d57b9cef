use std::future::ready;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use engine::call::Body;
use engine::control::Cancel;
use engine::replay::{Replays, Used};
use engine::{BoxFuture, Call, Step, UnixTime, Verdict};
use testkit::webhook::tag;

use crate::scope::Assets;
use crate::security::kit::{Gateway, NOW, Setup, World, call};

const DOCUMENT: &str = r#"version: 1
listen: http://127.0.0.1:0
webhooks: { billing: { secrets: [env:S], scopes: [write], roles: [sender] } }
apis:
  orders:
    contract: api.yaml
    upstream: http://127.0.0.1:1
    authentication: { hook: { webhook: billing } }
"#;
const CONTRACT: &str = r#"openapi: 3.1.0
info: { title: t, version: "1" }
components: { securitySchemes: { hook: { type: apiKey, in: header, name: webhook-signature } } }
paths:
  /hook: { get: { operationId: hook, security: [{ hook: [write] }], responses: { "200": { description: ok } } } }
"#;
const SECRET: [u8; 32] = [7; 32];

/// What other gateways say of a use that is the first here.
#[derive(Debug)]
struct Others(Used);

impl Replays for Others {
    fn take(&self, _: (u128, u128), _: UnixTime, _: UnixTime) -> Used {
        Used::First
    }

    fn key(&self, _: &[&[u8]]) -> u128 {
        0
    }

    fn elsewhere(
        &self,
        _: u128,
        (since, until): (UnixTime, UnixTime),
        now: UnixTime,
    ) -> Option<BoxFuture<'static, Used>> {
        assert!(since < now && now < until, "{since:?} {now:?} {until:?}");
        Some(Box::pin(ready(self.0)))
    }
}

fn ended(step: Step<'_>) -> Verdict {
    match step {
        Step::Done(verdict) => verdict,
        Step::Offload(job) => (job.run)(&Cancel::default()),
        Step::OffloadThen(job, then) => ended(then((job.run)(&Cancel::default()))),
        Step::Wait(mut future) => match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(verdict) => verdict,
            Poll::Pending => panic!("others have answered"),
        },
    }
}

fn gateway(world: &World) -> Gateway {
    gateway_of(world, DOCUMENT, SECRET)
}

fn gateway_of(world: &World, document: &str, own: [u8; 32]) -> Gateway {
    let secret = |bytes: [u8; 32]| Arc::<[u8]>::from(testkit::mint::base64(bytes).into_bytes());
    let assets = Assets::from([("env:S".to_owned(), secret(own)), ("env:T".to_owned(), secret([9; 32]))]);
    let gateway = Setup { assets, ..Setup::new(document, CONTRACT) }.attach(world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    gateway
}

/// The delivery of a body, and how its head and its body end.
fn deliver(gateway: &Gateway, body: &[u8]) -> (Call, &'static str) {
    deliver_slowly(gateway, body, Duration::ZERO)
}

/// The same, whose body comes so long after the head.
fn deliver_slowly(gateway: &Gateway, body: &[u8], after: Duration) -> (Call, &'static str) {
    let at = NOW.to_string();
    let signature = tag(&SECRET, "msg_1", &at, body);
    let fields = [("webhook-id", "msg_1"), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
    let mut call = call(&gateway.clock, "/v1/hook", &fields);
    call.body = Body::new(Bytes::copy_from_slice(body));
    for (control, _) in &gateway.operations["hook"] {
        assert!(matches!(ended(control.head(&mut call)), Verdict::Allow));
    }
    assert!(call.proofs.len() == 1 && call.unproven, "until the body is there");
    gateway.clock.advance(after);
    let (control, _) = &gateway.operations["hook"][0];
    let code = match ended(control.body(&mut call)) {
        Verdict::Allow => "ok",
        Verdict::Refuse(refusal) => refusal.code.name,
        other => panic!("{other:?}"),
    };
    (call, code)
}

#[test]
fn what_other_gateways_say_of_an_attempt_counts() {
    for body in [b"{}".to_vec(), vec![b'x'; 200_000]] {
        for (used, expected) in
            [(Used::First, "ok"), (Used::Before, "webhook_invalid"), (Used::Unknown, "proof_unchecked")]
        {
            let world = World { replays: Arc::new(Others(used)), ..World::new() };
            let (call, code) = deliver(&gateway(&world), &body);
            assert_eq!(code, expected, "{} bytes", body.len());
            assert_eq!(call.proofs.len(), usize::from(code == "ok"), "nobody is proven by what is refused");
            assert_eq!(call.unproven, code != "ok");
        }
    }
}

#[test]
fn a_delivery_proves_its_sender_and_is_good_once_here() {
    let world = World::new();
    let gateway = gateway(&world);
    let (call, code) = deliver(&gateway, b"{\"a\":1}");
    let principal = call.principal().unwrap();
    assert_eq!((code, &*principal.issuer, &*principal.subject), ("ok", "yett:webhooks:billing", "billing"));
    assert_eq!(principal.roles.len(), 1);
    assert!(call.held.is_empty() && call.request.headers.contains_key("webhook-id"), "it goes on");
    assert_eq!(deliver(&gateway, b"{\"a\":1}").1, "webhook_invalid");
}

#[test]
fn a_body_that_comes_late_makes_no_attempt_good_again() {
    let tolerance = Duration::from_secs(300);
    for (after, expected) in [(tolerance, "ok"), (tolerance + Duration::from_secs(1), "webhook_invalid")] {
        let world = World::new();
        let (call, code) = deliver_slowly(&gateway(&world), b"{}", after);
        assert_eq!((code, call.proofs.len()), (expected, usize::from(expected == "ok")), "{after:?}");
    }
    // One that came before is known until it is too old, and is too old from then on.
    let world = World::new();
    let gateway = gateway(&world);
    assert_eq!(deliver(&gateway, b"{}").1, "ok");
    assert_eq!(deliver_slowly(&gateway, b"{}", tolerance + Duration::from_secs(1)).1, "webhook_invalid");
}

#[test]
fn an_open_stream_ends_with_a_key_of_its_sender() {
    let world = World::new();
    let two = DOCUMENT.replace("[env:S]", "[env:S, env:T]");
    let other = DOCUMENT.replace("[env:S]", "[env:T, env:S]");
    let open = deliver(&gateway_of(&world, &two, SECRET), b"{}").0;
    let again = |document: &str, own: [u8; 32]| {
        let mut copy = call(&world.clock, "/v1/hook", &[]);
        copy.proofs = open.proofs.clone();
        gateway_of(&world, document, own).end("hook", copy).code()
    };
    assert_eq!((again(&two, SECRET), again(&other, SECRET)), ("ok", "ok"));
    for (document, own) in [(DOCUMENT, SECRET), (&*two, [8; 32])] {
        assert_eq!(again(document, own), "credential_missing", "one was taken out, or is another");
    }
}
