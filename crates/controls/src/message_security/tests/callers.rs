//! Whose applications `callers` names.

use super::*;
use crate::security::kit::STAFF;

const BOUND: &str =
    "request: { verify: { keys: 'file:keys.jwks', algorithms: [ES256], callers: { shop: e } } }";
const READ: &str = "answer: { encrypt: { keys: 'file:keys.jwks', algorithm: ECDH-ES, encryption: A256GCM, callers: { shop: x } } }";

/// The document with another issuer, API keys and certificates beside the first.
fn document(issuers: &str, more: &str) -> String {
    let staff = format!(
        "staff: {{ url: \"{STAFF}\" }} }}\nauthorities: {{ partners: {{ client_ca: file:ca.pem, subject: dns-san }} }}\n"
    );
    let document = DOCUMENT.replace("shop\" } }\n", &format!("shop\" }}, {staff}"));
    let entry = format!("issuers: [{issuers}], audience: t }}{more}");
    document.replace("issuers: [shop], audience: t }", &entry)
}

fn told_of(document: &str, security: &str, section: &str) -> Vec<String> {
    let contract = CONTRACT.replace("security: [{ oauth: [] }]", &format!("security: {security}"));
    compiled_in((document, &contract), section, KEYS, false).1
}

#[test]
fn several_issuers_are_told_apart() {
    let both = document("shop, staff", "");
    for section in [BOUND, READ] {
        let found = told_of(&both, "[{ oauth: [] }]", section);
        assert!(found.iter().any(|one| one.contains("each has applications of its own")), "{found:?}");
        for issuer in ["staff", "[shop, staff]", "any"] {
            let section = section.replace("callers:", &format!("issuer: {issuer}, callers:"));
            assert_eq!(told_of(&both, "[{ oauth: [] }]", &section), [""; 0], "{section}");
        }
        let unknown = section.replace("callers:", "issuer: stuff, callers:");
        let found = told_of(&both, "[{ oauth: [] }]", &unknown);
        assert!(found.iter().any(|one| one.contains("no tokens of an issuer `stuff`")), "{found:?}");
    }
    let found = told_of(DOCUMENT, "[{ oauth: [] }]", &BOUND.replace("callers: { shop: e }", "issuer: shop"));
    assert!(found.iter().any(|one| one.contains("whose applications")), "{found:?}");
}

#[test]
fn an_operation_whose_callers_are_no_applications_is_told() {
    let keys = document("shop", ", key: { source: applications }, certificate: { authorities: [partners] }");
    for (security, issuer, good) in [
        ("[]", "", false),
        ("[{ certificate: [] }]", "", false),
        ("[{ certificate: [], key: [] }]", "", false),
        ("[{ certificate: [], key: [] }]", "issuer: applications, ", true),
        ("[{ key: [] }]", "", true),
        ("[{ oauth: [] }]", "", true),
    ] {
        for section in [BOUND, READ] {
            let section = section.replace("callers:", &format!("{issuer}callers:"));
            let found = told_of(&keys, security, &section);
            let is_told = found.iter().any(|one| one.contains("has a credential that names an application"));
            assert_eq!((found.is_empty(), is_told), (good, !good), "{security} {section} {found:?}");
        }
    }
}

#[test]
fn an_application_of_another_issuer_is_another() {
    let message = signed(CONTENT, None, None);
    for (principals, said) in [
        (&[(SHOP, Some("shop"))][..], true),
        (&[(STAFF, Some("shop"))], false),
        // Whichever credential of a call comes first.
        (&[("certificate", None), (SHOP, Some("shop"))], true),
        (&[(STAFF, Some("shop")), (SHOP, Some("other"))], false),
    ] {
        let with = |call: CallBuilder| {
            principals
                .iter()
                .fold(call, |call, (issuer, application)| call.principal(issuer, "s", *application))
        };
        let mut call = with(post(JOSE, &message)).build();
        assert_eq!(judge(&*attached(BOUND), &mut call).0 == "ok", said, "{principals:?}");
        let control = attached(READ);
        assert_eq!(told(finish(control.head(&mut with(CallBuilder::get("/x")).build()))).0 == "ok", said);
    }
}

#[test]
fn keys_that_cannot_do_what_is_said_of_them_are_told() {
    let own = KEYS.lines().filter(|line| line.contains("\"y\"") || line.contains("\"e\""));
    let own = own.collect::<String>().replace(",{", "{");
    let own = own.trim().trim_end_matches(',').to_owned();
    let set = |keys: &[&str]| format!("{{\"keys\":[{}]}}", keys.join(","));
    let typo = own.replace("\"y\":\"H", "\"y\":\"I");
    let other = own.replace("\"kid\":\"e\"", "\"kid\":\"o\",\"use\":\"enc\"");
    let bound = BOUND.to_owned();
    let more = BOUND.replace("[ES256]", "[ES256, RS256]");
    let one = own.replace("\"kid\":\"e\"", "\"kid\":\"one\"");
    let edwards =
        r#"{"kty":"OKP","kid":"ed","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    for (section, keys, said) in [
        (&bound, set(&[&own, &other, edwards]), None),
        (&more, set(&[&own]), Some("none of them serves `RS256`")),
        (
            &BOUND.replace("shop: e", "shop: ed"),
            set(&[&own, edwards]),
            Some("`ed` of `callers` serves none of `algorithms`"),
        ),
        (&bound, set(&[&own, &own]), Some("more than one has the `kid` `e`")),
        (&bound, set(&[&own, &typo.replace("\"e\"", "\"p\"")]), Some("1 of the keys")),
        (&bound, set(&[&own, &one]), None),
    ] {
        let (all, found) = compiled_with(section, &keys, false);
        assert_eq!(found.len(), usize::from(said.is_some()), "{section} {found:?}");
        assert!(said.is_none_or(|said| found[0].contains(said)), "{found:?}");
        // What is only odd is a warning.
        assert_eq!(all.len() == 1, said.is_none_or(|said| said.starts_with('1')), "{section} {found:?}");
    }
}
