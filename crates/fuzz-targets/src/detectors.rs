//! The detectors of values, and the readers of parts that feed them.
//!
//! The property that matters most: writing every byte as a percent escape hides nothing, so each view is read as a value is.

use detect::{Families, Place, THRESHOLD};

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 8) else { return };
    match selector {
        0 => value(Place::Value, rest),
        1 => value(Place::Name, rest),
        2 => value(Place::Header, rest),
        3 => value(Place::Path, rest),
        4 => hidden(rest),
        5 => detect::xml_parts(rest, |part| inside(rest, part)),
        _ => {
            assert!(detect::form_decoded(rest).len() <= rest.len().max(1) * 3);
            assert!(detect::percent_decoded(rest).len() <= rest.len().max(1) * 3);
        }
    }
}

fn value(place: Place, value: &[u8]) {
    let found = detect::inspect(place, value, Families::NONE);
    assert_eq!(found, detect::inspect(place, value, Families::NONE), "the same value, the same finding");
    let Some(finding) = found else { return };
    assert!(finding.start <= finding.end && (1..=10).contains(&finding.score), "{finding:?}");
    if finding.view.depth() == 0 {
        assert!(finding.end <= value.len() + 16, "{finding:?}");
    }
    let without = detect::inspect(place, value, Families::NONE.with(finding.family));
    assert!(without.is_none_or(|other| other.family != finding.family), "what is left out is not found");
    assert_eq!(detect::inspect(place, value, Families::ALL), None);
}

fn hidden(value: &[u8]) {
    let found = |value: &[u8]| {
        detect::inspect(Place::Value, value, Families::NONE).is_some_and(|finding| finding.score >= THRESHOLD)
    };
    let encoded: String = value.iter().map(|byte| format!("%{byte:02x}")).collect();
    assert!(!found(value) || found(encoded.as_bytes()), "an encoding hides it");
}

/// Parts are borrowed from the body, and come to no more than it is.
fn inside(body: &[u8], part: &[u8]) {
    assert!(part.len() <= body.len());
}
