//! `yett update`: rules that arrive as a signed bundle, first in shadow; the way back; and what makes bundles.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use engine::Clock;

use super::rewriting::{self, Rewriting};
use super::{Outcome, Which};
use crate::bundle::folder as place;
use crate::bundle::{self, Bundle, PublicKeys, SigningKey};
use crate::clock::SystemClock;
use crate::inspect::compare::{self, Otherwise};
use crate::inspect::requests::{self, Raw};
use crate::layout::fold;
use crate::next::{self, How};
use crate::render::{day, printable};
use crate::{load, terminal};

/// The folder beside the document that bundles go into.
const FOLDER: &str = "updates";
/// The file beside the document with the keys of those who are believed.
const KEYS: &str = "updates.pub";
/// Bytes of a file of keys.
const MAX_KEYS: usize = 64 << 10;
const DAY: u64 = 86_400;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    change: Change,
    /// The bundle
    #[arg(required = true, value_name = "BUNDLE")]
    bundle: Option<PathBuf>,
    /// A file with the public keys of those who are believed; without it `updates.pub` beside the configuration
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// A file of recorded requests, to be told which of them the new rules would decide otherwise; several by repeating it
    #[arg(long, value_name = "FILE")]
    recorded: Vec<String>,
    /// Who sends them
    #[arg(long, value_name = "ADDRESS", default_value_t = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)))]
    client: IpAddr,
}

#[derive(Debug, Clone, Args)]
struct Change {
    #[command(flatten)]
    which: Which,
    /// Say what would be changed, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Write without asking
    #[arg(long, short)]
    yes: bool,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Go back: rules that are to come do not come, or those from before the last promotion are in force again
    Rollback(Change),
    /// Make a bundle of a folder of rules, and sign it
    Sign(Sign),
    /// Make a key to sign bundles with, and print the line that others are given
    Key(Key),
}

#[derive(Debug, Args)]
struct Sign {
    /// The folder of rules, as `inspection.rules` names it
    folder: PathBuf,
    /// The name of the set
    #[arg(long, value_name = "NAME")]
    set: String,
    /// The number of this version: a later one has a greater one
    #[arg(long, value_name = "N")]
    number: u64,
    /// The private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// For how many days it may be installed
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    /// Where the bundle is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct Key {
    /// Where the private key is written
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.task {
        Some(Task::Rollback(change)) => roll_back(change),
        Some(Task::Sign(sign)) => seal(sign),
        Some(Task::Key(key)) => make_key(key),
        None => update(arguments),
    }
}

fn update(arguments: &Arguments) -> Outcome {
    let change = &arguments.change;
    let path = arguments.bundle.as_deref().ok_or("name the bundle")?;
    let beside = load::folder(&change.which.config);
    let parent = beside.join(FOLDER);
    let bundle = opened(path, arguments.keys.clone().unwrap_or_else(|| beside.join(KEYS)).as_path())?;
    let is_there = place::is_there(&parent, &bundle).map_err(|why| format!("refused: {why}"))?;
    let requests: Vec<Vec<Raw>> =
        arguments.recorded.iter().map(|file| requests::of_file(file)).collect::<Result<_, _>>()?;
    let set = format!("{FOLDER}/{}/", bundle.name);
    let folder = format!("{set}{}", bundle.version);

    let mut document = Rewriting::begin(&change.which)?;
    // As they will be read, and not on the disk before somebody agrees.
    let files = bundle
        .files
        .iter()
        .map(|(path, bytes)| (format!("{folder}/{path}"), Arc::<[u8]>::from(bytes.as_slice())));
    document.loaded.assets.extend(files);
    let mut edits = document.edits()?;
    next::take_up(&mut edits, &set, &folder, How::InShadow)?;
    let changed = document.compiled(edits)?;
    tell_changes(&document, (&set, &folder), &requests.concat(), arguments.client)?;
    document.show(&changed)?;
    if change.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let installed = if is_there { None } else { Some(place::install(&parent, &bundle)?) };
    if let Err(why) = document.write(&changed, change.yes) {
        installed.iter().for_each(|installed| place::remove(installed));
        return Err(why);
    }
    terminal::say(fold(&format!(
        "`{}` {} looks at requests in shadow: `yett shadow --control {control}` says what it would refuse, `yett promote {control}` puts \
         it in force, `yett update rollback` takes it back",
        bundle.name,
        bundle.version,
        control = next::NAME
    )));
    Ok(ExitCode::SUCCESS)
}

