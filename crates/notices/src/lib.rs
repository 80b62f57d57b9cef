//! What is told to the outside: events, who wants which, how they are signed, and when they are sent again.
//!
//! An [`Event`] is told of a call under the call's own id, the one in the answer's header, in the log, in the trace and in the store
//! of decisions; what it carries is the record of the decision ([`engine::Evidence`]), which is redacted and inert. It is written as
//! CloudEvents 1.0 in structured JSON and signed as Standard Webhooks 1.0 says.
//!
//! What it promises of the deliveries to one receiver ([`Schedule`]): events of one actor go one after the other, in the order in
//! which they came; a receiver that fails is left alone longer and longer, and while nothing gets through it is asked with one event
//! at a time; nothing is ever sent more often or later than the settings say.
//!
//! Rules over many events make [`Alerts`]: told when they begin to hold, and when they cease.
//!
//! All of it is plain data: time is a parameter, and whoever sends does so elsewhere.

mod alerts;
mod answer;
mod event;
mod filter;
mod retry;
mod schedule;
mod signature;

pub use alerts::{Alert, Alerts, Change, Condition, GROUPS, Label, Rule};
pub use answer::{Verdict, judge, judge_error};
pub use event::{Actor, Event, Severity, moment};
pub use filter::Filter;
pub use retry::Retry;
pub use schedule::{Item, Schedule};
pub use signature::{BadSecret, ID, SIGNATURE, Secret, TIMESTAMP};
