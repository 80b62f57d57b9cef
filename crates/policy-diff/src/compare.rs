//! Two descriptions, thing by thing.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use crate::schema::Comparison;
use crate::{Change, Changes, Effect, access, at, binding, settings, websocket};

/// Everything that the new one does differently, what lets more through first.
#[must_use]
pub fn compare(old: &Json, new: &Json) -> Vec<Change> {
    let mut all = Vec::new();
    settings::compare(
        "",
        &old["gateway"],
        &new["gateway"],
        &mut Changes { about: String::from("gateway"), all: &mut all },
    );
    let groups = [
        ("listeners", "listener"),
        ("issuers", "issuer"),
        ("authorities", "authority"),
        ("signers", "signers"),
        ("users", "users"),
        ("webhooks", "webhook"),
        ("upstreams", "upstream"),
    ];
    for (group, word) in groups {
        named(word, &old[group], &new[group], &mut all);
    }
    apis(&old["apis"], &new["apis"], &mut all);
    all.sort();
    all.dedup();
    all
}

fn keys<'j>(old: &'j Json, new: &'j Json) -> BTreeSet<&'j String> {
    let of = |value: &'j Json| value.as_object().into_iter().flat_map(|members| members.keys());
    of(old).chain(of(new)).collect()
}

fn named(word: &str, old: &Json, new: &Json, all: &mut Vec<Change>) {
    for name in keys(old, new) {
        let mut out = Changes { about: format!("{word} {name}"), all };
        match (old.get(name), new.get(name)) {
            // An issuer, and whoever else vouches, counts where an API takes it, an upstream where an API calls it; a listener is a door.
            (None, Some(_)) => {
                let effect = if word == "listener" { Effect::Weaker } else { Effect::Neutral };
                out.add(effect, "is new");
            }
            (Some(_), None) => {
                out.add(if word == "listener" { Effect::Stricter } else { Effect::Neutral }, "is gone");
            }
            (Some(old), Some(new)) => {
                if word == "listener" {
                    listener(old, new, &mut out);
                }
                if word == "upstream" {
                    targets(&old["targets"], &new["targets"], &mut out);
                }
                if word == "issuer" {
                    introspection(&old["introspection"], &new["introspection"], &mut out);
                }
                if let Some(what) = match word {
                    "authority" => Some("has a certificate"),
                    "users" => Some("has a password"),
                    _ => None,
                } {
                    let_in(&old["grants"], &new["grants"], what, &mut out);
                }
                let rest = |value: &Json| {
                    let mut rest = value.clone();
                    if let Some(members) = rest.as_object_mut() {
                        members.retain(|key, _| {
                            !matches!(
                                (word, key.as_str()),
                                ("upstream", "targets") | ("listener", "bind") | ("issuer", "introspection")
                            )
                        });
                    }
                    rest
                };
                // Keys of these have a meaning of their own.
                let prefix = if matches!(word, "signers" | "webhook") { word } else { "" };
                settings::compare(prefix, &rest(old), &rest(new), &mut out);
            }
            (None, None) => {}
        }
    }
}

fn listener(old: &Json, new: &Json, out: &mut Changes<'_>) {
    let bind = |value: &Json| value["bind"].as_str().unwrap_or_default().to_owned();
    let (before, after) = (bind(old), bind(new));
    if before != after {
        let local = |text: &str| {
            text.starts_with("127.")
                || text.starts_with("[::1]")
                || text.starts_with("localhost")
                || text.starts_with("unix:")
        };
        let effect = match (local(&before), local(&after)) {
            (true, false) => Effect::Weaker,
            (false, true) => Effect::Stricter,
            _ => Effect::Neutral,
        };
        out.add(effect, format!("bind: {before} → {after}"));
    }
    match (old["tls"].is_null(), new["tls"].is_null()) {
        (false, true) => out.add(Effect::Weaker, "speaks clear text now"),
        (true, false) => out.add(Effect::Stricter, "speaks TLS now"),
        _ => {}
    }
}

