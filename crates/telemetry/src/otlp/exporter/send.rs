//! One turn of a signal: requests, and tries until each is taken, refused or too old.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use engine::bounds;
use engine::fetch::{FetchRequest, Reach};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method};

use super::super::metrics::{Part, encode};
use super::super::queue::{Chunk, Kind};
use super::super::request;
use super::super::retry::{AGE, Verdict, judge, pause};
use super::super::state::Signal;
use super::{Exporter, Settings, kind};
use crate::families;

/// Longest answer that is read, in bytes.
const ANSWER: usize = 64 * 1024;

impl Exporter {
    /// Sends what waits of a signal.
    pub(in crate::otlp) async fn turn(&self, signal: Signal) {
        let _turn = self.lane(signal).turn.lock().await;
        match kind(signal) {
            Some(kind) => self.send_queue(signal, kind).await,
            None => self.send_metrics().await,
        }
    }

    async fn send_queue(&self, signal: Signal, kind: Kind) {
        // What is not full yet goes along until little is left: the next of it would be a handful.
        let mut all = true;
        loop {
            let chunks = self.telemetry.export.take(kind, all);
            if chunks.is_empty() {
                return;
            }
            let items = chunks.iter().map(|chunk| chunk.items).sum();
            self.lane(signal).state.lock().in_hand = items;
            let much = chunks.iter().map(|chunk| chunk.bytes.len()).sum::<usize>() >= bounds::EXPORT_REQUEST;
            self.deliver(signal, &chunks, items).await;
            self.lane(signal).state.lock().in_hand = 0;
            all = much || self.closing.load(Ordering::Acquire);
        }
    }

    /// Sends one request's worth until it is taken, refused, or too old.
    async fn deliver(&self, signal: Signal, chunks: &[Chunk], items: u64) {
        let (born, mut failed) = (self.clock.now(), 0);
        loop {
            let Some(settings) = self.settings().filter(|settings| settings.wants(signal)) else { return };
            let parts = chunks.iter().map(|chunk| &*chunk.bytes);
            let (asked, why) = match self.send(signal, &settings, parts).await {
                Verdict::Taken(partial) => return self.taken(signal, items, partial),
                Verdict::Refused(why) => return self.refused(signal, items, &why),
                Verdict::Again(asked, why) => (asked, why),
            };
            failed += 1;
            self.ill(signal, &why);
            let wait = self.pause(failed, asked);
            let given_up = self.clock.now().after(wait).since(born) > AGE;
            if given_up || self.closing.load(Ordering::Acquire) {
                self.lane(signal).state.lock().unavailable += items;
                return;
            }
            self.wait(signal, &settings, wait).await;
        }
    }

    /// Sends what is counted. What could not be sent is not kept: the next numbers say more.
    async fn send_metrics(&self) {
        let mut failed = 0;
        loop {
            let Some(settings) = self.settings().filter(|settings| settings.metrics) else { return };
            let mut again = None;
            for part in self.measured() {
                match self.send(Signal::Metrics, &settings, std::iter::once(&*part.bytes)).await {
                    Verdict::Taken(partial) => self.taken(Signal::Metrics, part.points, partial),
                    Verdict::Refused(why) => self.refused(Signal::Metrics, part.points, &why),
                    Verdict::Again(asked, why) => {
                        self.ill(Signal::Metrics, &why);
                        again = Some(asked);
                        break;
                    }
                }
            }
            let Some(asked) = again.filter(|_| !self.closing.load(Ordering::Acquire)) else { return };
            failed += 1;
            self.wait(Signal::Metrics, &settings, self.pause(failed, asked)).await;
        }
    }

    fn measured(&self) -> Vec<Part> {
        let own = self.samples.get().map(|samples| samples()).unwrap_or_default();
        let total = self.telemetry.total();
        let mut families = families::collect(&total, self.telemetry.lines_lost(), &own);
        families.push(families::by_route(&total));
        encode(&families, (self.telemetry.since.0, self.clock.unix().0))
    }

    async fn send<'a>(
        &self,
        signal: Signal,
        settings: &Settings,
        parts: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Verdict {
        let resource = request::resource(&settings.resource, &self.instance);
        let body = request::body(&resource, parts);
        let mut headers = settings.headers.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let body = if settings.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            request::gzip(&body)
        } else {
            Bytes::from(body)
        };
        let url = format!("{}/v1/{}", settings.endpoint, signal.name());
        let request = FetchRequest {
            method: Method::POST,
            headers,
            body,
            deadline: settings.timeout,
            max_bytes: ANSWER,
            ..FetchRequest::get(url, Reach::Operator)
        };
        let answer = self.fetch.fetch(request).await;
        judge(answer, self.clock.unix().seconds())
    }

    fn pause(&self, failed: u32, asked: Option<Duration>) -> Duration {
        let mut dice = [0; 4];
        self.clock.fill(&mut dice);
        pause(failed, asked, u32::from_le_bytes(dice))
    }

    /// Waits, but not for longer than until other settings come or the end.
    async fn wait(&self, signal: Signal, settings: &Arc<Settings>, time: Duration) {
        let mut sleep = self.clock.sleep(time);
        loop {
            tokio::select! {
                () = &mut sleep => return,
                () = self.lane(signal).bell.notified() => {}
            }
            let same = self.settings().is_some_and(|current| Arc::ptr_eq(&current, settings));
            if !same || self.closing.load(Ordering::Acquire) {
                return;
            }
        }
    }
}
