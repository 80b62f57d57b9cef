//! Bindings by whether they refuse: a section has them in any mode beside each other.

use std::sync::Arc;

use diagnostics::Span;
use spec::Mode;

use super::Binding;

/// A binding as one operation has it.
pub(super) struct Bound {
    pub(super) binding: Arc<Binding>,
    pub(super) mode: Mode,
    /// Where it is written, when its mode is its own.
    pub(super) own: Option<Span>,
}

/// Bindings that are one control.
pub(super) struct Group {
    pub(super) bindings: Vec<Arc<Binding>>,
    /// These and those that are enforced beside them: where ids are known to stand.
    pub(super) known: Vec<Arc<Binding>>,
    pub(super) mode: engine::Mode,
    pub(super) rule: Option<Box<str>>,
    pub(super) span: Span,
}

/// Those that are in shadow by themselves are a control each, since each is judged by itself; they speak first, so that what an enforced one
/// refuses is known of them too. What is in shadow changes nothing of what is enforced: its places are not known there, where an
/// id under its own name counts as well.
pub(super) fn groups(bound: &[Bound], span: Span) -> Vec<Group> {
    let those = |mode: Mode, own: bool| {
        let those = bound.iter().filter(move |one| one.mode == mode && (own || one.own.is_none()));
        those.map(|one| Arc::clone(&one.binding)).collect::<Vec<_>>()
    };
    let enforced = those(Mode::Enforce, true);
    let group = |bindings: Vec<Arc<Binding>>, mode, rule, span| {
        let beside = enforced.iter().filter(|_| mode == engine::Mode::Shadow);
        let known = bindings.iter().chain(beside).map(Arc::clone).collect();
        Group { bindings, known, mode, rule, span }
    };
    let own = bound.iter().filter(|one| one.mode == Mode::Shadow).filter_map(|one| {
        let rule = Some(format!("bindings.{}", one.binding.name).into());
        Some(group(vec![Arc::clone(&one.binding)], engine::Mode::Shadow, rule, one.own?))
    });
    let rest = [
        group(those(Mode::Shadow, false), engine::Mode::Shadow, None, span),
        group(enforced.clone(), engine::Mode::Enforce, None, span),
    ];
    own.chain(rest).filter(|group| !group.bindings.is_empty()).collect()
}
