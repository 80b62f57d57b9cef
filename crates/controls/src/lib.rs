//! The controls: one folder each, with the same file names in each (`mod.rs`, `config.rs`, `tests.rs`, `README.md`).
//!
//! A control owns its section of the document, compiles it for each operation, and speaks at its stages. Controls do not
//! know each other; their order is [`registry::ORDER`], and nowhere else.

pub mod authentication;
pub mod authorization;
pub mod metadata;
pub mod registry;
pub mod scope;
pub mod security;
