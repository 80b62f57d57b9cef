//! The clock of the machine: the one place that reads it (invariant 5).

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::{BoxFuture, Clock, Tick, UnixTime};

/// Time of the machine, randomness of the operating system.
#[derive(Debug, Default)]
pub(crate) struct SystemClock;

static START: OnceLock<Instant> = OnceLock::new();

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Tick {
        let now = Instant::now();
        let start = START.get_or_init(|| now);
        Tick(u64::try_from(now.saturating_duration_since(*start).as_nanos()).unwrap_or(u64::MAX))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn unix(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    fn fill(&self, bytes: &mut [u8]) {
        // Without randomness there are no ids, keys or nonces that mean anything: better no gateway.
        if aws_lc_rs::rand::fill(bytes).is_err() {
            std::process::abort();
        }
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
