//! Templates: policies of which a document has only the few words that are its own, written out in Cedar. What comes out is read and
//! checked as what people write is.

use diagnostics::Span;
use spec::Spanned;

use super::config::{PoliciesSection, TypeName};
use super::link_config::{Day, LinkSection, Template};
use super::offset::minute;

/// Minutes of a day.
const DAY: i64 = 24 * 60;

/// What a template takes beside `actions` and `except`, and whether it has to be there.
const KEYS: [(&str, &[(Template, bool)]); 6] = [
    ("roles", &[(Template::Roles, true), (Template::ReadOnly, false)]),
    ("resource", &[(Template::Tenants, true)]),
    ("claim", &[(Template::Tenants, true)]),
    ("ranges", &[(Template::Networks, true)]),
    ("days", &[(Template::Hours, false)]),
    ("from", &[(Template::Hours, false)]),
];

/// Reports what is wrong with a link by itself.
pub(super) fn check(
    name: &str,
    link: &Spanned<LinkSection>,
    section: &PoliciesSection,
    error: &mut impl FnMut(String, &str, Span),
) {
    let (at, link) = (link.span, &link.value);
    let there = |key: &str| match key {
        "roles" => !link.roles.is_empty(),
        "resource" => link.resource.is_some(),
        "claim" => link.claim.is_some(),
        "ranges" => !link.ranges.is_empty(),
        "days" => !link.days.is_empty(),
        _ => link.from.is_some() || link.to.is_some(),
    };
    for (key, templates) in KEYS {
        let wanted = templates.iter().find(|(template, _)| *template == link.template);
        match (wanted, there(key)) {
            (None, true) => {
                let message = format!("the template of `{name}` takes no `{key}`");
                error(message, "leave it out, or write another `template`", at);
            }
            (Some((_, true)), false) => {
                error(format!("the template of `{name}` wants `{key}`"), "write it", at);
            }
            _ => {}
        }
    }
    if matches!(link.template, Template::Everyone | Template::Roles) && !link.except.is_empty() {
        let help = "leave `except` out: whom no policy permits is refused";
        error(format!("`{name}` permits, and there is nothing to except from"), help, at);
    }
    if link.template == Template::ReadOnly && link.actions.is_some() {
        let help = "leave `actions` out, or write a policy in a file";
        error(format!("`{name}` is about all operations that change something"), help, at);
    }
    if link.actions.as_ref().is_some_and(Vec::is_empty) {
        error(format!("`{name}` is about no operation"), "name some, or leave `actions` out for all", at);
    }
    match link.template {
        Template::Hours => hours_are_told(name, link, at, error),
        Template::Tenants => claim_is_declared(name, link, section, at, error),
        _ => {}
    }
}

fn hours_are_told(name: &str, link: &LinkSection, at: Span, error: &mut impl FnMut(String, &str, Span)) {
    if link.days.is_empty() && link.from.is_none() && link.to.is_none() {
        error(format!("`{name}` names no time"), "write `days`, or `from` and `to`", at);
    }
    if link.from.is_some() != link.to.is_some() {
        error(format!("`{name}` has one of `from` and `to`"), "write both", at);
    }
    for time in link.from.iter().chain(&link.to).filter(|time| minute(&time.value).is_none()) {
        let message = format!("`{}` is no time of the day", time.value);
        error(message, "write one from `\"00:00\"` to `\"23:59\"`", time.span);
    }
}

fn claim_is_declared(
    name: &str,
    link: &LinkSection,
    section: &PoliciesSection,
    at: Span,
    error: &mut impl FnMut(String, &str, Span),
) {
    let Some(claim) = &link.claim else { return };
    match section.claims.get(claim).map(|claim| claim.value.of) {
        Some(TypeName::String | TypeName::Strings) => {}
        Some(_) => {
            let message = format!("the claim `{claim}` of `{name}` is neither `string` nor `strings`");
            error(message, "a tenant is called by a text", at);
        }
        // A section of an operation is laid over that of its API, which may declare it.
        None if section.claims.is_empty() => {}
        None => {
            let message = format!("`{name}` reads the claim `{claim}`, which `claims` does not have");
            error(message, "declare it with its type, as in `claims: { tenant: string }`", at);
        }
    }
}

