//! XML (XML 1.0, fifth edition; Namespaces in XML 1.0) within bounds, in one pass that keeps nothing but the names of open
//! elements.
//!
//! There are no document types, so no entities but the five that XML has built in and characters by number: what XXE and entity
//! bombs are made of is refused before anything is expanded. Texts are UTF-8; another encoding, by byte order mark or by
//! declaration, is refused, since two readers would read two documents.

mod faults;

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

pub use faults::{Bounds, Fault, What};

/// Longest path that is told, in bytes.
const PATH: usize = 256;

/// Checks a document.
///
/// # Errors
/// The first fault in document order.
pub fn check(document: &[u8], bounds: &Bounds) -> Result<(), Fault> {
    let at_start = |what| Fault { what, path: String::new(), offset: 0 };
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    let Ok(text) = std::str::from_utf8(document) else { return Err(at_start(What::Encoding)) };
    // XML 1.0 section 2.2: these are no characters of XML, not even by reference.
    if text.bytes().any(|byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')) {
        return Err(at_start(What::Syntax));
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    reader.config_mut().check_comments = true;
    let mut walk = Walk { bounds, open: Vec::new(), elements: 0, roots: 0, run: 0, first: true };
    loop {
        let event = reader.read_event();
        let stepped = match event {
            Ok(Event::Eof) => return walk.end().map_err(|what| walk.fault(what, reader.buffer_position())),
            Ok(event) => walk.step(event),
            Err(_) => Err(What::Syntax),
        };
        stepped.map_err(|what| walk.fault(what, reader.buffer_position()))?;
    }
}

struct Walk<'a> {
    bounds: &'a Bounds,
    /// Names of the open elements.
    open: Vec<String>,
    elements: usize,
    roots: usize,
    /// Bytes of text since the last tag.
    run: usize,
    first: bool,
}

impl Walk<'_> {
    fn fault(&self, what: What, offset: u64) -> Fault {
        let mut path = String::new();
        for name in &self.open {
            if path.len() + name.len() >= PATH {
                path.push_str("/…");
                break;
            }
            path.push('/');
            path.push_str(name);
        }
        Fault { what, path, offset }
    }

    fn end(&self) -> Result<(), What> {
        if self.open.is_empty() && self.roots == 1 { Ok(()) } else { Err(What::Syntax) }
    }

    fn step(&mut self, event: Event<'_>) -> Result<(), What> {
        let first = std::mem::replace(&mut self.first, false);
        match event {
            Event::Start(start) => {
                self.start(&start)?;
                self.open.push(start.name().as_ref().to_owned());
                Ok(())
            }
            Event::Empty(start) => self.start(&start),
            Event::End(_) => {
                self.run = 0;
                self.open.pop().map(|_| ()).ok_or(What::Syntax)
            }
            Event::Text(text) => self.text(text.as_bytes(), false),
            Event::CData(text) => self.text(text.as_bytes(), true),
            Event::GeneralRef(reference) => {
                if self.open.is_empty() {
                    return Err(What::Syntax);
                }
                reference_is_known(reference.as_bytes())?;
                self.text(reference.as_bytes(), true)
            }
            Event::DocType(_) => Err(What::DocumentType),
            Event::Comment(comment) => match self.bounds.comment {
                None => Err(What::Comment),
                Some(most) if comment.len() > most => Err(What::CommentLength),
                Some(_) => Ok(()),
            },
            Event::PI(_) if self.bounds.instructions => Ok(()),
            Event::PI(_) => Err(What::Instruction),
            Event::Decl(declaration) => {
                if !first {
                    return Err(What::Syntax);
                }
                declared(&declaration)
            }
            Event::Eof => Ok(()),
        }
    }

    fn text(&mut self, text: &[u8], marked: bool) -> Result<(), What> {
        if self.open.is_empty() && (marked || !text.iter().all(u8::is_ascii_whitespace)) {
            return Err(What::Syntax);
        }
        // XML 1.0 section 2.4: `]]>` does not stand in text.
        if !marked && memchr::memmem::find(text, b"]]>").is_some() {
            return Err(What::Syntax);
        }
        self.run = self.run.saturating_add(text.len());
        if self.run > self.bounds.text { Err(What::Text) } else { Ok(()) }
    }

    fn start(&mut self, start: &BytesStart<'_>) -> Result<(), What> {
        self.run = 0;
        self.elements += 1;
        if self.open.is_empty() {
            self.roots += 1;
            if self.roots > 1 {
                return Err(What::Syntax);
            }
        }
        if self.open.len() >= self.bounds.depth {
            return Err(What::Depth);
        }
        if self.elements > self.bounds.elements {
            return Err(What::Elements);
        }
        self.name(start.name().as_ref())?;
        self.attributes(start)
    }

    fn name(&self, name: &str) -> Result<(), What> {
        if name.len() > self.bounds.name {
            return Err(What::Name);
        }
        if is_name(name) { Ok(()) } else { Err(What::Syntax) }
    }

    fn attributes(&self, start: &BytesStart<'_>) -> Result<(), What> {
        let (mut attributes, mut namespaces) = (0, 0);
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| What::Syntax)?;
            let (name, value) = (attribute.key.as_ref(), attribute.value.as_bytes());
            self.name(name)?;
            if name == "xmlns" || name.starts_with("xmlns:") {
                namespaces += 1;
                if namespaces > self.bounds.namespaces {
                    return Err(What::Namespaces);
                }
                if value.len() > self.bounds.namespace {
                    return Err(What::Namespace);
                }
            } else {
                attributes += 1;
                if attributes > self.bounds.attributes {
                    return Err(What::Attributes);
                }
                if value.len() > self.bounds.value {
                    return Err(What::Value);
                }
            }
            value_is_well_formed(value)?;
        }
        Ok(())
    }
}

