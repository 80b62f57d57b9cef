//! JSON (RFC 8259), flattened to arguments as libmodsecurity names them: `{"a":[{"b":1}]}` is `json.a.array_0.b`.
//!
//! One pass, no recursion, nothing built: values go straight to the list. What was read before an error stays, so that a
//! broken body does not hide what it carries.

use super::Pairs;
use crate::bytes::hex2;

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) depth: usize,
    pub(crate) values: usize,
}

/// The values so far, and what was wrong.
pub(crate) fn flatten(input: &[u8], bounds: Bounds) -> (Pairs, Option<&'static str>) {
    // A long name above many values must not be written out for each of them.
    let names = input.len().saturating_mul(8).saturating_add(1 << 16);
    let mut reader =
        Reader { names, input, at: 0, path: b"json".to_vec(), open: Vec::new(), pairs: Vec::new(), bounds };
    let error = reader.document().err();
    (reader.pairs, error)
}

/// An open container.
struct Container {
    /// Length of the path outside of it.
    outside: usize,
    /// Elements so far; `None` in an object.
    index: Option<usize>,
    /// Nothing of it was read yet.
    first: bool,
}

struct Reader<'a> {
    /// Bytes of names that may still be written.
    names: usize,
    input: &'a [u8],
    at: usize,
    path: Vec<u8>,
    open: Vec<Container>,
    pairs: Pairs,
    bounds: Bounds,
}

type Step<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn space(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.peek()
    }

    fn expect(&mut self, wanted: u8, why: &'static str) -> Step<()> {
        if self.space() == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(why)
    }

    fn document(&mut self) -> Step<()> {
        if self.space().is_none() {
            return Err("an empty body is not JSON");
        }
        self.value()?;
        while let Some(container) = self.open.last_mut() {
            let (outside, in_array) = (container.outside, container.index.is_some());
            let first = std::mem::take(&mut container.first);
            let close = if in_array { b']' } else { b'}' };
            match self.space() {
                Some(byte) if byte == close => {
                    self.at += 1;
                    self.open.pop();
                    self.path.truncate(outside);
                    continue;
                }
                Some(b',') if !first => self.at += 1,
                Some(_) if first => {}
                _ => return Err("a container is not closed, or a comma is missing"),
            }
            self.member(outside, in_array)?;
        }
        if self.space().is_some() { Err("something follows the value") } else { Ok(()) }
    }

    fn member(&mut self, outside: usize, in_array: bool) -> Step<()> {
        self.path.truncate(outside);
        if in_array {
            let container = self.open.last_mut().ok_or("no container")?;
            let index = container.index.unwrap_or(0);
            container.index = Some(index + 1);
            self.path.extend_from_slice(format!(".array_{index}").as_bytes());
        } else {
            if self.space() != Some(b'"') {
                return Err("a name is missing");
            }
            let name = self.string()?;
            self.path.push(b'.');
            self.path.extend_from_slice(&name);
            self.expect(b':', "a colon is missing")?;
        }
        self.value()
    }

    /// A value; of a container only the beginning.
    fn value(&mut self) -> Step<()> {
        match self.space() {
            Some(b'"') => {
                let text = self.string()?;
                self.push(text)
            }
            Some(bracket @ (b'{' | b'[')) => {
                if self.open.len() >= self.bounds.depth {
                    return Err("the body is nested too deep");
                }
                self.at += 1;
                let index = (bracket == b'[').then_some(0);
                self.open.push(Container { outside: self.path.len(), index, first: true });
                Ok(())
            }
            Some(_) => self.scalar(),
            None => Err("a value is missing"),
        }
    }

    fn scalar(&mut self) -> Step<()> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
            .count();
        let word = rest.get(..length).unwrap_or_default();
        let known = matches!(word, b"true" | b"false" | b"null") || is_number(word);
        if !known {
            return Err("this is not a value");
        }
        self.at += length;
        let text = if word == b"null" { Vec::new() } else { word.to_vec() };
        self.push(text)
    }

    fn push(&mut self, value: Vec<u8>) -> Step<()> {
        if self.pairs.len() >= self.bounds.values {
            return Err("there are too many values");
        }
        self.names = self.names.checked_sub(self.path.len()).ok_or("the names of the values are too long")?;
        self.pairs.push((self.path.clone(), value));
        Ok(())
    }

    fn string(&mut self) -> Step<Vec<u8>> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
            out.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match rest.get(plain) {
                Some(b'"') => {
                    self.at += 1;
                    return if std::str::from_utf8(&out).is_ok() {
                        Ok(out)
                    } else {
                        Err("a string is not UTF-8")
                    };
                }
                Some(b'\\') => self.escape(&mut out)?,
                Some(_) => return Err("a control character in a string"),
                None => return Err("a string is not closed"),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Step<()> {
        let plain = match self.input.get(self.at + 1) {
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(byte @ (b'"' | b'\\' | b'/')) => *byte,
            Some(b'u') => return self.unicode(out),
            _ => return Err("an escape that JSON does not have"),
        };
        out.push(plain);
        self.at += 2;
        Ok(())
    }

    fn code_unit(&self, at: usize) -> Option<u32> {
        let digits = self.input.get(at..at + 6)?;
        match digits {
            [b'\\', b'u', a, b, c, d] => Some(u32::from(hex2(*a, *b)?) << 8 | u32::from(hex2(*c, *d)?)),
            _ => None,
        }
    }

    /// Surrogates that are no pair become U+FFFD, as parsers that accept them have it.
    fn unicode(&mut self, out: &mut Vec<u8>) -> Step<()> {
        let unit = self.code_unit(self.at).ok_or("a broken `\\u` escape")?;
        self.at += 6;
        let low = self.code_unit(self.at).filter(|low| (0xdc00..0xe000).contains(low));
        let code = match (unit, low) {
            (0xd800..0xdc00, Some(low)) => {
                self.at += 6;
                0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00)
            }
            _ => unit,
        };
        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }
}

