//! Claims: dates, audience, issuer, kinds of tokens, RFC 9068. Each refusal has its valid twin.

use super::mint::Mint;
use super::{ISSUER, NOW, admit, lax, payload};
use crate::{Algorithm, Expectations, Fault, TypPolicy, parse, validate, verify, words};
use std::time::Duration;

type Changes = &'static [(&'static str, &'static str)];

/// What is refused, what passes, why. Now is 2000000100, the leeway 30 seconds, the audiences `billing` and `orders`.
const CASES: &[(Changes, Changes, Fault)] = &[
    (&[("exp", "")], &[("exp", "2000000200")], Fault::ExpMissing),
    (&[("exp", "2000000070")], &[("exp", "2000000071")], Fault::Expired),
    (&[("exp", "2000000070.9")], &[("exp", "2000000071.0")], Fault::Expired),
    (&[("exp", "0")], &[("exp", "2e9"), ("exp", "2.0000002e9")], Fault::Expired),
    (&[("exp", "1999999999")], &[("exp", "253402300799")], Fault::Expired),
    (&[("exp", "\"2000000400\"")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "null")], &[("exp", "2000000400.5")], Fault::ClaimMalformed),
    (&[("exp", "true")], &[("exp", "20000004e2")], Fault::ClaimMalformed),
    (&[("exp", "[2000000400]")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "{}")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "-1")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "-2000000400")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "-0.5")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "2000000400000")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "253402300800")], &[("exp", "253402300799")], Fault::ClaimMalformed),
    (&[("exp", "253402300800.5")], &[("exp", "253402300799.5")], Fault::ClaimMalformed),
    (&[("exp", "1e300")], &[("exp", "2.0000004e9")], Fault::ClaimMalformed),
    (&[("exp", "1e400")], &[("exp", "2000000400")], Fault::Malformed),
    (&[("exp", "1e99999999999")], &[("exp", "2000000400")], Fault::Malformed),
    (&[("exp", "18446744073709551615")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("exp", "18446744073709551616")], &[("exp", "2000000400")], Fault::ClaimMalformed),
    (&[("x", "1e400")], &[("x", "1e300")], Fault::Malformed),
    (&[("x", "[{\"y\":-1e400}]")], &[("x", "[{\"y\":-1e-400}]")], Fault::Malformed),
    (&[("nbf", "2000000131")], &[("nbf", "2000000130")], Fault::NotYetValid),
    (&[("nbf", "2000000130.1")], &[("nbf", "2000000129.9")], Fault::NotYetValid),
    (&[("nbf", "\"0\"")], &[("nbf", "0")], Fault::ClaimMalformed),
    (&[("nbf", "-5")], &[("nbf", "")], Fault::ClaimMalformed),
    (&[("nbf", "1e30")], &[("nbf", "1e9")], Fault::ClaimMalformed),
    (&[("iat", "2000000131")], &[("iat", "2000000130")], Fault::IssuedInFuture),
    (&[("iat", "\"x\"")], &[("iat", "")], Fault::ClaimMalformed),
    (&[("iss", "")], &[], Fault::IssuerMissing),
    (&[("iss", "\"https://idp.test/\"")], &[("iss", "\"https://idp.test\"")], Fault::IssuerMismatch),
    (&[("iss", "\"https://IDP.test\"")], &[], Fault::IssuerMismatch),
    (&[("iss", "\"https://idp.test.evil.test\"")], &[], Fault::IssuerMismatch),
    (&[("iss", "\"https://idp.tes\"")], &[], Fault::IssuerMismatch),
    (&[("iss", "\" https://idp.test\"")], &[("iss", "\"https:\\/\\/idp.test\"")], Fault::IssuerMismatch),
    (&[("iss", "\"http://idp.test\"")], &[], Fault::IssuerMismatch),
    (&[("iss", "[\"https://idp.test\"]")], &[], Fault::ClaimMalformed),
    (&[("iss", "\"\"")], &[], Fault::ClaimMalformed),
    (&[("iss", "\"https://idp.test\\u0000\"")], &[], Fault::ClaimMalformed),
    (&[("aud", "")], &[], Fault::AudienceMissing),
    (&[("aud", "\"\"")], &[], Fault::AudienceMissing),
    (&[("aud", "[]")], &[("aud", "[\"orders\"]")], Fault::AudienceMissing),
    (&[("aud", "[\"\"]")], &[("aud", "[\"\",\"orders\"]")], Fault::AudienceMissing),
    (&[("aud", "\"Orders\"")], &[("aud", "\"orders\"")], Fault::AudienceMismatch),
    (&[("aud", "\"orders \"")], &[("aud", "\"billing\"")], Fault::AudienceMismatch),
    (&[("aud", "\"orders billing\"")], &[("aud", "[\"x\",\"billing\"]")], Fault::AudienceMismatch),
    (&[("aud", "[\"x\",\"y\"]")], &[("aud", "[\"x\",\"orders\"]")], Fault::AudienceMismatch),
    (&[("aud", "[\"orders\",1]")], &[("aud", "[\"orders\",\"1\"]")], Fault::ClaimMalformed),
    (&[("aud", "[\"orders\",null]")], &[("aud", "[\"orders\"]")], Fault::ClaimMalformed),
    (&[("aud", "[[\"orders\"]]")], &[("aud", "[\"orders\"]")], Fault::ClaimMalformed),
    (&[("aud", "{\"orders\":true}")], &[("aud", "\"orders\"")], Fault::ClaimMalformed),
    (&[("aud", "{}")], &[("aud", "\"orders\"")], Fault::ClaimMalformed),
    (&[("aud", "null")], &[("aud", "\"orders\"")], Fault::ClaimMalformed),
    (&[("aud", "1")], &[("aud", "\"orders\"")], Fault::ClaimMalformed),
    (&[("sub", "1")], &[], Fault::ClaimMalformed),
    (&[("sub", "\"\"")], &[], Fault::ClaimMalformed),
    (&[("sub", "\"alice\\r\\nX-Role: admin\"")], &[("x", "\"a\\r\\nb\"")], Fault::ClaimMalformed),
    (&[("client_id", "{}")], &[("client_id", "")], Fault::ClaimMalformed),
    (&[("jti", "1")], &[("jti", "")], Fault::ClaimMalformed),
    (&[("nonce", "\"n\"")], &[("Nonce", "\"n\"")], Fault::WrongKind),
    (&[("at_hash", "\"n\"")], &[("athash", "\"n\"")], Fault::WrongKind),
    (&[("c_hash", "\"n\"")], &[], Fault::WrongKind),
    (&[("s_hash", "\"n\"")], &[], Fault::WrongKind),
    (
        &[("events", "{\"http://schemas.openid.net/event/backchannel-logout\":{}}")],
        &[("sid", "\"s\"")],
        Fault::WrongKind,
    ),
    (&[("htm", "\"POST\""), ("htu", "\"https://x\"")], &[("cnf", "{\"jkt\":\"x\"}")], Fault::WrongKind),
    (&[("token_introspection", "{\"active\":true}")], &[("active", "true")], Fault::WrongKind),
    (&[("typ", "\"ID\"")], &[("typ", "\"Bearer\"")], Fault::WrongKind),
    (&[("typ", "\"Refresh\"")], &[("typ", "\"DPoP\"")], Fault::WrongKind),
    (&[("typ", "\"Offline\"")], &[], Fault::WrongKind),
    (&[("typ", "\"Logout\"")], &[], Fault::WrongKind),
];

