//! What controls in shadow would have refused: sums from the counts, examples and callers from the records.

use std::collections::BTreeMap;

use engine::shadow::named;
use engine::{Kept, Part};
use manage_api::{AskShadow, By, Looked, Problem, Record, RecordsRead, RefusedBy, ShadowReport, WouldRefuse};
use store::{Counted, DecisionStore, Filter, Stored};

use super::Decisions;
use super::views::problem;

/// Records that are read for one report at most.
const RECORDS: usize = 5_000;
/// Records of one page of them.
const PAGE: usize = 500;
/// Pages that are looked at for them: most records may be of other calls.
const PAGES: usize = 60;
/// Ids that are told of one row.
const EXAMPLES: usize = 3;
/// Rows that tell by whom.
const WHO: usize = 200;

/// Of which operation, control, side and code.
type Key = (String, String, String, &'static str, String);

impl Decisions {
    /// Makes the report, but for what only the running configuration knows.
    pub(super) async fn shadow(
        &self,
        store: &DecisionStore,
        ask: &AskShadow,
    ) -> Result<ShadowReport, Problem> {
        let now = self.clock.unix().0 / 1_000_000;
        let filter = Filter {
            control: ask.control.clone(),
            api: ask.api.clone(),
            operation: ask.operation.clone(),
            ..Filter::default()
        };
        let since = ask.since.unwrap_or_default();
        let counted = store.counted(&filter, since, now).await.map_err(|why| problem(&why))?;
        let mut found = Found::default();
        let records = read(store, ask, &mut found).await?;
        let (looked, refused): (Vec<Counted>, Vec<Counted>) =
            counted.sums.into_iter().partition(|one| one.sum.code.is_empty());
        let first = looked.iter().map(|one| one.sum.at).min();
        let refused = refused.into_iter().map(|one| would_refuse(one, &mut found)).collect();
        Ok(ShadowReport {
            since: if ask.since.is_some() { counted.since } else { first.unwrap_or(now) },
            until: now,
            serving_since: 0,
            in_shadow: Vec::new(),
            looked: looked.into_iter().map(view).collect(),
            refused,
            more: counted.more,
            by: found.by(),
            records,
            uncounted: self.counts.uncounted(),
            lost: self.queue.lost().iter().map(|(_, count)| count).sum(),
        })
    }
}

fn view(one: Counted) -> Looked {
    Looked {
        api: one.sum.api.to_string(),
        operation: one.sum.operation.to_string(),
        control: one.sum.control.into_owned(),
        part: one.sum.part.name().to_owned(),
        calls: one.sum.calls,
        good: one.sum.good,
        first: one.sum.at,
        last: one.last,
    }
}

fn would_refuse(one: Counted, found: &mut Found) -> WouldRefuse {
    let (part, code) = (one.sum.part.name(), one.sum.code.to_string());
    let of = view(one);
    let key = (of.api.clone(), of.operation.clone(), of.control.clone(), part, code.clone());
    WouldRefuse { of, code, examples: found.examples.remove(&key).unwrap_or_default().ids() }
}

/// Reads records of calls that passed and that a control in shadow would have ended, the newest first.
async fn read(store: &DecisionStore, ask: &AskShadow, found: &mut Found) -> Result<RecordsRead, Problem> {
    let filter = Filter {
        kept: Some(Kept::Shadowed),
        api: ask.api.clone(),
        operation: ask.operation.clone(),
        since: ask.since,
        ..Filter::default()
    };
    let (mut before, mut records) = (Some(u64::MAX), RecordsRead::default());
    for _ in 0..PAGES {
        let Some(from) = before else { break };
        let room = RECORDS.saturating_sub(usize::try_from(records.read).unwrap_or(usize::MAX));
        if room == 0 {
            break;
        }
        let page = store.whole(&filter, from, room.min(PAGE)).await.map_err(|why| problem(&why))?;
        for stored in &page.decisions {
            records.read += 1;
            records.oldest = Some(stored.evidence.at);
            found.add(stored, ask);
        }
        before = page.next;
        tokio::task::yield_now().await;
    }
    Ok(RecordsRead { all: before.is_none(), ..records })
}

/// Ids of calls, the good ones apart.
#[derive(Default)]
struct Examples {
    good: Vec<String>,
    other: Vec<String>,
}

impl Examples {
    fn add(&mut self, id: impl FnOnce() -> String, is_good: bool) {
        let list = if is_good { &mut self.good } else { &mut self.other };
        if list.len() < EXAMPLES {
            list.push(id());
        }
    }

    fn ids(self) -> Vec<String> {
        self.good.into_iter().chain(self.other).take(EXAMPLES).collect()
    }
}

#[derive(Default)]
struct Numbers {
    calls: u64,
    good: u64,
    examples: Examples,
}

/// What records say.
#[derive(Default)]
struct Found {
    examples: BTreeMap<Key, Examples>,
    /// By who, their issuer, and what they called.
    by: BTreeMap<(String, String, Key), Numbers>,
}

impl Found {
    fn add(&mut self, stored: &Stored, ask: &AskShadow) {
        let evidence = &stored.evidence;
        let Ok(record) = serde_json::from_str::<Record>(&evidence.document) else { return };
        let good = matches!(evidence.status, 101 | 200..=399);
        let id = || evidence.id.to_string();
        for (control, part, code) in refusals(&record) {
            if !ask.wants(&control) {
                continue;
            }
            let operation = (evidence.api.to_string(), evidence.operation.to_string());
            let key = (operation.0, operation.1, control, part, code.to_owned());
            self.examples.entry(key.clone()).or_default().add(id, good);
            let Some(by) = ask.by else { continue };
            let (who, issuer) = match by {
                By::Principal => (&*evidence.subject, &*evidence.issuer),
                By::Address => (&*evidence.address, ""),
                By::Application => (&*evidence.application, ""),
            };
            let row = self.by.entry((who.to_owned(), issuer.to_owned(), key)).or_default();
            (row.calls, row.good) = (row.calls + 1, row.good + u64::from(good));
            row.examples.add(id, good);
        }
    }

    /// Those with the most good calls, these first.
    fn by(&mut self) -> Vec<RefusedBy> {
        let all = std::mem::take(&mut self.by);
        let row = |((who, issuer, of), numbers): ((String, String, Key), Numbers)| {
            let (api, operation, control, part, code) = of;
            RefusedBy {
                who,
                issuer,
                api,
                operation,
                control,
                part: part.to_owned(),
                code,
                calls: numbers.calls,
                good: numbers.good,
                examples: numbers.examples.ids(),
            }
        };
        let mut rows: Vec<RefusedBy> = all.into_iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.good, row.calls)));
        rows.truncate(WHO);
        rows
    }
}

