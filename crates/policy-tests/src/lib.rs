//! Unit tests of policies: what a configuration does with a call, tried without a network.
//!
//! A [`Suite`] is read from YAML beside the configuration. A [`Subject`] is the configuration, compiled by the function
//! that `yett run` calls, with a key of ours standing in for those of every issuer. Each case gets a core of the data plane
//! of its own ([`proxy::offline`]), a clock that stands still, and a service that answers as the case says; what the call
//! met on its way is judged by what the case expects.
//!
//! What it promises:
//! - what a case sees is what a client, the service behind and the log of a running gateway would see: bytes go in and come
//!   out, and nothing in between was written for tests;
//! - no socket is opened, no file read and no time waited for; cases know nothing of each other;
//! - an unknown key in a suite is an error, with its place.
//!
//! Start reading at [`Case`](document::Case), then [`run`], then [`judge`](judge::judge).

mod apikey;
mod bytes_of;
pub mod clock;
pub mod coverage;
mod credential;
mod decides;
pub mod document;
pub mod generate;
mod issuer;
pub mod judge;
mod keys;
pub mod moment;
mod present;
mod record;
pub mod report;
mod run;
mod subject;
mod sugar;
mod token;
mod world;

pub use coverage::Coverage;
pub use document::Suite;
pub use judge::Mismatch;
pub use record::{Decided, Heard};
pub use run::{Finished, Outcome, on_the_wire, run};
pub use subject::{Files, Subject};
pub use world::{Seen, Threads, World};
