//! Lists of actions: `id:1,phase:2,msg:'…',setvar:'tx.a=+%{tx.b}'`.

use diagnostics::{Diagnostic, Span};

use super::directive::{collection, id_range, mode, on_off};
use super::lex::Word;
use super::{error, target, template};
use crate::syntax::{Action, ActionList, AllowScope, Change, Control, Processor, Select, SetVar};
use crate::transform::Transformation;
use crate::variable::Variable;

/// Parses the list; all that is wrong with it is reported at once.
pub(super) fn actions(word: &Word) -> Result<ActionList, Vec<Diagnostic>> {
    let mut list = ActionList::default();
    let mut errors = Vec::new();
    for (from, to) in pieces(&word.text) {
        let text = word.text.get(from..to).unwrap_or_default();
        let inner = text.trim();
        if inner.is_empty() {
            continue;
        }
        let span = word.span(from + (text.len() - text.trim_start().len()), from + text.trim_end().len());
        match action(inner, span) {
            Ok(action) => list.items.push((action, span)),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(list) } else { Err(errors) }
}

/// Cuts at commas outside of single quotes.
fn pieces(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' if !escaped => quoted = !quoted,
            ',' if !quoted => {
                found.push((start, at));
                start = at + 1;
            }
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    found.push((start, text.len()));
    found
}

fn unquote(value: &str) -> String {
    let value = value.trim();
    let inner = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')).unwrap_or(value);
    inner.replace("\\'", "'")
}

fn action(text: &str, span: Span) -> Result<Action, Diagnostic> {
    let (name, value) = match text.split_once(':') {
        Some((name, value)) => (name.trim(), Some(unquote(value))),
        None => (text, None),
    };
    let lower = name.to_ascii_lowercase();
    if let Some(action) = plain(&lower, value.as_deref()) {
        return Ok(action);
    }
    let Some(value) = value else {
        let message = format!("`{name}` is not an action that this engine knows, or it lacks its value");
        return Err(error("seclang-unknown-action", message, span));
    };
    valued(&lower, &value, span)
}

/// Actions without a value.
fn plain(name: &str, value: Option<&str>) -> Option<Action> {
    if name == "allow" {
        return match value {
            None => Some(Action::Allow(AllowScope::Transaction)),
            Some("phase") => Some(Action::Allow(AllowScope::Phase)),
            Some("request") => Some(Action::Allow(AllowScope::Request)),
            Some(_) => None,
        };
    }
    if value.is_some() {
        return None;
    }
    Some(match name {
        "auditlog" | "noauditlog" => Action::Annotation,
        "block" => Action::Block,
        "capture" => Action::Capture,
        "chain" => Action::Chain,
        "deny" => Action::Deny,
        "drop" => Action::Drop,
        "log" => Action::Log(true),
        "multimatch" => Action::MultiMatch,
        "nolog" => Action::Log(false),
        "pass" => Action::Pass,
        _ => return None,
    })
}

fn bad(name: &str, value: &str, span: Span) -> Diagnostic {
    error("seclang-bad-value", format!("`{value}` is not a value for the action `{name}`"), span)
}

fn valued(name: &str, value: &str, span: Span) -> Result<Action, Diagnostic> {
    let bad = || bad(name, value, span);
    Ok(match name {
        "id" => Action::Id(value.parse().map_err(|_| bad())?),
        "phase" => Action::Phase(phase(value).ok_or_else(bad)?),
        "msg" => Action::Message(template(value, span)?),
        "logdata" => Action::LogData(template(value, span)?),
        "tag" => Action::Tag(value.to_owned()),
        "severity" => Action::Severity(severity(value).ok_or_else(bad)?),
        "ver"
        | "rev"
        | "maturity"
        | "accuracy"
        | "sanitisearg"
        | "sanitisematched"
        | "sanitiserequestheader"
        | "sanitiseresponseheader"
        | "setenv"
        | "xmlns" => Action::Annotation,
        "skip" => Action::Skip(value.parse().map_err(|_| bad())?),
        "skipafter" => Action::SkipAfter(value.to_owned()),
        "status" => Action::Status(value.parse().map_err(|_| bad())?),
        "redirect" => Action::Redirect(template(value, span)?),
        "t" => transformation(value, span)?,
        "setvar" => Action::SetVar(set_var(value, span)?),
        "ctl" => Action::Control(control(value, span)?),
        "initcol" | "setsid" | "setuid" | "setrsc" | "expirevar" | "deprecatevar" => {
            template(value, span)?;
            Action::Collection
        }
        _ => {
            let message = format!("`{name}` is not an action that this engine knows");
            return Err(error("seclang-unknown-action", message, span));
        }
    })
}

fn transformation(value: &str, span: Span) -> Result<Action, Diagnostic> {
    if value.eq_ignore_ascii_case("none") {
        return Ok(Action::TransformNone);
    }
    Transformation::parse(value).map(Action::Transform).ok_or_else(|| {
        let message = format!("`{value}` is not a transformation that this engine knows");
        error("seclang-unknown-transformation", message, span)
    })
}

fn phase(value: &str) -> Option<u8> {
    match value {
        "1" => Some(1),
        "2" | "request" => Some(2),
        "3" => Some(3),
        "4" | "response" => Some(4),
        "5" | "logging" => Some(5),
        _ => None,
    }
}

fn severity(value: &str) -> Option<u8> {
    let names = ["EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];
    let named = names.iter().position(|name| name.eq_ignore_ascii_case(value));
    let number = named.map_or_else(|| value.parse::<u8>().ok(), |at| u8::try_from(at).ok());
    number.filter(|number| *number < 8)
}

/// `tx.a=1`, `tx.a=+1`, `tx.a=-%{tx.b}`, `!tx.a`, `tx.a` (which sets 1).
fn set_var(value: &str, span: Span) -> Result<SetVar, Diagnostic> {
    let (unset, rest) = value.strip_prefix('!').map_or((false, value), |rest| (true, rest));
    let (name, assigned) = match rest.split_once('=') {
        Some((name, assigned)) => (name, Some(assigned)),
        None => (rest, None),
    };
    let Some((variable, key)) = collection(name.trim()) else {
        let message = format!("`{name}` is not a member of a collection that can be set");
        return Err(error("seclang-bad-setvar", message, span));
    };
    let settable = variable.is_persistent() || matches!(variable, Variable::Tx | Variable::Env);
    if !settable || key.is_empty() {
        return Err(error("seclang-bad-setvar", format!("`{name}` cannot be set"), span));
    }
    let change = match assigned {
        _ if unset => Change::Unset,
        None => Change::Set(template("1", span)?),
        Some(text) => match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(by), _) => Change::Add(template(by, span)?),
            (_, Some(by)) => Change::Subtract(template(by, span)?),
            _ => Change::Set(template(text, span)?),
        },
    };
    Ok(SetVar { collection: variable, name: template(&key.to_ascii_lowercase(), span)?, change })
}

