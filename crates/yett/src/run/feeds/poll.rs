//! The receiver of security events by poll (RFC 8936): one task for each transmitter that the document names a URL of, which asks,
//! takes what comes as if it had been pushed, and says what was taken and what was refused.
//!
//! The transmitter may hold a question back until there is something to say. An event that cannot be kept now is not acknowledged,
//! so that it comes again. What it says wrong, too long or not at all is a failure, and so is what was acknowledged and comes
//! again: it is asked less and less often then, once a minute at the least, and whatever it says, not more than [`ROUNDS`] times in
//! a row without a pause. A reload ends the tasks of those that it changes.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::Clock;
use engine::fetch::FetchError;
use http::StatusCode;
use serde_json::json;
use spec::Poll;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use super::super::gateway::Gateway;
use super::events::{Way, receive};
use super::question::{EVENTS, Heard, Settled, ask};
use super::{Said, View};
use crate::terminal;

/// How often it is looked whether the document names others.
const LOOK: Duration = Duration::from_millis(250);
/// Questions that bring something, in a row, before a pause.
const ROUNDS: u32 = 64;
/// That pause, and the first after a failure.
const BREATH: Duration = Duration::from_secs(1);
/// Longest pause after failures, unless the transmitter asks for more.
const LONGEST: Duration = Duration::from_secs(60);
/// Longest pause that a transmitter may ask for.
const ASKED: Duration = Duration::from_secs(600);
/// How long an answer may take that is not to be held back.
const AT_ONCE: Duration = Duration::from_secs(10);

/// What one transmitter is asked by.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// Its polling endpoint.
    pub(super) url: String,
    /// The token that it wants.
    pub(super) bearer: Option<Zeroizing<Vec<u8>>>,
    every: Duration,
    wait: Duration,
}

impl Settings {
    fn of(poll: &Poll, view: &View<'_>) -> Self {
        let bearer = poll.secret.as_ref().and_then(|secret| view.secret(secret));
        Self {
            url: poll.url.as_str().to_owned(),
            bearer: bearer.map(|secret| Zeroizing::new(secret.to_vec())),
            every: poll.every.get(),
            wait: poll.wait.get(),
        }
    }
}

/// How asking goes, for metrics.
#[derive(Debug, Clone, Default)]
pub(in crate::run) struct State {
    /// Failures in a row.
    pub(in crate::run) failures: u32,
    /// Events that were taken, those that came before included.
    pub(in crate::run) taken: u64,
    /// Events that were refused.
    pub(in crate::run) refused: u64,
}

/// A task that ends with this.
struct Running {
    settings: Settings,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Sees to it that each transmitter of the document is asked, and no other, as long as there is a gateway.
pub(in crate::run) async fn keep(gateway: Weak<Gateway>) {
    let mut running: BTreeMap<String, Running> = BTreeMap::new();
    loop {
        let Some(held) = gateway.upgrade() else { return };
        let wanted = wanted(&held);
        running.retain(|name, one| wanted.get(name) == Some(&one.settings) && !one.task.is_finished());
        held.feeds.polls.lock().retain(|name, _| wanted.contains_key(name));
        for (name, settings) in wanted {
            running.entry(name).or_insert_with_key(|name| {
                held.feeds.polls.lock().entry(name.clone()).or_default();
                let asker = Asker::new(name, &settings, &gateway, &held.clock);
                Running { settings, task: tokio::spawn(asker.run()) }
            });
        }
        let clock = Arc::clone(&held.clock);
        drop(held);
        clock.sleep(LOOK).await;
    }
}

fn wanted(gateway: &Arc<Gateway>) -> BTreeMap<String, Settings> {
    let Some(view) = View::of(gateway) else { return BTreeMap::new() };
    let transmitters = view.settings.transmitters.iter();
    let polled = transmitters.filter_map(|(name, one)| Some((name, one.poll.as_ref()?)));
    polled.map(|(name, poll)| (name.clone(), Settings::of(&poll.value, &view))).collect()
}

/// Asks one transmitter.
struct Asker {
    name: String,
    settings: Settings,
    gateway: Weak<Gateway>,
    clock: Arc<dyn Clock>,
    /// What is still to be said of events that came.
    settled: Settled,
    /// What was said last: it does not come again.
    said: HashSet<String>,
    failures: u32,
    /// Questions in a row that brought something.
    rounds: u32,
    /// Whether an answer may be held back: not after one that never came.
    patient: bool,
    /// How many events are asked for.
    most: usize,
}

/// What came of one question.
enum Outcome {
    /// Something came, and more may.
    Some,
    /// Nothing, and how long that took.
    Nothing(Duration),
    /// It held the answer back for longer than is waited: whether it is there at all is asked next.
    Silent,
    /// Why it went wrong, and the pause that was asked for.
    Failed(String, Option<Duration>),
    /// There is no gateway any more, or it does not want this.
    Over,
}

impl Asker {
    fn new(name: &str, settings: &Settings, gateway: &Weak<Gateway>, clock: &Arc<dyn Clock>) -> Self {
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            gateway: Weak::clone(gateway),
            clock: Arc::clone(clock),
            settled: Settled::default(),
            said: HashSet::new(),
            failures: 0,
            rounds: 0,
            patient: true,
            most: EVENTS,
        }
    }

