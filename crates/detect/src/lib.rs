//! Detectors of attacks in the values of a call.
//!
//! What it is for: parameters, fields of forms, strings of JSON bodies, cookies and header fields are looked at one by one, and
//! what would run as SQL, script, shell or another language in some service behind is found, without any file of rules.
//!
//! How: a pass over the bytes tells harmless values (numbers, names, identifiers) for next to nothing. What is left is read by
//! tokenizers, in all its views: as it is, and with percent escapes, base64, JSON and Unicode escapes, HTML character references,
//! UTF-16 and odd widths undone, and opened where it is JSON, GraphQL or a form within a string. Every rule has a score from 1 to 10; what
//! a rule is worth depends on whether the value is short or a text, in which code is quoted and meant no harm.
//!
//! What it promises:
//! - no IO, no state, no panic on any input;
//! - time linear in the value: the views of a value are together at most 12 times as long as it is, plus 4 KiB, are undone in at
//!   most three rounds and opened at most three deep, and every detector reads a view in one pass with a bounded look-ahead;
//! - a value that would unfold beyond that is a finding, not a pass;
//! - it explains itself: family, rule, view, place in the view, score.
//!
//! ```
//! use detect::{Families, Place};
//! detect::prepare();
//! assert_eq!(detect::inspect(Place::Value, b"O'Brien", Families::NONE), None);
//! let found = detect::inspect(Place::Value, b"x' or '1'='1", Families::NONE).ok_or("not found")?;
//! assert_eq!((found.family.name(), found.view.to_string().as_str()), ("sql", "plain"));
//! # Ok::<(), &str>(())
//! ```

mod bytes;
mod code;
mod decode;
mod finding;
mod graphql;
mod html;
mod json;
mod marks;
mod path;
mod shell;
mod sql;
mod stores;
mod target;
mod template;
mod text;
mod views;
mod xml;

pub use finding::{Coding, DEPTH, Families, Family, Finding, View};
pub use text::Place;
pub use views::{form_decoded, percent_decoded};
pub use xml::{xml_is_utf8, xml_parts};

use finding::Best;
use text::Text;

/// The score from which on a finding is an attack, unless somebody says otherwise.
pub const THRESHOLD: u8 = 5;

/// Compiles what is compiled once, so that no call has to wait for it.
pub fn prepare() {
    marks::prepare();
    template::prepare();
}

/// The surest finding in a value, in the view in which it shows, whatever its score; families of `skip` are not looked for.
///
/// `value` is what a reader of its place gets: percent escapes of queries and forms, and escapes of JSON, are undone already.
#[must_use]
pub fn inspect(place: Place, value: &[u8], skip: Families) -> Option<Finding> {
    views::Looker::look(place, value, skip)
}

/// What [`inspect`] finds, with the piece of the view in which it shows: for people who ask why, since it takes memory.
#[must_use]
pub fn explain(place: Place, value: &[u8], skip: Families) -> Option<(Finding, Vec<u8>)> {
    views::Looker::explain(place, value, skip)
}

/// The score of what is more than a condition or a word.
const STATEMENT: u8 = 7;

/// Detectors that take a view for one text, in which quotes begin and end.
fn as_one(text: &Text<'_>, best: &mut Best) {
    sql::detect(text, best);
    shell::detect(text, best);
    target::split(text, best);
    target::detect(text, best);
}

/// All detectors over one view.
fn detect_text(text: &Text<'_>, best: &mut Best) {
    marks::detect(text, best);
    html::detect(text, best);
    path::detect(text, best);
    if text.json {
        // Its strings are looked at by themselves. Who takes it for one text sees quotes and commas between them as well, which make
        // conditions of harmless words; a whole statement they do not make.
        let mut apart = Best::new(best.skip);
        as_one(text, &mut apart);
        if let Some(hit) = apart.hit.filter(|hit| hit.score >= STATEMENT) {
            best.offer(hit);
        }
    } else {
        as_one(text, best);
    }
    code::detect(text, best);
    template::detect(text, best);
    stores::detect(text, best);
    target::serialized(text, best);
}
