//! Hostile proofs of possession (RFC 9449 sections 4.3 and 11; THREATS row 32). Each has a valid twin, made the same way but
//! for what is wrong with it.

use http::Method;
use testkit::Alg;

use super::holder::{Attempt, Holder, field, hash};
use crate::security::kit::{NOW, World, b64, ready};

struct Case {
    name: String,
    hostile: Attempt,
    twin: Attempt,
    code: &'static str,
    error: &'static str,
}

const PROOF: (&str, &str) = ("proof_invalid", "invalid_dpop_proof");
const TOKEN: (&str, &str) = ("token_invalid", "invalid_token");

/// What is wrong, member, hostile value, valid value; an empty value takes the member out.
type Row = (&'static str, &'static str, String, String);

pub(super) fn text(value: &str) -> String {
    format!("\"{value}\"")
}

fn claim_rows(token: &str) -> Vec<Row> {
    let at = |offset: i64| (NOW as i64 + offset).to_string();
    let uri = |rest: &str| text(&format!("https://api.example.com{rest}"));
    let ath = || text(&hash(token));
    let good = || uri("/v1/x");
    vec![
        ("no jti", "jti", String::new(), text("a")),
        ("jti is empty", "jti", text(""), text("b")),
        ("jti is a number", "jti", "7".into(), text("7")),
        ("jti is null", "jti", "null".into(), text("c")),
        ("jti with a line break", "jti", text("a\\nb"), text("a b")),
        ("jti too long", "jti", text(&"j".repeat(513)), text(&"j".repeat(512))),
        ("no htm", "htm", String::new(), text("GET")),
        ("htm of another method", "htm", text("POST"), text("GET")),
        ("htm in another case", "htm", text("get"), text("GET")),
        ("htm is a list", "htm", "[\"GET\"]".into(), text("GET")),
        ("htm with a space", "htm", text("GET "), text("GET")),
        ("no htu", "htu", String::new(), good()),
        ("htu is a list", "htu", "[\"https://api.example.com/v1/x\"]".into(), good()),
        ("htu of another path", "htu", uri("/v1/y"), good()),
        ("htu of a longer path", "htu", uri("/v1/x/y"), good()),
        ("htu of a shorter path", "htu", uri("/v1"), good()),
        ("htu with a slash more", "htu", uri("/v1/x/"), good()),
        ("htu in another case", "htu", uri("/v1/X"), uri("/v1/x?y=1#z")),
        ("htu with an encoded slash", "htu", uri("/v1%2Fx"), uri("/v1/%78")),
        ("htu with dots that lead elsewhere", "htu", uri("/v1/x/.."), uri("/v1/y/../x")),
        ("htu with encoded dots", "htu", uri("/y/%2e%2e/v1/x"), uri("/y/../v1/x")),
        ("htu of another host", "htu", text("https://evil.example/v1/x"), good()),
        ("htu of a host below another", "htu", text("https://api.example.com.evil.example/v1/x"), good()),
        ("htu with a user", "htu", text("https://api.example.com@evil.example/v1/x"), good()),
        ("htu with a user of ours", "htu", text("https://u@api.example.com/v1/x"), good()),
        ("htu in clear", "htu", text("http://api.example.com/v1/x"), text("HTTPS://API.EXAMPLE.COM/v1/x")),
        ("htu of another port", "htu", uri(":8443/v1/x"), uri(":443/v1/x")),
        ("htu of no scheme", "htu", text("//api.example.com/v1/x"), good()),
        ("htu of a path alone", "htu", text("/v1/x"), good()),
        ("htu empty", "htu", text(""), good()),
        ("no iat", "iat", String::new(), at(0)),
        ("iat is text", "iat", text(&at(0)), at(0)),
        ("iat negative", "iat", "-1".into(), at(0)),
        ("iat in milliseconds", "iat", format!("{}000", at(0)), at(0)),
        ("iat too old", "iat", at(-61), at(-60)),
        ("iat far too old", "iat", "1".into(), at(-59)),
        ("iat in the future", "iat", at(11), at(10)),
        ("iat a fraction too old", "iat", format!("{}.9", at(-62)), format!("{}.9", at(-60))),
        ("expired", "exp", at(0), at(1)),
        ("not yet valid", "nbf", at(11), at(10)),
        ("exp is text", "exp", text(&at(9)), at(9)),
        ("no ath", "ath", String::new(), ath()),
        ("ath of another token", "ath", text(&hash("another")), ath()),
        ("ath of nothing", "ath", text(&hash("")), ath()),
        ("ath cut", "ath", text(&hash(token)[..42]), ath()),
        ("ath padded", "ath", text(&format!("{}=", hash(token))), ath()),
        ("ath in another case", "ath", text(&hash(token).to_lowercase()), ath()),
        ("ath is the token", "ath", text("x.y.z"), ath()),
    ]
}