    async fn run(mut self) {
        loop {
            let outcome = self.once().await;
            if matches!(outcome, Outcome::Over) {
                return;
            }
            let pause = self.pause(outcome);
            self.tell();
            if !pause.is_zero() {
                self.clock.sleep(pause).await;
            }
        }
    }

    /// How long nothing is asked.
    fn pause(&mut self, outcome: Outcome) -> Duration {
        let (why, asked) = match outcome {
            Outcome::Failed(why, asked) => (why, asked),
            Outcome::Silent => return Duration::ZERO,
            outcome => {
                if std::mem::take(&mut self.failures) > 0 {
                    terminal::say(format_args!("events of `{}` are asked for again", self.name));
                }
                return match outcome {
                    Outcome::Nothing(took) => {
                        self.rounds = 0;
                        self.settings.every.saturating_sub(took)
                    }
                    _ => {
                        self.rounds = (self.rounds + 1) % ROUNDS;
                        if self.rounds == 0 { BREATH } else { Duration::ZERO }
                    }
                };
            }
        };
        if self.failures == 0 {
            terminal::say(format_args!("warning: events of `{}`: {why}", self.name));
        }
        self.failures = self.failures.saturating_add(1);
        let longest = BREATH.saturating_mul(1 << self.failures.min(7)).min(LONGEST);
        // Half of it by chance: several gateways do not come back at one time.
        let mut chance = [0];
        self.clock.fill(&mut chance);
        let own = longest / 2 + longest.saturating_mul(u32::from(chance[0])) / 512;
        own.max(asked.unwrap_or_default().min(ASKED))
    }

    /// Says how it goes.
    fn tell(&self) {
        let Some(gateway) = self.gateway.upgrade() else { return };
        if let Some(state) = gateway.feeds.polls.lock().get_mut(&self.name) {
            state.failures = self.failures;
        }
    }

    /// Asks once, and takes what comes.
    async fn once(&mut self) -> Outcome {
        let Some(gateway) = self.gateway.upgrade() else { return Outcome::Over };
        let fetch = Arc::clone(&gateway.feeds.context.fetch);
        drop(gateway);
        let began = self.clock.now();
        let within = if self.patient { self.settings.wait } else { AT_ONCE };
        // Given up here and not there: that nothing happened is no fault of the host, whose keys are fetched as well.
        let heard = tokio::select! {
            heard = ask(&*fetch, &self.settings, &self.settled, (self.most, self.patient)) => heard,
            () = self.clock.sleep(within) => {
                return if std::mem::take(&mut self.patient) {
                    Outcome::Silent
                } else {
                    Outcome::Failed(FetchError::Deadline.to_string(), None)
                };
            }
        };
        let polled = match heard {
            Heard::Polled(polled) => polled,
            Heard::TooLong(why) => {
                self.most = 1;
                return Outcome::Failed(why, None);
            }
            Heard::Nothing(why, asked) => return Outcome::Failed(why, asked),
        };
        self.patient = true;
        self.said = self.settled.take();
        if polled.events.is_empty() {
            self.most = EVENTS;
            return Outcome::Nothing(self.clock.now().since(began));
        }
        self.take(polled.events).await
    }

