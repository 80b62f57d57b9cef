//! Prints the conformance table of the contracts given as arguments: operations, how many are fully enforced, time and
//! resident memory. `cargo run --release -p contract --example contracts -- FILE… [--all]`; `--all` lists what is not
//! enforced.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

fn load(path: &str, assets: &mut contract::Assets) {
    if assets.contains_key(path) {
        return;
    }
    let Ok(bytes) = std::fs::read(path) else { return };
    let references = contract::references(path, &bytes);
    assets.insert(path.to_owned(), Arc::from(bytes));
    for reference in references {
        load(&reference, assets);
    }
}

fn memory(field: &str) -> u64 {
    let status = std::fs::read("/proc/self/status").unwrap_or_default();
    String::from_utf8_lossy(&status)
        .lines()
        .find_map(|line| {
            line.strip_prefix(field)?.trim_start_matches(':').trim().split(' ').next()?.parse().ok()
        })
        .unwrap_or(0)
}

#[expect(clippy::disallowed_methods, reason = "an example measures with the machine's clock")]
fn now() -> Instant {
    Instant::now()
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let (flags, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let all = flags.iter().any(|flag| flag == "--all");
    writeln!(out, "contract | operations | enforced | % | validators | definitions | ms | peak MiB")?;
    for file in files {
        let mut assets = contract::Assets::new();
        load(&file, &mut assets);
        let mut options = contract::Options::default();
        let start = now();
        let first = run(&file, &assets, &options);
        let took = start.elapsed().as_millis();
        let mut unenforced: BTreeMap<String, String> = BTreeMap::new();
        let mut others = Vec::new();
        for (diagnostic, place) in first.1 {
            match (diagnostic.code, diagnostic.pointer.clone()) {
                ("unenforced", Some(pointer)) => {
                    unenforced.insert(pointer, diagnostic.message);
                }
                _ => others.push(format!("  {place}: {} [{}]", diagnostic.message, diagnostic.code)),
            }
        }
        options.accept_unenforced = unenforced.keys().cloned().collect();
        let api = first.0.or_else(|| run(&file, &assets, &options).0);
        let name = Path::new(&file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        match api {
            Some(api) => {
                let stats = api.stats;
                let percent = 100.0 * stats.fully_enforced as f64 / stats.operations.max(1) as f64;
                writeln!(
                    out,
                    "{name} | {} | {} | {percent:.1} | {} | {} | {took} | {}",
                    stats.operations,
                    stats.fully_enforced,
                    stats.validators,
                    stats.definitions,
                    memory("VmHWM") / 1024
                )?;
            }
            None => writeln!(out, "{name} | refused: {} problems", others.len())?,
        }
        for line in others.iter().take(if all { 1000 } else { 5 }) {
            writeln!(out, "{line}")?;
        }
        if all {
            for (pointer, what) in unenforced {
                writeln!(out, "  {pointer}: {what}")?;
            }
        }
    }
    Ok(())
}

type Found = (Option<contract::Api>, Vec<(diagnostics::Diagnostic, String)>);

fn run(file: &str, assets: &contract::Assets, options: &contract::Options) -> Found {
    let mut sources = diagnostics::Sources::default();
    let mut out = diagnostics::Diagnostics::new();
    let api = contract::import(file, assets, &mut sources, options, &mut out);
    let placed = out
        .iter()
        .map(|diagnostic| {
            // A place is counted from the start of the file: not for the thousands that are only counted.
            let span = diagnostic.span.filter(|_| diagnostic.code != "unenforced");
            let place = span.map_or_else(String::new, |span| sources.place(span));
            (diagnostic.clone(), place)
        })
        .collect();
    (api, placed)
}
