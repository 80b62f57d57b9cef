//! A token of the gateway's own (RFC 6749 section 4.4): one for all, there before it is needed, and no call without one.

use std::time::Duration;

use super::{ENDPOINT, JSON, at, authorization, gateway, given, json};
use crate::security::kit::{Gateway, Reply, World};

const SECTION: &str = "{ credential: client_credentials, issuer: shop, scope: \"orders:serve\" }";
const UNAVAILABLE: &str = "identity_unavailable";

fn send(gateway: &Gateway) -> (&'static str, Vec<String>, bool) {
    let ended = gateway.send("open", "/v1/x", &[("authorization", "Bearer forged")]);
    (ended.code(), authorization(&ended), ended.waited)
}

fn passes(token: &str, waited: bool) -> (&'static str, Vec<String>, bool) {
    ("ok", vec![format!("Bearer {token}")], waited)
}

#[test]
fn one_token_serves_all_and_is_renewed_before_its_end() {
    let world = World::new();
    let asked = || world.net.asked(ENDPOINT);
    let (one, other) = (gateway(&world, "", SECTION), at(&world, "", SECTION, 1));
    let plain =
        |token: &str| json(given(&[("access_token", &format!("\"{token}\"")), ("issued_token_type", "")]));
    world.net.set(ENDPOINT, plain("first"));
    assert_eq!(send(&one), passes("first", true));
    let posted = world.net.posted.lock().unwrap().take().unwrap();
    assert_eq!(posted.body, "grant_type=client_credentials&scope=orders%3Aserve");
    let caller = other.bearer("read", &world.token(&[]));
    assert_eq!((caller.code(), authorization(&caller)), ("ok", vec![String::from("Bearer first")]));
    assert_eq!(asked(), 1);
    // 300 s less 10, of which a fifth is left: the next call asks, and goes on with what there is.
    world.net.set(ENDPOINT, plain("second"));
    world.clock.advance(Duration::from_secs(240));
    for gateway in [&one, &other] {
        assert_eq!(send(gateway), passes("first", false));
    }
    world.side.run();
    assert_eq!((send(&one), asked()), (passes("second", false), 2));
    // While nothing newer is to be had the old one goes on to its end, and no further.
    world.net.set(ENDPOINT, Reply::Fails);
    for _ in 0..28 {
        assert_eq!(send(&one), passes("second", false));
        world.side.run();
        world.clock.advance(Duration::from_secs(10));
    }
    world.clock.advance(Duration::from_secs(15));
    assert_eq!(send(&one).0, UNAVAILABLE);
    world.clock.advance(Duration::from_secs(30));
    world.net.set(ENDPOINT, plain("third"));
    assert_eq!(send(&one), passes("third", true));
}

#[test]
fn without_a_token_no_call_goes_on_and_the_issuer_is_left_alone() {
    let world = World::new();
    let one = gateway(&world, "", SECTION);
    let asked = || world.net.asked(ENDPOINT);
    let error = |status: u16, word: &str| Reply::Media(status, JSON, format!("{{\"error\":\"{word}\"}}"));
    let replies = [
        Reply::Fails,
        Reply::Never,
        Reply::Status(500),
        error(401, "invalid_client"),
        error(400, "invalid_grant"),
        json(given(&[("token_type", "\"mac\"")])),
        json(given(&[("expires_in", "0")])),
        json(given(&[("access_token", "\"a b\"")])),
        json(String::from("[]")),
    ];
    for (round, reply) in replies.into_iter().enumerate() {
        let before = asked();
        world.net.set(ENDPOINT, reply);
        for _ in 0..4 {
            let ended = one.send("open", "/v1/x", &[]);
            assert_eq!((ended.code(), authorization(&ended)), (UNAVAILABLE, vec![]), "{round}");
            let refusal = ended.refusal.unwrap();
            assert!(refusal.retry_after.is_some_and(|pause| pause >= Duration::from_secs(1)), "{round}");
        }
        assert_eq!(asked() - before, 1, "{round}");
        world.clock.advance(Duration::from_secs(31));
    }
    world.net.set(ENDPOINT, json(given(&[])));
    assert_eq!(send(&one), passes("for-the-service", true), "the twin of all of them");
}

#[test]
fn pauses_grow_to_half_a_minute() {
    let world = World::new();
    let one = gateway(&world, "", SECTION);
    world.net.set(ENDPOINT, Reply::Fails);
    let asked = || {
        assert_eq!(one.send("open", "/v1/x", &[]).code(), UNAVAILABLE);
        world.net.asked(ENDPOINT)
    };
    let mut expected = 1;
    assert_eq!(asked(), expected);
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        world.clock.advance(Duration::from_millis(pause * 1_000 - 60));
        assert_eq!(asked(), expected, "before {pause} s");
        world.clock.advance(Duration::from_millis(60));
        expected += 1;
        assert_eq!(asked(), expected, "after {pause} s");
    }
}
