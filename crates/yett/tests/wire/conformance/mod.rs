//! HTTP/2 frame by frame, each case named by its section: what RFC 9113 and RFC 7541 want of a server, at the default
//! configuration.
//!
//! What the standard allows us is allowed here: a stream error may be treated as one of the connection (section 5.4.2), and a
//! malformed request may be answered with 4xx (section 8.1.1). Where the library under us names another error than the
//! standard does, [`OTHER_CODE`] says so; the connection or the stream ends in either case.

mod fields;
mod frames;
mod hpack;
mod messages;
mod plain;
mod streams;

use std::collections::BTreeSet;

use testkit::Recorder;

use crate::plane::Plane;
use crate::two::{self, Outcome};

/// Error codes of RFC 9113 section 7.
pub(crate) mod code {
    pub(crate) const PROTOCOL: u32 = 1;
    pub(crate) const FLOW_CONTROL: u32 = 3;
    pub(crate) const STREAM_CLOSED: u32 = 5;
    pub(crate) const FRAME_SIZE: u32 = 6;
    pub(crate) const REFUSED: u32 = 7;
    pub(crate) const COMPRESSION: u32 = 9;
    pub(crate) const CALM: u32 = 11;
}

/// What must come of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// GOAWAY with this code, and the end of the connection.
    Connection(u32),
    /// RST_STREAM with this code on this stream.
    Stream(u32, u32),
    /// The request on this stream is malformed.
    Malformed(u32),
    /// This status on this stream, and the connection lives.
    Answer(u32, u16),
    /// Nothing: the connection lives.
    Ignored,
}

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) section: &'static str,
    pub(crate) name: &'static str,
    /// All that is sent behind preface and SETTINGS.
    pub(crate) script: Vec<u8>,
    pub(crate) want: Want,
}

