//! Rules that are to come, in the document: `inspection.next` looks in shadow, what is promoted becomes `rules`, and `before` says what
//! they were until then, so that there is a way back.

use compile::Compiled;
use manage_api::AskShadow;
use spec::{Edits, Node, quoted};

use crate::in_shadow::in_shadow;
use crate::switch::Judged;

/// The section.
const SECTION: &str = "inspection";
/// What is to come, as reports and promotions name it.
pub(crate) const NAME: &str = "inspection.next";
/// What holds where nothing is said.
const BUILTIN: &str = "builtin";
/// Keys below which names stand, and no sections.
const NAMES: [&str; 4] = ["apis", "profiles", "operations", "environments"];

/// How rules of a new version are taken up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Beside what is in force.
    InShadow,
    /// In its place, to see what that would do.
    InForce,
}

/// A section as it is written.
#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    /// Keys that lead to it.
    path: Vec<String>,
    rules: Option<String>,
    next: Option<String>,
    before: Option<String>,
}

impl Section {
    fn path<'s>(&'s self, key: &'s str) -> Vec<&'s str> {
        self.path.iter().map(String::as_str).chain([key]).collect()
    }

    /// Whether it has rules of a set, whose folder ends with a slash.
    fn is_of(&self, set: &str) -> bool {
        let is = |text: &Option<String>| text.as_deref().is_some_and(|text| plain(text).starts_with(set));
        is(&self.rules) || is(&self.next)
    }
}

/// A path as it is, without what may stand before it.
fn plain(text: &str) -> &str {
    let path = text.strip_prefix("file:").unwrap_or(text);
    path.strip_prefix("./").unwrap_or(path)
}

/// All sections of a document, wherever they are written.
fn sections(node: &Node, path: &mut Vec<String>, out: &mut Vec<Section>) {
    for entry in node.entries() {
        let is_name = path.last().is_some_and(|last| NAMES.contains(&last.as_str()));
        path.push(entry.key.clone());
        if entry.key == SECTION && !is_name {
            let text = |key: &str| entry.value.get(key).and_then(Node::as_str).map(str::to_owned);
            let (rules, next, before) = (text("rules"), text("next"), text("before"));
            out.push(Section { path: path.clone(), rules, next, before });
        } else {
            sections(&entry.value, path, out);
        }
        path.pop();
    }
}

fn all(edits: &Edits<'_>) -> Vec<Section> {
    let mut found = Vec::new();
    sections(edits.tree(), &mut Vec::new(), &mut found);
    found
}

/// Takes up a folder of rules, one version of the set whose folder is `set`: in the sections that have rules of that set; where none
/// has, in those that say which rules they have, and where none does, in all.
///
/// # Errors
/// When there is no section, or it is written in a way that cannot be changed.
pub(crate) fn take_up(edits: &mut Edits<'_>, set: &str, folder: &str, how: How) -> Result<(), String> {
    let found = all(edits);
    let mine = found.iter().any(|section| section.is_of(set));
    let said = found.iter().any(|section| section.rules.is_some());
    let wanted = |section: &&Section| match (mine, said) {
        (true, _) => section.is_of(set),
        (false, true) => section.rules.is_some(),
        (false, false) => true,
    };
    let value = quoted(&format!("file:{folder}"));
    let mut changed = false;
    for section in found.iter().filter(wanted) {
        changed = true;
        match how {
            How::InShadow => edits.set(&section.path("next"), &value)?,
            How::InForce => edits.set(&section.path("rules"), &value)?,
        }
    }
    if changed { Ok(()) } else { Err(String::from("no `inspection` is written that could have these rules")) }
}

/// Puts what is to come in force, of one API or of all.
///
/// # Errors
/// When nothing is to come there.
pub(crate) fn enforce(
    edits: &mut Edits<'_>,
    api: Option<&str>,
    operation: Option<&str>,
) -> Result<(), String> {
    if operation.is_some() {
        return Err(format!("`{NAME}` is promoted for an API or for all: leave out --operation"));
    }
    let is_of =
        |section: &Section, api: &str| section.path.starts_with(&[String::from("apis"), api.to_owned()]);
    let mut changed = false;
    for section in all(edits).iter().filter(|section| api.is_none_or(|api| is_of(section, api))) {
        let Some(next) = &section.next else { continue };
        changed = true;
        let before = section.rules.as_deref().unwrap_or(BUILTIN);
        edits.set(&section.path("before"), &quoted(before))?;
        edits.set(&section.path("rules"), &quoted(next))?;
        edits.remove(&section.path("next"))?;
    }
    if changed { Ok(()) } else { Err(format!("`{NAME}` is not written there: `yett update` writes it")) }
}

