//! PCRE patterns, as rules write them, in the syntax of the `regex` crate.
//!
//! Rules are compiled by other engines over bytes with `DOTALL` and `DOLLAR_ENDONLY` (reference manual, `@rx`), so the
//! translation is meant for a builder with Unicode off and dot matching line ends. Inside a class `[`, `&&`, `--` and
//! `~~` are plain bytes in PCRE and operators in Rust: every byte of a class is written as `\xHH`.
//!
//! What a linear-time engine cannot do is either made wider (possessive quantifiers and atomic groups lose their
//! cutting, look-around is left out, a back-reference becomes the pattern of its group: everything that matched still
//! matches, and it is reported), or an error (recursion, conditions, verbs).

mod class;
mod group;

use crate::bytes::hex;

/// A translated pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Translated {
    /// For `regex::bytes::RegexBuilder` with `unicode(false)` and `dot_matches_new_line(true)`.
    pub(crate) pattern: String,
    /// Where in the source the translation is wider than what was written, and what stands there.
    pub(crate) widened: Vec<(usize, &'static str)>,
}

/// What cannot be translated: the offset in the pattern, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Untranslatable {
    pub(crate) at: usize,
    pub(crate) why: &'static str,
}

type Step = Result<(), Untranslatable>;

struct Translator<'a> {
    source: &'a [u8],
    at: usize,
    out: String,
    widened: Vec<(usize, &'static str)>,
    /// Whether `$` means line ends, for each open group.
    multi_line: Vec<bool>,
    /// For each open group where it begins in `out`, and its number when it captures.
    open: Vec<(usize, Option<usize>)>,
    /// Of each capturing group what it contains, once it is closed.
    groups: Vec<Option<String>>,
    /// Whether something stands here that a quantifier can follow.
    can_repeat: bool,
}

/// Translates a pattern.
pub(crate) fn translate(source: &str) -> Result<Translated, Untranslatable> {
    let mut translator = Translator {
        source: source.as_bytes(),
        at: 0,
        out: String::with_capacity(source.len() + 16),
        widened: Vec::new(),
        multi_line: vec![false],
        open: Vec::new(),
        groups: Vec::new(),
        can_repeat: false,
    };
    while let Some(byte) = translator.peek(0) {
        translator.step(byte)?;
    }
    Ok(Translated { pattern: translator.out, widened: translator.widened })
}

/// A byte as a literal that is safe inside and outside of classes.
fn push_byte(out: &mut String, byte: u8) {
    if byte.is_ascii_alphanumeric() || byte == b'_' {
        out.push(char::from(byte));
    } else {
        out.push_str(&format!("\\x{byte:02X}"));
    }
}

