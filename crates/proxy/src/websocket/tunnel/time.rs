//! What time does to a WebSocket: silence, age, ends that do not answer, and what became of its right to be there.

use std::sync::Arc;
use std::task::Context;

use engine::Tick;

use super::super::ending::{Ending, Way};
use super::super::frames::Opcode;
use super::super::side::Care;
use super::{Tunnel, reads_messages};
use crate::http1::wire::Wire;
use crate::pace::Bucket;

/// What time asks for.
enum Due {
    /// A ping for the end that this way leads to.
    Ask(Way),
    End(Ending),
    /// Whoever was told has not taken it: their sockets are dropped.
    Drop,
}

impl Tunnel {
    /// Goes by the rules of a snapshot that came meanwhile, and ends what is not allowed any more. Before anything is read, so
    /// that no message passes by a right that was withdrawn.
    pub(super) fn heed(&mut self, client: &mut Wire) {
        let now = self.core.clock.now();
        self.renew(now);
        if (self.deadline.is_none() || self.broken.is_some())
            && let Some(why) = self.stream.due(now)
        {
            self.end(Ending::because(why), client);
        }
    }

    /// Looks after what time does; true when something is to be done by it.
    pub(super) fn look(&mut self, client: &mut Wire, context: &mut Context<'_>) -> bool {
        let now = self.core.clock.now();
        if std::mem::replace(&mut self.lively, false) {
            (self.said, self.rests) = (now, false);
        }
        match self.due(now) {
            Ok(next) => {
                self.alarm.set(next);
                self.alarm.poll(context).is_ready()
            }
            Err(Due::Ask(way)) => {
                let token = self.token;
                self.rests = true;
                self.send(way, Opcode::Ping, &token, client);
                true
            }
            Err(Due::End(ending)) => {
                self.end(ending, client);
                true
            }
            Err(Due::Drop) => {
                (self.client.gone, self.server.gone) = (true, true);
                true
            }
        }
    }

    /// Goes by the rules of a snapshot that came meanwhile.
    fn renew(&mut self, now: Tick) {
        let rules = |call: &engine::Call| {
            let rules = call.operation.as_ref().and_then(|plan| plan.websocket.as_ref());
            let others = rules.filter(|rules| !Arc::ptr_eq(rules, &self.rules)).map(Arc::clone);
            (others, reads_messages(call))
        };
        let Some((rules, reads)) = self.stream.read(rules) else { return };
        self.reads = reads;
        let Some(rules) = rules else { return };
        if rules.flow != self.rules.flow {
            self.flow = Bucket::of(rules.flow, now);
        }
        self.rules = rules;
    }

    /// What is due now, or when something will be.
    fn due(&mut self, now: Tick) -> Result<Tick, Due> {
        if let Some(deadline) = self.deadline {
            return match (now < deadline, &self.ending) {
                (true, _) => Ok(deadline),
                (false, None) => Err(Due::End(Ending::unanswered())),
                (false, Some(_)) => Err(Due::Drop),
            };
        }
        if let Some(why) = self.stream.due(now) {
            return Err(Due::End(Ending::because(why)));
        }
        let (idle, old) = (self.said.after(self.rules.idle), self.began.after(self.rules.lifetime));
        if now >= idle.min(old) {
            return Err(Due::End(if idle <= old { Ending::idle() } else { Ending::old() }));
        }
        let mut next = self.stream.ends_at().min(idle).min(old);
        for (way, side) in [(Way::Up, &mut self.client), (Way::Down, &mut self.server)] {
            match side.care(now) {
                Care::Until(at) => next = next.min(at),
                Care::Ask => return Err(Due::Ask(if way == Way::Up { Way::Down } else { Way::Up })),
                Care::Lost(how) => {
                    side.gone = true;
                    return Err(Due::End(Ending::gone(way, how)));
                }
            }
        }
        Ok(next)
    }
}
