//! What is wrong with how an issuer's tokens are said to look.

use super::{Issuer, TypRule};
use crate::read::Spanned;
use crate::units::Strings;
use diagnostics::{Diagnostic, Diagnostics, Span};

/// Most places in which roles or the application are looked for.
const MAX_PLACES: usize = 8;
/// Most claims that are required, and most values of one.
const MAX_REQUIRED: usize = 64;
/// Longest claim, pointer or value, in bytes.
const MAX_TEXT: usize = 1024;
/// What stands in a pointer for an audience of ours.
const AUDIENCE: &str = "{audience}";

/// Checks the settings that say what is in a token.
pub(super) fn check(name: &str, issuer: &Spanned<Issuer>, out: &mut Diagnostics) {
    if let Some(places) = &issuer.roles_from {
        listed(places, true, out);
    }
    if let Some(places) = &issuer.application_from {
        listed(places, false, out);
    }
    if let Some(claim) = &issuer.audience_from
        && (!is_text(claim) || claim.starts_with('/'))
    {
        let message = format!("`{}` is no claim that could stand for `aud`", claim.value.escape_debug());
        let help = "write the name of a claim, as in `audience_from: client_id`";
        out.push(Diagnostic::error("invalid-value", message).at(claim.span).help(help));
    }
    required(issuer, out);
    by_preset(name, issuer, out);
    if let (TypRule::IdToken, Some(asked)) = (issuer.typ, &issuer.introspection) {
        let message =
            format!("the issuer `{name}` is asked about access tokens, and its ID tokens are taken");
        let help = "take `introspection` out, or `typ: id-token`: an answer vouches for access tokens only";
        out.push(Diagnostic::error("conflict", message).at(asked.span).help(help));
    }
}

fn is_text(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Whether a claim or a pointer can be looked for; a pointer as RFC 6901 has it.
fn is_place(text: &str, by_audience: bool) -> bool {
    let escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    let plain = match text.strip_prefix('/') {
        Some(rest) => escaped && !rest.is_empty() && (by_audience || !text.contains(AUDIENCE)),
        None => !text.contains(AUDIENCE),
    };
    plain && is_text(text)
}

fn listed(places: &Spanned<Strings>, by_audience: bool, out: &mut Diagnostics) {
    let mut say = |message: String, help: &str| {
        out.push(Diagnostic::error("invalid-value", message).at(places.span).help(help));
    };
    for place in places.0.iter().filter(|place| !is_place(place, by_audience)) {
        say(
            format!("`{}` is no place in a token", place.escape_debug()),
            "write a claim, as in `groups`, or a pointer, as in `/realm_access/roles`",
        );
    }
    if places.0.len() > MAX_PLACES {
        say(format!("{} places are more than {MAX_PLACES}", places.0.len()), "keep those that are there");
    }
}

fn required(issuer: &Spanned<Issuer>, out: &mut Diagnostics) {
    let mut say = |message: String, help: &str| {
        out.push(Diagnostic::error("invalid-value", message).at(issuer.span).help(help));
    };
    if issuer.require_claims.len() > MAX_REQUIRED {
        let message = format!("{} required claims are more than {MAX_REQUIRED}", issuer.require_claims.len());
        say(message, "keep those that matter");
    }
    for (claim, values) in &issuer.require_claims {
        if !is_place(claim, false) {
            let message = format!("`{}` is no place in a token", claim.escape_debug());
            say(message, "require a claim, as in `hd`, or a pointer, as in `/kubernetes.io/namespace`");
        }
        let is_value = |value: &&String| {
            is_text(value) && !value.strip_suffix('*').unwrap_or(value.as_str()).contains('*')
        };
        if let Some(wrong) = values.0.iter().find(|value| !is_value(value)) {
            let message = format!("`{}` is no value of `{claim}`", wrong.escape_debug());
            say(message, "write the value, or how it begins with `*` at the end, as in `repo:acme/*`");
        }
        if values.0.len() > MAX_REQUIRED {
            let message = format!("`{claim}` has {} values, more than {MAX_REQUIRED}", values.0.len());
            say(message, "say how they begin, with `*` at the end");
        }
    }
}

/// What a preset cannot know, and what it does know of the URL.
fn by_preset(name: &str, issuer: &Spanned<Issuer>, out: &mut Diagnostics) {
    let Some(named) = &issuer.preset else { return };
    let (preset, span): (_, Span) = (named.preset(), named.span);
    if let Some((claims, why)) = preset.narrow_by {
        // A prefix that ends within a name is that of strangers' names as well.
        let whole = |value: &String| !value.ends_with('*') || value.contains('/');
        let narrows = |values: &Strings| !values.0.is_empty() && values.0.iter().all(whole);
        if !claims.iter().any(|claim| issuer.require_claims.get(*claim).is_some_and(narrows)) {
            let message = format!("the issuer `{name}` takes tokens of strangers: {why}");
            let help = format!(
                "write `require_claims: {{ {}: … }}`, or another of `{}`",
                claims.first().unwrap_or(&""),
                claims.join("`, `")
            );
            out.push(Diagnostic::error("missing-key", message).at(span).help(help));
        }
    }
    if let (Some(end), Some(url)) = (preset.url_end, &issuer.url)
        && !url.as_str().ends_with(end)
    {
        let message =
            format!("`{}` is not how an issuer of the preset `{}` is called", url.value, preset.name);
        let help = format!("tokens have an `iss` that ends with `{end}`: look at one, and write that");
        out.push(Diagnostic::warning("preset-url", message).at(url.span).help(help));
    }
}