fn header_rows(holder: &Holder) -> Vec<Row> {
    let jwk = || holder.jwk();
    let with = |more: &str| jwk().replacen('{', &format!("{{{more},"), 1);
    let typ = || text("dpop+jwt");
    let rsa = Holder::new(Alg::Ps256);
    let other = Holder::new(Alg::Es384);
    let cut = jwk().replacen("\"x\":\"", "\"x\":\"A", 1);
    let off = {
        let (before, after) =
            jwk().split_once("\"y\":\"").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        format!("{before}\"y\":\"{}{}", "AAAA", &after[4..])
    };
    vec![
        ("no typ", "typ", String::new(), typ()),
        ("typ of any JWT", "typ", text("JWT"), typ()),
        ("typ of an access token", "typ", text("at+jwt"), typ()),
        ("typ of a logout token", "typ", text("logout+jwt"), typ()),
        ("typ of a security event", "typ", text("secevent+jwt"), typ()),
        ("typ of a transaction token", "typ", text("txntoken+jwt"), typ()),
        ("typ of an introspection answer", "typ", text("token-introspection+jwt"), typ()),
        ("typ of a client assertion", "typ", text("client-authentication+jwt"), typ()),
        ("typ in another case", "typ", text("DPoP+JWT"), typ()),
        ("typ with a space", "typ", text("dpop+jwt "), typ()),
        ("typ is a list", "typ", "[\"dpop+jwt\"]".into(), typ()),
        ("no alg", "alg", String::new(), text("ES256")),
        ("alg none", "alg", text("none"), text("ES256")),
        ("alg None", "alg", text("NonE"), text("ES256")),
        ("alg symmetric", "alg", text("HS256"), text("ES256")),
        ("alg unknown", "alg", text("ES256K"), text("ES256")),
        ("alg in another case", "alg", text("es256"), text("ES256")),
        ("alg of another curve", "alg", text("ES384"), text("ES256")),
        ("alg of another family", "alg", text("RS256"), text("ES256")),
        ("no jwk", "jwk", String::new(), jwk()),
        ("jwk is null", "jwk", "null".into(), jwk()),
        ("jwk is a list", "jwk", format!("[{}]", jwk()), jwk()),
        ("jwk is text", "jwk", text("key"), jwk()),
        ("jwk is a set", "jwk", format!("{{\"keys\":[{}]}}", jwk()), jwk()),
        ("jwk with its private part", "jwk", with("\"d\":\"AAAA\""), with("\"x5t\":\"AAAA\"")),
        ("jwk with a private part that is empty", "jwk", with("\"d\":\"\""), with("\"x-d\":\"\"")),
        ("jwk with primes", "jwk", with("\"p\":\"AAAA\""), with("\"kid\":\"k\"")),
        ("jwk symmetric", "jwk", "{\"kty\":\"oct\",\"k\":\"AAAA\"}".into(), jwk()),
        ("jwk with a symmetric part", "jwk", with("\"k\":\"AAAA\""), with("\"use\":\"sig\"")),
        ("jwk for encryption", "jwk", with("\"use\":\"enc\""), with("\"use\":\"sig\"")),
        ("jwk for signing only", "jwk", with("\"key_ops\":[\"sign\"]"), with("\"key_ops\":[\"verify\"]")),
        ("jwk of another algorithm", "jwk", with("\"alg\":\"ES384\""), with("\"alg\":\"ES256\"")),
        ("jwk of another type", "jwk", rsa.jwk(), jwk()),
        ("jwk of another curve", "jwk", other.jwk(), jwk()),
        ("jwk with a coordinate too long", "jwk", cut, jwk()),
        ("jwk off the curve", "jwk", off, jwk()),
        ("jwk with a member twice", "jwk", with("\"kty\":\"EC\""), jwk()),
        ("an extension that is critical", "crit", "[\"exp\"]".into(), String::new()),
        ("not encoded", "b64", "false".into(), String::new()),
        ("compressed", "zip", text("DEF"), String::new()),
    ]
}

