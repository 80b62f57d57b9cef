//! From directives to a program: rules with their chains, updates applied, skips resolved, gates folded, indexed.

mod build;
mod captures;
mod fold;
mod index;
mod selector;

use std::collections::HashMap;

use diagnostics::{Diagnostic, Diagnostics, Sources};

use crate::bits::Bits;
use crate::parse;
use crate::rule::{Control, Rule, selects};
use crate::store::Value;
use crate::syntax::{Control as ControlSyntax, Directive, DirectiveKind, Mode, Select, SettingSyntax};
use crate::template::Names;
use crate::texts::Keys;
use crate::variable::Variable;
use crate::{Assets, Engine, RuleFile, Settings};

pub(crate) use index::{PhaseIndex, Prefilter, VariableIndex};

/// What is collected while directives are read.
pub(crate) struct Compiler<'a> {
    assets: &'a dyn Assets,
    names: Names,
    rules: Vec<Rule>,
    /// Where each rule wants to go on after a match, by name or by count.
    skips: Vec<Option<build::Skip>>,
    markers: HashMap<String, usize>,
    updates: Vec<Directive>,
    settings: Settings,
    found: Diagnostics,
}

/// Compiles rule files, in order; all errors at once.
pub(crate) fn load(files: &[RuleFile<'_>], assets: &dyn Assets) -> (Option<Engine>, Diagnostics, Sources) {
    let mut sources = Sources::default();
    let mut compiler = Compiler {
        assets,
        names: Names::default(),
        rules: Vec::new(),
        skips: Vec::new(),
        markers: HashMap::new(),
        updates: Vec::new(),
        settings: Settings::default(),
        found: Diagnostics::new(),
    };
    let mut directives = Vec::new();
    for file in files {
        let id = sources.add(file.name, file.text);
        directives.extend(parse::file(file.text, id, &mut compiler.found));
    }
    compiler.read(directives);
    let failed = compiler.found.iter().any(|found| found.severity == diagnostics::Severity::Error);
    let engine = if failed { None } else { compiler.finish() };
    let (engine, found) = match engine {
        Some((engine, found)) => (Some(engine), found),
        None => (None, std::mem::take(&mut compiler.found)),
    };
    (engine, found, sources)
}

impl Compiler<'_> {
    fn read(&mut self, directives: Vec<Directive>) {
        let mut chain = build::Open::default();
        for directive in directives {
            let is_rule = matches!(directive.kind, DirectiveKind::Rule(_));
            if !is_rule {
                self.end_chain(&mut chain);
            }
            match directive.kind {
                DirectiveKind::Rule(rule) => self.rule(&rule, &mut chain),
                DirectiveKind::Marker(name) => {
                    self.markers.insert(name, self.rules.len());
                }
                DirectiveKind::DefaultAction(actions) => chain.set_defaults(actions),
                DirectiveKind::Setting(setting) => self.settings.apply(setting),
                _ => self.updates.push(directive),
            }
        }
        self.end_chain(&mut chain);
        self.resolve_skips();
        self.apply_updates();
        self.resolve_controls();
        self.check_ids();
    }

    fn end_chain(&mut self, chain: &mut build::Open) {
        if chain.is_open() {
            chain.close();
            if let Some(rule) = self.rules.last() {
                let error = Diagnostic::error(
                    "seclang-open-chain",
                    format!("the chain of rule {} does not end", rule.id),
                );
                self.found.push(error.at(rule.span).help("remove `chain` from its last rule"));
            }
        }
    }

    fn check_ids(&mut self) {
        let mut seen = HashMap::new();
        for rule in &self.rules {
            if seen.insert(rule.id, rule.span).is_some() {
                let error = Diagnostic::error(
                    "seclang-twice",
                    format!("there are two rules with the id {}", rule.id),
                );
                self.found.push(error.at(rule.span));
            }
        }
    }

    fn resolve_skips(&mut self) {
        for (at, skip) in self.skips.iter().enumerate() {
            let Some(rule) = self.rules.get(at) else { continue };
            let target = match skip {
                None => continue,
                Some(build::Skip::Count(count)) => {
                    let later = self
                        .rules
                        .iter()
                        .enumerate()
                        .skip(at + 1)
                        .filter(|(_, later)| later.phase == rule.phase);
                    later.map(|(index, _)| index).nth(*count as usize).unwrap_or(self.rules.len())
                }
                Some(build::Skip::After(name)) => {
                    match self.markers.get(name).copied().or_else(|| self.after_id(name)) {
                        Some(target) if target > at => target,
                        _ => {
                            let message = format!("there is no marker `{name}` after this rule");
                            self.found.push(Diagnostic::error("seclang-no-marker", message).at(rule.span));
                            continue;
                        }
                    }
                }
            };
            if let Some(rule) = self.rules.get_mut(at) {
                rule.skip_to = Some(target);
            }
        }
    }

    /// `skipAfter` may name a rule.
    fn after_id(&self, name: &str) -> Option<usize> {
        let id: u64 = name.parse().ok()?;
        self.rules.iter().position(|rule| rule.id == id).map(|at| at + 1)
    }

    fn selected(&self, selects_any: &[Select]) -> Bits {
        let mut bits = Bits::new(self.rules.len());
        for (at, rule) in self.rules.iter().enumerate() {
            if selects_any.iter().any(|select| selects(select, rule)) {
                bits.insert(at);
            }
        }
        bits
    }

    fn apply_updates(&mut self) {
        let mut removed = Bits::new(self.rules.len());
        for directive in std::mem::take(&mut self.updates) {
            match directive.kind {
                DirectiveKind::Remove(select) => removed.add(&self.selected(&select)),
                DirectiveKind::UpdateTarget(select, targets) => {
                    let meant = self.selected(&select);
                    for target in &targets {
                        let Some(selector) = selector::compile(target, &mut self.names, &mut self.found)
                        else {
                            continue;
                        };
                        for at in meant.iter() {
                            let link = self.rules.get_mut(at).and_then(|rule| rule.links.first_mut());
                            let Some(link) = link else { continue };
                            let list = if target.exclude { &mut link.excluded } else { &mut link.targets };
                            list.push(selector.clone());
                        }
                    }
                }
                DirectiveKind::UpdateAction(select, actions) => {
                    for at in self.selected(&select).iter() {
                        self.update_actions(at, &actions);
                    }
                }
                _ => {}
            }
        }
        self.drop_rules(&removed);
    }

    /// A removed rule stays in its place, so that skips still hold, and never runs.
    fn drop_rules(&mut self, removed: &Bits) {
        for at in removed.iter() {
            if let Some(rule) = self.rules.get_mut(at) {
                rule.phase = 0;
            }
        }
    }

    fn resolve_controls(&mut self) {
        let mut resolved: Vec<(usize, usize, usize, Control)> = Vec::new();
        for (at, rule) in self.rules.iter().enumerate() {
            for (link_at, link) in rule.links.iter().enumerate() {
                for (control_at, control) in link.controls.iter().enumerate() {
                    let Control::Plain(control) = control else { continue };
                    let control = match control {
                        ControlSyntax::Remove(select) => Control::Remove(self.selected(select)),
                        ControlSyntax::RemoveTarget(select, target) => {
                            let meant = self.selected(std::slice::from_ref(select));
                            let Some(selector) = selector::compile(target, &mut self.names, &mut self.found)
                            else {
                                continue;
                            };
                            Control::RemoveTarget(meant, selector)
                        }
                        _ => continue,
                    };
                    resolved.push((at, link_at, control_at, control));
                }
            }
        }
        for (at, link, control, value) in resolved {
            let slot = self.rules.get_mut(at).and_then(|rule| rule.links.get_mut(link));
            if let Some(slot) = slot.and_then(|link| link.controls.get_mut(control)) {
                *slot = value;
            }
        }
    }

    fn finish(&mut self) -> Option<(Engine, Diagnostics)> {
        let mut rules = std::mem::take(&mut self.rules);
        let names = std::mem::take(&mut self.names);
        let folded = fold::fold(&rules, &names);
        for (at, rule) in rules.iter_mut().enumerate() {
            if folded.certain.contains(at) {
                rule.links.iter_mut().for_each(|link| link.test = None);
            }
            rule.links.iter_mut().for_each(|link| link.gathered = link.is_static());
            for target in rule.links.iter_mut().flat_map(|link| &mut link.targets) {
                target.find_slots(&names);
            }
        }
        let total = rules.len();
        let mut known = crate::Known::default();
        for rule in rules.iter().filter(|rule| rule.phase > 0) {
            known.ids.insert(rule.id);
            known.tags.extend(rule.tags.iter().cloned());
        }
        let mut rules = compacted(rules, &folded.removed);
        captures::narrow(&mut rules);
        let prefilter = Prefilter::new(&rules).map_err(|error| self.found.push(error)).ok()?;
        let count = rules.len();
        let mut targets = rules.iter().flat_map(|rule| &rule.links).flat_map(|link| &link.targets);
        let reads_files = targets.any(|target| target.variable == Variable::FilesTmpContent);
        let phases = std::array::from_fn(|at| {
            let phase = u8::try_from(at + 1).unwrap_or(u8::MAX);
            PhaseIndex::new(phase, &rules)
        });
        let initial: Vec<Option<Value>> = folded.initial;
        let engine = Engine {
            rules,
            total,
            names,
            phases,
            prefilter,
            initial,
            folded: total - count,
            reads_files,
            keys: Keys::new(),
            known,
            settings: std::mem::take(&mut self.settings),
        };
        Some((engine, std::mem::take(&mut self.found)))
    }
}

