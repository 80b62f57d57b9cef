use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use proptest::prelude::*;

use super::*;

/// Writes down all that it is told, and goes on.
#[derive(Default)]
struct Notes(Vec<String>);

impl Visitor for Notes {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        self.0.push(format!("{} {} {}", entry.name, entry.kind.name(), entry.bytes.len()));
        true
    }

    fn fault(&mut self, what: What) -> bool {
        self.0.push(format!("{what:?}"));
        true
    }
}

fn told_within(bytes: &[u8], limits: &Limits) -> String {
    let mut notes = Notes::default();
    look(bytes, Kind::of(bytes), limits, &mut notes);
    notes.0.join(", ")
}

fn told(bytes: &[u8]) -> String {
    told_within(bytes, &Limits::default())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An entry, and what may be false about it.
#[derive(Clone)]
struct Item<'a> {
    name: &'a str,
    local: &'a str,
    content: &'a [u8],
    method: u16,
    flags: u16,
    mode: u32,
}

fn item<'a>(name: &'a str, content: &'a [u8]) -> Item<'a> {
    Item { name, local: name, content, method: 8, flags: 0, mode: 0o100_644 }
}

fn zip(items: &[Item<'_>]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for item in items {
        let packed = if item.method == 8 { deflate(item.content) } else { item.content.to_vec() };
        let mut crc = flate2::Crc::new();
        crc.update(item.content);
        let mut fields = Vec::new();
        for field in [20, item.flags, item.method, 0, 0] {
            fields.extend_from_slice(&field.to_le_bytes());
        }
        for field in [crc.sum(), packed.len() as u32, item.content.len() as u32] {
            fields.extend_from_slice(&field.to_le_bytes());
        }
        let offset = out.len() as u32;
        out.extend([&b"PK\x03\x04"[..], &fields].concat());
        out.extend([(item.local.len() as u16).to_le_bytes(), [0, 0]].concat());
        out.extend([item.local.as_bytes(), &packed].concat());
        directory.extend([&b"PK\x01\x02\x14\x03"[..], &fields].concat());
        directory.extend([(item.name.len() as u16).to_le_bytes(), [0, 0], [0, 0], [0, 0], [0, 0]].concat());
        directory.extend([(item.mode << 16).to_le_bytes(), offset.to_le_bytes()].concat());
        directory.extend_from_slice(item.name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    let count = (items.len() as u16).to_le_bytes();
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count].concat());
    out.extend([(directory.len() as u32).to_le_bytes(), start.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

fn tar(items: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, content) in items {
        let mut header = vec![0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        header[156] = *kind;
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].copy_from_slice(b"        ");
        let sum: usize = header.iter().map(|byte| usize::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend_from_slice(&header);
        out.extend_from_slice(content);
        out.resize(out.len().div_ceil(512) * 512, 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

#[test]
fn what_is_in_an_archive_is_told() {
    let both = zip(&[item("a.txt", b"text"), Item { method: 0, ..item("b/c.png", b"\x89PNG\r\n\x1a\n") }]);
    let folder = zip(&[Item { mode: 0o040_755, method: 0, ..item("b/", b"") }, item("b/a", b"x")]);
    let inner = gzip(&tar(&[("x/y", b'0', b"#!/bin/sh\n")]));
    let outer = zip(&[item("in.tgz", &inner)]);
    let length = inner.len();
    let cases = [
        (both, String::from("a.txt text 4, b/c.png png 8")),
        (folder, String::from("b/a text 1")),
        (gzip(b"<html>"), String::from("content html 6")),
        ([gzip(b"ab"), gzip(b"cd")].concat(), String::from("content text 4")),
        (tar(&[("d/", b'5', b""), ("d/a", b'0', b"x")]), String::from("d/a text 1")),
        (tar(&[("x", b'x', b"11 path=b/c\n"), ("a", b'0', b"x")]), String::from("Malformed")),
        (tar(&[("x", b'x', b"12 path=b/c\n"), ("a", b'0', b"x")]), String::from("b/c text 1")),
        (tar(&[("x", b'L', b"long/name\0"), ("a", b'0', b"x")]), String::from("long/name text 1")),
        (outer, format!("in.tgz gzip {length}, content tar 2048, x/y script 10")),
        (zip(&[]), String::new()),
    ];
    for (bytes, expected) in cases {
        assert_eq!(told(&bytes), expected);
    }
    let mut nothing = Notes::default();
    look(b"text", Kind::Text, &Limits::default(), &mut nothing);
    assert!(nothing.0.is_empty());
}

#[test]
fn names_that_lead_out_are_told_and_their_like_are_not() {
    for bad in ["../a", "a/../../b", "/etc/passwd", "C:a", "a\\b", "a\nb", "..", "a/.. /b", "a/..."] {
        assert!(told(&zip(&[item(bad, b"x")])).starts_with("Path"), "{bad}");
        assert!(told(&tar(&[(bad, b'0', b"x")])).starts_with("Path"), "{bad}");
        assert!(!is_inside(bad));
    }
    for good in ["a", "a/b", "./a", "a..b", "..a", "a.b./c", "C", "c/:x", "é"] {
        assert!(is_inside(good), "{good}");
        assert_eq!(told(&zip(&[item(good, b"x")])), format!("{good} text 1"));
    }
    assert!(!is_inside(""));
    assert!(!is_inside(&"a".repeat(1025)));
}

#[test]
fn what_a_tar_entry_has_behind_it_is_read_by_all_readers_or_refused() {
    let hidden = &tar(&[("x", b'0', b"\x7fELF\x02\x01\x01")])[..1024];
    for kind in *b"123456SV" {
        assert!(told(&tar(&[("d", kind, hidden)])).ends_with("Malformed"), "{}", char::from(kind));
        assert!(!told(&tar(&[("d", kind, b"")])).contains("Malformed"), "{}", char::from(kind));
    }
    for kind in [b'0', 0, b'5', b'7'] {
        assert!(told(&tar(&[("d/", kind, hidden)])).ends_with("Malformed"), "{kind}");
    }
    let long = |name: &[u8]| told(&tar(&[("x", b'L', name), ("a", b'0', b"x")]));
    assert_eq!((long(b"d/\0").as_str(), long(b"d\0").as_str()), ("Malformed", "d text 1"));
    for (items, expected) in [
        (&[("d/", b'5', &b""[..]), ("d/a", b'0', b"x")][..], "d/a text 1"),
        (&[("d/", 0, b""), ("a", 0, b"x")], "a text 1"),
        (&[("a", b'7', b"x")], "a text 1"),
    ] {
        assert_eq!(told(&tar(items)), expected);
    }
}

#[test]
fn what_pax_says_of_all_entries_moves_none() {
    let archive = |kind, record: &[u8]| told(&tar(&[("g", kind, record), ("a", b'0', b"x")]));
    let record = |text: &str| {
        let length = (1..99).find(|length| format!("{length} {text}\n").len() == *length).unwrap();
        format!("{length} {text}\n").into_bytes()
    };
    for bad in ["path=../../etc/x", "path=b", "linkpath=/etc/x", "size=0", "GNU.sparse.major=1"] {
        assert_eq!(archive(b'g', &record(bad)), "Unreadable", "{bad}");
        let after = [record("comment=x"), record(bad)].concat();
        assert_eq!(archive(b'g', &after), "Unreadable", "{bad}");
    }
    assert_eq!(archive(b'g', b"99 comment=x\n"), "Malformed");
    for good in ["comment=0123456789abcdef", "mtime=1", "paths=x"] {
        assert_eq!(archive(b'g', &record(good)), "a text 1", "{good}");
    }
    assert_eq!(archive(b'x', &record("path=b/c")), "b/c text 1");
    assert!(archive(b'x', &record("path=b\0/../../c")).starts_with("Path"));
    assert_eq!(archive(b'x', &record("linkpath=c")), "a text 1");
}

#[test]
fn links_and_devices_are_told() {
    let link = Item { mode: 0o120_777, ..item("a", b"/etc/passwd") };
    assert_eq!(told(&zip(&[link, item("b", b"x")])), "Link, b text 1");
    for kind in *b"123456" {
        let expected = if kind == b'5' { "" } else { "Link" };
        assert_eq!(told(&tar(&[("a", kind, b"")])), expected);
    }
}

#[test]
fn bombs_stop_at_their_bounds() {
    let zeros = vec![0_u8; 1_000_000];
    let limits = Limits { bytes: 1_500_000, ratio: 2000, ..Limits::default() };
    assert_eq!(told_within(&gzip(&zeros), &limits), "content data 1000000");
    assert_eq!(told(&gzip(&zeros)), "Ratio");
    assert_eq!(told(&zip(&[item("a", &zeros)])), "Ratio");
    assert_eq!(told_within(&zip(&[item("a", &zeros), item("b", &zeros)]), &limits), "a data 1000000, Bytes");
    let small = Limits { bytes: 999_999, ratio: 2000, ..Limits::default() };
    assert_eq!(told_within(&gzip(&zeros), &small), "Bytes");
    let many: Vec<String> = (0..1001).map(|number| number.to_string()).collect();
    let items: Vec<Item<'_>> = many.iter().map(|name| item(name, b"")).collect();
    assert_eq!(told(&zip(&items)), "Entries");
    assert!(!told(&zip(&items[..1000])).contains("Entries"));
    let nested = gzip(&gzip(&gzip(b"x")));
    assert!(told(&nested).ends_with("content text 1"));
    assert!(told(&gzip(&nested)).ends_with("Depth"));
}

#[test]
fn what_two_readers_read_differently_is_malformed() {
    let good = zip(&[item("a", b"x"), item("b", b"y")]);
    assert_eq!(told(&good), "a text 1, b text 1");
    let one = zip(&[item("a", b"x")]);
    let mut shifted = one.clone();
    shifted.splice(0..0, *b"PK\x03\x04");
    let mut late = one.clone();
    late.extend_from_slice(b"more");
    let mut lying = good;
    let count = lying.len() - 14;
    lying[count] = 1;
    lying[count + 2] = 1;
    let mut corrupt = one.clone();
    corrupt[31] ^= 0x10;
    for (name, bytes) in [
        ("local name", zip(&[Item { local: "b", ..item("a", b"x") }])),
        ("twice", zip(&[item("a", b"x"), item("a", b"y")])),
        ("before", shifted),
        ("after", late),
        ("hidden entry", lying),
        ("checksum", corrupt),
        ("cut", one[..one.len() - 1].to_vec()),
        ("no directory", one[..40].to_vec()),
        ("gzip cut", gzip(b"x")[..10].to_vec()),
        ("gzip and more", [gzip(b"x"), b"more".to_vec()].concat()),
        ("gzip members", gzip(b"x").repeat(17)),
        ("tar cut", tar(&[("a", b'0', b"x")])[..512].to_vec()),
        ("tar and more", [tar(&[("a", b'0', b"x")]), b"more".to_vec()].concat()),
    ] {
        assert!(told(&bytes).contains("Malformed"), "{name}: {}", told(&bytes));
    }
}

#[test]
fn what_cannot_be_looked_into_is_told() {
    let secret = Item { flags: 1, ..item("a", b"x") };
    assert_eq!(told(&zip(&[secret, item("b", b"x")])), "Encrypted, b text 1");
    assert_eq!(told(&zip(&[Item { method: 14, ..item("a", b"x") }])), "Unreadable");
    for other in
        [&b"7z\xbc\xaf\x27\x1c"[..], b"Rar!\x1a\x07\0", b"\xfd7zXZ\0", b"BZh9\x00", b"\x28\xb5\x2f\xfd"]
    {
        assert_eq!(told(other), "Unreadable");
        assert!(told(&zip(&[item("a", other)])).ends_with("Unreadable"));
    }
    assert_eq!(told(&tar(&[("x", b'x', b"10 size=9\n"), ("a", b'0', b"x")])), "Unreadable");
}

proptest! {
    /// However an archive is broken, looking ends, within its bounds.
    #[test]
    fn any_archive_is_looked_into(
        content in proptest::collection::vec(any::<u8>(), 0..300),
        at in 0_usize..2000,
        byte: u8,
    ) {
        let limits = Limits { depth: 3, entries: 8, bytes: 100_000, ratio: 50 };
        let archives = [
            zip(&[item("a", &content), item("b", b"text")]),
            gzip(&content),
            tar(&[("a", b'0', &content), ("b", b'x', b"12 path=b/c\n")]),
            zip(&[item("a", &gzip(&tar(&[("a", b'0', &content)])))]),
        ];
        for mut archive in archives {
            let whole = told_within(&archive, &limits);
            prop_assert!(!whole.contains("Malformed"), "{}", whole);
            let at = at % archive.len();
            archive[at] = byte;
            let _ = told_within(&archive, &limits);
            let _ = told_within(&archive[..at], &limits);
        }
    }
}
