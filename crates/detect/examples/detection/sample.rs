//! One sample: the values of a call, and what they are.

use detect::{Families, Finding, Place};

use crate::crs::Request;

/// Which half of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// The detectors are tuned on it.
    Tune,
    /// The page is about it.
    Report,
}

/// One call, or one value.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Where it is from.
    pub source: &'static str,
    /// What it is.
    pub class: &'static str,
    /// How to find it again.
    pub label: String,
    pub split: Split,
    pub values: Vec<(Place, Vec<u8>)>,
    /// The request that it was, where it is more than one value.
    pub line: Option<Request>,
}

impl Sample {
    pub fn value(source: &'static str, class: &'static str, value: &[u8]) -> Self {
        let values = vec![(Place::Value, value.to_vec())];
        Self { source, class, label: String::new(), split: split(value), values, line: None }
    }

    /// The surest finding in any of its values.
    pub fn finding(&self) -> Option<Finding> {
        let found =
            self.values.iter().filter_map(|(place, value)| detect::inspect(*place, value, Families::NONE));
        found.max_by_key(|finding| finding.score)
    }

    pub fn is_found(&self) -> bool {
        self.finding().is_some_and(|finding| finding.score >= detect::THRESHOLD)
    }

    pub fn shown(&self, finding: Option<Finding>) -> String {
        let around = |value: &[u8]| {
            let start = finding.map_or(0, |finding| finding.start.saturating_sub(60));
            let end = (start + 240).min(value.len());
            String::from_utf8_lossy(value.get(start..end).unwrap_or(value)).into_owned()
        };
        let shown: Vec<String> = match finding {
            Some(finding) => self
                .values
                .iter()
                .filter(|(place, value)| detect::inspect(*place, value, Families::NONE) == Some(finding))
                .map(|(_, value)| around(value))
                .collect(),
            None => self.values.iter().map(|(_, value)| around(value)).collect(),
        };
        format!("{shown:?}")
    }
}

/// Half of everything, by a hash of what it is (FNV-1a), so that equal samples are on one side.
pub fn split(key: &[u8]) -> Split {
    if hash(key) >> 32 & 1 == 0 { Split::Tune } else { Split::Report }
}

pub fn hash(key: &[u8]) -> u64 {
    key.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
