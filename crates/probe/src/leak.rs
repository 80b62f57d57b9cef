//! What should not leave a service: stack traces, errors of databases, listings of folders, secrets. (Personal data: [`crate::personal`].)
//!
//! Fixed words are looked for first, in one pass (Aho-Corasick); around each that is found, one pattern in linear time says whether
//! it is a leak, within a window. The work is bounded: at most [`CANDIDATES`] windows in one answer, and [`LEAKS`] leaks.

mod rules;

use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use rules::{RULES, Rule};

/// Windows that are looked at in one answer.
pub const CANDIDATES: usize = 2000;
/// Leaks that are told of one answer.
pub const LEAKS: usize = 64;

/// A kind of leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Where in its code a service failed.
    Trace,
    /// What a database said.
    Database,
    /// What lies in a folder.
    Listing,
    /// A credential, a private key, the hash of a password.
    Secret,
    /// The number of a payment card.
    Card,
    /// The number of a bank account.
    Account,
    /// An address of mail.
    Mail,
    /// A telephone number.
    Phone,
    /// The number by which a state knows a person.
    Person,
}

impl Class {
    /// Its name in configuration and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Class::Trace => "traces",
            Class::Database => "databases",
            Class::Listing => "listings",
            Class::Secret => "secrets",
            Class::Card => "cards",
            Class::Account => "accounts",
            Class::Mail => "mails",
            Class::Phone => "phones",
            Class::Person => "persons",
        }
    }
}

/// One leak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leak {
    /// Its kind.
    pub class: Class,
    /// What it is of: a language, a database, a service.
    pub name: &'static str,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaks {
    /// In the order in which they end, none inside another.
    pub all: Vec<Leak>,
    /// Whether looking ended at a bound, so that there may be more.
    pub more: bool,
}

struct Compiled {
    words: AhoCorasick,
    /// The rule of each word.
    of_word: Vec<usize>,
    patterns: Vec<Regex>,
}

/// The leaks in `bytes`.
#[must_use]
pub fn find(bytes: &[u8]) -> Leaks {
    find_while(bytes, |_| true).unwrap_or_else(|| Leaks { more: true, ..Leaks::default() })
}

/// The leaks in `bytes`; `None` when `go_on`, which is asked before each window with how many there were, says that it is enough.
pub fn find_while(bytes: &[u8], mut go_on: impl FnMut(usize) -> bool) -> Option<Leaks> {
    let mut found = Leaks::default();
    let Some(compiled) = compiled() else { return Some(Leaks { more: true, ..found }) };
    let mut candidates = 0;
    for word in compiled.words.find_overlapping_iter(bytes) {
        let inside = |leak: &Leak| word.start() >= leak.start && word.end() <= leak.end;
        if found.all.last().is_some_and(inside) {
            continue;
        }
        if !go_on(candidates) {
            return None;
        }
        candidates += 1;
        if candidates > CANDIDATES || found.all.len() >= LEAKS {
            found.more = true;
            break;
        }
        let rule = compiled.of_word.get(word.pattern().as_usize()).copied().unwrap_or_default();
        if let (Some(rule), Some(pattern)) = (RULES.get(rule), compiled.patterns.get(rule)) {
            let leak = verify(bytes, rule, pattern, word.start()..word.end());
            found.all.extend(leak.filter(|leak| found.all.last() != Some(leak)));
        }
    }
    Some(found)
}

/// The leak of which the word is a part, when there is one.
fn verify(bytes: &[u8], rule: &Rule, pattern: &Regex, word: std::ops::Range<usize>) -> Option<Leak> {
    let from = word.start.saturating_sub(rule.before);
    let to = word.end.saturating_add(rule.after).min(bytes.len());
    let window = bytes.get(from..to)?;
    let covers = |start: usize, end: usize| from + start <= word.start && from + end >= word.end;
    let matched = pattern.find_iter(window).find(|found| covers(found.start(), found.end()))?;
    Some(Leak {
        class: rule.class,
        name: rule.name,
        start: from + matched.start(),
        end: from + matched.end(),
    })
}

/// Overwrites leaks of `class` by asterisks, byte for byte, so that lengths stay, and an escape of JSON (`\n`, `\u0041`) is
/// overwritten whole or not at all.
pub fn mask(bytes: &mut [u8], leaks: &[Leak], class: Class) {
    for leak in leaks.iter().filter(|leak| leak.class == class) {
        let start = escape_around(bytes, leak.start).map_or(leak.start, |escape| escape.end);
        let end = escape_around(bytes, leak.end).map_or(leak.end, |escape| escape.start);
        if let Some(range) = bytes.get_mut(start..end.max(start)) {
            range.fill(b'*');
        }
    }
}

/// The escape of JSON in whose middle `at` is.
fn escape_around(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    (at.saturating_sub(5)..at).find_map(|start| {
        let before = bytes.get(..start)?;
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        let begins = bytes.get(start) == Some(&b'\\') && backslashes % 2 == 0;
        let length = if bytes.get(start + 1) == Some(&b'u') { 6 } else { 2 };
        (begins && start + length > at).then_some(start..start + length)
    })
}

/// Built once. `None` when a rule is none, which the tests rule out.
fn compiled() -> Option<&'static Compiled> {
    static COMPILED: OnceLock<Option<Compiled>> = OnceLock::new();
    let compile = || {
        let (mut words, mut of_word, mut patterns) = (Vec::<&str>::new(), Vec::new(), Vec::new());
        for (number, rule) in RULES.iter().enumerate() {
            words.extend(rule.words);
            of_word.resize(words.len(), number);
            patterns.push(Regex::new(&format!("(?-u){}", rule.pattern)).ok()?);
        }
        Some(Compiled { words: AhoCorasick::new(words).ok()?, of_word, patterns })
    };
    COMPILED.get_or_init(compile).as_ref()
}

#[cfg(test)]
mod tests;
