//! `yett check`: everything that is wrong, at once, without network.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use compile::{ApiSummary, Compiled, Input};
use diagnostics::{Diagnostic, Diagnostics, Sources, Span};
use engine::snapshot::Live;
use serde_json::json;

use super::{Outcome, Which};
use crate::layout::{fold, inert_json};
use crate::load::Loaded;
use crate::{load, render, terminal};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    which: Which,
    /// For people or for machines
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let which = &arguments.which;
    let spinner = terminal::spin("compiling");
    let loaded = match load::load(&which.config, which.env.as_deref(), None) {
        Ok(loaded) => loaded,
        Err(why) if arguments.format == Format::Json => {
            drop(spinner);
            terminal::out(unread(&which.config, why)?);
            return Ok(ExitCode::FAILURE);
        }
        Err(why) => return Err(why),
    };
    let mut sources = Sources::default();
    let result = compile_once(&loaded, &loaded.text, which.env.as_deref(), &mut sources);
    drop(spinner);
    let (diagnostics, apis) = match &result {
        Ok(compiled) => (&compiled.warnings, compiled.apis.as_slice()),
        Err(diagnostics) => (diagnostics, &[][..]),
    };
    match arguments.format {
        Format::Human => show(&loaded.name, diagnostics, &sources, apis),
        Format::Json => terminal::out(as_json(diagnostics, &sources, apis)?),
    }
    let code = if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    // The process ends here: giving back the memory of a large contract piece by piece would only take time.
    std::mem::forget(result);
    Ok(code)
}

/// Compiles a text in the place of the document that was loaded, or that itself, for looking only: nothing serves it.
pub(crate) fn compile_once(
    loaded: &Loaded,
    text: &str,
    environment: Option<&str>,
    sources: &mut Sources,
) -> Result<Compiled, Diagnostics> {
    let input = Input {
        path: &loaded.name,
        text,
        assets: &loaded.assets,
        unreadable: &loaded.unreadable,
        references: &loaded.references,
        environment,
        local_jwks: None,
        generation: 1,
        live: &Live::default(),
    };
    compile::compile(&input, None, sources)
}

/// Operations that an accepted gap shuts: enforced to the last part, and of no use to anybody.
pub(super) fn refusing(operations: &[&str]) -> String {
    format!(
        "closed: {} operations refuse every call, since none of the credentials that they take can be verified: {}",
        operations.len(),
        render::names(operations)
    )
}

fn show(name: &str, diagnostics: &Diagnostics, sources: &Sources, apis: &[ApiSummary]) {
    let text = render::human(diagnostics, sources, terminal::color());
    if !text.is_empty() {
        terminal::rendered(&text);
        terminal::say("");
    }
    for api in apis {
        let title = if api.title.is_empty() {
            String::new()
        } else {
            format!(" ({})", render::printable(&api.title))
        };
        terminal::out(fold(&format!(
            "{}{title}: {} operations under `{}/`, {} fully enforced",
            api.name, api.operations, api.base_path, api.fully_enforced
        )));
        if !api.refusing.is_empty() {
            let ids: Vec<&str> = api.refusing.iter().map(String::as_str).collect();
            terminal::out(fold(&format!("{}: {}", api.name, refusing(&ids))));
        }
    }
    let word = if diagnostics.has_errors() { "not good" } else { "good" };
    terminal::out(format_args!("{name}: {word}, {}", render::tally(diagnostics)));
}

/// The report on a document that could not be read: machines get one shape, whatever is wrong.
fn unread(config: &Path, why: String) -> Result<String, String> {
    let (mut found, mut sources) = (Diagnostics::new(), Sources::default());
    let file = sources.add(config.display().to_string(), "");
    let start = Span { file, start: 0, end: 0 };
    found.push(Diagnostic::error("file-missing", why).at(start).help("name the document by `--config`"));
    as_json(&found, &sources, &[])
}

fn as_json(diagnostics: &Diagnostics, sources: &Sources, apis: &[ApiSummary]) -> Result<String, String> {
    let (views, _) = render::views(diagnostics, sources, usize::MAX);
    let apis: BTreeMap<&str, _> = apis
        .iter()
        .map(|api| {
            let about = json!({
                "title": api.title,
                "base_path": api.base_path,
                "operations": api.operations,
                "fully_enforced": api.fully_enforced,
                "refusing": api.refusing,
            });
            (api.name.as_str(), about)
        })
        .collect();
    let report = json!({ "ok": !diagnostics.has_errors(), "diagnostics": views, "apis": apis });
    inert_json(&report, true)
}
