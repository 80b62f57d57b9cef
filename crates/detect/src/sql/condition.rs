//! Conditions that an injection adds, and strings that it breaks out of.

use super::operand::Operand;
use super::token::Kind;
use super::word::Word;
use super::{Odd, Scan};

impl Scan<'_> {
    /// `or 1=1`, `and 'a'='a`, `and sleep(5)`, `|| (select …)`.
    pub(super) fn condition(&mut self, index: usize, odd: Odd) {
        let reader = self.reader;
        // SQL has `when` within `case` only.
        let apart = reader.is_text(index, b"when") && index == 0;
        if apart || reader.is_text(index, b"if") || reader.is_text(index, b"not") {
            return;
        }
        let breaks = self.breaks_out(index, odd);
        let Some((left, next)) = reader.operand(index + 1) else { return };
        let Some(after) = reader.comparison(next) else {
            self.single(index, (left, next), breaks, odd);
            return;
        };
        let Some((right, end)) = reader.operand(after) else {
            // `or 'a'='` and `and 1 in (select …`.
            if breaks && reader.kind(after).is_none() {
                self.weigh("condition", (index, after), (5, 4));
            }
            return;
        };
        let comparing = matches!(reader.kind(after.saturating_sub(1)), Some(Kind::Compare));
        let same = left == Operand::Name
            && right == Operand::Name
            && reader.text(index + 1).eq_ignore_ascii_case(reader.text(after));
        let (short, long) = compared(left, right, same, comparing);
        let starts = index <= 3 && self.only_a_number(index);
        let added = match (breaks, short) {
            (true, _) if comparing || right == Operand::Literal || short >= 3 || self.hidden_tail => {
                (short.max(5), long.max(2))
            }
            (false, 3..) if starts => (short.max(5), long),
            // `Conan or 5 > 3 GmbH`.
            _ if reader.text(after.saturating_sub(1)) != b"=" && short == 7 => (4, 2),
            _ => (short, long),
        };
        let tail = if breaks && self.hidden_tail { 1 } else { 0 };
        self.weigh("condition", (index, end.saturating_sub(1)), (added.0 + tail, added.1));
    }

    /// `rlike (select …`, `in (select …`, `like sleep(5)`.
    pub(super) fn compared_with(&mut self, index: usize) {
        let reader = self.reader;
        let Some((operand, next)) = reader.operand(index + 1) else { return };
        let score = match operand {
            // Only in brackets it is one.
            Operand::Subselect if self.sqlish(next) => {
                (8, if reader.kind(index + 1) == Some(Kind::Open) { 5 } else { 2 })
            }
            Operand::Call(Word::Weapon) => (7, 3),
            _ => return,
        };
        self.weigh("condition-select", (index, next.saturating_sub(1)), score);
    }

    /// What is no comparison: `or true--`, `' or '1`, `and sleep(5)`, `and (select …`.
    fn single(&mut self, index: usize, (left, next): (Operand, usize), breaks: bool, odd: Odd) {
        let reader = self.reader;
        let span = (index, next.saturating_sub(1));
        let last = reader.is_end(next);
        let word = reader.word(index);
        let bracketed = reader.kind(index + 1) == Some(Kind::Open);
        let logic = matches!(word, Some(Word::Logic | Word::Compare)) || word.is_none();
        match left {
            Operand::Subselect if self.sqlish(next) => {
                let long = if self.selects_from(next) && bracketed { 6 } else { 2 };
                self.weigh("condition-select", span, (8, long));
            }
            // `select() and sleep()`: without arguments it waits for nothing.
            Operand::Call(Word::Weapon) if reader.kind(next.saturating_sub(2)) == Some(Kind::Open) => {
                self.weigh("condition-function", span, (5, 2));
            }
            Operand::Call(Word::Weapon) => self.weigh("condition-function", span, (8, 5)),
            Operand::Call(Word::Function | Word::Case) if breaks => {
                self.weigh("condition-function", span, (6, 3));
            }
            Operand::Call(_) if breaks && (self.hidden_tail || bracketed) => {
                self.weigh("condition-call", span, (6, 3));
            }
            Operand::Number | Operand::Literal if breaks && logic && last => {
                let quoted =
                    reader.previous(index).is_some_and(|kind| matches!(kind, Kind::Quote(_) | Kind::Close));
                let cut = matches!(reader.kind(next), Some(Kind::Comment | Kind::Semicolon));
                if quoted || cut && self.hidden_tail {
                    self.weigh("condition-constant", span, (6, 3));
                }
            }
            Operand::Text if breaks && odd.any() && logic && !self.is_quoted(index) => {
                let short_string = next <= index + 4;
                let quoted = reader.is_quote(index.saturating_sub(1));
                if last && quoted && short_string {
                    self.weigh("condition-string", span, (5, 3));
                }
            }
            Operand::Name
                if breaks && logic && reader.kind(next) == Some(Kind::Comment) && self.hidden_tail =>
            {
                self.weigh("condition-name", span, (5, 2));
            }
            _ => {}
        }
    }

    /// A quote with what follows it: `'||'`, `'+(`, `'=0--`, `';`.
    pub(super) fn quote(&mut self, index: usize, odd: Odd) {
        let reader = self.reader;
        let closes = !odd.any();
        let after = reader.skip_close(index + 1);
        match reader.kind(after) {
            Some(Kind::Pipes | Kind::Sign(b'+')) if closes && reader.is_quote(after + 1) => {
                let alone = index <= 2;
                self.weigh("concatenation", (index, after + 1), (if alone { 5 } else { 2 }, 0));
            }
            Some(Kind::Compare) if closes && index <= 1 => {
                let text = reader.text(after);
                let compared = matches!(reader.kind(after + 1), Some(Kind::Quote(_) | Kind::Number));
                if compared && text != b">" && text != b"<" && !reader.bytes.contains(&b'<') {
                    self.weigh("comparison-after-string", (index, after + 1), (5, 0));
                }
            }
            _ => {}
        }
    }
}

/// Scores of a comparison after a word of logic: in a short value, and in a long text.
fn compared(left: Operand, right: Operand, same: bool, comparing: bool) -> (u8, u8) {
    use Operand::{Call, Literal, Name, Number, Subselect, Text};
    match (left, right) {
        (Subselect, _) | (_, Subselect) => (8, 6),
        (Call(Word::Weapon), _) | (_, Call(Word::Weapon)) => (8, 6),
        (Number, Number) => (7, if comparing { 6 } else { 3 }),
        (Text, Text) => (6, 2),
        (Call(Word::Function | Word::Case), _) | (_, Call(Word::Function | Word::Case)) => (5, 2),
        (Number | Literal, Text) | (Text, Number | Literal) | (Literal, Literal) => (5, 2),
        (Number, Literal) | (Literal, Number) => (4, 2),
        (Name, Name) if same => (5, 3),
        (Name, Text | Number | Literal) | (Text | Number, Name) if comparing => (3, 0),
        _ => (1, 0),
    }
}
