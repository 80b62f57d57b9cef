//! Rows 17 and 19: forged tokens of every kind against two issuers, and issuers whose key sets fail in mid-run.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its tokens need the time of day"
)]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::harness::*;
use serde_json::{Value, json};
use testkit::mint::{base64url, hmac_token};
use testkit::{Alg, Answer, Fault, Mint, Recorder, until};

const AUDIENCE: &str = "api-t";

/// An OpenID provider as far as a gateway sees one: discovery, and a key set that can be changed.
struct Issuer {
    server: Recorder,
    /// The answer of its key set.
    keys: Arc<Mutex<Answer>>,
}

fn key_set(mints: &[&Mint]) -> Answer {
    let keys: Vec<String> = mints.iter().map(|mint| mint.jwk()).collect();
    Answer::json(200, format!("{{\"keys\":[{}]}}", keys.join(",")))
}

impl Issuer {
    fn start(mints: &[&Mint]) -> Self {
        Self::answering(key_set(mints))
    }

    fn answering(answer: Answer) -> Self {
        let keys = Arc::new(Mutex::new(answer));
        let server = Recorder::start();
        let (url, own) = (server.url(), Arc::clone(&keys));
        server.script(move |call| match call.target() {
            "/.well-known/openid-configuration" => {
                Answer::json(200, json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string())
            }
            "/keys" => own.lock().unwrap().clone(),
            _ => Answer::json(404, "{}"),
        });
        Self { server, keys }
    }

    fn url(&self) -> String {
        self.server.url()
    }

    fn publish(&self, answer: Answer) {
        *self.keys.lock().unwrap() = answer;
    }
}

/// Good claims, each time another `jti`, so that no token was seen before.
fn claims(issuer: &str) -> Value {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::SeqCst);
    json!({
        "iss": issuer, "sub": "alice", "aud": AUDIENCE, "exp": now() + 600, "iat": now() - 1, "nbf": now() - 1,
        "jti": format!("t{id}"), "client_id": "app", "scope": "things:read things:write admin"
    })
}

