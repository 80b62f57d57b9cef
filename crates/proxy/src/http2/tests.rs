use engine::Tick;
use engine::bounds::{self, Bound};
use proptest::prelude::*;

use super::rules::{FrameHead, Objection, Rules};
use super::watch::{PREFACE, Watch};

fn frame(length: u32, kind: u8, flags: u8, stream: u32) -> FrameHead {
    FrameHead { length, kind, flags, stream }
}

fn begun() -> Rules {
    let mut rules = Rules::new(Tick(0));
    assert_eq!(rules.judge(frame(0, 4, 0, 0), &|| Tick(0)), Ok(()));
    rules
}

#[test]
fn frames_have_the_length_of_their_type_and_settings_come_first() {
    for (head, good) in [
        (frame(8, 6, 0, 0), true),
        (frame(7, 6, 0, 0), false),
        (frame(4, 3, 0, 1), true),
        (frame(5, 3, 0, 1), false),
        (frame(12, 4, 0, 0), true),
        (frame(13, 4, 0, 0), false),
        (frame(6, 4, 1, 0), false),
        (frame(4, 8, 0, 0), true),
        (frame(0, 8, 0, 0), false),
        (frame(8, 7, 0, 0), true),
        (frame(7, 7, 0, 0), false),
        (frame(5, 2, 0, 1), true),
        (frame(4, 2, 0, 1), false),
        (frame(0, 0, 9, 1), false),
        (frame(1, 0, 9, 1), true),
        (frame(5, 1, 0x25, 1), true),
        (frame(5, 1, 0x2d, 1), false),
    ] {
        let expected = if good { Ok(()) } else { Err(Objection::Size) };
        assert_eq!(begun().judge(head, &|| Tick(0)), expected, "{head:?}");
    }
    for first in [frame(8, 6, 0, 0), frame(9, 1, 5, 1), frame(0, 4, 1, 0), frame(0, 0xbe, 0, 0)] {
        assert_eq!(Rules::new(Tick(0)).judge(first, &|| Tick(0)), Err(Objection::Protocol), "{first:?}");
    }
}

/// How many frames like this one pass at one moment, at most `most`.
fn passing(frame: FrameHead, most: u32) -> (u32, Option<Objection>) {
    let mut rules = begun();
    for count in 0..most {
        if let Err(objection) = rules.judge(frame, &|| Tick(0)) {
            return (count, Some(objection));
        }
    }
    (most, None)
}

#[test]
fn frame_headers_are_read_as_rfc_9113_section_4_1_says() {
    assert_eq!(FrameHead::read([1, 2, 3, 4, 5, 0x80, 0, 1, 2]), frame(0x01_02_03, 4, 5, 0x102));
}

#[test]
fn frames_that_carry_nothing_are_bounded_and_others_are_not() {
    let most = 100_000;
    // One was the first SETTINGS.
    let control = (bounds::CONTROL_FRAMES.burst - 1, Some(Objection::Bound(Bound::ControlFrames)));
    for (name, head) in [
        ("SETTINGS", frame(0, 4, 0, 0)),
        ("SETTINGS with ACK", frame(0, 4, 1, 0)),
        ("PING", frame(8, 6, 0, 0)),
        ("PRIORITY", frame(5, 2, 0, 1)),
        ("GOAWAY", frame(8, 7, 0, 0)),
        ("an unknown type", frame(100, 0xbe, 0, 1)),
        ("DATA without data", frame(0, 0, 0, 1)),
    ] {
        assert_eq!(passing(head, most), control, "{name}");
    }
    let resets = (bounds::CLIENT_RESETS.burst, Some(Objection::Bound(Bound::ClientResets)));
    assert_eq!(passing(frame(4, 3, 0, 1), most), resets);
    for (name, head) in [
        ("DATA", frame(1, 0, 0, 1)),
        ("the end of DATA", frame(0, 0, 1, 1)),
        ("HEADERS", frame(9, 1, 5, 1)),
        ("WINDOW_UPDATE", frame(4, 8, 0, 0)),
    ] {
        assert_eq!(passing(head, most), (most, None), "{name}");
    }
}

