//! Rust sources as words, so that a rule of the house finds code and neither comments nor texts, and can say in which
//! function it found it. No parser: what a rule needs is the order of words, braces, and what `fn` comes before a brace.

/// One word of a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// An identifier or number, one character of punctuation, or nothing for a literal.
    pub(crate) word: String,
    /// What a string literal says.
    pub(crate) literal: Option<String>,
    pub(crate) line: usize,
    /// The innermost function around it; empty outside of all.
    pub(crate) function: String,
}

/// The words of a source, comments left out.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut out = Lexer { rest: text, line: 1, out: Vec::new() }.run();
    name_functions(&mut out);
    out
}

/// Where `path`, as `Instant::now`, stands: the functions and lines.
pub(crate) fn places(tokens: &[Token], path: &str) -> Vec<(String, usize)> {
    let wanted = Lexer { rest: path, line: 1, out: Vec::new() }.run();
    let found = tokens.windows(wanted.len()).filter(|window| {
        window.iter().zip(&wanted).all(|(token, wanted)| token.literal.is_none() && token.word == wanted.word)
    });
    found.map(|window| (window[0].function.clone(), window[0].line)).collect()
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    out: Vec<Token>,
}

impl Lexer<'_> {
    fn run(mut self) -> Vec<Token> {
        while let Some(first) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.skip(comment(self.rest));
            } else if let Some((length, text)) = string(self.rest) {
                self.push(String::new(), Some(text));
                self.skip(length);
            } else if first == '\'' {
                let length = quote(self.rest);
                self.push(String::from("'"), None);
                self.skip(length);
            } else if first.is_alphanumeric() || first == '_' {
                let word: String =
                    self.rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect();
                let length = word.len();
                self.push(word, None);
                self.skip(length);
            } else {
                if !first.is_whitespace() {
                    self.push(first.to_string(), None);
                }
                self.skip(first.len_utf8());
            }
        }
        self.out
    }

    fn push(&mut self, word: String, literal: Option<String>) {
        self.out.push(Token { word, literal, line: self.line, function: String::new() });
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

/// Length of a block comment; they nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..text.len().min(at + 2)] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Length and text of a string literal of any kind, when one begins here.
fn string(text: &str) -> Option<(usize, String)> {
    let prefix = ["br", "cr", "r", "b", "c", ""]
        .into_iter()
        .find(|prefix| text.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '#'])))?;
    let body = &text[prefix.len()..];
    let hashes = body.bytes().take_while(|byte| *byte == b'#').count();
    let raw = prefix.ends_with('r');
    if !body[hashes..].starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    let start = prefix.len() + hashes + 1;
    if raw {
        let end = format!("\"{}", "#".repeat(hashes));
        let length = text[start..].find(&end)?;
        return Some((start + length + end.len(), text[start..start + length].to_owned()));
    }
    let mut at = start;
    while let Some(byte) = text.as_bytes().get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return Some((at + 1, text[start..at].to_owned())),
            _ => at += 1,
        }
    }
    None
}

/// Length of a character literal, or of the quote before a lifetime.
fn quote(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// Writes to each token in which function it stands.
fn name_functions(tokens: &mut [Token]) {
    let mut open: Vec<Option<String>> = Vec::new();
    let mut pending: Option<String> = None;
    let mut brackets = 0_usize;
    for at in 0..tokens.len() {
        let function = open.iter().rev().flatten().next().cloned().unwrap_or_default();
        tokens[at].function = pending.clone().unwrap_or(function);
        if tokens[at].literal.is_some() {
            continue;
        }
        match tokens[at].word.as_str() {
            "fn" => {
                let next = tokens.get(at + 1).filter(|next| next.word != "(");
                pending = next.map(|next| next.word.clone()).or(pending);
            }
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets = brackets.saturating_sub(1),
            // A declaration without a body.
            ";" if brackets == 0 => pending = None,
            "{" => open.push(pending.take()),
            "}" => drop(open.pop()),
            _ => {}
        }
    }
}
