//! THREATS rows 17, 31 and 32: forged, confused, foreign and stale tokens. Each has a valid twin, made the same way but for
//! what is wrong with it, which must pass: so that no case is refused for another reason than its own.

use crate::security::kit::{NOW, SHOP, STAFF, b64, claims, ready};
use jose::SigningKey;

struct Case {
    name: &'static str,
    hostile: String,
    twin: String,
    code: &'static str,
}

/// `header.payload.` with a signature put after it.
fn raw(header: &str, payload: &str, signature: impl AsRef<[u8]>) -> String {
    format!("{}.{}.{}", b64(header), b64(payload), b64(signature))
}

/// The parts of a token.
fn parts(token: &str) -> (String, String, String) {
    let mut parts = token.split('.').map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
}

/// What is wrong, claim, hostile value, valid value, code; an empty value takes the claim out.
type Row = (&'static str, &'static str, String, String, &'static str);

const INVALID: &str = "token_invalid";

fn dates() -> Vec<Row> {
    let at = |offset: i64| (NOW as i64 + offset).to_string();
    vec![
        ("expired", "exp", at(-11), at(30), "token_expired"),
        ("expired within the leeway is not", "exp", at(-10), at(-9), "token_expired"),
        ("expired long ago", "exp", "1".into(), at(60), "token_expired"),
        ("never expires", "exp", String::new(), at(60), INVALID),
        ("exp is text", "exp", format!("\"{}\"", at(60)), at(60), INVALID),
        ("exp in milliseconds", "exp", format!("{}000", at(60)), at(60), INVALID),
        ("exp negative", "exp", "-1".into(), at(60), INVALID),
        ("exp null", "exp", "null".into(), at(60), INVALID),
        ("exp huge", "exp", "1e400".into(), at(60), INVALID),
        ("not yet valid", "nbf", at(11), at(10), INVALID),
        ("nbf is text", "nbf", "\"0\"".into(), "0".into(), INVALID),
        ("issued in the future", "iat", at(3600), at(-5), INVALID),
        ("iat is an object", "iat", "{}".into(), at(-5), INVALID),
    ]
}

fn names() -> Vec<Row> {
    vec![
        ("no audience", "aud", String::new(), "\"orders\"".into(), INVALID),
        ("another audience", "aud", "\"orders-v2\"".into(), "\"orders\"".into(), INVALID),
        ("audience by prefix", "aud", "\"orders/\"".into(), "\"orders\"".into(), INVALID),
        ("audience in another case", "aud", "\"Orders\"".into(), "\"orders\"".into(), INVALID),
        ("audience list without ours", "aud", "[\"a\",\"b\"]".into(), "[\"a\",\"orders\"]".into(), INVALID),
        ("audience list empty", "aud", "[]".into(), "[\"orders\"]".into(), INVALID),
        ("audience list of other things", "aud", "[\"orders\",1]".into(), "[\"orders\"]".into(), INVALID),
        ("audience is an object", "aud", "{\"orders\":1}".into(), "\"orders\"".into(), INVALID),
        ("audience is empty", "aud", "\"\"".into(), "\"orders\"".into(), INVALID),
        ("no issuer", "iss", String::new(), format!("\"{SHOP}\""), INVALID),
        ("issuer with a slash more", "iss", format!("\"{SHOP}/\""), format!("\"{SHOP}\""), INVALID),
        (
            "issuer in another case",
            "iss",
            format!("\"{}\"", SHOP.to_uppercase()),
            format!("\"{SHOP}\""),
            INVALID,
        ),
        ("issuer as a list", "iss", format!("[\"{SHOP}\"]"), format!("\"{SHOP}\""), INVALID),
        ("an issuer of another scheme", "iss", format!("\"{STAFF}\""), format!("\"{SHOP}\""), INVALID),
        (
            "issuer with a control character",
            "iss",
            format!("\"{SHOP}\\u0000\""),
            format!("\"{SHOP}\""),
            INVALID,
        ),
        ("no subject", "sub", String::new(), "\"bob\"".into(), INVALID),
        ("subject is a number", "sub", "7".into(), "\"7\"".into(), INVALID),
        ("subject is empty", "sub", "\"\"".into(), "\"bob\"".into(), INVALID),
        ("subject with a line break", "sub", "\"a\\nb\"".into(), "\"a b\"".into(), INVALID),
    ]
}

fn kinds_and_scopes() -> Vec<Row> {
    vec![
        ("client is a list", "client_id", "[\"a\"]".into(), "\"a\"".into(), INVALID),
        ("an ID token by nonce", "nonce", "\"n\"".into(), String::new(), INVALID),
        ("an ID token by at_hash", "at_hash", "\"n\"".into(), String::new(), INVALID),
        ("a logout token", "events", "{}".into(), String::new(), INVALID),
        ("a DPoP proof", "htm", "\"GET\"".into(), String::new(), INVALID),
        ("an introspection answer", "token_introspection", "{}".into(), String::new(), INVALID),
        ("a refresh token by its claim", "typ", "\"Refresh\"".into(), "\"Bearer\"".into(), INVALID),
        ("bound to a DPoP key", "cnf", "{\"jkt\":\"x\"}".into(), String::new(), INVALID),
        ("bound to a certificate", "cnf", "{\"x5t#S256\":\"x\"}".into(), String::new(), INVALID),
        ("bound to nothing, says so", "cnf", "null".into(), String::new(), INVALID),
        (
            "the wrong scope",
            "scope",
            "\"orders:write\"".into(),
            "\"orders:read\"".into(),
            "insufficient_scope",
        ),
        (
            "scope in another case",
            "scope",
            "\"Orders:Read\"".into(),
            "\"orders:read\"".into(),
            "insufficient_scope",
        ),
        (
            "scope by prefix",
            "scope",
            "\"orders:reader\"".into(),
            "\"orders:read\"".into(),
            "insufficient_scope",
        ),
        (
            "scope as an object",
            "scope",
            "{\"orders:read\":1}".into(),
            "\"orders:read\"".into(),
            "insufficient_scope",
        ),
        (
            "scope parted by commas",
            "scope",
            "\"orders:read,x\"".into(),
            "\"x orders:read\"".into(),
            "insufficient_scope",
        ),
    ]
}

fn claim_cases(sign: &dyn Fn(&str) -> String) -> Vec<Case> {
    let table = dates().into_iter().chain(names()).chain(kinds_and_scopes());
    table
        .map(|(name, claim, hostile, valid, code)| Case {
            name,
            hostile: sign(&claims(&[(claim, &hostile)])),
            twin: sign(&claims(&[(claim, &valid)])),
            code,
        })
        .collect()
}

fn header_cases(shop: &SigningKey) -> Vec<Case> {
    let good = claims(&[]);
    let twin = || shop.sign(&[], good.as_bytes()).unwrap();
    let signed = |extra: &[(&str, &str)]| shop.sign(extra, good.as_bytes()).unwrap();
    let kid = shop.thumbprint();
    let mut cases = Vec::new();
    let mut add = |name, hostile, twin| cases.push(Case { name, hostile, twin, code: INVALID });
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = format!("{{\"alg\":\"{alg}\",\"typ\":\"at+jwt\"}}");
        add("unsigned", raw(&header, &good, ""), twin());
    }
    for alg in ["HS256", "HS384", "HS512", "ES256K", "RSA-OAEP", "dir", "es256"] {
        let header = format!("{{\"alg\":\"{alg}\",\"kid\":\"{kid}\"}}");
        add("an algorithm that is not taken", raw(&header, &good, [1; 32]), twin());
    }
    for alg in ["RS256", "PS256", "ES384", "ES512", "EdDSA"] {
        let header = format!("{{\"alg\":\"{alg}\",\"kid\":\"{kid}\"}}");
        add("an algorithm that is not the key's", raw(&header, &good, [1; 64]), twin());
    }
    for typ in [
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "refresh+jwt",
        "txntoken+jwt",
        "JWE",
    ] {
        add("another type", signed(&[("typ", typ)]), signed(&[("typ", "at+jwt")]));
    }
    for typ in ["application/dpop+jwt", "at+jwt "] {
        add("another type in disguise", signed(&[("typ", typ)]), signed(&[("typ", "application/AT+JWT")]));
    }
    for name in ["crit", "b64", "zip", "enc"] {
        add("an extension", signed(&[(name, "x")]), signed(&[("x-own", "x")]));
    }
    cases
}

