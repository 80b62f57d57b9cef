use std::sync::Arc;
use std::time::Duration;

use engine::cells::Meter;
use engine::codes::{self, Code};
use engine::{Attached, Call, Control, Verdict};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::open::Open;
use super::{Admission, Allowance, Credentials, Settings, compile_open};
use crate::scope::{Compiled, OperationKind, OperationScope};
use crate::security::kit::{Setup, World};

/// Peer, header fields; client and trust that are expected.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, bool);

struct Gate {
    clock: FakeClock,
    control: Box<dyn Attached>,
    open: Box<dyn Attached>,
}

fn allowance(name: &str, burst: u32) -> Allowance {
    let meter = Meter::Rate { interval: Duration::from_secs(1), burst };
    Allowance { meter, definition: name.as_bytes().to_vec() }
}

fn with(trusted: Option<&[&str]>, anonymous: u32, failures: u32) -> Gate {
    let clock = FakeClock::new();
    let trusted = trusted.map(|all| all.iter().map(|range| range.parse().unwrap()).collect());
    let anonymous = Some(allowance("anonymous", anonymous));
    let failures = Some(allowance("failures", failures));
    let open = Arc::new(Open::new(anonymous.clone(), Credentials::default(), None));
    let context = core(&clock, &Arc::new(MemoryCells::new()));
    let control = Arc::new(Admission::new(Settings {
        trusted,
        anonymous,
        failures,
        credentials: Credentials::default(),
    }))
    .attach(&context);
    Gate { clock, control, open: open.attach(&context) }
}

fn gate(trusted: &[&str]) -> Gate {
    with(Some(trusted), 1_000, 2)
}

const JUNK: &[(&str, &str)] = &[("authorization", "Bearer junk")];

impl Gate {
    fn call(&self, peer: &str, fields: &[(&str, &str)]) -> (Call, Verdict) {
        let mut builder = CallBuilder::get("/").peer(peer).clock(&self.clock);
        for (name, value) in fields {
            builder = builder.header(name, value);
        }
        let mut call = builder.build();
        let verdict = done(self.control.admission(&mut call));
        (call, verdict)
    }

    fn finish(&self, mut call: Call, code: Option<&'static Code>) {
        call.decision.code = code;
        self.control.observe(&call);
    }

    /// Uses the two failures up.
    fn fail(&self, peer: &str) {
        for _ in 0..2 {
            let (call, _) = self.call(peer, JUNK);
            self.finish(call, Some(&codes::TOKEN_INVALID));
        }
    }
}

fn is_throttled(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Throttle(refusal) if refusal.code == &codes::TOO_MANY_FAILURES)
}

#[test]
fn only_trusted_hops_say_who_the_client_is() {
    let gate = gate(&["10.0.0.0/8", "2001:db8::/32"]);
    let xff = "x-forwarded-for";
    let cases: &[Case<'_>] = &[
        ("203.0.113.9", &[], "203.0.113.9", false),
        ("203.0.113.9", &[(xff, "6.6.6.6")], "203.0.113.9", false),
        ("203.0.113.9", &[("forwarded", "for=6.6.6.6")], "203.0.113.9", false),
        ("10.0.0.1", &[], "10.0.0.1", true),
        ("::ffff:10.0.0.1", &[(xff, "203.0.113.9")], "203.0.113.9", true),
        ("10.0.0.1", &[(xff, "6.6.6.6, 203.0.113.9")], "203.0.113.9", true),
        ("10.0.0.1", &[(xff, "6.6.6.6"), (xff, "203.0.113.9, 10.9.9.9")], "203.0.113.9", true),
        ("10.0.0.1", &[("forwarded", "for=6.6.6.6, for=\"[2001:db9::1]:1\"")], "2001:db9::1", true),
        ("10.0.0.1", &[("forwarded", "for=203.0.113.9"), (xff, "203.0.113.9")], "203.0.113.9", true),
        // A client's garbage, as a hop that appends passes it on.
        ("10.0.0.1", &[(xff, "x, 203.0.113.9")], "203.0.113.9", true),
        ("10.0.0.1", &[(xff, "\u{e9}"), (xff, "203.0.113.9")], "203.0.113.9", true),
        ("10.0.0.1", &[("forwarded", "for=\"6.6.6.6, for=203.0.113.9")], "203.0.113.9", true),
    ];
    for (peer, fields, client, trusted) in cases {
        let (call, verdict) = gate.call(peer, fields);
        assert!(matches!(verdict, Verdict::Allow), "{peer} {fields:?}: {verdict:?}");
        assert_eq!(
            (call.client.to_string().as_str(), call.trusted),
            (*client, *trusted),
            "{peer} {fields:?}"
        );
    }
}

