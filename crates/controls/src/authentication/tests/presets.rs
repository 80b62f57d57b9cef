//! Tokens as providers make them, good and hostile, under the preset of each. Every hostile one has a valid twin, made the same way but
//! for what is wrong with it.

mod cloud;
mod id;
mod open;

use std::sync::Arc;

use testkit::{Alg, Mint};

use super::holder::changed;
use crate::security::kit::{Gateway, NOW, Setup, World};
use cloud::{COGNITO, ENTRA_GROUPS, ENTRA_V1, ENTRA_V2};
use id::{FIREBASE, GITHUB, GOOGLE, KUBERNETES};
use open::{AUTH0, KEYCLOAK, OKTA};

/// Two operations: one for a scope, one for anybody with a good token.
pub(super) const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "1" }
components:
  securitySchemes:
    oauth: { type: http, scheme: bearer }
paths:
  /read: { get: { operationId: read, security: [{ oauth: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /any: { get: { operationId: any, security: [{ oauth: [] }], responses: { "200": { description: ok } } } }
"#;

/// A gateway that takes tokens of the issuer `corp` for these audiences.
pub(super) fn gateway(world: &World, issuer: &str, audience: &str, keys: &str) -> Gateway {
    let document = format!(
        "version: 1\nlisten: http://127.0.0.1:8080\nissuers:\n  corp: {{ {issuer} }}\napis:\n  orders:\n    contract: ./api.yaml\n    \
         upstream: http://127.0.0.1:3000\n    authentication: {{ oauth: {{ issuers: [corp], audience: {audience} }} }}\n"
    );
    let mut setup = Setup::new(&document, CONTRACT);
    setup.assets.insert("keys.json".into(), Arc::from(keys.as_bytes()));
    let gateway = setup.attach(world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    gateway
}

/// Changes to claims; an empty value takes a claim out.
type Changes = &'static [(&'static str, &'static str)];
/// What is wrong, the changes that make it so, those of the twin, code.
type Row = (&'static str, Changes, Changes, &'static str);

const INVALID: &str = "token_invalid";
const SCOPE: &str = "insufficient_scope";

/// A provider: what the document says of it, and what its good tokens have beside `exp` and `iat`.
struct Provider {
    name: &'static str,
    issuer: &'static str,
    audience: &'static str,
    /// The operation that is called.
    operation: &'static str,
    /// `typ` of the header, unless it has none.
    typ: Option<&'static str>,
    claims: Changes,
    /// Application and roles of the good token.
    who: (Option<&'static str>, &'static [&'static str]),
    rows: &'static [Row],
}

const ALL: [&Provider; 11] = [
    &KEYCLOAK,
    &ENTRA_V2,
    &ENTRA_GROUPS,
    &ENTRA_V1,
    &COGNITO,
    &OKTA,
    &AUTH0,
    &GOOGLE,
    &FIREBASE,
    &KUBERNETES,
    &GITHUB,
];

impl Provider {
    fn gateway(&self, world: &World, mint: &Mint) -> Gateway {
        let issuer = format!("{}, jwks: \"file:keys.json\"", self.issuer);
        gateway(world, &issuer, self.audience, &keys(&[mint.jwk()]))
    }

    fn payload(&self, changes: &[(&str, &str)]) -> String {
        let dates = [("exp", (NOW + 600).to_string()), ("iat", NOW.to_string())];
        let own = self.claims.iter().map(|(name, value)| (*name, (*value).to_owned()));
        changed(&dates.into_iter().chain(own).collect::<Vec<_>>(), changes)
    }

    fn token(&self, mint: &Mint, changes: &[(&str, &str)]) -> String {
        mint.jws(&header(mint.alg, self.typ), &self.payload(changes))
    }
}

fn header(alg: Alg, typ: Option<&str>) -> String {
    let typ = typ.map(|typ| format!(",\"typ\":\"{typ}\"")).unwrap_or_default();
    format!("{{\"alg\":\"{}\",\"kid\":\"k\"{typ}}}", alg.name())
}

/// A key set.
pub(super) fn keys(all: &[String]) -> String {
    format!("{{\"keys\":[{}]}}", all.join(","))
}

#[test]
fn every_provider_s_tokens_are_taken_and_what_only_looks_like_them_is_not() {
    let (world, mint) = (World::new(), Mint::new(Alg::Rs256, "k"));
    let mut cases = 0;
    for provider in ALL {
        let gateway = provider.gateway(&world, &mint);
        let name = provider.name;
        let good = gateway.bearer(provider.operation, &provider.token(&mint, &[]));
        assert_eq!(good.code(), "ok", "{name}: {:?}", good.refusal);
        let principal = good.call.principal().unwrap();
        let roles: Vec<&str> = principal.roles.iter().map(AsRef::as_ref).collect();
        assert_eq!((principal.application.as_deref(), roles.as_slice()), provider.who, "{name}");
        for round in ["first", "remembered"] {
            for (what, hostile, twin, code) in provider.rows {
                let refused = gateway.bearer(provider.operation, &provider.token(&mint, hostile));
                assert_eq!(refused.code(), *code, "{round}: {name}: {what}: {:?}", refused.refusal);
                let status = refused.refusal.as_ref().unwrap().code.status;
                assert_eq!(status, if *code == SCOPE { 403 } else { 401 }, "{name}: {what}");
                assert!(*code == SCOPE || refused.call.proofs.is_empty(), "{name}: {what}");
                let passed = gateway.bearer(provider.operation, &provider.token(&mint, twin));
                assert_eq!(passed.code(), "ok", "{round}: {name}: twin of {what}: {:?}", passed.refusal);
            }
        }
        cases += provider.rows.len();
    }
    assert_eq!(cases, 122);
}

#[test]
fn a_provider_s_algorithms_and_types_are_its_own() {
    let world = World::new();
    let mints = [Alg::Rs256, Alg::Ps256, Alg::Rs512, Alg::Es256, Alg::EdDsa].map(|alg| Mint::new(alg, "k"));
    for provider in ALL {
        let taken: &[Alg] = match provider.name {
            "auth0" => &[Alg::Rs256, Alg::Ps256],
            "kubernetes" => &[Alg::Rs256, Alg::Es256],
            _ => &[Alg::Rs256],
        };
        let is_id = ["google", "firebase", "kubernetes", "github-actions"].contains(&provider.name);
        for mint in &mints {
            let gateway = provider.gateway(&world, mint);
            let code = if taken.contains(&mint.alg) { "ok" } else { INVALID };
            let ended = gateway.bearer(provider.operation, &provider.token(mint, &[]));
            assert_eq!(ended.code(), code, "{} {:?}", provider.name, mint.alg);
        }
        let gateway = provider.gateway(&world, &mints[0]);
        for (typ, good) in [
            (None, true),
            (Some("JWT"), true),
            (Some("at+jwt"), !is_id),
            (Some("application/okta-internal-at+jwt"), false),
            (Some("dpop+jwt"), false),
            (Some("logout+jwt"), false),
            (Some("secevent+jwt"), false),
        ] {
            let token = mints[0].jws(&header(Alg::Rs256, typ), &provider.payload(&[]));
            let ended = gateway.bearer(provider.operation, &token);
            assert_eq!(ended.code(), if good { "ok" } else { INVALID }, "{} {typ:?}", provider.name);
        }
        // Whoever is in very many groups has a token that is not read at all.
        let many = format!("[{}]", ["\"8eaef023-2b34-4da1-9baa-8bc8c9d6a490\""; 450].join(","));
        let token = provider.token(&mints[0], &[("groups", many.as_str())]);
        assert_eq!(gateway.bearer(provider.operation, &token).code(), INVALID, "{}", provider.name);
    }
}