/// Cases of one section.
pub(crate) fn section<const N: usize>(
    section: &'static str,
    cases: [(&'static str, Vec<u8>, Want); N],
) -> Vec<Case> {
    cases.into_iter().map(|(name, script, want)| Case { section, name, script, want }).collect()
}

#[allow(clippy::needless_pass_by_value, reason = "for tables of cases")]
pub(crate) fn join<const N: usize>(frames: [Vec<u8>; N]) -> Vec<u8> {
    frames.concat()
}

pub(crate) fn all() -> Vec<Case> {
    [frames::all(), streams::all(), messages::all(), fields::all(), hpack::all()]
        .into_iter()
        .flatten()
        .collect()
}

/// Where the library under us (h2 0.4) says PROTOCOL_ERROR and the standard has a name of its own: COMPRESSION_ERROR for a field
/// block that cannot be read, STREAM_CLOSED for frames on a stream that the client has ended, FLOW_CONTROL_ERROR for a
/// window above its most. The library fixes the code where it finds the fault, and gives nobody a say in it; the
/// connection ends and nothing of the frame is used.
const OTHER_CODE: &[&str] = &[
    "RFC 9113 4.3 a field block that cannot be read",
    "RFC 9113 6.5 INITIAL_WINDOW_SIZE above its most",
    "RFC 9113 5.1 half-closed: DATA",
    "RFC 9113 5.1 half-closed: HEADERS",
    "RFC 9113 5.1 half-closed: trailers",
    "RFC 9113 5.1 closed by RST_STREAM: HEADERS",
    "RFC 9113 8.1 DATA behind trailers",
    "RFC 7541 2.3.3 an index behind the static table, of an empty dynamic one",
    "RFC 7541 2.3.3 an index far behind",
    "RFC 7541 2.3.3 the name of an index behind the tables",
    "RFC 7541 2.3.3 an entry that was evicted",
    "RFC 7541 4.2 a size above the limit",
    "RFC 7541 4.2 a size behind a field",
    "RFC 7541 4.4 an entry larger than the table empties it",
    "RFC 7541 5.1 an integer without its end",
    "RFC 7541 5.1 an integer that is too large",
    "RFC 7541 5.1 a length that is too large",
    "RFC 7541 5.2 padding longer than 7 bits",
    "RFC 7541 5.2 padding of zeros",
    "RFC 7541 5.2 the end of a string in Huffman code",
    "RFC 7541 5.2 a name longer than the block",
    "RFC 7541 5.2 a value longer than the block",
    "RFC 7541 6.1 index 0",
    "RFC 7541 6.2 without indexing nothing is kept",
    "RFC 7541 6.2 a field block that ends in a field",
];

/// Where the library under us is laxer than the standard, with the reason why that is harmless here.
const LAXER: &[(&str, &str)] = &[
    (
        "RFC 9113 8.1 a second head",
        "pseudo fields of trailers are dropped by the library, and trailers by the gateway (but gRPC's)",
    ),
    ("RFC 9113 8.1 pseudo fields in trailers", "as above"),
    (
        "RFC 9113 8.3.1 a fragment",
        "the library cuts it off before anybody sees it: router, rules and upstream see one target",
    ),
];

fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let ended = outcome.closed && outcome.gone.is_some_and(|code| code != 0);
    let scope = match case.want {
        Want::Connection(_) => ended,
        Want::Stream(stream, _) => ended || outcome.resets.contains_key(&stream),
        Want::Malformed(stream) => {
            let answered = outcome.answers.get(&stream).is_some_and(|status| (400..500).contains(status));
            answered || ended || outcome.resets.contains_key(&stream)
        }
        Want::Answer(stream, status) => !outcome.closed && outcome.answers.get(&stream) == Some(&status),
        Want::Ignored => !outcome.closed && outcome.resets.is_empty() && outcome.gone.is_none(),
    };
    if !scope {
        return Err(String::from("another reaction"));
    }
    let (wanted, found) = match case.want {
        Want::Connection(code) => (code, outcome.gone),
        Want::Stream(stream, code) => (code, outcome.resets.get(&stream).copied().or(outcome.gone)),
        _ => return Ok(()),
    };
    if found == Some(wanted) { Ok(()) } else { Err(format!("code {found:?}, not {wanted}")) }
}

/// What is wrong with an outcome, the lists considered.
fn verdict(case: &Case, outcome: &Outcome, always: bool) -> Option<String> {
    let name = format!("{} {}", case.section, case.name);
    let known = OTHER_CODE.contains(&name.as_str());
    let lax = LAXER.iter().any(|(own, _)| *own == name);
    match judge(case, outcome) {
        Ok(()) if always && (known || lax) => Some(format!("{name}: is right by now, take it off the list")),
        Err(why) if !(lax || known && why.starts_with("code ")) => {
            Some(format!("{name}: {why}: wanted {:?}, got {outcome:?}", case.want))
        }
        _ => None,
    }
}

/// The stream that a case is about; it is waited for.
fn awaited(want: Want) -> Vec<u32> {
    match want {
        Want::Stream(stream, _) | Want::Malformed(stream) | Want::Answer(stream, _) => vec![stream],
        Want::Connection(_) => vec![u32::MAX],
        Want::Ignored => Vec::new(),
    }
}

#[test]
fn frames_are_treated_as_the_standards_say() {
    let cases = all();
    let names: BTreeSet<_> = cases.iter().map(|case| format!("{} {}", case.section, case.name)).collect();
    assert_eq!(names.len(), cases.len(), "two cases of one name");
    assert!(cases.len() >= 120, "{} cases", cases.len());
    let recorder = Recorder::start();
    let plane = Plane::start(&recorder);
    let mut wrong = Vec::new();
    for case in &cases {
        let script = [two::opening(), case.script.clone()].concat();
        // Long ones once only: what is in pieces there is data.
        let pieces = if script.len() < 2_000 { [usize::MAX, 5].as_slice() } else { &[usize::MAX] };
        let run = |length| two::run_in_pieces(plane.address, &script, &awaited(case.want), length);
        let outcomes: Vec<_> = pieces.iter().map(|length| (*length, run(*length))).collect();
        // What is treated otherwise may hang on how far an answer is when the frame comes: it is right when it always is.
        let always = outcomes.iter().all(|(_, outcome)| judge(case, outcome).is_ok());
        for (length, outcome) in outcomes {
            let why = verdict(case, &outcome, always);
            wrong.extend(why.map(|why| format!("{why} in pieces of {length}")));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(recorder.faults(), Vec::<String>::new());
}

/// The control: what hyper's own server at its defaults treats as the standard says is treated so here, without an exception.
#[test]
fn what_plain_hyper_passes_passes_here() {
    let recorder = Recorder::start();
    let (plane, plain) = (Plane::start(&recorder), plain::start());
    let (mut passed, mut wrong) = (0, Vec::new());
    for case in all() {
        let script = [two::opening(), case.script.clone()].concat();
        let run = |address| judge(&case, &two::run(address, &script, &awaited(case.want)));
        if run(plain).is_err() {
            continue;
        }
        passed += 1;
        if let Err(why) = run(plane.address) {
            wrong.push(format!("{} {}: {why}", case.section, case.name));
        }
    }
    println!("plain hyper passes {passed} of {}", all().len());
    assert!(passed >= 120, "{passed}");
    assert!(wrong.is_empty(), "{} of {passed}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Section 3.4: whoever says the preface and then no SETTINGS is told; whoever says another preface is no HTTP/2.
#[test]
fn rfc9113_3_4_a_connection_begins_with_preface_and_settings() {
    let recorder = Recorder::start();
    let plane = Plane::start(&recorder);
    for first in [two::get(1, "/m/1"), two::frame(6, 0, 0, [0; 8]), two::frame(0xbe, 0, 0, [0; 8])] {
        let outcome =
            two::run(plane.address, &[testkit::frames::PREFACE.to_vec(), first].concat(), &[u32::MAX]);
        assert!(outcome.closed && outcome.gone == Some(code::PROTOCOL), "{outcome:?}");
    }
    for preface in [
        "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
        "PRI * HTTP/1.1\r\n\r\nSM\r\n\r\n",
        "GET * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let reply = testkit::raw::exchange(plane.address, preface).unwrap();
        assert!((400..500).contains(&reply.status), "{preface:?}: {}", reply.status);
    }
    assert_eq!(recorder.received(), 0);
}

/// Section 6.5.2: what the server itself promises at its default configuration.
#[test]
fn rfc9113_6_5_the_settings_of_the_gateway_are_bounded() {
    let recorder = Recorder::start();
    let plane = Plane::start(&recorder);
    let outcome = two::run(plane.address, &two::opening(), &[]);
    let setting = |id: u16| outcome.settings.get(&id).copied();
    assert_eq!(setting(3), Some(engine::bounds::STREAMS), "{outcome:?}");
    assert_eq!(setting(6), Some(u32::try_from(engine::bounds::HEADER_BYTES).unwrap()));
    assert_eq!(setting(4), Some(64 * 1024));
    assert_eq!((setting(8).unwrap_or(0), setting(5).unwrap_or(16_384), outcome.acks), (0, 16_384, 1));
}
