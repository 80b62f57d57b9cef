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
             \"bearer_methods_supported\":[\"header\"],\"resource_name\":\"Orders\"}"
        );
        let attached = control.attach(&world.core(0));
        let mut call = crate::security::kit::call(&world.clock, "/x", &[]);
        let Step::Done(Verdict::Answer(answer)) = attached.head(&mut call) else { panic!("no answer") };
        assert_eq!(answer.status, StatusCode::OK);
        assert!(tape::Tape::parse(answer.body, &tape::Bounds::default()).is_ok());
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
