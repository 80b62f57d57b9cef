//! One provider for many tenants: who is let in, by whose keys, and who they are.

use testkit::{Alg, Mint};

use super::holder::changed;
use super::presets::{gateway, keys};
use crate::security::kit::{Gateway, NOW, Reply, World, discovery};

const HOST: &str = "https://login.microsoftonline.com";
const COMMON: &str = "https://login.microsoftonline.com/common/discovery/v2.0/keys";
const INVALID: &str = "token_invalid";

fn issuer(more: &str) -> String {
    format!("preset: entra-v2, url: \"{HOST}/{{tid}}/v2.0\", tenants: [t1, t2]{more}")
}

fn iss(tenant: &str) -> String {
    format!("{HOST}/{tenant}/v2.0")
}

/// A token of a tenant, with changes.
fn token(mint: &Mint, tenant: &str, changes: &[(&str, &str)]) -> String {
    let members = [
        ("iss", format!("\"{}\"", iss(tenant))),
        ("sub", "\"same\"".to_owned()),
        ("aud", "\"api\"".to_owned()),
        ("exp", (NOW + 600).to_string()),
        ("ver", "\"2.0\"".to_owned()),
        ("tid", format!("\"{tenant}\"")),
        ("azp", "\"app\"".to_owned()),
        ("scp", "\"orders:read\"".to_owned()),
    ];
    let header = format!("{{\"alg\":\"RS256\",\"kid\":\"{}\",\"typ\":\"JWT\"}}", mint.kid);
    mint.jws(&header, &changed(&members, changes))
}

/// The tenants' keys, each at its own place.
fn apart(world: &World, mints: &[(&str, &Mint)]) -> Gateway {
    for (tenant, mint) in mints {
        let place = format!("{HOST}/{tenant}/discovery/v2.0/keys");
        let metadata = format!("{}/.well-known/openid-configuration", iss(tenant));
        world.net.set(&metadata, Reply::Json(discovery(&iss(tenant), &place)));
        world.net.set(&place, Reply::Json(keys(&[mint.jwk()])));
    }
    gateway(world, &issuer(""), "api", "")
}

#[test]
fn a_tenant_is_let_in_by_its_own_issuer_claim_and_key() {
    let world = World::new();
    let (one, two) = (Mint::new(Alg::Rs256, "k1"), Mint::new(Alg::Rs256, "k2"));
    let gateway = apart(&world, &[("t1", &one), ("t2", &two), ("t3", &one)]);
    // What is wrong, the hostile token, its twin.
    let rows: Vec<(&str, String, String)> = vec![
        ("a tenant that is not listed", token(&one, "t3", &[]), token(&one, "t1", &[])),
        ("another tenant's claim", token(&one, "t1", &[("tid", "\"t2\"")]), token(&two, "t2", &[])),
        ("a claim of a stranger", token(&one, "t1", &[("tid", "\"t3\"")]), token(&one, "t1", &[])),
        ("no claim", token(&one, "t1", &[("tid", "")]), token(&one, "t1", &[])),
        ("tenants in a list", token(&one, "t1", &[("tid", "[\"t1\"]")]), token(&one, "t1", &[])),
        ("a tenant in another case", token(&one, "T1", &[]), token(&one, "t1", &[])),
        ("every tenant", token(&one, "common", &[("tid", "\"t1\"")]), token(&one, "t1", &[])),
        ("the place of the tenant", token(&one, "{tid}", &[("tid", "\"t1\"")]), token(&one, "t1", &[])),
        ("any tenant", token(&one, "*", &[("tid", "\"t1\"")]), token(&one, "t1", &[])),
        ("a tenant below another", token(&one, "t1/v2.0/t2", &[("tid", "\"t1\"")]), token(&one, "t1", &[])),
        ("no tenant", token(&one, "", &[("tid", "\"t1\"")]), token(&one, "t1", &[])),
        ("the key of the other tenant", token(&two, "t1", &[]), token(&two, "t2", &[])),
        ("and the other way round", token(&one, "t2", &[]), token(&one, "t1", &[])),
        (
            "the issuer of version 1.0",
            token(&one, "t1", &[("iss", "\"https://sts.windows.net/t1/\"")]),
            token(&one, "t1", &[]),
        ),
    ];
    assert_eq!(rows.len(), 14);
    for round in ["first", "remembered"] {
        for (what, hostile, twin) in &rows {
            let refused = gateway.bearer("read", hostile);
            assert_eq!(refused.code(), INVALID, "{round}: {what}: {:?}", refused.refusal);
            assert_eq!(gateway.bearer("read", twin).code(), "ok", "{round}: twin of {what}");
        }
    }
    assert_eq!(
        world.net.asked(&format!("{HOST}/t3/discovery/v2.0/keys")),
        0,
        "strangers' keys are not fetched"
    );
}

#[test]
fn who_is_called_alike_at_two_tenants_is_two() {
    let world = World::new();
    let (one, two) = (Mint::new(Alg::Rs256, "k1"), Mint::new(Alg::Rs256, "k2"));
    let gateway = apart(&world, &[("t1", &one), ("t2", &two)]);
    let who = |token: &str| {
        let ended = gateway.bearer("read", token);
        let principal = ended.call.principal().unwrap();
        (principal.issuer.to_string(), principal.subject.to_string())
    };
    assert_eq!(who(&token(&one, "t1", &[])), (iss("t1"), "same".to_owned()));
    assert_eq!(who(&token(&two, "t2", &[])), (iss("t2"), "same".to_owned()));
}

#[test]
fn of_keys_for_all_tenants_each_is_used_for_whom_it_is() {
    let (world, all) = (World::new(), Mint::new(Alg::Rs256, "all"));
    let (own, bare) = (Mint::new(Alg::Rs256, "own"), Mint::new(Alg::Rs256, "bare"));
    let of = |mint: &Mint, named: &str| {
        let jwk = mint.jwk();
        if named.is_empty() { jwk } else { jwk.replacen('{', &format!("{{\"issuer\":\"{named}\","), 1) }
    };
    let set = [of(&all, &iss("{tenantid}")), of(&own, &iss("t2")), of(&bare, "")];
    world.net.set(COMMON, Reply::Json(keys(&set)));
    let gateway = gateway(&world, &issuer(&format!(", jwks: \"{COMMON}\"")), "api", "");
    let rows = [
        (&all, "t1", "ok"),
        (&all, "t2", "ok"),
        (&all, "t3", INVALID),
        (&own, "t2", "ok"),
        (&own, "t1", INVALID),
        (&bare, "t1", "ok"),
        (&bare, "t3", INVALID),
    ];
    assert_eq!(rows.iter().filter(|(.., code)| *code != "ok").count(), 3);
    for (mint, tenant, code) in rows {
        let ended = gateway.bearer("read", &token(mint, tenant, &[]));
        assert_eq!(ended.code(), code, "{} {tenant}: {:?}", mint.kid, ended.refusal);
    }
    // A tenant whose only key is another's has none.
    world.net.set(COMMON, Reply::Json(keys(&set[1..2])));
    world.pass(std::time::Duration::from_secs(400));
    assert_eq!(gateway.bearer("read", &token(&own, "t2", &[])).code(), "ok");
    assert_eq!(gateway.bearer("read", &token(&all, "t1", &[])).code(), "issuer_unavailable");
}
