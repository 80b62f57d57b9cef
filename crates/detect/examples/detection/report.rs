//! The page: tables of what was found and what was taken for an attack, with Wilson's intervals.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::crs::{ABOVE, JAVA};
use crate::model::{Asked, Model};
use crate::sample::{Sample, Split};
use crate::{attacks, benign, beside, encodings, model};

/// How many, of how many.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    pub hits: u32,
    pub of: u32,
}

impl Count {
    pub fn add(&mut self, hit: bool) {
        self.hits += u32::from(hit);
        self.of += 1;
    }

    fn plus(self, other: Self) -> Self {
        Self { hits: self.hits + other.hits, of: self.of + other.of }
    }

    /// Per cent, and the interval beside it.
    fn rate(self, digits: usize) -> String {
        self.interval().map_or_else(
            || String::from("– | –"),
            |[rate, low, high]| format!("{rate:.digits$} % | {low:.digits$} to {high:.digits$} %"),
        )
    }

    /// The same in one column.
    pub fn short(self, digits: usize) -> String {
        self.interval().map_or_else(
            || String::from("–"),
            |[rate, low, high]| format!("{rate:.digits$} % ({low:.digits$} to {high:.digits$})"),
        )
    }

    /// Per cent, with the interval that holds the true rate 19 times of 20 (E. B. Wilson, 1927).
    fn interval(self) -> Option<[f64; 3]> {
        if self.of == 0 {
            return None;
        }
        let (hits, of, z) = (f64::from(self.hits), f64::from(self.of), 1.959_964_f64);
        let rate = hits / of;
        let middle = (rate + z * z / (2.0 * of)) / (1.0 + z * z / of);
        let width = z / (1.0 + z * z / of) * (rate * (1.0 - rate) / of + z * z / (4.0 * of * of)).sqrt();
        let (low, high) = ((middle - width).max(0.0), (middle + width).min(1.0));
        Some([rate, low, high].map(|share| 100.0 * share))
    }
}

type Rows = BTreeMap<(&'static str, &'static str), Count>;

fn count(samples: &[Sample], split: Split) -> Rows {
    let mut rows = Rows::new();
    for sample in samples.iter().filter(|sample| sample.split == split) {
        rows.entry((sample.source, sample.class)).or_default().add(sample.is_found());
    }
    rows
}

fn all(rows: &Rows, wanted: impl Fn(&str, &str) -> bool) -> Count {
    rows.iter()
        .filter(|((source, class), _)| wanted(source, class))
        .fold(Count::default(), |all, (_, count)| all.plus(*count))
}

pub fn page() -> String {
    let (attacks, benign) = (attacks(), benign::all());
    let mut page = String::from(INTRODUCTION);
    found(&mut page, &attacks);
    false_alarms(&mut page, &benign);
    encoded(&mut page, &attacks);
    let asked = Asked::all(&attacks, &benign);
    let model = Model::train(&asked, |_| false);
    beside::tables(&mut page, &attacks, &benign, &model);
    model::section(&mut page, &asked, &model);
    page.push_str(CLOSING);
    page
}

fn found(page: &mut String, attacks: &[Sample]) {
    let (report, tune) = (count(attacks, Split::Report), count(attacks, Split::Tune));
    page.push_str("\n## Found\n\n| source | class | N | found | 95 % | on the half tuned on |\n|---|---|--:|--:|---|--:|\n");
    for ((source, class), count) in &report {
        let tuned = tune.get(&(*source, *class)).map_or_else(
            || String::from("none"),
            |count| format!("{:.1} % of {}", percent(*count), count.of),
        );
        let _ = writeln!(page, "| {source} | {class} | {} | {} | {tuned} |", count.of, count.rate(1));
    }
    let labelled = all(&report, |source, _| source == crate::corpora::LABELLED);
    let plain =
        all(&report, |source, class| source != ABOVE && source != crate::corpora::LEFT_OUT && class != JAVA);
    let _ = writeln!(page, "| labelled values | all | {} | {} | |", labelled.of, labelled.rate(2));
    let _ = writeln!(
        page,
        "| labelled values and CRS level 1 | all but the class left out | {} | {} | |",
        plain.of,
        plain.rate(2)
    );
}

fn percent(count: Count) -> f64 {
    100.0 * f64::from(count.hits) / f64::from(count.of.max(1))
}

