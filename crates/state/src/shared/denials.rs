//! The denylist that several gateways have in common: what one revokes, all revoke.
//!
//! Each gateway has its own list, which lasts without the server. At the server stands, by name, what was last said of each, under a
//! number that grows with every change; each gateway reads what is behind the last number that it knows, ten times a second. So
//! nothing is missed however long it was away, and the same change is the same for all, in whatever order they made
//! theirs. Where the server has lost its memory, and after every start, each gateway says all that it has again: an entry that is
//! there changes nothing.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::{BoxFuture, Tick, bounds};
use parking_lot::Mutex;

use super::link::{Link, MEMORY};
use super::scripts::{Script, number, parts, text};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Entries that are read or said at one time.
const BATCH: usize = 200;

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
        let mut words = entry.splitn(3, ':');
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
        Some(Self { kind, issuer, value, before, until, undone })
    }
}

/// The list of one gateway.
pub trait Denylist: Send + Sync {
    /// Puts in effect what was said by any gateway, in this order. What says no more than what is there changes nothing; what makes no
    /// sense here is left out.
    fn adopt(&self, said: Vec<Denial>) -> BoxFuture<'_, Result<(), String>>;
    /// What is revoked here, behind so many, the oldest last; at most so many.
    fn all(&self) -> BoxFuture<'_, Result<Vec<Denial>, String>>;
}

/// How the common list is.
#[derive(Debug, Default)]
pub(super) struct Denials {
    /// Number of the last change that is in effect here.
    last: AtomicU64,
    /// When the last look found everything in effect, in nanoseconds since the process started; 0 for never.
    current: AtomicU64,
    /// Number of the connection by which that look went.
    connection: AtomicU64,
    /// Whether all that is revoked here has to be said again.
    unsaid: AtomicBool,
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
        self.unsaid.load(Ordering::Acquire)
    }

    /// Says entries to the others; where that fails, all is said again later.
    pub(super) async fn say(&self, link: &Arc<Link>, entries: &[Denial]) -> bool {
        for some in entries.chunks(BATCH) {
            if !say(link, some).await {
                self.unsaid.store(true, Ordering::Release);
                return false;
            }
        }
        true
    }
}

async fn say(link: &Arc<Link>, entries: &[Denial]) -> bool {
    let keys = ["d:number", "d:order", "d:entries", "d:ends"].map(|name| link.key(name));
    let answer = link.run_and_wait(Script::Deny, &keys, |command| {
        // Room for as many again that were taken back.
        command.arg(bounds::DENIED * 2);
        for one in entries {
            let before = one.before.map_or_else(|| String::from("-1"), |before| before.to_string());
            command.arg(one.name()).arg(if one.undone { "u" } else { "r" }).arg(before).arg(one.until);
        }
    });
    // A negative answer is no number here: there is no room.
    answer.await.as_ref().and_then(number).is_some()
}

/// Follows the common list for as long as there is anybody to follow it for.
pub(super) async fn follow(link: Weak<Link>, denials: Arc<Denials>, list: Weak<dyn Denylist>) {
    let mut begun = 0;
    loop {
        let (Some(link), Some(list)) = (link.upgrade(), list.upgrade()) else { return };
        if link.is_up() {
            let done = step(&link, &denials, &*list, &mut begun).await;
            *denials.fault.lock() = done.err();
        }
        let clock = Arc::clone(&link.clock);
        drop((link, list));
        clock.sleep(LOOK).await;
    }
}

/// Reads what is new until nothing is, and then says what the others may not know.
async fn step(
    link: &Arc<Link>,
    denials: &Denials,
    list: &dyn Denylist,
    begun: &mut u64,
) -> Result<(), String> {
    let at = loop {
        let asked = link.clock.now();
        let connection = link.counts.connections.load(Ordering::Acquire);
        let Some((at, last, entries, whole)) = look(link, denials.last.load(Ordering::Acquire)).await else {
            // What is wrong with the server is said where it is asked whether it is there.
            return if link.is_up() {
                Err(String::from("the denylist at the server cannot be read"))
            } else {
                Ok(())
            };
        };
        if !entries.is_empty() {
            list.adopt(entries).await?;
        }
        denials.last.fetch_max(last, Ordering::AcqRel);
        if whole {
            denials.current.store(asked.0.max(1), Ordering::Release);
            denials.connection.store(connection, Ordering::Release);
            break at;
        }
    };
    if *begun != at || denials.is_unsaid() {
        denials.unsaid.store(false, Ordering::Release);
        let all = list.all().await.inspect_err(|_| denials.unsaid.store(true, Ordering::Release))?;
        if !denials.say(link, &all).await {
            return if link.is_up() {
                Err(String::from("the denylist at the server is full"))
            } else {
                Ok(())
            };
        }
        *begun = at;
    }
    Ok(())
}

/// The beginning of the server's memory, the last number read, the entries behind `last`, and whether these were all.
async fn look(link: &Arc<Link>, last: u64) -> Option<(u64, u64, Vec<Denial>, bool)> {
    let keys = ["begun", "d:order", "d:entries"].map(|name| link.key(name));
    let now = link.clock.unix().0 / 1_000;
    let answer = link
        .run_and_wait(Script::Look, &keys, |command| {
            command.arg(now).arg(MEMORY).arg(last).arg(BATCH);
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
