//! The data plane in front of small upstreams of our own, over real sockets.

mod bodies;
mod framing;
mod lifecycle;
mod two;
mod upstreams;
mod world;
