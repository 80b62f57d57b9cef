//! HTML and JavaScript: tags that run something, attributes that do, URLs that are programs, code that breaks out of a string.
//!
//! Follows how browsers read (HTML Living Standard, 13.2.5): tag names end at white space, `/` and `>`, attributes need no quotes,
//! white space and control characters within a scheme are dropped.

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
        attributes(text, best);
    }
    if text.has(COLON) {
        schemes(text, best);
    }
    if text.has(BRACKET) && !text.json {
        riddles(text, best);
    }
    if text.has(QUOTE) && text.has(BRACKET | MARK) {
        breakout(text, best);
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
        in_tag(text, start, (name_end.max(read), name_end + TAG), best);
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

/// Attributes that run something.
fn in_tag(text: &Text<'_>, start: usize, (from_index, end): (usize, usize), best: &mut Best) {
    let bytes = text.bytes;
    for equals in memchr::memchr_iter(b'=', part(bytes, from_index, end)) {
        let equals = from_index + equals;
        let name_end = back_over_space(bytes, equals);
        let name_start = back_over_name(bytes, name_end);
        let Some(name) = Lower::new(part(bytes, name_start, name_end)) else { continue };
        let name = name.as_slice();
        if name.len() > 4 && name.starts_with(b"on") {
            offer(best, "handler", (start, equals + 1), text.pick(9, 4));
        }
        let value = value_of(bytes, equals + 1);
        let loads = matches!(
            name,
            b"src"
                | b"href"
                | b"action"
                | b"formaction"
                | b"data"
                | b"background"
                | b"dynsrc"
                | b"lowsrc"
                | b"xlink:href"
                | b"poster"
                | b"content"
                | b"to"
                | b"from"
                | b"values"
                | b"url"
                | b"code"
                | b"classid"
        );
        if loads && is_program(part(bytes, value, value + 64)) {
            offer(best, "program-url", (start, value + 10), text.pick(9, 6));
        }
        if name == b"style" && runs_style(style(text, equals + 1)) {
            offer(best, "style", (start, value), text.pick(8, 5));
        }
        if matches!(
            name,
            b"datasrc"
                | b"datafld"
                | b"dataformatas"
                | b"implementation"
                | b"srcdoc"
                | b"http-equiv"
                | b"autofocus"
                | b"attributename"
                | b"xsi:schemalocation"
        ) {
            offer(best, "attribute", (start, equals), text.pick(6, 2));
        }
        if name == b"href" && starts(part(bytes, start, start + 6), b"<base ") {
            offer(best, "base", (start, equals), text.pick(7, 3));
        }
        if at(bytes, value) == b'&' && at(bytes, value + 1) == b'{' {
            offer(best, "script-macro", (start, value), text.pick(7, 4));
        }
    }
}

fn back_over_space(bytes: &[u8], index: usize) -> usize {
    let spaces = part(bytes, 0, index).iter().rev().take(16);
    index - spaces.take_while(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()).count()
}

fn back_over_name(bytes: &[u8], index: usize) -> usize {
    let name = part(bytes, 0, index).iter().rev().take(32);
    index - name.take_while(|byte| is_word(**byte) || matches!(**byte, b'-' | b':')).count()
}

fn value_of(bytes: &[u8], index: usize) -> usize {
    let index = skip_space(bytes, index);
    let quotes = from(bytes, index).iter().take(3).take_while(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    index + quotes.count()
}

/// The value of a `style`; in a long text, in which more follows, only as far as its quotes go.
fn style<'a>(text: &Text<'a>, index: usize) -> &'a [u8] {
    let value = part(text.bytes, skip_space(text.bytes, index), index + 160);
    let end = match value.split_first() {
        _ if !text.long => None,
        Some((quote @ (b'"' | b'\''), rest)) => memchr::memchr(*quote, rest).map(|length| length + 1),
        _ => value.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'>'),
    };
    part(value, 0, end.unwrap_or(value.len()))
}

