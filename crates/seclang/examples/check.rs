//! `check FILE…`: loads rule files in the order given and says what is wrong with them. Data files are found beside the
//! rules that name them.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a small tool for people at a terminal")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use seclang::{Engine, RuleFile};

fn main() {
    let mut out = std::io::stdout().lock();
    let mut files = Vec::new();
    let mut assets = BTreeMap::new();
    for name in std::env::args().skip(1) {
        let text = String::from_utf8_lossy(&std::fs::read(&name).unwrap()).into_owned();
        let folder = Path::new(&name).parent().unwrap_or(Path::new("."));
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let short = entry.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if short.ends_with(".data") && !assets.contains_key(&short) {
                assets.insert(short, String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned());
            }
        }
        files.push((name, text));
    }
    let files: Vec<RuleFile<'_>> = files.iter().map(|(name, text)| RuleFile { name, text }).collect();
    let (engine, found, sources) = Engine::load(&files, &assets);
    for problem in found.iter() {
        let place = problem.span.map(|span| sources.place(span)).unwrap_or_default();
        let _ = writeln!(out, "{place}: {}: {} [{}]", problem.severity, problem.message, problem.code);
    }
    let _ = match engine {
        Some(engine) => writeln!(out, "{:?}", engine.statistics()),
        None => writeln!(out, "not loaded"),
    };
}
