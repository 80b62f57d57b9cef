use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use credentials::PasswordHash;
use engine::control::Cancel;
use engine::principal::CredentialKind;
use engine::{Tick, Verdict, bounds};

use super::checking::{Check, Checker, Found, Holder};
use super::presented::{Presented, presented};
use crate::scope::Assets;
use crate::security::kit::{Ended, Gateway, Setup, World, call};

const DOCUMENT: &str = r#"version: 1
listen: http://127.0.0.1:0
users:
  staff:
    passwords: staff.txt
    grants: { alice: { scopes: [read], roles: [clerk] }, "*": { roles: guest } }
  partners: { passwords: partners.txt, grants: { alice: {}, carol: { scopes: read } } }
apis:
  orders:
    contract: api.yaml
    upstream: http://127.0.0.1:1
    authentication:
      basic: { users: [staff] }
      both: { users: [staff, partners] }
      kept: { users: [staff], forward: true }
"#;

const CONTRACT: &str = r#"openapi: 3.1.0
info: { title: t, version: "1" }
components:
  securitySchemes:
    basic: { type: http, scheme: basic }
    both: { type: http, scheme: Basic }
    kept: { type: http, scheme: basic }
paths:
  /own: { get: { operationId: own, security: [{ basic: [read] }], responses: { "200": { description: ok } } } }
  /both: { get: { operationId: both, security: [{ both: [] }], responses: { "200": { description: ok } } } }
  /kept: { get: { operationId: kept, security: [{ kept: [] }], responses: { "200": { description: ok } } } }
  /either: { get: { operationId: either, security: [{ kept: [] }, { basic: [] }, {}], responses: { "200": { description: ok } } } }
"#;

/// Hashes of `alice's`, `bob's` and `other's`, made once: each costs a noticeable time.
fn hash(password: &str, salt: u8) -> String {
    PasswordHash::make(password.as_bytes(), &[salt; 16]).unwrap()
}

fn files() -> Assets {
    let staff = format!("alice:{}\nbob:{}\n", hash("alice's", 1), hash("bob's", 2));
    let partners =
        format!("alice:{}\ncarol:{}\ndan:{}\n", hash("other's", 3), hash("carol's", 4), hash("dan's", 5));
    Assets::from([
        ("staff.txt".to_owned(), staff.as_bytes().into()),
        ("partners.txt".to_owned(), partners.as_bytes().into()),
    ])
}