fn control(value: &str, span: Span) -> Result<Control, Diagnostic> {
    let bad = || bad("ctl", value, span);
    let (name, value) = value.split_once('=').ok_or_else(bad)?;
    let value = value.trim();
    Ok(match name.trim().to_ascii_lowercase().as_str() {
        "ruleengine" => Control::Engine(mode(value).ok_or_else(bad)?),
        "forcerequestbodyvariable" => Control::ForceRequestBody(on_off(value).ok_or_else(bad)?),
        "requestbodyprocessor" => Control::BodyProcessor(Processor::parse(value).ok_or_else(bad)?),
        "requestbodyaccess" => Control::RequestBodyAccess(on_off(value).ok_or_else(bad)?),
        "responsebodyaccess" => Control::ResponseBodyAccess(on_off(value).ok_or_else(bad)?),
        "ruleremovebyid" => {
            let ids: Option<Vec<Select>> = value.split([',', ' ']).map(id_range).collect();
            Control::Remove(ids.ok_or_else(bad)?)
        }
        "ruleremovebytag" => Control::Remove(vec![Select::Tag(value.to_owned())]),
        "ruleremovebymsg" => Control::Remove(vec![Select::Message(value.to_owned())]),
        "ruleremovetargetbyid" => remove_target(value, span, id_range)?,
        "ruleremovetargetbytag" => remove_target(value, span, |tag| Some(Select::Tag(tag.to_owned())))?,
        "ruleremovetargetbymsg" => remove_target(value, span, |text| Some(Select::Message(text.to_owned())))?,
        "auditengine" | "auditlogparts" | "debugloglevel" => Control::Elsewhere,
        _ => return Err(bad()),
    })
}

fn remove_target(
    value: &str,
    span: Span,
    select: impl Fn(&str) -> Option<Select>,
) -> Result<Control, Diagnostic> {
    let bad = || bad("ctl", value, span);
    let (rules, removed) = value.split_once(';').ok_or_else(bad)?;
    Ok(Control::RemoveTarget(select(rules.trim()).ok_or_else(bad)?, target::target(removed.trim(), span)?))
}