fn false_alarms(page: &mut String, benign: &[Sample]) {
    let (report, tune) = (count(benign, Split::Report), count(benign, Split::Tune));
    page.push_str("\n## Taken for an attack\n\n| source | N | false | rate | 95 % | on the half tuned on |\n|---|--:|--:|--:|---|--:|\n");
    for ((source, class), count) in &report {
        let tuned = tune.get(&(*source, *class)).copied().unwrap_or_default();
        let _ = writeln!(
            page,
            "| {source} | {} | {} | {} | {} of {} |",
            count.of,
            count.hits,
            count.rate(3),
            tuned.hits,
            tuned.of
        );
    }
    let (sum, tuned) = (all(&report, |_, _| true), all(&tune, |_, _| true));
    let _ = writeln!(
        page,
        "| all | {} | {} | {} | {} of {} |",
        sum.of,
        sum.hits,
        sum.rate(3),
        tuned.hits,
        tuned.of
    );
}

/// Attacks of the half that nothing was tuned on, written in each encoding; values of calls one by one.
fn encoded(page: &mut String, attacks: &[Sample]) {
    let values: Vec<(&'static str, &[u8])> = attacks
        .iter()
        .filter(|sample| {
            sample.split == Split::Report && sample.source == crate::corpora::LABELLED && sample.is_found()
        })
        .filter_map(|sample| Some((sample.class, sample.values.first()?.1.as_slice())))
        .collect();
    page.push_str("\n## By encoding\n\nOf the labelled values above that are found as they are, so many are found when they are written so:\n\n");
    page.push_str("| encoding | N | found | 95 % |\n|---|--:|--:|---|\n");
    for (name, encode) in encodings::ALL.iter().skip(1) {
        let mut count = Count::default();
        for (class, value) in &values {
            let sample = Sample::value(crate::corpora::LABELLED, class, &encode(value));
            count.add(sample.is_found());
        }
        let _ = writeln!(page, "| {name} | {} | {} |", count.of, count.rate(1));
    }
}

const INTRODUCTION: &str = "# What `rules: builtin` finds

Written by `make detection`; not by hand. The threshold is 5, as where nothing is said.

An attack counts as found when any value of its call reaches the threshold; a harmless text, value or call counts as a false
alarm when any of its values does. Intervals are Wilson's, 95 %.

Each source was halved by a hash of its samples. One half the detectors were tuned on (the last column); the tables are about the
other. Left out of all tuning, so that nobody looked at what is missed there: the class of Java attacks, the unit tests of libinjection's
port, and the CRS tests at levels 2 to 4. Where a source is tuned on at all, its
other half is easier than the world; the rows of sources and classes that were left out say more. Tuned on were also 300,000 paragraphs
of the same documentation, pieces of source code and Markdown that are in neither half, and what sqlmap sends (docs/evidence). How many
samples of the other half are wrong was known while tuning, not which.

- *labelled values*: the parameters of `../shared/corpora` (Spanish names, addresses and numbers; attacks mostly SQL injection).
  Some of its labels are of values that hold no attack by themselves (`/aaaa…`, `id`, `/i{file}`): they are counted as they are labelled.
- *CRS tests*: the tests of the OWASP Core Rule Set 4.28 that want a rule to match, by the rule's class and paranoia level. A set's
  test is written for one pattern: many at levels 2 to 4, and some at 1, hold no attack (`\\u2019`, `2.2250738585072011e-308`, names of files
  and databases), which the detectors leave alone on purpose.
- harmless: the other labelled values, lines of an access log (target, `Referer`, `User-Agent`), paragraphs of Debian's documentation,
  Markdown and source code (pieces of 40 lines as one string of a JSON body), names, companies and addresses with every mark that names
  have, GraphQL documents. Texts come from the system that the command runs on, so the counts differ a little from one to another.
";

const CLOSING: &str = "
## Where it misses

- CRS tests at level 1: lists of names (dot files, PHP functions and settings, utilities of Unix and of `cmd.exe`) of which only the ones with a
  use in attacks are known here; shell words alone (`ls foo bar`), PHP in `<?xml :`, ranges of characters in place of letters.
- Values that would be an attack only where they stand: `id` or `whoami` alone, one step up with nothing behind it.
- HTML without anything that runs (`<a href=…>`, `<img src=…>`) is no attack here; where no HTML is wanted, the contract says so with a pattern.
- In texts (more than 200 bytes, or 14 words, or three lines) only what is hardly ever written but in an attack counts: a shell command or a
  path that hides in a long text is not found, unless it ends the text.
- Prose and Markdown that quote commands, `<script>` tags or statements are taken for an attack more often than other texts (0.1 %): where a
  field takes documentation, leave families out for it by `exclude`, or set its operation to shadow.
- Java: names of classes other than those of the platform and of known gadgets are not looked for.
- HTML character references and escapes hide nothing, but what is compressed, encrypted or split over several parameters is not seen.
";
