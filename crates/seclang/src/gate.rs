//! What a value must contain before an expensive test can match it.
//!
//! From the parsed pattern two necessary conditions are derived: a set of literals of which at least one occurs in every
//! match (without regard to the case of ASCII letters), and sets of bytes of each of which at least one occurs. Both are
//! only ever weaker than the pattern, so a rule that they keep from running could not have matched.

use regex_syntax::hir::{Class, Hir, HirKind};

use crate::bytes::ByteSet;

/// Literals that are remembered per pattern at most.
const MAX_LITERALS: usize = 600;
/// Strings that a part of a pattern may stand for before it counts as "anything".
const MAX_EXACT: usize = 128;
/// Longer literals gain nothing.
const MAX_LENGTH: usize = 24;
/// Byte sets that are remembered per pattern.
const MAX_SETS: usize = 4;

/// Necessary conditions of a test.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Gate {
    /// One of these occurs, in any case; empty when nothing is known. Lower case.
    pub(crate) literals: Vec<Vec<u8>>,
    /// Of each of these one byte occurs.
    pub(crate) sets: Vec<ByteSet>,
    /// No shorter value matches.
    pub(crate) min_len: usize,
}

impl Gate {
    /// Of a parsed pattern.
    pub(crate) fn of_hir(hir: &Hir) -> Gate {
        let mut sets = byte_sets(hir);
        sets.sort_by_key(|set| weight_of_set(*set));
        sets.dedup();
        sets.retain(|set| weight_of_set(*set) < 500);
        sets.truncate(MAX_SETS);
        let literals = required(hir).best.filter(|best| rate(best) < 50_000).unwrap_or_default();
        Gate { literals, sets, min_len: hir.properties().minimum_len().unwrap_or(0) }
    }

    /// Of a list of literals.
    pub(crate) fn of_literals(literals: &[Vec<u8>]) -> Gate {
        let lower: Vec<Vec<u8>> = literals.iter().map(|literal| literal.to_ascii_lowercase()).collect();
        let min_len = lower.iter().map(Vec::len).min().unwrap_or(0);
        let mut rarest = ByteSet::new();
        for literal in &lower {
            if let Some(byte) = literal.iter().copied().min_by_key(|byte| weight(*byte)) {
                rarest.insert(byte);
                rarest.insert(byte.to_ascii_uppercase());
            }
        }
        let sets = if min_len > 0 && weight_of_set(rarest) < 500 { vec![rarest] } else { Vec::new() };
        Gate { literals: if min_len > 1 { lower } else { Vec::new() }, sets, min_len }
    }

    /// Whether the sets and the length allow a match.
    pub(crate) fn allows(&self, present: ByteSet, length: usize) -> bool {
        length >= self.min_len && self.sets.iter().all(|set| set.meets(present))
    }
}

/// How often a byte is seen in ordinary values, per thousand.
fn weight(byte: u8) -> u64 {
    match byte {
        b'e' | b'a' | b'i' | b'o' | b't' | b'n' | b's' | b'r' => 70,
        b'b'..=b'z' => 30,
        b' ' => 60,
        b'0'..=b'9' => 40,
        b'A'..=b'Z' => 25,
        b'-' | b'.' | b'/' | b'_' => 30,
        b',' | b':' | b'=' => 20,
        0x80..=0xff => 2,
        0x00..=0x1f | 0x7f => 1,
        _ => 5,
    }
}

fn weight_of_set(set: ByteSet) -> u64 {
    set.iter().map(weight).sum()
}

/// How often one of the literals is seen, in parts per million at a place.
fn rate(literals: &[Vec<u8>]) -> u64 {
    let of = |literal: &Vec<u8>| {
        literal.iter().fold(1_000_000_u64, |rate, byte| {
            rate.saturating_mul(weight(*byte).max(if byte.is_ascii_lowercase() { 30 } else { 1 })) / 1000
        })
    };
    literals.iter().map(of).sum()
}

