//! What a rule says.

use std::net::IpAddr;
use std::time::Duration;

use engine::Evidence;
use engine::peer::network;

use super::SLICES;
use crate::event::Severity;
use crate::filter::Filter;

/// What a rule tells groups apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The API.
    Api,
    /// The operation, of its API.
    Operation,
    /// The code.
    Code,
    /// The control.
    Control,
    /// The client's address; of IPv6 its /64.
    Address,
    /// The principal: issuer and subject.
    Principal,
    /// The application.
    Application,
}

impl Label {
    /// Its name in documents and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Label::Api => "api",
            Label::Operation => "operation",
            Label::Code => "code",
            Label::Control => "control",
            Label::Address => "address",
            Label::Principal => "principal",
            Label::Application => "application",
        }
    }

    fn of(self, evidence: &Evidence) -> Box<str> {
        match self {
            Label::Api => evidence.api.clone(),
            Label::Operation => operation(&evidence.api, &evidence.operation),
            Label::Code => evidence.code.clone(),
            Label::Control => evidence.control.clone(),
            Label::Address => subscriber(&evidence.address),
            Label::Principal if evidence.issuer.is_empty() => Box::default(),
            Label::Principal => format!("{} of {}", evidence.subject, evidence.issuer).into(),
            Label::Application => evidence.application.clone(),
        }
    }
}

/// Whom an address stands for, as limits count: who has a /64 would otherwise be another group with each call.
fn subscriber(address: &str) -> Box<str> {
    match address.parse().map(network) {
        Ok(IpAddr::V6(network)) => format!("{network}/64").into(),
        Ok(IpAddr::V4(one)) => one.to_string().into(),
        Err(_) => address.into(),
    }
}

/// Empty for calls that are of none.
fn operation(api: &str, operation: &str) -> Box<str> {
    if api.is_empty() && operation.is_empty() {
        return Box::default();
    }
    format!("{api}/{operation}").into()
}

/// When a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// At least so many events in the window.
    Rate(u64, Duration),
    /// At least so many hundredths of all calls in the window, when there are at least so many calls.
    Share {
        /// Hundredths.
        percent: u8,
        /// The window.
        window: Duration,
        /// Calls.
        at_least: u64,
    },
    /// None for so long.
    Absent(Duration),
}

impl Condition {
    pub(crate) fn holds(self, events: u64, calls: u64, silent: u64) -> bool {
        match self {
            Condition::Rate(count, _) => events >= count,
            Condition::Share { percent, at_least, .. } => {
                calls >= at_least && events.saturating_mul(100) >= calls.saturating_mul(u64::from(percent))
            }
            Condition::Absent(time) => u128::from(silent) >= time.as_millis(),
        }
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// Which events count.
    pub filter: Filter,
    /// Whether calls count that nothing was said against; for what is absent.
    pub all_calls: bool,
    /// What groups are told apart by.
    pub by: Vec<Label>,
    /// When it holds.
    pub condition: Condition,
    /// How long it has to have ceased before that is told.
    pub hold: Duration,
    /// After how long it is told again while it lasts.
    pub repeat: Duration,
    /// How severe it is.
    pub severity: Severity,
    /// Who is told: the sinks of these names, or all.
    pub sinks: Vec<String>,
}

impl Rule {
    /// Length of a step of its window.
    pub(crate) fn slice(&self) -> Duration {
        let window = match self.condition {
            Condition::Rate(_, window) | Condition::Share { window, .. } => window,
            Condition::Absent(time) => time,
        };
        window / u32::try_from(SLICES).unwrap_or(1)
    }

    pub(crate) fn counts_events(&self) -> bool {
        !self.all_calls
    }

    pub(crate) fn wants_calls(&self) -> bool {
        self.all_calls || matches!(self.condition, Condition::Share { .. })
    }

    /// Whether it has one group, whatever comes.
    pub(crate) fn is_one_group(&self) -> bool {
        self.by.is_empty()
    }

    pub(crate) fn group_of(&self, evidence: &Evidence) -> Vec<Box<str>> {
        self.by.iter().map(|label| label.of(evidence)).collect()
    }

    pub(crate) fn group_of_calls(&self, api: &str, name: &str) -> Vec<Box<str>> {
        let of = |label: &Label| match label {
            Label::Operation => operation(api, name),
            // Nothing else is known of calls in general, and no rule over them asks for it.
            _ => Box::from(api),
        };
        self.by.iter().map(of).collect()
    }
}
