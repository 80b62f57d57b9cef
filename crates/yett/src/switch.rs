//! Settings that say whether a control refuses, found where they are written, and changed there: from shadow to enforcement, or from off to
//! shadow.
//!
//! A setting may stand in a profile, in an environment, at an API or at an operation, or nowhere, where shadow is what holds by default.
//! What is written is changed there, so that a profile changes for all that use it; what is not, or is to hold for less than where
//! it stands, is written where it is to hold.

use std::collections::BTreeSet;

use compile::Compiled;
use diagnostics::Span;
use engine::shadow::named;
use manage_api::{AskShadow, InShadow};
use spec::{Edits, Node, OperationRef, Origin, Selector, Value};

use crate::in_shadow::in_shadow as planned;
use crate::next;

/// Keys of settings that say whether a control refuses; of the answer where the second is set.
const SWITCHES: [(&str, bool); 4] =
    [("mode", false), ("request", false), ("response", true), ("answers", true)];

/// What is to be changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) control: &'a str,
    /// The setting of its section, when it is said; its beginning is enough.
    setting: Option<&'a str>,
    api: Option<&'a str>,
    operation: Option<&'a str>,
    /// What the setting says, and what it is to say.
    from: &'static str,
    to: &'static str,
}

/// What is to be enforced: a control, or one rule of it, and of which side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) name: String,
    pub(crate) part: &'static str,
}

/// A setting that puts the control into shadow.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Switch {
    /// The API whose it is; `None` at the top of the document.
    api: Option<String>,
    /// Keys that lead to it, from the control's section on.
    below: Vec<String>,
    /// Sides of a call that it speaks of, as reports name them.
    parts: &'static [&'static str],
    /// Whether all of these are keys: what stands in a list cannot be said elsewhere.
    is_listed: bool,
    /// Where it is written, and whether a profile shares it; `None` where it holds by default.
    written: Option<(Span, bool)>,
}

impl Switch {
    fn name(&self) -> String {
        self.below.join(".")
    }

    /// Whether a setting that was named is this one, or what it is in: a key may have dots of its own.
    fn is_in(&self, setting: &str) -> bool {
        (1..=self.below.len())
            .any(|keys| self.below.get(..keys).is_some_and(|keys| keys.join(".") == setting))
    }

    /// The name under which it is counted: that of the control, or of one rule of it.
    fn counted<'s>(&self, control: &'s str, shadow: &'s [InShadow]) -> &'s str {
        let rule = self.below.split_last().map(|(_, rule)| named(control, &rule.join(".")));
        let mut names = shadow.iter().map(|one| one.control.as_str());
        rule.and_then(|rule| names.find(|name| **name == rule)).unwrap_or(control)
    }

    fn is_of_answer(&self) -> bool {
        !self.parts.contains(&"request")
    }
}

impl<'a> Wanted<'a> {
    /// From shadow to enforcement. `control` may name a setting, too: `validation.request`.
    pub(crate) fn promoted(control: &'a str, api: Option<&'a str>, operation: Option<&'a str>) -> Self {
        let (control, setting) = match control.split_once('.') {
            Some((control, setting)) => (control, Some(setting)),
            None => (control, None),
        };
        Self { control, setting, api, operation, from: "shadow", to: "enforce" }
    }

    /// From off to shadow, of an API.
    pub(crate) fn watched(control: &'a str, setting: &'a str, api: &'a str) -> Self {
        let (setting, api) = (Some(setting), Some(api));
        Self { control, setting, api, operation: None, from: "off", to: "shadow" }
    }