/// What is known of a part of a pattern.
#[derive(Debug, Clone, Default)]
struct Known {
    /// All strings it matches, when they are few.
    exact: Option<Vec<Vec<u8>>>,
    /// Of these one occurs in every match.
    best: Option<Vec<Vec<u8>>>,
}

impl Known {
    fn exact(strings: Vec<Vec<u8>>) -> Known {
        let mut strings = strings;
        strings.sort();
        strings.dedup();
        let fits = strings.len() <= MAX_EXACT && strings.iter().all(|string| string.len() <= MAX_LENGTH);
        let best = usable(&strings).then(|| shortened(&strings));
        Known { exact: fits.then_some(strings), best }
    }
}

fn usable(strings: &[Vec<u8>]) -> bool {
    !strings.is_empty() && strings.len() <= MAX_LITERALS && strings.iter().all(|string| string.len() > 1)
}

fn shortened(strings: &[Vec<u8>]) -> Vec<Vec<u8>> {
    strings.iter().map(|string| string.iter().copied().take(MAX_LENGTH).collect()).collect()
}

fn better(one: Option<Vec<Vec<u8>>>, other: Option<Vec<Vec<u8>>>) -> Option<Vec<Vec<u8>>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if rate(&other) < rate(&one) { other } else { one }),
        (one, other) => one.or(other),
    }
}

fn required(hir: &Hir) -> Known {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Known { exact: Some(vec![Vec::new()]), best: None },
        HirKind::Literal(literal) => Known::exact(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => class_bytes(class)
            .map(|set| {
                let mut lower = ByteSet::new();
                set.iter().for_each(|byte| lower.insert(byte.to_ascii_lowercase()));
                lower
            })
            .filter(|set| set.len() <= 10)
            .map_or_else(Known::default, |set| Known::exact(set.iter().map(|byte| vec![byte]).collect())),
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) => {
            repeated(&required(&repetition.sub), repetition.min, repetition.max)
        }
        HirKind::Concat(parts) => concat(parts.iter().map(required)),
        HirKind::Alternation(branches) => alternation(branches.iter().map(required).collect()),
    }
}

fn repeated(sub: &Known, min: u32, max: Option<u32>) -> Known {
    match (min, max) {
        (0, Some(1)) => {
            let with_nothing = sub.exact.clone().map(|mut strings| {
                strings.push(Vec::new());
                strings
            });
            with_nothing.map_or_else(Known::default, Known::exact)
        }
        (0, _) => Known::default(),
        (min, max) => {
            let copies = usize::try_from(min.min(4)).unwrap_or(1);
            let known = concat(std::iter::repeat_n(sub.clone(), copies));
            if max == Some(min) && min <= 4 { known } else { Known { exact: None, best: known.best } }
        }
    }
}

fn concat(parts: impl Iterator<Item = Known>) -> Known {
    let mut all_exact = true;
    let mut run: Vec<Vec<u8>> = vec![Vec::new()];
    let mut best = None;
    for part in parts {
        best = better(best, part.best);
        let product = part.exact.as_ref().filter(|exact| exact.len().saturating_mul(run.len()) <= MAX_EXACT);
        let Some(exact) = product else {
            all_exact = false;
            best = better(best, usable(&run).then(|| shortened(&run)));
            run = part.exact.unwrap_or_else(|| vec![Vec::new()]);
            continue;
        };
        run = run
            .iter()
            .flat_map(|head| {
                exact.iter().map(move |tail| {
                    let mut string = head.clone();
                    string.extend_from_slice(tail);
                    string
                })
            })
            .collect();
    }
    best = better(best, usable(&run).then(|| shortened(&run)));
    let exact = if all_exact { Known::exact(run) } else { Known::default() };
    Known { exact: exact.exact, best: better(best, exact.best) }
}

