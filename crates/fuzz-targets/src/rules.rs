//! The rule engine: rule files, patterns, transformations, detectors and bodies.
//!
//! The property that matters most: the prefilter changes nothing. A rule whose test stands first is gathered and gated; the
//! same test further down a chain is run on everything; both must say the same.

use std::collections::BTreeMap;

use seclang::{Engine, RuleFile, Transformation};

/// Work of a call at most, in bytes read; fuzzing stays within 8 KiB of input.
const WORK: u64 = 1 << 24;

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 8) else { return };
    match selector {
        0 => drop(load(&String::from_utf8_lossy(rest))),
        1 => pattern(rest, ""),
        2 => transformed(rest, ""),
        3 => transformed(rest, ",multiMatch"),
        4 => detectors(rest),
        selector => body(selector, rest),
    }
}

/// Loads rules: an engine, or errors that say why not.
fn load(text: &str) -> Option<Engine> {
    let (engine, found, _) = Engine::load(&[RuleFile { name: "fuzz", text }], &BTreeMap::new());
    assert_eq!(engine.is_none(), found.has_errors(), "an engine and errors, or neither");
    engine
}

/// The rule alone, and once more where no prefilter reaches it.
fn twice(test: &str, actions: &str) -> String {
    format!(
        "SecRule ARGS \"{test}\" \"id:1,phase:1,pass,nolog{actions},setvar:tx.one=+1\"\n\
         SecRule REQUEST_METHOD \"@unconditionalMatch\" \"id:2,phase:1,pass,nolog,chain\"\n\
         SecRule ARGS \"{test}\" \"t:none{actions},setvar:tx.two=+1\"\n"
    )
}

fn agree(rules: &str, value: &[u8]) {
    let Some(engine) = load(rules) else { return };
    let mut target = b"/?v=".to_vec();
    for byte in value {
        target.extend(format!("%{byte:02x}").bytes());
    }
    let mut call = engine.transaction();
    call.request_line(b"GET", &target, b"HTTP/1.1");
    let _ = call.request_head_done();
    assert_eq!(call.tx("one"), call.tx("two"), "the prefilter changes what matches");
    assert!(call.work() < WORK, "a call costs {}", call.work());
}

/// A pattern in the first line, a value in the rest.
fn pattern(data: &[u8], actions: &str) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let pattern = String::from_utf8_lossy(&data[..at.min(200)]).replace('"', "\\\"");
    agree(&twice(&format!("@rx {pattern}"), actions), data.get(at + 1..).unwrap_or_default());
}

/// Up to four transformations, a pattern, a value.
fn transformed(data: &[u8], more: &str) {
    let Some((names, rest)) = data.split_at_checked(4) else { return };
    let all: Vec<Transformation> = Transformation::all().collect();
    let names = names.iter().map(|byte| format!(",t:{}", all[usize::from(*byte) % all.len()].name()));
    pattern(rest, &format!("{}{more}", names.collect::<String>()));
}

fn detectors(value: &[u8]) {
    for test in [
        "@detectSQLi",
        "@detectXSS",
        "@validateUtf8Encoding",
        "@validateByteRange 32-126",
        "@pm ab cd e",
        "@contains ab",
    ] {
        agree(&twice(test, ",t:urlDecodeUni,t:htmlEntityDecode"), value);
    }
}

fn body(selector: u8, data: &[u8]) {
    let (processor, kind) = [
        ("URLENCODED", "application/x-www-form-urlencoded"),
        ("MULTIPART", "multipart/form-data; boundary=b"),
        ("JSON", "application/json"),
    ][usize::from(selector % 3)];
    let xml = data.first() == Some(&b'<');
    let processor = if xml { "XML" } else { processor };
    let rules = format!(
        "SecAction \"id:1,phase:1,pass,nolog,ctl:requestBodyProcessor={processor}\"\n\
         SecRule ARGS|ARGS_NAMES|FILES|FILES_NAMES|MULTIPART_PART_HEADERS|XML:/*|XML://@*|REQUEST_BODY \"@rx a+b\" \
         \"id:2,phase:2,pass,capture,t:lowercase,msg:'%{{tx.0}} %{{matched_var_name}}',setvar:'tx.n_%{{matched_var_name}}=+1'\"\n\
         SecRule TX:/^n_/ \"@gt 1\" \"id:3,phase:2,pass\"\n"
    );
    let engine = load(&rules).expect("rules of ours");
    let mut call = engine.transaction();
    call.request_line(b"POST", b"/", b"HTTP/1.1");
    call.request_header(b"Content-Type", kind.as_bytes());
    let _ = call.request_head_done();
    let _ = call.request_body(data);
    call.finish();
    assert!(call.work() < WORK, "a call costs {}", call.work());
}
