//! Calls through the real binary to an upstream that records every byte: what is refused never gets there, and its valid twin does.

mod administrative;
mod backpressure;
mod content;
mod faults;
mod harness;
mod inspection;
mod keys;
mod leaks;
mod logins;
mod messages;
mod objects;
mod owners;
mod passwords;
mod pdp;
mod pdp_grpc;
mod providers;
mod threats;
mod tokens;
mod uploads;
mod upstreams;
mod views;
mod webhooks;
