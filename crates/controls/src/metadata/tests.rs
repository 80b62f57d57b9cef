//! What the document says, and where it is.

use super::*;
use crate::security::kit::{CONTRACT, DOCUMENT, Setup, World};

#[test]
fn places() {
    assert_eq!(path(""), "/.well-known/oauth-protected-resource");
    assert_eq!(path("/v1"), "/.well-known/oauth-protected-resource/v1");
    assert_eq!(url("https://a.example/", "/v1"), "https://a.example/.well-known/oauth-protected-resource/v1");
}

#[test]
fn the_document_of_an_api() {
    let world = World::new();
    Setup::new(DOCUMENT, CONTRACT).attach_and(&world, 0, |api| {
        let control = control(api).unwrap();
        let text = String::from_utf8(control.body.to_vec()).unwrap();
        assert_eq!(
            text,
            "{\"resource\":\"https://api.example.com/v1\",\
             \"authorization_servers\":[\"https://idp.example.com/realms/shop\",\"https://login.example.org/v2.0\"],\
             \"scopes_supported\":[\"orders:admin\",\"orders:read\",\"orders:write\"],\
             \"bearer_methods_supported\":[\"header\"],\"resource_name\":\"Orders\",\
             \"dpop_signing_alg_values_supported\":[\"RS256\",\"RS384\",\"RS512\",\"PS256\",\"PS384\",\"PS512\",\
             \"ES256\",\"ES384\",\"ES512\",\"EdDSA\"]}"
        );
        let attached = control.attach(&world.core(0));
        let mut call = crate::security::kit::call(&world.clock, "/x", &[]);
        let Step::Done(Verdict::Answer(answer)) = attached.head(&mut call) else { panic!("no answer") };
        assert_eq!(answer.status, StatusCode::OK);
        assert!(tape::Tape::parse(answer.body, &tape::Bounds::default()).is_ok());
    });
}

#[test]
fn to_whom_tokens_are_bound() {
    let world = World::new();
    let listen = "listen: http://127.0.0.1:8080";
    let tls = |more: &str| {
        format!(
            "listeners: {{ a: {{ bind: \"0.0.0.0:8443\", tls: {{ certificate: c.pem, key: \"env:K\"{more} }} }} }}"
        )
    };
    let all = |document: &str| document.replace("issuers: [shop", "sender_constrained: dpop, issuers: [shop");
    let proofs = |algorithms: &str| {
        let settings = format!(
            "    url: \"https://a.example\"\n    dpop: {{ algorithms: [{algorithms}] }}\n    unsecured: anonymous\n"
        );
        DOCUMENT.replace("    unsecured: anonymous\n", &settings)
    };
    let required = "\"dpop_bound_access_tokens_required\":true";
    let certificates = "\"tls_client_certificate_bound_access_tokens\":true";
    // The document, what it says, what it does not.
    let cases: [(String, &[&str], &[&str]); 4] = [
        (all(DOCUMENT), &[required], &[certificates]),
        (proofs("ES256"), &["\"dpop_signing_alg_values_supported\":[\"ES256\"]"], &[required, certificates]),
        (DOCUMENT.replace(listen, &tls("")), &[], &["dpop", certificates]),
        (DOCUMENT.replace(listen, &tls(", client_ca: ca.pem")), &[certificates], &["dpop"]),
    ];
    for (document, said, unsaid) in cases {
        Setup::new(&document, CONTRACT).attach_and(&world, 0, |api| {
            let text = String::from_utf8(control(api).unwrap().body.to_vec()).unwrap();
            assert!(said.iter().all(|part| text.contains(part)), "{text}");
            assert!(!unsaid.iter().any(|part| text.contains(part)), "{text}");
        });
    }
    let own = "silentAuthenticated: { unsecured: authenticated";
    let laxer = all(DOCUMENT).replace(own, &format!("{own}, authentication: {{ sender_constrained: any }}"));
    Setup::new(&laxer, CONTRACT).attach_and(&world, 0, |api| {
        let text = String::from_utf8(control(api).unwrap().body.to_vec()).unwrap();
        assert!(!text.contains(required), "one operation takes others: {text}");
    });
}

#[test]
fn a_local_issuer_is_no_server_and_hostile_names_are_inert() {
    let world = World::new();
    let document = DOCUMENT.replace("url: \"https://idp.example.com/realms/shop\"", "local: true");
    Setup::new(&document, CONTRACT).attach_and(&world, 0, |api| {
        let text = String::from_utf8(control(api).unwrap().body.to_vec()).unwrap();
        assert!(text.contains("\"authorization_servers\":[\"https://login.example.org/v2.0\"]"), "{text}");
    });
    let none = Document { resource_name: "a\"\u{202e}<".into(), ..Document::default() };
    let text = String::from_utf8(none.render().to_vec()).unwrap();
    assert!(!text.contains("authorization_servers") && text.contains("a\\\"\\u202e<"), "{text}");
}
