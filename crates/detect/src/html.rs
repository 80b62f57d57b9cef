//! HTML and JavaScript: tags that run something, attributes that do, URLs that are programs, code that breaks out of a string.
//!
//! Follows how browsers read (HTML Living Standard, 13.2.5): tag names end at white space, `/` and `>`, attributes need no quotes,
//! white space and control characters within a scheme are dropped.

mod attributes;
mod code;

use crate::bytes::{
    ANGLE, BRACKET, COLON, Lower, MARK, QUOTE, at, before, from, is_word, part, skip_space, skip_word, starts,
};
use crate::finding::{Best, Family, Hit};
use crate::text::Text;

/// Bytes of a tag that are read for its attributes.
const TAG: usize = 512;

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    if text.has(ANGLE) {
        tags(text, best);
    }
    if text.has(MARK) {
        attributes::outside(text, best);
    }
    if text.has(COLON) {
        code::schemes(text, best);
    }
    if text.has(BRACKET) && !text.json {
        code::riddles(text, best);
    }
    if text.has(QUOTE) && text.has(BRACKET | MARK) {
        code::breakout(text, best);
    }
}

fn offer(best: &mut Best, rule: &'static str, (start, end): (usize, usize), score: u8) {
    best.offer(Hit { family: Family::Script, rule, start, end, score });
}

/// Scores of tags for their name alone, in a short value and in a long text.
fn tag_score(name: &[u8]) -> (u8, u8) {
    match name {
        b"script" => (9, 6),
        b"iframe" | b"object" | b"embed" | b"applet" | b"frameset" | b"frame" => (7, 4),
        b"base" | b"meta" => (4, 1),
        b"isindex" | b"layer" | b"ilayer" | b"bgsound" => (6, 2),
        b"svg" | b"math" | b"animate" | b"foreignobject" | b"xss" | b"marquee" => (5, 2),
        b"link" | b"style" | b"form" => (5, 2),
        b"xml" | b"comment" | b"event-source" | b"noscript" | b"template" | b"portal" => (5, 2),
        b"img" | b"image" | b"video" | b"audio" | b"source" | b"input" | b"button" | b"body"
        | b"textarea" | b"select" | b"keygen" | b"details" | b"html" => (3, 0),
        _ => (0, 0),
    }
}

fn tags(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    // What attributes of an earlier tag were looked for in is not read again: time stays linear.
    let mut read = 0;
    for start in memchr::memchr_iter(b'<', bytes) {
        let mut name_at = start + 1;
        let closes = at(bytes, name_at) == b'/';
        name_at += usize::from(closes);
        // `<\0script>` and `<<script>` are tags of that name to some.
        name_at += from(bytes, name_at).iter().take(4).take_while(|byte| matches!(byte, 0 | b'<')).count();
        if !at(bytes, name_at).is_ascii_alphabetic() {
            markup(text, start, best);
            continue;
        }
        let name_end = name_at
            + from(bytes, name_at).iter().take_while(|byte| is_word(**byte) || **byte == b'-').count();
        let name = Lower::new(part(bytes, name_at, name_end));
        let (short, long) = name.as_ref().map_or((0, 0), |name| tag_score(name.as_slice()));
        let follows = at(bytes, name_end);
        if !matches!(follows, 0 | b'>' | b'/' | b':' | b'+' | b'"' | b'\'' | b'<')
            && !follows.is_ascii_whitespace()
        {
            continue;
        }
        let (short, long) = match (closes, short) {
            (true, ..9) => (short / 2, 0),
            (false, 9) if text.long && (is_quoted(bytes, start, name_end) || !is_run(bytes, name_end)) => {
                (4, 3)
            }
            _ => (short, long),
        };
        let escaped = u8::from(text.escaped_markup());
        let score = text.weigh(name_end, short, long).saturating_sub(escaped);
        offer(best, "tag", (start, name_end), score);
        attributes::in_tag(text, start, (name_end.max(read), name_end + TAG), best);
        read = read.max(name_end + TAG);
    }
}

/// Whether a tag without attributes is named in backticks, as Markdown does.
fn is_quoted(bytes: &[u8], start: usize, name_end: usize) -> bool {
    before(bytes, start) == b'`' && at(bytes, name_end) == b'>' && at(bytes, name_end + 1) == b'`'
}

/// Whether something follows `<script` that would run: an attribute, a call or an assignment, or its end.
fn is_run(bytes: &[u8], index: usize) -> bool {
    let next = part(bytes, index, index + 160);
    if next.first() == Some(&b'>') && !may_be_script(from(next, 1)) {
        return false;
    }
    next.iter().any(|byte| matches!(byte, b'=' | b'(')) || crate::bytes::contains(next, b"</script")
}

/// Whether what follows `<script>` can begin a program: `::new()` after a type's name and ` tag (of` after a tag's cannot (ECMAScript,
/// 14: no statement begins with these signs, and none is two names beside each other on one line).
fn may_be_script(text: &[u8]) -> bool {
    const TWO_WORDS: [&[u8]; 26] = [
        b"var",
        b"let",
        b"const",
        b"function",
        b"async",
        b"return",
        b"throw",
        b"if",
        b"new",
        b"typeof",
        b"void",
        b"import",
        b"export",
        b"class",
        b"for",
        b"while",
        b"do",
        b"try",
        b"switch",
        b"with",
        b"delete",
        b"await",
        b"yield",
        b"else",
        b"case",
        b"using",
    ];
    let start = skip_space(text, 0);
    let first = at(text, start);
    if matches!(first, b':' | b',' | b'.' | b')' | b']' | b'=' | b'?' | b'|' | b'&' | b'>' | b'%' | b'^') {
        return false;
    }
    let end = skip_word(text, start);
    let gap = from(text, end).iter().take_while(|byte| **byte == b' ').count();
    let second = from(text, end + gap);
    let named = first.is_ascii_alphabetic() && gap > 0 && at(second, 0).is_ascii_alphabetic();
    let known = Lower::new(part(text, start, end)).is_some_and(|word| TWO_WORDS.contains(&word.as_slice()));
    !named || known || starts(second, b"in ") || starts(second, b"instanceof") || starts(second, b"of ")
}

/// `<!DOCTYPE x [`, `<!--` and `<?xml-stylesheet`.
fn markup(text: &Text<'_>, start: usize, best: &mut Best) {
    let rest = part(text.bytes, start, start + 120);
    if starts(rest, b"<!doctype") {
        let declares = rest.contains(&b'[') || crate::bytes::contains(rest, b" system ");
        let score = if declares { text.pick(8, 5) } else { 0 };
        best.offer(Hit { family: Family::Entity, rule: "doctype", start, end: start + 9, score });
    } else if starts(rest, b"<?xml-stylesheet") || starts(rest, b"<![cdata[<") {
        offer(best, "markup", (start, start + 9), text.pick(6, 2));
    }
}
