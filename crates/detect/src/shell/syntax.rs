//! What only a shell reads: functions, patterns of paths, statements of `cmd.exe`, expansions.

use super::offer;
use crate::bytes::{at, before, from, is_word, part, skip_space};
use crate::finding::Best;
use crate::text::Text;

/// `() { :;};`: what old shells took for a function.
pub(super) fn imported(text: &Text<'_>, best: &mut Best) {
    let Some(start) = memchr::memmem::find(text.bytes, b"()") else { return };
    let open = skip_space(text.bytes, start + 2);
    if start <= 2 && at(text.bytes, open) == b'{' {
        offer(best, "function-import", (start, open + 1), 9);
    }
}

/// `/???/c?t`, `/b*n/id`: paths that only a shell can read.
pub(super) fn globbed(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    for start in memchr::memchr_iter(b'/', bytes).take(16) {
        let segment = from(bytes, start + 1);
        let first = segment
            .iter()
            .take_while(|byte| is_word(**byte) || matches!(byte, b'?' | b'*' | b'[' | b']' | b'!' | b'-'))
            .count();
        let globs = part(segment, 0, first).iter().filter(|byte| matches!(byte, b'?' | b'[')).count();
        let system = [&b"/etc/"[..], b"/usr/", b"/bin/", b"/bi", b"/proc/", b"/sbin/"]
            .iter()
            .any(|root| bytes.starts_with(root));
        if system && globs > 0 && segment.get(..first).is_some_and(|segment| segment.contains(&b']')) {
            offer(best, "glob", (start, start + 1 + first), 5);
        }
        if globs >= 2 && at(segment, first) == b'/'
            || globs >= 1 && at(segment, first) == b'/' && part(segment, first, first + 12).contains(&b'?')
        {
            offer(best, "glob", (start, start + 1 + first), 6);
        }
    }
}

/// `FOR %a IN (…) DO`, `IF EXIST x`, `IF a EQU b`: statements of `cmd.exe`; and `alias a=b`.
pub(super) fn batch(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let start = from(bytes, 0)
        .iter()
        .take(8)
        .take_while(|byte| matches!(byte, b'&' | b';' | b'|' | b' ' | b'('))
        .count();
    let rest = part(bytes, start, start + 200);
    let has = |word: &[u8]| crate::bytes::contains(rest, word);
    let loops = crate::bytes::starts(rest, b"for ") && rest.contains(&b'%') && has(b" in ") && has(b"do ");
    const TESTS: [&[u8]; 4] = [b"exist ", b"defined ", b"errorlevel ", b"cmdextversion "];
    let tests = crate::bytes::starts(rest, b"if ")
        && (compares(rest) || TESTS.iter().any(|word| has(word)) && !rest.contains(&b','));
    let alias = crate::bytes::starts(rest, b"alias ") && rest.contains(&b'=');
    if loops || tests || alias {
        offer(best, "batch", (start, start + rest.len()), 5);
    }
}

/// Whether a comparison stands in the first words of a condition of `cmd.exe`; `==` is none within brackets, where it is C.
fn compares(rest: &[u8]) -> bool {
    const OPERATORS: [&[u8]; 6] = [b" equ ", b" neq ", b" lss ", b" leq ", b" gtr ", b" geq "];
    const WORDS: usize = 6;
    let begins = |index: usize| at(rest, index) != b' ' && before(rest, index) == b' ';
    let end = (1..rest.len()).filter(|index| begins(*index)).nth(WORDS).unwrap_or(rest.len());
    let head = part(rest, 0, end);
    let mut depth = 0i32;
    let equals = head.iter().enumerate().any(|(index, byte)| {
        depth += i32::from(*byte == b'(') - i32::from(*byte == b')');
        *byte == b'=' && at(head, index + 1) == b'=' && depth == 0
    });
    equals || OPERATORS.iter().any(|word| crate::bytes::contains(head, word))
}

/// `$((1+1))`, `$[2+2]`, `${x#y}`: what shells expand.
pub(super) fn expansions(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    for dollar in memchr::memchr_iter(b'$', bytes).take(16) {
        let (next, second) = (at(bytes, dollar + 1), at(bytes, dollar + 2));
        let inside = part(bytes, dollar + 2, dollar + 40);
        let odd = inside
            .iter()
            .take_while(|byte| **byte != b'}')
            .any(|byte| matches!(byte, b'#' | b'@' | b'\'' | b'"' | b'%'));
        let score = match (next, second) {
            (b'(', b'(') | (b'[', _) => 5,
            (b'{', _) if odd => 5,
            (b'\'' | b'"', _) if dollar == 0 || before(bytes, dollar) == b'/' => 4,
            _ => 0,
        };
        offer(best, "expansion", (dollar, dollar + 2), score);
    }
}
