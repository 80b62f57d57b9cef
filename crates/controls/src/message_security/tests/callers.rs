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
