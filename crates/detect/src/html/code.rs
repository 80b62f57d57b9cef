//! JavaScript outside of tags: URLs that are programs, code of signs alone, calls that break out of a string.

use super::offer;
use crate::bytes::{Lower, at, before, from, part, skip_word};
use crate::finding::Best;
use crate::text::Text;

/// `javascript:` at the beginning of a value, or of what a sign or quote begins.
pub(super) fn schemes(text: &Text<'_>, best: &mut Best) {
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
pub(super) fn riddles(text: &Text<'_>, best: &mut Best) {
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
pub(super) fn breakout(text: &Text<'_>, best: &mut Best) {
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