fn forgeries(shop: &SigningKey, staff: &SigningKey) -> Vec<Case> {
    let (good, twin) = (claims(&[]), || shop.sign(&[], claims(&[]).as_bytes()).unwrap());
    let other = SigningKey::generate().unwrap();
    let mut cases = Vec::new();
    let mut add = |name, hostile, twin| cases.push(Case { name, hostile, twin, code: INVALID });
    add("another's key", other.sign(&[], good.as_bytes()).unwrap(), twin());
    add("the key of another issuer", staff.sign(&[], good.as_bytes()).unwrap(), twin());
    let header = |key: &SigningKey, more: &str| {
        format!("{{\"alg\":\"ES256\",\"kid\":\"{}\"{more}}}", key.thumbprint())
    };
    // The header claims the issuer's key, the signature is another's.
    let (_, _, signature) = parts(&other.sign(&[], good.as_bytes()).unwrap());
    add("a key's name borrowed", format!("{}.{}.{signature}", b64(header(shop, "")), b64(&good)), twin());
    // A token that brings its key along, or says where to fetch it.
    for more in [
        ",\"jku\":\"https://evil.example/jwks\"".to_owned(),
        ",\"x5u\":\"https://evil.example/x5u\"".to_owned(),
        format!(",\"jwk\":{}", other.jwks_json().trim_start_matches("{\"keys\":[").trim_end_matches("]}")),
        ",\"x5c\":[\"AAAA\"]".to_owned(),
    ] {
        add(
            "a key brought along",
            format!("{}.{}.{signature}", b64(header(&other, &more)), b64(&good)),
            twin(),
        );
    }
    for kid in ["../../../../dev/null", "' OR 1=1 --", "https://evil.example/", "\\u0000"] {
        let header = format!("{{\"alg\":\"ES256\",\"kid\":\"{kid}\"}}");
        add("a hostile key name", format!("{}.{}.{signature}", b64(header), b64(&good)), twin());
    }
    let (head, body, tail) = parts(&twin());
    let changed = b64(claims(&[("sub", "\"root\"")]));
    let whole = || format!("{head}.{body}.{tail}");
    add("a changed payload", format!("{head}.{changed}.{tail}"), whole());
    add("no signature", format!("{head}.{body}."), whole());
    add("half a signature", format!("{head}.{body}.{}", &tail[..43]), whole());
    add("a signature of zeros", format!("{head}.{body}.{}", b64([0; 64])), whole());
    add("a signature too long", format!("{head}.{body}.{tail}AAAA"), whole());
    add("two parts", format!("{head}.{body}"), whole());
    add("four parts", format!("{head}.{body}.{tail}.{tail}"), whole());
    add("five parts, as an encrypted token", format!("{head}..{body}.{tail}.{tail}"), whole());
    add("padded", format!("{head}.{body}.{tail}=="), whole());
    add("in the other base64 alphabet", format!("{head}.{body}.{}+/", &tail[..84]), whole());
    cases
}

