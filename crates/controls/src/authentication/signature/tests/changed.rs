//! Hostile calls (RFC 9421 section 7; THREATS row 33). Each has a valid twin, made the same way but for what is wrong with it.

use engine::call::BodyLength;

use super::client::{Draft, Pen, SECRET, Sent, Signed, content_digest, get, parameters, post};

/// What is wrong, how the call is drafted, what becomes of it on the way, code, and a part of what the caller reads.
type Row = (&'static str, fn(&str) -> Draft, fn(&mut Sent), &'static str, &'static str);

const INVALID: &str = "signature_invalid";
const WRONG: &str = "the signature is wrong";

fn with_cookie(nonce: &str) -> Draft {
    let mut draft = get(nonce);
    draft.fields.push(("cookie", "a=1, b=2".into()));
    draft.covered.push("\"cookie\"");
    draft
}

/// What somebody on the way does to a call that was signed.
const ON_THE_WAY: &[Row] = &[
    ("another method", get, |sent| sent.method = "DELETE", INVALID, WRONG),
    ("another path", get, |sent| sent.target = "/v1/other?a=1&b=%20".into(), INVALID, WRONG),
    ("another case of the path", get, |sent| sent.target = "/v1/Read?a=1&b=%20".into(), INVALID, WRONG),
    ("another value in the query", get, |sent| sent.target = "/v1/read?a=2&b=%20".into(), INVALID, WRONG),
    ("a parameter more", get, |sent| sent.target.push_str("&c=3"), INVALID, WRONG),
    ("no query", get, |sent| sent.target = "/v1/read".into(), INVALID, WRONG),
    ("another spelling of the query", get, |sent| sent.target = "/v1/read?a=1&b=+".into(), INVALID, WRONG),
    ("another host", get, |sent| sent.host = "other.example.com".into(), INVALID, WRONG),
    ("another port", get, |sent| sent.host = "api.example.com:8443".into(), INVALID, WRONG),
    (
        "another body of the same length",
        post,
        |sent| sent.body = Some(br#"{"amount": 99}"#.to_vec()),
        "digest_mismatch",
        "not the one",
    ),
    ("a longer body", post, |sent| sent.body.as_mut().unwrap().push(b' '), "digest_mismatch", "not the one"),
    ("no body", post, |sent| sent.body = None, "digest_mismatch", "not the one"),
    (
        "another body with its own digest",
        post,
        |sent| {
            sent.body = Some(b"{}".to_vec());
            *sent.field("content-digest") = content_digest(b"{}").into_bytes();
        },
        INVALID,
        WRONG,
    ),
    (
        "a body where there was none",
        get,
        |sent| sent.body = Some(b"{}".to_vec()),
        INVALID,
        "`content-digest`",
    ),
    (
        "a body of unknown length where there was none",
        get,
        |sent| {
            sent.body = Some(b"{}".to_vec());
            sent.length = Some(BodyLength::Unknown);
        },
        INVALID,
        "`content-digest`",
    ),
    ("another media type", post, |sent| sent.replace("content-type", "json", "xml"), INVALID, WRONG),
    ("a media type more", post, |sent| sent.add("content-type", "text/plain"), INVALID, "several lines"),
    (
        "a cookie in two",
        with_cookie,
        |sent| {
            *sent.field("cookie") = b"a=1".to_vec();
            sent.add("cookie", "b=2");
        },
        INVALID,
        "several lines",
    ),
    ("a content coding", post, |sent| sent.add("content-encoding", "gzip"), INVALID, "`content-encoding`"),
    (
        "a digest more",
        post,
        |sent| sent.add("content-digest", "sha-512=:AAAA:"),
        INVALID,
        "`Content-Digest` is malformed",
    ),
    (
        "a token of somebody else's",
        get,
        |sent| sent.add("authorization", "Bearer x.y.z"),
        INVALID,
        "`authorization`",
    ),
    ("a cookie", get, |sent| sent.add("cookie", "session=1"), INVALID, "`cookie`"),
    ("an API key", get, |sent| sent.add("x-key", "yett_1"), INVALID, "`x-key`"),
    ("a proof of possession", get, |sent| sent.add("dpop", "x"), INVALID, "`dpop`"),
    ("a component less", get, |sent| sent.replace("signature-input", " \"@query\"", ""), INVALID, "`@query`"),
    (
        "another order of components",
        get,
        |sent| {
            sent.replace("signature-input", "\"@path\" \"@query\"", "\"@query\" \"@path\"");
        },
        INVALID,
        WRONG,
    ),
    (
        "another order of parameters",
        get,
        |sent| {
            let text = String::from_utf8(sent.field("signature-input").clone()).unwrap();
            let (start, nonce) = text.split_once(";nonce").unwrap();
            let (start, key) = start.split_once(";keyid").unwrap();
            *sent.field("signature-input") = format!("{start};nonce{nonce};keyid{key}").into_bytes();
        },
        INVALID,
        WRONG,
    ),
    (
        "another date",
        get,
        |sent| sent.replace("signature-input", "created=1", "created=0"),
        INVALID,
        "too old",
    ),
    ("another nonce", get, |sent| sent.replace("signature-input", "nonce=\"", "nonce=\"x"), INVALID, WRONG),
    (
        "another label in one field",
        get,
        |sent| sent.replace("signature", "sig1=", "sig2="),
        INVALID,
        "different labels",
    ),
    (
        "a second signature",
        get,
        |sent| {
            sent.add("signature-input", "other=();created=1");
            sent.add("signature", "other=:AAAA:");
        },
        INVALID,
        "exactly one",
    ),
    (
        "the signature twice",
        get,
        |sent| {
            let input = String::from_utf8(sent.field("signature-input").clone()).unwrap();
            sent.add("signature-input", &input);
        },
        INVALID,
        "twice",
    ),
    ("`Signature` stripped", get, |sent| sent.drop("signature"), INVALID, "together"),
    ("`Signature-Input` stripped", get, |sent| sent.drop("signature-input"), INVALID, "together"),
    (
        "both stripped",
        get,
        |sent| {
            sent.drop("signature-input");
            sent.drop("signature");
        },
        "credential_missing",
        "",
    ),
    ("an empty signature", get, |sent| *sent.field("signature") = b"sig1=::".to_vec(), INVALID, WRONG),
    ("a shorter signature", get, |sent| *sent.field("signature") = b"sig1=:AAAA:".to_vec(), INVALID, WRONG),
    (
        "another signer's name",
        get,
        |sent| sent.replace("signature-input", "shop-1", "bakery-1"),
        INVALID,
        WRONG,
    ),
    (
        "no signer's name",
        get,
        |sent| sent.replace("signature-input", "shop-1", "nobody"),
        INVALID,
        "not known",
    ),
    (
        "a name in upper case",
        get,
        |sent| sent.replace("signature-input", "@method", "@METHOD"),
        INVALID,
        "lower case",
    ),
    (
        "a component twice",
        get,
        |sent| {
            sent.replace("signature-input", "(\"@method\"", "(\"@method\" \"@method\"");
        },
        INVALID,
        "twice",
    ),
    (
        "of an answer",
        get,
        |sent| sent.replace("signature-input", "@method\"", "@method\";req"),
        INVALID,
        "another message",
    ),
    (
        "a parameter that nobody knows",
        get,
        |sent| {
            sent.field("signature-input").extend_from_slice(b";audience=\"x\"");
        },
        INVALID,
        "not known",
    ),
];

#[test]
fn threat_33_what_is_changed_on_the_way_is_refused() {
    let gateway = Signed::new();
    assert_eq!(ON_THE_WAY.len(), 43);
    for (number, (what, draft, change, code, text)) in ON_THE_WAY.iter().enumerate() {
        let good = draft(&format!("nonce-{number}")).sign();
        let mut hostile = good.clone();
        change(&mut hostile);
        let (found, said) = gateway.said(hostile);
        assert!(found == *code && said.contains(text), "{what}: {found} {said}");
        let used = *code == "digest_mismatch";
        // A body is known to be another one when the signature over the head was good, and so used.
        let twin = if used { draft(&format!("twin-{number}")).sign() } else { good };
        assert_eq!(gateway.said(twin), ("ok", String::new()), "{what}: its twin");
    }
}

/// What is wrong, the draft's change, its twin's change, and a part of what the caller reads.
type Drafted = (&'static str, fn(&mut Draft), fn(&mut Draft), &'static str);

fn covers(draft: &mut Draft, all: &[&'static str]) {
    draft.covered = all.to_vec();
}

/// What a signer does who covers too little, or says the wrong thing.
const BY_THE_SIGNER: &[Drafted] = &[
    ("nothing covered", |d| covers(d, &[]), |_| {}, "`@method`"),
    ("no method", |d| covers(d, &["\"@authority\"", "\"@path\"", "\"@query\""]), |_| {}, "`@method`"),
    ("no authority", |d| covers(d, &["\"@method\"", "\"@path\"", "\"@query\""]), |_| {}, "`@authority`"),
    (
        "no path",
        |d| covers(d, &["\"@method\"", "\"@authority\"", "\"@query\""]),
        |d| covers(d, &["\"@method\"", "\"@target-uri\""]),
        "`@path`",
    ),
    (
        "no query",
        |d| covers(d, &["\"@method\"", "\"@authority\"", "\"@path\""]),
        |d| {
            covers(d, &["\"@method\"", "\"@authority\"", "\"@request-target\""]);
        },
        "`@query`",
    ),
    (
        "a parameter of the query only",
        |d| {
            covers(d, &["\"@method\"", "\"@authority\"", "\"@path\"", "\"@query-param\";name=\"a\""]);
        },
        |_| {},
        "`@query`",
    ),
    (
        "a covered field that is not there",
        |d| d.covered.push("\"x-a\""),
        |d| {
            d.fields.push(("x-a", " two  words ".into()));
            d.covered.push("\"x-a\"");
        },
        "not in the request",
    ),
    ("`req`", |d| d.covered.push("\"x-a\";req"), |_| {}, "another message"),
    ("`tr`", |d| d.covered.push("\"x-a\";tr"), |_| {}, "another message"),
    (
        "`sf` of what is none",
        |d| {
            d.fields.push(("x-a", "1".into()));
            d.covered.push("\"x-a\";sf");
        },
        |_| {},
        "no structured field",
    ),
    (
        "too old",
        |d| d.parameters = parameters(-61, "shop-1", "old"),
        |d| d.parameters = parameters(-60, "shop-1", "old"),
        "too old",
    ),
    (
        "from the future",
        |d| d.parameters = parameters(11, "shop-1", "new"),
        |d| d.parameters = parameters(10, "shop-1", "new"),
        "future",
    ),
    (
        "expired",
        |d| d.parameters.push_str(&format!(";expires={}", super::client::now())),
        |d| {
            d.parameters.push_str(&format!(";expires={}", super::client::now() + 1));
        },
        "expired",
    ),
    ("no date", |d| d.parameters = ";keyid=\"shop-1\";nonce=\"n\"".into(), |_| {}, "`created`"),
    ("no nonce", |d| d.parameters = d.parameters.split(";nonce").next().unwrap().into(), |_| {}, "`nonce`"),
    ("no key", |d| d.parameters = d.parameters.replace(";keyid=\"shop-1\"", ""), |_| {}, "`keyid`"),
    (
        "another algorithm than the key's",
        |d| d.parameters.push_str(";alg=\"ed25519\""),
        |d| {
            d.parameters.push_str(";alg=\"hmac-sha256\"");
        },
        "`alg`",
    ),
    ("an algorithm that is none", |d| d.parameters.push_str(";alg=\"none\""), |_| {}, "`alg`"),
    (
        "another secret",
        |d| d.pen = Pen::Secret("a secret of somebody else's, longer than 32 bytes"),
        |d| {
            d.pen = Pen::Secret(SECRET);
        },
        "wrong",
    ),
];

#[test]
fn threat_33_a_signature_that_covers_too_little_is_refused() {
    let gateway = Signed::new();
    assert_eq!(BY_THE_SIGNER.len(), 19);
    for (number, (what, change, twin, text)) in BY_THE_SIGNER.iter().enumerate() {
        let sent = |change: fn(&mut Draft), name: &str| {
            let mut draft = get(&format!("{name}-{number}"));
            change(&mut draft);
            gateway.said(draft.sign())
        };
        let (code, said) = sent(*change, "hostile");
        assert!(code == "signature_invalid" && said.contains(text), "{what}: {code} {said}");
        assert_eq!(sent(*twin, "twin"), ("ok", String::new()), "{what}: its twin");
    }
}

/// What is wrong with the digest of a body that is covered.
const DIGESTS: &[Drafted] = &[
    (
        "no digest",
        |d| {
            d.fields.pop();
            d.covered.pop();
        },
        |_| {},
        "`content-digest`",
    ),
    ("a digest that is not covered", |d| d.covered.truncate(5), |_| {}, "`content-digest`"),
    (
        "one member of it covered",
        |d| {
            d.covered.pop();
            d.covered.push("\"content-digest\";key=\"sha-256\"");
        },
        |_| {},
        "`content-digest`",
    ),
    ("a digest that is covered and not there", |d| drop(d.fields.pop()), |_| {}, "not in the request"),
    (
        "MD5",
        |d| d.fields[1].1 = "md5=:1B2M2Y8AsgTpgAmY7PhCfg==:".into(),
        |d| {
            d.fields[1].1 = format!("md5=:1B2M2Y8AsgTpgAmY7PhCfg==:, {}", d.fields[1].1);
        },
        "neither",
    ),
    ("SHA-1", |d| d.fields[1].1 = "sha=:2jmj7l5rSw0yVb/vlWAYkK/YBwk=:".into(), |_| {}, "neither"),
    ("a digest that is too short", |d| d.fields[1].1 = "sha-256=:AAAA:".into(), |_| {}, "malformed"),
    ("a digest in another notation", |d| d.fields[1].1 = "sha-256=AAAA".into(), |_| {}, "malformed"),
    (
        "no media type covered",
        |d| d.covered.retain(|name| *name != "\"content-type\""),
        |_| {},
        "`content-type`",
    ),
];

#[test]
fn threat_33_a_body_is_held_to_a_digest_that_is_covered() {
    let gateway = Signed::new();
    assert_eq!(DIGESTS.len(), 9);
    for (number, (what, change, twin, text)) in DIGESTS.iter().enumerate() {
        let sent = |change: fn(&mut Draft), name: &str| {
            let mut draft = post(&format!("{name}-{number}"));
            change(&mut draft);
            gateway.said(draft.sign())
        };
        let (code, said) = sent(*change, "hostile");
        assert!(code == "signature_invalid" && said.contains(text), "{what}: {code} {said}");
        assert_eq!(sent(*twin, "twin"), ("ok", String::new()), "{what}: its twin");
    }
}

#[test]
fn a_body_without_a_known_length_and_an_empty_one() {
    let gateway = Signed::new();
    let mut chunked = post("chunked").sign();
    chunked.length = Some(BodyLength::Unknown);
    assert_eq!(gateway.said(chunked).0, "ok");
    let mut other = post("chunked-2").sign();
    (other.length, other.body) = (Some(BodyLength::Unknown), Some(b"{}".to_vec()));
    assert_eq!(gateway.said(other).0, "digest_mismatch");
    // A body that the gateway would decode: the digest is of what came (RFC 9530 section 2).
    let mut coded = post("coded");
    coded.fields.push(("content-encoding", "gzip".into()));
    coded.covered.push("\"content-encoding\"");
    assert_eq!(gateway.said(coded.sign()).0, "ok");
    // Nothing, with and without its digest.
    let mut empty = get("empty");
    empty.fields.push(("content-digest", content_digest(b"")));
    empty.covered.push("\"content-digest\"");
    assert_eq!(gateway.said(empty.sign()).0, "ok");
    let mut wrong = get("empty-2");
    wrong.fields.push(("content-digest", content_digest(b"x")));
    wrong.covered.push("\"content-digest\"");
    assert_eq!(gateway.said(wrong.sign()).0, "digest_mismatch");
    let mut zero = get("zero").sign();
    zero.length = Some(BodyLength::Known(0));
    assert_eq!(gateway.said(zero).0, "ok");
}

#[test]
fn a_long_body_is_digested_off_the_core() {
    let gateway = Signed::new();
    let long: &'static [u8] = vec![b' '; engine::bounds::LONG_BODY + 1].leak();
    let draft = |nonce: &str| {
        let mut draft = post(nonce);
        (draft.body, draft.fields[1].1) = (Some(long), content_digest(long));
        draft
    };
    let good = gateway.send("write", draft("long").sign());
    assert_eq!((good.code(), good.waited), ("ok", true));
    let mut other = draft("other").sign();
    other.body.as_mut().unwrap()[7] = b'x';
    let other = gateway.send("write", other);
    assert_eq!((other.code(), other.waited), ("digest_mismatch", true));
    assert!(!gateway.send("write", post("short").sign()).waited);
}

#[test]
fn what_reads_the_whole_of_something_for_a_part_of_it_is_bounded() {
    let gateway = Signed::new();
    let parts = |count: usize, nonce: &str| {
        let mut draft = get(nonce);
        let members: Vec<String> = (0..count).map(|number| format!("k{number}")).collect();
        draft.fields.push(("priority", members.join(", ")));
        let covered = (0..count).map(|number| &*format!("\"priority\";key=\"k{number}\"").leak());
        draft.covered.extend(covered);
        gateway.said(draft.sign())
    };
    // The client writes whole fields only, so that what is within the bound is another base.
    assert_eq!(parts(16, "few").1, WRONG);
    assert!(parts(17, "many").1.contains("more or longer parts"));
}

#[test]
fn a_signature_is_good_once_and_by_its_own_key_only() {
    let gateway = Signed::new();
    let good = get("once").sign();
    assert_eq!(gateway.said(good.clone()).0, "ok");
    let (code, said) = gateway.said(good);
    assert!(code == "signature_invalid" && said.contains("used before"), "{said}");
    assert_eq!(gateway.said(get("twice").sign()).0, "ok");
    // The same nonce is another's to use.
    let mut bakery = get("once");
    bakery.pen = Pen::Ed25519(std::sync::Arc::clone(&gateway.bakery));
    bakery.parameters = parameters(0, "bakery-1", "once");
    assert_eq!(gateway.said(bakery.sign()).0, "ok");
    // What is refused uses nothing up.
    let mut changed = get("later").sign();
    changed.method = "PUT";
    assert_eq!(gateway.said(changed).0, "signature_invalid");
    assert_eq!(gateway.said(get("later").sign()).0, "ok");
}

#[test]
fn a_public_key_is_no_secret() {
    let gateway = Signed::new();
    let pem: &'static str = super::client::pem(&gateway.bakery).replace("\\n", "\n").leak();
    for secret in [pem, pem.trim()] {
        let mut confused = get("confused");
        confused.pen = Pen::Secret(secret);
        confused.parameters = parameters(0, "bakery-1", "confused");
        let (code, said) = gateway.said(confused.sign());
        assert!(code == "signature_invalid" && said == WRONG, "{said}");
    }
    let mut named = get("named");
    named.pen = Pen::Secret(pem);
    named.parameters = format!("{};alg=\"hmac-sha256\"", parameters(0, "bakery-1", "named"));
    assert!(gateway.said(named.sign()).1.contains("`alg`"));
    let mut good = get("good");
    good.pen = Pen::Ed25519(std::sync::Arc::clone(&gateway.bakery));
    good.parameters = format!("{};alg=\"ed25519\"", parameters(0, "bakery-1", "good"));
    assert_eq!(gateway.said(good.sign()).0, "ok");
}
