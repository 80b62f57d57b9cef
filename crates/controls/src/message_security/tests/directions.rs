//! One key for both directions is told, and keys of their own are not.

use super::places::told_of_api;
use super::*;

/// Two operations, each with a body and an answer.
const PAIR: &str = r##"
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /a: { post: { operationId: a, security: [{ oauth: [] }], requestBody: { content: { application/json: {} } }, responses: { "200": { description: ok } } } }
  /b: { post: { operationId: b, security: [{ oauth: [] }], requestBody: { content: { application/json: {} } }, responses: { "200": { description: ok } } } }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x.example/t", scopes: {} } } }
"##;

/// Keys of others: a shared one, one that signs (RFC 7517 appendix A.2), and ours that wraps keys, by another name.
const OTHERS: &str = r#"{"keys":[
    {"kty":"oct","kid":"w2","alg":"A128KW","k":"RT8t8DleKLUeHB14S80Q8Q"},
    {"kty":"oct","kid":"again","alg":"A128KW","k":"GawgguFyGrWKav7AX4VKUg"},
    {"kty":"EC","kid":"e2","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
     "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}]}"#;

#[test]
fn an_answer_must_not_be_a_good_request() {
    let wrap = |file: &str, kid: &str| {
        format!("encrypt: {{ keys: 'file:{file}', algorithm: A128KW, encryption: A256GCM, kid: {kid} }}")
    };
    let sign = SIGN.replace("keys.jwks", "others.jwks").replace("kid: e", "kid: e2");
    let both = format!("{DECRYPT}, {VERIFY}");
    let typed = VERIFY.replace("[ES256]", "[ES256], typ: order+jws");
    let bound = VERIFY.replace("[ES256]", "[ES256], callers: { shop: e }");
    let another =
        VERIFY.replace("keys.jwks", "others.jwks").replace("[ES256]", "[ES256], callers: { shop: e2 }");
    for (request, answer, is_told) in [
        (DECRYPT, wrap("keys.jwks", "w"), true),
        (DECRYPT, wrap("others.jwks", "again"), true),
        (DECRYPT, wrap("others.jwks", "w2"), false),
        (DECRYPT, ENCRYPT.to_owned(), true),
        (VERIFY, SIGN.to_owned(), true),
        (bound.as_str(), SIGN.to_owned(), true),
        (another.as_str(), SIGN.to_owned(), false),
        (typed.as_str(), SIGN.to_owned(), false),
        (VERIFY, sign.clone(), false),
        (both.as_str(), format!("{SIGN}, {}", wrap("keys.jwks", "w")), true),
        (both.as_str(), format!("{sign}, {}", wrap("keys.jwks", "w")), false),
        (both.as_str(), format!("{SIGN}, {}", wrap("others.jwks", "w2")), false),
        // A layer more or less is another form of message.
        (both.as_str(), wrap("keys.jwks", "w"), false),
        (DECRYPT, format!("{SIGN}, {}", wrap("keys.jwks", "w")), false),
    ] {
        let (taken, given) = (format!("request: {{ {request} }}"), format!("answer: {{ {answer} }}"));
        let own = |id: &str, side: &str| format!("{id}: {{ message_security: {{ {side} }} }}");
        for settings in [
            format!("message_security: {{ {taken}, {given} }}"),
            format!("operations: {{ {}, {} }}", own("a", &taken), own("b", &given)),
            format!("operations: {{ {}, {} }}", own("a", &given), own("b", &taken)),
        ] {
            let found = told_of_api(PAIR, &settings, &[("keys.jwks", KEYS), ("others.jwks", OTHERS)]);
            let count = found.iter().filter(|one| one.contains("one key is for both ways")).count();
            assert_eq!(
                (count, found.len()),
                (usize::from(is_told), usize::from(is_told)),
                "{settings} {found:?}"
            );
        }
    }
    let off = format!(
        "operations: {{ a: {{ message_security: {{ request: {{ {DECRYPT} }} }} }}, b: {{ message_security: {{ mode: off, answer: {{ {} }} }} }} }}",
        wrap("keys.jwks", "w")
    );
    assert_eq!(told_of_api(PAIR, &off, &[("keys.jwks", KEYS)]), [""; 0]);
}
