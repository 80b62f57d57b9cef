//! Security events: what is one, and what is another kind of token.

use std::time::Duration;

use crate::*;

const NOW: u64 = 1_800_000_000;

fn check(header: &str, payload: &str) -> Result<(String, u64, usize), Fault> {
    let key = SigningKey::generate().unwrap();
    let header: Vec<(&str, &str)> = if header.is_empty() { Vec::new() } else { vec![("typ", header)] };
    let token = key.sign(&header, payload.as_bytes()).unwrap();
    let keys = KeySet::parse(key.jwks_json().into()).unwrap();
    let parsed = parse(&token).unwrap();
    let verified = verify(&parsed, &keys, &Algorithm::ALL).unwrap();
    let audiences = [String::from("https://gateway")];
    let expect = EventExpectations {
        issuer: "https://idp",
        audiences: &audiences,
        leeway: Duration::from_secs(60),
        max_age: Duration::from_secs(3_600),
        now: NOW,
    };
    let event = validate_event(&verified, &expect)?;
    Ok((event.id.into_owned(), event.issued, event.events.len()))
}

fn payload(more: &str) -> String {
    format!(
        "{{\"iss\":\"https://idp\",\"aud\":[\"x\",\"https://gateway\"],\"jti\":\"e1\",\"sub_id\":{{\"format\":\"opaque\",\"id\":\"s\"}},\
         \"events\":{{\"https://e/1\":{{}},\"https://e/2\":{{\"a\":1}}}}{more}}}"
    )
}

#[test]
fn an_event_is_read() {
    for typ in ["secevent+jwt", "SecEvent+JWT", "application/secevent+jwt"] {
        for at in [NOW, NOW + 60, NOW - 3_660] {
            assert_eq!(
                check(typ, &payload(&format!(",\"iat\":{at}"))),
                Ok(("e1".into(), at, 2)),
                "{typ} {at}"
            );
        }
    }
    let later = payload(&format!(",\"iat\":{NOW}.5,\"txn\":\"t\""));
    assert_eq!(check("secevent+jwt", &later).map(|event| event.1), Ok(NOW + 1));
}

#[test]
fn what_is_another_kind_or_not_whole_is_refused() {
    let good = format!(",\"iat\":{NOW}");
    for typ in [
        "",
        "JWT",
        "at+jwt",
        "logout+jwt",
        "dpop+jwt",
        "token-introspection+jwt",
        "secevent",
        "text/secevent+jwt",
    ] {
        assert_eq!(check(typ, &payload(&good)), Err(Fault::TypRefused), "{typ}");
    }
    for claim in [
        "sub",
        "nonce",
        "scope",
        "scp",
        "client_id",
        "cnf",
        "at_hash",
        "c_hash",
        "auth_time",
        "sid",
        "htm",
        "token_introspection",
    ] {
        assert_eq!(
            check("secevent+jwt", &payload(&format!("{good},\"{claim}\":\"x\""))),
            Err(Fault::WrongKind),
            "{claim}"
        );
    }
    for (from, to, fault) in [
        ("\"iss\":\"https://idp\"", "\"iss\":\"https://idp/\"", Fault::IssuerMismatch),
        ("\"iss\":\"https://idp\",", "", Fault::IssuerMissing),
        ("\"https://gateway\"", "\"https://gateway/\"", Fault::AudienceMismatch),
        ("\"aud\":[\"x\",\"https://gateway\"],", "", Fault::AudienceMissing),
        ("\"jti\":\"e1\",", "", Fault::ClaimMissing),
        ("\"jti\":\"e1\"", "\"jti\":\"\"", Fault::ClaimMalformed),
        ("\"sub_id\":{\"format\":\"opaque\",\"id\":\"s\"}", "\"sub_id\":\"s\"", Fault::ClaimMalformed),
        ("{\"https://e/1\":{},\"https://e/2\":{\"a\":1}}", "{}", Fault::ClaimMalformed),
        ("{\"https://e/1\":{},\"https://e/2\":{\"a\":1}}", "[\"https://e/1\"]", Fault::ClaimMalformed),
        ("\"https://e/1\":{}", "\"https://e/1\":null", Fault::ClaimMalformed),
        (&good, &format!(",\"iat\":{}", NOW + 61), Fault::IssuedInFuture),
        (&good, &format!(",\"iat\":{}", NOW - 3_661), Fault::TooOld),
        (&good, ",\"iat\":\"now\"", Fault::ClaimMalformed),
        (&good, "", Fault::ClaimMissing),
        (&good, &format!("{good},\"exp\":{}", NOW - 60), Fault::Expired),
        (&good, &format!("{good},\"nbf\":{}", NOW + 61), Fault::NotYetValid),
    ] {
        let whole = payload(&good);
        let changed = whole.replace(from, to);
        assert_ne!(whole, changed, "{from}");
        assert_eq!(check("secevent+jwt", &changed), Err(fault), "{to}");
    }
    let many: Vec<String> = (0..17).map(|number| format!("\"e{number}\":{{}}")).collect();
    let many = |count: usize| {
        payload(&good).replace("\"https://e/1\":{},\"https://e/2\":{\"a\":1}", &many[..count].join(","))
    };
    assert_eq!(check("secevent+jwt", &many(17)), Err(Fault::ClaimMalformed));
    assert_eq!(check("secevent+jwt", &many(16)).map(|event| event.2), Ok(16));
}