/// A link in Cedar; `None` of one that is not whole.
pub(super) fn written(name: &str, link: &LinkSection, section: &PoliciesSection) -> Option<String> {
    let actions = match (&link.actions, link.template) {
        (_, Template::ReadOnly) => format!("action in {}", action(cedar::names::WRITE)),
        (None, _) => String::from("action"),
        (Some(all), _) => format!("action in [{}]", list(all, action)),
    };
    let effect = match link.template {
        Template::Everyone | Template::Roles => "permit",
        Template::Tenants | Template::Hours | Template::Networks | Template::ReadOnly => "forbid",
    };
    // Who is in no role is left out by the scope already, which costs next to nothing.
    let (principal, rest) = match link.roles.as_slice() {
        [] => (String::from("principal"), None),
        [role] => (is_in(role), None),
        several => (String::from("principal"), Some(has_role(several))),
    };
    let mut text = format!("@id({})\n{effect} ({principal}, {actions}, resource)", quoted(name));
    let mut clause = |word: &str, condition: &str| {
        text.push_str(&format!("\n{word} {{ {condition} }}"));
    };
    match link.template {
        Template::Everyone => {}
        Template::Roles | Template::ReadOnly => rest.iter().for_each(|rest| clause("when", rest)),
        Template::Tenants => {
            let resource = quoted(link.resource.as_ref()?);
            clause("when", &format!("resource has {resource}"));
            clause("unless", &of_tenant(link, section)?);
        }
        Template::Hours => clause("unless", &in_hours(link)?),
        Template::Networks => clause("unless", &in_ranges(link)),
    }
    if !link.except.is_empty() {
        clause("unless", &has_role(&link.except));
    }
    text.push_str(";\n");
    Some(text)
}

fn in_hours(link: &LinkSection) -> Option<String> {
    let day = |day: &Day| format!("context.time.weekday == {}", number(*day));
    let days = link.days.iter().map(day).collect::<Vec<_>>().join(" || ");
    let days = (!days.is_empty()).then(|| format!("({days})"));
    let hours = match (&link.from, &link.to) {
        (Some(from), Some(to)) => {
            let (from, to) = (minute(&from.value)?, minute(&to.value)?);
            let from_then = format!("context.time.minute >= {from}");
            let until_then = format!("context.time.minute < {}", if to == 0 { DAY } else { to });
            let over_midnight = to != 0 && to <= from;
            Some(match over_midnight {
                true => format!("({from_then} || {until_then})"),
                false => format!("{from_then} && {until_then}"),
            })
        }
        _ => None,
    };
    Some(days.into_iter().chain(hours).collect::<Vec<_>>().join(" && "))
}

fn in_ranges(link: &LinkSection) -> String {
    let range = |range: &Spanned<spec::Cidr>| {
        format!("context.client.address.isInRange(ip({}))", quoted(&range.value.to_string()))
    };
    let all: Vec<String> = link.ranges.iter().map(range).collect();
    format!("context.client.located && ({})", all.join(" || "))
}

/// Both as sets where one of them is a set.
fn of_tenant(link: &LinkSection, section: &PoliciesSection) -> Option<String> {
    let (name, claim) = (link.resource.as_ref()?, link.claim.as_ref()?);
    let of_claim = section.claims.get(claim).map(|claim| claim.value.of)?;
    let of_resource = section.body.get(name).map_or(TypeName::String, |value| value.value.of);
    let (there, own) =
        (format!("context.claims has {}", quoted(claim)), format!("context.claims[{}]", quoted(claim)));
    let resource = format!("resource[{}]", quoted(name));
    let is_own = match (of_claim, of_resource) {
        (TypeName::Strings, TypeName::Strings) => format!("{own}.containsAll({resource})"),
        (TypeName::Strings, _) => format!("{own}.contains({resource})"),
        (_, TypeName::Strings) => format!("[{own}].containsAll({resource})"),
        _ => format!("{own} == {resource}"),
    };
    Some(format!("{there} && {is_own}"))
}

/// Not by `in` of a list, which would be made anew for each call.
fn has_role(roles: &[String]) -> String {
    roles.iter().map(|role| is_in(role)).collect::<Vec<_>>().join(" || ")
}

fn is_in(role: &str) -> String {
    format!("principal in Role::{}", quoted(role))
}

fn action(name: &str) -> String {
    format!("Action::{}", quoted(name))
}

fn list(all: &[String], one: impl Fn(&str) -> String) -> String {
    all.iter().map(|name| one(name)).collect::<Vec<_>>().join(", ")
}

const fn number(day: Day) -> u8 {
    match day {
        Day::Mon => 1,
        Day::Tue => 2,
        Day::Wed => 3,
        Day::Thu => 4,
        Day::Fri => 5,
        Day::Sat => 6,
        Day::Sun => 7,
    }
}

/// As a text of Cedar's, whose escapes are Rust's.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}
