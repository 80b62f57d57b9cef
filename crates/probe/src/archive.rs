//! What is in an archive, and in the archives in it: ZIP (PKWARE APPNOTE 6.3), gzip (RFC 1952) and tar (POSIX pax), within bounds.
//!
//! An archive that two readers could read differently is refused: a directory that does not fit the local headers, entries that
//! overlap, bytes before or after, names twice. So is one that leads out of the folder it is unpacked in, or that cannot be
//! looked into (encrypted, another method, another format); who calls decides which of these it minds.
//!
//! What is unpacked is held in memory, one entry for each level, and is bounded in all: [`Limits::bytes`].

mod gzip;
mod names;
mod tar;
mod zip;

use std::fmt;

use crate::Kind;

pub use names::is_inside;

/// Entries that grow to no more than this are small, whatever their ratio, in bytes.
const SMALL: usize = 64 * 1024;

/// Upper bounds, each inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Archives inside each other; 1 is the archive itself.
    pub depth: usize,
    /// Entries in all.
    pub entries: usize,
    /// Bytes unpacked in all.
    pub bytes: usize,
    /// How many times longer than packed an entry may be.
    pub ratio: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 3, entries: 1000, bytes: 64 * 1024 * 1024, ratio: 200 }
    }
}

/// What is wrong with an archive, or odd about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Not what its format says, or two readers could read two things.
    Malformed,
    /// An entry is encrypted.
    Encrypted,
    /// A format, or a method of compression, that nothing here undoes.
    Unreadable,
    /// A name that leads out of the folder, or that is none.
    Path,
    /// A link, a device, or something else that is no file.
    Link,
    /// [`Limits::depth`].
    Depth,
    /// [`Limits::entries`].
    Entries,
    /// [`Limits::bytes`].
    Bytes,
    /// [`Limits::ratio`].
    Ratio,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Malformed => "the archive is malformed",
            What::Encrypted => "the archive is encrypted",
            What::Unreadable => "the archive cannot be looked into",
            What::Path => "a name in the archive leads out of it",
            What::Link => "the archive has links or devices",
            What::Depth => "archives are nested too deep",
            What::Entries => "the archive has too many entries",
            What::Bytes => "the archive unpacks to too much",
            What::Ratio => "the archive is compressed too well",
        })
    }
}

/// One file in an archive.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Its name as the archive has it, what is not UTF-8 replaced.
    pub name: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// What it is.
    pub kind: Kind,
}

/// Who is told what is found.
pub trait Visitor {
    /// An entry that could be unpacked. False ends the looking.
    fn entry(&mut self, entry: &Entry<'_>) -> bool;
    /// Something is wrong. True goes on where that is possible: behind what cannot be unpacked, at a name or a link.
    fn fault(&mut self, what: What) -> bool;
}

/// Whether something of this kind is looked into, or would be if it could.
#[must_use]
pub const fn is_archive(kind: Kind) -> bool {
    kind.is_zip()
        || matches!(
            kind,
            Kind::Gzip | Kind::Tar | Kind::Bzip2 | Kind::Xz | Kind::Zstd | Kind::SevenZip | Kind::Rar
        )
}

/// Looks into `bytes`, which are of `kind`; nothing is done for kinds that are no archives.
pub fn look(bytes: &[u8], kind: Kind, limits: &Limits, visitor: &mut dyn Visitor) {
    if is_archive(kind) {
        let mut looking = Looking { limits, visitor, depth: 0, entries: 0, bytes: 0 };
        // That it was ended is known to who ended it.
        let _ = looking.archive(bytes, kind);
    }
}

/// The visitor has heard enough.
struct Ended;

struct Looking<'v> {
    limits: &'v Limits,
    visitor: &'v mut dyn Visitor,
    depth: usize,
    entries: usize,
    bytes: usize,
}

impl Looking<'_> {
    fn archive(&mut self, bytes: &[u8], kind: Kind) -> Result<(), Ended> {
        if self.depth >= self.limits.depth {
            return self.odd(What::Depth);
        }
        self.depth += 1;
        let looked = match kind {
            Kind::Gzip => gzip::look(self, bytes),
            Kind::Tar => tar::look(self, bytes),
            kind if kind.is_zip() => zip::look(self, bytes),
            _ => self.odd(What::Unreadable),
        };
        self.depth -= 1;
        looked
    }

    /// What the visitor may want to go on after.
    fn odd(&mut self, what: What) -> Result<(), Ended> {
        if self.visitor.fault(what) { Ok(()) } else { Err(Ended) }
    }

    /// What nobody goes on after: the rest cannot be found, or would cost too much.
    fn over(&mut self, what: What) -> Ended {
        let _ = self.visitor.fault(what);
        Ended
    }

    /// One more entry of any kind, by its name.
    fn named(&mut self, name: &str) -> Result<(), Ended> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.over(What::Entries));
        }
        if is_inside(name) { Ok(()) } else { self.odd(What::Path) }
    }

    /// A file that was unpacked, or lies there as it is.
    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), Ended> {
        let kind = Kind::of(bytes);
        if !self.visitor.entry(&Entry { name, bytes, kind }) {
            return Err(Ended);
        }
        if is_archive(kind) { self.archive(bytes, kind) } else { Ok(()) }
    }

    /// How many bytes an entry of `packed` bytes may still unpack to, and what it exceeds with one more.
    fn room(&self, packed: usize) -> (usize, What) {
        let left = self.limits.bytes.saturating_sub(self.bytes);
        let by_ratio = packed.saturating_mul(self.limits.ratio).max(SMALL);
        if left <= by_ratio { (left, What::Bytes) } else { (by_ratio, What::Ratio) }
    }

    /// Counts what was unpacked, or lies there unpacked.
    fn count(&mut self, bytes: usize) -> Result<(), Ended> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.bytes { Err(self.over(What::Bytes)) } else { Ok(()) }
    }
}

/// Whether readers that look for a ZIP archive at the end of a file, as most do, find one.
pub(crate) fn ends_as_zip(bytes: &[u8]) -> bool {
    let starts = |at: usize| bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02"));
    zip::directory(bytes).is_some_and(|directory| directory.entries > 0 && starts(directory.start))
}

/// A little-endian number of the field at `at`; `None` beyond the end.
fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*field))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*field))
}

fn usize_at(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, at)?).ok()
}

/// Reads to the end, but no more than `most` bytes: `Ok(None)` when there is more.
fn drain(reader: &mut impl std::io::Read, most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let mut step = [0_u8; 16 * 1024];
    loop {
        let count = reader.read(&mut step)?;
        if count == 0 {
            return Ok(Some(out));
        }
        if out.len().saturating_add(count) > most {
            return Ok(None);
        }
        out.extend_from_slice(step.get(..count).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests;
