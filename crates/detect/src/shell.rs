//! Commands of a shell: after a separator, within a substitution, or as the whole value.
//!
//! Many commands are words of English (`find`, `more`, `who`), and separators are punctuation; so a command of that kind counts
//! only with what makes it one: an option, a path, a redirection, or another separator right behind it.

mod command;
mod syntax;

use crate::bytes::{AMPERSAND, BRACKET, MARK, QUOTE, SLASH, SPACE, at, before, from, part, skip_space};
use crate::finding::{Best, Family, Hit};
use crate::text::{Place, Text};
use command::{After, Command, Written, after, written};

/// Separators of a value that are looked at.
const SEPARATORS: usize = 1024;
/// White space between a separator and its command that is skipped at most.
const GAP: usize = 24;

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    let separates = text.has(MARK | QUOTE | AMPERSAND | BRACKET);
    let lines = text.has(SPACE) && text.bytes.contains(&b'\n');
    if separates || lines {
        separated(text, best);
    }
    if text.has(SPACE | SLASH) && !text.long && text.place != Place::Header {
        whole(text, best);
    }
    if !text.long && text.place != Place::Header {
        syntax::batch(text, best);
        syntax::expansions(text, best);
    }
    syntax::imported(text, best);
    if text.has(SLASH) && !text.long {
        syntax::globbed(text, best);
    }
}

fn offer(best: &mut Best, rule: &'static str, (start, end): (usize, usize), score: u8) {
    best.offer(Hit { family: Family::Shell, rule, start, end, score });
}

fn separated(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let mut seen = 0;
    for (index, &byte) in bytes.iter().enumerate() {
        let (rule, weight) = match byte {
            b';' => ("after-semicolon", 0),
            b'|' => ("after-pipe", 0),
            b'&' => ("after-ampersand", 0),
            b'\n' => ("after-line-break", -1),
            b'`' => ("in-backticks", 0),
            b'(' if before(bytes, index) == b'$' => ("substitution", 2),
            b'(' if matches!(before(bytes, index), b'<' | b'>') => ("substitution", 1),
            b'{' if before(bytes, index) != b'$' => ("in-braces", -1),
            _ => continue,
        };
        seen += 1;
        if seen > SEPARATORS {
            return;
        }
        let start = behind(bytes, index);
        let found = written(bytes, start);
        let Some((short, long)) = weight_of(bytes, &found) else { continue };
        let spaced = start > index + 1 && byte != b'\n';
        let short = adjust(bytes, index, byte, (short + weight, spaced), &found);
        let long = if byte == b'\n' { 0 } else { long };
        let mut score = text.weigh(found.end, u8::try_from(short.clamp(0, 9)).unwrap_or(0), long);
        // User agents list what they are after semicolons.
        if text.place == Place::Header && !found.path && !found.hidden && rule != "substitution" && index > 0
        {
            score = score.saturating_sub(2);
        }
        offer(best, rule, (index, found.end), score);
    }
}

/// Where the command behind a separator may begin.
fn behind(bytes: &[u8], index: usize) -> usize {
    let gap =
        from(bytes, index + 1).iter().take(GAP).take_while(|byte| byte.is_ascii_whitespace() || **byte == 0);
    let start = index + 1 + gap.count();
    let opening = from(bytes, start).iter().take(8);
    start + opening.take_while(|byte| matches!(byte, b'(' | b'{' | b'+' | b'!' | b' ')).count()
}

/// Whether a command stands behind a semicolon, or is what the value begins with: to no other separator [`detect`] need be asked
/// where none is.
pub(crate) fn may_run(bytes: &[u8], separated: bool, whole: bool) -> bool {
    let runs = |start: usize| written(bytes, start).command != Command::None;
    separated && memchr::memchr_iter(b';', bytes).any(|index| runs(behind(bytes, index)))
        || whole && runs(begin(bytes))
}

/// Where a value that is a command as a whole begins with it.
fn begin(bytes: &[u8]) -> usize {
    let signs = bytes.iter().take(4);
    signs.take_while(|byte| matches!(byte, b'"' | b'\'' | b' ' | b'=' | b'!')).count()
}

