//! What is particular to HTTP/1.

pub(crate) mod guard;
mod message;