/// Whoever a table of authorities or users names is let in, whatever they may; without one, everybody whose certificate or password is
/// theirs.
fn let_in(old: &Json, new: &Json, what: &str, out: &mut Changes<'_>) {
    let named = |grants: &Json| -> BTreeSet<String> {
        grants.as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default()
    };
    let (before, after) = (named(old), named(new));
    match (before.is_empty(), after.is_empty()) {
        (true, false) => out.add(Effect::Stricter, "lets in only those that `grants` name"),
        (false, true) => out.add(Effect::Weaker, format!("lets in everybody who {what}")),
        _ => {
            for name in after.difference(&before) {
                out.add(Effect::Weaker, format!("lets in `{name}`"));
            }
            for name in before.difference(&after) {
                out.add(Effect::Stricter, format!("does not let in `{name}` any more"));
            }
        }
    }
}

/// Who may ask its issuer takes tokens that cannot be read here; who asks about all knows which were withdrawn.
fn introspection(old: &Json, new: &Json, out: &mut Changes<'_>) {
    match (old.is_null(), new.is_null()) {
        (true, true) => {}
        (true, false) => out.add(Effect::Weaker, "is asked about tokens that cannot be read here"),
        (false, true) if old["tokens"] == "all" => {
            out.add(Effect::Weaker, "is not asked any more which tokens were withdrawn");
        }
        (false, true) => {
            out.add(Effect::Stricter, "is not asked any more about tokens that cannot be read here");
        }
        (false, false) => settings::compare("introspection", old, new, out),
    }
}

fn targets(old: &Json, new: &Json, out: &mut Changes<'_>) {
    let urls = |value: &Json| -> BTreeSet<String> {
        value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|target| target["url"].as_str())
            .map(str::to_owned)
            .collect()
    };
    let (before, after) = (urls(old), urls(new));
    let clear = |all: &BTreeSet<String>| all.iter().any(|url| url.starts_with("http://"));
    for url in after.difference(&before) {
        let weaker = url.starts_with("http://") && !clear(&before);
        let effect = if weaker { Effect::Weaker } else { Effect::Neutral };
        out.add(effect, format!("calls `{url}` now{}", if weaker { ", in clear text" } else { "" }));
    }
    for url in before.difference(&after) {
        out.add(Effect::Neutral, format!("does not call `{url}` any more"));
    }
}

fn apis(old: &Json, new: &Json, all: &mut Vec<Change>) {
    for name in keys(old, new) {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => api(name, old, new, all),
            (before, after) => {
                let (gone, there) = (Json::Null, before.or(after).unwrap_or(&Json::Null));
                let (old, new) = if before.is_some() { (there, &gone) } else { (&gone, there) };
                operations(name, old, new, all);
            }
        }
    }
}

fn api(name: &str, old: &Json, new: &Json, all: &mut Vec<Change>) {
    let mut out = Changes { about: name.to_owned(), all };
    if old["contract"] == Json::Bool(true) && new["contract"] == Json::Bool(false) {
        out.add(Effect::Weaker, "has no contract any more");
    }
    settings::compare("", &old["settings"], &new["settings"], &mut out);
    settings::compare("authentication", &old["authentication"], &new["authentication"], &mut out);
    operations(name, old, new, all);
}

fn operations(api: &str, old: &Json, new: &Json, all: &mut Vec<Change>) {
    let mut schemas = Comparison { old: &old["schemas"], new: &new["schemas"], seen: BTreeSet::new() };
    for key in keys(&old["operations"], &new["operations"]) {
        let (before, after) = (old["operations"].get(key), new["operations"].get(key));
        let id = after.or(before).and_then(|one| one["id"].as_str()).unwrap_or(key);
        let mut out = Changes { about: format!("{api}.{id}"), all };
        match (before, after) {
            (Some(before), Some(after)) => {
                operation(before, after, &mut out);
                held(before, after, &mut schemas, &mut out);
            }
            (None, Some(after)) => {
                let open = *at(after, &["access", "anonymous"]) == Json::Bool(true);
                let (effect, who) =
                    if open { (Effect::Weaker, ", open to anyone") } else { (Effect::Neutral, "") };
                out.add(effect, format!("is new: {key}{who}"));
            }
            _ => out.add(Effect::Stricter, format!("is gone: {key}")),
        }
    }
}

/// The control that says what the service gets in place of a caller's credential.
const ONWARD: &str = "upstream_identity";

