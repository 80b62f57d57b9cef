//! seclang beside libmodsecurity: the same requests, rules and configuration, and the rules that each logs.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    reason = "a harness that cannot go on has to fail loudly; it is shared by targets that use parts of it"
)]

#[path = "../ftw/mod.rs"]
pub mod ftw;

pub mod compare;
pub mod facts;
pub mod kinds;
pub mod mutate;
pub mod peer;
pub mod place;
