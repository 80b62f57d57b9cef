//! Gateways that share their state at a real Redis, each with a store of its own: proofs, revocations and limits, and what holds while
//! the server is gone, stands still, has forgotten everything, or can be reached by one of them only.

use std::collections::BTreeMap;
use std::os::unix::net::UnixListener;
use std::sync::atomic::AtomicBool;

use aws_lc_rs::digest::{SHA256, digest};
use testkit::clock::Deadline;
use testkit::mint::base64url;
use testkit::{Alg, Mint, Redis};

use super::revocations::{Idp, ask, claims, ends_in_time, good, now, revoked};
use super::streams::sockets;
use super::*;

/// A house whose gateway shares its state at a socket.
fn sharing(idp: &Idp, service: &Service, socket: &Path, limits: &str) -> House {
    let house = idp.furnish(house(service, ""), service);
    let state = format!("state: {{ redis: {{ address: \"unix:{}\", timeout: 2s }} }}\n", socket.display());
    let document = house.read("yett.yaml").replace("apis:\n", &format!("{state}apis:\n"));
    house.write("yett.yaml", &format!("{document}{limits}"));
    house
}

fn shared_state(gateway: &Gateway) -> Value {
    ready(gateway)["state"].take()
}

/// Waits until the server can be used, or cannot, and what others revoked is known.
fn settles(gateway: &Gateway, ok: bool) -> Value {
    let settled = || Some(shared_state(gateway)).filter(|state| state["ok"] == json!(ok));
    until(30, settled).unwrap_or_else(|| panic!("{}", shared_state(gateway)))
}

/// Who holds a key, and a token that is bound to it.
pub(super) struct Holder {
    pub(super) key: Mint,
    pub(super) token: String,
    made: AtomicUsize,
}

impl Holder {
    pub(super) fn new(idp: &Idp) -> Self {
        let key = Mint::new(Alg::Es256, "holder");
        let public: BTreeMap<String, String> =
            serde_json::from_str(&format!("{{{}}}", key.public())).unwrap();
        // RFC 7638: the members in the order of their names, which a map has.
        let thumbprint = base64url(digest(&SHA256, serde_json::to_string(&public).unwrap().as_bytes()));
        let mut claims = claims("bound");
        claims["cnf"] = json!({ "jkt": thumbprint });
        Self { token: idp.token(&claims), key, made: AtomicUsize::new(0) }
    }

    /// A proof that was made so many seconds ago.
    fn proof(&self, ago: u64) -> String {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{{}}}}}"#, self.key.public());
        let claims = json!({
            "jti": format!("proof-{number}"), "htm": "GET", "htu": "http://api.example.com/notes", "iat": now() - ago,
            "ath": base64url(digest(&SHA256, self.token.as_bytes())),
        });
        self.key.jws(&header, &claims.to_string())
    }

    /// Status and code of a call with a proof.
    pub(super) fn show(&self, gateway: &Gateway, proof: &str) -> (u16, String) {
        let mut stream = std::net::TcpStream::connect(&gateway.url).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = format!(
            "GET /notes HTTP/1.1\r\nhost: api.example.com\r\nauthorization: DPoP {}\r\ndpop: {proof}\r\nconnection: close\r\n\r\n",
            self.token
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = text(&answer);
        let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next());
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), code.unwrap_or_default().to_owned())
    }

    /// Makes proofs until one is taken: what could have been used before the memory of the server began is not.
    fn is_taken(&self, gateway: &Gateway) {
        let taken = || Some(self.show(gateway, &self.proof(0))).filter(|answer| *answer == good());
        assert!(testkit::until_every(Duration::from_millis(100), 40, taken).is_some());
    }
}

fn used() -> (u16, String) {
    (401, String::from("proof_invalid"))
}

fn unchecked() -> (u16, String) {
    (503, String::from("proof_unchecked"))
}

