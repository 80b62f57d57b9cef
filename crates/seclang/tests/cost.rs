//! What calls cost, in counts that do not depend on the machine.

#![allow(clippy::panic, reason = "a test fails by panicking")]

mod ftw;

use ftw::requests;
use seclang::{Engine, Mode, Verdict};

#[test]
fn ordinary_calls_cost_little_and_match_nothing() {
    let engine = ftw::rules::at_level(1);
    let folded = engine.statistics().folded;
    assert!(folded > 350, "only {folded} rules are decided at load");
    for (what, request, bound) in [
        ("GET", requests::browser_get(), 26_000),
        ("JSON of 48 values", requests::json(1), 240_000),
        ("form of 950 arguments", requests::form(1), 200_000),
    ] {
        let call = ftw::inspect(&engine, &request);
        assert!(call.work() < bound, "{what}: {}", call.work());
        assert!(call.reports().is_empty(), "{what}: {:?}", call.reports());
    }
}

#[test]
fn cost_grows_with_the_input_and_not_faster() {
    let engine = ftw::rules::at_level(1);
    let work = |length: usize| {
        let mut request = requests::browser_get();
        request.target = [b"/?q=".to_vec(), b"ab-1. Select (x)".repeat(length)].concat();
        ftw::inspect(&engine, &request).work()
    };
    let (one, ten) = (work(100), work(1000));
    assert!(ten < one * 11, "{one} {ten}");
}

fn blocking(level: u8) -> Engine {
    let mut engine = ftw::rules::at_level(level);
    engine.settings_mut().mode = Mode::On;
    engine
}

#[test]
fn the_score_decides() {
    let engine = blocking(1);
    let mut request = requests::browser_get();
    request.target = b"/".to_vec();
    assert_eq!(ftw::inspect(&engine, &request).verdict(), &Verdict::Pass);
    request.target = b"/?q=1'+or+'1'='1'--".to_vec();
    let call = ftw::inspect(&engine, &request);
    let Verdict::Deny(denied) = call.verdict() else { panic!("{:?}", call.reports()) };
    assert_eq!((denied.status, denied.rule), (403, Some(949110)));
    let score = call.tx("blocking_inbound_anomaly_score").unwrap_or_default();
    assert!(String::from_utf8_lossy(&score).parse::<i64>().is_ok_and(|score| score >= 5));
}
