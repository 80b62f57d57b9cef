//! `yett init`: about ten lines that put every protection in front of a service, from its contract.
//!
//! Nothing dangerous is written: what the contract does not say is closed or wants a valid token, and what that means for
//! which operations is printed.

mod contract;
mod fetch;
mod files;
mod issuer;
mod report;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use diagnostics::{Diagnostics, Sources};

use super::Outcome;
use crate::{render, terminal};
use files::Files;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The API's contract: OpenAPI or Swagger, JSON or YAML, a file or a URL
    contract: String,
    /// The service behind the gateway
    #[arg(long, value_name = "URL")]
    upstream: spec::Url,
    /// Who signs tokens: a URL, or `local`; without it the contract's OpenID provider, else `local`
    #[arg(long, value_name = "URL|local")]
    issuer: Option<String>,
    /// The audience that tokens must name; without it the name of the API
    #[arg(long)]
    audience: Option<String>,
    /// Name of the API; without it made of the contract's title
    #[arg(long)]
    name: Option<String>,
    /// Where clients reach the gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    listen: String,
    /// Where metrics and readiness are told; without it 127.0.0.1:9901
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<String>,
    /// A host name by which clients call the API; several by repeating it; without it any
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
    /// Who answers for the API, as in `team-orders@example.com`
    #[arg(long)]
    owner: Option<String>,
    /// Where to write the configuration
    #[arg(long, short, value_name = "FILE", default_value = "yett.yaml")]
    out: PathBuf,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    if let Some(name) = arguments.name.as_deref().filter(|name| !spec::is_name(name)) {
        let shown = name.escape_debug();
        return Err(format!(
            "`--name`: `{shown}` is not a name: use letters, digits, `-`, `_` and `.`, at most 128"
        ));
    }
    let folder = crate::load::folder(&arguments.out);
    if !folder.is_dir() {
        let shown = folder.display();
        return Err(format!(
            "there is no folder `{shown}` to write into: make it, or write elsewhere with `--out`"
        ));
    }
    let mut files = Files::new(&folder, arguments.force);
    files.plan(&arguments.out, Vec::new())?;
    let spinner = terminal::spin("reading the contract");
    let place = contract::obtain(&arguments.contract, &folder, &mut files)?;
    let imported = contract::import(&place, &folder, &files);
    drop(spinner);
    let imported = match imported {
        Ok(imported) => imported,
        Err(text) => {
            terminal::rendered(&text);
            return Err(String::from("the contract cannot be used as it is; nothing was written"));
        }
    };
    let (issuer, passed_over) = issuer::choose(arguments.issuer.as_deref(), &imported.api)?;
    let name = arguments.name.clone().unwrap_or_else(|| slug(&imported.api.title));
    let accepted = (!imported.accepted.is_empty()).then(|| format!("{}.unenforced.yaml", stem(&place)));
    if let Some(file) = &accepted {
        files.plan(&folder.join(file), acceptance(&imported.accepted).into_bytes())?;
    }
    let text = document(
        arguments,
        &Written {
            name: &name,
            contract: &place,
            issuer: &issuer,
            unsecured: report::unsecured(&imported.api) > 0,
            accepted: accepted.as_deref(),
            opaque: &report::opaque(&imported.api),
        },
    );
    is_good(&arguments.out, &text)?;
    files.replace(&arguments.out, text.into_bytes());
    files.write()?;
    report::show(arguments, &imported, &issuer, &passed_over, &files);
    Ok(ExitCode::SUCCESS)
}

/// What goes into the document.
struct Written<'a> {
    name: &'a str,
    contract: &'a str,
    issuer: &'a str,
    unsecured: bool,
    accepted: Option<&'a str>,
    /// Operations with bodies that nothing here can read.
    opaque: &'a [report::Opaque],
}

/// Says what is wrong with a document before it is written: what was said on the command line stands in it.
fn is_good(path: &Path, text: &str) -> Result<(), String> {
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let file = sources.add(path.display().to_string(), text);
    let tree = spec::parse(text, file, &mut found);
    let resolved = tree.and_then(|tree| spec::resolve(&tree, None, &compile::sections(), &mut found));
    if let Some(resolved) = resolved {
        spec::dangers(&resolved.document, &mut found);
    }
    if !found.has_errors() {
        return Ok(());
    }
    terminal::rendered(&render::human(&found, &sources, terminal::color()));
    Err(String::from("the configuration would not be good, and nothing was written: say something else"))
}

