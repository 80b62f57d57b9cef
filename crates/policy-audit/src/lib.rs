//! What a configuration and its contracts leave open: findings by rule, a score, and what protects each operation from each of the ten
//! risks of the OWASP API Security Top 10 (2023).
//!
//! Rules are pure functions over what a configuration does as it describes itself ([`policy_diff::describe`]): what holds for an operation
//! after profiles, defaults and selectors, and not what somebody wrote somewhere. A rule says what it looks for, why it matters, what to do,
//! and how much it weighs; places are looked up afterwards.
//!
//! **The score.** An API has 100 points. A rule about operations takes its weight times the share of the API's operations that it finds; a rule
//! about the API takes its weight once. No API has less than 0. The score of the whole is the mean of the APIs, each as heavy as it has
//! operations, less the weights of what is found in the gateway's own settings (once per rule, however often); it is rounded down, and
//! never below 0. What a finding *gains* is how many points the score of the whole rises when it alone is gone.

pub mod coverage;
mod places;
pub mod report;
pub mod rules;
mod schema;
mod score;
#[cfg(test)]
mod tests;
mod view;

use compile::Compiled;
use diagnostics::Sources;

pub use coverage::{Cover, Level, Row};
pub use places::Place;
pub use rules::{RULES, Rule};
pub use score::ApiScore;

use view::Whole;

/// One of the ten risks of 2023.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Broken object level authorization.
    Api1,
    /// Broken authentication.
    Api2,
    /// Broken object property level authorization.
    Api3,
    /// Unrestricted resource consumption.
    Api4,
    /// Broken function level authorization.
    Api5,
    /// Unrestricted access to sensitive business flows.
    Api6,
    /// Server side request forgery.
    Api7,
    /// Security misconfiguration.
    Api8,
    /// Improper inventory management.
    Api9,
    /// Unsafe consumption of APIs.
    Api10,
}

impl Risk {
    /// All, in their order.
    pub const ALL: [Risk; 10] = [
        Risk::Api1,
        Risk::Api2,
        Risk::Api3,
        Risk::Api4,
        Risk::Api5,
        Risk::Api6,
        Risk::Api7,
        Risk::Api8,
        Risk::Api9,
        Risk::Api10,
    ];

    /// Its id, as in `API1:2023`.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.words().0
    }

    /// Its name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        self.words().1
    }

    /// What no gateway can do about it.
    #[must_use]
    pub const fn beyond(self) -> &'static str {
        self.words().2
    }

    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Risk::Api1 => (
                "API1:2023",
                "Broken Object Level Authorization",
                "who owns an object only the service knows: it has to compare owner and caller for each id",
            ),
            Risk::Api2 => (
                "API2:2023",
                "Broken Authentication",
                "how passwords are kept, reset and guessed at is the issuer's; a stolen token is good until it ends or is revoked",
            ),
            Risk::Api3 => (
                "API3:2023",
                "Broken Object Property Level Authorization",
                "which declared property which caller may read or set is the service's, where the contract has one schema for all",
            ),
            Risk::Api4 => (
                "API4:2023",
                "Unrestricted Resource Consumption",
                "what one call costs inside the service (queries, messages, money) only the service can bound",
            ),
            Risk::Api5 => (
                "API5:2023",
                "Broken Function Level Authorization",
                "whether the scopes in the contract are the right ones, and who is given them",
            ),
            Risk::Api6 => (
                "API6:2023",
                "Unrestricted Access to Sensitive Business Flows",
                "whether a sequence of good calls is a person's or a machine's: limits slow it down and prove nothing",
            ),
            Risk::Api7 => (
                "API7:2023",
                "Server Side Request Forgery",
                "what the service fetches: it has to resolve, check and pin the address itself",
            ),
            Risk::Api8 => (
                "API8:2023",
                "Security Misconfiguration",
                "how the service, its host and its network are set up behind the gateway",
            ),
            Risk::Api9 => (
                "API9:2023",
                "Improper Inventory Management",
                "what is reachable past the gateway, and hosts that it does not stand in front of",
            ),
            Risk::Api10 => (
                "API10:2023",
                "Unsafe Consumption of APIs",
                "what the service itself takes from others: it has to hold that to a contract as well",
            ),
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Low,
    /// To be mended.
    Medium,
    /// Open to whoever tries.
    High,
}

impl Severity {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
        }
    }
}

/// A change of the document that lets no less through: it only looks where nobody looked, or writes down what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// A control's setting goes from `off` to `shadow`, wherever it is written.
    Watch {
        /// The control.
        control: &'static str,
        /// The setting of its section.
        setting: &'static str,
        /// The API.
        api: String,
    },
    /// A key is set.
    Set {
        /// Keys that lead to it.
        path: Vec<String>,
        /// In flow style, on one line.
        value: String,
    },
}

/// Something that is open.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The API; `None` for the gateway itself.
    pub api: Option<String>,
    /// The operations, by their ids; none when it is about more than operations.
    pub operations: Vec<String>,
    /// Where it stands; of the first operation, where it is about these.
    pub place: Option<Place>,
    /// Where each of the operations stands.
    pub others: Vec<Place>,
    /// What was found, as a sentence without an end.
    pub what: String,
    /// How many points the score of the whole rises when it is gone, in hundredths.
    pub gain: u64,
    /// How many of its API's (or the gateway's) points it takes, in hundredths, however few are left of them.
    pub loss: u64,
    /// What `--fix` does about it.
    pub repair: Option<Repair>,
}

/// All that is found.
#[derive(Debug, Clone)]
pub struct Audit {
    /// From 0 to 100.
    pub score: u8,
    /// Of each API, in the order of their names.
    pub apis: Vec<ApiScore>,
    /// What gains most first.
    pub findings: Vec<Finding>,
    /// Of each operation.
    pub coverage: Vec<Row>,
}

/// Audits what was compiled; `assets` are the files that it was compiled from, `sources` those in which places are.
#[must_use]
pub fn audit(compiled: &Compiled, assets: &contract::Assets, sources: &Sources) -> Audit {
    let described = policy_diff::describe(compiled, assets);
    let whole = Whole::of(&described, compiled);
    let mut findings = rules::run(&whole);
    let (score, apis) = score::score(&whole, &mut findings);
    places::find(&mut findings, compiled, sources);
    // What gains nothing alone, since more than all points are lost, stands by what it takes.
    findings.sort_by(|one, other| {
        let key = |finding: &Finding| (finding.gain, finding.loss, finding.rule.severity());
        key(other).cmp(&key(one)).then_with(|| (one.rule.id, &one.api).cmp(&(other.rule.id, &other.api)))
    });
    Audit { score, apis, findings, coverage: coverage::cover(&whole) }
}
