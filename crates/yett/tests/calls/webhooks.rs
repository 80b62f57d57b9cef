//! Deliveries that their sender did not sign so, before the real gateway: 401 with the right challenge, and nothing of the call reaches the
//! service. Each has a twin that does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::*;
use testkit::Recorder;
use testkit::mint::base64;
use testkit::raw::exchange;
use testkit::webhook::{Curve, tag};

const CONTRACT: &str = r##"openapi: 3.1.0
info: { title: Hooks, version: "1" }
components:
  securitySchemes:
    hook: { type: apiKey, in: header, name: webhook-signature }
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example/t", scopes: { "t:read": r } } } }
paths:
  /hook:
    post:
      operationId: hook
      security: [{ hook: ["t:write"] }]
      requestBody: { content: { application/json: { schema: { type: object } }, text/plain: { schema: { type: string } } } }
      responses: { "200": { description: ok } }
  /either:
    post:
      operationId: either
      security: [{ hook: [] }, { oauth: ["t:read"] }]
      requestBody: { content: { application/json: { schema: { type: object } } } }
      responses: { "200": { description: ok } }
  /ping: { get: { operationId: ping, security: [{ hook: [] }], responses: { "200": { description: ok } } } }
"##;

const API: &str = "authentication:\n  hook: { webhook: billing }\n  oauth: { issuers: [local], audience: t }\n\
                   bodies: { codings: [gzip] }\n";
const RATES: &str = "admission: { anonymous: { rate: 60000/min }, failures: { rate: 60000/min } }\n";
const NEW: [u8; 32] = [1; 32];
const OLD: [u8; 24] = [2; 24];
const BODY: &[u8] = br#"{"type":"invoice.paid","data":{"id":7}}"#;
const TYPE: &str = "Content-Type: application/json\r\n";

static NEXT: AtomicUsize = AtomicUsize::new(0);

/// An id that was not used before.
fn id() -> String {
    format!("msg_{:08}", NEXT.fetch_add(1, Ordering::SeqCst))
}

fn at(seconds: i64) -> String {
    now().saturating_add_signed(seconds).to_string()
}

fn curve() -> Curve {
    Curve::of([7; 32])
}

fn start(recorder: &Recorder) -> Gateway {
    let top = format!(
        "issuers: {{ local: {{ local: true }} }}\n{RATES}webhooks:\n  billing:\n    secrets: [file:new.secret, \
         file:old.secret]\n    keys: [\"{}\"]\n    scopes: [\"t:write\"]\n",
        curve().public()
    );
    let setup = Setup { top, api: API.into(), contract: CONTRACT.into(), ..Setup::default() };
    let (new, old) = (format!("whsec_{}\n", base64(NEW)), base64(OLD));
    Gateway::with_files(
        &setup,
        &recorder.url(),
        &[("new.secret", new.as_bytes()), ("old.secret", old.as_bytes())],
    )
}

/// The fields of a delivery.
fn fields(id: &str, at: &str, signatures: &str) -> String {
    format!("Webhook-Id: {id}\r\nWebhook-Timestamp: {at}\r\nWebhook-Signature: {signatures}\r\n")
}

fn delivery(id: &str, at: &str, signatures: &str, body: &[u8]) -> Vec<u8> {
    send("POST", "/hook", &(TYPE.to_owned() + &fields(id, at, signatures)), body)
}

/// A good one.
fn good(target: &str) -> Vec<u8> {
    let (id, at) = (id(), at(0));
    send("POST", target, &(TYPE.to_owned() + &fields(&id, &at, &tag(&NEW, &id, &at, BODY))), BODY)
}

/// What is hostile, the call, and what has to come back.
type Row = (&'static str, Vec<u8>, (u16, &'static str));

const INVALID: (u16, &str) = (401, "webhook_invalid");
const MISSING: (u16, &str) = (401, "credential_missing");

