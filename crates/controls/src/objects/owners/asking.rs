//! One service and the objects that it was asked for: questions under way, and answers that still count.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::fetch::FetchError;
use engine::{Clock, CoreContext, Tick, bounds};

use super::{Answer, Lookup, answer};
use crate::asked::{Flight, Hasher, Slot, Table, within};

/// How long it is remembered that there is no such object, or that there was no answer, at most.
const SHORT: Duration = Duration::from_secs(1);
/// How long an answer is there for a live stream, which looks for it once a second.
const AGAIN: Duration = Duration::from_secs(3);

/// An answer, and until when it counts for other calls.
#[derive(Debug, Clone)]
pub(in crate::objects) struct Said {
    pub(in crate::objects) answer: Answer,
    counts_until: Tick,
}

impl Said {
    /// Whether it is an answer to who asks. For a live stream one of the last seconds will do, but that there was none is nothing to
    /// go by.
    fn counts(&self, again: bool, now: Tick) -> bool {
        match self.answer {
            Answer::Owners(_) => again || now < self.counts_until,
            Answer::Unknown(_) => !again && now < self.counts_until,
        }
    }
}

/// What is known of an object now.
#[derive(Debug)]
pub(in crate::objects) enum Known {
    /// This.
    Answer(Answer),
    /// It is being asked about.
    Asking(Arc<Flight<Said>>),
}

/// Asks one service; shared by all cores, and over reloads.
#[derive(Debug)]
pub(in crate::objects) struct Asker {
    lookup: Arc<Lookup>,
    table: Table<Said, Said>,
    asking: AtomicUsize,
    hasher: Hasher,
}

impl Asker {
    /// The one for a service; the same for all who have the same settings.
    pub(in crate::objects) fn of(lookup: &Arc<Lookup>, core: &CoreContext) -> Arc<Self> {
        core.keyed.get_or_make("owners", &lookup.settings(), || Self {
            lookup: Arc::clone(lookup),
            table: Table::new(bounds::OWNERS_REMEMBERED),
            asking: AtomicUsize::new(0),
            hasher: Hasher::new(&*core.clock),
        })
    }

    /// What is known of an object; asks when nothing is. `again` is for a live stream. Does not wait.
    pub(in crate::objects) fn look(self: &Arc<Self>, id: &str, again: bool, core: &CoreContext) -> Known {
        let (key, now) = (self.hasher.hash(id), core.clock.now());
        match self.table.look(key, now) {
            Some(Slot::Known(said)) if said.counts(again, now) => return Known::Answer(said.answer),
            Some(Slot::Asking(flight)) => return Known::Asking(flight),
            _ => {}
        }
        if self.asking.fetch_add(1, Ordering::AcqRel) >= bounds::OWNERS_ASKING {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Answer(Answer::Unknown("too many questions at one time".into()));
        }
        let (flight, mine) = self.table.begin(key, now);
        if !mine {
            self.asking.fetch_sub(1, Ordering::AcqRel);
            return Known::Asking(flight);
        }
        let asked = Asked { asker: Arc::clone(self), key, flight: Arc::clone(&flight) };
        let (clock, fetch, request) =
            (Arc::clone(&core.clock), Arc::clone(&core.fetch), self.lookup.request(id));
        core.side.spawn(Box::pin(async move {
            let deadline = clock.sleep(asked.asker.lookup.deadline);
            let came = within(fetch.fetch(request), deadline).await;
            asked.settle(&came.map_err(|error: FetchError| error.to_string()), &*clock);
        }));
        Known::Asking(flight)
    }

    /// How long an answer counts.
    fn age(&self, answer: &Answer) -> Duration {
        match answer {
            Answer::Owners(owners) if !owners.is_empty() => self.lookup.max_age,
            Answer::Owners(_) => self.lookup.max_age.min(SHORT),
            Answer::Unknown(_) => SHORT,
        }
    }
}

/// One of those under way. However it ends, it gives its place back and wakes who waits.
struct Asked {
    asker: Arc<Asker>,
    key: [u8; 32],
    flight: Arc<Flight<Said>>,
}

impl Asked {
    fn settle(self, came: &Result<engine::fetch::FetchResponse, String>, clock: &dyn Clock) {
        let answer = match came {
            Ok(response) => answer::read(&self.asker.lookup.pointer, response),
            Err(why) => Answer::Unknown(why.as_str().into()),
        };
        let now = clock.now();
        let said = Said { counts_until: now.after(self.asker.age(&answer)), answer };
        self.flight.tell(said.clone());
        let until = said.counts_until.max(now.after(AGAIN));
        self.asker.table.settle(self.key, said, until);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.asker.table.forget(self.key, &self.flight);
        self.asker.asking.fetch_sub(1, Ordering::AcqRel);
        self.flight.end();
    }
}
