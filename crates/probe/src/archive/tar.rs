//! tar: old, ustar, GNU's long names and pax's (POSIX.1-2017, pax Interchange Format).

use super::{Ended, Looking, What};

const BLOCK: usize = 512;

/// Names that an extended header gives to the next entry.
#[derive(Default)]
struct Next {
    name: Option<String>,
}

pub(super) fn look(looking: &mut Looking<'_>, bytes: &[u8]) -> Result<(), Ended> {
    let mut at = 0_usize;
    let mut next = Next::default();
    while let Some(header) = bytes.get(at..at.saturating_add(BLOCK)) {
        if header.iter().all(|byte| *byte == 0) {
            // What follows the end would be read by some and not by others.
            let rest = bytes.get(at..).unwrap_or_default();
            let zeros = rest.iter().all(|byte| *byte == 0);
            return if zeros { Ok(()) } else { Err(looking.over(What::Malformed)) };
        }
        let size = number(header.get(124..136).unwrap_or_default()).filter(|_| is_whole(header));
        let Some(size) = size else { return Err(looking.over(What::Malformed)) };
        let start = at + BLOCK;
        let Some(content) = bytes.get(start..start.saturating_add(size)) else {
            return Err(looking.over(What::Malformed));
        };
        entry(looking, header, content, &mut next)?;
        at = start.saturating_add(size.div_ceil(BLOCK).saturating_mul(BLOCK));
    }
    // A last block that is not whole, or an end that is not said.
    if at >= bytes.len() { Ok(()) } else { Err(looking.over(What::Malformed)) }
}

fn entry(looking: &mut Looking<'_>, header: &[u8], content: &[u8], next: &mut Next) -> Result<(), Ended> {
    let kind = header.get(156).copied().unwrap_or_default();
    match kind {
        b'x' => return extended(looking, content, next),
        b'g' => return global(looking, content),
        b'L' => {
            next.name = Some(text(content));
            return looking.named("long");
        }
        b'K' => return looking.named("long"),
        _ => {}
    }
    let name = next.name.take().unwrap_or_else(|| name(header));
    looking.named(&name)?;
    // Some readers look for the next header right behind what can have no content, and find another entry there.
    if !content.is_empty() && (!matches!(kind, b'0' | 0 | b'7') || name.ends_with('/')) {
        return Err(looking.over(What::Malformed));
    }
    match kind {
        b'0' | 0 | b'7' if !name.ends_with('/') => {
            looking.count(content.len())?;
            looking.file(&name, content)
        }
        b'0' | 0 | b'5' => Ok(()),
        b'1'..=b'6' => looking.odd(What::Link),
        _ => looking.odd(What::Unreadable),
    }
}

/// What pax says of the next entry.
fn extended(looking: &mut Looking<'_>, content: &[u8], next: &mut Next) -> Result<(), Ended> {
    looking.named("pax")?;
    records(looking, content, |record| {
        if let Some(path) = record.strip_prefix(b"path=") {
            // Its length is said: a NUL is one of its characters, and no reader's end of it.
            next.name = Some(String::from_utf8_lossy(path).into_owned());
        }
        !parts_archive(record)
    })
}

/// What pax says of all entries that follow: readers differ in what of it they heed, so nothing may be said that matters here.
fn global(looking: &mut Looking<'_>, content: &[u8]) -> Result<(), Ended> {
    looking.named("pax")?;
    let matters = |record: &[u8]| record.starts_with(b"path=") || record.starts_with(b"linkpath=");
    records(looking, content, |record| !matters(record) && !parts_archive(record))
}

/// A size that differs from the header's, or files with holes, would part the archive otherwise.
fn parts_archive(record: &[u8]) -> bool {
    record.starts_with(b"size=") || record.starts_with(b"GNU.sparse")
}

/// Records of pax: `length key=value\n`, until one of them is not accepted.
fn records(
    looking: &mut Looking<'_>,
    content: &[u8],
    mut accept: impl FnMut(&[u8]) -> bool,
) -> Result<(), Ended> {
    let mut rest = content;
    while !rest.is_empty() {
        let record = memchr::memchr(b' ', rest).and_then(|blank| {
            let length: usize = std::str::from_utf8(rest.get(..blank)?).ok()?.parse().ok()?;
            Some((rest.get(blank + 1..length)?.strip_suffix(b"\n")?, length))
        });
        let Some((record, length)) = record else { return Err(looking.over(What::Malformed)) };
        rest = rest.get(length..).unwrap_or_default();
        if !accept(record) {
            return Err(looking.over(What::Unreadable));
        }
    }
    Ok(())
}

/// Octal, padded by blanks and NULs; larger numbers of GNU's are larger than any bound.
fn number(field: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(field).ok()?.trim_matches([' ', '\0']);
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if text.is_empty() { Some(0) } else { usize::from_str_radix(text, 8).ok().filter(|_| digits) }
}

/// Whether the header's checksum fits: the sum of its bytes, those of the checksum taken as blanks.
fn is_whole(header: &[u8]) -> bool {
    let sum = |(at, byte): (usize, &u8)| if (148..156).contains(&at) { 32 } else { usize::from(*byte) };
    number(header.get(148..156).unwrap_or_default()) == Some(header.iter().enumerate().map(sum).sum())
}

fn name(header: &[u8]) -> String {
    let name = text(header.get(..100).unwrap_or_default());
    let ustar = header.get(257..263) == Some(b"ustar\0");
    let prefix = text(header.get(345..500).filter(|_| ustar).unwrap_or_default());
    if prefix.is_empty() { name } else { format!("{prefix}/{name}") }
}

fn text(field: &[u8]) -> String {
    let end = memchr::memchr(0, field).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
}
