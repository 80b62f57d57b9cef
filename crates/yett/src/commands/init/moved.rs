//! References of a contract that moves into the document's folder: they are relative to the file that they stand in (RFC 3986,
//! section 5.2), so each is written anew as seen from there.

use serde_json::Value;

/// Rewrites the references of the contract at `from`, a path relative to the folder that it moves to. Those to the file
/// itself lose their path: it gets another name.
///
/// # Errors
/// A reference that would lead out of the folder: what a contract refers to has to lie below it.
pub(super) fn rewrite(value: &mut Value, from: &str) -> Result<(), String> {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref") {
                *reference = seen_from_folder(reference, from)?;
            }
            members.values_mut().try_for_each(|member| rewrite(member, from))
        }
        Value::Array(items) => items.iter_mut().try_for_each(|item| rewrite(item, from)),
        _ => Ok(()),
    }
}

/// Keeps the pointers into other files from being converted with the contract, for those files that are not converted
/// themselves: a slash after `#` may be written as `%2F` (RFC 3986, section 6.2.2.2).
pub(super) fn keep(value: &mut Value, stays: &dyn Fn(&str) -> bool) {
    each(value, &|reference| {
        let (document, pointer) = reference.split_once("#/")?;
        (!document.is_empty() && stays(document)).then(|| format!("{document}#%2F{pointer}"))
    });
}

/// Writes the pointers that were kept as they were.
pub(super) fn restore(value: &mut Value) {
    each(value, &|reference| {
        let (document, pointer) = reference.split_once("#%2F")?;
        Some(format!("{document}#/{pointer}"))
    });
}

fn each(value: &mut Value, change: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(changed) = change(reference)
            {
                *reference = changed;
            }
            members.values_mut().for_each(|member| each(member, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each(item, change)),
        _ => {}
    }
}

fn seen_from_folder(reference: &str, from: &str) -> Result<String, String> {
    let (document, fragment) = match reference.split_once('#') {
        Some((document, fragment)) => (document, format!("#{fragment}")),
        None => (reference, String::new()),
    };
    let remote = document.starts_with("//") || document.contains("://");
    if document.is_empty() || document.starts_with('/') || remote {
        return Ok(reference.to_owned());
    }
    let folder = from.rsplit_once('/').map_or("", |(folder, _)| folder);
    let target = normal(&format!("{}/{document}", encoded(folder)));
    if target == normal(&encoded(from)) {
        return Ok(if fragment.is_empty() { String::from("#") } else { fragment });
    }
    if target.starts_with("../") || target.starts_with('/') {
        return Err(format!(
            "`{}` refers to `{}`, which is not below the folder that the converted contract is written to: \
             write beside it with `--out`",
            from.escape_debug(),
            reference.escape_debug()
        ));
    }
    Ok(format!("{target}{fragment}"))
}

/// A path as it stands in a reference.
fn encoded(path: &str) -> String {
    path.replace('%', "%25").replace('#', "%23").replace('?', "%3F")
}

/// Without `.` and `..`, as far as they can be resolved.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') && !path.starts_with("/./") { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_seen_from_the_folder() {
        for (from, reference, expected) in [
            ("./api.json", "#/definitions/A", Some("#/definitions/A")),
            ("./api.json", "defs.yaml#/A", Some("defs.yaml#/A")),
            ("./api.json", "./sub/../defs.yaml", Some("defs.yaml")),
            ("./specs/api.json", "defs.yaml#/A", Some("specs/defs.yaml#/A")),
            ("./specs/v1/api.json", "../defs.yaml#/A", Some("specs/defs.yaml#/A")),
            ("./sp#cs/api.json", "de%20fs.yaml", Some("sp%23cs/de%20fs.yaml")),
            ("./specs/api.json", "api.json#/definitions/A", Some("#/definitions/A")),
            ("./specs/api.json", "./api.json", Some("#")),
            ("./specs/api.json", "https://a/b.json#/c", Some("https://a/b.json#/c")),
            ("../specs/api.json", "#/definitions/A", Some("#/definitions/A")),
            ("../specs/api.json", "defs.yaml", None),
            ("./api.json", "../defs.yaml", None),
            ("/abs/api.json", "defs.yaml", None),
        ] {
            let found = seen_from_folder(reference, from);
            assert_eq!(found.as_deref().ok(), expected, "{from} {reference}");
        }
    }

    #[test]
    fn pointers_into_files_that_stay_are_kept() {
        let written = serde_json::json!([
            { "$ref": "a.json#/definitions/X" }, { "$ref": "b.json#/definitions/X" }, { "$ref": "#/definitions/X" }
        ]);
        let mut value = written.clone();
        keep(&mut value, &|file| file == "a.json");
        let text = value.to_string();
        assert!(
            text.contains("a.json#%2Fdefinitions/X") && text.matches("#/definitions/").count() == 2,
            "{text}"
        );
        restore(&mut value);
        assert_eq!(value, written);
    }

    #[test]
    fn all_references_are_rewritten_wherever_they_stand() {
        let mut value = serde_json::json!({ "a": [{ "$ref": "b.json" }], "$ref": "c.json#/x" });
        rewrite(&mut value, "s/api.json").unwrap();
        assert_eq!(value, serde_json::json!({ "a": [{ "$ref": "s/b.json" }], "$ref": "s/c.json#/x" }));
    }
}
