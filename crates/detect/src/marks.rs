//! Names that say what they are for: classes, functions, files, prefixes of serialized objects.
//!
//! One automaton finds them all in one pass. Each has a score in a short value, one in a long text, and what must stand around
//! it. They are the names that the manuals of the languages themselves have for running code, reading files and loading objects.

mod table;

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::bytes::{MARK, at, before, is_word, skip_space};
use crate::finding::{Best, Family, Hit};
use crate::text::{Place, Text};
use table::MARKS;

/// What must stand around a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Around {
    /// Nothing in particular.
    Any,
    /// No word character before it.
    Word,
    /// No word character before it, an opening bracket after it.
    Called,
    /// The same, with arguments.
    With,
    /// It begins the value.
    Start,
    /// It begins the value or a quoted part of it.
    Begins,
    /// It is the value, or a path in it that no white space follows or precedes.
    File,
}

type Mark = (&'static str, Family, &'static str, u8, u8, Around);

static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(MARKS.iter().map(|mark| mark.0))
        .ok()
});

/// The names that may stand in a text of these bytes without an opening bracket right behind them.
pub(crate) fn uncalled(is_byte: impl Fn(u8) -> bool) -> impl Iterator<Item = &'static str> {
    let names = MARKS.iter().filter(|mark| !matches!(mark.5, Around::Called | Around::With));
    names.map(|mark| mark.0).filter(move |name| name.bytes().all(&is_byte))
}

/// Whether a word is a name that a bracket behind it makes a call of.
pub(crate) fn is_called(word: &[u8]) -> bool {
    let mut names = MARKS.iter().filter(|mark| matches!(mark.5, Around::Called | Around::With));
    names.any(|mark| word.eq_ignore_ascii_case(mark.0.as_bytes()))
}

/// Compiles the automaton, so that no call has to wait for it.
pub(crate) fn prepare() {
    LazyLock::force(&AUTOMATON);
}

/// Offers every name that stands where it means something.
pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    let Some(automaton) = &*AUTOMATON else {
        // Cannot be for a list that the tests compile; were it so, nothing would pass unseen.
        best.offer(Hit { family: Family::Evasion, rule: "no-automaton", start: 0, end: 0, score: 10 });
        return;
    };
    for found in automaton.find_overlapping_iter(text.bytes) {
        let Some((_, family, rule, short, long, around)) = MARKS.get(found.pattern().as_usize()).copied()
        else {
            continue;
        };
        let (start, end) = (found.start(), found.end());
        let score = if matches!(rule, "system" | "eval") {
            text.weigh(end, short, long)
        } else {
            text.pick(short, long)
        };
        if family == Family::Directory && text.place == Place::Header {
            continue;
        }
        // What is no better than what is known need not be looked at.
        if !best.wants(family, score) || !stands(text, family, (start, end), around) {
            continue;
        }
        best.offer(Hit { family, rule, start, end, score });
    }
}

fn stands(text: &Text<'_>, family: Family, (start, end): (usize, usize), around: Around) -> bool {
    let bytes = text.bytes;
    let before = before(bytes, start);
    match around {
        Around::Any => true,
        Around::Word => !is_word(before),
        Around::Called => {
            !is_word(before) && before != b'$' && before != b'.' && {
                let next = skip_space(bytes, end);
                let spaced = if family == Family::Code && text.has(MARK) { 2 } else { 0 };
                let sign = at(bytes, next);
                // Only to JavaScript a template in backticks is an argument.
                next <= end + spaced && (sign == b'(' || sign == b'`' && family == Family::Script)
            }
        }
        Around::With => {
            stands(text, family, (start, end), Around::Called)
                && at(bytes, skip_space(bytes, skip_space(bytes, end) + 1)) != b')'
        }
        Around::Start => start == 0,
        Around::Begins => start == 0 || matches!(before, b'"' | b'\'' | b'=' | b',' | b'(') && start < 16,
        Around::File => {
            let ends = matches!(
                at(bytes, end),
                0 | b'?'
                    | b'#'
                    | b'%'
                    | b'\''
                    | b'"'
                    | b'/'
                    | b'\\'
                    | b'.'
                    | b'&'
                    | b';'
                    | b')'
                    | b'|'
                    | b'`'
            ) || matches!(before, b'/' | b'\\') && text.spaces == 0;
            let words = text.spaces;
            ends && words <= 4 || bytes.len() <= end + 8 && words == 0
        }
    }
}