#[test]
fn what_cannot_be_believed_is_noted_or_refused() {
    let gate = gate(&["10.0.0.0/8"]);
    for (name, value) in [("x-forwarded-for", "6.6.6.6, nonsense"), ("forwarded", "for=6.6.6.6;for=1.1.1.1")]
    {
        let (call, verdict) = gate.call("10.0.0.1", &[(name, value)]);
        assert!(matches!(verdict, Verdict::Note(_)), "{verdict:?}");
        assert_eq!((call.client.to_string().as_str(), call.located), ("10.0.0.1", false));
    }
    // Whom a hop hides is nobody that is known, and no fault of anybody's.
    for (name, value) in [
        ("x-forwarded-for", "unknown"),
        ("forwarded", "for=_x"),
        ("forwarded", "proto=https"),
        ("forwarded", "for=6.6.6.6, for=unknown"),
    ] {
        let (call, verdict) = gate.call("10.0.0.1", &[(name, value)]);
        assert!(matches!(verdict, Verdict::Allow), "{verdict:?}");
        assert_eq!((call.client.to_string().as_str(), call.located), ("10.0.0.1", false), "{value}");
    }
    for forwarded in ["for=203.0.113.9", "garbage", "for=unknown"] {
        let (_, verdict) = gate.call("10.0.0.1", &[("x-forwarded-for", "6.6.6.6"), ("forwarded", forwarded)]);
        assert!(
            matches!(&verdict, Verdict::Refuse(refusal) if refusal.code == &codes::REQUEST_MALFORMED),
            "{forwarded}: {verdict:?}"
        );
    }
}

#[test]
fn failures_use_up_an_address_and_time_gives_it_back() {
    let gate = gate(&[]);
    gate.fail("2001:db8::1");
    // The whole /64 is throttled, however often it asks; others are not.
    for _ in 0..5 {
        let (call, verdict) = gate.call("2001:db8::2", &[]);
        assert!(is_throttled(&verdict), "{verdict:?}");
        gate.finish(call, Some(&codes::TOO_MANY_FAILURES));
    }
    assert!(matches!(gate.call("2001:db8:0:1::1", &[]).1, Verdict::Allow));
    gate.clock.advance(Duration::from_secs(1));
    assert!(matches!(gate.call("2001:db8::2", &[]).1, Verdict::Allow));
}

#[test]
fn good_calls_and_failures_of_principals_cost_nothing() {
    let gate = gate(&[]);
    for code in [None, Some(&codes::RATE_LIMITED), Some(&codes::UPSTREAM_TIMEOUT), Some(&codes::OVERLOADED)] {
        for _ in 0..5 {
            let (call, verdict) = gate.call("192.0.2.1", &[]);
            assert!(matches!(verdict, Verdict::Allow));
            gate.finish(call, code);
        }
    }
    for _ in 0..5 {
        let mut call = CallBuilder::get("/").principal("https://idp", "alice", None).build();
        assert!(matches!(done(gate.control.admission(&mut call)), Verdict::Allow));
        gate.finish(call, Some(&codes::BODY_INVALID));
    }
    for code in [&codes::CREDENTIAL_MISSING, &codes::OPERATION_UNKNOWN] {
        let (call, _) = gate.call("192.0.2.1", &[]);
        gate.finish(call, Some(code));
    }
    assert!(is_throttled(&gate.call("192.0.2.1", &[]).1));
}

#[test]
fn who_goes_while_a_credential_is_looked_at_has_failed() {
    let gone = |gate: &Gate, peer: &str, fields: &[(&str, &str)], checks: u64| {
        let (mut call, _) = gate.call(peer, fields);
        call.decision.aborted = true;
        call.decision.timings.checks = Duration::from_micros(checks);
        gate.finish(call, None);
    };
    let gate = with(Some(&[]), 1_000, 3);
    for _ in 0..3 {
        gone(&gate, "192.0.2.1", JUNK, 0);
    }
    assert!(gate.call("192.0.2.1", JUNK).0.suspect.is_some(), "three guesses, whatever came of them");
    // A suspect that goes away takes nothing more.
    gone(&gate, "192.0.2.1", JUNK, 0);
    gate.clock.advance(Duration::from_secs(1));
    assert_eq!(gate.call("192.0.2.1", JUNK).0.suspect, None);
    // Twins: who presents nothing, who waits for the service's answer, and who is proven.
    for _ in 0..5 {
        gone(&gate, "192.0.2.2", &[], 0);
        gone(&gate, "192.0.2.2", JUNK, 70);
        let (mut call, _) = gate.call("192.0.2.2", JUNK);
        call.proofs = CallBuilder::get("/").principal("https://idp", "alice", None).build().proofs;
        call.decision.aborted = true;
        gate.finish(call, None);
    }
    assert_eq!(gate.call("192.0.2.2", JUNK).0.suspect, None);
}

