//! What commands that change the document have in common: what comes out is compiled as `yett check` does, shown with what it does, and
//! written when the person agrees.

use compile::Compiled;
use diagnostics::Sources;
use policy_diff::Effect;
use spec::Edits;

use super::check::compile_once;
use super::{Which, diff};
use crate::load::{self, Loaded};
use crate::{render, rewrite, terminal};

/// A document that is to be changed.
pub(super) struct Rewriting<'w> {
    which: &'w Which,
    pub(super) loaded: Loaded,
    /// As it is.
    pub(super) compiled: Compiled,
    pub(super) sources: Sources,
}

/// What it becomes.
pub(super) struct Rewritten {
    text: String,
    patch: String,
    pub(super) compiled: Compiled,
    pub(super) sources: Sources,
}

impl<'w> Rewriting<'w> {
    /// Reads and compiles it.
    pub(super) fn begin(which: &'w Which) -> Result<Self, String> {
        let loaded = load::load(&which.config, which.env.as_deref(), None)?;
        let (compiled, sources) = compile(which, &loaded, &loaded.text)?;
        Ok(Self { which, loaded, compiled, sources })
    }

    /// Its text, to be changed.
    pub(super) fn edits(&self) -> Result<Edits<'_>, String> {
        Edits::new(&self.loaded.text).ok_or_else(|| format!("`{}` cannot be read", self.loaded.name))
    }

    /// Compiles what it becomes: nothing is written that would not be served.
    pub(super) fn compiled(&self, edits: Edits<'_>) -> Result<Rewritten, String> {
        let (text, patch) = edits.finish()?;
        let (compiled, sources) = compile(self.which, &self.loaded, &text)?;
        Ok(Rewritten { patch: patch.diff(&self.loaded.name, &self.loaded.text), text, compiled, sources })
    }

    /// Shows the change and what it does; says whether that is nowhere weaker.
    pub(super) fn show(&self, new: &Rewritten) -> Result<bool, String> {
        terminal::out(render::printable_lines(new.patch.trim_end()));
        let environment = self.which.env.as_deref();
        let old = diff::behavior(&self.loaded, &self.loaded.text, environment)?;
        let changes = policy_diff::compare(&old, &diff::behavior(&self.loaded, &new.text, environment)?);
        diff::show(&changes);
        Ok(changes.iter().all(|change| change.effect != Effect::Weaker))
    }

    /// Writes it, when the person agrees or said so before.
    pub(super) fn write(&self, new: &Rewritten, yes: bool) -> Result<(), String> {
        agreed(&self.loaded.name, yes)?;
        rewrite::replace(&self.which.config, &self.loaded.text, &new.text)?;
        written(&self.loaded.name);
        Ok(())
    }
}

/// Changes a document that may not be good as it is: what it becomes has to be. `also` reads what only the changed one names.
pub(super) fn mend(
    which: &Which,
    also: impl FnOnce(&mut Loaded),
    change: impl FnOnce(&mut Edits<'_>) -> Result<(), String>,
    (dry_run, yes): (bool, bool),
) -> Result<(), String> {
    let mut loaded = load::load(&which.config, which.env.as_deref(), None)?;
    also(&mut loaded);
    let name = &loaded.name;
    let mut edits = Edits::new(&loaded.text).ok_or_else(|| format!("`{name}` cannot be read"))?;
    change(&mut edits)?;
    let (text, patch) = edits.finish()?;
    compile(which, &loaded, &text)?;
    terminal::out(render::printable_lines(patch.diff(name, &loaded.text).trim_end()));
    if dry_run {
        return Ok(());
    }
    agreed(name, yes)?;
    rewrite::replace(&which.config, &loaded.text, &text)?;
    written(name);
    Ok(())
}

/// Goes on when the person agrees, or said so before.
fn agreed(name: &str, yes: bool) -> Result<(), String> {
    if !yes && !terminal::agrees(&format!("write this to `{name}`?"))? {
        return Err(String::from("nothing was written"));
    }
    Ok(())
}

fn written(name: &str) {
    terminal::say(format_args!(
        "written: {name}; a gateway that runs it takes it up by itself, `yett status` says when"
    ));
}

/// Compiles a text in the place of the document that was loaded; what is wrong with it is told.
fn compile(which: &Which, loaded: &Loaded, text: &str) -> Result<(Compiled, Sources), String> {
    let mut sources = Sources::default();
    match compile_once(loaded, text, which.env.as_deref(), &mut sources) {
        Ok(compiled) => Ok((compiled, sources)),
        Err(found) => {
            terminal::rendered(&render::human(&found, &sources, terminal::color()));
            Err(format!("`{}` is not good, and is as it was: {}", loaded.name, render::tally(&found)))
        }
    }
}
