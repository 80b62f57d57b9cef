//! Active health checks, with a clock that stands still between them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::BoxFuture;
use engine::fetch::Spawn;
use engine::snapshot::ListenerTls;
use engine::upstream::{HealthCheck, Trust, Upstream, UpstreamHttp};
use testkit::{Answer, Fault, Recorded, Recorder, until};

use super::balance::Farm;
use super::world::{Backend, OK, Reply, Shape, World};

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const EVERY: Duration = Duration::from_secs(5);

/// The side runtime, on a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Side {
    handle: tokio::runtime::Handle,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Side {
    pub(crate) fn start() -> Arc<dyn Spawn> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(stopped).is_ok());
        Arc::new(Self { handle, _stop: stop })
    }
}

impl Spawn for Side {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.handle.spawn(task);
    }
}

fn is_check(call: &Recorded) -> bool {
    call.target() == "/healthz"
}

/// A target whose checks go as told; its calls are always answered.
struct Patient {
    recorder: Recorder,
    ill: Arc<AtomicBool>,
}

impl Patient {
    fn new(ill: Answer) -> Self {
        let flag = Arc::new(AtomicBool::new(false));
        let is_ill = Arc::clone(&flag);
        let recorder = Recorder::scripted(move |call| {
            if is_check(call) && is_ill.load(Ordering::SeqCst) {
                ill.clone()
            } else {
                Answer::json(200, "{}")
            }
        });
        Self { recorder, ill: flag }
    }

    fn address(&self) -> SocketAddr {
        self.recorder.address()
    }

    fn checks(&self) -> usize {
        self.recorder.calls().iter().filter(|call| is_check(call)).count()
    }

    fn calls(&self) -> usize {
        self.recorder.count() - self.checks()
    }
}

fn checked(upstream: &mut Upstream) {
    upstream.health = Some(HealthCheck {
        path: "/healthz".into(),
        every: EVERY,
        // Far longer than checks of this machine take while the clock moves a second at a time.
        timeout: Duration::from_secs(60),
        down_after: 3,
        up_after: 2,
    });
}

fn farm(patients: &[&Patient], change: impl FnOnce(&mut Upstream)) -> Farm {
    let targets: Vec<(SocketAddr, u32)> = patients.iter().map(|patient| (patient.address(), 1)).collect();
    let side = Side::start();
    Farm::started(
        &targets,
        |upstream| {
            checked(upstream);
            change(upstream);
        },
        |shape, clock| World::at(shape, Arc::new(clock.clone()), side),
    )
}

/// Lets checks happen, one after another, until there is something to see.
fn after_checks(farm: &Farm, see: impl Fn() -> bool) -> bool {
    until(20, || {
        farm.clock.advance(Duration::from_secs(1));
        see().then_some(())
    })
    .is_some()
}

fn all_well(replies: &[Reply]) {
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
}

#[test]
fn a_target_that_fails_its_checks_gets_no_calls_until_it_passes_them() {
    let (ill, well) = (Patient::new(Answer::json(503, "{}")), Patient::new(Answer::json(503, "{}")));
    let farm = farm(&[&ill, &well], |_| {});
    assert!(
        until(10, || (ill.checks() == 1 && well.checks() == 1).then_some(())).is_some(),
        "at once, and once"
    );
    all_well(&farm.calls(GET, 4));
    assert_eq!((ill.calls(), well.calls()), (2, 2));
    ill.ill.store(true, Ordering::SeqCst);
    assert!(after_checks(&farm, || !farm.is_up(ill.address())));
    assert!(ill.checks() >= 4, "three failures in a row");
    all_well(&farm.calls(GET, 10));
    assert_eq!((ill.calls(), well.calls()), (2, 12));
    // When all are down all are asked: better an ill target than none.
    well.ill.store(true, Ordering::SeqCst);
    assert!(after_checks(&farm, || !farm.is_up(well.address())));
    all_well(&farm.calls(GET, 4));
    well.ill.store(false, Ordering::SeqCst);
    assert!(after_checks(&farm, || farm.is_up(well.address())));
    ill.ill.store(false, Ordering::SeqCst);
    assert!(after_checks(&farm, || farm.is_up(ill.address())));
    let before = ill.calls();
    all_well(&farm.calls(GET, 20));
    assert!(ill.calls() > before);
    let head = String::from_utf8(ill.recorder.calls()[0].raw.clone()).unwrap();
    assert!(head.starts_with("GET /healthz HTTP/1.1\r\nhost: orders.internal\r\n"), "{head}");
    assert!(ill.recorder.faults().is_empty() && head.contains("connection: close"));
}

