//! `make detection`: what the detectors find and what they take for an attack, on data that they were not tuned on.
//!
//! `detection report` prints the page; `detection misses SOURCE` and `detection false SOURCE` print what is wrong on the half that
//! the detectors are tuned on, and only on that; `detection model VALUE` what speaks for an attack in a value; `detection dearest
//! SEARCHES` what values cost, the dearest that so many searches find among them, as JSON, and ends with 1 when that is too dear.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot read its data has to fail loudly"
)]
#![allow(unreachable_pub, reason = "modules of an example")]

mod benign;
mod beside;
mod corpora;
mod crs;
mod dearest;
mod encodings;
#[path = "../../../seclang/tests/ftw/mod.rs"]
mod ftw;
mod model;
mod report;
mod sample;

use std::io::Write as _;
use std::process::ExitCode;

use sample::{Sample, Split};

fn main() -> ExitCode {
    detect::prepare();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["report"] => out.write_all(report::page().as_bytes()).unwrap(),
        ["misses", source] => {
            print(&mut out, attacks().into_iter().filter(|one| one.source.starts_with(source)), false);
        }
        ["false", source] => {
            print(&mut out, benign::all().into_iter().filter(|one| one.source.starts_with(source)), true);
        }
        ["model", value] => {
            let asked = model::Asked::all(&attacks(), &benign::all());
            let model = model::Model::train(&asked, |_| false);
            for (piece, weight) in model.explain(value.as_bytes()) {
                writeln!(out, "{weight:+.2} {piece}").unwrap();
            }
        }
        ["dearest", searches] => {
            let searches = searches.parse().expect("a number of searches");
            let (found, good) = dearest::measured(&attacks(), &benign::all(), searches);
            writeln!(out, "{found:#}").unwrap();
            return ExitCode::from(u8::from(!good));
        }
        _ => {
            writeln!(
                out,
                "usage: detection report | misses SOURCE | false SOURCE | model VALUE | dearest SEARCHES"
            )
            .unwrap();
        }
    }
    ExitCode::SUCCESS
}

fn attacks() -> Vec<Sample> {
    corpora::attacks().into_iter().chain(corpora::left_out(true)).chain(crs::attacks()).collect()
}

fn print(out: &mut impl std::io::Write, samples: impl Iterator<Item = Sample>, found: bool) {
    let (mut count, mut wrong) = (0, 0);
    for sample in samples.filter(|one| one.split == Split::Tune) {
        count += 1;
        let finding = sample.finding();
        let said = finding.filter(|finding| finding.score >= detect::THRESHOLD);
        if said.is_some() != found {
            continue;
        }
        wrong += 1;
        let what = finding.map(|finding| {
            format!(
                "{}/{} {} {} {}-{}",
                finding.family.name(),
                finding.rule,
                finding.score,
                finding.view,
                finding.start,
                finding.end
            )
        });
        let shown = sample.shown(finding);
        writeln!(out, "{} {} {:?} {}", sample.class, sample.label, what, shown).unwrap();
    }
    writeln!(out, "{wrong} of {count}").unwrap();
}
