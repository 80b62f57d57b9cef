//! The contract that `init` is given: fetched, converted, imported, and what of it cannot be enforced.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use contract::{Api, Options, Security, SecurityScheme};
use diagnostics::{Diagnostics, Sources};
use serde_json::Value;

use super::fetch::fetch;
use super::files::Files;
use crate::{load, render, terminal};

/// A contract that can be used, with what has to be accepted for that.
pub(super) struct Imported {
    pub(super) api: Api,
    /// Pointer and reason.
    pub(super) accepted: Vec<(String, String)>,
    /// Operations that refuse every call, by their ids.
    pub(super) refusing: Vec<String>,
}

/// Finds the contract and says how the document is to name it. What was fetched or converted is planned as a file.
pub(super) fn obtain(given: &str, folder: &Path, files: &mut Files) -> Result<String, String> {
    let remote = given.starts_with("http://") || given.starts_with("https://");
    let (name, bytes) = if remote {
        let bytes = fetch(given)?;
        (file_name(given, &bytes), bytes.to_vec())
    } else {
        let path = Path::new(given);
        let bytes =
            load::read(path, contract::MAX_FILE).map_err(|why| format!("`{given}` cannot be read: {why}"))?;
        (relative(path, folder), bytes.to_vec())
    };
    // One of several files stays as it is: what the others hold is converted with it, at every import.
    if is_swagger(&bytes) && contract::references(&name, &bytes).is_empty() {
        let (name, converted) = convert(&name, &bytes)?;
        files.plan(&folder.join(&name), converted)?;
        terminal::say(format_args!("Swagger 2.0 was converted to OpenAPI: `{name}`"));
        return Ok(name);
    }
    if remote {
        files.plan(&folder.join(&name), bytes)?;
    }
    Ok(name)
}

/// The name under which a fetched contract is kept.
fn file_name(url: &str, bytes: &[u8]) -> String {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let last = path.rsplit('/').next().unwrap_or_default();
    let json = bytes.trim_ascii_start().starts_with(b"{");
    let usable = last.len() <= 100
        && [".json", ".yaml", ".yml"].iter().any(|end| last.ends_with(end))
        && !last.starts_with('.')
        && last.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    match (usable, json) {
        (true, _) => last.to_owned(),
        (false, true) => String::from("openapi.json"),
        (false, false) => String::from("openapi.yaml"),
    }
}

/// A path as seen from the document's folder, so that both can be moved together; absolute where they share nothing.
fn relative(path: &Path, folder: &Path) -> String {
    let (Ok(full), Ok(base)) = (path.canonicalize(), folder.canonicalize()) else {
        return path.display().to_string();
    };
    let shared = full.components().zip(base.components()).take_while(|(one, other)| one == other).count();
    let up = base.components().count() - shared;
    if shared <= 1 && up > 0 {
        return full.display().to_string();
    }
    let below: PathBuf = full.components().skip(shared).collect();
    match up {
        0 => format!("./{}", below.display()),
        up => format!("{}{}", "../".repeat(up), below.display()),
    }
}

/// A look at the beginning: the version stands among the first keys in all that tools write, and what this overlooks is
/// converted at every import just as well.
fn is_swagger(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(4096)).unwrap_or_default();
    let text = String::from_utf8_lossy(head);
    let in_yaml = text.lines().any(|line| line.starts_with("swagger:") || line.starts_with("\"swagger\":"));
    in_yaml || (text.trim_start().starts_with('{') && text.contains("\"swagger\""))
}

/// The contract as OpenAPI, and its new name.
fn convert(name: &str, bytes: &[u8]) -> Result<(String, Vec<u8>), String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("`{name}` is not UTF-8"))?;
    let value: Value = if text.trim_start().starts_with('{') {
        serde_json::from_str(text).map_err(|error| format!("`{name}` is not JSON: {error}"))?
    } else {
        serde_saphyr::from_str(text).map_err(|error| format!("`{name}` is not YAML: {error}"))?
    };
    let converted = contract::convert_swagger(value).map_err(|found| {
        render::human(&found, &Sources::default(), terminal::color()).trim_end().to_owned()
    })?;
    let name = format!("{}.openapi.json", super::stem(name));
    Ok((name, serde_json::to_vec_pretty(&converted).map_err(|error| error.to_string())?))
}

