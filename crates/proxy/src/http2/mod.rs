//! HTTP/2 (RFC 9113) towards clients. hyper speaks it; what it lets pass, and what it does not bound, is judged below it.
//!
//! | module | what it does |
//! |---|---|
//! | `guard` | sees every frame's header before hyper does, and ends a connection that breaks a bound or the RFC |
//! | `rules` | what a frame's header may say; no IO |
//! | `watch` | where frames end and begin; no IO |
//! | `settings` | how much of its answers a client has room for; no IO |
//! | `turns` | which streams begin, and which wait as the bytes that came; no IO |
//! | `written` | the headers of the frames that we write |
//! | `serve` | a client's connection, from its first byte to its end |

mod guard;
mod rules;
pub(crate) mod serve;
mod settings;
mod turns;
mod watch;
mod written;

#[cfg(test)]
mod tests;
