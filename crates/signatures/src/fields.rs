//! Structured fields (RFC 9651), read as strictly as signatures want it: a name that occurs twice is refused, where the standard
//! lets the last one count. Of two readers of which one takes the first, each would see another signature.

use std::convert::Infallible;

use http::{HeaderMap, HeaderName};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, Dictionary, FieldType, KeyRef, List, ListEntry, Parameters, Parser};

use crate::Fault;

/// The lines of a field as one value (RFC 9110 section 5.3), without the white space around each; `None` when there is none.
///
/// # Errors
/// [`Fault::FieldBytes`] when it is not ASCII text in one line.
pub(crate) fn joined(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Fault> {
    let mut lines = headers.get_all(name).iter();
    let Some(first) = lines.next() else { return Ok(None) };
    let mut text = String::from(line(first.as_bytes())?);
    for next in lines {
        text.push_str(", ");
        text.push_str(line(next.as_bytes())?);
    }
    Ok(Some(text))
}

/// Fields of requests whose value is no list (RFC 9110 section 5.5, RFC 6265 section 5.4), so that it cannot be told from several
/// lines that are joined by commas how many there were.
const SINGLE: [&str; 14] = [
    "authorization",
    "content-location",
    "content-type",
    "cookie",
    "date",
    "dpop",
    "from",
    "host",
    "if-modified-since",
    "if-unmodified-since",
    "origin",
    "proxy-authorization",
    "referer",
    "user-agent",
];

/// Whether a field has several lines that say something else than one.
pub(crate) fn is_split(headers: &HeaderMap, name: &HeaderName) -> bool {
    SINGLE.contains(&name.as_str()) && headers.get_all(name).iter().nth(1).is_some()
}

fn line(bytes: &[u8]) -> Result<&str, Fault> {
    let text = std::str::from_utf8(bytes).map_err(|_| Fault::FieldBytes)?;
    let good = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    if good { Ok(trimmed(text)) } else { Err(Fault::FieldBytes) }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A line's bytes without the white space around them.
pub(crate) fn trimmed_bytes(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// A dictionary in which every name occurs once.
///
/// # Errors
/// [`Fault::Malformed`], [`Fault::Twice`].
pub(crate) fn dictionary(text: &str) -> Result<Dictionary, Fault> {
    let names = Parser::new(text).parse_dictionary_with_visitor(Names(0)).map_err(|_| Fault::Malformed)?;
    let read: Dictionary = Parser::new(text).parse().map_err(|_| Fault::Malformed)?;
    let kept: usize = read.values().map(|entry| 1 + parameters(entry)).sum();
    if kept == names { Ok(read) } else { Err(Fault::Twice) }
}

/// Parameters of a value and of all that is in it.
fn parameters(entry: &ListEntry) -> usize {
    match entry {
        ListEntry::Item(item) => item.params.len(),
        ListEntry::InnerList(list) => {
            list.params.len() + list.items.iter().map(|item| item.params.len()).sum::<usize>()
        }
    }
}

/// A value as the standard writes it.
pub(crate) fn written(entry: ListEntry) -> Option<String> {
    let one: List = vec![entry];
    one.serialize()
}

/// The value of a parameter that is `true`, when the parameter is there.
pub(crate) fn flag(parameters: &Parameters, name: &str) -> Option<bool> {
    parameters.get(name).map(|value| matches!(value, sfv::BareItem::Boolean(true)))
}

/// Counts the names that a dictionary has, those that occur again too.
struct Names(usize);

impl<'de> DictionaryVisitor<'de> for Names {
    type Out = usize;
    type Error = Infallible;

    fn entry(&mut self, _key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        self.0 += 1;
        Ok(Count(&mut self.0))
    }

    fn finish(self) -> Result<usize, Infallible> {
        Ok(self.0)
    }
}

struct Count<'n>(&'n mut usize);

impl<'de> EntryVisitor<'de> for Count<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(self)
    }
}

impl<'de> ItemVisitor<'de> for Count<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        _item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        Ok(self)
    }
}

impl<'de> InnerListVisitor<'de> for Count<'_> {
    type Error = Infallible;

    fn item(&mut self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(Count(&mut *self.0))
    }

    fn finish(self) -> Result<impl ParameterVisitor<'de>, Infallible> {
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for Count<'_> {
    type Out = ();
    type Error = Infallible;

    fn parameter(&mut self, _key: &'de KeyRef, _value: BareItemFromInput<'de>) -> Result<(), Infallible> {
        *self.0 += 1;
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}