/// What goes on of bytes that come in pieces, why it stops, and whether a field block is open.
fn watched(bytes: &[u8], cuts: &[usize]) -> (Vec<u8>, Option<Objection>, bool) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let (mut watch, mut held, mut gone, mut from) = (Watch::new(Tick(0)), Vec::new(), Vec::new(), 0);
    for to in cuts {
        held.extend_from_slice(&bytes[from..to]);
        from = to;
        let (good, objection) = watch.judge(&held, || Tick(0));
        gone.extend(held.drain(..good));
        if objection.is_some() {
            return (gone, objection, watch.in_block_since().is_some());
        }
        assert!(held.len() < 9, "only the beginning of a header is held back");
    }
    (gone, None, watch.in_block_since().is_some())
}

#[test]
fn each_field_block_has_its_own_time() {
    let mut watch = Watch::new(Tick(0));
    let mut come = |bytes: &[u8], now| {
        assert_eq!(watch.judge(bytes, || Tick(now)), (bytes.len(), None));
        watch.in_block_since()
    };
    let (open, rest) = ([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82], [0, 0, 1, 9, 4, 0, 0, 0, 1, 0x82]);
    let second = [0, 0, 1, 1, 0, 0, 0, 0, 3, 0x82];
    assert_eq!(come(&[b'x'; PREFACE], 1), None);
    assert_eq!(come(&[0, 0, 0, 4, 0, 0, 0, 0, 0], 2), None);
    assert_eq!(come(&open, 3), Some(Tick(3)));
    assert_eq!(come(&rest[..9], 4), Some(Tick(3)), "a frame of it gives it no more time");
    assert_eq!(come(&[&rest[9..], &second].concat(), 5), Some(Tick(5)));
    assert_eq!(come(&[0, 0, 1, 9, 4, 0, 0, 0, 3, 0x82, 0, 0, 1, 1, 4, 0, 0, 0, 5, 0x82], 6), None);
}

proptest! {
    #[test]
    fn pieces_are_judged_as_the_whole(
        frames in proptest::collection::vec((0_usize..30, 0_u8..12, any::<u8>()), 0..12),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
    ) {
        let mut bytes = vec![b'x'; PREFACE];
        bytes.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
        for (length, kind, flags) in frames {
            bytes.extend([0, 0, length as u8, kind, flags, 0, 0, 0, 1]);
            bytes.extend(vec![0xff; length]);
        }
        prop_assert_eq!(watched(&bytes, &cuts), watched(&bytes, &[]));
    }
}

#[test]
fn the_window_that_a_client_leaves_is_read_however_its_settings_are_cut() {
    let settings = |entries: &[(u16, u32)]| {
        let payload: Vec<u8> = entries
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        [&[0, 0, payload.len() as u8, 4, 0, 0, 0, 0, 0][..], &payload].concat()
    };
    let ping: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 9, 0, 0];
    let acknowledged: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];
    let cases: [(Vec<Vec<u8>>, u32); 5] = [
        (vec![settings(&[])], 65_535),
        (vec![settings(&[(3, 7), (4, 0), (6, 9)])], 0),
        (vec![settings(&[(4, 0)]), ping.to_vec(), settings(&[(2, 0), (4, 70_000)])], 70_000),
        (vec![settings(&[(4, 1), (4, 2)]), acknowledged.to_vec()], 2),
        (vec![settings(&[(5, 4), (0x400, 4)]), ping.to_vec()], 65_535),
    ];
    for (frames, window) in cases {
        let bytes = [vec![b'P'; PREFACE], frames.concat()].concat();
        for step in 1..=bytes.len() {
            let (mut watch, mut kept) = (Watch::new(Tick(0)), Vec::new());
            for piece in bytes.chunks(step) {
                kept.extend_from_slice(piece);
                let (good, objection) = watch.judge(&kept, || Tick(0));
                assert_eq!(objection, None);
                kept.drain(..good);
            }
            assert_eq!(watch.window(), window, "in reads of {step}");
        }
    }
}