#[test]
fn an_address_without_credentials_has_an_allowance() {
    let gate = with(Some(&[]), 3, 1_000);
    let throttled = |verdict: &Verdict| {
        matches!(verdict, Verdict::Throttle(refusal)
            if refusal.code == &codes::TOO_MANY_ANONYMOUS && refusal.retry_after.is_some())
    };
    for _ in 0..3 {
        assert!(matches!(gate.call("2001:db8::1", &[]).1, Verdict::Allow));
    }
    assert!(throttled(&gate.call("2001:db8::2", &[]).1), "the /64 counts as one");
    assert!(matches!(gate.call("2001:db8:0:1::1", &[]).1, Verdict::Allow));
    // A credential is asked for what it proves; where nobody asks, it does not help.
    let (mut call, verdict) = gate.call("2001:db8::1", JUNK);
    assert!(matches!(verdict, Verdict::Allow) && call.suspect.is_none());
    assert!(throttled(&done(gate.open.head(&mut call))));
    gate.clock.advance(Duration::from_secs(1));
    let (mut call, _) = gate.call("2001:db8::1", JUNK);
    assert!(matches!(done(gate.open.head(&mut call)), Verdict::Allow));
    assert!(throttled(&gate.call("2001:db8::1", &[]).1), "both take of one allowance");
}

#[test]
fn a_credential_from_a_failing_address_makes_a_suspect() {
    let gate = gate(&[]);
    gate.fail("192.0.2.1");
    assert!(is_throttled(&gate.call("192.0.2.1", &[]).1), "nothing to look up: refused at once");
    let (mut call, verdict) = gate.call("192.0.2.1", JUNK);
    assert!(matches!(verdict, Verdict::Note(_)), "{verdict:?}");
    assert_eq!(call.suspect, Some(Duration::from_secs(1)));
    assert!(is_throttled(&done(gate.open.head(&mut call))), "where nobody verifies it buys nothing");
    // What becomes of suspects takes nothing, so that a unit comes back.
    gate.finish(call, Some(&codes::ORIGIN_REFUSED));
    let (neighbor, _) = gate.call("192.0.2.2", JUNK);
    assert_eq!(neighbor.suspect, None);
    gate.clock.advance(Duration::from_secs(1));
    assert_eq!(gate.call("192.0.2.1", JUNK).0.suspect, None);
}

#[test]
fn in_shadow_nobody_is_moved_or_suspected() {
    let gate = with(None, 1, 2);
    gate.fail("10.0.0.1");
    let (call, verdict) = gate.call("10.0.0.1", &[("x-forwarded-for", "6.6.6.6"), JUNK[0]]);
    assert!(matches!(verdict, Verdict::Note(_)));
    assert_eq!((call.client.to_string().as_str(), call.suspect), ("10.0.0.1", None));
}

const OPTIONAL: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers:
  shop: { url: "https://idp.example.com/realms/shop" }
admission: { anonymous: { rate: 1/s, burst: 1 } }
apis:
  orders:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    authentication:
      head: { source: applications }
      cookie: { source: applications }
      shop: { issuers: [shop], audience: orders }
"#;

const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "1" }
components:
  securitySchemes:
    head: { type: apiKey, in: header, name: X-Key }
    cookie: { type: apiKey, in: cookie, name: key }
    shop: { type: openIdConnect, openIdConnectUrl: "https://idp.example.com/realms/shop/.well-known/openid-configuration" }
paths:
  /keyed: { get: { operationId: keyed, security: [{}, { head: [] }, { shop: [] }], responses: { "200": { description: ok } } } }
  /tokens: { get: { operationId: tokens, security: [{}, { shop: [] }], responses: { "200": { description: ok } } } }
  /closed: { get: { operationId: closed, security: [{ head: [] }], responses: { "200": { description: ok } } } }
"#;

/// What stands before authentication on an operation.
fn compiled(document: &str, id: &str) -> Vec<Compiled> {
    let mut compiled = Vec::new();
    Setup::new(document, CONTRACT).attach_and(&World::new(), 0, |api| {
        let operation = api.contract.unwrap().operations.iter().find(|one| one.id == id).unwrap();
        let scope = OperationScope {
            api,
            kind: OperationKind::Declared,
            contract: Some(operation),
            id,
            method: &operation.method,
            template: &operation.template,
            params: &[],
            siblings: &[],
            websocket: false,
            section: None,
        };
        compiled = compile_open(&scope, &mut diagnostics::Diagnostics::new());
    });
    compiled
}

