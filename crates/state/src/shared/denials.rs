//! The denylist that several gateways have in common: what one revokes, all revoke.
//!
//! Each gateway has its own list, which lasts without the server. At the server stands, by name, what was last said of each, under a
//! number that grows with every change; each gateway reads what is behind the last number that it knows, ten times a second. So
//! nothing is missed however long it was away, and the same change is the same for all, in whatever order they made
//! theirs. Where the server may have lost something, and after every start, each gateway reads all of it, since numbers of before
//! tell nothing there, and says all that it has again: an entry that is there changes nothing.
//!
//! What was taken back while the server was gone is in no list any more: it is owed, and said before anything is read. Since it may
//! be late, each entry carries when it was said; an undo takes back what was said before it and nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::{BoxFuture, Tick, bounds};
use parking_lot::Mutex;

use super::link::Link;
use super::scripts::{Script, number, parts, text};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Entries that are read or said at one time.
const BATCH: usize = 200;
/// Undos that wait until they can be said.
const OWED: usize = 1_024;

/// What is said of one thing that can be revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// By what it is revoked, as the store names it.
    pub kind: String,
    /// `iss` of the tokens; may be empty.
    pub issuer: String,
    /// Which; may be empty.
    pub value: String,
    /// Only tokens that were issued in this second or before it, where it is written.
    pub before: Option<u64>,
    /// First second at which it is forgotten.
    pub until: u64,
    /// Whether it was taken back.
    pub undone: bool,
    /// When this was said, in µs since 1970.
    pub said: u64,
}

impl Denial {
    /// What it is known by: none of its parts has a control character in it.
    fn name(&self) -> String {
        format!("{}\n{}\n{}", self.kind, self.issuer, self.value)
    }

    fn read(name: &str, entry: &str) -> Option<Self> {
        let mut names = name.splitn(3, '\n');
        let mut next = || names.next().map(str::to_owned);
        let (kind, issuer, value) = (next()?, next()?, next()?);
        let mut words = entry.splitn(4, ':');
        let undone = match words.next()? {
            "r" => false,
            "u" => true,
            _ => return None,
        };
        let before = match words.next()? {
            "-1" => None,
            second => Some(second.parse().ok()?),
        };
        let until = words.next()?.parse().ok()?;
        let said = words.next()?.parse().ok()?;
        Some(Self { kind, issuer, value, before, until, undone, said })
    }
}

/// The list of one gateway.
pub trait Denylist: Send + Sync {
    /// Puts in effect what was said by any gateway, in this order. What says no more than what is there changes nothing, and an undo
    /// takes back nothing that was said after it; what makes no sense here is left out.
    fn adopt(&self, said: Vec<Denial>) -> BoxFuture<'_, Result<(), String>>;
    /// What is revoked here, behind so many, the oldest last; at most so many.
    fn all(&self) -> BoxFuture<'_, Result<Vec<Denial>, String>>;
}

/// How the common list is.
#[derive(Debug, Default)]
pub(super) struct Denials {
    /// When the last look found everything in effect, in nanoseconds since the process started; 0 for never.
    current: AtomicU64,
    /// Number of the connection by which that look went.
    connection: AtomicU64,
    /// Whether all that is revoked here has to be said again.
    unsaid: AtomicBool,
    /// What was taken back here and has to be said.
    owed: Mutex<Vec<Denial>>,
    fault: Mutex<Option<String>>,
}

impl Denials {
    pub(super) fn fault(&self) -> Option<String> {
        self.fault.lock().clone()
    }

    /// When everything was known to be in effect here, as a moment of the monotonic clock; `None` before the first look by this
    /// connection, since something may have been said while there was none.
    pub(super) fn current(&self, connection: u64) -> Option<Tick> {
        let current = self.current.load(Ordering::Acquire);
        (current > 0 && self.connection.load(Ordering::Acquire) == connection).then_some(Tick(current))
    }

    pub(super) fn is_unsaid(&self) -> bool {
        self.unsaid.load(Ordering::Acquire) || !self.owed.lock().is_empty()
    }

    /// Says to the others what was revoked or taken back now; where that fails, it is said later.
    pub(super) async fn say(&self, link: &Arc<Link>, entries: &[Denial]) {
        let mut done = 0;
        for some in entries.chunks(BATCH) {
            if !say(link, some, "f").await {
                break;
            }
            done += some.len();
        }
        let rest = entries.get(done..).unwrap_or_default();
        // What is revoked is in our list, and said with all of it.
        if rest.iter().any(|one| !one.undone) {
            self.unsaid.store(true, Ordering::Release);
        }
        rest.iter().filter(|one| one.undone).for_each(|one| self.owe(link, one));
    }

    fn owe(&self, link: &Link, one: &Denial) {
        let mut owed = self.owed.lock();
        let name = one.name();
        owed.retain(|known| known.name() != name);
        if owed.len() < OWED {
            return owed.push(one.clone());
        }
        // Where it is read again it is revoked here as well.
        (link.settings.say)(&format!(
            "warning: an undo is lost, since {OWED} wait for the server of shared state: undo the revocation of `{}` again \
             when it answers",
            one.value.escape_debug()
        ));
    }

