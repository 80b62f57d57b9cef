//! What types cannot say of an upstream: bounds, and keys that exclude each other.

use super::{Deadlines, Upstream};
use crate::node::Node;
use crate::read::Spanned;
use diagnostics::{Diagnostic, Diagnostics, Span};
use std::collections::BTreeMap;
use std::fmt::Display;

/// Most targets of one upstream.
const TARGETS: usize = 64;

/// Reports what is wrong within one upstream.
pub(super) fn check(name: &str, upstream: &Spanned<Upstream>, tree: &Node, out: &mut Diagnostics) {
    deadlines(name, upstream, tree, out);
    targets(name, upstream, out);
    let mut within = |what: &str, value: &dyn Display, good: bool, span: Span, help: &str| {
        if !good {
            let message = format!("`{value}` is out of bounds for `{what}` of the upstream `{name}`");
            out.push(Diagnostic::error("invalid-value", message).at(span).help(help));
        }
    };
    let (outliers, retries) = (&upstream.outliers, &upstream.retries);
    let failures = outliers.failures;
    within(
        "failures",
        &failures.value,
        (1..=1000).contains(&failures.value),
        failures.span,
        "write 1 to 1000",
    );
    let eject = outliers.eject;
    within("eject", &eject.value, !eject.get().is_zero(), eject.span, "write at least `1ms`");
    if let Some(most) = retries.most {
        within("most", &most.value, most.value <= 10, most.span, "write 0 to 10");
    }
    if let Some(per_try) = retries.per_try {
        within("per_try", &per_try.value, !per_try.get().is_zero(), per_try.span, "write at least `1ms`");
    }
    for status in &retries.statuses {
        let help = "write 500 to 599: what the caller did wrong is wrong the second time too";
        within("statuses", &status.value, (500..=599).contains(&status.value), status.span, help);
    }
    let kept = upstream.pool.connections;
    within("connections", &kept.value, (1..=65_535).contains(&kept.value), kept.span, "write 1 to 65535");
}

fn targets(name: &str, upstream: &Spanned<Upstream>, out: &mut Diagnostics) {
    let mut seen = BTreeMap::new();
    for target in &upstream.targets {
        if !(1..=1000).contains(&target.weight.value) {
            let message = format!("`{}` is no weight of a target", target.weight.value);
            let help = "write 1 to 1000, or take the target out";
            out.push(Diagnostic::error("invalid-value", message).at(target.weight.span).help(help));
        }
        let place = (target.url.is_https(), target.url.host(), target.url.port());
        if seen.insert(place, ()).is_some() {
            let message = format!("the upstream `{name}` has `{}` twice", target.url.value);
            let help = "keep one of them: its `weight` gives it more calls";
            out.push(Diagnostic::error("conflict", message).at(target.url.span).help(help));
        }
    }
    if let Some(first) = upstream.targets.get(TARGETS) {
        let message = format!("the upstream `{name}` has {} targets", upstream.targets.len());
        let help = format!("write at most {TARGETS}, or a name that leads to several addresses");
        out.push(Diagnostic::error("invalid-value", message).at(first.url.span).help(help));
    }
}

/// A deadline of no time lets no call through.
fn deadlines(name: &str, upstream: &Spanned<Upstream>, tree: &Node, out: &mut Diagnostics) {
    let Deadlines { connect, first_byte, total, idle } = &upstream.deadlines;
    let all = [("connect", connect), ("first_byte", first_byte), ("total", total), ("idle", idle)];
    for (key, _) in all.into_iter().filter(|(_, deadline)| deadline.get().is_zero()) {
        let span = tree.at(&["upstreams", name, "deadlines", key]).map_or(upstream.span, |node| node.span);
        let message = format!("a deadline of no time lets no call through: `{key}` of the upstream `{name}`");
        out.push(Diagnostic::error("invalid-value", message).at(span).help("write at least `1ms`"));
    }
}
