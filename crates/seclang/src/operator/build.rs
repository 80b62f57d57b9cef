//! From an operator as written to a compiled one.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use diagnostics::{Diagnostic, Diagnostics};
use regex_automata::meta;

use super::{Comparison, Networks, Operator, TextTest};
use crate::Assets;
use crate::bytes::{ByteSet, hex2};
use crate::gate::Gate;
use crate::parse;
use crate::pcre;
use crate::syntax::Test;
use crate::template::{Expand, Names};

/// Bytes of compiled program that one pattern may take.
const REGEX_SIZE: usize = 32 << 20;
/// Bytes of lazily built states that one pattern may hold per thread.
const REGEX_CACHE: usize = 1 << 20;

/// The compiled operator and what a value must have for it to match.
pub(crate) fn build(
    test: &Test,
    assets: &dyn Assets,
    names: &mut Names,
    found: &mut Diagnostics,
) -> Option<(Operator, Gate)> {
    match operator(test, assets, names, found) {
        Ok((operator, gate)) => {
            let gate = operator.gate(&gate);
            Some((operator, gate))
        }
        Err(error) => {
            found.push(error);
            None
        }
    }
}

fn operator(
    test: &Test,
    assets: &dyn Assets,
    names: &mut Names,
    found: &mut Diagnostics,
) -> Result<(Operator, Gate), Diagnostic> {
    let argument = test.argument.as_str();
    let mut expand = || parse::template(argument, test.argument_span).map(|text| Expand::new(&text, names));
    let plain = |operator: Operator| Ok((operator, Gate::default()));
    match test.name.as_str() {
        "rx" => regex(test, found),
        "pm" => phrases(&snort(argument)),
        "pmf" | "pmfromfile" => phrases(&lines(test, assets)?),
        "ipmatch" => plain(Operator::Networks(networks(test, argument.split([',', ' ']))?)),
        "ipmatchf" | "ipmatchfromfile" => {
            let lines = lines(test, assets)?;
            let lines: Vec<String> =
                lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect();
            plain(Operator::Networks(networks(test, lines.iter().map(String::as_str))?))
        }
        "eq" => plain(Operator::Compare(Comparison::Equal, expand()?)),
        "ge" => plain(Operator::Compare(Comparison::GreaterOrEqual, expand()?)),
        "gt" => plain(Operator::Compare(Comparison::Greater, expand()?)),
        "le" => plain(Operator::Compare(Comparison::LessOrEqual, expand()?)),
        "lt" => plain(Operator::Compare(Comparison::Less, expand()?)),
        "beginswith" => plain(Operator::Text(TextTest::BeginsWith, expand()?)),
        "contains" | "strmatch" => plain(Operator::Text(TextTest::Contains, expand()?)),
        "containsword" => plain(Operator::Text(TextTest::ContainsWord, expand()?)),
        "endswith" => plain(Operator::Text(TextTest::EndsWith, expand()?)),
        "streq" => plain(Operator::Text(TextTest::Equals, expand()?)),
        "within" => plain(Operator::Text(TextTest::Within, expand()?)),
        "validatebyterange" => plain(Operator::OutsideRange(ranges(test)?.complement())),
        "validateurlencoding" => plain(Operator::BrokenUrlEncoding),
        "validateutf8encoding" => plain(Operator::BrokenUtf8),
        "detectsqli" => plain(Operator::SqlInjection),
        "detectxss" => plain(Operator::CrossSiteScripting),
        "unconditionalmatch" => plain(Operator::Always),
        "nomatch" => plain(Operator::Never),
        "geolookup" | "rbl" => {
            let message =
                format!("`@{}` asks a service outside of the engine; it never matches here", test.name);
            let help = "remove the rule, or use the gateway's own address lists";
            found.push(Diagnostic::warning("seclang-outside", message).at(test.span).help(help));
            plain(Operator::Never)
        }
        name => {
            let message = format!("`@{name}` is not an operator that this engine knows");
            Err(parse::error("seclang-unknown-operator", message, test.span))
        }
    }
}