/// Without the rules that never run, so that sets of rules are small.
fn compacted(rules: Vec<Rule>, removed: &Bits) -> Vec<Rule> {
    let mut numbers: Vec<Option<usize>> = Vec::with_capacity(rules.len());
    let mut next = 0;
    // Where a skip to a rule that is gone goes on: at the next one that stays.
    let mut landings: Vec<usize> = Vec::with_capacity(rules.len() + 1);
    for (at, rule) in rules.iter().enumerate() {
        let stays = !removed.contains(at) && rule.phase > 0;
        landings.push(next);
        numbers.push(stays.then_some(next));
        next += usize::from(stays);
    }
    landings.push(next);
    let mut kept = Vec::with_capacity(next);
    for (mut rule, number) in rules.into_iter().zip(&numbers) {
        if number.is_none() {
            continue;
        }
        rule.skip_to = rule.skip_to.map(|to| landings.get(to).copied().unwrap_or(next));
        for control in rule.links.iter_mut().flat_map(|link| &mut link.controls) {
            if let Control::Remove(meant) | Control::RemoveTarget(meant, _) = control {
                *meant = meant.renumbered(&numbers, next);
            }
        }
        kept.push(rule);
    }
    kept
}

impl Settings {
    fn apply(&mut self, setting: SettingSyntax) {
        let size = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        match setting {
            SettingSyntax::Engine(mode) => self.mode = mode,
            SettingSyntax::RequestBodyAccess(on) => self.request_body_access = on,
            SettingSyntax::RequestBodyLimit(value) => self.request_body_limit = size(value),
            SettingSyntax::RequestBodyNoFilesLimit(value) => self.request_body_no_files_limit = size(value),
            SettingSyntax::RequestBodyLimitReject(reject) => self.request_body_limit_reject = reject,
            SettingSyntax::ResponseBodyAccess(on) => self.response_body_access = on,
            SettingSyntax::ResponseBodyLimit(value) => self.response_body_limit = size(value),
            SettingSyntax::ResponseBodyLimitReject(reject) => self.response_body_limit_reject = reject,
            SettingSyntax::ResponseBodyMimeTypes(types) => self.response_body_types = types,
            SettingSyntax::ArgumentSeparator(byte) => self.argument_separator = byte,
            SettingSyntax::ArgumentsLimit(value) => self.arguments_limit = size(value),
            SettingSyntax::JsonDepthLimit(value) => self.json_depth_limit = size(value),
            SettingSyntax::Elsewhere => {}
        }
        if self.mode == Mode::DetectionOnly {
            self.request_body_limit_reject = false;
        }
    }
}

#[cfg(test)]
mod tests;
