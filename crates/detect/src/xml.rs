//! The texts and attribute values of an XML body, well-formed or not, for readers that look at values one by one.

use crate::bytes::{at, from, part};

/// Hands over every text and every value of an attribute, as they are written: character references are a view of theirs.
/// Names and comments are no values; what stands in a `CDATA` section is text.
///
/// One pass without any state but its place, so that markup that is broken is read to its end all the same.
pub fn xml_parts<'a>(body: &'a [u8], mut each: impl FnMut(&'a [u8])) {
    let mut index = 0;
    while index < body.len() {
        let open = memchr::memchr(b'<', from(body, index)).map_or(body.len(), |offset| index + offset);
        let text = part(body, index, open).trim_ascii();
        if !text.is_empty() {
            each(text);
        }
        index = if from(body, open).starts_with(b"<![CDATA[") {
            let end =
                memchr::memmem::find(from(body, open), b"]]>").map_or(body.len(), |offset| open + offset);
            each(part(body, open + 9, end));
            end + 3
        } else if from(body, open).starts_with(b"<!--") {
            memchr::memmem::find(from(body, open), b"-->").map_or(body.len(), |offset| open + offset + 3)
        } else {
            tag(body, open, &mut each)
        };
    }
}

/// Reads a tag's attributes; the index behind it.
fn tag<'a>(body: &'a [u8], open: usize, each: &mut impl FnMut(&'a [u8])) -> usize {
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