fn alternation(branches: Vec<Known>) -> Known {
    let exact: Option<Vec<Vec<u8>>> = branches
        .iter()
        .map(|branch| branch.exact.clone())
        .collect::<Option<Vec<_>>>()
        .map(|all| all.concat());
    if let Some(exact) = exact.filter(|exact| exact.len() <= MAX_LITERALS) {
        return Known::exact(exact);
    }
    let best: Option<Vec<Vec<u8>>> =
        branches.into_iter().map(|branch| branch.best).collect::<Option<Vec<_>>>().map(|all| all.concat());
    Known { exact: None, best: best.filter(|best| usable(best)) }
}

fn class_bytes(class: &Class) -> Option<ByteSet> {
    let Class::Bytes(class) = class else { return None };
    let mut set = ByteSet::new();
    class.iter().for_each(|range| set.insert_range(range.start(), range.end()));
    Some(set)
}

/// Sets of bytes, of each of which one must occur.
fn byte_sets(hir: &Hir) -> Vec<ByteSet> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Vec::new(),
        HirKind::Literal(literal) => literal.0.iter().map(|byte| ByteSet::of(&[*byte])).collect(),
        HirKind::Class(class) => class_bytes(class).into_iter().collect(),
        HirKind::Capture(capture) => byte_sets(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min == 0 => Vec::new(),
        HirKind::Repetition(repetition) => byte_sets(&repetition.sub),
        HirKind::Concat(parts) => {
            let mut sets: Vec<ByteSet> = parts.iter().flat_map(byte_sets).collect();
            sets.sort_by_key(|set| weight_of_set(*set));
            sets.dedup();
            sets.truncate(8);
            sets
        }
        HirKind::Alternation(branches) => {
            let rarest = |branch: &Hir| byte_sets(branch).into_iter().min_by_key(|set| weight_of_set(*set));
            let all: Option<Vec<ByteSet>> = branches.iter().map(rarest).collect();
            all.map(|all| all.into_iter().fold(ByteSet::new(), ByteSet::union)).into_iter().collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_pattern(pattern: &str) -> Gate {
        let mut parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build();
        Gate::of_hir(&parser.parse(pattern).unwrap())
    }

    fn literals(pattern: &str) -> Vec<String> {
        let gate = of_pattern(pattern);
        gate.literals.iter().map(|literal| String::from_utf8_lossy(literal).into_owned()).collect()
    }

    #[test]
    fn literals_are_found() {
        assert_eq!(literals("(?i)<script[^>]*>"), ["<script"]);
        assert_eq!(literals("(?:foo|ba[rz])\\s+select"), ["select"]);
        assert_eq!(literals("a(?:lpha|rray)b?"), ["alpha", "alphab", "array", "arrayb"]);
        assert!(
            literals("[a-z]+").is_empty() && literals("(?:abc)?").is_empty() && literals("abc|").is_empty()
        );
    }

    #[test]
    fn byte_sets_are_found() {
        let gate = of_pattern("[<>]a*;");
        assert_eq!(gate.sets, [ByteSet::of(b";"), ByteSet::of(b"<>")]);
        assert_eq!(gate.min_len, 2);
        assert!(gate.allows(ByteSet::of(b";<"), 2) && !gate.allows(ByteSet::of(b";"), 2));
    }

    proptest::proptest! {
        /// A value that matches is never kept from the rule.
        #[test]
        fn gates_are_sound(pattern in "(\\(\\?i\\))?([a-c<;]|\\[a-d\\]|\\([ab]{1,3}\\|[c<]{0,2}\\)[?+*]?|a\\{2\\}){1,6}", text in "[a-dA-D<;]{0,12}") {
            if let Ok(regex) = regex::bytes::RegexBuilder::new(&pattern).unicode(false).build() {
                let gate = of_pattern(&pattern);
                if regex.is_match(text.as_bytes()) {
                    proptest::prop_assert!(gate.allows(ByteSet::of(text.as_bytes()), text.len()));
                    let lower = text.to_ascii_lowercase();
                    let found = gate.literals.iter().any(|literal| crate::bytes::find(lower.as_bytes(), literal).is_some());
                    proptest::prop_assert!(gate.literals.is_empty() || found, "{:?}", gate.literals);
                }
            }
        }
    }
}