/// Whether a URL is a program: `javascript:` with what browsers drop inside.
fn is_program(value: &[u8]) -> bool {
    let kept = value
        .iter()
        .filter(|byte| !byte.is_ascii_whitespace() && !byte.is_ascii_control() && **byte != b'\\');
    let mut scheme = [0u8; 12];
    let mut length = 0;
    for (slot, byte) in scheme.iter_mut().zip(kept) {
        *slot = byte.to_ascii_lowercase();
        length += 1;
    }
    let scheme = scheme.get(..length).unwrap_or_default();
    [
        &b"javascript:"[..],
        b"vbscript:",
        b"livescript:",
        b"mocha:",
        b"data:text/ht",
        b"data:image/s",
        b"data:applica",
        b"javas<!--",
    ]
    .iter()
    .any(|known| scheme.starts_with(known))
}

fn runs_style(value: &[u8]) -> bool {
    value.iter().enumerate().any(|(at, byte)| {
        let rest = from(value, at);
        match byte.to_ascii_lowercase() {
            b'e' => starts(rest, b"expression") || starts(rest, b"expr/*"),
            b'j' => starts(rest, b"javascript:"),
            b'b' => starts(rest, b"behavior") || starts(rest, b"behaviour") || starts(rest, b"binding"),
            _ => false,
        }
    })
}

/// Handlers outside of any tag: `" onfocus=alert(1)`.
fn attributes(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let quote = memchr::memchr2(b'"', b'\'', bytes).unwrap_or(bytes.len());
    for equals in memchr::memchr_iter(b'=', bytes) {
        let name_end = back_over_space(bytes, equals);
        let name_start = back_over_name(bytes, name_end);
        let Some(name) = Lower::new(part(bytes, name_start, name_end)) else { continue };
        let name = name.as_slice();
        let sign = before(bytes, name_start);
        if name == b"style" && runs_style(style(text, equals + 1)) {
            offer(best, "style", (name_start, equals), text.pick(7, 4));
        }
        if name == b"href" || name == b"src" || name == b"xlink:href" {
            let value = value_of(bytes, equals + 1);
            if is_program(part(bytes, value, value + 64)) {
                offer(best, "program-url", (name_start, value), text.pick(8, 5));
            }
        }
        if !is_handler(name)
            || !(name_start == 0
                || sign.is_ascii_whitespace()
                || matches!(sign, b'"' | b'\'' | b'`' | b'/' | b';' | b'>' | 0))
        {
            continue;
        }
        let quoted = quote < name_start;
        let value = part(bytes, equals + 1, equals + 80);
        let calls = value.iter().any(|byte| matches!(byte, b'(' | b'`' | b'.' | b'&' | b'\\'));
        let score = match (quoted, calls) {
            (true, true) => text.pick(8, 3),
            (_, true) => text.pick(7, 2),
            (true, false) => text.pick(6, 1),
            _ => text.pick(5, 0),
        };
        offer(best, "handler", (name_start, equals + 1), score);
    }
}

/// Names of events that browsers know begin like this.
fn is_handler(name: &[u8]) -> bool {
    const KNOWN: [&[u8]; 34] = [
        b"load",
        b"error",
        b"click",
        b"dblclick",
        b"mouse",
        b"key",
        b"focus",
        b"blur",
        b"change",
        b"submit",
        b"reset",
        b"select",
        b"toggle",
        b"pointer",
        b"touch",
        b"animation",
        b"transition",
        b"drag",
        b"drop",
        b"copy",
        b"cut",
        b"paste",
        b"scroll",
        b"resize",
        b"wheel",
        b"begin",
        b"end",
        b"start",
        b"finish",
        b"bounce",
        b"unload",
        b"hashchange",
        b"play",
        b"before",
    ];
    name.len() >= 5
        && name.strip_prefix(b"on").is_some_and(|event| KNOWN.iter().any(|known| event.starts_with(known)))
}

