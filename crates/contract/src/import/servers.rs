//! `servers` and their base paths.

use diagnostics::Diagnostic;
use serde_json::Value;

use super::Import;
use crate::documents::Spot;
use crate::model::Server;

impl Import<'_> {
    /// Says that of a variable in the first server's path only the default is served.
    pub(super) fn several_values(&self, at: &Spot, servers: &Value) {
        let Some(server) = servers.get(0) else { return };
        let path = server.get("url").and_then(Value::as_str).map(base_path).unwrap_or_default();
        for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten() {
            let values = variable.get("enum").and_then(Value::as_array).map_or(0, Vec::len);
            if values > 1 && path.contains(&format!("{{{name}}}")) {
                let message =
                    format!("of the values of `{name}` in the server's path only the default is served");
                let help = "calls to the others are refused; give each an API of its own with `base_path`";
                let at = at.at(&["0", "variables", name]);
                self.documents.say(Diagnostic::warning("several-base-paths", message).help(help), &at);
            }
        }
    }
}

/// A base path for people: the root has a name too.
pub(super) fn shown(base_path: &str) -> &str {
    if base_path.is_empty() { "/" } else { base_path }
}

/// As declared; the root when nothing is.
pub(super) fn servers(value: Option<&Value>) -> Vec<Server> {
    let mut out: Vec<Server> = value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|server| {
            let url = server.get("url")?.as_str()?;
            let url = substituted(url, server.get("variables"));
            let base_path = base_path(&url);
            Some(Server { url, base_path })
        })
        .collect();
    if out.is_empty() {
        out.push(Server { url: String::from("/"), base_path: String::new() });
    }
    out
}

fn substituted(url: &str, variables: Option<&Value>) -> String {
    let mut out = url.to_owned();
    for (name, variable) in variables.and_then(Value::as_object).into_iter().flatten() {
        let default = match variable.get("default") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => continue,
        };
        out = out.replace(&format!("{{{name}}}"), &default);
    }
    out
}

/// The path of a URL, without a trailing slash, query or fragment.
pub(super) fn base_path(url: &str) -> String {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default(),
        None if url.starts_with("//") => {
            url.get(2..).and_then(|rest| rest.find('/').and_then(|at| rest.get(at..))).unwrap_or_default()
        }
        None => url,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let path = path.trim_start_matches('.');
    if path.is_empty() || path.starts_with('/') { path.to_owned() } else { format!("/{path}") }
}
