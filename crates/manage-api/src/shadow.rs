//! What controls in shadow would have refused, as it is asked for and told. Fields are added, never given another meaning.

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::routes::{decode, encode, query};
use crate::types::Problem;

/// By whom refusals are told beside operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Who called: issuer and subject.
    Principal,
    /// The client's address.
    Address,
    /// The application.
    Application,
}

impl By {
    /// Its name in a query.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            By::Principal => "principal",
            By::Address => "address",
            By::Application => "application",
        }
    }
}

/// What is asked; what is `None` is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskShadow {
    /// Not before this moment, in milliseconds since 1970; else as far back as there are counts.
    pub since: Option<u64>,
    /// Of this control, whichever rule of it, or of this one rule.
    pub control: Option<String>,
    /// Of this API.
    pub api: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// Told by whom, too.
    pub by: Option<By>,
}

impl AskShadow {
    /// Whether a control, or one rule of it, was asked for.
    #[must_use]
    pub fn wants(&self, control: &str) -> bool {
        let rest = |wanted| control.strip_prefix(wanted);
        let is_of = |wanted| rest(wanted).is_some_and(|rest: &str| rest.is_empty() || rest.starts_with('.'));
        self.control.as_deref().is_none_or(is_of)
    }
}

/// What controls in shadow would have refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowReport {
    /// From when on, in milliseconds since 1970: what was asked, to the minute or (over two hours ago) the hour.
    pub since: u64,
    /// When it was made.
    pub until: u64,
    /// Since when the configuration that serves does, in seconds since 1970.
    pub serving_since: u64,
    /// What is in shadow in the configuration that serves.
    pub in_shadow: Vec<InShadow>,
    /// Calls that controls in shadow looked at, exact: every call is counted.
    pub looked: Vec<Looked>,
    /// Those of them that would have been refused, exact.
    pub refused: Vec<WouldRefuse>,
    /// Whether there is more than one answer holds; the rows with the most good calls are here.
    pub more: bool,
    /// Would-be refusals by whom it was asked, from the records of calls that passed.
    pub by: Vec<RefusedBy>,
    /// What `by` and the examples rest on.
    pub records: RecordsRead,
    /// Calls of this process that are missing in the counts.
    pub uncounted: u64,
    /// Records of this process that were lost.
    pub lost: u64,
}

/// A control that is in shadow now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InShadow {
    /// The control; with the rule where only that is: `objects.bindings.customer`.
    pub control: String,
    /// `request` or `answer`.
    pub part: String,
    /// Where it was configured; empty where it holds by default.
    pub place: String,
    /// For how many operations.
    pub operations: u64,
}

/// Calls of an operation that a control in shadow looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// Name of the API; empty where no operation was found.
    pub api: String,
    /// Name of the operation.
    pub operation: String,
    /// The control; with the rule where only that is in shadow.
    pub control: String,
    /// `request` or `answer`.
    pub part: String,
    /// How many.
    pub calls: u64,
    /// Those that the service answered well and nothing that is enforced ended.
    pub good: u64,
    /// When the first minute or hour of them began, in milliseconds since 1970.
    pub first: u64,
    /// When the last did.
    pub last: u64,
}

/// Calls of an operation that a control in shadow would have refused with one code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WouldRefuse {
    /// Which, how many, and when.
    #[serde(flatten)]
    pub of: Looked,
    /// The code.
    pub code: String,
    /// Ids of some of them, the newest first, good ones before others; only of calls whose records are kept.
    pub examples: Vec<String>,
}

/// Calls of somebody that a control in shadow would have refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedBy {
    /// Who: subject, address, or id of the application; empty where there is none.
    pub who: String,
    /// Who vouches for a subject.
    pub issuer: String,
    /// Name of the API.
    #[serde(default)]
    pub api: String,
    /// Name of the operation.
    #[serde(default)]
    pub operation: String,
    /// The control; with the rule where only that is in shadow.
    pub control: String,
    /// `request` or `answer`.
    pub part: String,
    /// The code.
    pub code: String,
    /// How many of the records that were read.
    pub calls: u64,
    /// The good ones of them.
    pub good: u64,
    /// Ids of some of them, the newest first.
    pub examples: Vec<String>,
}

/// Which records were read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordsRead {
    /// How many, of calls that passed and that a control in shadow would have ended; the newest.
    pub read: u64,
    /// When the call of the oldest of them began, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub oldest: Option<u64>,
    /// Whether these are all that are kept since the moment that was asked for.
    pub all: bool,
}

/// The path with the query that asks for it.
pub(crate) fn shadow_path(ask: &AskShadow) -> String {
    let mut pairs = Vec::new();
    for (name, value) in [("control", &ask.control), ("api", &ask.api), ("operation", &ask.operation)] {
        pairs.extend(value.iter().map(|value| format!("{name}={}", encode(value))));
    }
    pairs.extend(ask.since.map(|since| format!("since={since}")));
    pairs.extend(ask.by.map(|by| format!("by={}", by.name())));
    if pairs.is_empty() { String::from("/v1/shadow") } else { format!("/v1/shadow?{}", pairs.join("&")) }
}

/// Reads what [`shadow_path`] writes.
///
/// # Errors
/// What does not fit, or is not known.
pub(crate) fn shadow_asked(uri: &Uri) -> Result<AskShadow, Problem> {
    let known = ["control", "api", "operation", "since", "by"];
    for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let name = pair.split('=').next().unwrap_or_default();
        if !known.contains(&name) {
            return Err(Problem::invalid(format!("`{name}` is not known")));
        }
    }
    let text = |name: &str| match query(uri, name).map(decode) {
        None => Ok(None),
        Some(Some(text)) => Ok(Some(text)),
        Some(None) => Err(Problem::invalid(format!("`{name}` is not UTF-8"))),
    };
    let since = query(uri, "since").map(str::parse::<u64>).transpose();
    let by = match query(uri, "by") {
        None => None,
        Some(name) => {
            let all = [By::Principal, By::Address, By::Application];
            let found = all.into_iter().find(|by| by.name() == name);
            Some(found.ok_or_else(|| Problem::invalid("`by` is `principal`, `address` or `application`"))?)
        }
    };
    Ok(AskShadow {
        since: since.map_err(|_| Problem::invalid("`since` is not a number"))?,
        control: text("control")?,
        api: text("api")?,
        operation: text("operation")?,
        by,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_comes_over_as_it_was() {
        let text = |text: &str| Some(text.to_owned());
        let all = AskShadow {
            since: Some(u64::MAX),
            control: text("a&b=c%"),
            api: text("é\u{202e}\n"),
            operation: text("GET /x/{id}"),
            by: Some(By::Application),
        };
        for ask in [AskShadow::default(), all] {
            let uri: Uri = shadow_path(&ask).parse().unwrap();
            assert_eq!(shadow_asked(&uri).unwrap(), ask);
        }
        for bad in ["since=x", "by=name", "api=%ff", "code=x"] {
            let uri: Uri = format!("/v1/shadow?{bad}").parse().unwrap();
            assert!(shadow_asked(&uri).is_err(), "{bad}");
        }
    }
}
