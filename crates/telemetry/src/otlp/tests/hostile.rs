//! What callers made up: whatever it is, it is read back as bounded, inert text, and memory stays in its bound.

use super::proto::common::v1::KeyValue;
use engine::text::is_hidden;
use engine::{CallId, bounds};
use http::{HeaderMap, Method, Version};
use proptest::prelude::*;

use engine::call::{BodyLength, Request};

use super::*;

/// A call of which all that a caller has a hand in is one of these texts.
fn hostile(path: &str, host: &str, agent: &[u8], fault: &str) -> Call {
    let mut call = call("x", &plan());
    let mut headers = HeaderMap::new();
    if let Ok(agent) = HeaderValue::from_bytes(agent) {
        headers.insert("user-agent", agent);
    }
    let method = Method::from_bytes(b"X-MADE-UP").unwrap();
    call.request = Request::refused(method, Version::HTTP_11, (path, host), headers, BodyLength::Empty);
    call.decision.fault = Some(fault.into());
    call.decision.code = Some(&codes::RATE_LIMITED);
    call
}

fn is_inert(all: &[KeyValue]) {
    for one in all {
        let text = text(one.value.as_ref());
        assert!(text.len() <= 3 * engine::evidence::TEXT, "{}", one.key);
        assert!(!text.chars().any(is_hidden), "{} is {text:?}", one.key);
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_back_inert(
        path in "\\PC*|.*", host in ".*", agent in proptest::collection::vec(any::<u8>(), 0..300), fault in ".*",
        id in any::<u128>(), span_id in any::<u64>(), flags in any::<u8>(), status in 0_u16..1000,
    ) {
        let (telemetry, core) = telemetry(ALL);
        let mut call = hostile(&path, &host, &agent, &fault);
        call.id = CallId(id);
        call.trace.current = TraceParent { trace_id: id, span_id, flags };
        call.decision.status = status;
        core.call(&snapshot(1), &call);
        let (spans, records) = (spans(&telemetry), records(&telemetry));
        prop_assert_eq!((spans.len(), records.len()), (1, 1));
        let (span, record) = (&spans[0], &records[0]);
        prop_assert_eq!(&span.trace_id[..], &id.to_be_bytes()[..]);
        prop_assert_eq!(&record.span_id, &span.span_id);
        prop_assert_eq!(span.flags & 0xff, u32::from(flags));
        is_inert(&span.attributes);
        is_inert(&record.attributes);
        let said = attributes(&span.attributes);
        prop_assert_eq!(&said["yett.call.id"], &format!("{id:032x}"));
        prop_assert_eq!(&said["http.request.method"], "_OTHER");
        prop_assert_eq!(span.name.as_str(), "HTTP /orders/{id}");
    }
}

/// A megabyte, escapes, right-to-left marks, and 100,000 different callers.
#[test]
fn a_flood_stays_in_its_bound_and_is_counted() {
    let (telemetry, core) = telemetry(ALL);
    let long = "\u{202e}\u{1b}[31m\n".repeat(100_000);
    let plan = snapshot(1);
    for number in 0..20_000_u32 {
        let call = hostile(&format!("/{number}{long:.300}"), &long, b"\x1b[31m\xff", &long);
        core.call(&plan, &call);
    }
    let mut spans = 0;
    for kind in [queue::Kind::Spans, queue::Kind::Records] {
        let lost = telemetry.export.lost(kind);
        assert_eq!(telemetry.export.waiting(kind) + lost, 20_000, "each waits or is counted");
        assert!(lost > 0);
        let mut bytes = 0;
        loop {
            let chunks = telemetry.export.take(kind, true);
            let taken: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
            // One request's worth and no more than one buffer over it.
            assert!(taken <= 2 * bounds::EXPORT_REQUEST);
            if taken == 0 {
                break;
            }
            bytes += taken;
            spans += chunks.iter().map(|chunk| chunk.items).sum::<u64>();
        }
        assert!(bytes <= bounds::EXPORT_BYTES + 16 * 1024, "{bytes}");
    }
    assert!(spans > 0);
    let page = telemetry.render(&[]);
    assert!(!page.contains("yett_bound_reached_total{bound=\"export\"} 0\n"), "{page}");
    assert!(page.lines().count() < 300, "no series by what callers made up");
    // There is room again.
    core.call(&plan, &refused(&super::plan()));
    assert_eq!(telemetry.export.waiting(queue::Kind::Spans), 1);
}