/// Signatures over something else, or by somebody else.
fn signatures() -> Vec<Row> {
    let (id, at) = (id(), at(0));
    let with = |signatures: String| delivery(&id, &at, &signatures, BODY);
    let own = tag(&NEW, &id, &at, BODY);
    let (kind, encoded) = own.split_once(',').unwrap();
    assert_eq!(kind, "v1");
    let over_body = tag(&NEW, "", "", BODY);
    let shown = base64(NEW);
    let others: Vec<String> = (10..18).map(|number| tag(&[number; 32], &id, &at, BODY)).collect();
    vec![
        ("another secret", with(tag(&[9; 32], &id, &at, BODY)), INVALID),
        ("the text of the secret", with(tag(shown.as_bytes(), &id, &at, BODY)), INVALID),
        ("a secret of nothing", with(tag(b"", &id, &at, BODY)), INVALID),
        ("the public key for a secret", with(tag(curve().bytes(), &id, &at, BODY)), INVALID),
        ("the public key as it is written", with(tag(curve().public().as_bytes(), &id, &at, BODY)), INVALID),
        ("another key", with(Curve::of([8; 32]).sign(&id, &at, BODY)), INVALID),
        ("a tag for a signature", with(own.replace("v1,", "v1a,")), INVALID),
        ("a signature for a tag", with(curve().sign(&id, &at, BODY).replace("v1a,", "v1,")), INVALID),
        ("over the body alone", with(over_body), INVALID),
        (
            "over another body",
            delivery(&id, &at, &own, br#"{"type":"invoice.paid","data":{"id":8}}"#),
            INVALID,
        ),
        ("a space after the body", delivery(&id, &at, &own, &[BODY, b" "].concat()), INVALID),
        ("a body that was cut", delivery(&id, &at, &own, br#"{"type":"invoice.paid"}"#), INVALID),
        ("no body", send("POST", "/hook", &fields(&id, &at, &own), ""), INVALID),
        ("another id", delivery(&format!("{id}0"), &at, &own, BODY), INVALID),
        ("the id in another case", delivery(&id.to_uppercase(), &at, &own, BODY), INVALID),
        ("another time", delivery(&id, &at_after(&at), &own, BODY), INVALID),
        ("a version to come", with(own.replace("v1,", "v2,")), INVALID),
        ("the version in another case", with(own.replace("v1,", "V1,")), INVALID),
        ("no version", with(encoded.to_owned()), INVALID),
        ("an empty version", with(format!(",{encoded}")), INVALID),
        ("without padding", with(own.trim_end_matches('=').to_owned()), INVALID),
        ("in hexadecimal digits", with(format!("v1,{}", "ab".repeat(32))), INVALID),
        ("of no bytes", with("v1,".to_owned()), INVALID),
        ("a part of it", with(format!("v1,{}", base64([0; 16]))), INVALID),
        ("a list with commas", with(format!("{own},{own}")), INVALID),
        ("two spaces between two", with(format!("{own}  {own}")), INVALID),
        ("nine, a good one last", with(format!("{} {own}", others.join(" "))), INVALID),
        ("eight of others", with(others.join(" ")), INVALID),
        ("3,000 bytes", with(format!("{own} v9,{}", "a".repeat(3_000))), INVALID),
    ]
}

fn at_after(at: &str) -> String {
    (at.parse::<u64>().unwrap() + 1).to_string()
}

/// Fields that are not those of one delivery, all of them signed.
fn forms(token: &str) -> Vec<Row> {
    let signed = |id: &str, at: &str| delivery(id, at, &tag(&NEW, id, at, BODY), BODY);
    let (own, time) = (id(), at(0));
    let signature = tag(&NEW, &own, &time, BODY);
    let all = fields(&own, &time, &signature);
    let with = |fields: String| send("POST", "/hook", &(TYPE.to_owned() + &fields), BODY);
    let without = |name: &str| {
        let kept = all.split_inclusive("\r\n").filter(|line| !line.starts_with(name));
        with(kept.collect())
    };
    let twice = |name: &str| {
        let line = all.split_inclusive("\r\n").find(|line| line.starts_with(name)).unwrap();
        with(format!("{all}{line}"))
    };
    vec![
        ("none of it", send("POST", "/hook", TYPE, BODY), MISSING),
        ("no signature", without("Webhook-Signature"), MISSING),
        ("no id", without("Webhook-Id"), INVALID),
        ("no time", without("Webhook-Timestamp"), INVALID),
        ("two ids", twice("Webhook-Id"), INVALID),
        ("two times", twice("Webhook-Timestamp"), INVALID),
        ("two signatures", twice("Webhook-Signature"), INVALID),
        ("an empty id", signed("", &time), INVALID),
        ("an id with a dot", signed(&format!("{own}.1"), &time), INVALID),
        // The same text is signed for both.
        (
            "a part of the body in the id",
            delivery(&format!("{own}.{time}"), "1", &tag(&NEW, &own, &time, b"1.{}"), b"{}"),
            INVALID,
        ),
        ("an id with a space", signed(&format!("{own} x"), &time), INVALID),
        ("a long id", signed(&"a".repeat(257), &time), INVALID),
        ("an old one", signed(&own, &at(-310)), INVALID),
        ("one from the future", signed(&own, &at(310)), INVALID),
        ("one of the year 33658", signed(&own, "999999999999"), INVALID),
        ("a time of milliseconds", signed(&own, &format!("{time}000")), INVALID),
        ("a time with a fraction", signed(&own, &format!("{time}.0")), INVALID),
        ("a time with a zero before it", signed(&own, &format!("0{time}")), INVALID),
        ("a time with a sign", signed(&own, &format!("+{time}")), INVALID),
        ("a time in words", signed(&own, "2026-01-01T00:00:00Z"), INVALID),
        ("an empty time", signed(&own, ""), INVALID),
        (
            "a token beside it that nobody takes",
            with(format!("{all}Authorization: Bearer {token}\r\n")),
            MISSING,
        ),
        ("the fields of another standard", with(all.replace("Webhook-", "Svix-")), MISSING),
    ]
}

#[test]
fn threat_33_what_its_sender_did_not_sign_is_refused() {
    let recorder = Recorder::start();
    let gateway = start(&recorder);
    let rows: Vec<Row> =
        [signatures(), forms(&gateway.token("alice", "t:read"))].into_iter().flatten().collect();
    assert_eq!(rows.len(), 52);
    let mut wrong = Vec::new();
    for (name, hostile, expect) in &rows {
        let before = recorder.count();
        let reply = exchange(gateway.address, hostile).unwrap_or_else(|| panic!("{name}: no answer"));
        let challenge = reply.head.get("www-authenticate").unwrap_or_default().to_owned();
        let asked = challenge.starts_with("Webhook realm=\"t\"");
        if (reply.status, reply.code().as_deref()) != (expect.0, Some(expect.1)) || !asked {
            wrong.push(format!(
                "{name}: {} {:?} `{challenge}`, expected {expect:?}",
                reply.status,
                reply.code()
            ));
        }
        let twin = gateway.call(good("/hook"));
        let reached = recorder.wait_for(before + 1) && recorder.count() == before + 1;
        if twin.status != 200 || !reached {
            wrong.push(format!("{name}: its twin got {} {}", twin.status, twin.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} went wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    assert_eq!(recorder.last().body, BODY);
    assert_eq!(recorder.faults(), Vec::<String>::new());
    // What was said of who sent it is not believed before it is proven.
    let (own, time) = (id(), at(0));
    let refused = gateway.call(delivery(&own, &time, &tag(&[9; 32], &own, &time, BODY), BODY));
    assert!(gateway.log_of(&refused)["subject"].is_null());
    // Nor where the signature is never looked at.
    let own = id();
    let unread = fields(&own, &time, &tag(&[9; 32], &own, &time, BODY));
    let unread =
        format!("POST /hook HTTP/1.1\r\nHost: api.test\r\n{TYPE}{unread}Content-Length: 9999999999\r\n\r\n");
    let unread = gateway.call(unread.into_bytes());
    assert_eq!(unread.code().as_deref(), Some("body_too_large"));
    let line = gateway.log_of(&unread);
    assert!(line["subject"].is_null() && line["issuer"].is_null(), "{line}");
    let line = gateway.log_of(&gateway.call(good("/hook")));
    assert!(line["issuer"] == "yett:webhooks:billing" && line["subject"] == "billing", "{line}");
}

#[test]
fn threat_33_an_attempt_is_good_once_and_a_message_may_come_again() {
    let recorder = Recorder::start();
    let gateway = start(&recorder);
    let code = |call: &[u8]| gateway.call(call).code().unwrap_or_else(|| "ok".to_owned());
    let id = id();
    let attempt = |seconds: i64, by: &dyn Fn(&str) -> String| {
        let at = at(seconds);
        delivery(&id, &at, &by(&at), BODY)
    };
    let new = |at: &str| tag(&NEW, &id, at, BODY);
    let old = |at: &str| tag(&OLD, &id, at, BODY);
    let key = |at: &str| curve().sign(&id, at, BODY);
    let both = |at: &str| format!("{} {} v2,x", tag(&[9; 32], &id, at, BODY), key(at));
    let first = attempt(-100, &new);
    assert_eq!(code(&first), "ok");
    for _ in 0..2 {
        assert_eq!(code(&first), "webhook_invalid");
    }
    // Of the same attempt another signature is no other attempt.
    assert_eq!(code(&attempt(-100, &key)), "webhook_invalid");
    // A sender that had no answer delivers the message again.
    for (seconds, by) in [(-50, &old as &dyn Fn(&str) -> String), (-20, &key), (0, &both)] {
        let again = attempt(seconds, by);
        assert_eq!(code(&again), "ok");
        assert_eq!(code(&again), "webhook_invalid");
    }
    assert_eq!(recorder.count(), 4);
    // One that was not signed takes nothing from one that is.
    let (forged, real) = (attempt(20, &|_: &str| tag(&[9; 32], "a", "1", b"")), attempt(20, &new));
    assert_eq!((code(&forged).as_str(), code(&real).as_str()), ("webhook_invalid", "ok"));
}

#[test]
fn threat_33_the_body_is_that_which_came() {
    let recorder = Recorder::start();
    let gateway = start(&recorder);
    let (own, time) = (id(), at(0));
    let zipped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, BODY).unwrap();
        encoder.finish().unwrap()
    };
    let coded = |signed: &[u8]| {
        let fields = format!(
            "{TYPE}Content-Encoding: gzip\r\n{}",
            fields(&own, &time, &tag(&NEW, &own, &time, signed))
        );
        send("POST", "/hook", &fields, &zipped)
    };
    assert_eq!(gateway.call(coded(BODY)).code().as_deref(), Some("webhook_invalid"));
    assert_eq!(gateway.call(coded(&zipped)).status, 200);
    // Long enough to be looked at on another thread, in chunks, and by a signature on a curve.
    let long = format!("{{\"data\":\"{}\"}}", "x".repeat(600_000)).into_bytes();
    for by_key in [false, true] {
        let (own, time) = (id(), at(0));
        let signature = if by_key { curve().sign(&own, &time, &long) } else { tag(&NEW, &own, &time, &long) };
        let head = format!(
            "POST /hook HTTP/1.1\r\nHost: api.test\r\n{TYPE}{}Transfer-Encoding: chunked\r\n\r\n",
            fields(&own, &time, &signature)
        );
        let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
        let (one, other) = long.split_at(123_456);
        let whole = [head.as_bytes(), &chunk(one), &chunk(other), b"0\r\n\r\n"].concat();
        assert_eq!(gateway.call(&whole).status, 200);
        assert_eq!(gateway.call(&whole).code().as_deref(), Some("webhook_invalid"), "it came before");
    }
    // A delivery need not have a body, and other credentials are still taken.
    let (own, time) = (id(), at(0));
    let ping = get("/ping", &fields(&own, &time, &tag(&NEW, &own, &time, b"")));
    assert_eq!(gateway.call(ping).status, 200);
    let token = gateway.token("alice", "t:read");
    let bearer = format!("{TYPE}Authorization: Bearer {token}\r\n");
    assert_eq!(gateway.call(send("POST", "/either", &bearer, BODY)).status, 200);
    assert_eq!(gateway.call(good("/either")).status, 200);
    let beside = bearer + &fields("a", &at(0), &tag(&NEW, "b", "1", BODY));
    assert_eq!(
        gateway.call(send("POST", "/either", &beside, BODY)).code().as_deref(),
        Some("webhook_invalid")
    );
}

#[test]
fn an_address_that_fails_too_often_has_nothing_verified() {
    let recorder = Recorder::start();
    let top = "admission: { failures: { rate: 1/hour, burst: 2 } }\nwebhooks: { billing: { secrets: [file:new.secret], \
               scopes: [\"t:write\"] } }\nissuers: { local: { local: true } }\n";
    let setup = Setup { top: top.into(), api: API.into(), contract: CONTRACT.into(), ..Setup::default() };
    let secret = base64(NEW);
    let gateway = Gateway::with_files(&setup, &recorder.url(), &[("new.secret", secret.as_bytes())]);
    let (own, time) = (id(), at(0));
    let forged = delivery(&own, &time, &tag(&OLD, &own, &time, BODY), BODY);
    for _ in 0..2 {
        assert_eq!(gateway.call(&forged).code().as_deref(), Some("webhook_invalid"));
    }
    for call in [forged, good("/hook")] {
        assert_eq!(gateway.call(call).code().as_deref(), Some("too_many_failures"));
    }
    assert_eq!(recorder.count(), 0);
}