/// Goes back: what is to come does not come, and where nothing is to come, what was before the last promotion is in force again.
///
/// # Errors
/// When there is nothing to go back to.
pub(crate) fn back(edits: &mut Edits<'_>) -> Result<(), String> {
    let found = all(edits);
    let is_to_come = found.iter().any(|section| section.next.is_some());
    let mut changed = false;
    for section in &found {
        match (&section.next, &section.before) {
            (Some(_), _) => edits.remove(&section.path("next"))?,
            (None, Some(before)) if !is_to_come => {
                edits.set(&section.path("rules"), &quoted(before))?;
                edits.remove(&section.path("before"))?;
            }
            _ => continue,
        }
        changed = true;
    }
    if changed { Ok(()) } else { Err(String::from("nothing is to come, and nothing says what was before")) }
}

/// Folders of rules that were in force before.
pub(crate) fn before(text: &str) -> Vec<String> {
    let Some(edits) = Edits::new(text) else { return Vec::new() };
    let folders = all(&edits).into_iter().filter_map(|section| section.before);
    let folders = folders.filter(|folder| folder != BUILTIN);
    folders
        .map(|folder| folder.strip_prefix("file:").unwrap_or(&folder).trim_end_matches('/').to_owned())
        .collect()
}

/// Whether this is what a promotion names.
pub(crate) fn is_named(control: &str) -> bool {
    control == NAME
}

/// What speaks for it.
pub(crate) fn judged() -> Judged {
    Judged { name: String::from(NAME), part: "request" }
}

/// Whether something is to come.
pub(crate) fn is_in_shadow(compiled: &Compiled, api: Option<&str>, operation: Option<&str>) -> bool {
    let ask = AskShadow {
        control: Some(String::from(SECTION)),
        api: api.map(str::to_owned),
        operation: operation.map(str::to_owned),
        ..AskShadow::default()
    };
    in_shadow(&compiled.snapshot, &ask).iter().any(|one| one.control == NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(
        text: &str,
        change: impl FnOnce(&mut Edits<'_>) -> Result<(), String>,
    ) -> Result<String, String> {
        let mut edits = Edits::new(text).unwrap();
        change(&mut edits)?;
        edits.finish().map(|(text, _)| text)
    }

    fn taken(text: &str) -> Result<String, String> {
        changed(text, |edits| take_up(edits, "updates/crs/", "updates/crs/42", How::InShadow))
    }

    #[test]
    fn a_version_comes_where_its_set_is_and_goes_back_the_way_it_came() {
        let old = "profiles:\n  p:\n    inspection:\n      rules: file:updates/crs/41 # kept\napis:\n  inspection: { inspection: { rules: file:mine } }\n";
        let next = taken(old).unwrap();
        assert_eq!(next, old.replace("# kept\n", "# kept\n      next: file:updates/crs/42\n"));
        let newer = changed(&next, |edits| take_up(edits, "updates/crs/", "updates/crs/43", How::InShadow));
        assert_eq!(newer, Ok(next.replace("/42", "/43")));
        assert_eq!(changed(&next, back).as_deref(), Ok(old));
        let forced = changed(&next, |edits| enforce(edits, None, None)).unwrap();
        assert_eq!(forced, old.replace("/41 # kept\n", "/42 # kept\n      before: file:updates/crs/41\n"));
        assert_eq!(before(&forced), ["updates/crs/41"]);
        assert_eq!(changed(&forced, back).as_deref(), Ok(old));
        assert!(changed(old, back).is_err());
        assert!(changed(&next, |edits| enforce(edits, Some("inspection"), None)).is_err());
        let tried = changed(old, |edits| take_up(edits, "updates/crs/", "updates/crs/42", How::InForce));
        assert_eq!(tried, Ok(old.replace("/41", "/42")));
    }

    #[test]
    fn the_first_version_comes_beside_what_there_is() {
        for (old, next, forced) in [
            (
                "apis:\n  a: { inspection: { mode: enforce } }\n",
                "apis:\n  a: { inspection: { next: file:updates/crs/42, mode: enforce } }\n",
                "apis:\n  a: { inspection: { before: builtin, rules: file:updates/crs/42, mode: enforce } }\n",
            ),
            (
                "apis:\n  a:\n    inspection: { rules: builtin }\n    operations: { b: { inspection: { mode: shadow } } }\n",
                "apis:\n  a:\n    inspection: { next: file:updates/crs/42, rules: builtin }\n    operations: { b: { inspection: { mode: shadow } } }\n",
                "apis:\n  a:\n    inspection: { before: builtin, rules: file:updates/crs/42 }\n    operations: { b: { inspection: { mode: shadow } } }\n",
            ),
        ] {
            assert_eq!(taken(old).as_deref(), Ok(next));
            assert_eq!(changed(next, |edits| enforce(edits, None, None)).as_deref(), Ok(forced));
            let undone = changed(forced, back).unwrap();
            assert!(undone.contains("rules: builtin") && !undone.contains("before"), "{undone}");
            assert!(before(forced).is_empty());
        }
        assert!(taken("apis:\n  inspection: { contract: none }\n").is_err());
    }
}