fn table(world: &World, holder: &Holder) -> Vec<Case> {
    let token = holder.token(world, &[]);
    let (code, error) = PROOF;
    let mut cases = Vec::new();
    for (name, claim, hostile, valid) in claim_rows(&token) {
        let attempt = |value: &str| Attempt::new(&token, holder.proof(&token, &[(claim, value)]));
        cases.push(Case {
            name: name.into(),
            hostile: attempt(&hostile),
            twin: attempt(&valid),
            code,
            error,
        });
    }
    for (name, member, hostile, valid) in header_rows(holder) {
        let attempt = |value: &str| {
            let header = holder.header(&[(member, value)]);
            Attempt::new(&token, holder.mint.jws(&header, &holder.claims(&token, &[])))
        };
        cases.push(Case {
            name: name.into(),
            hostile: attempt(&hostile),
            twin: attempt(&valid),
            code,
            error,
        });
    }
    cases.extend(forgeries(world, holder, &token));
    cases.extend(presented(world, holder, &token));
    cases
}

fn forgeries(world: &World, holder: &Holder, token: &str) -> Vec<Case> {
    let thief = Holder::new(Alg::Es256);
    let good = || holder.proof(token, &[]);
    let whole = || Attempt::new(token, good());
    let mut cases = Vec::new();
    let mut add = |name: &str, proof: String, (code, error)| {
        let hostile = Attempt::new(token, proof);
        cases.push(Case { name: name.into(), hostile, twin: whole(), code, error });
    };
    let parts = |proof: &str| -> Vec<String> { proof.split('.').map(str::to_owned).collect() };
    add("under another key", thief.proof(token, &[]), TOKEN);
    add(
        "under another key, which names ours",
        thief.mint.jws(&holder.header(&[]), &holder.claims(token, &[])),
        PROOF,
    );
    let of = parts(&good());
    let changed = b64(holder.claims(token, &[("jti", "\"z\"")]));
    add("a changed payload", format!("{}.{changed}.{}", of[0], of[2]), PROOF);
    let of = parts(&good());
    add("no signature", format!("{}.{}.", of[0], of[1]), PROOF);
    add("a signature of zeros", format!("{}.{}.{}", of[0], of[1], b64([0; 64])), PROOF);
    add("a signature cut", format!("{}.{}.{}", of[0], of[1], &of[2][..40]), PROOF);
    add("a signature too long", format!("{}.{}.{}AAAA", of[0], of[1], of[2]), PROOF);
    add("a signature in DER", format!("{}.{}.{}", of[0], of[1], b64([0x30; 70])), PROOF);
    add("two parts", format!("{}.{}", of[0], of[1]), PROOF);
    add("four parts", format!("{}.{}.{}.{}", of[0], of[1], of[2], of[2]), PROOF);
    add("padded", format!("{}.{}.{}==", of[0], of[1], of[2]), PROOF);
    add("empty", String::new(), PROOF);
    add("not a JWT", "proof".into(), PROOF);
    add("the token itself", token.into(), PROOF);
    add(
        "an HMAC with the public key",
        {
            let header = holder.header(&[("alg", "\"HS256\"")]);
            testkit::mint::hmac_token(&header, &holder.claims(token, &[]), holder.jwk().as_bytes())
        },
        PROOF,
    );
    add(
        "payload is a list",
        holder.mint.jws(&holder.header(&[]), &format!("[{}]", holder.claims(token, &[]))),
        PROOF,
    );
    add(
        "a claim twice",
        {
            let twice = holder.claims(token, &[]).replacen('{', "{\"htm\":\"POST\",", 1);
            holder.mint.jws(&holder.header(&[]), &twice)
        },
        PROOF,
    );
    add("too long", holder.proof(token, &[("x", &text(&"x".repeat(9_000)))]), PROOF);
    add("two proofs in one field", format!("{}, {}", good(), good()), PROOF);
    add("a byte that is not ASCII", format!("{}\u{e9}", good()), PROOF);
    for (name, token) in kinds(world) {
        add(&format!("{name} for a proof"), token, PROOF);
    }
    cases
}

/// Every other kind of signed token, from the issuer of access tokens.
pub(super) fn kinds(world: &World) -> Vec<(&'static str, String)> {
    let sign = |typ: &str, changes: &[(&str, &str)]| {
        let claims = crate::security::kit::claims(changes);
        world.shop.sign(&[("typ", typ)], claims.as_bytes()).unwrap()
    };
    vec![
        ("an access token", sign("at+jwt", &[])),
        ("an ID token", sign("JWT", &[("nonce", "\"n\"")])),
        ("a logout token", sign("logout+jwt", &[("events", "{}")])),
        ("a security event", sign("secevent+jwt", &[("events", "{}")])),
        ("an introspection answer", sign("token-introspection+jwt", &[("token_introspection", "{}")])),
        ("a client assertion", sign("JWT", &[("iss", "\"app\""), ("sub", "\"app\"")])),
    ]
}

