//! Attributes that run something, within a tag and outside of any.

use super::offer;
use crate::bytes::{Lower, at, before, from, is_word, part, skip_space, starts};
use crate::finding::Best;
use crate::text::Text;

/// Attributes that run something.
pub(super) fn in_tag(text: &Text<'_>, start: usize, (from_index, end): (usize, usize), best: &mut Best) {
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
pub(super) fn outside(text: &Text<'_>, best: &mut Best) {
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
