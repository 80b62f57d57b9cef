//! ZIP, by its central directory, which every entry's local header has to fit.

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::{Ended, Looking, What, drain, u16_at, u32_at, usize_at};

/// Length of the end record without its comment.
const END: usize = 22;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// Where the directory is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Directory {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) entries: usize,
}

/// The one end record that ends with the archive.
pub(crate) fn directory(bytes: &[u8]) -> Option<Directory> {
    let from = bytes.len().saturating_sub(END + usize::from(u16::MAX));
    let tail = bytes.get(from..)?;
    let fits = |at: &usize| {
        let length = u16_at(tail, at + 20).map(usize::from);
        length.is_some_and(|length| at + END + length == tail.len())
    };
    let mut found = memchr::memmem::find_iter(tail, b"PK\x05\x06").filter(fits);
    let (at, None) = (found.next()?, found.next()) else { return None };
    let (entries, size) = (u16_at(tail, at + 10)?, usize_at(tail, at + 12)?);
    let end = from + at;
    Some(Directory { start: end.checked_sub(size)?, end, entries: usize::from(entries) })
}

/// What the directory says of an entry.
struct Record<'a> {
    flags: u16,
    method: u16,
    crc: u32,
    packed: usize,
    unpacked: usize,
    name: &'a [u8],
    mode: u32,
    offset: usize,
    /// Its length in the directory.
    length: usize,
}

pub(super) fn look(looking: &mut Looking<'_>, bytes: &[u8]) -> Result<(), Ended> {
    let records = directory(bytes).and_then(|directory| read(bytes, directory, looking.limits.entries));
    let records = match records {
        Some(Ok(records)) => records,
        Some(Err(what)) => return Err(looking.over(what)),
        None => return Err(looking.over(What::Malformed)),
    };
    for (record, content) in &records {
        let name = String::from_utf8_lossy(record.name);
        looking.named(&name)?;
        // The type of file, where the archive was made on a system that has such.
        if !matches!(record.mode >> 12, 0 | 0o4 | 0o10) {
            looking.odd(What::Link)?;
        } else if !name.ends_with('/') {
            unpack(looking, record, &name, content)?;
        } else if record.unpacked != 0 {
            return Err(looking.over(What::Malformed));
        }
    }
    Ok(())
}

fn unpack(looking: &mut Looking<'_>, record: &Record<'_>, name: &str, packed: &[u8]) -> Result<(), Ended> {
    if record.flags & 1 != 0 {
        return looking.odd(What::Encrypted);
    }
    let (most, exceeded) = looking.room(packed.len());
    if record.unpacked > most {
        return Err(looking.over(exceeded));
    }
    let unpacked = match record.method {
        STORED => packed.to_vec(),
        DEFLATED => {
            let mut decoder = DeflateDecoder::new(packed);
            match drain(&mut decoder, record.unpacked) {
                Ok(Some(unpacked)) if decoder.into_inner().is_empty() => unpacked,
                _ => return Err(looking.over(What::Malformed)),
            }
        }
        _ => return looking.odd(What::Unreadable),
    };
    let mut crc = Crc::new();
    crc.update(&unpacked);
    if unpacked.len() != record.unpacked || crc.sum() != record.crc {
        return Err(looking.over(What::Malformed));
    }
    looking.count(unpacked.len())?;
    looking.file(name, &unpacked)
}

type Records<'a> = Vec<(Record<'a>, &'a [u8])>;

/// All entries with their packed content, in the order of the directory. `None` when the archive is malformed.
fn read(bytes: &[u8], directory: Directory, most: usize) -> Option<Result<Records<'_>, What>> {
    let Directory { start, end, entries } = directory;
    // The end record, and the entries' own, mark larger numbers so (APPNOTE 4.4.1.4); no bound here is as large.
    let large = usize_at(bytes, end + 16)? == 0xffff_ffff || entries == 0xffff;
    if large {
        return Some(Err(What::Unreadable));
    }
    if entries > most {
        return Some(Err(What::Entries));
    }
    // One disk, and nothing before the archive that its offsets do not count.
    if u32_at(bytes, end + 4)? != 0 || usize_at(bytes, end + 16)? != start {
        return None;
    }
    let mut at = start;
    let mut records = Vec::new();
    let mut ranges = Vec::new();
    for _ in 0..entries {
        let record = central(bytes, at)?;
        at += record.length;
        let (content, range) = local(bytes, &record)?;
        ranges.push(range);
        records.push((record, content));
    }
    let mut names: Vec<&[u8]> = records.iter().map(|(record, _)| record.name).collect();
    names.sort_unstable();
    let twice = names.windows(2).any(|pair| pair.first() == pair.last());
    (at == end && !twice && are_apart(bytes, ranges, start)).then_some(Ok(records))
}

/// Whether entries lie one after the other from the beginning to the directory, with no other entry hidden between them.
fn are_apart(bytes: &[u8], mut ranges: Vec<(usize, usize)>, directory: usize) -> bool {
    ranges.sort_unstable();
    ranges.push((directory, directory));
    let mut end = 0;
    for (start, next) in ranges {
        let Some(gap) = bytes.get(end..start) else { return false };
        if (end == 0 && start != 0) || memchr::memmem::find(gap, b"PK\x03\x04").is_some() {
            return false;
        }
        end = next;
    }
    true
}

fn central(bytes: &[u8], at: usize) -> Option<Record<'_>> {
    let header = bytes.get(at..)?.strip_prefix(b"PK\x01\x02").and_then(|_| bytes.get(at..))?;
    let name = usize::from(u16_at(header, 28)?);
    let unix = u16_at(header, 4)? >> 8 == 3;
    Some(Record {
        flags: u16_at(header, 8)?,
        method: u16_at(header, 10)?,
        crc: u32_at(header, 16)?,
        packed: usize_at(header, 20)?,
        unpacked: usize_at(header, 24)?,
        name: header.get(46..46 + name)?,
        mode: if unix { u32_at(header, 38)? >> 16 } else { 0 },
        offset: usize_at(header, 42)?,
        length: 46 + name + usize::from(u16_at(header, 30)?) + usize::from(u16_at(header, 32)?),
    })
}

/// The packed content of an entry and where it lies, when its local header says what the directory says.
fn local<'a>(bytes: &'a [u8], record: &Record<'_>) -> Option<(&'a [u8], (usize, usize))> {
    let header = bytes.get(record.offset..)?;
    let name = usize::from(u16_at(header, 26)?);
    let start = 30 + name + usize::from(u16_at(header, 28)?);
    let content = header.get(start..start.checked_add(record.packed)?)?;
    // With this flag sizes and checksum stand behind the content only.
    let later = record.flags & 8 != 0;
    let same = header.starts_with(b"PK\x03\x04")
        && header.get(30..30 + name)? == record.name
        && u16_at(header, 6)? & 9 == record.flags & 9
        && u16_at(header, 8)? == record.method
        && (later
            || (u32_at(header, 14)? == record.crc
                && usize_at(header, 18)? == record.packed
                && usize_at(header, 22)? == record.unpacked));
    same.then_some((content, (record.offset, record.offset + start + record.packed)))
}