fn regex(test: &Test, found: &mut Diagnostics) -> Result<(Operator, Gate), Diagnostic> {
    let bad = |why: String| parse::error("seclang-bad-pattern", why, test.argument_span);
    let translated = pcre::translate(&test.argument).map_err(|error| {
        let rest: String =
            String::from_utf8_lossy(test.argument.as_bytes().get(error.at..).unwrap_or_default())
                .chars()
                .take(12)
                .collect();
        bad(format!("the pattern has {} at `{rest}`", error.why))
    })?;
    let mut kinds: Vec<&str> = translated.widened.iter().map(|(_, what)| *what).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if !kinds.is_empty() {
        let effect = if test.negated { "the rule matches less" } else { "the rule matches more" };
        let message =
            format!("the pattern has {}, which is left out: {effect} than it says", kinds.join(" and "));
        let help = "write the pattern without it, or accept the difference";
        found.push(Diagnostic::warning("seclang-widened", message).at(test.argument_span).help(help));
    }
    let hir = regex_syntax::ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .dot_matches_new_line(true)
        .build()
        .parse(&translated.pattern)
        .map_err(|error| bad(format!("the pattern does not parse: {}", one_line(&error.to_string()))))?;
    // Searches for literals inside a pattern cost a restart each time they are found, and an attacker chooses how often.
    // The gate has found the literals before; a plain scan is the same for every value.
    let config = meta::Config::new()
        .auto_prefilter(false)
        .utf8_empty(false)
        .nfa_size_limit(Some(REGEX_SIZE))
        .hybrid_cache_capacity(REGEX_CACHE);
    let regex = meta::Builder::new()
        .configure(config)
        .build_from_hir(&hir)
        .map_err(|error| bad(format!("the pattern does not compile: {}", one_line(&error.to_string()))))?;
    Ok((Operator::Regex(Box::new(regex)), Gate::of_hir(&hir)))
}

/// The last line of the regex crate's drawing is the reason.
fn one_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
}

fn phrases(literals: &[Vec<u8>]) -> Result<(Operator, Gate), Diagnostic> {
    let gate = Gate::of_literals(literals);
    let automaton: Result<AhoCorasick, _> = AhoCorasickBuilder::new()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostFirst)
        .build(literals);
    match automaton {
        Ok(automaton) => Ok((Operator::Phrases(automaton), gate)),
        Err(error) => Err(Diagnostic::error("seclang-bad-phrases", format!("too many phrases: {error}"))),
    }
}

/// The words of `@pm`, in which `|41 42|` stands for bytes.
fn snort(argument: &str) -> Vec<Vec<u8>> {
    argument
        .split_ascii_whitespace()
        .map(|word| {
            let mut out = Vec::new();
            for (index, piece) in word.split('|').enumerate() {
                let digits: Vec<u8> = piece.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                let bytes: Option<Vec<u8>> =
                    digits.chunks(2).map(|pair| hex2(*pair.first()?, *pair.get(1)?)).collect();
                match bytes {
                    Some(bytes) if index % 2 == 1 && word.matches('|').count() % 2 == 0 => out.extend(bytes),
                    _ => out.extend_from_slice(piece.as_bytes()),
                }
            }
            // A lone bar is itself.
            if word.matches('|').count() % 2 == 1 { word.as_bytes().to_vec() } else { out }
        })
        .filter(|word| !word.is_empty())
        .collect()
}

/// The lines of a file that are not comments.
fn lines(test: &Test, assets: &dyn Assets) -> Result<Vec<Vec<u8>>, Diagnostic> {
    let mut found = Vec::new();
    for name in test.argument.split_ascii_whitespace() {
        let text = assets.get(name).ok_or_else(|| {
            let message = format!("the file `{name}` is not there");
            parse::error("seclang-missing-file", message, test.argument_span)
                .help("put it beside the rule files")
        })?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        found.extend(lines.map(|line| line.as_bytes().to_vec()));
    }
    Ok(found)
}

fn networks<'a>(test: &Test, texts: impl Iterator<Item = &'a str>) -> Result<Networks, Diagnostic> {
    let mut networks = Networks::default();
    for text in texts.map(str::trim).filter(|text| !text.is_empty()) {
        networks.add(text).ok_or_else(|| {
            let message = format!("`{text}` is neither an address nor a network");
            parse::error("seclang-bad-network", message, test.argument_span)
        })?;
    }
    Ok(networks)
}

fn ranges(test: &Test) -> Result<ByteSet, Diagnostic> {
    let mut set = ByteSet::new();
    for piece in test.argument.split(',').map(str::trim) {
        let (from, to) = piece.split_once('-').unwrap_or((piece, piece));
        match (from.trim().parse::<u8>(), to.trim().parse::<u8>()) {
            (Ok(from), Ok(to)) if from <= to => set.insert_range(from, to),
            _ => {
                let message = format!("`{piece}` is not a range of bytes");
                return Err(parse::error("seclang-bad-range", message, test.argument_span));
            }
        }
    }
    Ok(set)
}
