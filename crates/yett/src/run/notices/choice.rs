//! What of records and alerts is spooled for whom, as far as there is room.

use std::sync::Arc;

use engine::Evidence;
use notices::{Event, Item};
use store::NewNotice;

use super::settings::Settings;
use super::sink::Sink;
use super::watch::Told;

/// What of its room a sink that takes alerts keeps free for them, as a divisor: calls are many, and who makes enough of them to fill it
/// shall not go unnoticed for that.
const SPARE: u64 = 16;

/// What is spooled at one time, and for whom.
pub(super) struct Choice {
    sinks: Vec<Candidate>,
    source: Arc<str>,
    at: u64,
    pub(super) batch: Vec<NewNotice>,
    pub(super) items: Vec<(Arc<Sink>, Item)>,
    /// What found no room.
    pub(super) lost: u64,
}

/// A sink as it is while a batch is chosen.
struct Candidate {
    sink: Arc<Sink>,
    settings: Arc<Settings>,
    /// Bytes that may come yet.
    room: u64,
}

impl Choice {
    /// Nothing yet, for these sinks at `at` (in milliseconds since 1970).
    pub(super) fn new(sinks: impl IntoIterator<Item = Arc<Sink>>, source: Arc<str>, at: u64) -> Self {
        let candidate = |sink: Arc<Sink>| {
            let settings = Arc::clone(&sink.settings.lock());
            let room = sink.room();
            Candidate { sink, settings, room }
        };
        let sinks = sinks.into_iter().map(candidate).collect();
        Self { sinks, source, at, batch: Vec::new(), items: Vec::new(), lost: 0 }
    }

    /// A call: for those that want such.
    pub(super) fn call(&mut self, record: &Evidence) {
        let wants = |one: &Candidate| one.settings.calls && one.settings.wanted.wants(record);
        if !self.sinks.iter().any(wants) {
            return;
        }
        let Some(event) = Event::of(record) else { return };
        let spare = |one: &Candidate| if one.settings.alerts { one.settings.size / SPARE } else { 0 };
        self.spool(&event, wants, spare);
    }

    /// An alert: for the sinks that its rule names, or those that take such.
    pub(super) fn alert(&mut self, told: &Told) {
        let takes = |settings: &Settings| {
            settings.alerts
                && told.event.severity >= settings.wanted.severity
                && (settings.owners.is_empty()
                    || told.owners.iter().any(|owner| settings.owners.contains(owner)))
        };
        let is_told = |one: &Candidate| match told.sinks.is_empty() {
            true => takes(&one.settings),
            false => told.sinks.contains(&one.sink.name),
        };
        self.spool(&told.event, is_told, |_| 0);
    }

    /// Puts an event into the batch for those who are told, where more than `spare` is left.
    fn spool(
        &mut self,
        event: &Event,
        is_told: impl Fn(&Candidate) -> bool,
        spare: impl Fn(&Candidate) -> u64,
    ) {
        let body = event.to_json(&self.source);
        let actor = format!("{:032x}", event.actor.0);
        for one in self.sinks.iter_mut().filter(|one| is_told(one)) {
            let notice = NewNotice {
                sink: one.sink.name.clone(),
                id: event.id.clone(),
                actor: actor.clone(),
                at: self.at,
                body: body.clone(),
            };
            let bytes = notice.bytes();
            if bytes.saturating_add(spare(one)) > one.room {
                self.lost += 1;
                continue;
            }
            one.room -= bytes;
            let item = Item { sequence: 0, actor: event.actor, bytes, at: self.at, tries: 0, sent: false };
            self.items.push((Arc::clone(&one.sink), item));
            self.batch.push(notice);
        }
    }
}
