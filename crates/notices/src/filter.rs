//! Which events somebody wants.

use engine::{Evidence, Kept};

use crate::event::Severity;

/// Which events of calls are wanted: those that fit each list that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// At least so severe.
    pub severity: Severity,
    /// What the call came to.
    pub outcomes: Vec<Kept>,
    /// Its code.
    pub codes: Vec<String>,
    /// The control that ended it or would have.
    pub controls: Vec<String>,
    /// Its API.
    pub apis: Vec<String>,
    /// Its operation.
    pub operations: Vec<String>,
}

impl Default for Filter {
    fn default() -> Self {
        let none = Vec::new;
        Self {
            severity: Severity::Info,
            outcomes: Vec::new(),
            codes: none(),
            controls: none(),
            apis: none(),
            operations: none(),
        }
    }
}

impl Filter {
    /// Whether the event of a decision is wanted.
    #[must_use]
    pub fn wants(&self, evidence: &Evidence) -> bool {
        Severity::of(evidence.kept, &evidence.code) >= self.severity
            && (self.outcomes.is_empty() || self.outcomes.contains(&evidence.kept))
            && fits(&self.codes, &evidence.code)
            && fits(&self.controls, &evidence.control)
            && self.is_of(&evidence.api, &evidence.operation)
    }

    /// Whether events of an operation may be wanted.
    pub(crate) fn is_of(&self, api: &str, operation: &str) -> bool {
        fits(&self.apis, api) && fits(&self.operations, operation)
    }
}

fn fits(wanted: &[String], found: &str) -> bool {
    wanted.is_empty() || wanted.iter().any(|one| one == found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::evidence;

    #[test]
    fn all_that_is_written_has_to_fit() {
        let list = |text: &str| vec![text.to_owned(), String::from("other")];
        let refused = evidence(Kept::Refused, "payload_refused");
        let all = Filter {
            severity: Severity::Warning,
            outcomes: vec![Kept::Refused],
            codes: list("payload_refused"),
            controls: list("inspection"),
            apis: list("notes"),
            operations: list("listNotes"),
        };
        assert!(Filter::default().wants(&refused) && all.wants(&refused));
        for less in [
            Filter { severity: Severity::Error, ..all.clone() },
            Filter { outcomes: vec![Kept::Failed], ..all.clone() },
            Filter { codes: list("x"), ..all.clone() },
            Filter { controls: list("x"), ..all.clone() },
            Filter { apis: list("x"), ..all.clone() },
            Filter { operations: list("x"), ..all },
        ] {
            assert!(!less.wants(&refused), "{less:?}");
        }
    }
}
