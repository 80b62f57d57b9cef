//! What `probe` reads: XML, kinds of files, archives, answers of scanners, leaks, personal data; and what services of `ext_authz` answer over
//! gRPC.

use std::collections::BTreeSet;

use bytes::Bytes;
use controls::pdp::{self, Answer};
use http::HeaderName;
use probe::archive::{self, Entry, Limits, Visitor, What};
use probe::leak::{self, Class};
use probe::scanner::{Verdict, clamd, icap};
use probe::{Kind, office, personal, polyglot, xml};
use tape::{Bounds, Tape};

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 8) else { return };
    match selector {
        0 => markup(rest),
        1 => kinds(rest),
        2 => archives(rest),
        3 => by_clamd(rest),
        4 => by_icap(rest),
        5 => leaks(rest),
        6 => checked(rest),
        _ => people(rest),
    }
}

/// What passes narrow bounds passes wide ones, and has no document type.
fn markup(data: &[u8]) {
    let wide = xml::Bounds { comment: Some(usize::MAX), instructions: true, ..xml::Bounds::default() };
    let narrow = xml::Bounds {
        depth: 4,
        elements: 8,
        attributes: 2,
        name: 16,
        value: 32,
        text: 64,
        namespaces: 1,
        namespace: 16,
        comment: Some(16),
        instructions: false,
    };
    let passes = xml::check(data, &wide);
    if let Err(fault) = &passes {
        assert!(
            fault.path.len() < 300 && fault.offset <= data.len() as u64 + 1,
            "a fault outside of the document"
        );
        assert!(!fault.path.contains(char::is_control), "a path with control characters");
    }
    if xml::check(data, &narrow).is_ok() {
        assert!(passes.is_ok(), "passes narrow bounds only");
    }
    let hidden = [&b"<!--"[..], b"CDATA", b"<?"].iter().any(|mark| has(data, mark));
    assert!(passes.is_err() || hidden || !has(data, b"<!DOCTYPE"), "a document type passes");
}

fn has(data: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find(data, word).is_some()
}

fn kinds(data: &[u8]) {
    let kind = Kind::of(data);
    for media_type in kind.media_types() {
        assert!(kind.agrees_with(media_type), "a kind disagrees with its own media type");
    }
    let holds_anything = matches!(kind, Kind::Rtf | Kind::PostScript);
    assert!(!kind.is_text() || holds_anything || std::str::from_utf8(data).is_ok(), "text that is not UTF-8");
    assert_ne!(polyglot::second(data, kind), Some(kind), "a second nature that is the first");
    let _ = office::is_macro("a/b", data, kind);
}

/// Counts what it is told of, and goes on after everything.
#[derive(Default)]
struct Told {
    entries: usize,
    bytes: usize,
    names: Vec<String>,
    faults: BTreeSet<&'static str>,
}

impl Visitor for Told {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        self.entries += 1;
        self.bytes += entry.bytes.len();
        self.names.push(entry.name.to_owned());
        assert_eq!(entry.kind, Kind::of(entry.bytes));
        true
    }

    fn fault(&mut self, what: What) -> bool {
        self.faults.insert(match what {
            What::Path => "path",
            _ => "other",
        });
        true
    }
}

fn archives(data: &[u8]) {
    let limits = Limits { depth: 3, entries: 16, bytes: 200_000, ratio: 50 };
    let mut told = Told::default();
    archive::look(data, Kind::of(data), &limits, &mut told);
    assert!(told.entries <= limits.entries, "more entries than allowed");
    assert!(told.bytes <= limits.bytes, "more bytes than allowed");
    let outside = told.names.iter().any(|name| !archive::is_inside(name));
    assert!(!outside || told.faults.contains("path"), "a name that leads out is not told");
}

/// A verdict that is cut off is none, or the same.
fn by_clamd(data: &[u8]) {
    let whole = clamd::verdict(data);
    let _ = clamd::version(data);
    if let Ok(verdict) = &whole {
        assert!(clamd::is_whole(data), "a verdict before its end");
        plain(verdict);
    }
    for length in 0..data.len().min(64) {
        let cut = clamd::verdict(&data[..length]);
        assert!(cut.is_err() || cut == whole, "a verdict that is cut off is another");
    }
}

fn by_icap(data: &[u8]) {
    const FILE: &[u8] = b"file";
    let said = |data: &[u8]| icap::read(data).and_then(|answer| icap::verdict(&answer, FILE));
    let whole = said(data);
    if let Ok(verdict) = &whole {
        plain(verdict);
    }
    for length in (0..data.len()).step_by(data.len() / 64 + 1) {
        let cut = said(&data[..length]);
        assert!(cut.is_err() || whole.is_err() || cut == whole, "a verdict that is cut off is another");
    }
}

/// What goes upstream is what was asked for, and bounded; reasons can be logged; no message allows that denies at its end.
fn checked(data: &[u8]) {
    let names = [HeaderName::from_static("x-plan"), HeaderName::from_static("x-tenant")];
    match pdp::read_check(&names, data) {
        Answer::Allow(added) => {
            assert!(added.iter().all(|(name, _)| names.contains(name)), "a field that nobody asked for");
            assert!(added.len() <= 16 && added.iter().map(|(_, value)| value.len()).sum::<usize>() <= 4_096);
        }
        Answer::Deny { reason, .. } => {
            assert!(reason.len() <= 3 * 200 && !reason.chars().any(engine::text::is_hidden));
        }
        Answer::Nonsense(why) | Answer::Away(why) => assert!(why.len() < 1_000, "a reason that is too long"),
    }
    // The last status counts.
    let denied = [data, b"\x0a\x02\x08\x07"].concat();
    assert!(!matches!(pdp::read_check(&names, &denied), Answer::Allow(_)), "a denial allows");
}

fn plain(verdict: &Verdict) {
    if let Verdict::Found(name) = verdict {
        assert!(name.len() <= 128 && !name.contains(char::is_control), "a name that cannot be logged");
    }
}

/// Masks leave lengths, and JSON as JSON where what is masked stays in one value, as secrets do.
fn leaks(data: &[u8]) {
    let found = leak::find(data);
    assert!(found.all.len() <= leak::LEAKS, "more leaks than are told");
    assert!(found.all.iter().all(|leak| leak.start < leak.end && leak.end <= data.len()), "a leak outside");
    let mut masked = data.to_vec();
    leak::mask(&mut masked, &found.all, Class::Secret);
    assert_eq!(masked.len(), data.len());
    let parses =
        |bytes: &[u8]| Tape::parse(Bytes::copy_from_slice(bytes), &Bounds { depth: 64, ..Bounds::UNBOUNDED });
    if let Ok(before) = parses(data) {
        match parses(&masked) {
            Ok(after) => {
                assert_eq!(before.values().count(), after.values().count(), "a mask over two values");
            }
            // Two names that were masked alike.
            Err(error) => assert_eq!(error.kind, tape::ErrorKind::DuplicateKey, "a mask breaks JSON"),
        }
    }
}

/// What is found lies inside and in order, and is of what was asked for.
fn people(data: &[u8]) {
    let found = personal::find(data, |_| true);
    let mut from = 0;
    for one in &found.all {
        assert!(
            from <= one.start && one.start < one.end && one.end <= data.len(),
            "outside, or out of order"
        );
        from = one.end;
    }
    let mut masked = data.to_vec();
    for class in personal::CLASSES {
        leak::mask(&mut masked, &found.all, class);
        let alone = personal::find(data, |one| one == class).all;
        assert!(alone.iter().all(|one| one.class == class), "what was not asked for");
    }
    assert_eq!(masked.len(), data.len(), "a mask of another length");
}
