//! The task of one sink: takes what may be sent, sends it, and writes down what came of it.
//!
//! What came of deliveries is written in batches, so that a delivery does not cost a write of its own. What was not written when the
//! process is killed is sent again, with a mark that says so.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use engine::Tick;
use engine::fetch::FetchRequest;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use notices::{Item, Secret, Verdict, judge, judge_error};
use store::{Ending, Spool, StoreError};
use tokio::task::JoinSet;

use super::ledger::Ledger;
use super::settings::Settings;
use super::sink::{Services, Sink, Stage, ticks};

/// How long something that could not be done now is left alone.
pub(super) const MOMENT: Duration = Duration::from_secs(1);
/// How often is looked for what is too old.
const TIDY: Duration = Duration::from_secs(5);
/// How long the end waits for what is on its way.
const PATIENCE: Duration = Duration::from_secs(2);
/// Says that the receiver may have an event already.
static REPEATED: HeaderName = HeaderName::from_static("yett-repeated");
/// What events are (CloudEvents 1.0, HTTP binding, section 3.2).
static MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/cloudevents+json; charset=utf-8");

/// What came of a try: a verdict, or that the event could not be read.
enum Sent {
    Judged(Verdict),
    /// It is not there any more.
    Missing,
    /// The spool cannot be read now.
    Unread,
}

/// Delivers until the sink ends; says whether all that came of it was written.
pub(super) async fn deliver(sink: Arc<Sink>, spool: Arc<Spool>, services: Services) -> bool {
    let mut task =
        Task { sink, spool, services, sends: JoinSet::new(), ledger: Ledger::default(), tidied: None };
    while matches!(task.sink.stage(), Stage::Running | Stage::Gone) {
        task.turn().await;
    }
    task.finish().await
}

struct Task {
    sink: Arc<Sink>,
    spool: Arc<Spool>,
    services: Services,
    sends: JoinSet<(Item, Sent)>,
    ledger: Ledger,
    tidied: Option<Tick>,
}

impl Task {
    async fn turn(&mut self) {
        self.tidy();
        if self.sink.stage() == Stage::Running && self.ledger.has_room() {
            self.start();
        }
        if self.ledger.is_due(self.services.clock.now()) {
            self.write().await;
        }
        let pause = self.pause();
        tokio::select! {
            Some(done) = self.sends.join_next(), if !self.sends.is_empty() => self.take(done.ok()),
            () = self.sink.bell.notified() => {}
            () = self.services.clock.sleep(pause) => {}
        }
        while let Some(done) = self.sends.try_join_next() {
            self.take(done.ok());
        }
    }

    fn tidy(&mut self) {
        let now = self.services.clock.now();
        if self.tidied.is_some_and(|at| now.since(at) < TIDY) {
            return;
        }
        self.tidied = Some(now);
        let old = self.sink.expire(&*self.services.clock);
        self.note(old);
    }

    fn start(&mut self) {
        let settings = Arc::clone(&self.sink.settings.lock());
        loop {
            let next = self.sink.schedule.lock().next(ticks(&*self.services.clock));
            let Some(item) = next else { return };
            let (spool, services) = (Arc::clone(&self.spool), self.services.clone());
            let settings = Arc::clone(&settings);
            self.sends.spawn(async move { (item, send(&spool, &services, &settings, item).await) });
        }
    }

    fn take(&mut self, done: Option<(Item, Sent)>) {
        // A send that panicked took its item with it: its lane rests until the next start.
        let Some((item, sent)) = done else { return };
        let clock = Arc::clone(&self.services.clock);
        let ending = match sent {
            Sent::Judged(verdict) => self.sink.settle(item, verdict, &*clock),
            Sent::Missing => {
                self.sink.schedule.lock().dropped(item.actor);
                None
            }
            Sent::Unread => self.sink.settle(item, Verdict::Untried, &*clock),
        };
        self.note(ending);
    }

    fn note(&mut self, endings: impl IntoIterator<Item = Ending>) {
        self.ledger.note(endings, self.services.clock.now());
    }

