//! Values that are an expression of constants, and rows that no `select` makes.

use super::Scan;
use super::token::Kind;
use super::word::Word;

/// Tokens after `case` among which its `then` is looked for.
const THEN: usize = 24;

impl Scan<'_> {
    /// `cast(1 as decimal)`, `(2=2)*3`: the value itself is computed.
    pub(super) fn constant(&mut self) {
        let reader = self.reader;
        let number = |index| reader.kind(index) == Some(Kind::Number);
        let open = |index| reader.kind(index) == Some(Kind::Open);
        let close = |index| reader.kind(index) == Some(Kind::Close);
        if reader.is_text(0, b"cast") && open(1) && (3..6).any(|index| reader.is_text(index, b"as")) {
            self.weigh("cast", (0, 2), (5, 0));
        }
        let odbc = reader.is_text(0, b"{") && reader.word(1).is_some();
        let ends =
            |index| reader.is_text(index, b"}") && matches!(reader.kind(index + 1), Some(Kind::Sign(_)));
        if odbc && (reader.is_text(2, b"!") && ends(4) || number(2) && ends(3)) {
            self.weigh("escape", (0, 3), (5, 0));
        }
        let compared = number(1) && reader.kind(2) == Some(Kind::Compare) && number(3);
        if open(0) && compared && close(4) && matches!(reader.kind(5), Some(Kind::Sign(_))) {
            self.weigh("comparison-of-constants", (0, 5), (5, 0));
        }
    }

    /// `union values (1,2)`, `union values row(1,2)`, `1 union table users`: the index behind `union` and what qualifies it.
    pub(super) fn union_rows(&mut self, index: usize, rows: usize) {
        let reader = self.reader;
        let open = |index| reader.kind(index) == Some(Kind::Open);
        let values = reader.is_text(rows, b"values")
            && (open(rows + 1) || reader.is_text(rows + 1, b"row") && open(rows + 2));
        let follows = index > 0 && (self.only_a_number(index) || reader.is_quote(index - 1));
        let table = reader.is_text(rows, b"table") && follows && reader.word(rows + 1).is_some();
        if values {
            self.weigh("union-values", (index, rows + 1), (8, 5));
        } else if table && reader.is_end(rows + 2) {
            self.weigh("union-table", (index, rows + 1), (6, 2));
        }
    }

    /// `case when (1=1) then`.
    pub(super) fn case(&mut self, index: usize) {
        let reader = self.reader;
        if !reader.is_text(index + 1, b"when") {
            return;
        }
        let compares = (index + 3..index + THEN).any(|at| reader.word(at) == Some(Word::Then))
            && reader.operand(index + 2).and_then(|(_, next)| reader.comparison(next)).is_some();
        self.weigh("case-when", (index, index + 1), if compares { (7, 3) } else { (4, 2) });
    }

    /// Whether a word stands in quotes of its own, as prose writes of it.
    pub(super) fn is_quoted(&self, index: usize) -> bool {
        let reader = self.reader;
        let glued = index > 0
            && reader.end(index - 1) == reader.start(index)
            && reader.end(index) == reader.start(index + 1);
        glued && reader.is_quote(index - 1) && reader.is_quote(index + 1) && {
            let next = reader.bytes.get(reader.end(index + 1)).copied().unwrap_or(b' ');
            next.is_ascii_whitespace() || matches!(next, b'.' | b',' | b';' | b':' | b')')
        }
    }

    /// Whether a comment of two dashes ends the value.
    pub(super) fn hides_nothing(&self, index: usize) -> bool {
        let behind = self.reader.bytes.get(self.reader.end(index)..).unwrap_or_default();
        self.reader.is_text(index, b"--") && behind.iter().all(|byte| matches!(byte, b' ' | b'-' | b'+'))
    }
}