    /// Says what is owed. What cannot be said stays owed.
    async fn say_owed(&self, link: &Arc<Link>) {
        loop {
            let some: Vec<Denial> = self.owed.lock().iter().take(BATCH).cloned().collect();
            if some.is_empty() || !say(link, &some, "r").await {
                return;
            }
            self.owed.lock().retain(|one| !some.contains(one));
        }
    }

    /// Says all that is revoked here.
    async fn say_all(&self, link: &Arc<Link>, list: &dyn Denylist) -> Result<bool, String> {
        self.unsaid.store(false, Ordering::Release);
        let all = list.all().await.inspect_err(|_| self.unsaid.store(true, Ordering::Release))?;
        for some in all.chunks(BATCH) {
            if !say(link, some, "r").await {
                self.unsaid.store(true, Ordering::Release);
                let full = || String::from("the denylist at the server is full");
                return if link.is_up() { Err(full()) } else { Ok(false) };
            }
        }
        Ok(true)
    }
}

/// Says entries, those that are revoked by this word: `f` where that is said now, `r` where it was said before.
async fn say(link: &Arc<Link>, entries: &[Denial], revoked: &str) -> bool {
    let keys = ["d:number", "d:order", "d:entries", "d:ends"].map(|name| link.key(name));
    let answer = link.run_and_wait(Script::Deny, &keys, |command| {
        // Room for as many again that were taken back.
        command.arg(bounds::DENIED * 2);
        for one in entries {
            let before = one.before.map_or_else(|| String::from("-1"), |before| before.to_string());
            let act = if one.undone { "u" } else { revoked };
            command.arg(one.name()).arg(act).arg(before).arg(one.until).arg(one.said);
        }
    });
    // A negative answer is no number here: there is no room.
    answer.await.as_ref().and_then(number).is_some()
}

/// What one who follows knows of the common list.
#[derive(Debug, Default)]
struct Known {
    /// The beginning of the server's memory under which it was read.
    begun: u64,
    /// Number of the last change that is in effect here.
    last: u64,
    /// The beginning under which all that is revoked here was said.
    told: u64,
}

/// Follows the common list for as long as there is anybody to follow it for.
pub(super) async fn follow(link: Weak<Link>, denials: Arc<Denials>, list: Weak<dyn Denylist>) {
    let mut known = Known::default();
    loop {
        let (Some(link), Some(list)) = (link.upgrade(), list.upgrade()) else { return };
        if link.is_up() {
            let done = step(&link, &denials, &*list, &mut known).await;
            *denials.fault.lock() = done.err();
        }
        let clock = Arc::clone(&link.clock);
        drop((link, list));
        clock.sleep(LOOK).await;
    }
}

/// Says what is owed, reads what is new until nothing is, and then says what the others may not know.
async fn step(
    link: &Arc<Link>,
    denials: &Denials,
    list: &dyn Denylist,
    known: &mut Known,
) -> Result<(), String> {
    denials.say_owed(link).await;
    loop {
        let asked = link.clock.now();
        let connection = link.counts.connections.load(Ordering::Acquire);
        let Some((begun, last, entries, whole)) = look(link, known.last).await else {
            // What is wrong with the server is said where it is asked whether it is there.
            return if link.is_up() {
                Err(String::from("the denylist at the server cannot be read"))
            } else {
                Ok(())
            };
        };
        if begun != known.begun {
            // It may have lost changes that we know, and given their numbers to others.
            let first = std::mem::replace(&mut known.last, 0) == 0;
            known.begun = begun;
            if !first {
                continue;
            }
        }
        if !entries.is_empty() {
            list.adopt(entries).await?;
        }
        known.last = known.last.max(last);
        if whole {
            denials.current.store(asked.0.max(1), Ordering::Release);
            denials.connection.store(connection, Ordering::Release);
            break;
        }
    }
    if (known.told != known.begun || denials.unsaid.load(Ordering::Acquire))
        && denials.say_all(link, list).await?
    {
        known.told = known.begun;
    }
    Ok(())
}

/// The beginning of the server's memory, the last number read, the entries behind `last`, and whether these were all.
async fn look(link: &Arc<Link>, last: u64) -> Option<(u64, u64, Vec<Denial>, bool)> {
    let keys = ["begun", "d:order", "d:entries"].map(|name| link.key(name));
    let answer = link
        .run_and_wait(Script::Look, &keys, |command| {
            command.arg(last).arg(BATCH);
        })
        .await?;
    let (begun, rest) = parts(&answer)?.split_first()?;
    let (mut entries, mut reached) = (Vec::new(), last);
    for one in rest.chunks(3) {
        let [at, name, entry] = one else { return None };
        reached = reached.max(number(at)?);
        // Nothing that we have written; it is no reason to stop reading.
        entries.extend(text(name).zip(text(entry)).and_then(|(name, entry)| Denial::read(name, entry)));
    }
    Some((number(begun)?, reached, entries, rest.len() < BATCH * 3))
}
