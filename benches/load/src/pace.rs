//! An open loop: calls have their times from the start, whether or not those before them are answered.
//!
//! Arrivals are a Poisson process of a fixed seed, so that two proxies meet the same ones. A call that finds no
//! connection free waits, and its wait counts: its latency is taken from its time, not from when it could be sent (this
//! is what is called corrected for coordinated omission).

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use tokio::io::unix::AsyncFd;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// When each call is due after the start: so many a second in the mean, for so long.
pub(crate) fn arrivals(rate: f64, seconds: f64) -> Vec<Duration> {
    let (mut state, mut at, mut times) = (SEED, 0.0, Vec::new());
    while at < seconds {
        times.push(Duration::from_secs_f64(at));
        at += -uniform(&mut state).ln() / rate;
    }
    times
}

/// Above 0 and at most 1 (xorshift64*).
#[expect(clippy::cast_precision_loss, reason = "53 bits are what an f64 holds")]
fn uniform(state: &mut u64) -> f64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
    (bits + 1) as f64 / (1_u64 << 53) as f64
}

/// A timer of one connection, exact to some microseconds: the runtime's own ticks in milliseconds.
pub(crate) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    #[expect(
        deprecated,
        reason = "its successor is `unsafe`; nobody takes this descriptor out or puts another in"
    )]
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Comes back after so long; at once when there is nothing to wait for.
    pub(crate) async fn ring_after(&self, time: Duration) -> io::Result<()> {
        if time.is_zero() {
            return Ok(());
        }
        let it_value = Timespec::try_from(time).map_err(io::Error::other)?;
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        loop {
            let mut ready = self.0.readable().await?;
            if ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut [0_u8; 8])?)).is_ok() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, arrivals};

    #[test]
    fn arrivals_come_as_often_as_said_and_always_the_same() {
        let times = arrivals(10_000.0, 2.0);
        assert!((19_500..20_500).contains(&times.len()), "{}", times.len());
        assert!(times.is_sorted() && times.last() < Some(&Duration::from_secs(2)));
        assert_eq!(times, arrivals(10_000.0, 2.0));
        // A Poisson process bunches: of the gaps, 1 - 1/e are shorter than the mean.
        let short = times.array_windows().filter(|[a, b]| *b - *a < Duration::from_micros(100)).count();
        assert!((12_000..13_300).contains(&short), "{short}");
    }
}
