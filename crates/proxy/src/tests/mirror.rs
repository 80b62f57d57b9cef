//! Copies of calls for a second upstream: the same call, once, in its share, and nobody waits for it.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use engine::bounds::{self, Bound};
use engine::upstream::{Mirror, Rewrites, Upstream, UpstreamHttp};
use engine::websocket::{Flow, Origins, Rules};
use engine::{BodyMode, Clock};
use http::HeaderName;
use testkit::{Answer, Fault, Recorded, Recorder, until};

use super::balance::{Farm, nowhere, target};
use super::refused::upstream as raw_two;

const GET: &str = "GET /v1/a?b=c HTTP/1.1\r\nhost: a\r\ncookie: d=e\r\nx-credential: f\r\n\r\n";
const POST: &str =
    "POST /v1/a HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi";

const HANDSHAKE: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A gateway before `main` that copies `share` of its calls to a mirror at `copies`.
fn farm(main: &Recorder, copies: SocketAddr, share: u8, change: impl FnOnce(&mut Upstream)) -> Farm {
    Farm::new(&[(main.address(), 1)], |upstream| {
        let mut mirror = Upstream::new("mirror", vec![target(copies, 1)], upstream.deadlines);
        change(&mut mirror);
        upstream.mirror = Some(Mirror { upstream: Arc::new(mirror), share });
    })
}

/// The calls that came, when there are so many.
fn came(recorder: &Recorder, count: usize) -> Vec<Recorded> {
    assert!(until(10, || (recorder.count() >= count).then_some(())).is_some(), "{}", recorder.count());
    let calls = recorder.calls();
    assert_eq!(calls.len(), count);
    calls
}

fn all_well(farm: &Farm, request: &str, count: usize) {
    assert!(farm.calls(request, count).iter().all(|reply| reply.status == 200 && reply.text() == "{}"));
}

#[test]
fn the_mirror_gets_the_call_that_the_upstream_gets_once() {
    let [main, mirror] = [Recorder::start(), Recorder::start()];
    mirror.answer(Answer::json(404, "nothing that a client could see").header("x-mirror", "1"));
    let farm = farm(&main, mirror.address(), 100, |_| {});
    for (number, request) in [GET, POST, GET, POST].into_iter().enumerate() {
        let reply = &farm.calls(request, 1)[0];
        assert_eq!((reply.status, reply.text().as_str(), reply.field("x-mirror")), (200, "{}", None));
        came(&mirror, number + 1);
    }
    let of = |calls: Vec<Recorded>| calls.into_iter().map(|call| (call.raw, call.body)).collect::<Vec<_>>();
    assert_eq!(of(came(&mirror, 4)), of(came(&main, 4)));
    // What came of them is told with the mirror's targets.
    let answered = || farm.states().iter().any(|state| state.upstream == "mirror" && state.counts.good == 4);
    assert!(until(10, || answered().then_some(())).is_some(), "{:?}", farm.states());
}

#[test]
fn each_of_the_two_has_its_own_rewrites() {
    let [main, mirror] = [Recorder::start(), Recorder::start()];
    let name = HeaderName::from_static;
    let farm = Farm::new(&[(main.address(), 1)], |upstream| {
        let secret = (name("x-key"), "of the upstream".parse().unwrap());
        upstream.headers = Rewrites { without: Box::new([name("x-key")]), set: Box::new([secret]) };
        let mut other = Upstream::new("mirror", vec![target(mirror.address(), 1)], upstream.deadlines);
        let without = Box::new([name("x-credential"), name("cookie")]);
        let marked = (name("x-mirror"), "1".parse().unwrap());
        other.headers = Rewrites { without, set: Box::new([marked]) };
        upstream.mirror = Some(Mirror { upstream: Arc::new(other), share: 100 });
    });
    all_well(&farm, GET, 1);
    let text = |recorder: &Recorder| String::from_utf8(came(recorder, 1)[0].raw.clone()).unwrap();
    let (main, mirror) = (text(&main), text(&mirror));
    for field in ["x-key:", "x-credential:", "cookie:"] {
        assert!(main.contains(field) && !mirror.contains(field), "{field}");
    }
    assert!(!main.contains("x-mirror:") && mirror.contains("x-mirror: 1"));
}

