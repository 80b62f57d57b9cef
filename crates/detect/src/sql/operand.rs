//! Operands and comparisons among tokens.

use super::token::{Kind, Token};
use super::word::Word;

/// Tokens of one string or one argument list that are skipped at most.
const REACH: usize = 48;
/// Tokens after `case` among which its `when` is looked for.
const CASE: usize = 12;
/// Brackets and signs before an operand that are skipped at most.
const LEADING: usize = 12;

/// What is compared or combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    Number,
    /// A string, finished or not.
    Text,
    Literal,
    Name,
    /// A call; which kind of function.
    Call(Word),
    Subselect,
}

/// The tokens of a text, read by index.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) bytes: &'a [u8],
}

impl Reader<'_> {
    pub(super) fn kind(&self, index: usize) -> Option<Kind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    pub(super) fn previous(&self, index: usize) -> Option<Kind> {
        self.kind(index.checked_sub(1)?)
    }

    pub(super) fn word(&self, index: usize) -> Option<Word> {
        match self.kind(index) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(super) fn text(&self, index: usize) -> &[u8] {
        let Some(token) = self.tokens.get(index) else { return &[] };
        self.bytes.get(token.start as usize..token.end as usize).unwrap_or_default()
    }

    pub(super) fn is_text(&self, index: usize, lower: &[u8]) -> bool {
        self.text(index).eq_ignore_ascii_case(lower)
    }

    pub(super) fn start(&self, index: usize) -> usize {
        self.tokens.get(index).map_or(self.bytes.len(), |token| token.start as usize)
    }

    pub(super) fn end(&self, index: usize) -> usize {
        self.tokens.get(index).map_or(self.bytes.len(), |token| token.end as usize)
    }

    pub(super) fn is_quote(&self, index: usize) -> bool {
        matches!(self.kind(index), Some(Kind::Quote(_)))
    }

    /// Whether the text ends here, or what follows is commented out.
    pub(super) fn is_end(&self, index: usize) -> bool {
        matches!(self.kind(index), None | Some(Kind::Comment | Kind::Semicolon))
    }

    /// Index of the token before, brackets that close not counted.
    pub(super) fn before_brackets(&self, index: usize) -> Option<usize> {
        let closing = |at: &usize| self.kind(*at) == Some(Kind::Close);
        let skipped = (0..index).rev().take(LEADING).take_while(closing).count();
        index.checked_sub(skipped + 1)
    }

    fn skip(&self, index: usize, skipped: impl Fn(Kind) -> bool) -> usize {
        let rest = self.tokens.get(index..).unwrap_or_default();
        index + rest.iter().take(LEADING).take_while(|token| skipped(token.kind)).count()
    }

    pub(super) fn skip_open(&self, index: usize) -> usize {
        self.skip(index, |kind| kind == Kind::Open)
    }

    pub(super) fn skip_close(&self, index: usize) -> usize {
        self.skip(index, |kind| kind == Kind::Close)
    }

    /// The operand that begins here, and the index after it and the brackets that close behind it.
    pub(super) fn operand(&self, index: usize) -> Option<(Operand, usize)> {
        let leading =
            |kind| matches!(kind, Kind::Open | Kind::Sign(b'+' | b'-' | b'~' | b'!') | Kind::Version);
        let mut at = self.skip(index, leading);
        if self.is_text(at, b"binary")
            && matches!(self.kind(at + 1), Some(Kind::Number | Kind::Quote(_) | Kind::Open))
        {
            at += 1;
        }
        if self.word(at) == Some(Word::Logic) && self.is_text(at, b"not") {
            at = self.skip(at + 1, leading);
        }
        let (operand, end) = match self.kind(at)? {
            Kind::Number => (Operand::Number, at + 1),
            Kind::Quote(quote) => (Operand::Text, self.string(at, quote)),
            Kind::Variable => (Operand::Name, at + 1),
            Kind::Word(Word::Select) => (Operand::Subselect, at + 1),
            Kind::Word(Word::Literal) if self.kind(at + 1) != Some(Kind::Open) => (Operand::Literal, at + 1),
            Kind::Word(Word::Case) if (at + 1..at + CASE).any(|when| self.is_text(when, b"when")) => {
                (Operand::Call(Word::Case), at + 1)
            }
            Kind::Word(
                Word::Other | Word::Weapon | Word::Function | Word::Catalog | Word::Literal | Word::Clause,
            ) => self.name(at),
            _ => return None,
        };
        Some((operand, self.skip_close(end)))
    }

    /// A name with its parts, and the arguments when it is called.
    fn name(&self, index: usize) -> (Operand, usize) {
        let mut known = self.word(index).unwrap_or(Word::Other);
        let mut at = index + 1;
        for _ in 0..3 {
            if self.text(at) != b"." {
                break;
            }
            let next = self.word(at + 1).unwrap_or(Word::Other);
            known = if next == Word::Other { known } else { next };
            at += 2;
        }
        if self.kind(at) == Some(Kind::Open) {
            // Functions that take texts apart take one: `substring()` is how prose names it.
            let alone = [&b"version"[..], b"rand", b"row_count", b"system_info"];
            if known == Word::Function
                && self.kind(at + 1) == Some(Kind::Close)
                && !alone.iter().any(|name| self.is_text(index, name))
            {
                known = Word::Other;
            }
            return (Operand::Call(known), self.arguments(at));
        }
        (Operand::Name, at)
    }

    /// Index behind a string that begins here.
    fn string(&self, index: usize, quote: u8) -> usize {
        let rest = self.tokens.get(index + 1..).unwrap_or_default();
        let inside = rest.iter().take(REACH).take_while(|token| token.kind != Kind::Quote(quote)).count();
        index + 1 + inside + usize::from(inside < rest.len())
    }

    /// Index behind the bracket that closes this one, or as far as we look.
    fn arguments(&self, index: usize) -> usize {
        let mut depth = 0usize;
        let rest = self.tokens.get(index..).unwrap_or_default();
        for (offset, token) in rest.iter().take(REACH).enumerate() {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return index + offset + 1;
            }
        }
        index + rest.len().min(REACH)
    }

    /// Index after an operator that compares.
    pub(super) fn comparison(&self, index: usize) -> Option<usize> {
        let mut at = index;
        if self.is_text(at, b"not") {
            at += 1;
        }
        match self.kind(at)? {
            Kind::Compare => Some(at + 1),
            Kind::Word(Word::Compare) => Some(if self.is_text(at + 1, b"not") { at + 2 } else { at + 1 }),
            _ => None,
        }
    }
}