    /// Which sides of a call would be enforced, and what of the control, both after the names that reports have for them.
    ///
    /// # Errors
    /// When nothing is in shadow that was named, or too much was named at once.
    pub(crate) fn parts(&self, compiled: &Compiled) -> Result<Vec<Judged>, String> {
        let control = self.control;
        if !controls::CONTROLS.iter().any(|entry| entry.name == control) {
            let names = controls::CONTROLS.iter().map(|entry| entry.name);
            let near = diagnostics::nearest(control, names)
                .map_or_else(String::new, |near| format!(": did you mean `{near}`?"));
            return Err(format!("there is no control `{control}`{near}"));
        }
        let switches = self.switches(compiled)?;
        if switches.is_empty() {
            let named = [("of `", self.api), ("for `", self.operation)];
            let of: String =
                named.iter().filter_map(|(word, name)| name.map(|name| format!(" {word}{name}`"))).collect();
            let setting = self.setting.map_or_else(String::new, |setting| format!(".{setting}"));
            return Err(format!("`{control}{setting}` is not in shadow{of}: `yett shadow` says what is"));
        }
        let sides = [false, true].map(|answer| switches.iter().any(|switch| switch.is_of_answer() == answer));
        if sides == [true, true] && self.setting.is_none() {
            let names: BTreeSet<String> =
                switches.iter().map(|switch| format!("`{control}.{}`", switch.name())).collect();
            let names: Vec<String> = names.into_iter().collect();
            return Err(format!(
                "`{control}` has several settings in shadow: name one of {}",
                names.join(" and ")
            ));
        }
        let shadow = planned(&compiled.snapshot, &self.ask());
        let mut all: Vec<Judged> = Vec::new();
        for switch in &switches {
            let name = switch.counted(control, &shadow);
            let looks = |part: &str| shadow.iter().any(|one| one.control == name && one.part == part);
            // What looks at nothing is judged too: by no call, which speaks for nothing.
            let idle = switch.parts.first().filter(|_| !switch.parts.iter().any(|part| looks(part)));
            for part in switch.parts.iter().filter(|part| looks(part)).chain(idle) {
                let one = Judged { name: name.to_owned(), part };
                if !all.contains(&one) {
                    all.push(one);
                }
            }
        }
        Ok(all)
    }

    fn ask(&self) -> AskShadow {
        AskShadow {
            control: Some(self.control.to_owned()),
            api: self.api.map(str::to_owned),
            operation: self.operation.map(str::to_owned),
            ..AskShadow::default()
        }
    }

    /// Changes it.
    ///
    /// # Errors
    /// When it cannot be changed so, and why.
    pub(crate) fn change(&self, edits: &mut Edits<'_>, compiled: &Compiled) -> Result<(), String> {
        let mut done: BTreeSet<(u32, u32)> = BTreeSet::new();
        let switches = self.switches(compiled)?;
        // What nobody wrote is off without a word.
        if let (true, Some(api), Some(setting)) =
            (switches.is_empty() && self.from == "off", self.api, self.setting)
        {
            let is_written =
                compiled.resolved.api(api).is_some_and(|api| api.section(self.control).is_some());
            return if is_written {
                Ok(())
            } else {
                edits.set(&["apis", api, self.control, setting], self.to)
            };
        }
        for switch in switches {
            let own = self
                .operation
                .map(|operation| Own::of(edits.tree(), &switch, compiled, operation))
                .transpose()?;
            let here = |span: Span| own.as_ref().is_none_or(|own| own.contains(span));
            match switch.written {
                Some((span, shared)) if here(span) && !(shared && self.api.is_some()) => {
                    if done.insert((span.start, span.end)) {
                        edits.replace(span, self.to)?;
                    }
                }
                _ if switch.is_listed => {
                    let control = self.control;
                    return Err(format!(
                        "what is in shadow stands in a list that is shared by more than was named: promote `{control}` as a whole, \
                         or write a list of its own"
                    ));
                }
                _ => {
                    let below = switch.below.iter().map(String::as_str);
                    let mut path: Vec<&str> = match (&switch.api, &own) {
                        (Some(api), Some(own)) => vec!["apis", api, "operations", &own.selector],
                        (Some(api), None) => vec!["apis", api],
                        (None, _) => Vec::new(),
                    };
                    path.push(self.control);
                    path.extend(below);
                    edits.set(&path, self.to)?;
                }
            }
        }
        Ok(())
    }