fn attach(world: &World, assets: &Assets) -> Gateway {
    let gateway = Setup { assets: assets.clone(), ..Setup::new(DOCUMENT, CONTRACT) }.attach(world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    gateway
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn send(gateway: &Gateway, operation: &str, user: &str, password: &str) -> Ended {
    gateway.send(operation, "/v1/x", &[("authorization", &basic(user, password))])
}

#[test]
fn who_knows_the_password_is_the_user() {
    let world = World::new();
    let gateway = attach(&world, &files());
    let good = send(&gateway, "own", "alice", "alice's");
    assert_eq!(good.code(), "ok");
    let principal = good.call.principal().unwrap();
    assert_eq!((&*principal.issuer, &*principal.subject), ("yett:users:staff", "alice"));
    assert_eq!(principal.credential, CredentialKind::Password);
    let roles: Vec<&str> = principal.roles.iter().map(|role| &**role).collect();
    assert_eq!(roles, ["clerk", "guest"]);
    let headers = good.call.request.headers;
    assert!(!headers.contains_key("authorization"), "it ends here");
    assert_eq!(
        headers.get("cache-control").unwrap(),
        "no-cache, no-store",
        "no cache can tell callers apart"
    );
    let kept = send(&gateway, "kept", "bob", "bob's").call.request.headers;
    assert!(kept.contains_key("authorization") && !kept.contains_key("cache-control"));
    for (operation, user, password, code) in [
        ("own", "alice", "alice'S", "password_invalid"),
        ("own", "Alice", "alice's", "password_invalid"),
        ("own", "alice", "bob's", "password_invalid"),
        ("own", "zoe", "alice's", "password_invalid"),
        ("own", "zoe", "bob's", "password_invalid"),
        ("own", "bob", "bob's", "insufficient_scope"),
        ("own", "carol", "carol's", "password_invalid"),
        ("both", "carol", "carol's", "ok"),
        ("both", "alice", "alice's", "ok"),
        ("both", "alice", "other's", "ok"),
        // In the file, and not let in.
        ("both", "dan", "dan's", "password_invalid"),
        ("either", "alice", "wrong", "password_invalid"),
        ("either", "alice", "alice's", "ok"),
    ] {
        let ended = send(&gateway, operation, user, password);
        assert_eq!(ended.code(), code, "{operation} {user} {password}");
        if code == "password_invalid" {
            assert_eq!(ended.challenge(), "Basic realm=\"orders\", charset=\"UTF-8\"");
            let detail = &ended.refusal.unwrap().detail;
            assert!(!detail.contains(password) && (user != "zoe" || !detail.contains(user)), "{detail}");
        }
    }
    assert_eq!(gateway.send("either", "/v1/x", &[]).code(), "ok");
    assert_eq!(gateway.send("own", "/v1/x", &[]).code(), "credential_missing");
    let of = |user| send(&gateway, "both", user, "other's").call.principal().unwrap().issuer.to_string();
    assert_eq!(of("alice"), "yett:users:partners");
}

#[test]
fn what_was_good_is_known_until_its_line_changes_or_minutes_have_passed() {
    let world = World::new();
    let (mut assets, first) = (files(), attach(&world, &files()));
    let suspect = |gateway: &Gateway| {
        let mut call = call(&world.clock, "/v1/x", &[("authorization", &basic("alice", "alice's"))]);
        call.suspect = Some(Duration::from_secs(1));
        // Where it passes it was known: nothing is checked for such an address.
        let ended = gateway.end("own", call);
        world.clock.advance(bounds::PASSWORD_GUESS_AGAIN);
        ended.call.principal().is_some()
    };
    assert!(!suspect(&first));
    assert_eq!(send(&first, "own", "alice", "alice's").code(), "ok");
    assert!(suspect(&first));
    // A line beside it changed, and it is another file.
    let text = String::from_utf8(assets["staff.txt"].to_vec()).unwrap();
    assets.insert("staff.txt".to_owned(), format!("{text}eve:{}\n", hash("eve's", 9)).as_bytes().into());
    assert!(suspect(&attach(&world, &assets)));
    // Its own did.
    let other = text.replace(&hash("alice's", 1), &hash("alice's", 7));
    assets.insert("staff.txt".to_owned(), other.as_bytes().into());
    let changed = attach(&world, &assets);
    assert!(!suspect(&changed));
    assert_eq!(send(&changed, "own", "alice", "alice's").code(), "ok");
    assert!(suspect(&changed) && suspect(&first), "each by its own line");
    world.clock.advance(bounds::PASSWORD_KNOWN_FOR);
    assert!(!suspect(&changed));
}

#[test]
fn an_address_that_has_failed_too_often_guesses_nothing() {
    let world = World::new();
    let gateway = attach(&world, &files());
    let passes = |user: &str, password: &str, from: &str, suspect: bool| {
        let mut call = call(&world.clock, "/v1/x", &[("authorization", &basic(user, password))]);
        call.client = from.parse().unwrap();
        call.suspect = suspect.then_some(Duration::from_secs(1));
        gateway.end("both", call).call.principal().is_some()
    };
    let (own, other) = ("198.51.100.1", "203.0.113.9");
    assert!(passes("alice", "alice's", own, false));
    // The right password is wrong from elsewhere, so that nothing is learnt by trying.
    assert!(!passes("alice", "alice's", other, true));
    assert!(passes("alice", "alice's", own, true));
    // Not even of who shares the address is more than one password in a while tried.
    assert!(!passes("alice", "wrong", own, true));
    assert!(!passes("alice", "alice's", own, true), "the name rests");
    assert!(passes("bob", "bob's", own, false) && passes("bob", "bob's", own, true), "and no other does");
    world.clock.advance(bounds::PASSWORD_GUESS_AGAIN);
    assert!(passes("alice", "alice's", own, true));
    // Whoever has it checked anew has proven it, and the latest few are remembered.
    for last in 1..=bounds::PASSWORD_HOLDERS {
        assert!(passes("alice", "alice's", &format!("192.0.2.{last}"), false));
    }
    assert!(passes("alice", "alice's", "192.0.2.1", true) && !passes("alice", "alice's", own, true));
}

#[test]
fn an_open_stream_ends_with_its_user_or_the_password() {
    let world = World::new();
    let assets = files();
    let gateway = attach(&world, &assets);
    let open = send(&gateway, "own", "alice", "alice's");
    let again = |assets: &Assets, ended: &Ended| {
        let mut copy = call(&world.clock, "/v1/x", &[]);
        copy.proofs = ended.call.proofs.clone();
        attach(&world, assets).end("own", copy).code()
    };
    assert_eq!(again(&assets, &open), "ok");
    let text = String::from_utf8(assets["staff.txt"].to_vec()).unwrap();
    for changed in [
        text.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>(),
        text.replace(&hash("alice's", 1), &hash("alice's", 7)),
    ] {
        let mut other = assets.clone();
        other.insert("staff.txt".to_owned(), changed.as_bytes().into());
        assert_eq!(again(&other, &open), "credential_missing", "{changed}");
    }
}

fn holder(address: &str) -> Holder {
    crate::address::bucket(address.parse().unwrap())
}

fn question(number: usize) -> [u8; 32] {
    let mut question = [0; 32];
    question[..8].copy_from_slice(&number.to_le_bytes());
    question
}

fn begin(checker: &Arc<Checker>, number: usize, address: &str) -> Check {
    match checker.find(question(number), holder(address), Tick(0)) {
        Found::Check(check) => check,
        other => panic!("{number}: {other:?}"),
    }
}

#[test]
fn one_checks_and_few_are_checked_at_one_time() {
    let world = World::new();
    let checker = Checker::of(&world.core(0));
    let first = begin(&checker, 1, "192.0.2.1");
    let Found::Asked(flight) = checker.find(question(1), holder("192.0.2.9"), Tick(0)) else {
        panic!("twice")
    };
    let mut more: Vec<Check> =
        (2..=bounds::PASSWORDS_OF_ONE).map(|number| begin(&checker, number, "192.0.2.1")).collect();
    assert!(matches!(checker.find(question(50), holder("192.0.2.1"), Tick(0)), Found::Busy), "of one");
    for number in bounds::PASSWORDS_OF_ONE + 1..=bounds::PASSWORDS_CHECKED {
        let address = format!("192.0.3.{number}");
        more.push(begin(&checker, number, &address));
        let second = checker.find(question(100 + number), holder(&address), Tick(0));
        // The half that is left is for those who hold none.
        let half = number >= bounds::PASSWORDS_CHECKED / 2;
        assert_eq!(matches!(second, Found::Busy), half, "{number}");
    }
    assert!(matches!(checker.find(question(51), holder("192.0.4.1"), Tick(0)), Found::Busy), "of all");
    // One that comes to nothing gives its place back, and says so.
    drop(first);
    assert_eq!(flight.outcome(), None);
    drop(begin(&checker, 52, "192.0.4.1"));
    drop(more);
    drop(begin(&checker, 1, "192.0.2.1"));
}

#[test]
fn what_nobody_waited_for_is_not_remembered() {
    let world = World::new();
    let checker = Checker::of(&world.core(0));
    let right = Arc::new(PasswordHash::parse(&hash("alice's", 1)).unwrap());
    let clock: Arc<dyn engine::Clock> = Arc::new(world.clock.clone());
    let request = call(&world.clock, "/v1/x", &[("authorization", &basic("alice", "alice's"))]).request;
    let ends = |number: usize, cancel: &Cancel| {
        let Presented::Pair(pair) = presented(&request) else { panic!("no pair") };
        let check = begin(&checker, number, "192.0.2.1");
        let (flight, job) =
            (check.flight(), check.job(pair, vec![(Arc::clone(&right), true)], Arc::clone(&clock)));
        assert!(matches!((job.run)(cancel), Verdict::Allow));
        assert!(flight.outcome().is_some_and(|matched| matched.has(0)), "another may wait for it");
        checker.proven_by(&question(number), &number.to_string(), holder("192.0.2.1"), clock.now()).is_some()
    };
    let gone = Cancel::default();
    gone.cancel();
    assert!(!ends(1, &gone), "a right guess");
    world.clock.advance(bounds::PASSWORD_GUESS_AGAIN);
    assert!(ends(1, &Cancel::default()));
}

#[test]
fn what_is_wrong_is_not_remembered() {
    let world = World::new();
    let checker = Checker::of(&world.core(0));
    let request = call(&world.clock, "/v1/x", &[("authorization", &basic("alice", "wrong"))]).request;
    let line = (Arc::new(PasswordHash::of_nobody()), true);
    let Presented::Pair(pair) = presented(&request) else { panic!("no pair") };
    let clock = Arc::new(world.clock);
    let check = begin(&checker, 1, "192.0.2.1");
    let (flight, job) = (check.flight(), check.job(pair, vec![line], clock));
    assert!(matches!((job.run)(&Cancel::default()), Verdict::Allow));
    assert!(flight.outcome().is_some_and(|matched| matched.is_empty()));
    assert_eq!(checker.proven_by(&question(1), "1", holder("192.0.2.1"), Tick(0)), None);
    drop(begin(&checker, 1, "192.0.2.1"));
    // The same name always finds the same line, whatever it is.
    assert_eq!(checker.choose(b"alice", 5), checker.choose(b"alice", 5));
    assert_eq!((checker.choose(b"alice", 1), checker.choose(b"alice", 0)), (Some(0), None));
}

#[test]
fn what_a_proxy_says_of_the_way_before_it_counts() {
    let world = World::new();
    let gateway = attach(&world, &files());
    let own = basic("alice", "alice's");
    for (trusted, name, said, code) in [
        (true, "x-forwarded-proto", "https", "ok"),
        (true, "x-forwarded-proto", "http", "credential_missing"),
        (true, "x-forwarded-proto", "https, http", "credential_missing"),
        (true, "forwarded", "for=192.0.2.7;proto=http", "credential_missing"),
        (true, "forwarded", "for=192.0.2.7;proto=https", "ok"),
        (true, "x-other", "http", "ok"),
        // Whoever is not believed says nothing.
        (false, "x-forwarded-proto", "http", "ok"),
    ] {
        let mut call = call(&world.clock, "/v1/x", &[("authorization", &own), (name, said)]);
        call.trusted = trusted;
        let ended = gateway.end("own", call);
        assert_eq!(ended.code(), code, "{trusted} {name} {said}");
        // Nobody is asked for a password who would send it in clear.
        assert!(ended.refusal.is_none() || ended.challenge().starts_with("BasicOverTls realm=\"orders\""));
    }
    let fields = [("x-forwarded-proto", "http")];
    for (trusted, asked) in [(true, "BasicOverTls realm="), (false, "Basic realm=")] {
        let mut call = call(&world.clock, "/v1/x", &fields);
        call.trusted = trusted;
        let ended = gateway.end("own", call);
        assert!(ended.code() == "credential_missing" && ended.challenge().starts_with(asked), "{ended:?}");
    }
}