#[test]
fn whatever_is_no_good_answer_is_a_failed_check() {
    let ok = Answer::json(200, "{}");
    let faults = [
        Fault::Reset(0),
        Fault::Close(0),
        Fault::Close(20),
        Fault::Stall(0),
        Fault::Stall(9),
        Fault::Garbage(b"HTTP/0.9 200\r\n\r\n".to_vec()),
        Fault::Garbage([b'x'; 70_000].to_vec()),
    ];
    for fault in faults {
        let patient = Patient::new(ok.clone().fault(fault.clone()));
        let other = Patient::new(ok.clone());
        let farm = farm(&[&patient, &other], |_| {});
        assert!(until(10, || (patient.checks() == 1).then_some(())).is_some());
        assert!(farm.is_up(patient.address()));
        patient.ill.store(true, Ordering::SeqCst);
        assert!(after_checks(&farm, || !farm.is_up(patient.address())), "{fault:?}");
        assert!(farm.is_up(other.address()));
    }
    // What comes before the answer, and an answer that is cut off behind its head, is none of the checks' business.
    for fault in [Fault::Before(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()), Fault::Claim(100)] {
        let patient = Patient::new(ok.clone().fault(fault));
        patient.ill.store(true, Ordering::SeqCst);
        let farm = farm(&[&patient], |_| {});
        assert!(after_checks(&farm, || patient.checks() >= 6));
        assert!(farm.is_up(patient.address()));
    }
}

#[test]
fn nobody_at_all_is_down_before_a_call_comes() {
    let well = Patient::new(Answer::json(503, "{}"));
    let dead = super::balance::nowhere();
    let side = Side::start();
    let farm = Farm::started(&[(dead, 1), (well.address(), 1)], checked, |shape, clock| {
        World::at(shape, Arc::new(clock.clone()), side)
    });
    assert!(after_checks(&farm, || !farm.is_up(dead)));
    all_well(&farm.calls(GET, 4));
    let state = farm.states().into_iter().find(|state| state.target.ends_with(&dead.to_string())).unwrap();
    assert_eq!(state.counts.dead, 0, "no call had to find out");
}

#[test]
fn checks_end_with_their_settings_and_what_they_found_does_too() {
    let patient = Patient::new(Answer::json(503, "{}"));
    let other = Patient::new(Answer::json(503, "{}"));
    let mut farm = farm(&[&patient, &other], |_| {});
    patient.ill.store(true, Ordering::SeqCst);
    assert!(after_checks(&farm, || !farm.is_up(patient.address())));
    let targets = [(patient.address(), 1), (other.address(), 1)];
    farm.reload(&targets, checked);
    assert!(!farm.is_up(patient.address()), "the same settings know the same");
    farm.reload(&targets, |_| {});
    assert!(farm.is_up(patient.address()));
    let stopped = || {
        let before = patient.checks();
        for _ in 0..5 {
            farm.clock.advance(EVERY);
            all_well(&farm.calls(GET, 2));
        }
        (patient.checks() == before).then_some(())
    };
    assert!(until(20, stopped).is_some());
}

/// A gateway as the target, which speaks both versions of HTTP, in clear text and over TLS.
fn other(tls: Option<Arc<ListenerTls>>) -> (Backend, World) {
    let backend = Backend::answering(OK);
    let mut shape = Shape::to(backend.address);
    shape.tls = tls;
    let world = World::start(&shape);
    (backend, world)
}

#[test]
fn targets_of_http_2_are_checked_by_it() {
    let (backend, world) = other(None);
    let of = |address: SocketAddr, path: &str| {
        let side = Side::start();
        let change = |upstream: &mut Upstream| {
            checked(upstream);
            upstream.http = UpstreamHttp::Two;
            upstream.health.as_mut().unwrap().path = path.into();
        };
        Farm::started(&[(address, 1)], change, |shape, clock| World::at(shape, Arc::new(clock.clone()), side))
    };
    let good = of(world.address, "/v1/healthz");
    assert!(after_checks(&good, || backend.requests().len() >= 6) && good.is_up(world.address));
    let unknown = of(world.address, "/nothing");
    assert!(after_checks(&unknown, || !unknown.is_up(world.address)), "404 is not well");
    // One that speaks HTTP/1 only.
    let recorder = Recorder::start();
    let bad = of(recorder.address(), "/v1/healthz");
    assert!(after_checks(&bad, || !bad.is_up(recorder.address())));
    assert!(recorder.bytes().starts_with(b"PRI * HTTP/2.0"));
}

#[test]
fn checks_trust_whom_calls_trust() {
    let (own, root) = super::two::identity();
    let (backend, world) = other(Some(own));
    let of = |roots: Vec<Vec<u8>>, http: UpstreamHttp| {
        let side = Side::start();
        let change = |upstream: &mut Upstream| {
            checked(upstream);
            upstream.health.as_mut().unwrap().path = "/v1/healthz".into();
            upstream.http = http;
            upstream.targets[0].tls = true;
            upstream.targets[0].host = "localhost".into();
            upstream.targets[0].authority = http::HeaderValue::from_static("localhost");
            upstream.trust = Arc::new(Trust { roots, ..Trust::default() });
        };
        Farm::started(&[(world.address, 1)], change, |shape, clock| {
            World::at(shape, Arc::new(clock.clone()), side)
        })
    };
    for http in [UpstreamHttp::Auto, UpstreamHttp::One, UpstreamHttp::Two] {
        let before = backend.requests().len();
        let good = of(vec![root.clone()], http);
        assert!(after_checks(&good, || backend.requests().len() >= before + 6), "{http:?}");
        assert!(good.is_up(world.address), "{http:?}");
        let bad = of(vec![super::two::identity().1], http);
        assert!(after_checks(&bad, || !bad.is_up(world.address)), "{http:?}");
    }
}