/// Good proofs in the wrong place.
fn presented(world: &World, holder: &Holder, token: &str) -> Vec<Case> {
    let whole = || Attempt::new(token, holder.proof(token, &[]));
    let plain = world.token(&[]);
    let bound = |cnf: &str| world.token(&[("cnf", cnf)]);
    let mut cases = Vec::new();
    let mut add = |name: &str, hostile: Attempt, (code, error)| {
        cases.push(Case { name: name.into(), hostile, twin: whole(), code, error });
    };
    add("no proof", Attempt { proofs: Vec::new(), ..whole() }, PROOF);
    let two = vec![holder.proof(token, &[]), holder.proof(token, &[])];
    add("two proofs", Attempt { proofs: two, ..whole() }, PROOF);
    let same = holder.proof(token, &[]);
    add("the same proof in two fields", Attempt { proofs: vec![same.clone(), same], ..whole() }, PROOF);
    add("a bound token as a plain one, with its proof", Attempt { scheme: "Bearer", ..whole() }, TOKEN);
    add("a bound token as a plain one", Attempt { scheme: "Bearer", proofs: Vec::new(), ..whole() }, TOKEN);
    add("a bound token as a plain one, in another case", Attempt { scheme: "bEARER", ..whole() }, TOKEN);
    add("a plain token with a proof", Attempt::new(&plain, holder.proof(&plain, &[])), TOKEN);
    add(
        "a plain token as a bound one",
        Attempt { proofs: Vec::new(), ..Attempt::new(&plain, String::new()) },
        TOKEN,
    );
    for cnf in
        ["null", "{}", "[]", "\"x\"", "{\"jkt\":\"x\"}", "{\"jkt\":7}", "{\"kid\":\"k\"}", "{\"jwk\":{}}"]
    {
        let token = bound(cnf);
        add(&format!("bound to {cnf}"), Attempt::new(&token, holder.proof(&token, &[])), TOKEN);
    }
    let padded = bound(&format!("{{\"jkt\":\"{}=\"}}", holder.thumbprint()));
    add("bound to a padded thumbprint", Attempt::new(&padded, holder.proof(&padded, &[])), TOKEN);
    let other = holder.token(world, &[("sub", "\"bob\"")]);
    let swapped = Attempt { token: other, ..whole() };
    add("the proof of another token of the same key", swapped, PROOF);
    add("another method than the proof's", Attempt { method: Method::POST, ..whole() }, PROOF);
    add("another path than the proof's", Attempt { target: "/v1/y", ..whole() }, PROOF);
    add("another host than the proof's", Attempt { host: "other.example.com", ..whole() }, PROOF);
    add("another port than the proof's", Attempt { host: "api.example.com:8443", ..whole() }, PROOF);
    add("in clear", Attempt { tls: false, ..whole() }, PROOF);
    let malformed = ("credential_malformed", "invalid_request");
    let more = |field: &str| Attempt { more: vec![field.to_owned()], ..whole() };
    add("two credentials, both bound", more(&format!("DPoP {token}")), malformed);
    add("two credentials, one plain", more(&format!("Bearer {plain}")), malformed);
    add("two credentials, one of another scheme", more("Basic YTpi"), malformed);
    add("two tokens in one credential", Attempt { token: format!("{token}, {token}"), ..whole() }, malformed);
    add("a token in the query too", Attempt { target: "/v1/x?access_token=a", ..whole() }, malformed);
    cases
}

#[test]
fn every_hostile_proof_is_refused_and_its_twin_passes() {
    let (world, gateway) = ready();
    let holder = Holder::new(Alg::Es256);
    let cases = table(&world, &holder);
    assert_eq!(cases.len(), 142);
    for Case { name, hostile, twin, code, error } in &cases {
        let refused = hostile.send(&gateway, "read");
        assert_eq!(refused.code(), *code, "{name}: {:?}", refused.refusal);
        assert!(refused.call.proofs.is_empty(), "{name}: nothing is proven");
        let challenge = field(&refused, "www-authenticate").unwrap();
        assert!(challenge.contains(&format!("error=\"{error}\"")), "{name}: {challenge}");
        let scheme = if hostile.scheme == "DPoP" { "DPoP realm=" } else { "Bearer realm=" };
        assert!(challenge.starts_with(scheme), "{name}: {challenge}");
        if scheme.starts_with("DPoP") {
            assert!(challenge.contains("algs=\"") && challenge.contains("ES256"), "{name}: {challenge}");
        }
        let passed = twin.send(&gateway, "read");
        assert_eq!(passed.code(), "ok", "twin of {name}: {:?}", passed.refusal);
        assert!(!passed.call.request.headers.contains_key("dpop"), "{name}: the proof was for us");
        let again = twin.send(&gateway, "read");
        assert_eq!(again.code(), "proof_invalid", "{name}: used before");
    }
}
