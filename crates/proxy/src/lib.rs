//! The data plane: sockets, HTTP, and the exchange between a client and an upstream.
//!
//! One thread per core, each with its own single-threaded runtime, listener, connection pool and attached snapshot: no
//! lock and no wake-up of another core on the path of a call. The proxy is handed a compiled [`engine::Snapshot`]; it
//! knows neither the document that it came from nor any control by name.
//!
//! Start reading at [`plane`] (threads, publishing, draining), then `connection` (what a client connects to), then
//! `exchange` (the life of a call), then `tries` and `upstream` (the way to the service behind).
//!
//! | module | what it promises |
//! |---|---|
//! | `http1` | a strict subset of RFC 9112, read by one reader and written anew |
//! | `http2` | frames are bounded below hyper, which speaks it |
//! | `head` | a call has one host, one framing, no hop-by-hop fields |
//! | `forward` | nothing goes upstream without [`engine::pipeline::Permitted`], and all of it is written anew |
//! | `tries` | nothing is said twice that may not be |
//! | `flight` | each call is recorded exactly once, whoever goes away |
//! | `stream` | a reload, an end of a credential or a revocation finds every answer that is on its way |
//! | `websocket` | frames are read strictly and written anew; nothing tunnels |
//! | `shed` | a core that is late refuses new calls before it looks at them |
//! | `alarm` | deadlines cost no timer per call |
//! | `offline` | tests of policies run calls through all of this without a socket |

mod addresses;
mod alarm;
mod answer;
mod body;
mod connection;
mod core;
mod deliver;
mod exchange;
mod flight;
mod forward;
mod head;
mod hops;
mod http1;
mod http2;
mod ids;
mod inbox;
mod incoming;
mod listen;
mod live;
mod mirror;
pub mod offline;
mod offload;
mod outgoing;
mod pace;
pub mod plane;
mod room;
mod sample;
mod shed;
mod stream;
mod table;
mod task;
mod through;
mod tls;
mod tries;
mod untaken;
mod upkeep;
mod upstream;
mod websocket;

#[cfg(test)]
mod tests;

pub use listen::{Address, Passed};
pub use plane::{DataPlane, Services, Settings};
pub use upstream::{Counts, TargetState, target_states};
