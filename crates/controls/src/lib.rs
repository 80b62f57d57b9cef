//! The controls: one folder each, with the same file names in each (`mod.rs`, `config.rs`, `tests.rs`, `README.md`).
//!
//! A control owns its section of the document, compiles it for each operation, and speaks at its stages. Controls do not
//! know each other; their order is [`registry::ORDER`], and nowhere else.

pub mod accepted;
pub mod address;
pub mod admission;
pub mod authentication;
pub mod authorization;
pub mod bodies;
pub mod cors;
pub mod forwarding;
pub mod hops;
pub mod limits;
pub mod metadata;
mod meter;
pub mod options;
pub mod registry;
mod rewrite;
pub mod scope;
pub mod security;
pub mod validation;