/// `javascript:` at the beginning of a value, or of what a sign or quote begins.
fn schemes(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    for colon in memchr::memchr_iter(b':', bytes) {
        // The last letters decide whether it is worth looking: `…script:`.
        let mut taken = 0;
        let letters = part(bytes, 0, colon).iter().rev().take(64).inspect(|_| taken += 1);
        let mut kept =
            letters.filter(|byte| !byte.is_ascii_whitespace() && !byte.is_ascii_control() && **byte != b'\\');
        let matches = b"tpircsavaj"
            .iter()
            .all(|wanted| kept.next().is_some_and(|byte| byte.eq_ignore_ascii_case(wanted)));
        if !matches {
            continue;
        }
        let start = colon - taken;
        let sign = before(bytes, start);
        let next = at(bytes, colon + 1);
        let begins = start == 0
            || matches!(sign, b'"' | b'\'' | b'=' | b'(' | b' ' | b'<' | b',' | b';' | b'/' | b'\n' | b'>');
        let glued = colon - start == 10;
        let runs =
            from(bytes, colon).iter().take(200).any(|byte| matches!(byte, b'(' | b'`' | b'=' | b'/' | b'%'));
        if begins && runs && (next != b' ' || !glued) {
            offer(best, "program-url", (start, colon + 1), text.pick(8, 4));
        } else if begins && start == 0 && next != b' ' {
            offer(best, "program-url", (start, colon + 1), text.pick(6, 1));
        }
    }
}

/// JavaScript written in brackets and signs alone.
fn riddles(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let (mut start, mut length, mut pluses, mut brackets) = (0, 0, 0, 0);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(
            byte,
            b'[' | b']' | b'(' | b')' | b'{' | b'}' | b'!' | b'+' | b'$' | b'_' | b'~' | b'=' | b' '
        ) {
            if length == 0 {
                (start, pluses, brackets) = (index, 0, 0);
            }
            length += 1;
            pluses += usize::from(matches!(byte, b'+' | b'!' | b'$'));
            brackets += usize::from(matches!(byte, b'[' | b']'));
        } else {
            length = 0;
        }
        if length >= 12 && pluses >= 2 && brackets >= 6 {
            offer(best, "riddle", (start, index + 1), text.pick(6, 5));
            return;
        }
    }
}

/// `";alert(1)//`, `'-prompt(1)-'`: a call that follows a quote and a sign.
fn breakout(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    for (index, _) in bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\'' | b'`')) {
        let signs = from(bytes, index + 1).iter().take(8).take_while(|byte| {
            matches!(
                byte,
                b';' | b')'
                    | b'}'
                    | b']'
                    | b'-'
                    | b'+'
                    | b'*'
                    | b'/'
                    | b'^'
                    | b'|'
                    | b'&'
                    | b'<'
                    | b'>'
                    | b'='
                    | b' '
                    | b','
                    | b'('
            )
        });
        let signs = signs.count();
        let word_end = skip_word(bytes, index + 1 + signs);
        let Some(word) = Lower::new(part(bytes, index + 1 + signs, word_end)) else { continue };
        let calls = matches!(at(bytes, word_end), b'(' | b'`');
        let sink = matches!(
            word.as_slice(),
            b"alert"
                | b"prompt"
                | b"confirm"
                | b"eval"
                | b"fetch"
                | b"settimeout"
                | b"import"
                | b"function"
                | b"console"
                | b"print"
                | b"open"
        );
        if signs > 0 && sink && calls {
            offer(best, "breakout", (index, word_end + 1), text.weigh(word_end + 12, 7, 3));
        }
    }
    let mock = memchr::memmem::find(bytes, b"\"-->").or_else(|| memchr::memmem::find(bytes, b"';!--"));
    if let Some(start) = mock {
        offer(best, "breakout", (start, start + 4), text.pick(5, 1));
    }
}
