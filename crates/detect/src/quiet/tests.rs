//! Whatever is told quiet, all detectors find nothing in: over the values of all other tests, their pieces, and mixtures of them.

use super::is_quiet;
use crate::bytes::{LOUD, classes_of, mask};
use crate::finding::{Best, Families, View};
use crate::text::{Place, Text};

const PLACES: [Place; 4] = [Place::Name, Place::Value, Place::Path, Place::Header];

/// The sources of tests and detectors, whose literals are attacks, their harmless twins, names and words.
const SOURCES: [&str; 22] = [
    include_str!("../../tests/twins.rs"),
    include_str!("../../tests/views.rs"),
    include_str!("../../tests/bounds.rs"),
    include_str!("../../tests/json.rs"),
    include_str!("../../tests/xml.rs"),
    include_str!("../../examples/speed.rs"),
    include_str!("../code.rs"),
    include_str!("../html.rs"),
    include_str!("../html/attributes.rs"),
    include_str!("../html/code.rs"),
    include_str!("../marks/table.rs"),
    include_str!("../shell.rs"),
    include_str!("../shell/command.rs"),
    include_str!("../shell/syntax.rs"),
    include_str!("../sql/condition.rs"),
    include_str!("../sql/mod.rs"),
    include_str!("../sql/operand.rs"),
    include_str!("../sql/statement.rs"),
    include_str!("../sql/word.rs"),
    include_str!("../stores.rs"),
    include_str!("../target.rs"),
    include_str!("../template.rs"),
];

/// What stands between and around words: all that is not loud, and some that is.
const GLUE: [&str; 44] = [
    "", "", "", " ", " ", " ", "\t", "  ", "'", "\"", "(", ")", " (", ") ", ";", "; ", ",", ", ", ":", "/",
    ".", "..", "-", "--", "@", "!", "?", "_", "1", "0x1f", "1e5", "1.e", " 1", " and ", " or ", " is ", "é",
    "\u{2bc}", "' ", "')", "a ", "The ", "\n", "=",
];

/// Holds the gate against the detectors; whether it opened.
fn agree(bytes: &[u8]) -> bool {
    let mask = mask(bytes);
    let mut any = false;
    for place in PLACES {
        if !is_quiet(bytes, mask, place) {
            continue;
        }
        any = true;
        let text = Text::new(bytes, mask, place, View::default(), crate::json::is_whole(bytes));
        let mut best = Best::new(Families::NONE);
        crate::detect_text(&text, &mut best);
        assert!(best.hit.is_none(), "{:?} at {place:?}: {:?}", String::from_utf8_lossy(bytes), best.hit);
    }
    any
}

/// What stands in quotes in a source, as it is written and with its escapes undone.
fn literals(source: &'static str) -> Vec<String> {
    let mut found = Vec::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        let mut rest = line;
        while let Some((_, inside)) = rest.split_once('"') {
            let mut escaped = false;
            let end = inside.find(|char| {
                let ends = char == '"' && !escaped;
                escaped = char == '\\' && !escaped;
                ends
            });
            let Some(end) = end else { break };
            let text = inside.get(..end).unwrap_or_default();
            found.push(text.replace("\\n", "\n").replace("\\\"", "\"").replace("\\\\", "\\"));
            rest = inside.get(end + 1..).unwrap_or_default();
        }
    }
    found
}

fn quieted(text: &str) -> String {
    text.chars().filter(|char| char.is_ascii() && classes_of(*char as u8) & LOUD == 0).collect()
}

struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % most.max(1)
    }

    fn of<'a>(&mut self, from: &'a [String]) -> &'a str {
        from.get(self.below(from.len())).map_or("", String::as_str)
    }
}

fn corpus() -> Vec<String> {
    let mut all: Vec<String> = SOURCES.iter().flat_map(|source| literals(source)).collect();
    let words: Vec<String> =
        all.iter().flat_map(|text| text.split([' ', '\'', '(', ')']).map(str::to_owned)).collect();
    all.extend(words);
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn a_quiet_text_holds_nothing_that_any_detector_finds() {
    let corpus = corpus();
    let glue: Vec<String> = GLUE.map(str::to_owned).to_vec();
    let mut quiet = 0;
    for text in &corpus {
        for cut in 0..=text.len() {
            quiet += usize::from(agree(text.as_bytes().get(cut..).unwrap_or_default()));
            quiet += usize::from(agree(text.as_bytes().get(..cut).unwrap_or_default()));
        }
        quiet += usize::from(agree(quieted(text).as_bytes()));
    }
    assert!(quiet > 1000, "{quiet}");
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut mixed = 0;
    for round in 0..400_000 {
        let mut text = String::new();
        for _ in 0..=chance.below(7) {
            let piece = chance.of(&corpus);
            let piece = if piece.len() > 60 { piece.split(' ').next().unwrap_or_default() } else { piece };
            text.push_str(if round % 3 == 0 { chance.of(&glue) } else { " " });
            text.push_str(&quieted(piece));
            text.push_str(chance.of(&glue));
        }
        if round % 2 == 0 {
            text = text.to_ascii_uppercase();
        }
        if round % 16 == 0 {
            text = [text.as_str(), " and so on, with more words of no use to anybody who reads them, "]
                .concat()
                .repeat(3);
        }
        mixed += u32::from(agree(text.as_bytes()));
    }
    assert!(mixed > 10_000, "{mixed}");
}

#[test]
fn what_most_values_are_is_quiet() {
    for text in [
        "12 St James's Square, flat 4",
        "please ring 4",
        "Ada Lovelace",
        "2026-01-02T03:04:05Z",
        "New York, NY 10001",
        "It's a note (of some length), with commas and \"quotes\": all that prose has.",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        "image/png",
    ] {
        assert!(is_quiet(text.as_bytes(), mask(text.as_bytes()), Place::Header), "{text}");
    }
    for text in [
        "x' or 1",
        "1 or 2",
        "1 and sleep(5)",
        "cat /x",
        "a;id",
        "file:/x",
        "union select 1",
        "javascript: x",
    ] {
        assert!(!is_quiet(text.as_bytes(), mask(text.as_bytes()), Place::Value), "{text}");
    }
}
