//! Our own differential: what a hostile client sends, what arrives, and what the gateway says it checked.
//!
//! Each message has a number, and its target `/m/NUMBER` (or `/j/NUMBER`). Whatever arrives under that number must be strict
//! (`crate::strict`), must arrive once, and its digest must be the one of the call's decision. What one parser could take for
//! a second request is named `/m/smuggledNUMBER` and must never arrive. A class of messages that a proxy which checks nothing
//! does not let through would prove nothing: that is tested too.

mod legal;
mod one;
mod one_fields;
mod run;
mod two;

use testkit::Recorder;

use crate::plane::Plane;
use run::{Expect, Hostile, judge_naive, put_all, verdict};

#[test]
fn threats_01_to_04_hostile_messages_of_http_1_never_arrive() {
    let messages = one::all();
    assert!(messages.len() >= 500, "{} messages", messages.len());
    let recorder = Recorder::start();
    let plane = Plane::start(&recorder);
    put_all(plane.address, &messages);
    verdict(&plane, &recorder, &messages);
}

#[test]
fn threats_01_to_04_the_same_messages_get_through_a_naive_proxy() {
    judge_naive(&one::all());
}

#[test]
fn odd_but_legal_messages_arrive_once_as_they_were_checked() {
    let messages = legal::all();
    assert!(messages.len() >= 300, "{} messages", messages.len());
    assert!(messages.iter().all(|message| message.expect == Expect::Passes));
    let recorder = Recorder::start();
    let plane = Plane::start(&recorder);
    put_all(plane.address, &messages);
    verdict(&plane, &recorder, &messages);
}

#[test]
fn threat_05_hostile_streams_of_http_2_never_arrive() {
    let streams = two::hostile();
    assert!(streams.len() >= 200, "{} streams", streams.len());
    let recorder = Recorder::start();
    let plane = Plane::start(&recorder);
    let messages = two::put_all(plane.address, &streams);
    verdict(&plane, &recorder, &messages);
}

#[test]
fn threat_05_the_same_streams_get_through_a_naive_proxy() {
    two::judge_naive(&two::hostile());
}

#[test]
fn odd_but_legal_streams_arrive_once_as_they_were_checked() {
    let streams = two::legal();
    assert!(streams.len() >= 50, "{} streams", streams.len());
    let recorder = Recorder::start();
    let plane = Plane::start(&recorder);
    let messages = two::put_all(plane.address, &streams);
    verdict(&plane, &recorder, &messages);
}

/// Numbers each message: `{N}` in it becomes its place in the list.
fn number(mut messages: Vec<Hostile>) -> Vec<Hostile> {
    for (index, message) in messages.iter_mut().enumerate() {
        message.bytes = replace(&message.bytes, b"{N}", index.to_string().as_bytes());
    }
    messages
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(from.len()).position(|part| part == from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}
