use proptest::prelude::*;

use super::super::rules::PING;
use super::*;

const WHOLE: u8 = END_HEADERS | LAST;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn opens(numbers: std::ops::Range<u32>) -> Vec<u8> {
    numbers.flat_map(|number| frame(HEADERS, WHOLE, number * 2 + 1, b"\x82")).collect()
}

fn head(kind: u8, flags: u8, stream: u32, length: u32) -> FrameHead {
    FrameHead { length, kind, flags, stream }
}

/// A connection whose preface and SETTINGS came.
fn begun() -> Turns {
    let mut turns = Turns::new();
    let opening = [vec![b'x'; PREFACE], frame(0x4, 0, 0, &[])].concat();
    assert_eq!(turns.sort(&opening, &mut BytesMut::new()), opening.len());
    turns
}

/// What goes on of bytes that come at once.
fn pass(turns: &mut Turns, bytes: &[u8]) -> Vec<u8> {
    let mut through = BytesMut::new();
    let first = turns.sort(bytes, &mut through);
    [&bytes[..first], &through[..]].concat()
}

fn release(turns: &mut Turns) -> Vec<u8> {
    let mut through = BytesMut::new();
    turns.release(&mut through);
    through.to_vec()
}

const FEW: u32 = bounds::FIRST_STREAMS;

#[test]
fn threat_08_few_streams_begin_and_others_wait_for_them() {
    let mut turns = begun();
    assert_eq!(pass(&mut turns, &opens(0..100)), opens(0..FEW));
    assert_eq!(turns.take_reached().collect::<Vec<_>>(), [Bound::WaitingStreams]);
    assert_eq!(release(&mut turns), b"");
    // Windows and the frames of streams that began pass them by.
    let update = frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1, 0]);
    let (own, theirs) = (frame(WINDOW_UPDATE, 0, 1, &[0, 0, 1, 0]), frame(DATA, 0, 51, b"x"));
    let more = [update.clone(), theirs, own.clone()].concat();
    assert_eq!(pass(&mut turns, &more), [update, own].concat());
    // An answer that is written to its end makes room for the next, and for one more.
    turns.wrote(head(HEADERS, END_HEADERS, 1, 10));
    assert!(!turns.is_due());
    turns.wrote(head(DATA, LAST, 1, 10));
    assert_eq!(release(&mut turns), opens(FEW..FEW + 2));
    // It ends once.
    turns.wrote(head(RST_STREAM, 0, 1, 4));
    assert_eq!((turns.take_ended(), turns.is_due()), (1, false));
    // A reset makes room for the next only.
    turns.wrote(head(RST_STREAM, 0, 3, 4));
    assert_eq!(release(&mut turns), opens(FEW + 2..FEW + 3));
}

#[test]
fn threat_08_time_makes_room_only_while_no_answer_waits_for_its_client() {
    let mut turns = begun();
    pass(&mut turns, &opens(0..100));
    turns.pass_time(true);
    assert_eq!(release(&mut turns), b"");
    turns.pass_time(false);
    assert_eq!(release(&mut turns), opens(FEW..FEW * 2));
    for _ in 0..5 {
        turns.pass_time(false);
        release(&mut turns);
    }
    assert_eq!((turns.open(), turns.has_waiting()), (100, false));
    // More than may be open is for the library to refuse.
    assert_eq!(pass(&mut turns, &opens(100..101)), opens(100..101));
    assert_eq!(turns.take_reached().collect::<Vec<_>>(), [Bound::WaitingStreams, Bound::Streams]);
}

#[test]
fn threat_08_windows_that_nobody_opens_earn_nothing() {
    for (window, expected) in [(65_535, 0), (bounds::ROOM_BYTES as u32, 1)] {
        let mut turns = begun();
        pass(&mut turns, &opens(0..100));
        for length in [window / 2, window - window / 2] {
            turns.wrote(head(DATA, 0, 1, length));
        }
        let length = opens(FEW..FEW + expected).len();
        assert_eq!(release(&mut turns).len(), length, "{window} bytes");
    }
    // Who has room for what it asks for may ask for more; who fills ours with what waits has paid for it.
    let mut wide = begun();
    wide.widen(true);
    assert_eq!(pass(&mut wide, &opens(0..100)), opens(0..bounds::FIRST_STREAMS_WIDE));
    let mut full = begun();
    pass(&mut full, &opens(0..FEW + 1));
    let body = vec![0; bounds::WAITING_BYTES];
    pass(&mut full, &frame(DATA, 0, FEW * 2 + 1, &body));
    assert!(full.is_full());
    full.pass_time(true);
    assert!(!release(&mut full).is_empty() && !full.has_waiting());
}

