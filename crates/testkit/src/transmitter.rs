//! A transmitter of security events that is asked for them (RFC 8936): holds a question back until there is something to say,
//! keeps what was not acknowledged, remembers what was said of it, and misbehaves as told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tape::{Bounds, Node, Tape};

use crate::recorder::{Answer, Recorded, Recorder};

/// How long a question is held back.
const HOLD: Duration = Duration::from_secs(2);

type Script = dyn Fn(&Recorded) -> Option<Answer> + Send + Sync;

#[derive(Default)]
struct Inner {
    waiting: BTreeMap<String, String>,
    acknowledged: BTreeSet<String>,
    refused: BTreeMap<String, String>,
    script: Option<Arc<Script>>,
}

#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
    bell: Condvar,
}

/// The transmitter. It stops listening when dropped.
pub struct Transmitter {
    recorder: Recorder,
    state: Arc<State>,
}

impl fmt::Debug for Transmitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transmitter").field("recorder", &self.recorder).finish_non_exhaustive()
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a question says of events, and answers it; none where it was told to do otherwise.
    fn answer(&self, call: &Recorded) -> Answer {
        let script = self.lock().script.clone();
        if let Some(answer) = script.and_then(|script| script(call)) {
            return answer;
        }
        let asked = Tape::parse(call.body.clone().into(), &Bounds::default()).unwrap();
        let asked = asked.root();
        let mut inner = self.lock();
        for id in asked.get("ack").into_iter().flat_map(|ids| ids.items()) {
            let id = id.as_str().unwrap().into_owned();
            inner.waiting.remove(&id);
            inner.acknowledged.insert(id);
        }
        for (id, why) in asked.get("setErrs").into_iter().flat_map(Node::members) {
            inner.waiting.remove(&*id);
            let why = why.get("err").and_then(Node::as_str).unwrap().into_owned();
            inner.refused.insert(id.into_owned(), why);
        }
        self.bell.notify_all();
        let most = asked.get("maxEvents").and_then(Node::as_number).and_then(|most| most.as_u64()).unwrap();
        let at_once = asked.get("returnImmediately").and_then(Node::as_bool).unwrap_or(false);
        if !at_once {
            let nothing = |inner: &mut Inner| inner.waiting.is_empty() && inner.script.is_none();
            let held = self.bell.wait_timeout_while(inner, HOLD, nothing);
            inner = held.unwrap_or_else(PoisonError::into_inner).0;
        }
        let sets: Vec<String> = inner
            .waiting
            .iter()
            .take(usize::try_from(most).unwrap())
            .map(|(id, event)| format!("\"{id}\":\"{event}\""))
            .collect();
        let more = sets.len() < inner.waiting.len();
        Answer::json(200, format!("{{\"sets\":{{{}}},\"moreAvailable\":{more}}}", sets.join(",")))
    }
}

impl Transmitter {
    /// Listens, with nothing to say.
    #[must_use]
    pub fn start() -> Self {
        let state: Arc<State> = Arc::default();
        let shared = Arc::clone(&state);
        Self { recorder: Recorder::scripted(move |call| shared.answer(call)), state }
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/poll", self.recorder.url())
    }

    /// Has something to say; neither name nor event needs an escape in JSON.
    pub fn offer(&self, id: &str, event: &str) {
        self.state.lock().waiting.insert(id.to_owned(), event.to_owned());
        self.state.bell.notify_all();
    }

    /// Answers as a script says, where it says something; what was asked is passed over then. A question that is held back is
    /// answered.
    pub fn script(&self, script: impl Fn(&Recorded) -> Option<Answer> + Send + Sync + 'static) {
        self.state.lock().script = Some(Arc::new(script));
        self.state.bell.notify_all();
    }

    /// Behaves again.
    pub fn behave(&self) {
        self.state.lock().script = None;
    }

    /// Names of the events that were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> BTreeSet<String> {
        self.state.lock().acknowledged.clone()
    }

    /// The error that was said of each event that was refused.
    #[must_use]
    pub fn refused(&self) -> BTreeMap<String, String> {
        self.state.lock().refused.clone()
    }

    /// All questions.
    #[must_use]
    pub fn questions(&self) -> Vec<Recorded> {
        self.recorder.calls()
    }
}