#[test]
fn a_proof_is_good_once_over_two_gateways_and_never_while_nobody_can_tell() {
    let (service, idp) = (Service::start(), Idp::new());
    let mut redis = Redis::start();
    let houses = [0, 1].map(|_| {
        sharing(&idp, &service, &redis.path(), "    limits: [{ per: subject, quota: 100000/month }]\n")
    });
    let gateways = houses.each_ref().map(Gateway::start);
    gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
    let holder = Holder::new(&idp);
    // The memory began when they started: what may have been used before that is not taken.
    assert_eq!(holder.show(&gateways[0], &holder.proof(5)), unchecked());
    gateways.iter().for_each(|gateway| holder.is_taken(gateway));
    let (proof, other) = (holder.proof(0), holder.proof(0));
    let seen = service.count();
    assert_eq!(holder.show(&gateways[0], &proof), good());
    assert_eq!((holder.show(&gateways[1], &proof), holder.show(&gateways[0], &proof)), (used(), used()));
    assert_eq!((holder.show(&gateways[1], &other), holder.show(&gateways[0], &other)), (good(), used()));
    assert_eq!(service.count(), seen + 2, "what was refused went nowhere");

    // It is gone: proofs are refused, everything else is served, limits included.
    let bearer = idp.token(&claims("plain"));
    let before = holder.proof(0);
    redis.stop();
    for gateway in &gateways {
        let state = settles(gateway, false);
        assert_eq!(
            (&state["replays"], &state["revocations"]["current"]),
            (&json!("refused"), &state["revocations"]["current"])
        );
        assert!(state["fault"].is_string() && state["since"].is_u64(), "{state}");
        assert_eq!(ready(gateway)["degraded"], json!(true));
        assert_eq!(
            (ready(gateway)["ready"].clone(), gateway.metric("yett_state_up", "")),
            (json!(true), 0.0)
        );
        assert_eq!((holder.show(gateway, &holder.proof(0)), ask(gateway, &bearer)), (unchecked(), good()));
    }
    // It is back, with an empty memory: what was made before may have been used.
    redis.resume();
    gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
    assert_eq!(holder.show(&gateways[0], &before), unchecked());
    gateways.iter().for_each(|gateway| holder.is_taken(gateway));
    let proof = holder.proof(0);
    assert_eq!((holder.show(&gateways[1], &proof), holder.show(&gateways[0], &proof)), (good(), used()));
    assert_eq!(gateways[0].metric("yett_state_up", ""), 1.0);
    // It stands still, and goes on where it was.
    redis.signal("STOP");
    settles(&gateways[0], false);
    assert_eq!(
        (holder.show(&gateways[0], &holder.proof(0)), ask(&gateways[0], &bearer)),
        (unchecked(), good())
    );
    redis.signal("CONT");
    gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
    assert_eq!(
        (holder.show(&gateways[1], &proof), holder.show(&gateways[0], &holder.proof(0))),
        (used(), good())
    );
    // It begins again with what was on its disk: what was used since that was written is not known to be unused.
    redis.ask(&["SAVE"]);
    let proof = holder.proof(0);
    assert_eq!(holder.show(&gateways[0], &proof), good());
    redis.stop();
    gateways.iter().for_each(|gateway| drop(settles(gateway, false)));
    redis.resume();
    gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
    assert_eq!(holder.show(&gateways[1], &proof), unchecked());
    gateways.iter().for_each(|gateway| holder.is_taken(gateway));
    // It forgets.
    redis.ask(&["FLUSHALL"]);
    assert_eq!(holder.show(&gateways[0], &holder.proof(1)), unchecked());
}

#[test]
fn what_is_revoked_at_one_gateway_ends_at_another_with_a_store_of_its_own_within_a_second() {
    let (service, idp, mut redis) = (sockets(Arc::default()), Idp::new(), Redis::start());
    let [house, other] = [0, 1].map(|_| {
        let house = sharing(&idp, &service, &redis.path(), "");
        // Behind the settings of its operations.
        assert!(house.read("yett.yaml").contains("websocket"));
        house
    });
    let gateways = [Gateway::start(&house), Gateway::start(&other)];
    gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
    for kind in ["token", "subject", "session", "application", "digest"] {
        let told = (0..20).find_map(|number| ends_in_time((&idp, &house), &gateways, kind, number));
        assert_eq!(told, Some(true), "by {kind}");
    }
    // It lasts in the other's store, and both have the same.
    let list = |house: &House| {
        let all = as_json(&house.good(&["revocations", "list", "--json"]));
        let mut all: Vec<String> =
            all.as_array().unwrap().iter().map(|one| one["value"].to_string()).collect();
        all.sort();
        all
    };
    assert!(list(&house).len() >= 5);
    assert!(until(10, || (list(&house) == list(&other)).then_some(())).is_some());
    assert!(other.good(&["changes", "list"]).contains("gateways:state"));
    assert!(other.good(&["changes", "verify"]).contains("whole"));
    // While the server is gone only the own gateway knows; when it is back the other does, though its memory is empty.
    redis.stop();
    gateways.iter().for_each(|gateway| drop(settles(gateway, false)));
    let done = as_json(&house.good(&["revoke", "subject", "late", "--issuer", "corp", "--json"]));
    assert_eq!(shared_state(&gateways[0])["revocations"]["unsaid"], json!(true));
    assert!(!list(&other).iter().any(|value| value.contains("late")));
    redis.resume();
    assert!(until(30, || list(&other).iter().any(|value| value.contains("late")).then_some(())).is_some());
    settles(&gateways[0], true);
    // What is taken back while the server is gone is so at the other as soon as it is back, whatever that has kept.
    redis.stop();
    gateways.iter().for_each(|gateway| drop(settles(gateway, false)));
    house.good(&["revocations", "undo", done["id"].as_str().unwrap()]);
    assert_eq!(shared_state(&gateways[0])["revocations"]["unsaid"], json!(true));
    redis.resume();
    assert!(until(30, || (!list(&other).iter().any(|value| value.contains("late"))).then_some(())).is_some());
    gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
    assert!(until(10, || (list(&house) == list(&other)).then_some(())).is_some());
    let done = as_json(&house.good(&["revoke", "subject", "late", "--issuer", "corp", "--json"]));
    assert!(until(30, || list(&other).iter().any(|value| value.contains("late")).then_some(())).is_some());
    // Taken back at one, it is at the other.
    house.good(&["revocations", "undo", done["id"].as_str().unwrap()]);
    assert!(until(30, || (!list(&other).iter().any(|value| value.contains("late"))).then_some(())).is_some());
    settles(&gateways[0], true);
}

