//! Calls inspected without a gateway: what would be refused, why, and which exclusions let calls pass that were refused by mistake.
//!
//! The document is compiled by the function that `yett run` compiles it with, requests are read by the reader that reads those of
//! clients, and the same control looks at them ([`offline`]). Nothing is sent and nothing is written.

pub(crate) mod compare;
pub(crate) mod offline;
pub(crate) mod patch;
pub(crate) mod requests;
pub(crate) mod show;
pub(crate) mod tune;

pub(crate) use controls::inspection::{Explanation, Matched, Named, RuleName, explain};
