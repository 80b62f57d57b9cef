//! The data plane in front of small upstreams of our own, over real sockets.

mod bodies;
mod certificates;
mod clients;
mod framing;
mod hostile_tls;
mod lifecycle;
mod pki;
mod proxied;
mod streams;
mod two;
mod upstreams;
mod world;
