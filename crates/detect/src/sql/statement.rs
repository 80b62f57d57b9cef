//! Statements, functions and tables.

use super::token::Kind;
use super::word::Word;
use super::{Odd, Scan};

/// Tokens after `select` among which a `from` is looked for.
const SELECTED: usize = 24;

impl Scan<'_> {
    /// Whether what follows `select` is what one selects, and no prose.
    pub(super) fn sqlish(&self, index: usize) -> bool {
        let reader = self.reader;
        let at = reader.skip_open(index);
        if reader.word(at) == Some(Word::Quantifier) {
            return self.is_selected(reader.skip_open(at + 1)) || self.selects_from(at + 1);
        }
        self.is_selected(at) || reader.kind(at).is_none() && index > 0 && at > index
    }

    fn is_selected(&self, at: usize) -> bool {
        let reader = self.reader;
        match reader.kind(at) {
            Some(
                Kind::Number
                | Kind::Quote(_)
                | Kind::Variable
                | Kind::Version
                | Kind::Sign(b'*' | b'-' | b'+' | b'~')
                | Kind::Word(Word::Literal | Word::Case | Word::Catalog | Word::Select),
            ) => true,
            Some(Kind::Word(Word::Function | Word::Weapon)) => reader.kind(at + 1) == Some(Kind::Open),
            Some(Kind::Word(Word::Quantifier)) => false,
            Some(Kind::Word(_)) => {
                reader.kind(at + 1) == Some(Kind::Open) || self.lists(at + 1) || self.names_one(at + 1)
            }
            _ => false,
        }
    }

    /// `a, b from t`, `a.b from t`.
    fn lists(&self, index: usize) -> bool {
        let separated =
            matches!(self.reader.kind(index), Some(Kind::Comma)) || self.reader.text(index) == b".";
        separated && self.selects_from(index)
    }

    /// `a from t where`, `a from t` and the end, `a where 1=1`.
    fn names_one(&self, index: usize) -> bool {
        let reader = self.reader;
        match reader.word(index) {
            Some(Word::From) => {
                let after = index + 2;
                reader.is_end(after)
                    || matches!(reader.kind(after), Some(Kind::Close | Kind::Comma))
                    || matches!(
                        reader.word(after),
                        Some(Word::Clause | Word::Limit | Word::Order | Word::Union)
                    )
                    || reader.word(index + 1) == Some(Word::Catalog)
            }
            Some(Word::Clause) => {
                reader.operand(index + 1).is_some_and(|(_, next)| reader.comparison(next).is_some())
            }
            _ => false,
        }
    }

    pub(super) fn selects_from(&self, index: usize) -> bool {
        (index..index + SELECTED).any(|at| self.reader.word(at) == Some(Word::From))
    }

    pub(super) fn union(&mut self, index: usize) {
        let reader = self.reader;
        let mut at = reader.skip_open(index + 1);
        while matches!(reader.kind(at), Some(Kind::Word(Word::Quantifier) | Kind::Version | Kind::Open))
            && at < index + 6
        {
            at += 1;
        }
        if reader.word(at) == Some(Word::Select) {
            let plain = at == index + 1;
            let sure = self.sqlish(at + 1) || !plain;
            // The Union Select Committee goes on with words.
            let ends = reader.is_end(at + 2) || index > 0 && self.only_a_number(index);
            let score = match (sure, ends) {
                (true, _) => (9, 7),
                (false, true) => (6, 3),
                _ => (4, 2),
            };
            self.weigh("union-select", (index, at + 1), score);
        } else if at > index + 1 && reader.is_end(at) {
            self.weigh("union", (index, at), (4, 2));
        } else {
            self.union_rows(index, at);
        }
    }

    /// `(select …)`, and a value that is a query.
    pub(super) fn select(&mut self, index: usize, odd: Odd) {
        let reader = self.reader;
        if !self.sqlish(index + 1) || self.is_quoted(index) {
            return;
        }
        let from = self.selects_from(index + 1);
        let span = (index, index + 2);
        match reader.previous(index) {
            Some(Kind::Open) if index > 1 || from => {
                self.weigh("subselect", span, (7, if from { 5 } else { 3 }));
            }
            Some(Kind::Open) => self.weigh("subselect", span, (6, 3)),
            None if from => self.weigh("query", span, (6, 3)),
            None => self.weigh("query", span, (5, 0)),
            _ if self.breaks_out(index, odd) => self.weigh("query-after-value", span, (6, 3)),
            _ if from => self.weigh("query", span, (5, 1)),
            _ => {}
        }
    }

    /// `order by 10--`, `group by x having 1=1`.
    pub(super) fn order(&mut self, index: usize) {
        let reader = self.reader;
        if reader.word(index + 1) != Some(Word::By) {
            return;
        }
        let follows = matches!(
            reader.before_brackets(index).and_then(|at| reader.kind(at)),
            Some(Kind::Quote(_) | Kind::Number)
        ) || index > 0 && reader.previous(index) == Some(Kind::Close);
        let number = matches!(reader.operand(index + 2), Some((super::operand::Operand::Number, _)));
        if follows && (number || self.hidden_tail) {
            self.weigh("order-by-number", (index, index + 2), (6, 2));
        } else if number && self.hidden_tail {
            self.weigh("order-by-number", (index, index + 2), (5, 2));
        }
    }

    /// Functions that wait, read files or make calls.
    pub(super) fn weapon(&mut self, index: usize) {
        let reader = self.reader;
        let called = reader.kind(index + 1) == Some(Kind::Open);
        let member = reader.text(index + 1) == b"." && reader.word(index + 2).is_some();
        let executed = reader.word(index.saturating_sub(1)) == Some(Word::Execute) && index > 0;
        let ordinary = [&b"sleep"[..], b"elt", b"benchmark", b"polygon", b"linestring", b"multipoint"];
        if ordinary.iter().any(|name| reader.is_text(index, name)) {
            let inside = matches!(
                reader.previous(index),
                Some(
                    Kind::Comma
                        | Kind::Open
                        | Kind::Pipes
                        | Kind::Sign(_)
                        | Kind::Compare
                        | Kind::Quote(_)
                        | Kind::Number
                        | Kind::Word(Word::Select | Word::Logic | Word::Clause)
                )
            );
            if called && inside {
                self.weigh("function", (index, index + 1), (7, 2));
            } else if called {
                let score = if self.hidden_tail { 5 } else { 4 };
                self.weigh("function", (index, index + 1), (score, 0));
            }
        } else if called || member || executed {
            self.weigh("function", (index, index + 2), (7, 4));
        } else {
            self.weigh("function-name", (index, index), (4, 1));
        }
    }

    pub(super) fn catalog(&mut self, index: usize) {
        let reader = self.reader;
        let from = matches!(reader.word(index.saturating_sub(1)), Some(Word::From));
        let member = reader.text(index + 1) == b".";
        let schema = [&b"information_schema"[..], b"pg_catalog", b"sqlite_master", b"sysobjects"];
        let known = schema.iter().any(|name| reader.is_text(index, name));
        let score = if from || member && known {
            (7, 4)
        } else if known {
            (5, 2)
        } else {
            (3, 0)
        };
        self.weigh("catalog", (index, index + 1), score);
    }

    /// `chr(113)||chr(112)`, `concat(0x71…`, `ascii(substr(`.
    pub(super) fn function(&mut self, index: usize) {
        let reader = self.reader;
        if reader.kind(index + 1) != Some(Kind::Open) {
            return;
        }
        let (argument, close) = (reader.kind(index + 2), reader.kind(index + 3));
        let chained = argument == Some(Kind::Number)
            && close == Some(Kind::Close)
            && matches!(reader.kind(index + 4), Some(Kind::Pipes | Kind::Sign(b'+' | b'&')))
            && reader.word(index + 5) == Some(Word::Function);
        let hexadecimal = argument == Some(Kind::Number) && reader.text(index + 2).len() > 3 && {
            let digits = reader.text(index + 2);
            digits.starts_with(b"0x") || digits.starts_with(b"0X")
        };
        let selects = reader.word(index + 2) == Some(Word::Select)
            || argument == Some(Kind::Open) && {
                reader.word(reader.skip_open(index + 2)) == Some(Word::Select)
            };
        let conditional =
            [&b"iif"[..], b"elt", b"if", b"ifnull"].iter().any(|name| reader.is_text(index, name));
        let compares = argument == Some(Kind::Number)
            && close == Some(Kind::Compare)
            && reader.kind(index + 4) == Some(Kind::Number);
        if conditional && compares {
            self.weigh("conditional", (index, index + 4), (6, 2));
        } else if chained {
            self.weigh("characters", (index, index + 5), (7, 4));
        } else if selects {
            self.weigh("function-select", (index, index + 2), (8, 5));
        } else if hexadecimal {
            self.weigh("hexadecimal", (index, index + 2), (6, 2));
        } else if matches!(argument, Some(Kind::Variable)) && reader.text(index + 2).starts_with(b"@@") {
            self.weigh("server-variable", (index, index + 2), (7, 4));
        }
    }

    /// `into outfile`, `procedure analyse`.
    pub(super) fn object(&mut self, index: usize) {
        let reader = self.reader;
        if reader.word(index + 1) == Some(Word::Outfile) && reader.is_text(index, b"into") {
            self.weigh("outfile", (index, index + 1), (9, 5));
        } else if reader.is_text(index, b"procedure") && reader.is_text(index + 1, b"analyse") {
            self.weigh("procedure-analyse", (index, index + 1), (8, 4));
        } else if reader.is_text(index, b"limit") && index > 0 && self.hidden_tail {
            let number = matches!(reader.kind(index + 1), Some(Kind::Number));
            self.weigh("limit", (index, index + 1), if number { (5, 1) } else { (0, 0) });
        }
    }

    /// A statement that begins here: what makes it more than a word.
    fn statement_score(&self, index: usize) -> (u8, u8) {
        let reader = self.reader;
        let next = reader.word(index + 1);
        let is = |lower: &[u8]| reader.is_text(index, lower);
        let third = reader.kind(index + 2);
        match reader.word(index) {
            Some(Word::Waitfor) => {
                match reader.is_text(index + 1, b"delay") || reader.is_text(index + 1, b"time") {
                    true => (9, if reader.is_quote(index + 2) { 6 } else { 2 }),
                    false => (0, 0),
                }
            }
            Some(Word::Execute) => match (next, reader.kind(index + 1)) {
                (Some(Word::Weapon), _) => (9, 5),
                (_, Some(Kind::Open))
                    if is(b"exec") && matches!(third, Some(Kind::Quote(_) | Kind::Variable)) =>
                {
                    (5, 1)
                }
                _ if reader.is_text(index + 1, b"master") || reader.is_text(index + 1, b"immediate") => {
                    (7, 3)
                }
                _ => (2, 0),
            },
            _ if is(b"declare") => match reader.kind(index + 1) {
                Some(Kind::Variable) => (7, 3),
                _ => (1, 0),
            },
            _ if is(b"insert") => match (reader.is_text(index + 1, b"into"), self.values(index + 3)) {
                (true, true) => (6, 1),
                (true, false) => (3, 0),
                _ => (0, 0),
            },
            _ if is(b"delete") && next == Some(Word::From) => {
                let clause = reader.word(index + 3) == Some(Word::Clause);
                (if clause || reader.is_end(index + 3) { 6 } else { 2 }, if clause { 2 } else { 0 })
            }
            _ if is(b"update") && reader.is_text(index + 2, b"set") => {
                (if reader.kind(index + 4) == Some(Kind::Compare) { 6 } else { 2 }, 1)
            }
            _ if is(b"load") && reader.is_text(index + 1, b"data") => (7, 2),
            _ if is(b"begin") && next == Some(Word::Weapon) => (8, 4),
            _ if is(b"copy") && (index + 1..index + 8).any(|at| reader.is_text(at, b"program")) => (6, 2),
            _ if is(b"drop") || is(b"create") || is(b"alter") || is(b"truncate") => match next {
                Some(Word::Object) if reader.is_end(index + 3) => (if index == 0 { 5 } else { 4 }, 0),
                Some(Word::Object) if self.defines(index + 2) => (5, 1),
                Some(Word::Object) => (2, 0),
                _ => (0, 0),
            },
            _ => (0, 0),
        }
    }

    /// What follows a name in a definition: `(`, `add`, `change`, `returns`.
    fn defines(&self, index: usize) -> bool {
        let reader = self.reader;
        let at = index + 1 + usize::from(reader.is_quote(index)) * 2;
        let words: [&[u8]; 7] = [b"add", b"change", b"modify", b"returns", b"rename", b"character", b"as"];
        reader.kind(at) == Some(Kind::Open)
            || words.iter().any(|word| reader.is_text(at, word)) && at < self.tokens
    }

    fn values(&self, index: usize) -> bool {
        (index..index + 16)
            .any(|at| self.reader.is_text(at, b"values") || self.reader.word(at) == Some(Word::Select))
    }

    pub(super) fn statement(&mut self, index: usize, odd: Odd) {
        let (short, long) = self.statement_score(index);
        let more = if short >= 2 && self.breaks_out(index, odd) { 2 } else { 0 };
        self.weigh("statement", (index, index + 1), (short + more, long));
    }

    /// A statement after another.
    pub(super) fn semicolon(&mut self, index: usize, odd: Odd) {
        let reader = self.reader;
        let at = reader.skip_open(index + 1);
        let breaks = self.breaks_out(index, odd);
        let (short, long) = match reader.word(at) {
            Some(Word::Select) if self.sqlish(at + 1) => {
                (if reader.kind(at + 1) == Some(Kind::Open) { 4 } else { 7 }, 2)
            }
            Some(Word::Waitfor) => (9, 6),
            Some(Word::Execute) => (4, 1),
            Some(Word::Weapon) if reader.kind(at + 1) == Some(Kind::Open) => {
                (if index == 0 { 5 } else { 4 }, 1)
            }
            Some(Word::Statement) => match reader.word(at + 1) {
                Some(Word::Weapon) => (6, 1),
                // `; drop table at the door` goes on.
                Some(Word::Object | Word::From) if reader.word(at + 3) != Some(Word::Other) => (6, 1),
                _ if matches!(reader.kind(at + 1), Some(Kind::Variable)) => (7, 2),
                _ if reader.is_text(at, b"shutdown") => (6, 1),
                _ => self.statement_score(at),
            },
            Some(Word::Clause | Word::Case) if reader.is_text(at, b"if") || reader.is_text(at, b"case") => {
                (3, 0)
            }
            _ => return,
        };
        let more = u8::from(breaks) * 2 + u8::from(breaks && self.hidden_tail);
        let long = if breaks && self.hidden_tail { long.max(5) } else { long };
        self.weigh("stacked-statement", (index, at + 1), (short + more, long));
    }
}
