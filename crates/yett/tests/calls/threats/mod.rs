//! The rows of the threat list that a gateway of HTTP with tokens and contracts must withstand, each against the real
//! binary; every test is named after its row.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]
#![allow(clippy::too_many_lines, reason = "tables of cases")]

mod admission;
mod bodies;
mod caches;
mod codings;
mod dangers;
mod framing;
mod headers;
mod http2;
mod paths;
mod patterns;
mod phases;
mod rewriting;
mod trailers;
mod websocket;
