//! Conditions as they are evaluated: without the places that they were read from, and what they read.
//!
//! The evaluator hands the place of each expression to the value that comes of it. A place refers to the whole text of its file, so that
//! all cores would count references of one text at every step of every policy.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy_core::ast::{EntityUID, Expr, ExprKind, Literal, Var};
use smol_str::SmolStr;

/// The same expression without places.
pub(crate) fn bare(expr: &Expr) -> Expr {
    let all = |exprs: &[Expr]| exprs.iter().map(bare).collect::<Vec<_>>();
    match expr.expr_kind() {
        ExprKind::Lit(Literal::EntityUID(uid)) => Expr::val(nowhere(uid)),
        ExprKind::Lit(literal) => Expr::val(literal.clone()),
        ExprKind::Var(var) => Expr::var(*var),
        ExprKind::Slot(slot) => Expr::slot(*slot),
        ExprKind::Unknown(unknown) => Expr::unknown(unknown.clone()),
        ExprKind::If { test_expr, then_expr, else_expr } => {
            Expr::ite(bare(test_expr), bare(then_expr), bare(else_expr))
        }
        ExprKind::And { left, right } => Expr::and(bare(left), bare(right)),
        ExprKind::Or { left, right } => Expr::or(bare(left), bare(right)),
        ExprKind::UnaryApp { op, arg } => Expr::unary_app(*op, bare(arg)),
        ExprKind::BinaryApp { op, arg1, arg2 } => Expr::binary_app(*op, bare(arg1), bare(arg2)),
        ExprKind::ExtensionFunctionApp { fn_name, args } => {
            Expr::call_extension_fn(fn_name.clone(), all(args))
        }
        ExprKind::GetAttr { expr, attr } => Expr::get_attr(bare(expr), attr.clone()),
        ExprKind::HasAttr { expr, attr } => Expr::has_attr(bare(expr), attr.clone()),
        ExprKind::ExtHasAttr { expr, attrs } => Expr::extended_has_attr(bare(expr), attrs.clone()),
        ExprKind::Like { expr, pattern } => Expr::like(bare(expr), pattern.clone()),
        ExprKind::Is { expr, entity_type } => Expr::is_entity_type(bare(expr), entity_type.clone()),
        ExprKind::Set(items) => Expr::set(all(items)),
        ExprKind::Record(members) => Expr::record_arc(Arc::new(
            members.iter().map(|(name, member)| (name.clone(), bare(member))).collect(),
        )),
    }
}

/// Whether an expression has more levels; does not call itself.
pub(crate) fn is_deeper(expr: &Expr, levels: usize) -> bool {
    let mut open: Vec<(&Expr, usize)> = vec![(expr, 1)];
    while let Some((expr, level)) = open.pop() {
        if level > levels {
            return true;
        }
        let mut below = |expr| open.push((expr, level + 1));
        match expr.expr_kind() {
            ExprKind::Lit(_) | ExprKind::Var(_) | ExprKind::Slot(_) | ExprKind::Unknown(_) => {}
            ExprKind::If { test_expr, then_expr, else_expr } => {
                [test_expr, then_expr, else_expr].into_iter().for_each(|expr| below(&**expr));
            }
            ExprKind::And { left, right } | ExprKind::Or { left, right } => {
                [left, right].into_iter().for_each(|expr| below(&**expr));
            }
            ExprKind::BinaryApp { arg1, arg2, .. } => {
                [arg1, arg2].into_iter().for_each(|expr| below(&**expr));
            }
            ExprKind::UnaryApp { arg: expr, .. }
            | ExprKind::GetAttr { expr, .. }
            | ExprKind::HasAttr { expr, .. }
            | ExprKind::ExtHasAttr { expr, .. }
            | ExprKind::Like { expr, .. }
            | ExprKind::Is { expr, .. } => below(&**expr),
            ExprKind::ExtensionFunctionApp { args: all, .. } | ExprKind::Set(all) => {
                all.iter().for_each(&mut below);
            }
            ExprKind::Record(members) => members.values().for_each(&mut below),
        }
    }
    false
}

/// An entity without the place where it was named.
pub(crate) fn nowhere(uid: &EntityUID) -> EntityUID {
    EntityUID::from_components(uid.entity_type().clone(), uid.eid().clone(), None)
}

/// What a condition reads.
#[derive(Debug, Default)]
pub(crate) struct Reads {
    /// Names of attributes, of whatever they are.
    pub(crate) attributes: BTreeSet<SmolStr>,
    /// Entities that it names.
    pub(crate) entities: Vec<Arc<EntityUID>>,
    /// Whether it reads the action.
    pub(crate) action: bool,
    /// Whether it reads the context, or the time in it, as a whole.
    pub(crate) whole: bool,
}

impl Reads {
    pub(crate) fn of(condition: Option<&Expr>) -> Self {
        let mut reads = Self::default();
        // Each of the two, and how often one of its members was read.
        let (mut contexts, mut times) = ((0_usize, 0_usize), (0_usize, 0_usize));
        for expr in condition.iter().flat_map(|condition| condition.subexpressions()) {
            if let Some(of) = looked_into(expr) {
                contexts.1 += usize::from(is_context(of));
                times.1 += usize::from(is_time(of));
            }
            contexts.0 += usize::from(is_context(expr));
            times.0 += usize::from(is_time(expr));
            match expr.expr_kind() {
                ExprKind::GetAttr { attr, .. } | ExprKind::HasAttr { attr, .. } => {
                    reads.attributes.insert(attr.clone());
                }
                ExprKind::ExtHasAttr { attrs, .. } => reads.attributes.extend(attrs.iter().cloned()),
                ExprKind::Var(Var::Action) => reads.action = true,
                ExprKind::Lit(Literal::EntityUID(uid)) => reads.entities.push(Arc::clone(uid)),
                _ => {}
            }
        }
        reads.whole = contexts.0 > contexts.1 || times.0 > times.1;
        reads
    }
}

/// That of which an expression reads a member.
fn looked_into(expr: &Expr) -> Option<&Expr> {
    match expr.expr_kind() {
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. } => Some(expr),
        _ => None,
    }
}

fn is_context(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::Var(Var::Context))
}

fn is_time(expr: &Expr) -> bool {
    matches!(expr.expr_kind(), ExprKind::GetAttr { expr, attr } if attr == "time" && is_context(expr))
}
