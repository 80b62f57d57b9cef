//! All findings in a call, with their pieces: see [`crate::inspection::explain`].

use engine::Call;

use super::{Builtin, Holding, NAME, Reader, parts};
use crate::coding::is_encoded;
use crate::inspection::explain::{Explanation, Matched, Named, RuleName};
use crate::inspection::parts::{Part, Sink, Where};

/// Findings that are told of one call.
const TOLD: usize = 1000;

impl Builtin {
    pub(in crate::inspection) fn explain(&self, call: &mut Call) -> Explanation {
        let mut all = All { builtin: self, matches: Vec::new(), holding: self.holding(call) };
        let params = self.contract.is_some().then_some(self.params.as_slice());
        parts::head(call, params, &mut all);
        self.explain_body(call, &mut all);
        let mut matches = all.matches;
        matches.sort_by_key(|found| std::cmp::Reverse(found.score));
        let score = matches.first().map(|found| found.score);
        Explanation { score, threshold: Some(u64::from(self.settings.threshold)), matches }
    }

    /// What cannot be read is refused, which the control itself says.
    fn explain_body(&self, call: &mut Call, all: &mut All<'_>) {
        let bytes = call.body.bytes().clone();
        let cut = bytes.len() > self.settings.body;
        if bytes.is_empty() || is_encoded(&call.request.headers) || cut && self.settings.whole {
            return;
        }
        let Some(reader) = parts::reader(&call.request.headers) else { return };
        let tape = match reader {
            Reader::Json if !cut => call.body.json(&tape::Bounds::default()).ok().cloned(),
            _ => None,
        };
        let bytes = bytes.slice(..bytes.len().min(self.settings.body));
        let _ = parts::body(&bytes, &reader, tape.as_deref(), cut, all);
    }
}

struct All<'a> {
    builtin: &'a Builtin,
    matches: Vec<Matched>,
    holding: Holding,
}

impl Sink for All<'_> {
    fn part(&mut self, part: &Part<'_>) {
        if self.is_done() || self.builtin.is_settled(part) {
            return;
        }
        let mut skip = self.builtin.skipped(part, &self.holding);
        // The surest of each family, as long as it is worth a note.
        while let Some((finding, piece)) = detect::explain(part.place, part.value, skip) {
            if finding.score + 1 < self.builtin.settings.threshold || skip.has(finding.family) {
                return;
            }
            skip = skip.with(finding.family);
            let separator = if part.name.is_empty() { "" } else { ":" };
            let name: String = part.name.chars().take(NAME).collect();
            self.matches.push(Matched {
                place: format!("{}{separator}{name}", part.stands.name()),
                named: named(part),
                rule: RuleName::Tag(finding.family.tag()),
                says: format!("{}/{}", finding.family.name(), finding.rule),
                view: finding.view.codings().map(detect::Coding::name).collect(),
                at: Some((finding.start, finding.end)),
                piece,
                score: u64::from(finding.score),
            });
        }
    }

    fn is_done(&self) -> bool {
        self.matches.len() >= TOLD
    }
}

fn named(part: &Part<'_>) -> Named {
    let name = part.name.to_owned();
    match part.stands {
        _ if name.is_empty() => Named::Nothing,
        Where::Header => Named::Header(name),
        Where::Cookie => Named::Cookie(name),
        _ => Named::Parameter(name),
    }
}
