//! Cases as YAML that a person reads: one line for each part, in the order in which a call happens.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value as Json;
use spec::{Strings, quoted};

use super::Kept;
use crate::document::{ApiKey, Case, Certificate, Credential, Dpop, KeyState, Mtls, ProofState, SignedBy};

/// How a file begins that may be written over.
pub const MARK: &str = "# Written by `yett test --generate`";

/// A value in flow style: JSON with spaces where a person wants them.
fn flow(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(members) if members.is_empty() => String::from("{}"),
        Json::Object(members) => {
            let members: Vec<String> =
                members.iter().map(|(key, value)| format!("{}: {}", quoted(key), flow(value))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Json::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn list(words: &Strings) -> String {
    format!("[{}]", words.0.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "))
}

fn headers(headers: &BTreeMap<String, Strings>) -> String {
    let each = |(name, values): (&String, &Strings)| match values.0.as_slice() {
        [one] => format!("{}: {}", quoted(name), quoted(one)),
        _ => format!("{}: {}", quoted(name), list(values)),
    };
    format!("{{ {} }}", headers.iter().map(each).collect::<Vec<_>>().join(", "))
}

fn credential(credential: &Credential) -> String {
    if credential.none {
        return String::from("none");
    }
    let mut parts = Vec::new();
    if let Some(issuer) = &credential.issuer {
        parts.push(format!("issuer: {}", quoted(issuer)));
    }
    if let Some(audience) = &credential.audience {
        parts.push(format!("audience: {}", list(audience)));
    }
    for (key, words) in [("scopes", &credential.scopes), ("roles", &credential.roles)] {
        if !words.0.is_empty() {
            parts.push(format!("{key}: {}", list(words)));
        }
    }
    if credential.expired {
        parts.push(String::from("expired: true"));
    }
    if credential.signed_by == SignedBy::Stranger {
        parts.push(String::from("signed_by: stranger"));
    }
    if !credential.claims.is_empty() {
        let claims =
            credential.claims.iter().map(|(name, value)| format!("{}: {}", quoted(name), flow(value)));
        parts.push(format!("claims: {{ {} }}", claims.collect::<Vec<_>>().join(", ")));
    }
    parts.extend(credential.dpop.as_ref().map(|dpop| format!("dpop: {}", proof(dpop))));
    parts.extend(credential.mtls.map(|mtls| match mtls {
        Mtls::Own => String::from("mtls: own"),
        Mtls::Other => String::from("mtls: other"),
    }));
    parts.extend(credential.key.as_ref().map(|key| format!("key: {}", api_key(key))));
    if parts.is_empty() { String::from("{}") } else { format!("{{ {} }}", parts.join(", ")) }
}

fn mapping(parts: &[String]) -> String {
    if parts.is_empty() { String::from("{}") } else { format!("{{ {} }}", parts.join(", ")) }
}

/// In short where only its state is said.
fn proof(dpop: &Dpop) -> String {
    let mut parts = Vec::new();
    parts.extend(dpop.method.as_ref().map(|method| format!("method: {}", quoted(method))));
    parts.extend(dpop.uri.as_ref().map(|uri| format!("uri: {}", quoted(uri))));
    parts.extend(dpop.age.map(|age| format!("age: {age}")));
    if parts.is_empty() {
        return dpop.proof.name().to_owned();
    }
    if dpop.proof != ProofState::Good {
        parts.push(format!("proof: {}", dpop.proof.name()));
    }
    mapping(&parts)
}

fn api_key(key: &ApiKey) -> String {
    let mut parts = Vec::new();
    parts.extend(key.application.as_ref().map(|name| format!("application: {}", quoted(name))));
    if !key.scopes.0.is_empty() {
        parts.push(format!("scopes: {}", list(&key.scopes)));
    }
    if key.state != KeyState::Good {
        parts.push(format!("state: {}", key.state.name()));
    }
    parts.extend(key.scheme.as_ref().map(|scheme| format!("scheme: {}", quoted(scheme))));
    if key.and_token {
        parts.push(String::from("and_token: true"));
    }
    mapping(&parts)
}

fn certificate(certificate: &Certificate) -> String {
    let Certificate { dns, uri, email } = certificate;
    let named = [("dns", dns), ("uri", uri), ("email", email)];
    let named = named.into_iter().filter(|(_, names)| !names.0.is_empty());
    mapping(&named.map(|(key, names)| format!("{key}: {}", list(names))).collect::<Vec<_>>())
}

fn state(case: &Case) -> Option<String> {
    let calls = case.state.calls?;
    let over = case.state.over.map(|over| format!(", over: {over}")).unwrap_or_default();
    let anonymous = if case.state.anonymous { ", anonymous: true" } else { "" };
    Some(format!("{{ calls: {}{over}{anonymous} }}", calls.value))
}

/// One case.
fn case(kept: &Kept, out: &mut String) {
    let case = &kept.case;
    let request = &case.request;
    let _ = writeln!(out, "  - name: {}", quoted(&case.name));
    if let Some(api) = &case.api {
        let _ = writeln!(out, "    api: {}", quoted(api));
    }
    let bare = request.headers.is_empty()
        && request.body.is_none()
        && request.json.is_none()
        && request.padding.is_none();
    let line = format!("{} {}", request.method.value, request.target.value);
    if bare {
        let _ = writeln!(out, "    request: {}", Json::String(line));
    } else {
        let _ = writeln!(out, "    request:\n      method: {}", quoted(&request.method));
        let _ = writeln!(out, "      target: {}", quoted(&request.target));
        if !request.headers.is_empty() {
            let _ = writeln!(out, "      headers: {}", headers(&request.headers));
        }
        if let Some(body) = &request.body {
            let _ = writeln!(out, "      body: {}", Json::String(body.clone()));
        }
        if let Some(json) = &request.json {
            let _ = writeln!(out, "      json: {}", flow(json));
        }
        if let Some(padding) = request.padding {
            let _ = writeln!(out, "      padding: {padding}");
        }
    }
    if let Some(presented) = &case.credential {
        let _ = writeln!(out, "    credential: {}", credential(presented));
    }
    if let Some(shown) = &case.certificate {
        let _ = writeln!(out, "    certificate: {}", certificate(shown));
    }
    if let Some(state) = state(case) {
        let _ = writeln!(out, "    state: {state}");
    }
    if let Some(json) = &case.upstream.json {
        let status =
            case.upstream.status.map(|status| format!("status: {}, ", status.value)).unwrap_or_default();
        let fields = if case.upstream.headers.is_empty() {
            String::new()
        } else {
            format!("headers: {}, ", headers(&case.upstream.headers))
        };
        let _ = writeln!(out, "    upstream: {{ {status}{fields}json: {} }}", flow(json));
    } else if let Some(status) = case.upstream.status {
        let _ = writeln!(out, "    upstream: {{ status: {} }}", status.value);
    }
    if let Some(says) = case.pdp.as_ref().and_then(|pdp| pdp.says) {
        let _ = writeln!(out, "    pdp: {}", says.name());
    }
    let expect = &case.expect;
    let mut parts = vec![format!("decision: {}", expect.decision.name())];
    parts.extend(expect.control.as_ref().map(|control| format!("control: {}", control.value)));
    parts.extend(expect.code.as_ref().map(|code| format!("code: {}", code.value)));
    parts.extend(expect.status.map(|status| format!("status: {status}")));
    parts.extend(expect.missing_scopes.as_ref().map(|scopes| format!("missing_scopes: {}", list(scopes))));
    let _ = writeln!(out, "    expect: {{ {} }}", parts.join(", "));
}

/// A whole file, of at most so many bytes: what would be too much is left out, and said.
pub(crate) fn file(contract: &str, notes: &[String], kept: &[Kept], most: usize) -> (String, usize) {
    let mut out = format!(
        "{MARK} from {contract}: what is refused, each for one reason, and good calls that pass.\n\
         # Write it anew after a change that is meant; keep cases of your own in another file.\n"
    );
    for note in notes {
        let line: String =
            note.chars().map(|char| if engine::text::is_hidden(char) { ' ' } else { char }).collect();
        let _ = writeln!(out, "# {line}");
    }
    out.push_str("version: 1\ntests:\n");
    let mut written = 0;
    for one in kept {
        let before = out.len();
        case(one, &mut out);
        if out.len() > most {
            out.truncate(before);
            break;
        }
        written += 1;
    }
    (out, written)
}
