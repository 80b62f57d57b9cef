//! Who may not go on: how the data plane asks, of those whose live streams it holds, whether what they were let in with was revoked.

use std::fmt;

use crate::principal::Principal;

/// What was revoked, as it stands at one moment.
///
/// It is asked about every live stream of every core when it is handed over, and about each one that opens after that, so that
/// an answer has to cost little; it never waits.
pub trait Withdrawn: Send + Sync + fmt::Debug {
    /// Whether the credential that proves this principal was revoked, at a second since 1970.
    fn is(&self, principal: &Principal, now: u64) -> bool;
}