    /// Writes as much as is written at one time; whether that could be. What could not is tried again: it is sent again after a kill, and
    /// no sooner.
    async fn write(&mut self) -> bool {
        let some = self.ledger.first();
        let (count, written) = (some.len(), write(&self.sink, &self.spool, some).await);
        let now = self.services.clock.now();
        match written {
            Ok(()) => self.ledger.written(count, now),
            Err(_) => self.ledger.failed(now),
        }
        written.is_ok()
    }

    fn pause(&self) -> Duration {
        let now = self.services.clock.now();
        let mut pause = TIDY;
        if let Some(due) = self.ledger.due() {
            pause = pause.min(due.since(now));
        }
        let may_send = self.sink.stage() == Stage::Running && self.ledger.has_room();
        if let Some(wake) = self.sink.schedule.lock().wake().filter(|_| may_send) {
            pause =
                pause.min(Duration::from_millis(wake.saturating_sub(ticks(&*self.services.clock)).max(1)));
        }
        pause
    }

    /// Waits for what is on its way, and writes what came of it; whether all could be.
    async fn finish(mut self) -> bool {
        if self.sink.stage() == Stage::Removed {
            return self.settle_all().await;
        }
        let in_time = self.wait(PATIENCE).await;
        while !self.ledger.first().is_empty() {
            if !self.write().await {
                return false;
            }
        }
        in_time
    }

    /// Leaves nothing of a sink that is not there any more: what waits is given up, what is on its way has the time that it has, and what
    /// cannot be written now is written later. Otherwise the next who takes up what is in the spool would deliver it again.
    async fn settle_all(&mut self) -> bool {
        let clock = Arc::clone(&self.services.clock);
        self.note(self.sink.give_up(&*clock));
        let deadline = self.sink.settings.lock().deadline;
        self.wait(deadline + PATIENCE).await;
        let unsettled = self.sink.give_up_unsettled(&*clock);
        self.note(unsettled);
        self.note(self.sink.give_up(&*clock));
        while !self.ledger.first().is_empty() {
            if !self.write().await {
                clock.sleep(MOMENT).await;
            }
        }
        true
    }

    /// Waits for what is on its way, so long at most; whether it came back in time. What did not may have been delivered.
    async fn wait(&mut self, patience: Duration) -> bool {
        let clock = Arc::clone(&self.services.clock);
        let waiting = async {
            while let Some(done) = self.sends.join_next().await {
                self.take(done.ok());
            }
        };
        let in_time = tokio::select! {
            () = waiting => true,
            () = clock.sleep(patience) => false,
        };
        self.sends.abort_all();
        in_time
    }
}

async fn write(sink: &Sink, spool: &Spool, endings: &[Ending]) -> Result<(), StoreError> {
    spool.end(endings).await?;
    if endings.iter().any(|ending| matches!(ending, Ending::Dead(..))) {
        let most = sink.settings.lock().dead;
        let owed = spool.bury(&sink.name, most).await?;
        sink.counts.letters.store(owed.dead, std::sync::atomic::Ordering::Relaxed);
    }
    Ok(())
}

async fn send(spool: &Spool, services: &Services, settings: &Settings, item: Item) -> Sent {
    let (id, body) = match spool.body(item.sequence).await {
        Ok(Some(found)) => found,
        Ok(None) => return Sent::Missing,
        Err(_) => return Sent::Unread,
    };
    let seconds = services.clock.unix().seconds();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, MEDIA_TYPE.clone());
    let signature = Secret::sign_all(&settings.secrets, &id, seconds, body.as_bytes());
    for (name, text) in
        [(notices::ID, &id), (notices::TIMESTAMP, &seconds.to_string()), (notices::SIGNATURE, &signature)]
    {
        // All of them are ASCII.
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
    if item.sent {
        headers.insert(REPEATED.clone(), HeaderValue::from_static("true"));
    }
    let request = FetchRequest {
        method: Method::POST,
        url: settings.url.clone(),
        headers,
        body: Bytes::from(body),
        deadline: settings.deadline,
        max_bytes: 0,
        head_only: true,
        reach: settings.reach,
    };
    Sent::Judged(match services.fetch.fetch(request).await {
        Ok(answer) => judge(&answer, services.clock.unix().seconds()),
        Err(error) => judge_error(&error),
    })
}
