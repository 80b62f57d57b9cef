//! What is used and not enforced, by the operation that uses it.

use std::collections::BTreeSet;

use super::{Issue, Lowering, Used};
use crate::documents::Spot;

impl Lowering<'_> {
    /// Starts counting what one operation uses.
    pub(crate) fn begin_operation(&mut self) {
        self.operation = Used::default();
    }

    /// Notes that the operation uses something that is not enforced.
    pub(crate) fn operation_issue(&mut self, spot: &Spot, what: impl Into<String>) {
        let index = self.issue_number(spot, what.into());
        self.operation.issues.insert(index);
    }

    /// Notes that the operation uses things of which the issues are known already.
    pub(crate) fn operation_uses(&mut self, issues: &BTreeSet<usize>) {
        self.operation.issues.extend(issues);
    }

    /// What the operation uses, definitions within definitions included.
    pub(crate) fn end_operation(&mut self) -> BTreeSet<usize> {
        let mut used = std::mem::take(&mut self.operation);
        let mut stack: Vec<usize> = used.definitions.iter().copied().collect();
        while let Some((_, inner)) = stack.pop().and_then(|index| self.definitions.get(index)) {
            used.issues.extend(&inner.issues);
            for next in &inner.definitions {
                if used.definitions.insert(*next) {
                    stack.push(*next);
                }
            }
        }
        used.issues
    }

    /// All that is not enforced, by the numbers that operations name.
    pub(crate) fn issues(&self) -> &[Issue] {
        &self.issues
    }

    pub(super) fn issue_number(&mut self, spot: &Spot, what: String) -> usize {
        let issue = Issue { spot: spot.clone(), what };
        let next = self.issues.len();
        let index = *self.issue_index.entry(issue.clone()).or_insert(next);
        if index == next {
            self.issues.push(issue);
        }
        index
    }

    pub(super) fn issue(&mut self, spot: &Spot, what: impl Into<String>) {
        let index = self.issue_number(spot, what.into());
        self.current.issues.insert(index);
    }
}