fn operation(old: &Json, new: &Json, out: &mut Changes<'_>) {
    access::compare(&old["access"], &new["access"], out);
    if old["certificate"] != new["certificate"] {
        let wants = new["certificate"] == Json::Bool(true);
        let what =
            if wants { "wants a client certificate now" } else { "wants no client certificate any more" };
        out.add(if wants { Effect::Stricter } else { Effect::Weaker }, what);
    }
    websocket::compare(&old["websocket"], &new["websocket"], out);
    binding::compare(&old["sender_constrained"], &new["sender_constrained"], out);
    // Who may call is said above; what it means for the controls that ask is no news.
    let told = ["authentication", "authorization", "admission", "options", "metadata", "forwarding"];
    for control in keys(&old["controls"], &new["controls"]) {
        let (was, is) = (at(old, &["controls", control]), at(new, &["controls", control]));
        let (before, after) = (at(old, &["settings", control]), at(new, &["settings", control]));
        if control == ONWARD && was.is_null() != is.is_null() {
            // What the service is sent was the caller's own, or is again; how else it is told is told with that.
            let credential =
                |one: &Json| json!({ "credential": one["credential"].as_str().unwrap_or("pass") });
            settings::compare(control, &credential(before), &credential(after), out);
            continue;
        }
        match (was.is_null(), is.is_null()) {
            (true, false) if !told.contains(&control.as_str()) => {
                let opens = !after["origins"].is_null();
                let (effect, what) = if opens {
                    (Effect::Weaker, format!("lets pages of other origins call ({control})"))
                } else {
                    (Effect::Stricter, format!("is looked at by {control} now"))
                };
                out.add(effect, what);
            }
            (false, true) if !told.contains(&control.as_str()) => {
                out.add(Effect::Weaker, format!("is not looked at by {control} any more"));
            }
            _ if !before.is_null() || !after.is_null() => settings::compare(control, before, after, out),
            _ => {}
        }
    }
}

/// What a request has to be, and an answer.
fn held(old: &Json, new: &Json, schemas: &mut Comparison<'_>, out: &mut Changes<'_>) {
    let parameters = ["request", "parameters"];
    let (before, after) = (at(old, &parameters), at(new, &parameters));
    for name in keys(before, after) {
        match (before.get(name), after.get(name)) {
            (Some(was), Some(is)) => {
                if was["required"] != is["required"] {
                    let must = is["required"] == Json::Bool(true);
                    let what = if must { "must be there now" } else { "need not be there any more" };
                    out.add(if must { Effect::Stricter } else { Effect::Weaker }, format!("{name} {what}"));
                }
                schemas.compare(&was["schema"], &is["schema"], name, out);
            }
            (None, Some(is)) => {
                let must = is["required"] == Json::Bool(true);
                out.add(if must { Effect::Stricter } else { Effect::Neutral }, format!("takes {name}"));
            }
            // It is undeclared now, and what becomes of that is another setting.
            _ => out.add(Effect::Weaker, format!("{name} is not declared any more")),
        }
    }
    body(at(old, &["request", "body"]), at(new, &["request", "body"]), schemas, out);
    for status in keys(&old["responses"], &new["responses"]) {
        match (old["responses"].get(status), new["responses"].get(status)) {
            (Some(was), Some(is)) => {
                media(&was["media"], &is["media"], &format!("answer {status}"), schemas, out);
            }
            (None, Some(_)) => out.add(Effect::Weaker, format!("may answer {status}")),
            _ => out.add(Effect::Stricter, format!("may not answer {status} any more")),
        }
    }
}

fn body(old: &Json, new: &Json, schemas: &mut Comparison<'_>, out: &mut Changes<'_>) {
    match (old.is_null(), new.is_null()) {
        (true, true) => return,
        (true, false) => return out.add(Effect::Weaker, "takes a body now"),
        (false, true) => return out.add(Effect::Stricter, "takes no body any more"),
        (false, false) => {}
    }
    if old["required"] != new["required"] {
        let must = new["required"] == Json::Bool(true);
        let what = if must { "must have a body now" } else { "need not have a body any more" };
        out.add(if must { Effect::Stricter } else { Effect::Weaker }, what);
    }
    media(&old["media"], &new["media"], "body", schemas, out);
}

fn media(old: &Json, new: &Json, at: &str, schemas: &mut Comparison<'_>, out: &mut Changes<'_>) {
    for name in keys(old, new) {
        match (old.get(name), new.get(name)) {
            (Some(was), Some(is)) => schemas.compare(was, is, at, out),
            (None, Some(_)) => out.add(Effect::Weaker, format!("{at} may be `{name}` now")),
            _ => out.add(Effect::Stricter, format!("{at} may not be `{name}` any more")),
        }
    }
}