/// Signed as they should be, and still no tokens.
fn misshapen(shop: &SigningKey) -> Vec<Case> {
    let good = claims(&[]);
    let whole = || shop.sign(&[], claims(&[]).as_bytes()).unwrap();
    let mut cases = Vec::new();
    let mut add = |name, hostile, twin| cases.push(Case { name, hostile, twin, code: INVALID });
    add(
        "with a claim twice",
        {
            let twice = good.replacen('{', "{\"sub\":\"root\",", 1);
            shop.sign(&[], twice.as_bytes()).unwrap()
        },
        whole(),
    );
    add(
        "with a claim twice, once escaped",
        {
            let twice = good.replacen('{', "{\"s\\u0075b\":\"root\",", 1);
            shop.sign(&[], twice.as_bytes()).unwrap()
        },
        whole(),
    );
    add("payload is a list", shop.sign(&[], format!("[{good}]").as_bytes()).unwrap(), whole());
    add("payload is not JSON", shop.sign(&[], b"{\"iss\":").unwrap(), whole());
    add("payload is not UTF-8", shop.sign(&[], b"{\"iss\":\"\xff\"}").unwrap(), whole());
    add(
        "too long",
        shop.sign(&[], claims(&[("x", &format!("\"{}\"", "x".repeat(20_000)))]).as_bytes()).unwrap(),
        shop.sign(&[], claims(&[("x", &format!("\"{}\"", "x".repeat(8_000)))]).as_bytes()).unwrap(),
    );
    add(
        "too deep",
        shop.sign(&[], claims(&[("x", &format!("{}{}", "[".repeat(40), "]".repeat(40)))]).as_bytes())
            .unwrap(),
        shop.sign(&[], claims(&[("x", "[[[]]]")]).as_bytes()).unwrap(),
    );
    cases
}