/// A name (XML 1.0 section 2.3), with at most one colon, not at an end (Namespaces in XML section 4).
fn is_name(name: &str) -> bool {
    let mut parts = name.split(':');
    let part = |part: &str| part.starts_with(starts_name) && part.chars().all(is_in_name);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(local), None, _) => part(local),
        (Some(prefix), Some(local), None) => part(prefix) && part(local),
        _ => false,
    }
}

/// `NameStartChar` without the colon.
const fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}'
        | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// `NameChar` without the colon.
const fn is_in_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '0'..='9' | '-' | '.' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// Of `<?xml … ?>`: version 1.0 in UTF-8, where it says.
fn declared(text: &str) -> Result<(), What> {
    let said = |key: &str| {
        let (_, after) = text.split_once(key)?;
        let after = after.trim_start().strip_prefix('=')?.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        after.get(1..)?.split(quote).next()
    };
    match said("version") {
        None => return Err(What::Syntax),
        Some("1.0") => {}
        Some(_) => return Err(What::Version),
    }
    let utf8 =
        |encoding: &str| ["utf-8", "us-ascii"].iter().any(|known| encoding.eq_ignore_ascii_case(known));
    match said("encoding") {
        None if text.contains("encoding") => Err(What::Syntax),
        Some(encoding) if !utf8(encoding) => Err(What::Encoding),
        _ => Ok(()),
    }
}

/// XML 1.0 section 2.3, `AttValue`: no `<`, and `&` only as a reference.
fn value_is_well_formed(value: &[u8]) -> Result<(), What> {
    if value.contains(&b'<') {
        return Err(What::Syntax);
    }
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'&', rest) {
        rest = rest.get(at + 1..).unwrap_or_default();
        let end = memchr::memchr(b';', rest).ok_or(What::Syntax)?;
        reference_is_known(rest.get(..end).unwrap_or_default())?;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Ok(())
}

/// One of the five entities, or a character of XML by its number (XML 1.0 section 4.1).
fn reference_is_known(name: &[u8]) -> Result<(), What> {
    if [&b"lt"[..], b"gt", b"amp", b"quot", b"apos"].contains(&name) {
        return Ok(());
    }
    let Some(number) = name.strip_prefix(b"#") else { return Err(What::Entity) };
    let (digits, radix) = match number.strip_prefix(b"x") {
        Some(hex) => (hex, 16),
        None => (number, 10),
    };
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let code = std::str::from_utf8(digits)
        .ok()
        .filter(|_| plain)
        .and_then(|text| u32::from_str_radix(text, radix).ok());
    match code.and_then(char::from_u32) {
        Some('\t' | '\n' | '\r') => Ok(()),
        Some(c) if c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}') => Ok(()),
        _ => Err(What::Syntax),
    }
}

#[cfg(test)]
mod tests;
