//! SQL injection: code that breaks out of where a value belongs.
//!
//! Rules over the tokens of a value, each with a score. What is hardly ever written but in an injection (`union select`, a
//! condition that compares two constants, a function that only waits) counts wherever it stands; what prose and source
//! code have too (a statement, a condition on a name) counts when the value is short and breaks out of a string or a number.

mod condition;
mod operand;
mod statement;
mod token;
mod value;
mod word;

pub(crate) use word::{Word, word};

use operand::Reader;
use token::{Comments, Kind, Token};

use crate::finding::{Best, Family, Hit};
use crate::text::Text;

/// Bytes of a comment at the end that are no more than a marker.
const MARKER: usize = 14;

/// What the rules know of a value.
struct Scan<'a> {
    text: &'a Text<'a>,
    reader: Reader<'a>,
    /// Whether the value ends in a comment.
    hidden_tail: bool,
    /// How many tokens there are.
    tokens: usize,
    best: &'a mut Best,
}

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    look_over(text, Comments::Open, best);
    if token::has_line_comments(text.bytes) {
        look_over(text, Comments::Lines, best);
    }
}

fn look_over(text: &Text<'_>, comments: Comments, best: &mut Best) {
    let tokens = token::tokens(text.bytes, comments);
    let reader = Reader { tokens: &tokens, bytes: text.bytes };
    let hidden_tail = ends_in_comment(&tokens, text.bytes);
    let mut scan = Scan { text, reader, hidden_tail, tokens: tokens.len(), best };
    scan.constant();
    let mut odd = Odd::default();
    for (index, token) in tokens.iter().enumerate() {
        scan.look(index, token.kind, odd);
        odd.count(token.kind);
    }
}

/// Whether an odd number of each quote came before.
#[derive(Debug, Clone, Copy, Default)]
struct Odd {
    single: bool,
    double: bool,
    back: bool,
}

impl Odd {
    fn count(&mut self, kind: Kind) {
        match kind {
            Kind::Quote(b'\'') => self.single = !self.single,
            Kind::Quote(b'"') => self.double = !self.double,
            Kind::Quote(_) => self.back = !self.back,
            _ => {}
        }
    }

    const fn of(self, quote: u8) -> bool {
        match quote {
            b'\'' => self.single,
            b'"' => self.double,
            _ => self.back,
        }
    }

    const fn any(self) -> bool {
        self.single || self.double || self.back
    }
}

fn ends_in_comment(tokens: &[Token], bytes: &[u8]) -> bool {
    let mut comments = tokens.iter().rev().take(6).filter(|token| token.kind == Kind::Comment);
    comments.any(|token| {
        let hidden = bytes.get(token.end as usize..).unwrap_or_default();
        hidden.len() <= MARKER && !hidden.iter().any(|byte| matches!(byte, b'\'' | b'"' | b'\n'))
    })
}

