//! Row 45: bodies that are something else when they are decoded, or decoded otherwise.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use testkit::Recorder;

use crate::harness::*;

const GOOD: &[u8] = br#"{"name":"a"}"#;
const EVIL: &[u8] = br#"{"name":"a","evil":"<script>"}"#;

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Without the frame of RFC 1950: some take it for `deflate`.
fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// With a name, a comment and more in its header (RFC 1952 section 2.3).
fn named(bytes: &[u8]) -> Vec<u8> {
    let evil = String::from_utf8(EVIL.to_vec()).unwrap();
    let builder =
        flate2::GzBuilder::new().filename(evil.clone()).comment(evil.clone()).extra(evil.into_bytes());
    let mut encoder = builder.write(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn coded(fields: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    send("POST", "/things", &format!("Content-Type: application/json\r\n{fields}"), body)
}

fn with_byte(mut bytes: Vec<u8>, from_the_end: usize) -> Vec<u8> {
    let at = bytes.len() - from_the_end;
    bytes[at] ^= 0xff;
    bytes
}

fn cases() -> Vec<Case> {
    let (unsupported, malformed) =
        (Expect::Problem(415, "coding_unsupported"), Expect::Problem(400, "body_malformed"));
    let invalid = Expect::Problem(400, "body_invalid");
    let (once, twice) = (gzip(GOOD), gzip(&gzip(GOOD)));
    let one = "Content-Encoding: gzip\r\n";
    let flat = "Content-Encoding: deflate\r\n";
    let hostile: Vec<(&str, Vec<u8>, &Expect)> = vec![
        // On top of each other, in every way to say so.
        ("two codings", coded("Content-Encoding: gzip, gzip\r\n", &twice), &unsupported),
        ("two codings in two fields", coded(&one.repeat(2), &twice), &unsupported),
        ("two kinds", coded("Content-Encoding: deflate, gzip\r\n", gzip(&zlib(GOOD))), &unsupported),
        ("identity and gzip", coded("Content-Encoding: identity, gzip\r\n", &once), &unsupported),
        ("gzip and identity", coded("Content-Encoding: gzip, identity\r\n", &once), &unsupported),
        ("gzip and nothing", coded("Content-Encoding: gzip,\r\n", &once), &unsupported),
        ("an empty coding", coded("Content-Encoding:\r\n", GOOD), &unsupported),
        ("one that is not declared", coded("Content-Encoding: br\r\n", GOOD), &unsupported),
        ("one that nobody knows", coded("Content-Encoding: gzipped\r\n", &once), &unsupported),
        ("one with a parameter", coded("Content-Encoding: gzip;q=1\r\n", &once), &unsupported),
        ("chunked as a coding", coded("Content-Encoding: chunked\r\n", GOOD), &unsupported),
        // One that was said once and done twice: what is decoded is no JSON.
        ("coded twice, said once", coded(one, &twice), &malformed),
        ("coded, and not said", coded("", &once), &malformed),
        ("said, and not coded", coded(one, GOOD), &malformed),
        // What is in it is judged, and not what stands around it.
        ("an attack inside", coded(one, gzip(EVIL)), &invalid),
        ("an attack inside deflate", coded(flat, zlib(EVIL)), &invalid),
        (
            "an attack in a second member",
            coded(one, [gzip(&GOOD[..11]), gzip(&EVIL[11..])].concat()),
            &invalid,
        ),
        ("a second body in a second member", coded(one, [once.clone(), gzip(EVIL)].concat()), &malformed),
        ("an attack behind the end", coded(one, [once.as_slice(), EVIL].concat()), &malformed),
        ("nulls behind the end", coded(one, [once.as_slice(), &[0; 16]].concat()), &malformed),
        (
            "an attack behind the end of deflate",
            coded(flat, [zlib(GOOD), EVIL.to_vec()].concat()),
            &malformed,
        ),
        ("a checksum that is not its own", coded(one, with_byte(once.clone(), 8)), &malformed),
        ("a length that is not its own", coded(one, with_byte(once.clone(), 4)), &malformed),
        ("a checksum of zlib that is not its own", coded(flat, with_byte(zlib(GOOD), 1)), &malformed),
        ("one that breaks off", coded(one, &once[..once.len() - 9]), &malformed),
        // Some programs guess, and two of them guess differently.
        ("gzip as deflate", coded(flat, &once), &malformed),
        ("zlib as gzip", coded(one, zlib(GOOD)), &malformed),
        ("deflate without a frame", coded(flat, deflate(GOOD)), &malformed),
    ];
    let twin = coded(one, &once);
    hostile
        .into_iter()
        .map(|(name, bytes, expect)| case(name, bytes, expect.clone()).twin(twin.clone()))
        .collect()
}

#[test]
fn threat_45_what_was_inspected_is_what_is_sent() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&Setup::api("bodies: { codings: [gzip, deflate] }"), &recorder.url());
    judge(&gateway, &recorder, &cases());
    // What passes was decoded, and says nothing of what it was: neither its coding nor its length nor its digests.
    let digests = "Content-Digest: sha-256=:AAAA:\r\nRepr-Digest: sha-256=:AAAA:\r\nDigest: sha-256=AAAA\r\n\
                   Content-MD5: AAAA\r\n";
    let gzipped = "Content-Encoding: gzip\r\n";
    for (name, fields, body) in [
        ("gzip", gzipped, gzip(GOOD)),
        ("in capitals", "Content-Encoding: GZIP\r\n", gzip(GOOD)),
        ("by its old name", "Content-Encoding: x-gzip\r\n", gzip(GOOD)),
        ("deflate", "Content-Encoding: deflate\r\n", zlib(GOOD)),
        ("with an attack in its header", gzipped, named(GOOD)),
        ("in two members", gzipped, [gzip(&GOOD[..5]), gzip(&GOOD[5..])].concat()),
        ("none", "Content-Encoding: identity\r\n", GOOD.to_vec()),
    ] {
        let reply = gateway.call(coded(&format!("{fields}{digests}"), body));
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let call = recorder.last();
        assert_eq!(call.body, GOOD, "{name}");
        assert_eq!(call.head.get("content-length"), Some(GOOD.len().to_string().as_str()), "{name}");
        for field in ["content-encoding", "content-digest", "digest", "content-md5"] {
            let kept = name == "none" && field != "content-encoding";
            assert!(kept || call.head.get(field).is_none(), "{name}: `{field}` is of another body");
        }
        assert!(!String::from_utf8_lossy(&call.raw).contains("script"), "{name}");
    }
}

#[test]
fn threat_45_the_same_bodies_get_through_a_naive_proxy() {
    reaches_naive(&cases());
}
