//! Gateways on a runtime of their own, with the time of the machine, for tests with a real server.

use std::sync::Arc;
use std::time::Duration;

use engine::cells::Meter;
use engine::fetch::Spawn;
use engine::replay::Used;
use engine::{BoxFuture, Clock, Tick, UnixTime};
use testkit::{Redis, until};

use super::super::{Settings, Shared, Stream};

/// Time of the machine: a server outside of the test has no other.
#[derive(Debug)]
struct Real {
    started: std::time::Instant,
    /// How much it is ahead of the right time.
    ahead: Duration,
}

#[allow(clippy::disallowed_methods, reason = "a server outside of the test has the time of the machine")]
impl Clock for Real {
    fn now(&self) -> Tick {
        Tick(u64::try_from(self.started.elapsed().as_nanos()).unwrap())
    }
    fn unix(&self) -> UnixTime {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap() + self.ahead;
        UnixTime(u64::try_from(since.as_nanos()).unwrap())
    }
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[derive(Debug)]
struct Side(tokio::runtime::Handle);

impl Spawn for Side {
    fn spawn(&self, task: BoxFuture<'static, ()>) {
        self.0.spawn(task);
    }
}

/// A side runtime with the shared state of some gateways on it.
pub(super) struct World {
    runtime: tokio::runtime::Handle,
    /// Ends it when the world does.
    _end: tokio::sync::oneshot::Sender<()>,
    pub(super) clock: Arc<dyn Clock>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::ahead(Duration::ZERO)
    }

    /// One whose clock is ahead of the right time.
    #[allow(clippy::disallowed_methods, reason = "a server outside of the test has the time of the machine")]
    pub(super) fn ahead(ahead: Duration) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || runtime.block_on(ended));
        let runtime = handle;
        Self { runtime, _end: end, clock: Arc::new(Real { started: std::time::Instant::now(), ahead }) }
    }

    pub(super) fn gateway(&self, path: &std::path::Path, change: impl FnOnce(&mut Settings)) -> Arc<Shared> {
        let mut settings = Settings {
            prefix: String::from("test"),
            username: None,
            password: None,
            database: 0,
            timeout: Duration::from_secs(2),
            refuse_alone: false,
            say: |_| {},
        };
        change(&mut settings);
        let path = path.to_owned();
        let dial: super::super::Dial = Arc::new(move || {
            let path = path.clone();
            Box::pin(async move {
                let stream =
                    tokio::net::UnixStream::connect(path).await.map_err(|error| error.to_string())?;
                Ok(Box::new(stream) as Box<dyn Stream>)
            })
        });
        let side: Arc<dyn Spawn> = Arc::new(Side(self.runtime.clone()));
        Shared::start(settings, dial, &self.clock, &side)
    }

    /// One that has reached its server.
    pub(super) fn ready(&self, redis: &Redis) -> Arc<Shared> {
        let shared = self.gateway(&redis.path(), |_| {});
        is_up(&shared);
        shared
    }

    pub(super) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Takes a unit as a call does: looks again after units were fetched.
    pub(super) fn take(&self, shared: &Shared, key: u128, meter: &Meter) -> bool {
        let cells = shared.cells().shared().unwrap();
        for _ in 0..3 {
            let taken = cells.take(key, meter, self.clock.unix());
            if taken.allowed {
                return true;
            }
            let Some(fetch) = cells.fetch(key, meter, self.clock.unix()) else { return false };
            self.wait(fetch);
        }
        cells.take(key, meter, self.clock.unix()).allowed
    }

    /// Uses something that was made now.
    pub(super) fn use_once(&self, shared: &Shared, name: &str, made: u64) -> Used {
        let replays = shared.replays();
        let (key, now) = (replays.key(&[name.as_bytes()]), self.clock.unix());
        match replays.take((key, key), UnixTime(made + 60_000_000_000), now) {
            Used::First => {}
            other => return other,
        }
        let elsewhere = replays.elsewhere(key, (UnixTime(made), UnixTime(made + 60_000_000_000)), now);
        self.wait(elsewhere.unwrap())
    }

    pub(super) fn now(&self) -> u64 {
        self.clock.unix().0
    }
}

pub(super) fn is_up(shared: &Shared) {
    assert!(until(30, || shared.state().fault.is_none().then_some(())).is_some(), "{:?}", shared.state());
}

pub(super) fn is_down(shared: &Shared) -> String {
    until(30, || shared.state().fault.map(|(why, _)| why)).expect("it is still up")
}

pub(super) fn window(world: &World, limit: u32) -> Meter {
    let start = world.now() / 1_000_000_000 * 1_000_000_000;
    Meter::Window { start: UnixTime(start), end: UnixTime(start + 3_600_000_000_000), limit }
}