#[test]
fn hostile_claims_are_refused_and_their_twins_pass() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    for (hostile, twin, fault) in CASES {
        assert_eq!(lax(&mint.token(&payload(hostile)), &keys), Err(*fault), "{hostile:?}");
        assert_eq!(lax(&mint.token(&payload(twin)), &keys), Ok(Some("alice".into())), "{twin:?}");
    }
    let long = format!("\"{}\"", "x".repeat(1025));
    assert_eq!(lax(&mint.token(&payload(&[("sub", &long)])), &keys), Err(Fault::ClaimMalformed));
    assert!(lax(&mint.token(&payload(&[("other", &long)])), &keys).is_ok());
    assert_eq!(lax(&mint.token(&payload(&[("sub", "")])), &keys), Ok(None));
}

#[test]
fn every_kind_of_token_is_told_by_its_type() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let typed = |typ: &str| mint.jws(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#), &payload(&[]));
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt", "a\\u0074+jwt"] {
        for policy in [TypPolicy::Common, TypPolicy::Rfc9068] {
            assert!(admit(&typed(typ), &keys, policy).is_ok(), "{typ}");
        }
    }
    for typ in ["JWT", "jwt", "application/jwt"] {
        assert!(admit(&typed(typ), &keys, TypPolicy::Common).is_ok(), "{typ}");
        assert_eq!(admit(&typed(typ), &keys, TypPolicy::Rfc9068), Err(Fault::TypRefused), "{typ}");
    }
    assert_eq!(admit(&mint.token(&payload(&[])), &keys, TypPolicy::Rfc9068), Err(Fault::TypRefused));
    for typ in [
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "token-introspection+jwt",
        "application/token-introspection+jwt",
        "entity-statement+jwt",
        "oauth-authz-req+jwt",
        "client-authentication+jwt",
        "jwk+jwt",
        "vc+jwt",
        "kb+jwt",
        "",
        "at",
        "at+jwt ",
        "application/application/at+jwt",
        "text/at+jwt",
        "application/x/at+jwt",
        "at+jwt;charset=utf-8",
        "JOSE",
        "JWS",
        "rt+jwt",
        "id_token",
    ] {
        for policy in [TypPolicy::Common, TypPolicy::Rfc9068] {
            assert_eq!(admit(&typed(typ), &keys, policy), Err(Fault::TypRefused), "{typ}");
        }
    }
}

