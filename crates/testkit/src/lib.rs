//! What tests share: a clock that they move, fakes of what the engine asks of the outside, a hostile client, an upstream
//! that remembers every byte, and a proxy that checks nothing. Never part of the binary.
//!
//! All of the network side is plain blocking threads with deadlines, so that nothing here shares code, parser or runtime
//! with what it judges.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]

pub mod call;
pub mod clock;
pub mod core;
pub mod dns;
pub mod files;
pub mod frames;
pub mod mint;
pub mod naive;
pub mod naive_tls;
pub mod peer;
pub mod postgres;
pub mod raw;
pub mod recorder;
pub mod redis;
pub mod transmitter;
pub mod webhook;
pub mod wire;

pub use self::redis::Redis;
pub use call::CallBuilder;
pub use clock::{Deadline, FakeClock, until, until_every};
pub use core::{NoFetch, NoSpawn, core, done, worked};
pub use dns::Dns;
pub use frames::Http2;
pub use mint::{Alg, Mint};
pub use naive::Naive;
pub use naive_tls::NaiveTls;
pub use peer::Peer;
pub use postgres::Postgres;
pub use raw::{RawClient, Reply};
pub use recorder::{Answer, Fault, Recorded, Recorder};
pub use transmitter::Transmitter;