/// The bundle, when it is whole, signed by somebody who is believed, and not out of date.
fn opened(path: &Path, keys: &Path) -> Result<Bundle, String> {
    let text = load::read(keys, MAX_KEYS).map_err(|why| {
        format!(
            "`{}` cannot be read: {why}; it has the public keys of those whose bundles are taken",
            keys.display()
        )
    })?;
    let text = std::str::from_utf8(&text).map_err(|_| format!("`{}` is not UTF-8", keys.display()))?;
    let keys = PublicKeys::read(text).map_err(|why| format!("`{}`: {why}", keys.display()))?;
    let shown = path.display();
    let sealed =
        load::read(path, bundle::MAX_BUNDLE).map_err(|why| format!("`{shown}` cannot be read: {why}"))?;
    let bundle = Bundle::open(&sealed, &keys).map_err(|why| format!("`{shown}` is refused: {why}"))?;
    if bundle.until < SystemClock.unix().seconds() {
        return Err(format!(
            "`{shown}` is refused: it was to be installed until {} UTC, ask for a newer one",
            day(bundle.until)
        ));
    }
    terminal::say(format_args!(
        "`{}` {}, made {} UTC, {} files",
        bundle.name,
        bundle.version,
        day(bundle.made),
        bundle.files.len()
    ));
    Ok(bundle)
}

/// Which of the recorded requests the new rules would decide otherwise, were they in force.
fn tell_changes(
    document: &Rewriting<'_>,
    (set, folder): (&str, &str),
    requests: &[Raw],
    client: IpAddr,
) -> Result<(), String> {
    if requests.is_empty() {
        return Ok(());
    }
    let mut edits = document.edits()?;
    next::take_up(&mut edits, set, folder, How::InForce)?;
    let forced = document.compiled(edits).map_err(|_| {
        String::from("the document would not be good with the new rules in force: mend that first")
    })?;
    let found = compare::compare((&document.compiled, &forced.compiled), requests, client)?;
    for Otherwise { name, refused, why } in &found {
        let (way, who) = if *refused { ("refused from then on", "by") } else { ("no more refused", "as by") };
        terminal::out(format_args!("{}: {way}, {who} {why}", printable(name)));
    }
    terminal::out(format_args!(
        "{} of {} recorded requests would be decided otherwise with them in force",
        found.len(),
        requests.len()
    ));
    Ok(())
}

fn roll_back(change: &Change) -> Outcome {
    let also = |loaded: &mut load::Loaded| {
        for folder in next::before(&loaded.text) {
            load::more_rules(loaded, &folder);
        }
    };
    rewriting::mend(&change.which, also, next::back, (change.dry_run, change.yes))?;
    Ok(ExitCode::SUCCESS)
}

fn seal(sign: &Sign) -> Outcome {
    let shown = sign.key.display();
    let text = load::read(&sign.key, MAX_KEYS).map_err(|why| format!("`{shown}` cannot be read: {why}"))?;
    let text = std::str::from_utf8(&text).map_err(|_| format!("`{shown}` is not UTF-8"))?;
    let key = SigningKey::read(text).map_err(|why| format!("`{shown}`: {why}"))?;
    let made = SystemClock.unix().seconds();
    let bundle = Bundle {
        name: sign.set.clone(),
        version: sign.number,
        made,
        until: made.saturating_add(sign.days.saturating_mul(DAY)),
        files: place::collect(&sign.folder)?,
    };
    place::write_new(&sign.out, bundle.seal(&key)?.as_bytes(), place::Readers::All)?;
    terminal::out(format_args!(
        "{}: `{}` {}, {} files, to be installed until {} UTC",
        sign.out.display(),
        bundle.name,
        bundle.version,
        bundle.files.len(),
        day(bundle.until)
    ));
    Ok(ExitCode::SUCCESS)
}

fn make_key(key: &Key) -> Outcome {
    let made = SigningKey::generate()?;
    place::write_new(&key.file, made.pem()?.as_bytes(), place::Readers::Owner)?;
    terminal::out(made.public());
    Ok(ExitCode::SUCCESS)
}