/// An address where connections come about and nothing is said.
fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn a_mirror_that_is_dead_ill_or_silent_changes_no_answer() {
    let main = Recorder::start();
    let (_kept, silence) = silent();
    let faults =
        [Fault::Reset(0), Fault::Close(20), Fault::Stall(30), Fault::Garbage(b"garbage\r\n\r\n".to_vec())];
    let ill = faults.map(|fault| {
        let recorder = Recorder::start();
        recorder.answer(Answer::json(200, "{}").fault(fault));
        recorder
    });
    let busy = Recorder::start();
    busy.answer(Answer::json(503, "{}"));
    let mirrors = ill.iter().map(Recorder::address).chain([nowhere(), silence, busy.address()]);
    for (number, address) in mirrors.enumerate() {
        let farm = farm(&main, address, 100, |_| {});
        all_well(&farm, GET, 5);
        all_well(&farm, POST, 5);
        let codes: Vec<_> = farm.world.tape.calls(10).iter().map(|call| call.code).collect();
        assert!(codes.iter().all(|code| code.is_empty()), "{number} {codes:?}");
        assert_eq!(main.count(), 10 * (number + 1), "nothing comes twice to the upstream");
    }
}

#[test]
fn a_dead_mirror_is_counted() {
    let main = Recorder::start();
    let farm = farm(&main, nowhere(), 100, |_| {});
    all_well(&farm, GET, 3);
    let dead = || farm.states().iter().any(|state| state.upstream == "mirror" && state.counts.dead == 3);
    assert!(until(10, || dead().then_some(())).is_some(), "{:?}", farm.states());
}

#[test]
fn the_share_is_kept_to_the_call() {
    let [main, mirror] = [Recorder::start(), Recorder::start()];
    let farm = farm(&main, mirror.address(), 25, |_| {});
    let mut client = farm.world.connect();
    for number in 1..=44 {
        client.send(GET.replace("b=c", &format!("n={number}")));
        assert_eq!(client.reply().status, 200);
    }
    let calls = came(&mirror, 11);
    let mut numbers: Vec<usize> =
        calls.iter().map(|call| call.target().rsplit('=').next().unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=11).map(|turn| turn * 4).collect::<Vec<_>>());
}

#[test]
fn copies_under_way_are_bounded() {
    let main = Recorder::start();
    let (silent, _) = raw_two(|_, _, _| {});
    let farm = farm(&main, silent, 100, |mirror| {
        mirror.http = UpstreamHttp::Two;
        // By a clock that stands still until it is moved on.
        mirror.deadlines.first_byte = Duration::from_millis(20);
    });
    let more = 7;
    all_well(&farm, POST, bounds::MIRRORED + more);
    let over = farm.world.tape.bounds().iter().filter(|bound| **bound == Bound::Mirror).count();
    assert_eq!(over, more);
    // The room comes back with their deadline.
    farm.clock.advance(farm.shape.deadlines.total);
    let again = || {
        let before = farm.world.tape.bounds().len();
        all_well(&farm, GET, 1);
        farm.world.tape.bounds().len() == before
    };
    assert!(until(10, || again().then_some(())).is_some(), "{:?}", farm.clock.now());
}

#[test]
fn a_long_answer_is_not_read_to_its_end() {
    let main = Recorder::start();
    for (length, taken) in [(bounds::MIRROR_ANSWER / 2, true), (bounds::MIRROR_ANSWER + 1, false)] {
        let mirror = Recorder::start();
        mirror.answer(Answer::json(200, vec![b' '; length]));
        let farm = farm(&main, mirror.address(), 100, |_| {});
        // Whether a copy comes on a connection of an earlier one, whose answer was read.
        let is_kept = || {
            let before = (mirror.connections(), mirror.count());
            all_well(&farm, GET, 1);
            came(&mirror, before.1 + 1);
            mirror.connections() == before.0
        };
        if taken {
            assert!(until(10, || is_kept().then_some(())).is_some());
        } else {
            assert!((0..4).all(|_| !is_kept()));
        }
    }
}

#[test]
fn what_is_not_there_whole_is_not_copied() {
    let [main, mirror] = [Recorder::start(), Recorder::start()];
    let mut farm = farm(&main, mirror.address(), 100, |_| {});
    farm.shape.request = BodyMode::Pass { limit: 1000 };
    farm.shape.websocket = Some(Arc::new(Rules {
        origins: Origins::Any,
        subprotocols: Box::default(),
        message: 1000,
        frame: 1000,
        flow: Flow { burst: 10, each: Duration::from_millis(1) },
        idle: Duration::from_secs(20),
        lifetime: Duration::from_secs(20),
    }));
    farm.world.plane.as_ref().unwrap().publish(&farm.shape.snapshot(&farm.world.live));
    // A body that passes, a WebSocket that the upstream does not go on with, and a call without a body.
    all_well(&farm, POST, 1);
    farm.world.call(HANDSHAKE);
    all_well(&farm, &POST.replace("content-length: 2\r\n\r\nhi", "content-length: 0\r\n\r\n"), 1);
    assert_eq!(came(&mirror, 1)[0].method(), "POST");
    assert!(came(&mirror, 1)[0].body.is_empty());
}