impl Translator<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.source.get(self.at + ahead).copied()
    }

    fn rest(&self) -> &[u8] {
        self.source.get(self.at..).unwrap_or_default()
    }

    fn fail(&self, why: &'static str) -> Step {
        Err(Untranslatable { at: self.at, why })
    }

    fn literal(&mut self, byte: u8, length: usize) -> Step {
        push_byte(&mut self.out, byte);
        self.take(length, true)
    }

    fn take(&mut self, length: usize, can_repeat: bool) -> Step {
        self.at += length;
        self.can_repeat = can_repeat;
        Ok(())
    }

    fn copy(&mut self, length: usize, can_repeat: bool) -> Step {
        let text = String::from_utf8_lossy(self.rest().get(..length).unwrap_or_default()).into_owned();
        self.out.push_str(&text);
        self.take(length, can_repeat)
    }

    fn step(&mut self, byte: u8) -> Step {
        match byte {
            b'\\' => self.escape(),
            b'[' => self.class(),
            b'(' => self.group(),
            b')' => {
                self.close();
                self.copy(1, true)
            }
            b'$' if self.multi_line.last() == Some(&true) => self.copy(1, true),
            b'$' => {
                self.out.push_str("\\z");
                self.take(1, true)
            }
            b'*' | b'+' | b'?' if self.can_repeat => self.quantifier(1),
            b'*' | b'+' | b'?' => self.fail("a quantifier with nothing before it"),
            b'{' => match self.counted() {
                Some(length) if self.can_repeat => self.quantifier(length),
                _ => self.literal(byte, 1),
            },
            b'^' => self.copy(1, true),
            b'|' => self.copy(1, false),
            b'.' => self.copy(1, true),
            byte => self.literal(byte, 1),
        }
    }

    /// The length of `{n}`, `{n,}` or `{n,m}` here.
    fn counted(&self) -> Option<usize> {
        let close = self.rest().iter().position(|byte| *byte == b'}')?;
        let inner = self.rest().get(1..close)?;
        let mut halves = inner.splitn(2, |byte| *byte == b',');
        let digits = |half: &[u8]| half.iter().all(u8::is_ascii_digit);
        let first = halves.next()?;
        (!first.is_empty() && digits(first) && halves.next().is_none_or(digits)).then_some(close + 1)
    }

    fn quantifier(&mut self, length: usize) -> Step {
        self.copy(length, true)?;
        match self.peek(0) {
            Some(b'?') => self.copy(1, true),
            Some(b'+') => {
                self.widened.push((self.at, "a possessive quantifier"));
                self.take(1, true)
            }
            _ => Ok(()),
        }
    }

    fn escape(&mut self) -> Step {
        let Some(next) = self.peek(1) else { return self.fail("a `\\` at the end") };
        match next {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' => self.copy(2, true),
            b'b' | b'B' | b'A' | b'z' => self.copy(2, true),
            b'h' => self.replace("[\\x09\\x20\\xA0]"),
            b'H' => self.replace("[^\\x09\\x20\\xA0]"),
            b'v' => self.replace("[\\x0A-\\x0D\\x85]"),
            b'V' => self.replace("[^\\x0A-\\x0D\\x85]"),
            b'N' => self.replace("[^\\x0A]"),
            b'R' => self.replace("(?:\\x0D\\x0A|[\\x0A-\\x0D\\x85])"),
            b'1'..=b'9' => self.back_reference(usize::from(next - b'0')),
            b'k' | b'g' => self.fail("a back-reference, which needs backtracking"),
            b'Q' => self.quoted(),
            b'E' => self.take(2, self.can_repeat),
            _ => match self.escaped_byte() {
                Some((byte, length)) => self.literal(byte, length),
                None => self.fail("an escape that this engine does not know"),
            },
        }
    }

    /// Whatever the group can match, which is more than what it matched.
    fn back_reference(&mut self, number: usize) -> Step {
        let group = number.checked_sub(1).and_then(|at| self.groups.get(at)).cloned().flatten();
        let Some(group) = group.filter(|group| group.len() <= 4096) else {
            return self.fail("a back-reference to a group that is not closed before it");
        };
        self.widened.push((self.at, "a back-reference"));
        self.out.push_str("(?:");
        self.out.push_str(&group);
        self.out.push(')');
        self.take(2, true)
    }

    /// Enters a group.
    fn enter(&mut self, captures: bool, multi_line: bool) {
        self.multi_line.push(multi_line);
        let number = captures.then_some(self.groups.len());
        if captures {
            self.groups.push(None);
        }
        self.open.push((self.out.len(), number));
    }

    /// Leaves a group; what a capturing one contains is kept without its captures, every other bracket being escaped.
    fn close(&mut self) {
        if self.multi_line.len() > 1 {
            self.multi_line.pop();
        }
        let Some((start, Some(number))) = self.open.pop() else { return };
        let inside = self.out.get(start + 1..).unwrap_or_default();
        let plain = inside.replace("(?", "\0").replace('(', "(?:").replace('\0', "(?");
        if let Some(group) = self.groups.get_mut(number) {
            *group = Some(plain);
        }
    }

    fn replace(&mut self, with: &str) -> Step {
        self.out.push_str(with);
        self.take(2, true)
    }

    /// `\Q…\E`.
    fn quoted(&mut self) -> Step {
        self.at += 2;
        while let Some(byte) = self.peek(0) {
            if self.rest().starts_with(b"\\E") {
                return self.take(2, self.can_repeat);
            }
            self.literal(byte, 1)?;
        }
        Ok(())
    }

    /// An escape that stands for one byte, and its length, in and outside of classes.
    fn escaped_byte(&self) -> Option<(u8, usize)> {
        let next = self.peek(1)?;
        Some(match next {
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'f' => (0x0c, 2),
            b'a' => (0x07, 2),
            b'e' => (0x1b, 2),
            b'x' => return self.hex_escape(),
            b'0' => {
                let digits =
                    self.rest().iter().skip(2).take(2).take_while(|byte| (b'0'..=b'7').contains(byte));
                let (value, count) =
                    digits.fold((0_u8, 0), |(value, count), digit| (value << 3 | (digit & 7), count + 1));
                (value, 2 + count)
            }
            b'c' => (self.peek(2)?.to_ascii_uppercase() ^ 0x40, 3),
            next if next.is_ascii_alphanumeric() => return None,
            next => (next, 2),
        })
    }

    fn hex_escape(&self) -> Option<(u8, usize)> {
        if self.peek(2) == Some(b'{') {
            let close = self.rest().iter().position(|byte| *byte == b'}')?;
            let digits = std::str::from_utf8(self.rest().get(3..close)?).ok()?;
            return Some((u8::from_str_radix(digits, 16).ok()?, close + 1));
        }
        let digits = self.rest().iter().skip(2).take(2).map_while(|byte| hex(*byte));
        let (value, count) = digits.fold((0_u8, 0), |(value, count), digit| (value << 4 | digit, count + 1));
        Some((value, 2 + count))
    }
}

#[cfg(test)]
mod tests;
