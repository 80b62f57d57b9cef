//! The configuration document: YAML to a resolved shape, and the units in it.

use std::fmt::Display;
use std::str::FromStr;

use diagnostics::{Diagnostics, Sources};

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 3) else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match selector {
        0 => resolve(text, None),
        1 => resolve(text, Some("prod")),
        _ => units(text),
    }
}

/// Nothing is refused in silence, and places lie within the text.
fn resolve(text: &str, environment: Option<&str>) {
    let (mut sources, mut out) = (Sources::default(), Diagnostics::new());
    let file = sources.add("yett.yaml", text);
    let Some(node) = spec::parse(text, file, &mut out) else {
        return assert!(out.has_errors(), "refused without a reason");
    };
    let Some(resolved) = spec::resolve(&node, environment, &[], &mut out) else {
        return assert!(out.has_errors(), "refused without a reason");
    };
    spec::dangers(&resolved.document, &mut out);
    if !out.has_errors() {
        let printed = spec::print(&resolved, &sources);
        let mut again = Diagnostics::new();
        let file = sources.add("printed.yaml", printed.as_str());
        assert!(spec::parse(&printed, file, &mut again).is_some(), "what is printed does not parse");
    }
}

/// What a unit prints is read again as the same.
fn units(text: &str) {
    round_trip::<spec::Duration>(text);
    round_trip::<spec::Size>(text);
    round_trip::<spec::Rate>(text);
    round_trip::<spec::Url>(text);
    round_trip::<spec::Bind>(text);
    round_trip::<spec::Cidr>(text);
    round_trip::<spec::FileRef>(text);
    round_trip::<spec::FileOrUrl>(text);
    round_trip::<spec::Selector>(text);
    round_trip::<spec::Allow>(text);
    let _ = text.parse::<spec::SecretRef>();
}

fn round_trip<T: FromStr + Display + PartialEq>(text: &str) {
    let Ok(value) = text.parse::<T>() else { return };
    let printed = value.to_string();
    let again = printed.parse::<T>().ok();
    assert!(again.is_some_and(|again| again == value), "`{printed}` is something else");
}
