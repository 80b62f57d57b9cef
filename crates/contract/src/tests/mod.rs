//! The import and its rules, table by table.

mod bodies;
mod compiled;
mod documents;
mod formats;
mod later;
mod objects;
mod parameters;
mod reading;
mod references;
mod schemas;
mod security;
mod sides;
mod swagger;
mod swagger_forms;
mod undeclared;
mod work;

use std::sync::Arc;

use diagnostics::{Diagnostics, Severity, Sources};

use crate::{Api, Assets, BodyInput, BodyMatch, Options, ParameterInput, Violations};

/// Imports one YAML or JSON document.
pub(super) fn try_import(files: &[(&str, &str)], options: &Options) -> (Option<Api>, Vec<String>) {
    let assets: Assets =
        files.iter().map(|(path, text)| ((*path).to_owned(), Arc::from(text.as_bytes()))).collect();
    let mut sources = Sources::default();
    let mut out = Diagnostics::new();
    let api = crate::import(files[0].0, &assets, &mut sources, options, &mut out);
    let lines = out
        .iter()
        .map(|item| {
            let place = item.span.map_or_else(|| String::from("-"), |span| sources.place(span));
            let severity = match item.severity {
                Severity::Error => "",
                Severity::Warning => "warning ",
                Severity::Note => "note ",
            };
            format!("{place}: {severity}[{}] {}", item.code, item.message)
        })
        .collect();
    (api, lines)
}

pub(super) fn import(text: &str) -> Api {
    import_with(text, &Options::default())
}

pub(super) fn import_with(text: &str, options: &Options) -> Api {
    let (api, lines) = try_import(&[("api.yaml", text)], options);
    api.unwrap_or_else(|| panic!("refused:\n{}\n{text}", lines.join("\n")))
}

/// An API with one `POST /x` whose JSON body has this schema (inline YAML flow), and components.
pub(super) fn with_body(version: &str, schema: &str, components: &str) -> String {
    format!(
        "openapi: {version}\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  /x:\n    post:\n      \
         requestBody: {{required: true, content: {{application/json: {{schema: {schema}}}}}}}\n      responses:\n        \
         '200': {{description: ok, content: {{application/json: {{schema: {schema}}}}}}}\ncomponents:\n  schemas: {components}\n"
    )
}

/// Violations of a JSON request body, as `pointer keyword`, reports with `?`, stripped with `-`.
pub(super) fn request_body(api: &Api, body: &str) -> Vec<String> {
    check_body(api, "application/json", body.as_bytes())
}

pub(super) fn check_body(api: &Api, content_type: &str, body: &[u8]) -> Vec<String> {
    let BodyMatch::Media(rules) = api.operations[0].request.body(Some(content_type)) else {
        return vec![String::from("no media")];
    };
    let mut out = Violations::new();
    let input = BodyInput { bytes: body, tape: None, content_type: Some(content_type) };
    let stripped = rules.check(&input, &mut out);
    said(&out, &stripped)
}

pub(super) fn response_body(api: &Api, body: &str) -> Vec<String> {
    let BodyMatch::Media(rules) =
        api.operations[0].responses.media(http::StatusCode::OK, Some("application/json"))
    else {
        return vec![String::from("no media")];
    };
    let mut out = Violations::new();
    let input = BodyInput { bytes: body.as_bytes(), tape: None, content_type: Some("application/json") };
    let stripped = rules.check(&input, &mut out);
    said(&out, &stripped)
}

fn said(out: &Violations, stripped: &[String]) -> Vec<String> {
    let mut lines: Vec<String> =
        out.items().iter().map(|item| format!("{} {}", item.pointer, item.keyword)).collect();
    lines.extend(out.reports().iter().map(|item| format!("?{}", item.pointer)));
    lines.extend(stripped.iter().map(|pointer| format!("-{pointer}")));
    lines
}

/// An API with one `GET /x` (or a template with `{p}`) and these parameters (YAML flow).
pub(super) fn with_parameters(template: &str, parameters: &str) -> String {
    format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  {template}:\n    get:\n      \
         parameters: [{parameters}]\n      responses: {{'200': {{description: ok}}}}\n"
    )
}

/// Violations of parameters, as `place name keyword`.
pub(super) fn parameters(
    api: &Api,
    path: &[(&str, &str)],
    query: Option<&str>,
    headers: &[(&str, &str)],
) -> Vec<String> {
    let mut map = http::HeaderMap::new();
    for (name, value) in headers {
        map.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    let mut out = Violations::new();
    let input = ParameterInput { path, query, headers: &map };
    let stripped = api.operations[0].request.check_parameters(&input, &mut out);
    let mut lines: Vec<String> = out
        .items()
        .iter()
        .map(|item| format!("{} {} {}", item.place.as_str(), item.pointer, item.keyword))
        .collect();
    lines.extend(out.reports().iter().map(|item| format!("?{} {}", item.place.as_str(), item.pointer)));
    lines.extend(stripped.cookies.iter().map(|name| format!("-cookie {name}")));
    lines.extend(stripped.headers.iter().map(|name| format!("-header {name}")));
    if let Some(query) = query.filter(|_| !stripped.query.is_empty()) {
        lines.push(format!("query={}", stripped.apply_query(query).unwrap_or_default()));
    }
    lines
}
