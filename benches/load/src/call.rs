//! The caller: prepared requests, sent in a given order over a number of connections.
//!
//! The request file holds one request after the other, each behind its length as four bytes, little-endian; the order
//! file holds indexes into it in the same form. Without `--seconds` every entry of the order is sent once; with it they
//! are sent around and around until the time is up: each connection as fast as it is answered or, with `--rate`, so many
//! calls a second in all (see [`crate::pace`] and, for what is told of their latencies, [`crate::windows`]).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::Flags;
use crate::message::{extent, status};
use crate::pace::{Alarm, arrivals};
use crate::windows;

/// Bytes of an answer that are held at most.
const MOST: usize = 1 << 20;

struct Plan {
    target: String,
    requests: Vec<Vec<u8>>,
    order: Vec<u32>,
    next: Cell<usize>,
    start: Instant,
    until: Option<Instant>,
    /// In an open loop.
    open: Option<Open>,
    seen: RefCell<Seen>,
}

/// An open loop.
struct Open {
    /// When each call is due.
    due: Vec<Duration>,
    time: Duration,
    /// How long each took since then, in microseconds.
    took: RefCell<Vec<u32>>,
    /// How late the calls were sent that found a free connection: what this process itself, or its core, adds.
    late: RefCell<Vec<u32>>,
}

/// A call to be made.
struct Next<'a> {
    number: usize,
    request: &'a [u8],
    start: Instant,
}

#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    reconnects: u64,
    /// Calls by latency in steps of 10 microseconds, the last holds what was slower.
    latencies: Vec<u64>,
}

/// Runs the calls and prints `{"calls", "seconds", "statuses", "reconnects", "p50_us", "p99_us"}`. Of an open loop `p99_us` is the
/// median of its windows', and `p99_all_us`, `windows_p99_us` and `late_p99_us` are there as well.
pub(crate) async fn call(flags: &Flags) -> Result<(), String> {
    let requests = split(&read(flags.text("--requests")?)?)?;
    let order = match flags.find("--order") {
        Some(path) => numbers(&read(path)?),
        None => (0..u32::try_from(requests.len()).unwrap_or(u32::MAX)).collect(),
    };
    if requests.is_empty() || order.is_empty() {
        return Err("there is no request to send".to_owned());
    }
    let seconds: f64 = flags.number("--seconds", 0.0)?;
    let rate: f64 = flags.number("--rate", 0.0)?;
    let open = (rate > 0.0).then(|| Open::new(rate, seconds));
    let start = Instant::now();
    let until = (seconds > 0.0 && open.is_none()).then(|| start + Duration::from_secs_f64(seconds));
    let seen = RefCell::new(Seen { latencies: vec![0; 100_000], ..Seen::default() });
    let target = flags.text("--target")?.to_owned();
    let plan = Rc::new(Plan { target, requests, order, next: Cell::new(0), start, until, open, seen });
    let tasks: Vec<_> = (0..flags.number("--connections", 32_usize)?)
        .map(|_| tokio::task::spawn_local(connection(Rc::clone(&plan))))
        .collect();
    for task in tasks {
        task.await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("`{}`: {error}", plan.target))?;
    }
    report(&plan, start.elapsed())
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

impl Open {
    fn new(rate: f64, seconds: f64) -> Self {
        let due = arrivals(rate, seconds);
        let took = RefCell::new(vec![0; due.len()]);
        let late = RefCell::new(Vec::with_capacity(due.len()));
        Self { due, time: Duration::from_secs_f64(seconds), took, late }
    }

    /// What is told of it, as members of an object.
    fn told(&self) -> String {
        let took = self.took.borrow();
        let each = windows::p99s(&self.due, &took, self.time);
        let of = |values: &[u32], percent| windows::percentile(values, percent).unwrap_or_default();
        format!(
            "\"p50_us\": {}, \"p99_us\": {}, \"p99_all_us\": {}, \"windows_p99_us\": {each:?}, \"late_p99_us\": {}",
            of(&took, 50),
            of(&each, 50),
            of(&took, 99),
            of(&self.late.borrow(), 99)
        )
    }
}

