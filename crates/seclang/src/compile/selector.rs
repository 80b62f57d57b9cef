//! Targets.

use diagnostics::Diagnostics;
use regex::bytes::RegexBuilder;

use crate::parse;
use crate::pcre;
use crate::rule::{Members, Selector};
use crate::syntax::{Key, Target};
use crate::template::Names;
use crate::variable::Variable;

/// Compiles one target; patterns ignore case, as names do.
pub(super) fn compile(target: &Target, names: &mut Names, found: &mut Diagnostics) -> Option<Selector> {
    let members = match &target.key {
        Key::Any => Members::All,
        Key::Name(name) => Members::Named(name.to_ascii_lowercase().into_bytes().into_boxed_slice()),
        Key::Pattern(pattern) => {
            let compiled = pcre::translate(pattern)
                .ok()
                .filter(|translated| translated.widened.is_empty())
                .and_then(|translated| {
                    let mut builder = RegexBuilder::new(&translated.pattern);
                    builder.unicode(false).dot_matches_new_line(true).case_insensitive(true).build().ok()
                });
            let Some(regex) = compiled else {
                let message = format!("`/{pattern}/` is not a pattern that this engine can match");
                found.push(parse::error("seclang-bad-pattern", message, target.span));
                return None;
            };
            Members::Matching(Box::new(regex))
        }
    };
    let slot = match &members {
        Members::Named(name) if target.variable == Variable::Tx => Some(names.slot(name)),
        _ => None,
    };
    Some(Selector { variable: target.variable, members, count: target.count, slot, slots: Box::default() })
}