    /// Takes events.
    async fn take(&mut self, events: Vec<(String, String)>) -> Outcome {
        let Some(gateway) = self.gateway.upgrade() else { return Outcome::Over };
        // As the document is now: a reload may have come meanwhile.
        let Some(view) = View::of(&gateway) else { return Outcome::Over };
        let transmitter = view.settings.transmitters.get(&self.name);
        let current = transmitter.and_then(|one| Some(Settings::of(&one.poll.as_ref()?.value, &view)));
        if current.as_ref() != Some(&self.settings) {
            return Outcome::Over;
        }
        let (mut again, mut left) = (true, false);
        for (id, event) in events {
            again &= self.said.contains(&id);
            match receive(&view, &event, Way::Poll(&self.name, &id)).await {
                Ok(()) => self.settled.took(id),
                Err(said) if is_final(&said) => {
                    let body = said.body.map_or_else(|| json!({ "err": "invalid_request" }), |body| *body);
                    self.settled.refuse(id, body);
                }
                Err(_) => left = true,
            }
        }
        if let Some(state) = gateway.feeds.polls.lock().get_mut(&self.name) {
            let (taken, refused) = self.settled.counts();
            state.taken = state.taken.saturating_add(taken);
            state.refused = state.refused.saturating_add(refused);
        }
        if left {
            return Outcome::Failed(String::from("what it says cannot be kept now"), None);
        }
        if again {
            return Outcome::Failed(String::from("it sends again what was acknowledged"), None);
        }
        Outcome::Some
    }
}

/// Whether an event is refused for good, and not for now.
fn is_final(said: &Said) -> bool {
    said.status.is_client_error() && said.status != StatusCode::TOO_MANY_REQUESTS
}

#[cfg(test)]
mod tests {
    use testkit::FakeClock;

    use super::*;

    fn asker() -> Asker {
        let (every, wait) = (Duration::from_secs(10), Duration::from_secs(60));
        let settings = Settings { url: String::from("http://127.0.0.1:1/"), bearer: None, every, wait };
        let clock: Arc<dyn Clock> = Arc::new(FakeClock::new());
        Asker::new("corp", &settings, &Weak::new(), &clock)
    }

    #[test]
    fn one_that_fails_is_asked_less_and_less_and_as_late_as_it_says() {
        let mut asker = asker();
        let fails = |asked| Outcome::Failed(String::from("it does"), asked);
        for longest in [2, 4, 8, 16, 32, 60, 60, 60] {
            let pause = asker.pause(fails(None));
            let longest = Duration::from_secs(longest);
            assert!((longest / 2..longest).contains(&pause), "{pause:?} of {longest:?}");
        }
        assert_eq!(asker.pause(fails(Some(Duration::from_secs(90)))), Duration::from_secs(90));
        assert_eq!(asker.pause(fails(Some(Duration::from_secs(86_400)))), ASKED);
        assert!(asker.pause(fails(Some(Duration::ZERO))) >= LONGEST / 2);
        assert!(asker.pause(Outcome::Silent).is_zero());
        assert!(asker.pause(fails(None)) >= LONGEST / 2, "silence is no good answer");
        asker.pause(Outcome::Some);
        assert!(asker.pause(fails(None)) < 2 * BREATH, "from the beginning");
    }

    #[test]
    fn one_that_has_more_for_ever_is_left_alone_now_and_then() {
        let mut asker = asker();
        let pauses: Vec<Duration> = (0..2 * ROUNDS).map(|_| asker.pause(Outcome::Some)).collect();
        let breaths = pauses.iter().filter(|pause| **pause == BREATH).count();
        let none = pauses.iter().filter(|pause| pause.is_zero()).count();
        assert_eq!((breaths, none), (2, 2 * ROUNDS as usize - 2));
        // One that holds a question back is asked again at once, another one now and then.
        for (took, pause) in [(0, 10), (3, 7), (10, 0), (60, 0)] {
            let nothing = Outcome::Nothing(Duration::from_secs(took));
            assert_eq!(asker.pause(nothing), Duration::from_secs(pause));
        }
    }
}
