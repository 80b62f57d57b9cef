//! How long cases take: the sample's generated ones again and again until there are a thousand, on as many threads as the
//! machine has.
//!
//! `measure examples/orders [cases]`

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "measures, and says so")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use diagnostics::{Diagnostics, Sources};
use policy_tests::document::Case;
use policy_tests::generate::generate;
use policy_tests::{Files, Outcome, Subject, Suite};

fn main() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap_or_else(|| String::from("examples/orders"));
    let wanted = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let read = |name: &str| std::fs::read(format!("{folder}/{name}")).map_err(|error| error.to_string());
    let (document, contract) = (read("yett.yaml")?, read("openapi.yaml")?);
    let document = String::from_utf8(document).map_err(|error| error.to_string())?;
    let contract: Arc<[u8]> = contract.into();
    let assets = BTreeMap::from(
        ["./openapi.yaml", "openapi.yaml"].map(|name| (name.to_owned(), Arc::clone(&contract))),
    );
    let (none, references) = (BTreeMap::new(), BTreeMap::new());
    let files = Files {
        name: "yett.yaml",
        text: &document,
        assets: &assets,
        unreadable: &none,
        references: &references,
        environment: None,
    };
    let start = Instant::now();
    let subject = Subject::compile(&files, &mut Sources::default()).map_err(|found| format!("{found:?}"))?;
    println!("compiled in {:.3} s", start.elapsed().as_secs_f64());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let start = Instant::now();
    let written = generate(&subject, threads)?;
    let text = written.first().map(|written| written.text.as_str()).unwrap_or_default();
    println!(
        "generated {} cases in {:.3} s",
        written.iter().map(|one| one.cases).sum::<usize>(),
        start.elapsed().as_secs_f64()
    );
    let mut found = Diagnostics::new();
    let suite = Suite::read("generated", text, &mut Sources::default(), &mut found).ok_or("no suite")?;
    let cases: Vec<&Case> = suite.cases.iter().map(|case| &case.value).cycle().take(wanted).collect();
    let start = Instant::now();
    let finished = policy_tests::run(&subject, &cases, threads)?;
    let passed = finished.iter().filter(|one| matches!(one.outcome, Outcome::Passed)).count();
    println!(
        "{passed} of {} cases passed in {:.3} s on {threads} threads",
        finished.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}
