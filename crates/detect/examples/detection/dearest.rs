//! What the detectors cost: ordinary values, ever-different, and the dearest value that a search finds. Costs are CPU time of the thread.

use std::hint::black_box;

use detect::{Families, Place};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::sample::Sample;

/// Microseconds that a KiB of the dearest value may take.
const DEAREST: f64 = 200.0;
/// Bytes of a value while it is searched for, and of those that are found, at which it is measured.
const LENGTH: usize = 8 << 10;
const LENGTHS: [usize; 3] = [1 << 10, LENGTH, 64 << 10];
/// Longest piece that a value repeats, and how many are kept.
const PIECE: usize = 96;
const KEPT: usize = 40;

/// CPU time of this thread, in microseconds.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn spent(values: &[(Place, Vec<u8>)]) -> f64 {
    let began = now();
    for (place, value) in values {
        black_box(detect::inspect(*place, black_box(value), Families::NONE));
    }
    now() - began
}

/// Microseconds that a KiB takes of a value which repeats a piece.
fn cost(piece: &[u8], length: usize) -> f64 {
    let value: Vec<u8> = piece.iter().copied().cycle().take(length).collect();
    let value = [(Place::Value, value)];
    let least = (0..3).map(|_| spent(&value)).fold(f64::MAX, f64::min);
    least * 1024.0 / length as f64
}

/// Numbers that are the same each time (G. Marsaglia's xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % count.max(1) as u64) as usize
    }
}

/// Climbs from values of attacks to dearer ones.
fn search(seeds: &[Vec<u8>], searches: usize) -> Vec<(f64, Vec<u8>)> {
    let mut best: Vec<(f64, Vec<u8>)> =
        seeds.iter().map(|piece| (cost(piece, LENGTH), piece.clone())).collect();
    let mut dice = Dice(28);
    for _ in 0..searches {
        best.sort_by(|one, other| other.0.total_cmp(&one.0));
        best.truncate(KEPT);
        let piece = crossed(&best, seeds, &mut dice);
        if !piece.is_empty() && best.iter().all(|(_, known)| *known != piece) {
            best.push((cost(&piece, LENGTH), piece));
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
    match dice.below(5) {
        0 => drop(piece.splice(at..at, from.iter().copied())),
        1 => drop(piece.drain(at..(at + 1).min(piece.len()))),
        2 => piece.truncate(at),
        3 => piece.insert(at, dice.below(128) as u8),
        _ => {
            piece.truncate(at);
            piece.extend_from_slice(from);
        }
    }
    piece.truncate(PIECE);
    piece
}

/// Microseconds of a KiB of harmless texts of a source, of a value of it, and how many there were.
fn ordinary(samples: &[Sample], source: &str) -> Value {
    let values: Vec<(Place, Vec<u8>)> = samples
        .iter()
        .filter(|sample| sample.source == source)
        .flat_map(|sample| sample.values.iter().cloned())
        .collect();
    let kib = values.iter().map(|(_, value)| value.len()).sum::<usize>() as f64 / 1024.0;
    let _ = spent(&values);
    let micros = spent(&values);
    json!({
        "source": source, "values": values.len(), "kib": kib.round(), "us_per_value": rounded(micros / values.len().max(1) as f64),
        "us_per_kib": rounded(micros / kib.max(1.0)),
    })
}

fn rounded(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// All of it, and whether the dearest value is within its bound.
pub fn measured(attacks: &[Sample], benign: &[Sample], searches: usize) -> (Value, bool) {
    let mut seeds: Vec<Vec<u8>> = attacks
        .iter()
        .flat_map(|sample| &sample.values)
        .map(|(_, value)| value[..value.len().min(PIECE)].to_vec())
        .filter(|value| !value.is_empty())
        .collect();
    seeds.sort();
    seeds.dedup();
    let mut sources: Vec<&str> = benign.iter().map(|sample| sample.source).collect();
    sources.sort_unstable();
    sources.dedup();
    let ordinary: Vec<Value> = sources.into_iter().map(|source| ordinary(benign, source)).collect();
    let found = search(&seeds, searches);
    let worst =
        LENGTHS.map(|length| found.iter().take(10).map(|(_, piece)| cost(piece, length)).fold(0.0, f64::max));
    let shown: Vec<Value> = found
        .iter()
        .take(3)
        .map(|(cost, piece)| json!([rounded(*cost), piece.escape_ascii().to_string()]))
        .collect();
    // What a short value takes by itself is no matter of its length.
    let good = worst[1].max(worst[2]) <= DEAREST;
    let misses: Vec<String> = if good {
        Vec::new()
    } else {
        vec![format!("the dearest value takes {:.0} µs per KiB", worst[1].max(worst[2]))]
    };
    let all = json!({
        "ordinary": ordinary, "values_tried": seeds.len() + searches,
        "dearest_us_per_kib": { "at_1_kib": rounded(worst[0]), "at_8_kib": rounded(worst[1]), "at_64_kib": rounded(worst[2]) },
        "promised": DEAREST, "dearest": shown, "misses": misses,
    });
    (all, good)
}