impl Plan {
    /// The next request to send and when, until there is none.
    fn take(&self) -> Option<Next<'_>> {
        let at = self.next.get();
        let due = match &self.open {
            Some(open) => self.start + *open.due.get(at)?,
            None => Instant::now(),
        };
        if self.until.is_some_and(|until| due >= until) {
            return None;
        }
        self.next.set(at + 1);
        if self.until.is_none() && self.open.is_none() && at >= self.order.len() {
            return None;
        }
        let index = self.order.get(at % self.order.len())?;
        let request = self.requests.get(usize::try_from(*index).ok()?)?;
        Some(Next { number: at, request, start: due })
    }

    /// Waits until the call is due.
    async fn wait(&self, alarm: &Alarm, next: &Next<'_>) -> std::io::Result<()> {
        let time = next.start.saturating_duration_since(Instant::now());
        alarm.ring_after(time).await?;
        if let (Some(open), false) = (&self.open, time.is_zero()) {
            open.late.borrow_mut().push(micros(next.start.elapsed()));
        }
        Ok(())
    }

    fn answered(&self, next: &Next<'_>, code: u16, close: bool, took: Duration) {
        let mut seen = self.seen.borrow_mut();
        *seen.statuses.entry(code).or_default() += 1;
        seen.reconnects += u64::from(close);
        if let Some(open) = &self.open {
            if let Some(slot) = open.took.borrow_mut().get_mut(next.number) {
                *slot = micros(took);
            }
            return;
        }
        let slot = usize::try_from(took.as_micros() / 10).unwrap_or(usize::MAX).min(seen.latencies.len() - 1);
        if let Some(count) = seen.latencies.get_mut(slot) {
            *count += 1;
        }
    }
}

async fn connection(plan: Rc<Plan>) -> std::io::Result<()> {
    let mut held = Vec::with_capacity(4096);
    let mut stream = connect(&plan.target).await?;
    let alarm = Alarm::new()?;
    while let Some(next) = plan.take() {
        plan.wait(&alarm, &next).await?;
        let (code, close) = exchange(&mut stream, next.request, &mut held).await?;
        let took = next.start.elapsed();
        if close {
            stream = connect(&plan.target).await?;
        }
        plan.answered(&next, code, close, took);
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a load generator is a client, not a part of the gateway")]
pub(crate) async fn connect(target: &str) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(target).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn exchange(
    stream: &mut TcpStream,
    request: &[u8],
    held: &mut Vec<u8>,
) -> std::io::Result<(u16, bool)> {
    held.clear();
    stream.write_all(request).await?;
    loop {
        if stream.read_buf(held).await? == 0 || held.len() > MOST {
            return Err(std::io::Error::other("the answer was cut off or too large"));
        }
        match extent(held).map_err(std::io::Error::other)? {
            Some(found) if held.len() == found.total => return Ok((status(held), found.close)),
            Some(found) if held.len() > found.total => {
                return Err(std::io::Error::other("more bytes than one answer"));
            }
            _ => {}
        }
    }
}

fn report(plan: &Plan, elapsed: Duration) -> Result<(), String> {
    let seen = plan.seen.borrow();
    let calls: u64 = seen.statuses.values().sum();
    let statuses: Vec<String> =
        seen.statuses.iter().map(|(code, count)| format!("\"{code}\": {count}")).collect();
    let told = plan.open.as_ref().map_or_else(
        || {
            let of = |percent| percentile(&seen.latencies, calls, percent);
            format!("\"p50_us\": {}, \"p99_us\": {}", of(50), of(99))
        },
        Open::told,
    );
    let line = format!(
        "{{\"calls\": {calls}, \"seconds\": {:.4}, \"statuses\": {{{}}}, \"reconnects\": {}, {told}}}",
        elapsed.as_secs_f64(),
        statuses.join(", "),
        seen.reconnects
    );
    writeln!(std::io::stdout(), "{line}").map_err(|error| error.to_string())
}

fn percentile(latencies: &[u64], calls: u64, percent: u64) -> usize {
    let mut left = calls * percent / 100;
    for (slot, count) in latencies.iter().enumerate() {
        if left <= *count {
            return slot * 10;
        }
        left -= count;
    }
    latencies.len() * 10
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read `{path}`: {error}"))
}

fn numbers(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
}

fn split(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|error| error.to_string())?;
        let (request, rest) =
            rest.split_at_checked(length).ok_or_else(|| "the request file is cut off".to_owned())?;
        found.push(request.to_vec());
        bytes = rest;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{numbers, percentile, split};

    #[test]
    fn reads_its_files() {
        let file = b"\x03\0\0\0abc\x01\0\0\0d";
        assert_eq!(split(file), Ok(vec![b"abc".to_vec(), b"d".to_vec()]));
        assert!(split(b"\x03\0\0\0ab").is_err());
        assert_eq!(numbers(b"\x01\0\0\0\0\x01\0\0"), [1, 256]);
    }

    #[test]
    fn percentiles_come_from_the_steps() {
        assert_eq!(percentile(&[10, 80, 10], 100, 50), 10);
        assert_eq!(percentile(&[10, 80, 10], 100, 99), 20);
    }
}