/// Calls of one caller at both in turn until neither lets one in any more; how many were let in.
fn pass(gateways: &[Gateway; 2], token: &str) -> usize {
    let (mut passed, mut refused) = (0, 0);
    while refused < 4 {
        for gateway in gateways {
            match ask(gateway, token) {
                (200, _) => (passed, refused) = (passed + 1, 0),
                (429, _) => refused += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    passed
}

#[test]
fn limits_hold_over_two_gateways_and_leave_little_over() {
    let (service, idp, redis) = (Service::start(), Idp::new(), Redis::start());
    let started = |limits: &str| {
        let houses = [0, 1]
            .map(|_| sharing(&idp, &service, &redis.path(), &format!("    limits: [{{ {limits} }}]\n")));
        let gateways = houses.each_ref().map(Gateway::start);
        gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
        (houses, gateways)
    };
    // Small ones are exact: each call asks.
    for (limits, most) in [("per: subject, quota: 7/month", 7), ("per: subject, rate: 3/day", 3)] {
        let (_houses, gateways) = started(limits);
        assert_eq!(pass(&gateways, &idp.token(&claims("few"))), most, "{limits}");
        let mut other = claims("other");
        other["sub"] = json!("bob");
        assert_eq!(ask(&gateways[0], &idp.token(&other)), good(), "another caller's");
    }
    let (_houses, gateways) = started("per: subject, rate: 1000/min");
    let clock = Deadline::seconds(3_600);
    let before = clock.left();
    let passed = pass(&gateways, &idp.token(&claims("many")));
    let passing = (before - clock.left()).as_secs_f64();
    let most = 1_000.0 + passing * 1_000.0 / 60.0 + 1.0;
    let passed = f64::from(u32::try_from(passed).unwrap());
    assert!(passed <= most && passed >= 0.95 * 1_000.0, "{passed} of {most} in {passing} s");
}

/// A way to the server that can be cut.
struct Wire {
    _folder: tempfile::TempDir,
    path: PathBuf,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<UnixStream>>>,
}

impl Wire {
    fn to(server: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let wire = Self { _folder: folder, path, cut: Arc::default(), open: Arc::default() };
        let (cut, open) = (Arc::clone(&wire.cut), Arc::clone(&wire.open));
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Ok(far) = UnixStream::connect(&server) else { continue };
                let mut kept = open.lock().unwrap();
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                kept.extend([near.try_clone().unwrap(), far.try_clone().unwrap()]);
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)]
                {
                    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                }
            }
        });
        wire
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::SeqCst);
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

#[test]
fn a_gateway_that_is_cut_off_says_so_refuses_what_it_cannot_know_and_catches_up() {
    let (service, idp, redis) = (Service::start(), Idp::new(), Redis::start());
    let wire = Wire::to(redis.path());
    let limits = "    limits: [{ per: subject, quota: 5/month }]\n";
    let near = sharing(&idp, &service, &redis.path(), limits);
    let far = sharing(&idp, &service, &wire.path, limits);
    let strict = sharing(&idp, &service, &wire.path, limits);
    strict.write(
        "yett.yaml",
        &strict.read("yett.yaml").replace("timeout: 2s", "timeout: 2s, limits_alone: refuse"),
    );
    let gateways = [&near, &far, &strict].map(Gateway::start);
    gateways.iter().for_each(|gateway| drop(settles(gateway, true)));
    let token = idp.token(&claims("gone"));
    assert_eq!(ask(&gateways[2], &token), good());
    wire.cut(true);
    gateways[1..].iter().for_each(|gateway| drop(settles(gateway, false)));
    let holder = Holder::new(&idp);
    assert_eq!(holder.show(&gateways[1], &holder.proof(0)), unchecked());
    // Each counts alone, or refuses and says why; the one that is not cut off counts on.
    assert_eq!(ask(&gateways[1], &token), good());
    assert_eq!(ask(&gateways[2], &token), (503, String::from("limit_unchecked")));
    assert_eq!(ask(&gateways[0], &token), good());
    near.good(&["revoke", "token", "--id", "gone", "--issuer", "corp"]);
    assert_eq!((ask(&gateways[0], &token), ask(&gateways[1], &token)), (revoked(), good()));
    wire.cut(false);
    for gateway in &gateways[1..] {
        settles(gateway, true);
        assert_eq!(ask(gateway, &token), revoked(), "nothing was missed");
    }
    assert_eq!(ask(&gateways[2], &idp.token(&claims("kept"))), good());
}
