//! `speed ROUNDS SEARCHES`: what inspection costs beside libmodsecurity, with the same rules and configuration in one interleaved run,
//! and the dearest value that a search finds; prints JSON and ends with 1 when something promised does not hold.
//!
//! Costs are CPU time of the thread, in microseconds per call with its answer. No two calls of a corpus are alike. Memory is what the
//! process holds at most while it searches, over what it held when its rules were loaded.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "a measurement that cannot go on has to fail loudly"
)]

#[path = "../tests/differential/mod.rs"]
mod differential;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};
use seclang::Engine;
use serde_json::{Value, json};

use differential::ftw::{self, requests, wire::Request};
use differential::mutate::{Dice, Seeds};
use differential::peer::{self, Peer};

/// Makes the call of a number.
type Make = fn(usize) -> Request;

/// Corpus, how it is made, and how many times cheaper than libmodsecurity it is at least.
const CORPORA: [(&str, Make, f64); 3] = [
    ("browser GET", requests::get, 10.0),
    ("JSON, 1 KiB, 48 values", requests::json, 20.0),
    ("form, 10 KiB, 950 arguments", requests::form, 10.0),
];
/// Calls of a round.
const CALLS: usize = 20;
/// Microseconds that a KiB of the dearest value may take.
const DEAREST: f64 = 200.0;
/// Microseconds that loading may take.
const LOADING: f64 = 1_000_000.0;
/// Mebibytes that a call may take, and with it all calls one after the other.
const MEMORY: f64 = 64.0;
/// Bytes of a value while it is searched for.
const LENGTH: usize = 8 << 10;
/// Longest piece that a value repeats.
const PIECE: usize = 96;

/// CPU time of this thread, in microseconds.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn spent<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = now();
    let made = work();
    (now() - began, made)
}

fn overrides(level: u8) -> String {
    format!("SecAction \"id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level={level}\"")
}

/// As libmodsecurity loads them.
fn engine(level: u8) -> Engine {
    let files = peer::texts(&overrides(level));
    let files: Vec<seclang::RuleFile<'_>> =
        files.iter().map(|(name, text)| seclang::RuleFile { name, text }).collect();
    let data: BTreeMap<String, String> = ftw::rules::texts("").1;
    let mut engine = Engine::load(&files, &data).0.expect("the rules load");
    engine.settings_mut().request_body_always = true;
    engine
}

/// Median, least and greatest.
fn spread(mut figures: Vec<f64>) -> (f64, f64, f64) {
    figures.sort_by(f64::total_cmp);
    (figures[figures.len() / 2], figures[0], figures[figures.len() - 1])
}

fn rounded(figure: f64) -> f64 {
    (figure * 10.0).round() / 10.0
}

/// The corpora of one paranoia level.
fn beside(level: u8, rounds: usize, misses: &mut Vec<String>) -> Vec<Value> {
    let (loading, engine) = spent(|| engine(level));
    if loading > LOADING {
        misses.push(format!("PL{level}: loading takes {loading:.0} µs"));
    }
    let mut peer = Peer::start(&overrides(level));
    let mut rows = vec![json!({ "level": level, "loading_ms": rounded(loading / 1000.0) })];
    for (name, make, least) in CORPORA {
        let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=rounds {
            let requests: Vec<Request> = (0..CALLS).map(|call| make(round * CALLS + call)).collect();
            let calls = CALLS as f64;
            let one =
                requests.iter().map(|request| spent(|| drop(ftw::inspect(&engine, request))).0).sum::<f64>()
                    / calls;
            let other =
                requests.iter().map(|request| peer.inspect(request, true).micros).sum::<f64>() / calls;
            // The first round warms both up.
            if round > 0 {
                ours.push(one);
                theirs.push(other);
                ratios.push(other / one);
            }
        }
        let (ratio, low, high) = spread(ratios);
        if ratio < least {
            misses.push(format!("PL{level}, {name}: {ratio:.1} times cheaper, {least} are promised"));
        }
        rows.push(json!({
            "level": level, "corpus": name, "seclang_us": rounded(spread(ours).0),
            "libmodsecurity_us": rounded(spread(theirs).0), "times_cheaper": rounded(ratio),
            "least": rounded(low), "greatest": rounded(high), "promised": least,
        }));
    }
    rows
}

fn with_value(value: &[u8]) -> Request {
    let mut request = requests::get(0);
    let body = [b"q=", &differential::mutate::escaped(value, false)[..]].concat();
    differential::place::with_body(&mut request, "application/x-www-form-urlencoded", body);
    request
}

/// Microseconds that a KiB of a value takes which repeats a piece, and whether the call was stopped.
fn cost(engine: &Engine, piece: &[u8], length: usize) -> (f64, bool) {
    let value: Vec<u8> = piece.iter().copied().cycle().take(length).collect();
    let request = with_value(&value);
    let (mut least, mut stopped) = (f64::MAX, false);
    for _ in 0..2 {
        let (micros, call) = spent(|| ftw::inspect(engine, &request));
        least = least.min(micros);
        stopped = call.is_exhausted();
    }
    (least * 1024.0 / length as f64, stopped)
}

