//! The data plane in front of small upstreams of our own, over real sockets.

mod bodies;
mod certificates;
mod framing;
mod lifecycle;
mod streams;
mod two;
mod upstreams;
mod world;
