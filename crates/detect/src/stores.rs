//! Operators of document stores, filters of directories (LDAP, RFC 4515), and XPath 1.0.

use crate::bytes::{BRACKET, MARK, QUOTE, at, before, from, is_word, part, skip_space, skip_word};
use crate::finding::{Best, Family, Hit};
use crate::text::{Place, Text};

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    if text.has(MARK) {
        operators(text, best);
    }
    if text.place == Place::Header {
        return;
    }
    if text.has(BRACKET) {
        filters(text, best);
    }
    if text.has(QUOTE | BRACKET) && text.has(MARK) && !text.json {
        javascript(text, best);
    }
}

fn is_operator(name: &[u8]) -> bool {
    matches!(
        name,
        b"eq"
            | b"ne"
            | b"gt"
            | b"gte"
            | b"lt"
            | b"lte"
            | b"in"
            | b"nin"
            | b"or"
            | b"and"
            | b"not"
            | b"nor"
            | b"exists"
            | b"type"
            | b"regex"
            | b"options"
            | b"where"
            | b"expr"
            | b"mod"
            | b"all"
            | b"size"
            | b"elemMatch"
            | b"text"
            | b"slice"
            | b"function"
            | b"accumulator"
            | b"lookup"
            | b"comment"
            | b"jsonSchema"
            | b"rand"
            | b"natural"
    )
}

/// `$where` as a name: alone, in brackets of a parameter's name, or as a member of an object within a value.
fn operators(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    for start in memchr::memchr_iter(b'$', bytes) {
        let end = skip_word(bytes, start + 1);
        let name = part(bytes, start + 1, end);
        if !is_operator(name) {
            continue;
        }
        let (sign, next) = (before(bytes, start), at(bytes, end));
        let named = text.place == Place::Name
            && (start == 0 && end == bytes.len()
                || matches!(sign, b'[' | b'.') && matches!(next, b']' | 0 | b'.' | b'['));
        let bracketed = sign == b'[' && next == b']';
        let quoted =
            matches!(sign, b'"' | b'\'') && next == sign && at(bytes, skip_space(bytes, end + 1)) == b':';
        let member = sign == b'{' && at(bytes, skip_space(bytes, end)) == b':';
        let score = match (named, bracketed, quoted, member) {
            (true, ..) => 7,
            (_, true, ..) => text.pick(7, 4),
            (.., true, _) => text.pick(7, 3),
            (.., true) => text.pick(6, 2),
            _ => continue,
        };
        best.offer(Hit { family: Family::NoSql, rule: "operator", start, end, score });
    }
}

/// `'; return true; var x='`, `' || 'a'=='a`, `this.x == `.
fn javascript(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let words: [(&[u8], u8); 5] =
        [(b";return ", 6), (b"; return ", 6), (b"'=='", 6), (b"1==1", 6), (b"function(){", 5)];
    let Some(first) = bytes
        .iter()
        .position(|byte| matches!(byte, b'\'' | b'"'))
        .or_else(|| bytes.iter().position(|byte| *byte == b'|'))
    else {
        return;
    };
    for (word, score) in words {
        let Some(found) = memchr::memmem::find(bytes, word) else { continue };
        if found >= first || first <= 2 {
            best.offer(Hit {
                family: Family::NoSql,
                rule: "javascript",
                start: found,
                end: found + word.len(),
                score: text.pick(score, 1),
            });
        }
    }
}

/// `*)(uid=*`, `)(|(`, `*))%00`.
fn filters(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let opened = memchr::memchr(b'(', bytes).unwrap_or(bytes.len());
    for close in memchr::memchr_iter(b')', bytes) {
        let open = skip_space(bytes, close + 1);
        if at(bytes, open) != b'(' {
            continue;
        }
        let star = before(bytes, close) == b'*';
        let first = at(bytes, open + 1);
        let logic = matches!(first, b'|' | b'&' | b'!')
            && (at(bytes, open + 2) == b'(' || first == b'|' || first == b'&');
        let name_end = open
            + 1
            + from(bytes, open + 1)
                .iter()
                .take(40)
                .take_while(|byte| is_word(**byte) || **byte == b'-')
                .count();
        let compared = name_end > open + 1 && {
            let sign = at(bytes, name_end);
            sign == b'=' && at(bytes, name_end + 1) != b'='
                || matches!(sign, b'~' | b'>' | b'<') && at(bytes, name_end + 1) == b'='
        };
        let any = compared && at(bytes, name_end + 1) == b'*';
        // Code has `)(` too; the value of a parameter that closes a bracket that it did not open has not.
        let unopened = close < opened;
        let score = match (star, logic, compared) {
            (true, true, _) | (true, _, true) => text.pick(8, 4),
            (_, true, _) if unopened => text.pick(7, 2),
            (_, _, true) if any => text.pick(7, 3),
            (_, _, true) if unopened => text.pick(6, 1),
            (_, true, _) => text.pick(3, 1),
            (.., true) if bytes.starts_with(b"(") => text.pick(5, 1),
            _ => 0,
        };
        best.offer(Hit { family: Family::Directory, rule: "filter", start: close, end: name_end + 1, score });
    }
    let whole = bytes.starts_with(b"(") && matches!(at(bytes, 1), b'|' | b'&' | b'!') && at(bytes, 2) == b'(';
    let cut = bytes.starts_with(b"*)") && !bytes.iter().any(|byte| matches!(byte, b'(' | b' '));
    if (whole && bytes.contains(&b'=') || cut) && !text.long {
        best.offer(Hit { family: Family::Directory, rule: "filter", start: 0, end: 3, score: 6 });
    }
}
