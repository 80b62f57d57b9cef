//! XML bodies (XML 1.0) as the Core Rule Set looks at them: the text of the root element (`XML:/*`) and the values of all
//! attributes (`XML://@*`).
//!
//! There are no document types and no entities but the five that XML has built in: a body that declares any is an error.

use std::borrow::Cow;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

/// What rules see of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Xml {
    /// All character data inside the root element.
    pub(crate) text: Vec<u8>,
    /// In document order.
    pub(crate) attributes: Vec<Vec<u8>>,
}

/// Bounds of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) depth: usize,
    pub(crate) attributes: usize,
}

/// What was read, and what was wrong with the rest.
pub(crate) fn read(input: &[u8], bounds: Bounds) -> (Xml, Option<String>) {
    let mut xml = Xml::default();
    // Bytes of other encodings become replacement characters; what is ASCII in them, as attacks are, stays.
    let input = String::from_utf8_lossy(input);
    let strange = input.bytes().position(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r'));
    let error = walk(input.get(..strange.unwrap_or(input.len())).unwrap_or_default(), bounds, &mut xml).err();
    // Another encoding than UTF-8 has to be declared (XML 1.0, section 4.3.3).
    let declaration = input.split("?>").next().filter(|start| start.contains("<?xml"));
    let is_declared = declaration.is_some_and(|declaration| {
        let declaration = declaration.to_ascii_lowercase();
        declaration.contains("encoding") && !declaration.contains("utf-8")
    });
    let error = error.or_else(|| {
        let is_strange = matches!(input, Cow::Owned(_)) && !is_declared;
        is_strange.then(|| "the body is not UTF-8".to_owned())
    });
    match strange {
        Some(at) => (xml, Some(format!("the byte at {at} is no character of XML"))),
        None => (xml, error),
    }
}

fn walk(input: &str, bounds: Bounds, xml: &mut Xml) -> Result<(), String> {
    let input = input.strip_prefix('\u{feff}').unwrap_or(input);
    let mut reader = Reader::from_str(input);
    reader.config_mut().check_end_names = true;
    let (mut depth, mut roots, mut declared) = (0_usize, 0_usize, false);
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                check_name(start.name().as_ref())?;
                roots += usize::from(depth == 0);
                depth += 1;
                if depth > bounds.depth {
                    return Err("the body is nested too deep".to_owned());
                }
                attributes(&start, bounds, xml)?;
            }
            Event::Empty(start) => {
                check_name(start.name().as_ref())?;
                roots += usize::from(depth == 0);
                attributes(&start, bounds, xml)?;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) if depth > 0 => xml.text.extend_from_slice(text.as_bytes()),
            Event::Text(text) if text.bytes().all(|byte| byte.is_ascii_whitespace()) => {}
            Event::CData(text) if depth > 0 => xml.text.extend_from_slice(text.as_bytes()),
            Event::GeneralRef(reference) if depth > 0 => {
                xml.text.extend_from_slice(&entity(reference.as_bytes())?);
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {
                return Err("there is text outside of the root element".to_owned());
            }
            Event::DocType(_) => return Err("a document type is not allowed".to_owned()),
            Event::Eof if depth > 0 || roots != 1 => {
                return Err("there is not exactly one whole root element".to_owned());
            }
            Event::Eof => return Ok(()),
            Event::Decl(declaration) => {
                if !input.starts_with("<?xml") || std::mem::replace(&mut declared, true) {
                    return Err("an XML declaration stands elsewhere than at the start".to_owned());
                }
                check_version(&declaration.version().map_err(|error| error.to_string())?)?;
            }
            Event::PI(instruction) if instruction.target().eq_ignore_ascii_case("xml") => {
                return Err("an instruction has a name that is reserved".to_owned());
            }
            Event::PI(_) | Event::Comment(_) => {}
        }
    }
}

