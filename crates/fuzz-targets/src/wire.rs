//! The proxy's readers of HTTP/1: its own sources, which know each other as `super`.
#![allow(dead_code, unreachable_pub, reason = "the proxy uses the rest")]

#[path = "../../proxy/src/http1/answer.rs"]
pub(crate) mod answer;
#[path = "../../proxy/src/http1/chunks.rs"]
pub(crate) mod chunks;
#[path = "../../proxy/src/http1/grammar.rs"]
pub(crate) mod grammar;
#[path = "../../proxy/src/http1/request.rs"]
pub(crate) mod request;
#[path = "../../proxy/src/http1/rest.rs"]
pub(crate) mod rest;