/// The grammar of numbers, RFC 8259 section 6.
fn is_number(word: &[u8]) -> bool {
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(word);
    if whole == 0 || (whole > 1 && word.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = word.get(whole..).unwrap_or_default();
    if let [b'.', fraction @ ..] = rest {
        let count = digits(fraction);
        if count == 0 {
            return false;
        }
        rest = fraction.get(count..).unwrap_or_default();
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent =
            exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
        return !exponent.is_empty() && digits(exponent) == exponent.len();
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 8, values: 100 };

    fn flat(text: &str) -> (Vec<(String, String)>, bool) {
        let (pairs, error) = flatten(text.as_bytes(), BOUNDS);
        let string = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (pairs.into_iter().map(|(name, value)| (string(name), string(value))).collect(), error.is_none())
    }

    #[test]
    fn values_are_named_by_their_path() {
        let (pairs, good) =
            flat(r#" {"a":[1,{"b":"x\n\u00e9"},[]],"c":{"d":null,"e":true},"f":{},"g":-1.5e3} "#);
        let expected = [
            ("json.a.array_0", "1"),
            ("json.a.array_1.b", "x\né"),
            ("json.c.d", ""),
            ("json.c.e", "true"),
            ("json.g", "-1.5e3"),
        ];
        assert!(good);
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(flat("[1,\"{\"]").0.last(), Some(&("json.array_1".to_owned(), "{".to_owned())));
        assert_eq!(flat("\"x\"").0, [("json".to_owned(), "x".to_owned())]);
        assert_eq!(flat("\"\\ud83d\\ude00\\ud83d\"").0[0].1, "\u{1f600}\u{fffd}");
    }

    #[test]
    fn a_long_name_is_not_multiplied() {
        let body = format!("{{\"{}\":[{}]}}", "n".repeat(100_000), vec!["1"; 5000].join(","));
        let (pairs, error) = flatten(body.as_bytes(), Bounds { depth: 8, values: 10_000 });
        assert!(error.is_some() && pairs.iter().map(|(name, _)| name.len()).sum::<usize>() < 2_000_000);
    }

    #[test]
    fn what_is_not_json_is_an_error() {
        for text in [
            "",
            "{",
            "[1",
            "[1 2]",
            "[1,]",
            "{\"a\"}",
            "{\"a\":1,}",
            "{a:1}",
            "01",
            "1.",
            "+1",
            "nul",
            "\"a",
            "\"\\q\"",
            "\"\\u12\"",
            "[]]",
            "{}{}",
            "[[[[[[[[[1]]]]]]]]]",
            "\"\u{1}\"",
            "1e",
            "[,1]",
            "{,}",
            "[[],,1]",
        ] {
            assert!(!flat(text).1, "{text}");
        }
        for text in [
            "[]",
            "{}",
            "[[],[[]]]",
            "{\"a\":{}, \"b\":[ ]}",
            "0",
            "-0",
            "[{},{}]",
            "[\"[\",1]",
            "{\"a\":\"{\",\"b\":1}",
        ] {
            assert!(flat(text).1, "{text}");
        }
        assert_eq!(flat("{\"a\":\"x\",\"b\":}").0.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn it_agrees_with_another_parser(text in "[\\[\\]{}:,\"a1\\\\u0-9.eE+\\- ]{0,24}") {
            let ours = flatten(text.as_bytes(), Bounds { depth: 100, values: 1000 }).1.is_none();
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            proptest::prop_assert_eq!(ours, theirs, "{}", text);
        }
    }
}
