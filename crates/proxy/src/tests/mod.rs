//! The data plane in front of small upstreams of our own, over real sockets.

mod balance;
mod bodies;
mod breakers;
mod framing;
mod lifecycle;
mod probes;
mod streams;
mod trust;
mod two;
mod upstreams;
mod world;