/// A frame of a script: what it is, and of which stream.
type Piece = (u8, u32);

/// Frames that a client may send; streams are opened in order.
fn script(pieces: &[Piece]) -> Vec<(u32, Vec<u8>)> {
    let (mut newest, mut frames) = (0, Vec::new());
    for (number, (what, of)) in (0_u8..).zip(pieces) {
        let open = of % (newest / 2 + 1) * 2 + 1;
        let (stream, bytes) = match what % 8 {
            0..3 => {
                newest = if newest == 0 { 1 } else { newest + 2 };
                let split = what % 8 == 2;
                let first = frame(HEADERS, if split { 0 } else { END_HEADERS }, newest, &[number]);
                let second = frame(CONTINUATION, END_HEADERS, newest, &[number]);
                (newest, if split { [first, second].concat() } else { first })
            }
            3 => (0, frame(PING, 0, 0, &[number; 8])),
            4 => (open, frame(HEADERS, WHOLE, open, &[number])),
            5 => (open, frame(RST_STREAM, 0, open, &[number; 4])),
            _ => (open, frame(DATA, 0, open, &[number; 3])),
        };
        if stream <= newest {
            frames.push((stream, bytes));
        }
    }
    frames
}

fn frames_of(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let Some(header) = bytes.first_chunk::<HEADER>() {
        let (frame, rest) = bytes.split_at(HEADER + FrameHead::read(*header).length as usize);
        frames.push(frame.to_vec());
        bytes = rest;
    }
    assert_eq!(bytes, b"", "frames are whole");
    frames
}

proptest! {
    /// Nothing is lost, field blocks keep their order and are not torn, and so do the frames of each stream.
    #[test]
    fn frames_that_wait_go_on_in_an_order_that_means_the_same(
        pieces in proptest::collection::vec((any::<u8>(), any::<u32>()), 0..60),
        cuts in proptest::collection::vec(1_usize..40, 1..40),
        ends in proptest::collection::vec(any::<bool>(), 1..40),
    ) {
        let sent: Vec<u8> = script(&pieces).into_iter().flat_map(|(_, bytes)| bytes).collect();
        let (mut turns, mut came, mut held, mut at) = (begun(), Vec::new(), Vec::new(), 0);
        for (cut, end) in cuts.iter().cycle().zip(ends.iter().cycle()) {
            if at == sent.len() {
                break;
            }
            let step = (*cut).min(sent.len() - at);
            held.extend_from_slice(&sent[at..at + step]);
            at += step;
            // As the watch hands it on: no header is cut.
            let good = whole_headers(&sent, at) - (at - held.len());
            let passed = pass(&mut turns, &held[..good]);
            came.extend(passed);
            held.drain(..good);
            if *end && turns.open() > 0 {
                let first = turns.open[0];
                turns.wrote(head(DATA, LAST, first, 1));
            }
            came.extend(release(&mut turns));
        }
        for _ in 0..100 {
            if let Some(first) = turns.open.first().copied() {
                turns.wrote(head(RST_STREAM, 0, first, 4));
            }
            came.extend(release(&mut turns));
        }
        prop_assert!(!turns.has_waiting());
        let (sent, came) = (frames_of(&sent), frames_of(&came));
        let stream = |frame: &Vec<u8>| u32::from_be_bytes(*frame[5..].first_chunk().unwrap());
        let block = |frame: &&Vec<u8>| matches!(frame[3], HEADERS | CONTINUATION);
        prop_assert_eq!(sent.len(), came.len());
        prop_assert!(sent.iter().filter(block).eq(came.iter().filter(block)));
        for number in 0..200 {
            let own = |frame: &&Vec<u8>| stream(frame) == number;
            prop_assert!(sent.iter().filter(own).eq(came.iter().filter(own)), "stream {}", number);
        }
        for (at, frame) in came.iter().enumerate().filter(|(_, frame)| frame[3] == CONTINUATION) {
            prop_assert_eq!(stream(frame), stream(&came[at - 1]));
        }
    }
}

/// Up to where bytes go of which `at` came, without a part of a header.
fn whole_headers(sent: &[u8], at: usize) -> usize {
    let mut start = 0;
    while start + HEADER <= at {
        let next = start + HEADER + FrameHead::read(*sent[start..].first_chunk().unwrap()).length as usize;
        if next > at {
            return at;
        }
        start = next;
    }
    start
}