/// The document: at most 12 lines, and one for each thing more that was asked for.
fn document(arguments: &Arguments, written: &Written<'_>) -> String {
    let mut text = String::from("version: 1\n");
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    line(format!("listen: {}", spec::quoted(&arguments.listen)));
    if let Some(admin) = &arguments.admin {
        line(format!("admin: {{ bind: {} }}", quoted(admin)));
    }
    line(String::from("apis:"));
    line(format!("  {}:", spec::quoted(written.name)));
    line(format!("    contract: {}", spec::quoted(written.contract)));
    line(format!("    upstream: {}", spec::quoted(arguments.upstream.as_str().trim_end_matches('/'))));
    line(format!("    issuer: {}", spec::quoted(written.issuer)));
    match &arguments.audience {
        Some(audience) => line(format!("    audience: {}", spec::quoted(audience))),
        None if written.issuer != "local" => line(format!("    audience: {}", spec::quoted(written.name))),
        None => {}
    }
    if !arguments.hosts.is_empty() {
        let hosts: Vec<String> = arguments.hosts.iter().map(|host| quoted(host)).collect();
        line(format!("    hosts: [{}]", hosts.join(", ")));
    }
    if let Some(owner) = &arguments.owner {
        line(format!("    owner: {}", spec::quoted(owner)));
    }
    if written.unsecured {
        line(String::from("    unsecured: authenticated"));
    }
    let known: Vec<&str> = compile::sections().iter().map(|section| section.name).collect();
    let mut section = |name: &str, value: &str| {
        if known.contains(&name) {
            line(format!("    {name}: {value}"));
        }
    };
    section("limits", "[{ per: subject, rate: 60/min }]");
    if written.opaque.is_empty() {
        section("validation", "{ request: enforce, response: shadow }");
    } else {
        // By operation, so that a contract which grows another unreadable body stops `yett check`. What `validation`
        // would say is the default, and makes room within the 12 lines.
        let each: Vec<String> = written.opaque.iter().map(|one| opaque(&one.selector)).collect();
        line(format!("    operations: {{ {} }}", each.join(", ")));
    }
    if let Some(file) = written.accepted {
        line(format!("    accept_unenforced: {}", spec::quoted(&format!("file:{file}"))));
    }
    text
}

/// One entry of `operations` that lets bodies pass which nothing reads.
fn opaque(selector: &str) -> String {
    format!("{}: {{ validation: {{ opaque: accept }} }}", quoted(selector))
}

/// JSON's quoting is YAML's too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A mapping from pointer to reason.
fn acceptance(accepted: &[(String, String)]) -> String {
    let mut text = String::from(
        "# Parts of the contract that this version of Yett does not enforce, accepted by pointer with the reason.\n\
         # Take an entry out and `yett check` reports it again.\n",
    );
    for (pointer, reason) in accepted {
        text.push_str(&format!("{}: {}\n", quoted(pointer), quoted(reason)));
    }
    text
}

/// A name for the API: of its title, in lower case.
fn slug(title: &str) -> String {
    let mut name = String::new();
    for char in title.chars().map(|char| char.to_ascii_lowercase()) {
        if char.is_ascii_alphanumeric() {
            name.push(char);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
        if name.len() >= 40 {
            break;
        }
    }
    let name = name.trim_end_matches('-');
    match name.bytes().next() {
        Some(first) if first.is_ascii_alphabetic() => name.to_owned(),
        Some(_) => format!("api-{name}"),
        None => String::from("api"),
    }
}

fn stem(file: &str) -> String {
    let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.unwrap_or_else(|| String::from("contract"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_scalars_are_safe_in_yaml() {
        for (title, name) in
            [("Orders API", "orders-api"), ("  ", "api"), ("3scale", "api-3scale"), ("É!x", "x")]
        {
            assert_eq!(slug(title), name);
        }
        for (text, written) in [
            ("./a.yaml", "./a.yaml"),
            ("a: b", "\"a: b\""),
            ("true", "\"true\""),
            ("-x", "\"-x\""),
            ("a:", "\"a:\""),
        ] {
            assert_eq!(spec::quoted(text), written);
        }
    }
}