impl Scan<'_> {
    fn look(&mut self, index: usize, kind: Kind, odd: Odd) {
        match kind {
            Kind::Word(Word::Logic | Word::Clause) | Kind::Pipes | Kind::Ampersands => {
                self.condition(index, odd);
            }
            Kind::Word(Word::Compare) => self.compared_with(index),
            Kind::Word(Word::Union) => self.union(index),
            Kind::Word(Word::Select) => self.select(index, odd),
            Kind::Word(Word::Order) => self.order(index),
            Kind::Word(Word::Weapon) => {
                self.weapon(index);
                self.function(index);
            }
            Kind::Word(Word::Catalog) => self.catalog(index),
            Kind::Word(Word::Function) => self.function(index),
            Kind::Word(Word::Case) => self.case(index),
            Kind::Word(Word::Statement | Word::Execute | Word::Waitfor) => self.statement(index, odd),
            Kind::Word(Word::Object | Word::Limit) => self.object(index),
            Kind::Number => self.number(index),
            Kind::Semicolon => self.semicolon(index, odd),
            Kind::Quote(_) => self.quote(index, odd),
            Kind::Version => self.version(index),
            Kind::Variable => self.variable(index),
            Kind::Comment => self.comment(index, odd),
            _ => {}
        }
    }

    fn hit(&mut self, rule: &'static str, first: usize, last: usize, score: u8) {
        let last = last.min(self.tokens.saturating_sub(1));
        let (start, end) = (self.reader.start(first), self.reader.end(last));
        self.best.offer(Hit { family: Family::Sql, rule, start, end, score });
    }

    /// A hit that proves little in a long text.
    fn weigh(&mut self, rule: &'static str, (first, last): (usize, usize), (short, long): (u8, u8)) {
        let score = self.text.weigh(self.reader.end(last), short, long);
        self.hit(rule, first, last, score);
    }

    /// Whether code here would follow a string or a number that was broken out of.
    fn breaks_out(&self, index: usize, odd: Odd) -> bool {
        match self.reader.before_brackets(index).and_then(|at| self.reader.kind(at)) {
            Some(Kind::Quote(quote)) => odd.of(quote),
            Some(Kind::Number) => index <= 8 && self.only_a_number(index),
            Some(_) => false,
            None => index > 0,
        }
    }

    /// Whether nothing but a number with its sign and brackets comes before.
    fn only_a_number(&self, index: usize) -> bool {
        let plain =
            |kind| matches!(kind, Kind::Number | Kind::Open | Kind::Close | Kind::Sign(b'-' | b'+' | b'%'));
        (0..index).all(|at| self.reader.kind(at).is_some_and(plain))
    }

    /// `1.e(`: a number for MySQL, with which names can be taken apart.
    fn number(&mut self, index: usize) {
        let text = self.reader.text(index);
        let odd = matches!(text, [.., b'.', b'e' | b'E']);
        if odd && (self.reader.kind(index + 1) == Some(Kind::Open) || self.reader.text(index + 1) == b".") {
            self.weigh("exponent", (index, index + 1), (6, 2));
        }
    }

    /// `'--`, `') #`: what follows the string is cut off.
    fn comment(&mut self, index: usize, odd: Odd) {
        let Some(before) = self.reader.before_brackets(index) else { return };
        let last = self.hidden_tail && index + 4 >= self.tokens;
        if self.reader.is_quote(before) && self.breaks_out(index, odd) && last {
            let score = if before <= 8 { 6 } else { 3 };
            self.weigh("comment-after-string", (before, index), (score, 3));
        } else if self.reader.kind(before) == Some(Kind::Number) && before == 0 && last {
            let close = if before + 1 < index || self.hides_nothing(index) { 5 } else { 3 };
            self.weigh("comment-after-number", (before, index), (close, 0));
        }
    }

    /// `/*!50000union*/`.
    fn version(&mut self, index: usize) {
        let digits = self.reader.text(index).len() > 3;
        let known = self.reader.word(index + 1).is_some_and(|word| {
            matches!(word, Word::Union | Word::Select | Word::Logic | Word::Order | Word::Statement)
        });
        if digits || known {
            self.weigh("versioned-comment", (index, index + 1), (7, 5));
        }
    }

    /// `@@version`.
    fn variable(&mut self, index: usize) {
        let known: [&[u8]; 8] = [
            b"@@version",
            b"@@datadir",
            b"@@hostname",
            b"@@basedir",
            b"@@global",
            b"@@servername",
            b"@@version_comment",
            b"@@microsoftversion",
        ];
        let cast = [
            &b"::int"[..],
            b"::integer",
            b"::bool",
            b"::boolean",
            b"::bigint",
            b"::jsonb",
            b"::json",
            b"::varchar",
            b"::numeric",
        ];
        let text = [&b"::text"[..], b"::double", b"::date", b"::regclass"];
        let follows = matches!(self.reader.previous(index), Some(Kind::Quote(_) | Kind::Close));
        let casts = cast.iter().any(|name| self.reader.is_text(index, name)) && index > 0
            || follows && text.iter().any(|name| self.reader.is_text(index, name));
        if casts {
            self.weigh("cast", (index.saturating_sub(1), index), (5, 1));
        }
        if known.iter().any(|name| self.reader.is_text(index, name)) {
            self.weigh("server-variable", (index, index), (6, 3));
        }
    }
}
