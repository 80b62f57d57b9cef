use std::io::Write;
use std::sync::Arc;

use engine::call::BodyLength;
use engine::{Attached, Call, Control, Verdict};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::Method;
use spec::{Mode, Size, Spanned};
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::{Bodies, BodiesSection, Coding};

fn attach(section: &BodiesSection) -> Box<dyn Attached> {
    Arc::new(Bodies::new(section, true)).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn decoding() -> BodiesSection {
    BodiesSection {
        codings: vec![Coding::Gzip, Coding::Deflate],
        max: Spanned::nowhere(Size::from_bytes(100_000)),
        ratio: 10,
        ..BodiesSection::default()
    }
}

fn post(body: impl Into<bytes::Bytes>) -> CallBuilder {
    CallBuilder::new(Method::POST, "/orders").body("application/json", body.into())
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

/// Head, then body: the code that ends the call, else `ok`.
fn run(section: &BodiesSection, call: &mut Call) -> &'static str {
    let control = attach(section);
    for verdict in [done(control.head(call)), done(control.body(call))] {
        match verdict {
            Verdict::Refuse(refusal) => return refusal.code.name,
            Verdict::Note(_) => return "note",
            _ => {}
        }
    }
    "ok"
}

#[test]
fn codings_are_refused_unless_declared_and_never_stacked() {
    let body = gzip(b"{}");
    let cases: &[(&[&str], bool, &str)] = &[
        (&["gzip"], false, "coding_unsupported"),
        (&["gzip"], true, "ok"),
        (&["GZip"], true, "ok"),
        (&["x-gzip"], true, "ok"),
        (&["br"], true, "coding_unsupported"),
        (&["gzip, gzip"], true, "coding_unsupported"),
        (&["gzip, identity"], true, "coding_unsupported"),
        (&["gzip", "gzip"], true, "coding_unsupported"),
        (&["identity", "gzip"], true, "coding_unsupported"),
        (&[""], true, "coding_unsupported"),
        (&["\u{e9}"], true, "coding_unsupported"),
    ];
    for (fields, declared, expected) in cases {
        let mut builder = post(body.clone());
        for field in *fields {
            builder = builder.header("content-encoding", field);
        }
        let section = if *declared { decoding() } else { BodiesSection::default() };
        assert_eq!(run(&section, &mut builder.build()), *expected, "{fields:?}");
    }
    let mut call = post("{}").header("content-encoding", "identity").build();
    assert_eq!(run(&BodiesSection::default(), &mut call), "ok");
    assert!(!call.request.headers.contains_key("content-encoding"));
}

#[test]
fn a_refused_coding_says_what_is_accepted() {
    let control = attach(&decoding());
    let mut call = post("x").header("content-encoding", "br").build();
    let Verdict::Refuse(refusal) = done(control.head(&mut call)) else { panic!("not refused") };
    assert_eq!(refusal.headers[0].1, "gzip, deflate");
}

#[test]
fn a_decoded_body_is_sent_on_decoded() {
    let text = br#"{"a":1}"#;
    let both: Vec<u8> = [gzip(br#"{"a""#), gzip(b":1}")].concat();
    for (coding, body) in [("gzip", gzip(text)), ("deflate", zlib(text)), ("gzip", both)] {
        let mut call = post(body)
            .header("content-encoding", coding)
            .header("content-digest", "sha-256=:x:")
            .header("content-length", "99")
            .build();
        assert_eq!(run(&decoding(), &mut call), "ok");
        assert_eq!(call.body.bytes().as_ref(), text);
        assert!(call.body.tape().is_some());
        let headers = &call.request.headers;
        assert!(!headers.contains_key("content-encoding") && !headers.contains_key("content-digest"));
        assert_eq!(headers["content-length"], "7");
        assert_eq!(call.request.length, BodyLength::Known(7));
    }
}

#[test]
fn bombs_and_false_bodies_are_refused() {
    let good = gzip(b"{}");
    let spaces = |count: usize| [b"{}".as_slice(), &vec![b' '; count]].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("gzip", gzip(&spaces(90_000)), "body_out_of_bounds"),
        ("deflate", zlib(&spaces(90_000)), "body_out_of_bounds"),
        ("gzip", gzip(&spaces(10_000)), "ok"),
        ("gzip", [good.clone(), b"trailing".to_vec()].concat(), "body_malformed"),
        ("gzip", [good.clone(), vec![0; 8]].concat(), "body_malformed"),
        ("gzip", good[..good.len() - 1].to_vec(), "body_malformed"),
        ("gzip", gzip(b"").repeat(17), "body_malformed"),
        ("gzip", b"{}".to_vec(), "body_malformed"),
        ("deflate", [zlib(b"{}"), zlib(b"")].concat(), "body_malformed"),
        ("deflate", gzip(b"{}"), "body_malformed"),
        ("deflate", zlib(b"{}")[2..].to_vec(), "body_malformed"),
    ];
    for (coding, body, expected) in cases {
        let length = body.len();
        let mut call = post(body).header("content-encoding", coding).build();
        assert_eq!(run(&decoding(), &mut call), expected, "{coding} {length}");
    }
    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let wide = BodiesSection { max: Spanned::nowhere(Size::from_bytes(150_000)), ratio: 1000, ..decoding() };
    let squeezed = gzip(&noise);
    if squeezed.len() < 150_000 {
        let mut call = post(squeezed).header("content-encoding", "gzip").build();
        assert_eq!(run(&wide, &mut call), "body_too_large");
    }
    let mut call = post(gzip(&spaces(120_000))).header("content-encoding", "gzip").build();
    assert_eq!(run(&BodiesSection { ratio: 1000, ..decoding() }, &mut call), "body_too_large");
}

#[test]
fn a_declared_length_over_the_bound_is_refused_with_the_head() {
    let control = attach(&decoding());
    for (length, refused) in [(100_000, false), (100_001, true)] {
        let mut call = post("{}").length(BodyLength::Known(length)).build();
        assert_eq!(matches!(done(control.head(&mut call)), Verdict::Refuse(_)), refused);
    }
    let mut call = post(vec![b' '; 100_001]).length(BodyLength::Unknown).build();
    assert_eq!(run(&decoding(), &mut call), "body_too_large");
}

#[test]
fn json_is_parsed_once_within_bounds() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let cases = [
        (String::from(r#"{"a":[1,2]}"#), "ok"),
        (deep(64), "ok"),
        (deep(65), "body_out_of_bounds"),
        (deep(50_000), "body_out_of_bounds"),
        (String::from(r#"{"a":1,"a":2}"#), "body_malformed"),
        (String::from(r#"{"a":1,"\u0061":2}"#), "body_malformed"),
        (String::from("\u{feff}{}"), "body_malformed"),
        (String::from("{} {}"), "body_malformed"),
        (String::from("nonsense"), "body_malformed"),
        (format!("[{}1]", "1,".repeat(10_000)), "body_out_of_bounds"),
        ("9".repeat(65), "body_out_of_bounds"),
    ];
    for (body, expected) in cases {
        let mut call = post(body.clone()).build();
        assert_eq!(run(&decoding(), &mut call), expected, "{:.40}", body);
        assert_eq!(call.body.tape().is_some(), expected == "ok");
    }
    let wide =
        [("text/plain", "{"), ("application/json; charset=utf-8", "{}"), ("application/problem+json", "{}")];
    for (media_type, body) in wide {
        let mut call = CallBuilder::new(Method::POST, "/").body(media_type, body).build();
        assert_eq!(run(&decoding(), &mut call), "ok", "{media_type}");
    }
    let mut call = CallBuilder::new(Method::POST, "/").body("application/json; charset=utf-16", "{}").build();
    assert_eq!(run(&decoding(), &mut call), "body_malformed");
}

#[test]
fn in_shadow_the_body_stays_as_it_came() {
    let section = BodiesSection { mode: Mode::Shadow, ..decoding() };
    let body = gzip(b"{}");
    let mut call = post(body.clone()).header("content-encoding", "gzip").build();
    assert_eq!(run(&section, &mut call), "note");
    assert_eq!(call.body.bytes().as_ref(), body);
    assert!(call.request.headers.contains_key("content-encoding"));
}

#[test]
fn what_takes_long_is_read_off_the_core() {
    let control = attach(&decoding());
    let long = format!("[1{}]", " ".repeat(engine::bounds::LONG_BODY));
    let numbers: Vec<String> = (0..6_000_u64).map(|at| (at * 2_654_435_761).to_string()).collect();
    let packed = gzip(format!("[{}]", numbers.join(",")).as_bytes());
    assert!(packed.len() < engine::bounds::LONG_BODY && packed.len() > engine::bounds::LONG_BODY / 16);
    for (body, coding, code) in [
        (long.into_bytes(), None, Some("body_too_large")),
        (packed.clone(), Some("gzip"), None),
        (packed[..packed.len() / 2].to_vec(), Some("gzip"), Some("body_malformed")),
    ] {
        let mut builder = post(body);
        if let Some(coding) = coding {
            builder = builder.header("content-encoding", coding);
        }
        let mut call = builder.build();
        let (left, verdict) = testkit::worked(control.body(&mut call));
        let refused = match verdict {
            Verdict::Refuse(refusal) => Some(refusal.code.name),
            _ => None,
        };
        assert_eq!((left, refused), (true, code));
        assert_eq!(call.body.tape().is_some(), code.is_none());
    }
}
