//! HTTP/1 (RFC 9112), on both sides of the gateway, in a strict engine of its own.
//!
//! One reader decides where a message ends, and what it read is what is checked and what is written anew: there is no
//! second parser that could see another message. A call and its upstream connection live in one task, so that no wake-up
//! and no channel lies between them; that is a third of what a general client and server cost here.
//!
//! | module | what it does |
//! |---|---|
//! | `grammar`, `request`, `answer`, `chunks`, `rest` | bytes to messages; no IO |
//! | `encode` | messages to bytes |
//! | `wire` | a socket and its two buffers |
//! | `server` | a client's connection: one call after another |
//! | `delivery` | an answer on its way to the client |
//! | `client` | an upstream's connection: one call at a time |
//! | `body` | a request's body, read off the client's connection as it is asked for |

pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod chunks;
pub(crate) mod client;
mod delivery;
pub(crate) mod encode;
pub(crate) mod grammar;
pub(crate) mod request;
pub(crate) mod rest;
pub(crate) mod server;
pub(crate) mod wire;

#[cfg(test)]
mod tests;
