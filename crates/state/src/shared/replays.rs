//! What may be used once among several gateways: first here, then at the server, which is asked each time.
//!
//! Nobody can say that a use is the first while the server cannot be asked, or when it may have forgotten one: then nothing is
//! known, and whoever asked has to refuse. A server that lost its memory, or was changed for another, is known by the moment at
//! which that begins, which it keeps as everything else, with the run of the server that it belongs to: one that begins again with
//! what was on its disk may lack the last of it. What could have been used before that moment is not known either. One that
//! throws away what it has when its memory is full ([`super::link`]) is not asked at all.

use std::sync::Arc;
use std::time::Duration;

use engine::replay::{Replays, Used};
use engine::{BoxFuture, UnixTime};

use super::link::Link;
use super::scripts::{Script, number, parts};
use crate::hash::public;
use crate::replays::MemoryReplays;

/// How much longer a use is kept than it could be used again: clocks differ, by as much as a proof may be from the future.
const LINGER: Duration = Duration::from_secs(10);

/// The uses.
#[derive(Debug)]
pub(super) struct SharedReplays {
    pub(super) link: Arc<Link>,
    pub(super) local: MemoryReplays,
}

impl Replays for SharedReplays {
    fn take(&self, (holder, key): (u128, u128), until: UnixTime, now: UnixTime) -> Used {
        // Keyed by this process, since anybody can work out the shared ones.
        let own = |key: u128| self.local.key(&[&key.to_be_bytes()]);
        self.local.take((own(holder), own(key)), until, now)
    }

    fn key(&self, parts: &[&[u8]]) -> u128 {
        public(parts)
    }

    fn elsewhere(
        &self,
        key: u128,
        (since, until): (UnixTime, UnixTime),
        now: UnixTime,
    ) -> Option<BoxFuture<'static, Used>> {
        if !self.link.is_up() || !self.link.keeps() {
            return Some(Box::pin(std::future::ready(Used::Unknown)));
        }
        let keys = [self.link.key("begun"), self.link.key(&format!("u:{key:032x}"))];
        let lasts = Duration::from_nanos(until.0.saturating_sub(now.0)) + LINGER;
        let answer = self.link.run_and_wait(Script::Use, &keys, |command| {
            command.arg(lasts.as_millis().to_string());
        });
        Some(Box::pin(async move {
            let answer = answer.await;
            let Some([first, begun]) = answer.as_ref().and_then(parts) else { return Used::Unknown };
            match (number(first), number(begun)) {
                (Some(0), Some(_)) => Used::Before,
                (Some(1), Some(begun)) if since.0 / 1_000 >= begun => Used::First,
                _ => Used::Unknown,
            }
        }))
    }
}
