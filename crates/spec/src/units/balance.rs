//! How a target is chosen: `round_robin`, `least_busy`, `hash:subject`, `hash:header:x-cart`.

use super::{ParseError, text_type};
use diagnostics::nearest;
use std::fmt;
use std::str::FromStr;

/// How one of several targets is chosen for a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Balance {
    /// Each in its turn, by weight.
    #[default]
    RoundRobin,
    /// Of two at random, the one with fewer calls under way.
    LeastBusy,
    /// By the client's address.
    Address,
    /// By (issuer, subject).
    Subject,
    /// By a header field, in lower case.
    Header(String),
}

const WORDS: [(&str, Balance); 4] = [
    ("round_robin", Balance::RoundRobin),
    ("least_busy", Balance::LeastBusy),
    ("hash:address", Balance::Address),
    ("hash:subject", Balance::Subject),
];
const HEADER: &str = "hash:header:";

impl FromStr for Balance {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some((_, known)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(known.clone());
        }
        let wrong = |help: String| ParseError::new(format!("`{text}` is not a way to choose a target"), help);
        if let Some(name) = text.strip_prefix(HEADER) {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            if !name.is_empty() && name.len() <= 128 && name.bytes().all(token) {
                return Ok(Self::Header(name.to_ascii_lowercase()));
            }
            return Err(wrong(String::from("write the name of a header field, as in `hash:header:x-cart`")));
        }
        let words = WORDS.map(|(word, _)| word);
        Err(wrong(match nearest(text, words) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of `{}`, or `hash:header:NAME`", words.join("`, `")),
        }))
    }
}

impl fmt::Display for Balance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "{HEADER}{name}"),
            other => {
                let word = WORDS.iter().find(|(_, known)| known == other);
                f.write_str(word.map_or("", |(word, _)| *word))
            }
        }
    }
}

text_type!(
    Balance,
    "a way to choose a target",
    "write it as in `round_robin`",
    schemars::json_schema!({
        "type": "string",
        "description": "`round_robin` by weight, `least_busy` of two at random, or always the same target for the same \
                        `hash:address`, `hash:subject` or `hash:header:NAME`",
        "pattern": "^(round_robin|least_busy|hash:(address|subject|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}))$",
        "examples": ["round_robin"]
    })
);