/// What controls in shadow would have refused a call for: the first of each control (or rule) and side, as it is counted.
fn refusals(record: &Record) -> Vec<(String, &'static str, &str)> {
    let mut all: Vec<(String, &'static str, &str)> = Vec::new();
    for verdict in record.verdicts.iter().filter(|verdict| verdict.mode == "shadow") {
        let refuses = matches!(verdict.outcome.as_str(), "refuse" | "step_up" | "throttle");
        let part = if verdict.stage.starts_with("response") { Part::Answer } else { Part::Request };
        let name = named(&verdict.control, &verdict.rule);
        let is_known = all.iter().any(|(control, known, _)| *control == name && *known == part.name());
        if refuses && !is_known {
            all.push((name, part.name(), &verdict.code));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use manage_api::Verdict;

    use super::*;

    #[test]
    fn the_first_refusal_of_each_control_and_side_counts() {
        let verdict = |control: &str, stage: &str, mode: &str, outcome: &str, code: &str| Verdict {
            control: control.into(),
            stage: stage.into(),
            mode: mode.into(),
            outcome: outcome.into(),
            code: code.into(),
            ..Verdict::default()
        };
        let verdicts = vec![
            verdict("cors", "head", "", "refuse", "origin_refused"),
            verdict("validation", "head", "shadow", "allow", ""),
            verdict("validation", "head", "shadow", "refuse", "parameter_invalid"),
            verdict("validation", "body", "shadow", "refuse", "body_invalid"),
            verdict("limits", "head", "shadow", "throttle", "rate_limited"),
            verdict("options", "head", "shadow", "answer", ""),
            verdict("validation", "response_body", "shadow", "refuse", "response_invalid"),
        ];
        let of_rule = |name: &str, code: &str| Verdict {
            rule: name.into(),
            ..verdict("objects", "head", "shadow", "refuse", code)
        };
        let verdicts = [verdicts, vec![of_rule("bindings.a", "x"), of_rule("bindings.b", "y")]].concat();
        let expected = [
            ("validation", "request", "parameter_invalid"),
            ("limits", "request", "rate_limited"),
            ("validation", "answer", "response_invalid"),
            ("objects.bindings.a", "request", "x"),
            ("objects.bindings.b", "request", "y"),
        ];
        let expected = expected.map(|(name, part, code)| (String::from(name), part, code));
        assert_eq!(refusals(&Record { verdicts, ..Record::default() }), expected);
    }
}
