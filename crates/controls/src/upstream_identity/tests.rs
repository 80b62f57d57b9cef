mod asserting;
mod exchanging;
mod owning;
mod stripping;
mod writing;

use std::sync::Arc;

use crate::security::kit::{CONTRACT, DOCUMENT, Ended, Gateway, Reply, Setup, World};

pub(super) const ENDPOINT: &str = "https://idp.example.com/realms/shop/token";
pub(super) const JSON: &str = "application/json";
pub(super) const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// The kit's document with a token endpoint, and this section for its API.
pub(super) fn document(endpoint: &str, section: &str) -> String {
    let issuer = format!(
        "realms/shop\", token_endpoint: {{ url: \"{ENDPOINT}\", client_id: gateway, client_secret: \"env:SECRET\"{endpoint} }} }}"
    );
    let section = format!("    unsecured: anonymous\n    upstream_identity: {section}\n");
    DOCUMENT.replace("realms/shop\" }", &issuer).replace("    unsecured: anonymous\n", &section)
}

pub(super) fn setup<'a>(document: &'a str, contract: &'a str) -> Setup<'a> {
    let mut setup = Setup::new(document, contract);
    setup.assets.insert("env:SECRET".into(), Arc::from(&b"s3cret/+ &"[..]));
    setup.assets.insert("env:ACTOR".into(), Arc::from(&b"who.acts+"[..]));
    setup
}

/// A gateway with such a document, at work on one core.
pub(super) fn gateway(world: &World, endpoint: &str, section: &str) -> Gateway {
    at(world, endpoint, section, 0)
}

pub(super) fn at(world: &World, endpoint: &str, section: &str, core: usize) -> Gateway {
    let document = document(endpoint, section);
    let gateway = setup(&document, CONTRACT).attach(world, core);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    gateway
}

/// What a token endpoint says when all is well, with members replaced or added, or taken out when `value` is empty.
pub(super) fn given(changes: &[(&str, &str)]) -> String {
    let issued = format!("\"{ACCESS_TOKEN}\"");
    let mut members: Vec<(&str, &str)> = vec![
        ("access_token", "\"for-the-service\""),
        ("token_type", "\"Bearer\""),
        ("issued_token_type", &issued),
        ("expires_in", "300"),
    ];
    for (name, value) in changes {
        members.retain(|(known, _)| known != name);
        if !value.is_empty() {
            members.push((name, value));
        }
    }
    let text: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", text.join(","))
}

pub(super) fn json(body: String) -> Reply {
    Reply::Media(200, JSON, body)
}

/// The fields of this name that go upstream.
pub(super) fn fields(ended: &Ended, name: &str) -> Vec<String> {
    ended.call.request.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

pub(super) fn authorization(ended: &Ended) -> Vec<String> {
    fields(ended, "authorization")
}
