//! Paths that climb, and spellings of paths that only hide where they lead.

use crate::bytes::{BACKSLASH, CONTROL, SLASH, at, before, from};
use crate::finding::{Best, Coding, Family, Hit};
use crate::text::{Place, Text};

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    if text.bytes.len() >= 6 {
        climbs(text, best);
        odd_spellings(text, best);
    }
    if text.place == Place::Path {
        dot_file(text, best);
    }
    if text.has(CONTROL) {
        cut_off(text, best);
    }
    if text.place != Place::Header {
        padded(text, best);
    }
}

fn offer(best: &mut Best, rule: &'static str, (start, end): (usize, usize), score: u8) {
    best.offer(Hit { family: Family::Path, rule, start, end, score });
}

const fn is_slash(byte: u8) -> bool {
    matches!(byte, b'/' | b'\\')
}

/// `../`, `..\`, `..;/`, `....//`: how many in a row, and whether they begin the value.
fn climbs(text: &Text<'_>, best: &mut Best) {
    if !text.has(SLASH | BACKSLASH) {
        return;
    }
    let bytes = text.bytes;
    let (mut index, mut first, mut count, mut last) = (0, 0, 0u32, 0);
    while let Some(offset) = memchr::memmem::find(from(bytes, index), b"..") {
        let start = index + offset;
        let dots = from(bytes, start).iter().take(64).take_while(|byte| **byte == b'.').count();
        let mut end = start + dots;
        if at(bytes, end) == b';' {
            end += 1;
        }
        let slashes = from(bytes, end).iter().take(64).take_while(|byte| is_slash(**byte)).count();
        let opens = start == 0 || !bytes.get(start - 1).is_some_and(u8::is_ascii_alphanumeric);
        if slashes == 0 || !opens {
            // `/..` at the end climbs too.
            if end == bytes.len() && is_slash(before(bytes, start)) && dots == 2 && count > 0 {
                count += 1;
            }
            index = end.max(start + 2);
            continue;
        }
        if count == 0 || start > last + 2 {
            (first, count) = (start, 0);
        }
        count += if dots > 3 { 2 } else { 1 };
        last = end + slashes;
        index = last;
        let leads = first == 0
            || is_slash(before(bytes, first)) && first <= 8
            || matches!(before(bytes, first), b'=' | b':');
        let only = text.spaces == 0;
        let score = match (count, leads) {
            (1, true) if only && bytes.len() - last >= 3 && dots > 3 => 6,
            (1, true) if only && first == 0 && dots == 2 && !text.long && text.place != Place::Header => 5,
            // `/..///x`: nobody writes a step up so who has nothing to hide.
            (1, true) if only && slashes > 1 && dots == 2 && !text.long => 5,
            (1, _) => 2,
            (2, true) if only => 6,
            (2, _) if only => 5,
            (2 | 3, _) => text.pick(5, 1),
            (_, _) => text.pick(7, if count >= 5 { 5 } else { 2 }),
        };
        offer(best, "climbs", (first, last), score);
    }
    if count == 1 && !text.long {
        // One step up in the middle of an absolute path, or with a file that is asked for by its ending.
        let middle = is_slash(before(bytes, first)) && first > 1 && text.spaces == 0;
        offer(best, "climbs", (first, last), if middle { 5 } else { 3 });
    }
}

/// `/....`, `/./././`, `////`.
fn odd_spellings(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    if text.long && bytes.len() > 1024 || text.place == Place::Header {
        return;
    }
    let (mut dots, mut most, mut here) = (0usize, 0usize, 0usize);
    for (index, byte) in bytes.iter().enumerate() {
        dots = if *byte == b'.' { dots + 1 } else { 0 };
        if dots > most && is_slash(before(bytes, index + 1 - dots)) {
            (most, here) = (dots, index + 1 - dots);
        }
    }
    let words = text.spaces > 0;
    if most >= 3 && !words {
        offer(best, "dots", (here, here + most), if here <= 1 { 6 } else { 5 });
    }
    let same = count(bytes, b"/./");
    if same >= 2 && !words {
        offer(best, "stays", (0, bytes.len()), 5);
    }
    let slashes = from(bytes, 0).iter().take_while(|byte| is_slash(**byte)).count();
    if slashes >= 4
        && !words
        && slashes < bytes.len()
        && !bytes.get(slashes..).unwrap_or_default().contains(&b'/')
    {
        offer(best, "slashes", (0, slashes), 5);
    }
    let leading_dots = from(bytes, 0).iter().take_while(|byte| **byte == b'.').count();
    if leading_dots >= 4 && !words && at(bytes, leading_dots).is_ascii_alphabetic() {
        offer(best, "dots", (0, leading_dots), 5);
    }
}

/// How often a pattern that may overlap itself by one byte occurs.
fn count(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).filter(|window| *window == pattern).count()
}

/// `.git`, `.env`: what lies beside an application and is none of its paths (RFC 8615 has `.well-known`).
fn dot_file(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    if at(bytes, 0) == b'.' && at(bytes, 1).is_ascii_alphabetic() && !bytes.starts_with(b".well-known") {
        offer(best, "dot-file", (0, bytes.len()), 5);
    }
}

/// A NUL, at which some languages end a text: `../x%00.png`.
fn cut_off(text: &Text<'_>, best: &mut Best) {
    let Some(nul) = memchr::memchr(0, text.bytes) else { return };
    let many = memchr::memchr_iter(0, text.bytes).take(9).count();
    // Whoever sends many sends binary data; written as `\0`, it is code about it.
    // UTF-16 has one in every second byte.
    if many <= 8 && many * 4 < text.bytes.len() && !text.view.has(Coding::Escapes) {
        // Texts about URLs write `%00`.
        let long = if text.view.has(Coding::Percent) { 4 } else { 5 };
        offer(best, "nul", (nul, nul + 1), text.pick(6, long));
    }
}

/// How often a letter is repeated that no path has so often.
const PADDING: usize = 64;

/// One character over and over: no value, but a probe of where one ends.
fn padded(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let slash = usize::from(at(bytes, 0) == b'/');
    let body = from(bytes, slash);
    let first = at(body, 0);
    let run = body.iter().take_while(|byte| **byte == first).count();
    if slash == 1 && run >= PADDING && first.is_ascii_alphabetic() && text.spaces == 0 {
        offer(best, "padding", (0, bytes.len()), 5);
    }
}
