//! Templates and expression languages: what stands between their brackets, and whether it computes or reaches for something.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::bytes::{BRACKET, at, part};
use crate::finding::{Best, Family, Hit};
use crate::text::Text;

/// Bytes of one expression that are read.
const EXPRESSION: usize = 160;
/// Expressions of a value that are read.
const EXPRESSIONS: usize = 512;

/// What closes an expression that these two bytes open.
const fn closing(pair: &[u8]) -> Option<&'static [u8]> {
    match pair {
        [b'$' | b'#' | b'%' | b'*' | b'@', b'{'] => Some(b"}"),
        [b'{', b'{'] => Some(b"}}"),
        [b'{', b'%'] => Some(b"%}"),
        [b'<', b'%'] => Some(b"%>"),
        [b'[', b'['] => Some(b"]]"),
        _ => None,
    }
}

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    if !text.has(BRACKET) {
        return;
    }
    let bytes = text.bytes;
    let mut seen = 0;
    for (index, pair) in bytes.windows(2).enumerate() {
        let Some(close) = closing(pair) else { continue };
        seen += 1;
        if seen > EXPRESSIONS {
            break;
        }
        let rest = part(bytes, index + 2, index + 2 + EXPRESSION);
        let length = memchr::memmem::find(rest, close);
        let inside = part(rest, 0, length.unwrap_or(rest.len()));
        let end = index + 2 + inside.len();
        if let Some((rule, short, long)) = judge(pair, inside, length.is_some()) {
            let score = text.weigh(end + 2, short, long);
            let family = if rule == "nested-lookup" { Family::Jndi } else { Family::Template };
            best.offer(Hit { family, rule, start: index, end, score });
        }
    }
}

fn judge(open: &[u8], inside: &[u8], closed: bool) -> Option<(&'static str, u8, u8)> {
    let nested = open == b"${" && memchr::memmem::find(inside, b"${").is_some();
    if nested && (inside.contains(&b':') || inside.starts_with(b"${")) {
        return Some(("nested-lookup", 7, 4));
    }
    if !closed {
        return None;
    }
    if arithmetic(inside) {
        return Some(("arithmetic", 7, 3));
    }
    let reaches = reaches(inside);
    if reaches {
        let strong = inside.contains(&b'(') || inside.contains(&b'.') || inside.contains(&b'[');
        return Some((
            "expression",
            if strong { 7 } else { 4 },
            if strong && open != b"${" && open != b"<%" { 3 } else { 2 },
        ));
    }
    let calls = inside.contains(&b'(') && inside.contains(&b')');
    match open {
        b"{%" => Some(("block", if calls || inside.contains(&b'=') { 5 } else { 4 }, 1)),
        b"<%" => Some(("block", 5, 1)),
        b"{{" | b"#{" | b"%{" | b"*{" | b"${" | b"@{" if calls => Some(("call", 5, 1)),
        b"{{" if matches!(inside.trim_ascii(), b"config" | b"self" | b"request" | b"settings" | b"this") => {
            Some(("object", 5, 1))
        }
        _ => None,
    }
}

/// What an expression reaches for that is none of a template's own values.
const REACHES: [&str; 25] = [
    "constructor",
    "__",
    "getclass",
    ".class",
    "forname",
    "runtime",
    "exec",
    "system(",
    "eval(",
    "popen",
    "import ",
    "require(",
    "#context",
    "#request",
    "@java",
    "new ",
    "process.",
    "config.",
    "self.",
    "request.",
    "settings.",
    "file.",
    "dir.",
    "|filter",
    "cycler",
];

static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(REACHES).ok()
});

/// Compiles the automaton.
pub(crate) fn prepare() {
    LazyLock::force(&AUTOMATON);
}

fn reaches(inside: &[u8]) -> bool {
    AUTOMATON.as_ref().is_none_or(|automaton| automaton.is_match(inside)) || starts_expression(inside)
}

fn starts_expression(inside: &[u8]) -> bool {
    inside.trim_ascii_start().starts_with(b"T(")
}

/// Two constants and an operator: `7*7`, `'a'.concat`, `3-1`.
fn arithmetic(inside: &[u8]) -> bool {
    let inner = inside.trim_ascii().trim_ascii_start();
    let inner = inner.strip_prefix(b"=").unwrap_or(inner).trim_ascii();
    let operators = inner.iter().filter(|byte| matches!(byte, b'*' | b'+' | b'-' | b'/' | b'^')).count();
    let rest = inner.iter().all(|byte| {
        byte.is_ascii_digit()
            || byte.is_ascii_whitespace()
            || matches!(byte, b'*' | b'+' | b'-' | b'/' | b'^' | b'\'' | b'"' | b'(' | b')' | b'.')
    });
    let digits = at(inner, 0).is_ascii_digit() || matches!(at(inner, 0), b'\'' | b'"' | b'(');
    operators >= 1
        && rest
        && digits
        && inner.len() >= 3
        && inner.last().is_some_and(|last| !matches!(last, b'-' | b'+'))
}