/// What a command after a separator is worth in a short value and in a long text.
fn weight_of(bytes: &[u8], found: &Written) -> Option<(i8, u8)> {
    let after = after(bytes, found.end);
    let hidden = i8::from(found.hidden) * 2;
    let base = match (found.command, after) {
        (Command::None, _) | (_, After::Else) => return None,
        (Command::Sure, After::End) => (6, 1),
        (Command::Sure, After::Argument) => (7, 2),
        (Command::Sure, After::Word) => (4, 0),
        (Command::Word, After::End) => (5, 0),
        (Command::Word, After::Argument) => (5, 1),
        (Command::Word, After::Word) => (1, 0),
    };
    let path = if found.path { (2, 1) } else { (0, 0) };
    Some((base.0 + hidden + path.0, base.1 + path.1))
}

/// Takes the habits of prose and markup into account.
fn adjust(bytes: &[u8], index: usize, byte: u8, (score, spaced): (i8, bool), found: &Written) -> i8 {
    match byte {
        // What no second one ends is a quotation, and what stands between pairs of them too.
        b'`' if memchr::memchr(b'`', from(bytes, found.end)).is_none()
            || part(bytes, 0, index).iter().rev().take_while(|byte| **byte == b'`').count() % 2 == 1 =>
        {
            0
        }
        b'`' => {
            // `name` in running text is a quotation; alone, or with arguments and nothing around, it is none.
            let around = bytes.len() - (found.end - index).min(bytes.len());
            if around > 40 { score - 3 } else { score }
        }
        b'&' if before(bytes, index) == b'&' => score + 1,
        // A parameter that an earlier reader did not split: `a=1&id=2`.
        b'&' if at(bytes, found.end) == b'=' => 0,
        b'&' if found.command == Command::Word && found.end < bytes.len() => score - 2,
        b'|' if spaced
            && memchr::memchr_iter(b'|', bytes).take(3).count() > 2
            && found.command == Command::Word =>
        {
            score - 3
        }
        b'{' if at(bytes, found.end) != b',' => 0,
        // `with` and, on the next line, `Python 3.`; `$(MAKE)`: where line breaks and substitutions are read, commands are lower case.
        b'\n' | b'(' if !found.path && !found.lower => 0,
        b'\n' if found.command == Command::Word => score - 2,
        b';' | b'|' if !spaced && found.command == Command::Sure && score == 4 => 5,
        // `50% off; more`: a sentence goes on.
        b';' if spaced
            && found.command == Command::Word
            && !found.hidden
            && memchr::memchr(b' ', part(bytes, 0, index)).is_some() =>
        {
            score - 2
        }
        _ => score,
    }
}

/// The value is a command: `cat /etc/passwd`, `/usr/bin/id`, `ping -n 31 127.0.0.1`.
fn whole(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let start = begin(bytes);
    let found = written(bytes, start);
    if found.command == Command::None {
        return;
    }
    let after = after(bytes, found.end);
    let score = match (found.path, found.command, after) {
        (true, _, After::End | After::Argument) => 6,
        (_, Command::Sure, After::Argument) => {
            let argument = part(bytes, found.end, found.end + 64);
            let option = memchr::memmem::find(argument, b" -").is_some();
            let path = memchr::memmem::find(argument, b" /").is_some()
                || memchr::memmem::find(argument, b"://").is_some();
            let few = bytes.iter().filter(|byte| **byte == b' ').count() <= 5;
            if (option || path) && few || found.hidden { 6 } else { 3 }
        }
        (_, Command::Word, After::Argument) => {
            let argument = part(bytes, found.end, found.end + 64);
            if memchr::memmem::find(argument, b" /").is_some() || found.hidden { 5 } else { 2 }
        }
        _ if found.hidden => 6,
        (_, Command::Word | Command::Sure, After::Word | After::End)
            if runs_another(bytes, start, found.end) =>
        {
            5
        }
        (_, Command::Word | Command::Sure, After::End)
            if matches!(at(bytes, found.end), b';' | b'|') && found.end + 1 == bytes.len() =>
        {
            5
        }
        _ => 0,
    };
    offer(best, "command", (start, found.end), score);
}

/// `time id`, `nohup curl`: a command that runs another.
fn runs_another(bytes: &[u8], start: usize, end: usize) -> bool {
    const RUNNERS: [&[u8]; 8] =
        [b"time", b"nohup", b"strace", b"sudo", b"exec", b"xargs", b"nice", b"busybox"];
    let name = part(bytes, start, end);
    let next = skip_space(bytes, end);
    let other = written(bytes, next);
    RUNNERS.iter().any(|runner| name.eq_ignore_ascii_case(runner))
        && next > end
        && other.command == Command::Sure
        && other.end - next > 2
}