#[test]
fn rfc_9068_requires_its_claims() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let strict = |changes: &[(&str, &str)]| {
        let token = mint.jws(r#"{"alg":"ES256","typ":"at+jwt"}"#, &payload(changes));
        admit(&token, &keys, TypPolicy::Rfc9068)
    };
    assert_eq!(strict(&[]), Ok(Some("alice".into())));
    for name in ["sub", "jti", "iat", "client_id"] {
        assert_eq!(strict(&[(name, "")]), Err(Fault::ClaimMissing), "{name}");
        let common = mint.token(&payload(&[(name, "")]));
        assert!(lax(&common, &keys).is_ok(), "{name}");
    }
    // An `azp` names a client, but it is not the claim that the standard requires.
    assert_eq!(strict(&[("client_id", ""), ("azp", "\"web\"")]), Err(Fault::ClaimMissing));
    assert!(strict(&[("nbf", "")]).is_ok());
}

#[test]
fn reads_what_an_accepted_token_says() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let token = mint.token(&payload(&[
        ("client_id", ""),
        ("azp", "\"app\""),
        ("exp", "2000000400.9"),
        ("iat", "2000000000.1"),
        ("roles", "[\"a b\",\"c\"]"),
        ("scp", "\" x  y \""),
        ("groups", "[\"g\",1]"),
        ("escaped", "\"p\\u0020q\""),
        ("cnf", "{\"jkt\":\"thumb\"}"),
        ("realm_access", "{\"roles\":[\"admin\"]}"),
    ]));
    let unverified = parse(&token).unwrap();
    assert_eq!(unverified.issuer().unwrap(), ISSUER);
    let verified = verify(&unverified, &keys, &[Algorithm::Es256]).unwrap();
    let audiences = ["orders".to_owned()];
    let base = Expectations {
        issuer: ISSUER,
        audiences: &audiences,
        audience_from: None,
        typ: TypPolicy::Common,
        leeway: Duration::ZERO,
        now: NOW,
        max_age: None,
    };
    let claims = validate(&verified, &base).unwrap();
    assert_eq!((claims.issuer.as_ref(), claims.subject.as_deref()), (ISSUER, Some("alice")));
    assert_eq!((claims.client.as_deref(), claims.id.as_deref()), (Some("app"), Some("t-1")));
    assert_eq!(
        (claims.expires, claims.issued, claims.not_before),
        (2000000400, Some(2000000001), Some(2000000000))
    );
    assert_eq!(claims.words("scope"), ["orders:read", "orders:write"]);
    assert_eq!(claims.words("roles"), ["a b", "c"]);
    assert_eq!(claims.words("scp"), ["x", "y"]);
    assert_eq!(claims.words("escaped"), ["p", "q"]);
    assert!(
        claims.words("groups").is_empty()
            && claims.words("exp").is_empty()
            && claims.words("none").is_empty()
    );
    assert_eq!(words(claims.payload.pointer("/realm_access/roles").unwrap()), ["admin"]);
    assert_eq!(claims.confirmation().unwrap().get("jkt").unwrap().as_str().unwrap(), "thumb");

    // Without leeway a token ends at the very second; without audiences nothing passes.
    let at = |now: u64| validate(&verified, &Expectations { now, ..base }).map(|_| ());
    assert_eq!((at(2000000399), at(2000000400)), (Ok(()), Err(Fault::Expired)));
    assert_eq!((at(2000000001), at(2000000000)), (Ok(()), Err(Fault::IssuedInFuture)));
    assert_eq!((at(0), at(u64::MAX)), (Err(Fault::NotYetValid), Err(Fault::Expired)));
    let nobody = Expectations { audiences: &[], ..base };
    assert_eq!(validate(&verified, &nobody).unwrap_err(), Fault::AudienceMismatch);
    let aged = |seconds: u64| {
        let expect = Expectations { max_age: Some(Duration::from_secs(seconds)), ..base };
        validate(&verified, &expect).map(|_| ())
    };
    assert_eq!((aged(99), aged(98)), (Ok(()), Err(Fault::TooOld)));
    assert_eq!(parse(&token).unwrap().into_payload().root().get("sub").unwrap().as_str().unwrap(), "alice");
    let endless = Expectations { leeway: Duration::MAX, max_age: Some(Duration::MAX), ..base };
    assert!(validate(&verified, &endless).is_ok());
}

