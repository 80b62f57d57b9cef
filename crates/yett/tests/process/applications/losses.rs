//! What a kill in the middle and a disk without room leave of what is revoked, taken back, suspended and resumed.

use std::collections::BTreeMap;

use super::revocations::{Idp, ask as present, claims, good, revoked};
use super::*;

/// What is known of a token to who revoked it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Revoked,
    /// Something was asked for, and nothing came back.
    Open,
    TakenBack,
}

/// What four who ask, and one who asks of an application, know.
#[derive(Debug, Default)]
struct Told {
    acknowledged: AtomicUsize,
    made: AtomicUsize,
    tokens: Mutex<BTreeMap<String, Word>>,
    /// Whether the application is suspended; `None` while that is asked for.
    suspended: Mutex<Option<bool>>,
}

impl Told {
    fn set(&self, id: &str, word: Word) {
        self.tokens.lock().unwrap().insert(id.to_owned(), word);
        if word != Word::Open {
            self.acknowledged.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn count(&self, wanted: Word) -> usize {
        self.tokens.lock().unwrap().values().filter(|word| **word == wanted).count()
    }

    /// Revokes tokens by their ids, and takes every other one back, until the gateway is gone.
    fn revoke(&self, socket: &Path) {
        loop {
            let number = self.made.fetch_add(1, Ordering::SeqCst);
            let id = format!("t{number}");
            self.set(&id, Word::Open);
            let body = json!({ "kind": "token", "issuer": "corp", "value": id }).to_string();
            let Some((status, made)) = exchange(socket, "POST", "/v1/revocations", &body) else { return };
            assert!([200, 201].contains(&status), "{made}");
            self.set(&id, Word::Revoked);
            if number.is_multiple_of(2) {
                continue;
            }
            self.set(&id, Word::Open);
            let path = format!("/v1/revocations/{}", made["id"].as_str().unwrap());
            let Some((status, done)) = exchange(socket, "DELETE", &path, "") else { return };
            assert_eq!(status, 200, "{done}");
            self.set(&id, Word::TakenBack);
        }
    }

    /// Suspends the application and resumes it, until the gateway is gone.
    fn suspend(&self, socket: &Path, mut suspended: bool) {
        loop {
            let what = if suspended { "resume" } else { "suspend" };
            *self.suspended.lock().unwrap() = None;
            let Some((status, done)) = ask(socket, &format!("/v1/applications/shop/{what}"), "") else {
                return;
            };
            assert_eq!(status, 200, "{done}");
            suspended = !suspended;
            *self.suspended.lock().unwrap() = Some(suspended);
        }
    }
}

/// Whether the application is suspended, as the gateway says.
fn is_suspended(house: &House) -> bool {
    as_json(&house.good(&["app", "show", "shop", "--json"]))["application"]["status"] == "suspended"
}

#[test]
fn a_kill_in_the_middle_of_revoking_loses_no_word_of_it() {
    let (service, server, idp) = (Service::start(), Postgres::start(), Idp::new());
    for house in [house(&service, ""), shared(&service, &server.database("words"))] {
        let house = idp.furnish(house, &service);
        let told: Arc<Told> = Arc::default();
        let mut gateway = Gateway::start(&house);
        house.good(&["app", "create", "shop", "--owner", "me"]);
        for round in 1..=4 {
            let socket = house.path("data/yett.sock");
            let mut workers: Vec<_> = (0..4)
                .map(|_| {
                    let (told, socket) = (Arc::clone(&told), socket.clone());
                    std::thread::spawn(move || told.revoke(&socket))
                })
                .collect();
            let (own, suspended) = (Arc::clone(&told), is_suspended(&house));
            workers.push(std::thread::spawn(move || own.suspend(&socket, suspended)));
            let enough = || told.acknowledged.load(Ordering::SeqCst) >= 15 * round;
            assert!(until(60, || enough().then_some(())).is_some(), "{told:?}");
            gateway.kill();
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            gateway = Gateway::start(&house);
            for (id, word) in told.tokens.lock().unwrap().iter() {
                let found = present(&gateway, &idp.token(&claims(id)));
                let expected = match word {
                    Word::Revoked => found == revoked(),
                    Word::TakenBack => found == good(),
                    Word::Open => found == revoked() || found == good(),
                };
                assert!(expected, "{id} is {word:?}: {found:?}");
            }
            let known = *told.suspended.lock().unwrap();
            assert!(known.is_none_or(|known| known == is_suspended(&house)), "{known:?}");
            let report = house.good(&["changes", "verify"]);
            assert!(report.contains("whole"), "{report}");
        }
        assert!(told.count(Word::Revoked) > 10 && told.count(Word::TakenBack) > 5, "{told:?}");
    }
}

/// Lets a server refuse every change as it does when its disk has no room: by this code (`disk_full`, 53100) and in these words. To fill the
/// disk itself would take that of the tests.
fn fill(server: &Postgres, database: &str) {
    server.query(
        database,
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', \
         MESSAGE = 'could not extend file \"base/16384/16385\": No space left on device'; END $$; \
         CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON yett_audit FOR EACH ROW EXECUTE FUNCTION no_room(); \
         CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON yett_api_keys FOR EACH ROW EXECUTE FUNCTION no_room()",
    );
}

fn make_room(server: &Postgres, database: &str) {
    server.query(database, "DROP FUNCTION no_room() CASCADE");
}

#[test]
fn a_full_disk_of_the_server_refuses_changes_and_no_calls() {
    let (service, server, idp) = (Service::start(), Postgres::start(), Idp::new());
    let house = shared(&service, &server.database("keys"));
    let gateway = Gateway::start(&house);
    house.good(&["app", "create", "shop", "--owner", "me"]);
    let own = key(&house, &["create", "shop", "--scope", "notes:read"]);
    assert_eq!(call(&gateway, &own), 200);
    fill(&server, "keys");
    for arguments in [
        vec!["app", "create", "other", "--owner", "me"],
        vec!["app", "suspend", "shop"],
        vec!["key", "create", "shop", "--scope", "notes:read"],
        vec!["key", "rotate", id(&own), "--overlap", "0s"],
        vec!["key", "revoke", id(&own)],
    ] {
        let told = house.bad(&arguments);
        assert!(told.contains("no room left") && told.contains("nothing was changed"), "{told}");
        assert_eq!(ready(&gateway)["store"]["ok"], json!(false), "{arguments:?}");
        assert_eq!(
            (call(&gateway, &own), call(&gateway, "yett_x")),
            (200, 401),
            "{arguments:?}: calls go on"
        );
    }
    assert_eq!(gateway.metric("yett_store_up", "").to_string(), "0");
    assert!(house.bad(&["app", "show", "other"]).contains("app list"));
    assert_eq!(as_json(&house.good(&["key", "list", "--json"])).as_array().unwrap().len(), 1);
    assert!(house.good(&["changes", "verify"]).contains("whole: 2 changes"));
    make_room(&server, "keys");
    house.good(&["key", "revoke", id(&own)]);
    assert_eq!(call(&gateway, &own), 401);
    assert_eq!(ready(&gateway)["store"]["ok"], json!(true));
    drop(gateway);

    // The same of what is revoked of others' tokens.
    let house = idp.furnish(shared(&service, &server.database("words")), &service);
    let gateway = Gateway::start(&house);
    let token = idp.token(&claims("a1"));
    assert_eq!(present(&gateway, &token), good());
    fill(&server, "words");
    let revoke = ["revoke", "subject", "alice", "--issuer", "corp"];
    let told = house.bad(&revoke);
    assert!(told.contains("no room left") && told.contains("nothing was changed"), "{told}");
    assert_eq!(present(&gateway, &token), good(), "what was refused has no effect");
    make_room(&server, "words");
    house.good(&revoke);
    assert_eq!(present(&gateway, &token), revoked());
}
