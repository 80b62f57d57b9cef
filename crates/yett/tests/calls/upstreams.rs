//! Several targets behind the real binary: shares, a dead one, and what the metrics say of them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::net::TcpListener;

use crate::harness::*;
use testkit::{Answer, Fault, Recorder};

/// The document of the harness with these targets in place of its one.
fn behind(targets: &str, lines: &str) -> Gateway {
    let setup = Setup { upstream: lines.into(), ..Setup::default() };
    Gateway::with_document(&setup.document("http://one").replace("[{ url: \"http://one\" }]", targets))
}

#[test]
fn a_canary_gets_its_share_and_a_dead_target_fails_nobody() {
    let (main, canary) = (Recorder::start(), Recorder::start());
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = behind(
        &format!(
            "[{{ url: {}, weight: 8 }}, {{ url: {}, weight: 1 }}, {{ url: \"http://{dead}\", weight: 1 }}]",
            main.url(),
            canary.url()
        ),
        "",
    );
    for number in 0..50 {
        let request =
            if number % 2 == 0 { get("/things", "") } else { post_json("/things", r#"{"name":"a"}"#) };
        assert_eq!(gateway.call(request).status, 200);
    }
    assert_eq!(main.count() + canary.count(), 50, "none of them twice");
    assert!((4..=8).contains(&canary.count()), "{}", canary.count());
    let of = |address: &str, outcome: &str| {
        gateway.metric(
            "yett_target_tries_total",
            &[("upstream", "up"), ("target", address), ("outcome", outcome)],
        )
    };
    assert_eq!(of(&canary.url(), "answered"), canary.count() as f64);
    let dead = format!("http://{dead}");
    assert!(
        (1.0..=5.0).contains(&of(&dead, "unreachable")),
        "left alone after five: {}",
        of(&dead, "unreachable")
    );
    assert_eq!(gateway.metric("yett_target_up", &[("target", &main.url())]), 1.0);
}

#[test]
fn checks_find_a_target_that_is_down_before_a_call_does() {
    let (ill, well) = (Recorder::start(), Recorder::start());
    ill.answer(Answer::json(503, "{}"));
    let targets = format!("[{{ url: {} }}, {{ url: {} }}]", ill.url(), well.url());
    let gateway = behind(&targets, "health: { path: /healthz, every: 20ms, down_after: 2 }");
    let down = || gateway.metric("yett_target_up", &[("target", &ill.url())]) == 0.0;
    assert!(testkit::until(20, || down().then_some(())).is_some());
    for _ in 0..4 {
        assert_eq!(gateway.call(get("/things", "")).status, 200);
    }
    assert!(ill.calls().iter().all(|call| call.target() == "/healthz"));
    ill.answer(Answer::json(200, "{}"));
    assert!(testkit::until(20, || (!down()).then_some(())).is_some());
}

#[test]
fn an_ill_target_is_told_and_reloads_keep_what_is_known() {
    let (ill, well) = (Recorder::start(), Recorder::start());
    ill.answer(Answer::json(200, "{}").fault(Fault::Close(0)));
    let targets = format!("[{{ url: {} }}, {{ url: {} }}]", ill.url(), well.url());
    let gateway = behind(&targets, "outliers: { failures: 2, eject: 1h }");
    for _ in 0..10 {
        assert_eq!(gateway.call(get("/things", "")).status, 200, "a GET is tried again elsewhere");
    }
    assert_eq!(ill.count(), 2);
    let down = || gateway.metric("yett_target_up", &[("target", &ill.url())]) == 0.0;
    assert!(down() && gateway.metric("yett_target_retries_total", &[("target", &well.url())]) == 2.0);
    assert!(gateway.admin("/ready").text().contains(&format!("up {}", ill.url())));
    let document = String::from_utf8(std::fs::read(gateway.path("yett.yaml")).unwrap()).unwrap();
    std::fs::write(gateway.path("yett.yaml"), document.replace("failures: 2", "failures: 3")).unwrap();
    let reloaded = || gateway.metric("yett_config_generation", &[]) == 2.0;
    assert!(testkit::until(20, || reloaded().then_some(())).is_some());
    assert!(down());
    assert_eq!(gateway.call(get("/things", "")).status, 200);
    assert_eq!(ill.count(), 2);
}
