//! What is fuzzed: one function for each kind of input that comes from the network or from a document.
//!
//! Each function takes any bytes, uses the first as a selector where it covers several parsers, and panics when a
//! property does not hold; a panic is the finding. The properties are stronger than "does not crash": a canonical form
//! is a fixed point, what was checked is what is sent on, how bytes are cut into reads changes nothing, and two parsers
//! of ours and of others agree.
//!
//! `fuzz/fuzz_targets/*.rs` call these under libFuzzer (`fuzz/run`), and `tests/seeds.rs` replays `fuzz/seeds/` through
//! them in the normal suite, so that a finding, once its input is committed there, stays fixed.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a panic of a target is its finding"
)]

mod bodies;
mod callers;
mod connections;
mod content;
mod contracts;
mod detectors;
mod documents;
mod events;
mod http1;
mod http2;
mod json;
mod messages;
mod parameters;
mod paths;
mod rules;
mod sample;
mod signatures;
mod tokens;
mod websocket;
mod wire;

/// A target: takes any bytes, panics on a finding.
pub type Target = fn(&[u8]);

/// All targets by name; the name is that of the file under `fuzz/fuzz_targets` and of the folder under `fuzz/seeds`.
pub const TARGETS: [(&str, Target); 17] = [
    ("bodies", bodies::run),
    ("callers", callers::run),
    ("connections", connections::run),
    ("content", content::run),
    ("contracts", contracts::run),
    ("detectors", detectors::run),
    ("documents", documents::run),
    ("events", events::run),
    ("http1", http1::run),
    ("http2", http2::run),
    ("json", json::run),
    ("messages", messages::run),
    ("parameters", parameters::run),
    ("paths", paths::run),
    ("rules", rules::run),
    ("signatures", signatures::run),
    ("tokens", tokens::run),
];

/// Runs the target `name` on `data`.
///
/// # Panics
/// When a property does not hold, or when there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    (found.expect("a known target").1)(data);
}

/// The selector and the rest. Digits and letters select by their value, so that seeds can be written by hand.
pub(crate) fn select(data: &[u8], of: u8) -> Option<(u8, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((if first.is_ascii_digit() { first - b'0' } else { *first } % of, rest))
}

/// Bytes with percent escapes undone once; a broken escape stands for itself.
pub(crate) fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.filter(|pair| *byte == b'%' && pair.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            Some(pair) => {
                out.push(u8::from_str_radix(pair, 16).unwrap_or_default());
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}