/// HEADERS that open and end a stream.
fn opens(stream: u32) -> Vec<u8> {
    [&[0, 0, 1, 1, 5][..], &stream.to_be_bytes(), &[0x82]].concat()
}

fn opens_many(from: u32, count: u32) -> Vec<u8> {
    (from..from + count).flat_map(|at| opens(at * 2 + 1)).collect()
}

const SHUT: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0];
const USUAL: &[u8] = &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0xff, 0xff];

#[test]
fn threat_08_who_shuts_its_window_opens_few_streams_before_as_many_are_over() {
    let most = bounds::SMALL_WINDOW_OPENED;
    let ends = Some(Objection::Bound(Bound::SmallWindow));
    for (name, settings, over, expected) in [
        ("one too many", SHUT, 0, ends),
        ("as many as it may, of which one is over", SHUT, 1, None),
        ("a window as it is by default", USUAL, 0, None),
    ] {
        let mut watch = Watch::new(Tick(0));
        let opening = [&[b'x'; PREFACE][..], settings, &opens_many(0, most)].concat();
        assert_eq!(watch.judge(&opening, || Tick(0)), (opening.len(), None), "{name}");
        // Trailers open nothing.
        assert_eq!(watch.judge(&opens(1), || Tick(0)), (opens(1).len(), None), "{name}");
        watch.catch_up(over, 0);
        assert_eq!(watch.judge(&opens(most * 2 + 1), || Tick(0)).1, expected, "{name}");
    }
}

#[test]
fn threat_08_a_window_that_is_shut_later_is_that_of_open_streams_too() {
    let (most, ends) = (bounds::SMALL_WINDOW_OPENED, Some(Objection::Bound(Bound::SmallWindow)));
    for (name, frames, expected) in [
        ("behind too many", vec![USUAL.to_vec(), opens_many(0, most + 1), SHUT.to_vec()], ends),
        ("behind as many as it may", vec![USUAL.to_vec(), opens_many(0, most), SHUT.to_vec()], None),
        (
            "and open, and shut again",
            [SHUT.to_vec(), opens_many(0, most), USUAL.to_vec(), opens_many(most, 1), SHUT.to_vec()].to_vec(),
            ends,
        ),
    ] {
        let bytes = [vec![b'x'; PREFACE], frames.concat()].concat();
        for step in [1, 7, bytes.len()] {
            let (mut watch, mut held, mut said) = (Watch::new(Tick(0)), Vec::new(), None);
            for piece in bytes.chunks(step) {
                held.extend_from_slice(piece);
                let (good, objection) = watch.judge(&held, || Tick(0));
                held.drain(..good);
                said = said.or(objection);
            }
            assert_eq!(said, expected, "{name}, in reads of {step}");
        }
    }
}

#[test]
fn who_calls_may_ping_for_each_answer_and_who_only_pings_earns_nothing() {
    let ping = frame(8, 6, 0, 0);
    // The least answer of gRPC that has a message; and nothing but the ACK of each PING.
    for (name, wrote, passes) in
        [("answers", 17 + 16, 10_000), ("acks", 17, bounds::CONTROL_FRAMES.burst - 1)]
    {
        let mut rules = begun();
        let passed = (0..10_000).take_while(|_| {
            rules.earn(wrote);
            rules.judge(ping, &|| Tick(0)).is_ok()
        });
        assert_eq!(passed.count() as u32, passes, "{name}");
    }
    let mut watch = Watch::new(Tick(0));
    let opening = [&[b'x'; PREFACE][..], USUAL].concat();
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let calls: Vec<u8> = (0..1_000).flat_map(|at| [opens(at * 2 + 1), ping.to_vec()].concat()).collect();
    assert_eq!(watch.judge(&[opening, calls].concat(), || Tick(0)).1, None);
}
