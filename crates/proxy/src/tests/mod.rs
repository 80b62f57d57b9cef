//! The data plane in front of small upstreams of our own, over real sockets.

mod balance;
mod bodies;
mod bounds;
mod breakers;
mod certificates;
mod clients;
mod crafted;
mod framing;
mod hostile_tls;
mod interim;
mod lifecycle;
mod lifetimes;
mod mirror;
mod names;
mod pki;
mod probes;
mod proxied;
mod records;
mod refused;
mod shedding;
mod sockets;
mod streams;
mod trust;
mod two;
mod unchecked;
mod upstreams;
mod vouched;
pub(crate) mod world;

pub(crate) use probes::Side;
