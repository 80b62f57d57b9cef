//! see crate tests