#[test]
fn every_hostile_token_is_refused_and_its_twin_passes() {
    let (world, gateway) = ready();
    let mut cases = claim_cases(&|payload| world.shop.sign(&[], payload.as_bytes()).unwrap());
    cases.extend(header_cases(&world.shop));
    cases.extend(forgeries(&world.shop, &world.staff));
    cases.extend(misshapen(&world.shop));
    assert_eq!(cases.len(), 105);
    for round in ["first", "remembered"] {
        for Case { name, hostile, twin, code } in &cases {
            let refused = gateway.bearer("read", hostile);
            assert_eq!(refused.code(), *code, "{round}: {name}: {hostile}");
            if *code != "insufficient_scope" {
                assert!(
                    refused.call.proofs.is_empty(),
                    "{name}: nothing is proven by a token that is refused"
                );
                assert!(refused.challenge().contains("error=\"invalid_token\""), "{name}");
            }
            assert_eq!(gateway.bearer("read", twin).code(), "ok", "{round}: twin of {name}");
        }
    }
    // What a token says is never fetched.
    let asked = world.net.asked.lock().unwrap();
    assert!(asked.iter().all(|(url, _)| url.starts_with(SHOP) || url.starts_with(STAFF)), "{asked:?}");
}

#[test]
fn the_challenge_tells_the_caller_and_no_more() {
    let (world, gateway) = ready();
    let metadata = "resource_metadata=\"https://api.example.com/.well-known/oauth-protected-resource/v1\"";
    let missing = gateway.send("read", "/v1/read", &[]);
    assert_eq!(
        (missing.code(), missing.challenge()),
        ("credential_missing", format!("Bearer realm=\"orders\", {metadata}"))
    );
    let expired = gateway.bearer("read", &world.token(&[("exp", "1")]));
    let text =
        "Bearer realm=\"orders\", error=\"invalid_token\", error_description=\"the token has expired\"";
    assert_eq!(expired.challenge(), format!("{text}, {metadata}"));
    let scope = gateway.bearer("admin", &world.token(&[]));
    assert!(
        scope.challenge().contains("error=\"insufficient_scope\"")
            && scope.challenge().contains("scope=\"orders:admin\"")
    );
    assert_eq!(scope.refusal.unwrap().public.as_deref(), Some("missing scopes: `orders:admin`"));
    // The operator reads which issuer it was; the caller does not read it back, nor can it break the header.
    let foreign = gateway.bearer("read", &world.token(&[("iss", "\"https://x\\\"\\r\\nSet-Cookie: a\"")]));
    assert!(foreign.challenge().starts_with("Bearer realm=\"orders\", error=\"invalid_token\""));
    assert!(!foreign.challenge().contains("Cookie"));
    assert!(foreign.refusal.unwrap().detail.contains("https://x"));
}