#[test]
fn what_only_looks_like_a_credential_is_counted_where_one_is_optional() {
    let clock = FakeClock::new();
    let context = core(&clock, &Arc::new(MemoryCells::new()));
    let attached = |id| {
        let compiled = compiled(OPTIONAL, id).pop().expect("it counts");
        compiled.control.attach(&context)
    };
    let keyed = attached("keyed");
    let speaks = |control: &dyn Attached, target: &str, fields: &[(&str, &str)], suspect| {
        let mut builder = CallBuilder::get(target).clock(&clock);
        for (name, value) in fields {
            builder = builder.header(name, value);
        }
        let mut call = builder.build();
        call.suspect = suspect;
        match done(control.head(&mut call)) {
            Verdict::Allow => "ok",
            Verdict::Throttle(refusal) => refusal.code.name,
            other => panic!("{other:?}"),
        }
    };
    // Nobody looks there, whatever stands there.
    let unread: [(&str, &[(&str, &str)]); 4] = [
        ("/", &[("x-foo", "yett_")]),
        ("/", &[("cookie", "key=yett_a")]),
        ("/?x-key=yett_a", &[]),
        ("/?a=b&c=yett_", &[("x-foo", "a")]),
    ];
    for (target, fields) in unread {
        clock.advance(Duration::from_secs(1));
        let said: Vec<_> = (0..10).map(|_| speaks(&*keyed, target, fields, None)).collect();
        assert_eq!(said[0], "ok", "{target} {fields:?}");
        assert!(said[1..].iter().all(|code| *code == "too_many_anonymous"), "{target} {fields:?}: {said:?}");
        let wait = Some(Duration::from_secs(1));
        assert_eq!(speaks(&*keyed, target, fields, wait), "too_many_failures", "{target} {fields:?}");
    }
    // Twins: what was counted before it was routed, and what is looked at, and refused when it is not good.
    let read: [&[(&str, &str)]; 4] = [
        &[],
        &[("x-foo", "yet")],
        &[("x-key", "yett_a"), ("x-foo", "yett_")],
        &[("authorization", "Bearer x")],
    ];
    for fields in read {
        assert!((0..10).all(|_| speaks(&*keyed, "/", fields, None) == "ok"), "{fields:?}");
    }
    // Where only tokens are taken no key is looked at.
    let tokens = attached("tokens");
    clock.advance(Duration::from_secs(1));
    let said: Vec<_> = (0..3).map(|_| speaks(&*tokens, "/", &[("x-key", "yett_a")], None)).collect();
    assert_eq!(said, ["ok", "too_many_anonymous", "too_many_anonymous"]);
    // Nothing stands where nobody is let in without a credential, nor where no keys are taken at all.
    assert!(compiled(OPTIONAL, "closed").is_empty());
    let keyless = OPTIONAL.lines().filter(|line| !line.contains("source:")).collect::<Vec<_>>().join("\n");
    assert!(compiled(&keyless, "tokens").is_empty());
}

#[test]
fn passwords_that_can_be_guessed_fast_are_told() {
    const API: &str = "apis: { orders: { contract: ./api.yaml, upstream: http://127.0.0.1:3000, authentication: { \
                       shop: { users: [staff] } } } }\nusers: { staff: { passwords: staff.txt } }\n";
    for (admission, told) in [
        ("", true),
        ("admission: { failures: { burst: 5 } }", true),
        ("admission: { failures: { rate: 2/s } }", true),
        ("admission: { failures: { rate: 30/min, burst: 20, mode: shadow } }", true),
        ("admission: { failures: { rate: 30/min, burst: 20 } }", false),
        ("admission: { failures: { rate: 1/s, burst: 20 } }", false),
    ] {
        let document = format!("version: 1\nlisten: http://127.0.0.1:8080\n{API}{admission}\n");
        let mut found = diagnostics::Diagnostics::new();
        Setup::new(&document, CONTRACT).attach_and(&World::new(), 0, |api| {
            let _ = super::compile(api.gateway, &mut found);
        });
        let codes: Vec<_> = found.iter().map(|one| one.code).collect();
        assert_eq!(codes.contains(&"passwords-guessable"), told, "{admission}: {codes:?}");
    }
    // Where no passwords are taken nothing is said.
    let mut found = diagnostics::Diagnostics::new();
    Setup::new(OPTIONAL, CONTRACT).attach_and(&World::new(), 0, |api| {
        let _ = super::compile(api.gateway, &mut found);
    });
    assert_eq!(found.iter().count(), 0);
}
