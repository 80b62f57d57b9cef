//! `yett test --generate`: cases from the contracts, written beside the configuration.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use policy_tests::Subject;
use policy_tests::generate::{MARK, Written, generate};

use super::{Arguments, Outcome, jobs};
use crate::layout::fold;
use crate::{load, terminal};

/// Writes one file for each API.
///
/// # Errors
/// When a file of that name holds something else, or cannot be written.
pub(super) fn run(arguments: &Arguments, subject: &Subject) -> Outcome {
    let spinner = terminal::spin("putting calls to the configuration");
    let all = generate(subject, jobs(arguments))?;
    drop(spinner);
    if all.is_empty() {
        return Err(String::from("no API has a contract that cases could be made from"));
    }
    for written in &all {
        let name: String = written
            .api
            .chars()
            .map(|char| if char.is_ascii_alphanumeric() || "-_.".contains(char) { char } else { '-' })
            .collect();
        let path = load::folder(&arguments.which.config).join(format!("{name}.generated.test.yaml"));
        let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
        write(&path, &written.text)?;
        tell(&path, written);
    }
    terminal::out("");
    terminal::out(format_args!("next: yett test{}", arguments.which.config_flag()));
    Ok(ExitCode::SUCCESS)
}

/// Writes a file anew when it is ours, or not there.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let shown = path.display();
    if path.exists() {
        let known =
            load::read(path, spec::MAX_BYTES).map_err(|why| format!("`{shown}` cannot be read: {why}"))?;
        if !known.starts_with(MARK.as_bytes()) {
            return Err(format!("`{shown}` holds cases that were not generated: give it another name"));
        }
    }
    let mut file =
        std::fs::File::create(path).map_err(|error| format!("`{shown}` cannot be written: {error}"))?;
    file.write_all(text.as_bytes()).map_err(|error| format!("`{shown}` cannot be written: {error}"))
}

fn tell(path: &Path, written: &Written) {
    terminal::out(format_args!("{}: {} cases", path.display(), written.cases));
    if written.left_out > 0 {
        terminal::out(format_args!("  {} more do not fit into one file", written.left_out));
    }
    for (id, why) in &written.without_good_call {
        terminal::out(fold(&format!("  no good call of {id} could be made: {why}")));
    }
    for (whose, why) in &written.beyond_limits {
        terminal::out(fold(&format!("  no case shows {whose}: {why}")));
    }
    for (what, counts) in [
        ("let through, since nothing forbids it", &written.let_through),
        ("refused for another reason, so that it shows nothing", &written.otherwise_refused),
    ] {
        if !counts.is_empty() {
            let kinds = counts.iter().map(|(kind, count)| format!("{kind} ({count})"));
            let kinds = kinds.collect::<Vec<_>>().join(", ");
            terminal::out(fold(&format!("  {what}: {kinds}")));
        }
    }
}