#[test]
fn a_maximum_age_needs_a_date_of_issue() {
    let mint = Mint::new(Algorithm::Es256);
    let token = mint.token(&payload(&[("iat", "")]));
    let unverified = parse(&token).unwrap();
    let keys = mint.set("");
    let verified = verify(&unverified, &keys, &[Algorithm::Es256]).unwrap();
    let audiences = ["orders".to_owned()];
    let expect = Expectations {
        issuer: ISSUER,
        audiences: &audiences,
        audience_from: None,
        typ: TypPolicy::Common,
        leeway: Duration::ZERO,
        now: NOW,
        max_age: Some(Duration::from_secs(1000)),
    };
    assert_eq!(validate(&verified, &expect).unwrap_err(), Fault::ClaimMissing);
}

#[test]
fn an_id_token_is_told_from_an_access_token_and_the_other_way_round() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let id = |changes: &[(&str, &str)]| {
        let all: Vec<(&str, &str)> =
            [("scope", ""), ("client_id", "")].iter().chain(changes).copied().collect();
        mint.token(&payload(&all))
    };
    for claim in ["nonce", "at_hash", "c_hash", "s_hash"] {
        let token = id(&[(claim, "\"n\"")]);
        assert!(admit(&token, &keys, TypPolicy::IdToken).is_ok(), "{claim}");
        assert_eq!(lax(&token, &keys), Err(Fault::WrongKind), "{claim}");
    }
    let foreign = [
        ("scope", "\"openid\""),
        ("scp", "[]"),
        ("events", "{}"),
        ("htm", "\"GET\""),
        ("htu", "\"https://x\""),
        ("token_introspection", "{}"),
        ("typ", "\"Bearer\""),
        ("typ", "\"DPoP\""),
        ("typ", "\"Refresh\""),
        ("token_use", "\"access\""),
    ];
    for (claim, value) in foreign {
        let token = id(&[(claim, value)]);
        assert_eq!(admit(&token, &keys, TypPolicy::IdToken), Err(Fault::WrongKind), "{claim} {value}");
    }
    for (claim, value) in [("typ", "\"ID\""), ("token_use", "\"id\"")] {
        let token = id(&[(claim, value)]);
        assert!(admit(&token, &keys, TypPolicy::IdToken).is_ok(), "{claim} {value}");
        assert_eq!(lax(&token, &keys), Err(Fault::WrongKind), "{claim} {value}");
    }
    let typed =
        |typ: &str| mint.jws(&format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#), &payload(&[("scope", "")]));
    assert!(admit(&typed("JWT"), &keys, TypPolicy::IdToken).is_ok());
    for typ in ["at+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "txntoken+jwt", ""] {
        assert_eq!(admit(&typed(typ), &keys, TypPolicy::IdToken), Err(Fault::TypRefused), "{typ}");
    }
}

#[test]
fn another_claim_stands_for_the_audience_only_where_there_is_none() {
    let mint = Mint::new(Algorithm::Es256);
    let keys = mint.set("");
    let audiences = ["web".to_owned()];
    let expect = Expectations {
        issuer: ISSUER,
        audiences: &audiences,
        audience_from: Some("client_id"),
        typ: TypPolicy::Common,
        leeway: Duration::ZERO,
        now: NOW,
        max_age: None,
    };
    // Changes, what comes of them.
    type Case<'a> = (&'a [(&'a str, &'a str)], Result<(), Fault>);
    let cases: [Case<'_>; 9] = [
        (&[("aud", "")], Ok(())),
        (&[("aud", "\"web\""), ("client_id", "\"other\"")], Ok(())),
        (&[("aud", "[\"x\",\"web\"]")], Ok(())),
        (&[("aud", "\"orders\"")], Err(Fault::AudienceMismatch)),
        (&[("aud", "null")], Err(Fault::ClaimMalformed)),
        (&[("aud", "[]")], Err(Fault::AudienceMissing)),
        (&[("aud", ""), ("client_id", "\"other\"")], Err(Fault::AudienceMismatch)),
        (&[("aud", ""), ("client_id", "")], Err(Fault::AudienceMissing)),
        (&[("aud", ""), ("client_id", "[\"web\"]")], Err(Fault::ClaimMalformed)),
    ];
    for (changes, expected) in cases {
        let token = mint.token(&payload(changes));
        let parsed = parse(&token).unwrap();
        let verified = verify(&parsed, &keys, &Algorithm::ALL).unwrap();
        assert_eq!(validate(&verified, &expect).map(|_| ()), expected, "{changes:?}");
    }
}