/// Climbs from the tests' own values to dearer ones.
fn search(engine: &Engine, seeds: &[Vec<u8>], searches: usize) -> Vec<(f64, Vec<u8>)> {
    let mut best: Vec<(f64, Vec<u8>)> = seeds
        .iter()
        .map(|seed| seed[..seed.len().min(PIECE)].to_vec())
        .map(|piece| (cost(engine, &piece, LENGTH).0, piece))
        .collect();
    let mut dice = Dice::new(28);
    for _ in 0..searches {
        best.sort_by(|one, other| other.0.total_cmp(&one.0));
        best.truncate(40);
        let piece = crossed(&best, seeds, &mut dice);
        if !piece.is_empty() && best.iter().all(|(_, known)| *known != piece) {
            best.push((cost(engine, &piece, LENGTH).0, piece));
        }
    }
    best.sort_by(|one, other| other.0.total_cmp(&one.0));
    best
}

fn crossed(best: &[(f64, Vec<u8>)], seeds: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut piece = best[dice.below(best.len())].1.clone();
    let other =
        if dice.below(2) == 0 { &best[dice.below(best.len())].1 } else { &seeds[dice.below(seeds.len())] };
    let from = &other[dice.below(other.len())..];
    let at = dice.below(piece.len() + 1);
    match dice.below(4) {
        0 => drop(piece.splice(at..at, from.iter().copied())),
        1 => drop(piece.drain(at..(at + 1).min(piece.len()))),
        2 => piece.truncate(at),
        _ => {
            piece.truncate(at);
            piece.extend_from_slice(from);
        }
    }
    piece.truncate(PIECE);
    piece
}

/// What the process holds, in mebibytes: now (`VmRSS`), or at most since [`forget_peak`] (`VmHWM`).
fn held(which: &str) -> f64 {
    let status = std::fs::read("/proc/self/status").expect("Linux tells");
    let status = String::from_utf8_lossy(&status).into_owned();
    let line = status.lines().find(|line| line.starts_with(which)).expect("Linux tells");
    let kib = line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok());
    kib.expect("a number") / 1024.0
}

/// Begins to watch the peak anew (proc(5), `clear_refs`).
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("Linux forgets");
}

/// A call with a body of 128 KiB, which is the most that is read of one without files, in many values that all transformations change.
fn largest(engine: &Engine) {
    let value = b"%2527%20Or/**/ %u0041 &#39; \\x41 QUJD".repeat(3);
    let values = 950;
    let mut request = requests::form(1);
    let field =
        |at: usize| [format!("f{at}=").into_bytes(), differential::mutate::escaped(&value, false)].concat();
    request.body = (0..values).map(field).collect::<Vec<_>>().join(&b'&');
    request.body.truncate(128 << 10);
    let length = request.body.len().to_string().into_bytes();
    for (name, value) in &mut request.headers {
        if name.as_slice() == b"Content-Length" {
            value.clone_from(&length);
        }
    }
    drop(ftw::inspect(engine, &request));
}

fn dearest(level: u8, searches: usize, misses: &mut Vec<String>) -> Value {
    let engine = engine(level);
    let seeds = Seeds::read();
    let _ = cost(&engine, b"warm", LENGTH);
    let before = held("VmRSS");
    forget_peak();
    largest(&engine);
    let found = search(&engine, seeds.values(), searches);
    let worst = |length: usize| {
        let pieces = found.iter().take(10).map(|(_, piece)| cost(&engine, piece, length));
        pieces.filter(|(_, stopped)| !stopped).map(|(cost, _)| cost).fold(0.0, f64::max)
    };
    let (at_1, at_8, at_64) = (worst(1 << 10), worst(LENGTH), worst(64 << 10));
    let memory = held("VmHWM") - before;
    if memory > MEMORY {
        misses.push(format!("PL{level}: calls take {memory:.0} MiB"));
    }
    if level == 1 && at_8.max(at_64) > DEAREST {
        misses.push(format!("PL{level}: the dearest value takes {:.0} µs per KiB", at_8.max(at_64)));
    }
    let shown =
        found.iter().take(3).map(|(cost, piece)| json!([rounded(*cost), piece.escape_ascii().to_string()]));
    json!({
        "level": level, "values_tried": seeds.values().len() + searches, "us_per_kib_at_1_kib": rounded(at_1),
        "us_per_kib_at_8_kib": rounded(at_8), "us_per_kib_at_64_kib": rounded(at_64), "promised_at_level_1": DEAREST,
        "memory_mib": rounded(memory), "memory_promised_mib": MEMORY, "dearest": shown.collect::<Vec<_>>(),
    })
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let (Some(Ok(rounds)), Some(Ok(searches))) = (arguments.next(), arguments.next()) else {
        let _ = writeln!(std::io::stderr(), "usage: speed ROUNDS SEARCHES");
        return ExitCode::from(2);
    };
    let mut misses = Vec::new();
    let beside: Vec<Value> =
        [1, 4].into_iter().flat_map(|level| beside(level, rounds.max(1), &mut misses)).collect();
    let dearest: Vec<Value> = [1, 4].into_iter().map(|level| dearest(level, searches, &mut misses)).collect();
    let failed = !misses.is_empty();
    let found = json!({ "beside_libmodsecurity": beside, "dearest_value": dearest, "misses": misses });
    let _ = writeln!(std::io::stdout(), "{found:#}");
    ExitCode::from(u8::from(failed))
}