    /// Whether nothing of it is in shadow any more.
    pub(crate) fn is_done(&self, compiled: &Compiled) -> Result<bool, String> {
        self.switches(compiled).map(|switches| switches.is_empty())
    }

    /// All settings that put it into shadow.
    fn switches(&self, compiled: &Compiled) -> Result<Vec<Switch>, String> {
        let mut all = Vec::new();
        let is_top =
            controls::CONTROLS.iter().any(|entry| entry.name == self.control && entry.gateway.is_some());
        if is_top {
            if self.api.is_some() || self.operation.is_some() {
                return Err(format!(
                    "`{}` holds for the whole gateway: leave out --api and --operation",
                    self.control
                ));
            }
            if let Some(section) = compiled.resolved.complete.get(self.control) {
                self.collect(section, &mut Vec::new(), false, None, &mut all);
            }
        }
        for api in
            compiled.resolved.document.apis.keys().filter(|api| self.api.is_none_or(|wanted| wanted == **api))
        {
            // What is in shadow by default may have nothing to look at here.
            let ask = AskShadow { api: Some(api.clone()), ..self.ask() };
            let idle = self.from == "shadow" && planned(&compiled.snapshot, &ask).is_empty();
            if is_top || idle {
                continue;
            }
            for section in self.sections(compiled, api)? {
                self.collect(&section, &mut Vec::new(), false, Some(api), &mut all);
            }
        }
        all.retain(|switch| self.setting.is_none_or(|setting| switch.is_in(setting)));
        Ok(all)
    }

    /// Finds the settings of a section that say so.
    fn collect(
        &self,
        node: &Node,
        below: &mut Vec<String>,
        is_listed: bool,
        api: Option<&str>,
        out: &mut Vec<Switch>,
    ) {
        let answers = |key: &str| SWITCHES.iter().find(|(name, _)| *name == key).map(|(_, answers)| *answers);
        for entry in node.entries() {
            below.push(entry.key.clone());
            if let Some(answers) = answers(&entry.key)
                && entry.value.as_str() == Some(self.from)
            {
                let written = match &entry.value.origin {
                    Origin::Default(_) | Origin::Preset(..) => None,
                    Origin::Profile(..) => Some((entry.value.span, true)),
                    Origin::File(_) | Origin::Sugar(_) | Origin::Environment(..) => {
                        Some((entry.value.span, false))
                    }
                };
                let parts: &[&str] = match (answers, entry.key.as_str()) {
                    (true, _) => &["answer"],
                    (false, "mode") if below.len() > 1 || !has_own_answers(self.control) => {
                        &["request", "answer"]
                    }
                    (false, _) => &["request"],
                };
                let below = below.clone();
                out.push(Switch { api: api.map(str::to_owned), below, parts, is_listed, written });
            } else {
                self.collect(&entry.value, below, is_listed, api, out);
            }
            below.pop();
        }
        if let Value::Sequence(items) = &node.value {
            items.iter().for_each(|item| self.collect(item, below, true, api, out));
        }
    }

    /// The sections of an API that are meant: its own and those of its operations, or the one that holds for the operation.
    fn sections(&self, compiled: &Compiled, api: &str) -> Result<Vec<Node>, String> {
        let complete = compiled.resolved.complete.at(&["apis", api]);
        let Some(settings) = compiled.resolved.api(api) else { return Ok(Vec::new()) };
        let own = complete.and_then(|api| api.get(self.control)).cloned();
        let Some(operation) = self.operation else {
            let of_operations = settings.operations.iter().flat_map(|operation| &operation.sections);
            let of_operations =
                of_operations.filter(|(name, _)| name == self.control).map(|(_, node)| node.clone());
            return Ok(own.into_iter().chain(of_operations).collect());
        };
        let merged = with_operation(compiled, api, operation, |one| settings.section_for(self.control, one))?;
        Ok(merged.or(own).into_iter().collect())
    }
}