fn set(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn unset(mut claims: Value, name: &str) -> Value {
    claims.as_object_mut().unwrap().remove(name);
    claims
}

fn behind(issuers: &[(&str, &Issuer)], upstream: &Recorder) -> Gateway {
    let list: Vec<String> =
        issuers.iter().map(|(name, issuer)| format!("  {name}: {{ url: \"{}\" }}\n", issuer.url())).collect();
    let names: Vec<&str> = issuers.iter().map(|(name, _)| *name).collect();
    let setup = Setup {
        top: format!("issuers:\n{}", list.concat()),
        api: format!(
            "authentication: {{ oauth: {{ issuers: [{}], audience: {AUDIENCE} }} }}",
            names.join(", ")
        ),
        ..Setup::default()
    };
    Gateway::with(&setup, &upstream.url())
}

/// A forged token, and a good one made in the same way.
struct Forged {
    name: String,
    token: String,
    twin: String,
    code: &'static str,
}

struct World {
    rsa: Mint,
    ec: Mint,
    ed: Mint,
    other: Mint,
    stranger: Mint,
    stranger_ec: Mint,
    one: Issuer,
    two: Issuer,
    canary: Recorder,
}

impl World {
    fn new() -> Self {
        let (rsa, ec, ed) =
            (Mint::new(Alg::Rs256, "r1"), Mint::new(Alg::Es256, "e1"), Mint::new(Alg::EdDsa, "d1"));
        let other = Mint::new(Alg::Rs256, "r2");
        let (one, two) = (Issuer::start(&[&rsa, &ec, &ed]), Issuer::start(&[&other]));
        let stranger = Mint::new(Alg::Rs256, "r1");
        Self {
            rsa,
            ec,
            ed,
            other,
            stranger,
            stranger_ec: Mint::new(Alg::Es256, "e1"),
            one,
            two,
            canary: Recorder::start(),
        }
    }

    fn good(&self) -> String {
        self.rsa.token(&claims(&self.one.url()).to_string())
    }

    /// Twins of each kind of key in turn.
    fn any_good(&self) -> String {
        let claims = claims(&self.one.url());
        let turn = claims["jti"].as_str().map_or(0, str::len)
            + claims["jti"].to_string().bytes().map(usize::from).sum::<usize>();
        [&self.rsa, &self.ec, &self.ed][turn % 3].token(&claims.to_string())
    }

    fn forge(&self, name: &str, token: String, code: &'static str) -> Forged {
        Forged { name: name.to_owned(), token, twin: self.any_good(), code }
    }

    fn bad(&self, name: &str, token: String) -> Forged {
        self.forge(name, token, "token_invalid")
    }

    /// Headers that point elsewhere, name another algorithm, or ask for what is not there.
    fn headers(&self) -> Vec<Forged> {
        let payload = || claims(&self.one.url()).to_string();
        let mut all = Vec::new();
        for none in ["none", "None", "NONE", "nOnE"] {
            let head = base64url(format!(r#"{{"alg":"{none}","kid":"r1"}}"#));
            let body = base64url(payload());
            all.push(self.bad(&format!("alg {none} without a signature"), format!("{head}.{body}.")));
            let (_, signature) =
                self.good().rsplit_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            all.push(self.bad(&format!("alg {none} with a signature"), format!("{head}.{body}.{signature}")));
        }
        for (at, secret) in self.rsa.public_texts().iter().enumerate() {
            let token = hmac_token(r#"{"alg":"HS256","kid":"r1"}"#, &payload(), secret);
            all.push(self.bad(&format!("HS256 keyed with the public key, form {at}"), token));
            let token = hmac_token(r#"{"alg":"RS256","kid":"r1"}"#, &payload(), secret);
            all.push(self.bad(&format!("RS256 that is an HMAC, form {at}"), token));
        }
        all.push(
            self.bad(
                "HS256 keyed with nothing",
                hmac_token(r#"{"alg":"HS256","kid":"r1"}"#, &payload(), b""),
            ),
        );
        for alg in ["RS384", "RS512", "PS256", "ES256", "EdDSA", "ES256K", "RS1", "", "rs256", "RS256 "] {
            let token = self.rsa.jws(&format!(r#"{{"alg":"{alg}","kid":"r1"}}"#), &payload());
            all.push(self.bad(&format!("RS256 called `{alg}`"), token));
        }
        all.push(
            self.bad(
                "a key of another type by kid",
                self.ec.jws(r#"{"alg":"ES256","kid":"r1"}"#, &payload()),
            ),
        );
        all.push(self.bad(
            "an RSA signature under an EC kid",
            self.rsa.jws(r#"{"alg":"RS256","kid":"e1"}"#, &payload()),
        ));
        let url = format!("{}/keys", self.canary.url());
        let own = self.stranger.jwk();
        for (name, member) in [
            ("jku", format!(r#""jku":"{url}""#)),
            ("x5u", format!(r#""x5u":"{url}""#)),
            ("jwk", format!(r#""jwk":{own}"#)),
            ("x5c", r#""x5c":["MIIB"]"#.to_owned()),
            ("all of them", format!(r#""jku":"{url}","x5u":"{url}","jwk":{own}"#)),
        ] {
            for kid in ["r1", "stranger"] {
                let head = format!(r#"{{"alg":"RS256","kid":"{kid}",{member}}}"#);
                all.push(self.bad(&format!("{name} with kid {kid}"), self.stranger.jws(&head, &payload())));
            }
        }
        for kid in
            ["", "../../../../dev/null", "r1' OR '1'='1", "r1\\u0000", "http://127.0.0.1/", "|id", "R1"]
        {
            let head = format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#);
            all.push(self.bad(&format!("kid `{kid}`"), self.stranger.jws(&head, &payload())));
        }
        for (name, member) in [
            ("crit with an unknown extension", r#""crit":["x"],"x":1"#),
            ("crit that is empty", r#""crit":[]"#),
            ("crit with b64", r#""crit":["b64"],"b64":false"#),
            ("b64 false", r#""b64":false"#),
            ("zip", r#""zip":"DEF""#),
            ("alg twice", r#""alg":"none""#),
            ("kid twice", r#""kid":"e1""#),
            ("kid that is a number", r#""kid":1"#),
            ("typ of an ID token's sibling", r#""typ":"logout+jwt""#),
            ("typ of a DPoP proof", r#""typ":"dpop+jwt""#),
            ("typ of a security event", r#""typ":"secevent+jwt""#),
            ("typ of an introspection answer", r#""typ":"token-introspection+jwt""#),
            ("typ of a client assertion", r#""typ":"client-authentication+jwt""#),
        ] {
            let kid = if member.contains("\"kid\":1") { "" } else { r#""kid":"r1","# };
            let token = self.rsa.jws(&format!(r#"{{"alg":"RS256",{kid}{member}}}"#), &payload());
            all.push(self.bad(name, token));
        }
        all
    }

    /// Good signatures under claims that are not those of an access token for us.
    fn payloads(&self) -> Vec<Forged> {
        let base = || claims(&self.one.url());
        let sign = |claims: Value| self.rsa.token(&claims.to_string());
        let cases: Vec<(&str, Value)> = vec![
            ("another audience", set(base(), "aud", json!("other"))),
            ("other audiences", set(base(), "aud", json!(["other", "api-t2"]))),
            ("an audience in another case", set(base(), "aud", json!("API-T"))),
            ("an audience with ours inside", set(base(), "aud", json!("api-t other"))),
            ("an audience that is no text", set(base(), "aud", json!({ "api-t": true }))),
            ("an empty audience", set(base(), "aud", json!([]))),
            ("no audience", unset(base(), "aud")),
            ("no expiry", unset(base(), "exp")),
            ("an expiry that is text", set(base(), "exp", json!("9999999999"))),
            ("an expiry in milliseconds", set(base(), "exp", json!((now() + 600) * 1_000_000))),
            ("a negative expiry", set(base(), "exp", json!(-1))),
            ("a null expiry", set(base(), "exp", Value::Null)),
            ("not valid yet", set(base(), "nbf", json!(now() + 600))),
            ("nbf that is text", set(base(), "nbf", json!("0"))),
            ("issued in the future", set(base(), "iat", json!(now() + 600))),
            ("no issuer", unset(base(), "iss")),
            ("an issuer that is a list", set(base(), "iss", json!([self.one.url()]))),
            ("an unknown issuer", set(base(), "iss", json!("https://evil.test"))),
            ("an issuer with a slash more", set(base(), "iss", json!(format!("{}/", self.one.url())))),
            ("an issuer in upper case", set(base(), "iss", json!(self.one.url().to_uppercase()))),
            ("the other issuer's name", set(base(), "iss", json!(self.two.url()))),
            ("the canary's name", set(base(), "iss", json!(self.canary.url()))),
            ("no subject", unset(base(), "sub")),
            ("a subject that is a number", set(base(), "sub", json!(1))),
            ("an empty subject", set(base(), "sub", json!(""))),
            ("an ID token: nonce", set(base(), "nonce", json!("n"))),
            ("an ID token: at_hash", set(base(), "at_hash", json!("h"))),
            ("a logout token: events", set(base(), "events", json!({}))),
            ("a DPoP proof: htm", set(base(), "htm", json!("GET"))),
            ("an introspection answer", set(base(), "token_introspection", json!({ "active": true }))),
            ("a refresh token by its claim", set(base(), "typ", json!("Refresh"))),
            ("bound to a key (cnf)", set(base(), "cnf", json!({ "jkt": "x" }))),
        ];
        let mut all: Vec<Forged> =
            cases.into_iter().map(|(name, claims)| self.bad(name, sign(claims))).collect();
        all.push(self.forge("expired", sign(set(base(), "exp", json!(now() - 60))), "token_expired"));
        all.push(self.forge("expired long ago", sign(set(base(), "exp", json!(0))), "token_expired"));
        let twice = |member: &str| base().to_string().replacen('{', &format!("{{{member},"), 1);
        for member in [
            r#""iss":"https://evil.test""#,
            r#""aud":"other""#,
            r#""exp":1"#,
            r#""sub":"root""#,
            r#""scope":"admin""#,
            r#""s\u0075b":"root""#,
        ] {
            all.push(self.bad(&format!("claim twice: {member}"), self.rsa.token(&twice(member))));
        }
        all
    }

    /// Signatures and shapes.
    fn shapes(&self) -> Vec<Forged> {
        let payload = || claims(&self.one.url()).to_string();
        let good = self.good();
        let parts: Vec<&str> = good.split('.').collect();
        let admin = base64url(claims(&self.one.url()).to_string().replace("alice", "root"));
        let mut all = vec![
            self.bad("another's key under our kid", self.stranger.token(&payload())),
            self.bad("another's EC key under our kid", self.stranger_ec.token(&payload())),
            self.bad("the other issuer's key", self.other.token(&payload())),
            self.bad(
                "our key under the other issuer's name",
                self.rsa.token(&claims(&self.two.url()).to_string()),
            ),
            self.bad(
                "the other issuer's key with our kid",
                self.other.jws(r#"{"alg":"RS256","kid":"r1"}"#, &payload()),
            ),
            self.bad("the payload exchanged", format!("{}.{admin}.{}", parts[0], parts[2])),
            self.bad("no signature", format!("{}.{}.", parts[0], parts[1])),
            self.bad("two parts", format!("{}.{}", parts[0], parts[1])),
            self.bad("four parts", format!("{good}.x")),
            self.bad("five parts, as of a JWE", format!("{good}.x.y")),
            self.bad("a signature with a bit more", format!("{good}A")),
            self.bad("a signature cut off", good[..good.len() - 4].to_owned()),
            self.bad("padding", format!("{}=.{}.{}", parts[0], parts[1], parts[2])),
            self.bad("a character that no token has", format!("{good}\"")),
            self.bad(
                "an EC signature of zeros",
                format!(
                    "{}.{}.{}",
                    base64url(r#"{"alg":"ES256","kid":"e1"}"#),
                    base64url(payload()),
                    base64url([0_u8; 64])
                ),
            ),
            self.bad(
                "an EdDSA signature of zeros",
                format!(
                    "{}.{}.{}",
                    base64url(r#"{"alg":"EdDSA","kid":"d1"}"#),
                    base64url(payload()),
                    base64url([0_u8; 64])
                ),
            ),
            self.bad(
                "an RSA signature of zeros",
                format!("{}.{}.{}", parts[0], parts[1], base64url([0_u8; 256])),
            ),
            self.bad("a payload that is a list", self.rsa.token("[]")),
            self.bad("a payload that is text", self.rsa.token("\"x\"")),
            self.bad("a payload that is empty", self.rsa.token("")),
            self.bad("a header that is no JSON", format!("{}.{}.{}", base64url("x"), parts[1], parts[2])),
            self.bad("an unknown key without a name", self.stranger.jws(r#"{"alg":"RS256"}"#, &payload())),
        ];
        // An algorithm of the same family over the very same key needs the very same name.
        let input = format!("{}.{}", base64url(r#"{"alg":"PS256","kid":"r1"}"#), base64url(payload()));
        let pkcs1 = base64url(self.rsa.sign(Alg::Rs256, input.as_bytes()));
        all.push(self.bad("PS256 that is RS256", format!("{input}.{pkcs1}")));
        all
    }
}

#[test]
fn threat_17_forged_tokens_never_pass_and_their_twins_do() {
    let world = World::new();
    let upstream = Recorder::start();
    let gateway = behind(&[("one", &world.one), ("two", &world.two)], &upstream);
    let all: Vec<Forged> =
        [world.headers(), world.payloads(), world.shapes()].into_iter().flatten().collect();
    assert!(all.len() >= 40, "{}", all.len());
    let mut wrong = Vec::new();
    for forged in &all {
        let before = upstream.count();
        let reply = gateway.call(get_as("/secret", &forged.token));
        let code = reply.code().unwrap_or_default();
        if (reply.status, code.as_str()) != (401, forged.code) || upstream.count() != before {
            wrong.push(format!("{}: {} {}", forged.name, reply.status, reply.text()));
        }
        if reply.status == 401
            && !reply
                .head
                .get("www-authenticate")
                .is_some_and(|field| field.contains("error=\"invalid_token\""))
        {
            wrong.push(format!("{}: challenge {:?}", forged.name, reply.head.get("www-authenticate")));
        }
        let twin = gateway.call(get_as("/secret", &forged.twin));
        if twin.status != 200 || upstream.count() != before + 1 {
            wrong.push(format!("{}: its twin got {} {}", forged.name, twin.status, twin.text()));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), all.len(), wrong.join("\n"));
    assert_eq!(world.canary.connections(), 0, "no key was looked for where a token says");
}

#[test]
fn threat_17_the_same_tokens_get_through_a_naive_proxy() {
    let world = World::new();
    let cases: Vec<Case> = [world.headers(), world.payloads(), world.shapes()]
        .iter()
        .flatten()
        .map(|forged| case(&forged.name, get_as("/secret", &forged.token), Expect::Refusal))
        .collect();
    reaches_naive(&cases);
}

#[test]
fn threat_17_good_tokens_of_every_algorithm_and_both_issuers_pass() {
    let algorithms = [
        Alg::Rs256,
        Alg::Rs384,
        Alg::Rs512,
        Alg::Ps256,
        Alg::Ps384,
        Alg::Ps512,
        Alg::Es256,
        Alg::Es384,
        Alg::Es512,
        Alg::EdDsa,
    ];
    let mints: Vec<Mint> = algorithms.iter().map(|alg| Mint::new(*alg, alg.name())).collect();
    let other = Mint::new(Alg::Es256, "same");
    let (one, two) = (Issuer::start(&mints.iter().collect::<Vec<_>>()), Issuer::start(&[&other]));
    let upstream = Recorder::start();
    let gateway = behind(&[("one", &one), ("two", &two)], &upstream);
    for mint in &mints {
        let reply = gateway.call(get_as("/secret", &mint.token(&claims(&one.url()).to_string())));
        assert_eq!(reply.status, 200, "{:?}: {}", mint.alg, reply.text());
    }
    let token = other.token(&claims(&two.url()).to_string());
    let reply = gateway.call(get_as("/secret", &token));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(gateway.log_of(&reply)["issuer"], two.url());
    let narrow = set(claims(&one.url()), "scope", json!("things:write"));
    assert_eq!(gateway.call(get_as("/secret", &mints[0].token(&narrow.to_string()))).status, 403);
    // A token with several audiences, ours among them, and dates with fractions.
    let several =
        set(set(claims(&one.url()), "aud", json!(["x", AUDIENCE])), "exp", json!(now() as f64 + 60.5));
    assert_eq!(gateway.call(get_as("/secret", &mints[0].token(&several.to_string()))).status, 200);
}

#[test]
fn threat_17_a_remembered_token_still_expires() {
    let mint = Mint::new(Alg::Es256, "k");
    let issuer = Issuer::start(&[&mint]);
    let upstream = Recorder::start();
    let setup = Setup {
        top: format!("issuers:\n  one: {{ url: \"{}\", leeway: 0s }}\n", issuer.url()),
        api: format!("authentication: {{ oauth: {{ issuers: [one], audience: {AUDIENCE} }} }}"),
        ..Setup::default()
    };
    let gateway = Gateway::with(&setup, &upstream.url());
    let token = mint.token(&set(claims(&issuer.url()), "exp", json!(now() + 3)).to_string());
    for _ in 0..3 {
        assert_eq!(gateway.call(get_as("/secret", &token)).status, 200);
    }
    let expired = until(15, || {
        let reply = gateway.call(get_as("/secret", &token));
        (reply.status != 200).then_some(reply)
    });
    assert_eq!(expired.unwrap().code().as_deref(), Some("token_expired"));
}

/// What an issuer answers when it is not well.
fn failures() -> Vec<(&'static str, Answer)> {
    vec![
        ("500", Answer::json(500, "{}")),
        ("no keys", Answer::json(200, r#"{"keys":[]}"#)),
        ("no set", Answer::json(200, "{}")),
        ("garbage", Answer::json(200, "<html>")),
        ("not HTTP", Answer::json(200, "").fault(Fault::Garbage(b"\x16\x03\x01".to_vec()))),
        ("a reset", Answer::json(200, r#"{"keys":[]}"#).fault(Fault::Reset(20))),
        ("half an answer", Answer::json(200, r#"{"keys":[]}"#).fault(Fault::Claim(4096))),
        ("silence", Answer::json(200, "{}").fault(Fault::Stall(0))),
        ("a redirect", Answer::json(302, "").header("location", "http://127.0.0.1:1/keys")),
        ("too much", Answer::json(200, format!(r#"{{"keys":[],"x":"{}"}}"#, "x".repeat(4 << 20)))),
        (
            "symmetric keys",
            Answer::json(200, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"k","alg":"HS256"}]}"#),
        ),
    ]
}

#[test]
fn threat_19_without_keys_nothing_passes_until_they_come() {
    std::thread::scope(|scope| {
        for (name, answer) in failures() {
            scope.spawn(move || {
                let mint = Mint::new(Alg::Es256, "k");
                let issuer = Issuer::answering(answer);
                let upstream = Recorder::start();
                let gateway = behind(&[("one", &issuer)], &upstream);
                let token = || mint.token(&claims(&issuer.url()).to_string());
                let reply = gateway.call(get_as("/secret", &token()));
                assert_eq!(
                    (reply.status, reply.code().as_deref()),
                    (503, Some("issuer_unavailable")),
                    "{name}: {}",
                    reply.text()
                );
                let after: Option<u64> = reply.head.get("retry-after").and_then(|value| value.parse().ok());
                assert!(after.is_some_and(|after| (1..=60).contains(&after)), "{name}: {:?}", reply.head);
                assert_eq!(gateway.log_of(&reply)["blame"], "issuer", "{name}");
                // What needs no key goes on.
                assert_eq!(gateway.call(get("/things", "")).status, 200, "{name}");
                assert_eq!(upstream.count(), 1, "{name}");
                issuer.publish(key_set(&[&mint]));
                let good =
                    until(45, || (gateway.call(get_as("/secret", &token())).status == 200).then_some(()));
                assert!(good.is_some(), "{name}: it does not recover by itself\n{}", gateway.said());
            });
        }
    });
}

/// What is refused while the keys are missing is nothing that would have been stopped anyway.
#[test]
fn threat_19_the_same_calls_get_through_a_naive_proxy() {
    let mint = Mint::new(Alg::Es256, "k");
    let cases: Vec<Case> = failures()
        .into_iter()
        .map(|(name, answer)| {
            let issuer = Issuer::answering(answer);
            let token = mint.token(&claims(&issuer.url()).to_string());
            case(name, get_as("/secret", &token), Expect::Problem(503, "issuer_unavailable"))
        })
        .collect();
    reaches_naive(&cases);
}

#[test]
fn threat_19_keys_that_fail_in_mid_run_leave_the_last_good_ones() {
    std::thread::scope(|scope| {
        for (name, answer) in failures() {
            scope.spawn(move || {
                let (old, new) = (Mint::new(Alg::Es256, "old"), Mint::new(Alg::Es256, "new"));
                let issuer = Issuer::start(&[&old]);
                let upstream = Recorder::start();
                let gateway = behind(&[("one", &issuer)], &upstream);
                let with = |mint: &Mint| {
                    gateway.call(get_as("/secret", &mint.token(&claims(&issuer.url()).to_string())))
                };
                assert_eq!(with(&old).status, 200, "{name}");
                issuer.publish(answer);
                // A name that is not known asks for newer keys, and they do not come.
                let reply = with(&new);
                let withdrawn = matches!(name, "no keys" | "symmetric keys");
                assert!(matches!(reply.status, 401 | 503), "{name}: {} {}", reply.status, reply.text());
                let before = upstream.count();
                if withdrawn {
                    // The issuer itself says that no key is good.
                    let refused = until(20, || {
                        let _ = with(&new);
                        (with(&old).status == 503).then_some(())
                    });
                    assert!(refused.is_some(), "{name}: withdrawn keys are still good");
                } else {
                    assert_eq!(with(&old).status, 200, "{name}: the last good keys serve");
                    assert_eq!(upstream.count(), before + 1, "{name}");
                }
                issuer.publish(key_set(&[&old, &new]));
                let good = until(60, || (with(&new).status == 200).then_some(()));
                assert!(good.is_some(), "{name}: it does not recover by itself");
                assert_eq!(with(&old).status, 200, "{name}");
            });
        }
    });
}

#[test]
fn threat_19_keys_rotate_and_the_old_ones_are_void() {
    let (old, new) = (Mint::new(Alg::Rs256, "old"), Mint::new(Alg::Rs256, "new"));
    let issuer = Issuer::start(&[&old]);
    let upstream = Recorder::start();
    let gateway = behind(&[("one", &issuer)], &upstream);
    let remembered = old.token(&claims(&issuer.url()).to_string());
    for _ in 0..2 {
        assert_eq!(gateway.call(get_as("/secret", &remembered)).status, 200);
    }
    issuer.publish(key_set(&[&new]));
    let reply = gateway.call(get_as("/secret", &new.token(&claims(&issuer.url()).to_string())));
    assert_eq!(reply.status, 200, "the first call with the new key: {}", reply.text());
    let reply = gateway.call(get_as("/secret", &remembered));
    assert_eq!(
        (reply.status, reply.code().as_deref()),
        (401, Some("token_invalid")),
        "a remembered token of a key that is gone"
    );
    // A crowd of unknown names is no way to have the issuer flooded.
    let before = issuer.server.count();
    let stranger = Mint::new(Alg::Es256, "x");
    for number in 0..50 {
        let header = format!(r#"{{"alg":"ES256","kid":"x{number}"}}"#);
        let reply =
            gateway.call(get_as("/secret", &stranger.jws(&header, &claims(&issuer.url()).to_string())));
        assert_eq!(reply.status, 401);
    }
    assert!(issuer.server.count() - before <= 4, "{} fetches", issuer.server.count() - before);
}

#[test]
fn threat_19_a_discovery_document_of_another_issuer_is_not_believed() {
    let mint = Mint::new(Alg::Es256, "k");
    let issuer = Issuer::start(&[&mint]);
    let url = issuer.url();
    let keys = mint.jwk();
    issuer.server.script(move |call| match call.target() {
        "/keys" => Answer::json(200, format!("{{\"keys\":[{keys}]}}")),
        target if target.contains("well-known") => Answer::json(
            200,
            json!({ "issuer": "https://evil.test", "jwks_uri": format!("{url}/keys") }).to_string(),
        ),
        _ => Answer::json(404, "{}"),
    });
    let upstream = Recorder::start();
    let gateway = behind(&[("one", &issuer)], &upstream);
    let reply = gateway.call(get_as("/secret", &mint.token(&claims(&issuer.url()).to_string())));
    assert_eq!((reply.status, reply.code().as_deref()), (503, Some("issuer_unavailable")));
    assert_eq!(upstream.count(), 0);
}
