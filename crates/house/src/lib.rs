//! Tests of the house itself: the invariants of ARCHITECTURE.md, the supply chain, and that every code has its page.
//!
//! There is no code here; the tests read `cargo metadata` and the sources.