/// Whether a control has a mode for answers beside that of its section, which then speaks of requests alone.
fn has_own_answers(control: &str) -> bool {
    let entry = controls::CONTROLS.iter().find(|entry| entry.name == control);
    let Some(section) = entry.and_then(|entry| entry.section.as_ref()) else { return false };
    let schema = (section.schema)();
    SWITCHES.iter().filter(|(_, answers)| *answers).any(|(key, _)| {
        let kind = schema.pointer(&format!("/properties/{key}/$ref")).and_then(serde_json::Value::as_str);
        kind.is_some_and(|kind| kind.ends_with("/Mode"))
    })
}

/// What could be promoted, as `yett promote` takes it: a control, with its setting where that is not all of it.
pub(crate) fn in_shadow(compiled: &Compiled, api: Option<&str>, operation: Option<&str>) -> Vec<String> {
    let mut all = Vec::new();
    for entry in controls::CONTROLS {
        let wanted = Wanted::promoted(entry.name, api, operation);
        let switches = wanted.switches(compiled).unwrap_or_default();
        let names: BTreeSet<String> = switches.iter().map(Switch::name).collect();
        let alone = names.len() == 1;
        all.extend(names.iter().map(|name| match name.strip_suffix("mode") {
            Some("") if alone => entry.name.to_owned(),
            Some(part) if part.ends_with('.') => format!("{}.{}", entry.name, part.trim_end_matches('.')),
            _ => format!("{}.{name}", entry.name),
        }));
    }
    all.extend(next::is_in_shadow(compiled, api, operation).then(|| String::from(next::NAME)));
    all
}

/// Does something with an operation as selectors see it.
fn with_operation<T>(
    compiled: &Compiled,
    api: &str,
    id: &str,
    act: impl FnOnce(&OperationRef<'_>) -> T,
) -> Result<T, String> {
    let declared =
        compiled.contract(api).and_then(|contract| contract.operations.iter().find(|one| one.id == id));
    let tags: Vec<&str> = declared.iter().flat_map(|one| &one.tags).map(String::as_str).collect();
    let of_name = || id.split_once(' ');
    let named = declared.map(|one| (one.method.as_str(), one.template.as_str())).or_else(of_name);
    let Some((method, template)) = named else {
        return Err(format!("`{api}` has no operation `{id}`"));
    };
    Ok(act(&OperationRef { id: Some(id), method, template, tags: &tags }))
}

/// The entry of an operation under `operations`: where what holds for it alone is written.
struct Own {
    selector: String,
    span: Option<(u32, u32)>,
}

impl Own {
    fn of(tree: &Node, switch: &Switch, compiled: &Compiled, operation: &str) -> Result<Self, String> {
        let Some(api) = switch.api.as_deref() else {
            return Err(String::from("it holds for the whole gateway"));
        };
        let entries = tree.at(&["apis", api, "operations"]).map(Node::entries).unwrap_or_default();
        with_operation(compiled, api, operation, |one| {
            let mine = entries.iter().filter_map(|entry| {
                let selector = entry.key.parse::<Selector>().ok()?;
                (selector.narrowness() > 0 && selector.matches(one)).then_some((selector.narrowness(), entry))
            });
            match mine.max_by_key(|(narrowness, _)| *narrowness) {
                Some((_, entry)) => Self {
                    selector: entry.key.clone(),
                    span: Some((entry.key_span.start, entry.value.span.end)),
                },
                None => Self { selector: operation.to_owned(), span: None },
            }
        })
    }

    fn contains(&self, span: Span) -> bool {
        self.span.is_some_and(|(start, end)| start <= span.start && span.end <= end)
    }
}