/// What a name may hold (XML 1.0, section 2.3), beyond ASCII anything.
fn check_name(name: &str) -> Result<(), String> {
    let starts = |byte: u8| byte.is_ascii_alphabetic() || byte >= 0x80 || matches!(byte, b'_' | b':');
    let goes_on = |byte: u8| starts(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if name.bytes().next().is_some_and(starts) && name.bytes().all(goes_on) {
        Ok(())
    } else {
        Err("a name has a character that it may not have".to_owned())
    }
}

/// `1.` and digits (XML 1.0, section 2.8).
fn check_version(version: &str) -> Result<(), String> {
    let minor = version.strip_prefix("1.").unwrap_or_default();
    if !minor.is_empty() && minor.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err("the XML declaration has no version of XML 1".to_owned())
    }
}

fn attributes(start: &BytesStart<'_>, bounds: Bounds, xml: &mut Xml) -> Result<(), String> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if xml.attributes.len() >= bounds.attributes {
            return Err("there are too many attributes".to_owned());
        }
        // A namespace is no attribute to a path language.
        let name = attribute.key.as_ref();
        check_name(name)?;
        if name != "xmlns" && !name.starts_with("xmlns:") {
            xml.attributes.push(unescaped(attribute.value.as_bytes())?);
        }
    }
    Ok(())
}

/// One of the five entities, or a character by number.
fn entity(name: &[u8]) -> Result<Vec<u8>, String> {
    let named: [(&[u8], &[u8]); 5] =
        [(b"lt", b"<"), (b"gt", b">"), (b"amp", b"&"), (b"quot", b"\""), (b"apos", b"'")];
    if let Some((_, text)) = named.iter().find(|(known, _)| *known == name) {
        return Ok(text.to_vec());
    }
    let number = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix('#')).and_then(|number| {
        number.strip_prefix('x').map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())
    });
    let c = number
        .and_then(char::from_u32)
        .ok_or_else(|| "an entity that XML does not have built in".to_owned())?;
    Ok(c.to_string().into_bytes())
}

fn unescaped(value: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.iter().position(|byte| *byte == b'&') {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain);
        let end = after
            .iter()
            .position(|byte| *byte == b';')
            .ok_or_else(|| "an entity is not closed".to_owned())?;
        out.extend_from_slice(&entity(after.get(1..end).unwrap_or_default())?);
        rest = after.get(end + 1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { depth: 4, attributes: 3 };

    #[test]
    fn text_and_attributes_are_read() {
        let (xml, error) = read(
            b"<?xml version=\"1.0\"?><a x='1&lt;&#65;' xmlns:n=\"u\">t<b y=\"2\"/>&amp;<![CDATA[<c>]]></a><!-- e -->",
            BOUNDS,
        );
        assert_eq!(error, None);
        assert_eq!(String::from_utf8_lossy(&xml.text), "t&<c>");
        assert_eq!(xml.attributes, [b"1<A".to_vec(), b"2".to_vec()]);
    }

    #[test]
    fn what_is_not_well_formed_or_too_much_is_an_error() {
        for text in [
            "",
            "x",
            "&lt;<a/>",
            "<a>\x0b</a>",
            "<a b-%='1'/>",
            "<a+b='1'/>",
            "<?xml version=\"1.x\"?><a/>",
            "<?xml version=\"2.0\"?><a/>",
            "<?XML version=\"1.0\"?><a/>",
            " <?xml version=\"1.0\"?><a/>",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<!DOCTYPE a><a/>",
            "<a>&e;</a>",
            "<a b='&e;'/>",
            "<a b='&'/>",
            "<a><a><a><a><a/></a></a></a></a>x",
            "<a><b><c><d><e></e></d></c></b></a>",
            "<a b='1' c='1' d='1' e='1'/>",
            "<a b='1' b='2'/>",
        ] {
            assert!(read(text.as_bytes(), BOUNDS).1.is_some(), "{text}");
        }
        assert_eq!(read(b"<a>seen<", BOUNDS).0.text, b"seen");
        let latin = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
        assert_eq!(read(latin, BOUNDS).1, None);
        assert_eq!(read("\u{feff}<?xml version='1.0'?><a>é</a>".as_bytes(), BOUNDS).1, None);
        assert!(read(b"<?xml version='1.0' encoding='UTF-8'?><a>\xe9</a>", BOUNDS).1.is_some());
        assert!(read(b"<?xml version='1.0'?><a>\xe9</a>", BOUNDS).1.is_some());
    }
}