/// Imports the contract; a part that is not enforced is accepted with its reason. What else is wrong is given back as text.
pub(super) fn import(name: &str, folder: &Path, files: &Files) -> Result<Imported, String> {
    let loaded = load::contract_alone(folder, name, files.planned(name));
    let options = Options { accept_all: true, lean: true, ..Options::default() };
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let api = contract::import(name, &loaded.assets, &mut sources, &options, &mut found);
    let Some(api) = api else { return Err(render::human(&found, &sources, terminal::color())) };
    let (schemes, refusing) = unverified(&api);
    let parts: BTreeMap<&str, &str> =
        api.unenforced.iter().rev().map(|part| (part.pointer.as_str(), part.what.as_str())).collect();
    let parts = parts.into_iter().map(|(pointer, what)| (pointer.to_owned(), what.to_owned()));
    let mut accepted: Vec<(String, String)> = parts.chain(schemes).collect();
    accepted.sort();
    Ok(Imported { api, accepted, refusing })
}

/// Security schemes that nothing verifies yet and without which some operation has no alternative left: it refuses every
/// call, which is to be accepted by name. With these operations.
fn unverified(api: &Api) -> (Vec<(String, String)>, Vec<String>) {
    let verified = |scheme: &str| match api.schemes.get(scheme) {
        Some(SecurityScheme::OAuth2 { .. } | SecurityScheme::OpenIdConnect { .. }) => true,
        Some(SecurityScheme::Http { scheme, .. }) => scheme == "bearer",
        _ => false,
    };
    let mut guilty: BTreeSet<&str> = BTreeSet::new();
    let mut refusing = Vec::new();
    for operation in &api.operations {
        let Security::Alternatives(alternatives) = &operation.security else { continue };
        let good = alternatives.iter().any(|one| one.schemes.iter().all(|(scheme, _)| verified(scheme)));
        if !alternatives.is_empty() && !good {
            let schemes = alternatives.iter().flat_map(|one| &one.schemes).map(|(scheme, _)| scheme.as_str());
            guilty.extend(schemes.filter(|scheme| !verified(scheme)));
            refusing.push(operation.id.clone());
        }
    }
    let pointer = |scheme: &str| scheme.replace('~', "~0").replace('/', "~1");
    let reason = |scheme: &str| match api.schemes.get(scheme) {
        Some(SecurityScheme::ApiKey { .. }) => format!(
            "no API keys are bound to it yet: operations that take nothing else refuse every call until you write \
             `authentication: {{ {scheme}: {{ source: applications }} }}` and take this entry out"
        ),
        _ => String::from(
            "credentials of this kind are not verified by this version: operations that take nothing else refuse every call",
        ),
    };
    let entry = |scheme| (format!("/components/securitySchemes/{}", pointer(scheme)), reason(scheme));
    (guilty.into_iter().map(entry).collect(), refusing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetched_contracts_get_tame_names() {
        for (url, bytes, name) in [
            ("https://a/b/orders.yaml?x=1", "", "orders.yaml"),
            ("https://a/", "{", "openapi.json"),
            ("https://a/v3/api-docs", " {", "openapi.json"),
            ("https://a/..%2f.yaml", "a: 1", "openapi.yaml"),
        ] {
            assert_eq!(file_name(url, bytes.as_bytes()), name);
        }
    }

    #[test]
    fn swagger_is_told_by_its_first_keys() {
        assert!(is_swagger(b"{\"swagger\":\"2.0\"}"));
        assert!(is_swagger(b"# x\nswagger: '2.0'\n"));
        assert!(!is_swagger(b"openapi: 3.0.0\n"));
    }
}
