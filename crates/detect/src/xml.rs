//! The texts and attribute values of an XML body, well-formed or not, for readers that look at values one by one.

use std::borrow::Cow;

use crate::bytes::{at, from, part};

/// Hands over every text between two tags and every value of an attribute, as they are written: character references are a view of
/// theirs. Names and comments are no values.
///
/// A text is handed over as its reader gets it: comments and processing instructions within it are left out, and what stands in a
/// `CDATA` section belongs to it (XML 1.0, 2.4 to 2.7). It is no longer than the body, and is copied only where such a thing cuts it.
///
/// One pass without any state but its place and that text; markup that is broken is read to its end all the same.
pub fn xml_parts(body: &[u8], mut each: impl FnMut(&[u8])) {
    let mut text = Content::default();
    let mut index = 0;
    while index < body.len() {
        let open = memchr::memchr(b'<', from(body, index)).map_or(body.len(), |offset| index + offset);
        text.add(part(body, index, open));
        let rest = from(body, open);
        let within = WITHIN.iter().find(|within| rest.starts_with(within.opens));
        let Some(within) = within else {
            text.give(&mut each);
            index = tag(body, open, &mut each);
            continue;
        };
        let inside = open + within.opens.len();
        let end = memchr::memmem::find(from(body, inside), within.closes).map(|offset| inside + offset);
        index = end.map_or(body.len(), |end| end + within.closes.len());
        match (within.kind, end) {
            (Kind::Section, end) => text.add(part(body, inside, end.unwrap_or(body.len()))),
            // Whoever reads on at all where no end comes may read any of it.
            (_, None) => {
                text.give(&mut each);
                each(rest);
            }
            (Kind::Instruction, Some(end)) => {
                tag(part(body, 0, end), open, &mut each);
            }
            (Kind::Comment, Some(_)) => {}
        }
    }
    text.give(&mut each);
}

/// Whether an XML body is UTF-8 to whoever reads it: by its bytes, and by what its declaration says, which has to be readable.
///
/// `body` may be the beginning of one. Nothing said is UTF-8 (XML 1.0, 4.3.3); a zero byte is no character of XML, but every
/// second one of UTF-16.
#[must_use]
pub fn xml_is_utf8(body: &[u8]) -> bool {
    // A character that the end cuts is no error.
    let valid = std::str::from_utf8(body).map_or_else(|error| error.error_len().is_none(), |_| true);
    valid && memchr::memchr(0, body).is_none() && declaration(body).is_none_or(declares_utf8)
}

/// What stands between `<?xml` and its end, where a body begins with one: for lenient readers white space may come first.
fn declaration(body: &[u8]) -> Option<&[u8]> {
    const OPENS: &[u8] = b"<?xml";
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii_start();
    let opens = body.get(..OPENS.len()).is_some_and(|opens| opens.eq_ignore_ascii_case(OPENS));
    let rest = opens.then(|| from(body, OPENS.len()))?;
    Some(part(rest, 0, memchr::memchr(b'>', rest).unwrap_or(rest.len())))
}

fn declares_utf8(declaration: &[u8]) -> bool {
    const NAME: &[u8] = b"encoding";
    let mut places =
        declaration.windows(NAME.len()).enumerate().filter(|(_, word)| word.eq_ignore_ascii_case(NAME));
    places.all(|(index, _)| {
        let value = from(declaration, index + NAME.len()).trim_ascii_start();
        let Some((quote, value)) = value
            .strip_prefix(b"=")
            .and_then(|value| value.trim_ascii_start().split_first())
            .filter(|(quote, _)| matches!(quote, b'"' | b'\''))
        else {
            return false;
        };
        let end = memchr::memchr(*quote, value).unwrap_or(value.len());
        [&b"utf-8"[..], b"utf8", b"us-ascii", b"ascii"]
            .iter()
            .any(|known| part(value, 0, end).eq_ignore_ascii_case(known))
    })
}

/// What stands within a text without ending it.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Comment,
    Section,
    Instruction,
}

struct Within {
    kind: Kind,
    opens: &'static [u8],
    closes: &'static [u8],
}

const WITHIN: [Within; 3] = [
    Within { kind: Kind::Comment, opens: b"<!--", closes: b"-->" },
    Within { kind: Kind::Section, opens: b"<![CDATA[", closes: b"]]>" },
    Within { kind: Kind::Instruction, opens: b"<?", closes: b"?>" },
];

/// The text since the last tag.
#[derive(Default)]
struct Content<'a>(Cow<'a, [u8]>);

impl<'a> Content<'a> {
    fn add(&mut self, piece: &'a [u8]) {
        if self.0.is_empty() {
            self.0 = Cow::Borrowed(piece);
        } else if !piece.is_empty() {
            self.0.to_mut().extend_from_slice(piece);
        }
    }

    /// Hands it over, unless it is white space only, and begins another.
    fn give(&mut self, each: &mut impl FnMut(&[u8])) {
        let text = std::mem::take(&mut self.0);
        let text = text.trim_ascii();
        if !text.is_empty() {
            each(text);
        }
    }
}

/// Reads a tag's attributes; the index behind it.
fn tag(body: &[u8], open: usize, each: &mut impl FnMut(&[u8])) -> usize {
    let mut index = open + 1;
    loop {
        let Some(offset) = from(body, index).iter().position(|byte| matches!(byte, b'>' | b'"' | b'\''))
        else {
            return body.len();
        };
        index += offset;
        let quote = at(body, index);
        if quote == b'>' {
            return index + 1;
        }
        let end =
            memchr::memchr(quote, from(body, index + 1)).map_or(body.len(), |offset| index + 1 + offset);
        each(part(body, index + 1, end));
        index = end + 1;
    }
}
