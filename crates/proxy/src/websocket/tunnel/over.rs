//! How a WebSocket ends: by the close of one end that the other returns, or by an [`Ending`] that both are told.

use bytes::Bytes;
use engine::bounds::{self, Bound};

use super::super::ending::{Ending, Way};
use super::super::frames::Opcode;
use super::super::side::Side;
use super::Tunnel;
use crate::http1::wire::Wire;

impl Tunnel {
    /// One end has closed: the other is told the same.
    pub(super) fn closed(&mut self, way: Way, reason: Option<(u16, Bytes)>, client: &mut Wire) {
        let (from, to) = match way {
            Way::Up => (&mut self.client, &mut self.server),
            Way::Down => (&mut self.server, &mut self.client),
        };
        from.closed = true;
        if let Some(ending) = self.broken.take() {
            return self.end(ending, client);
        }
        let told = std::mem::replace(&mut to.told, true);
        if self.deadline.is_none() {
            self.close = reason.as_ref().map(|(code, _)| *code);
            self.deadline = Some(self.core.clock.now().after(bounds::WEBSOCKET_CLOSE));
        }
        if !told {
            let payload = reason.map(|(code, text)| [&code.to_be_bytes()[..], &text].concat());
            self.send(way, Opcode::Close, payload.as_deref().unwrap_or_default(), client);
        }
    }

    /// Fails what the client broke (section 7.1.7): it is not heard any more. What it sent before was whole and has gone on, so
    /// that the upstream is told first, and the client when that has answered and closed, or has taken too long.
    pub(super) fn break_off(&mut self, ending: Ending, client: &mut Wire) {
        if self.server.closed || self.server.gone || std::mem::replace(&mut self.server.told, true) {
            return self.end(ending, client);
        }
        self.send(Way::Up, Opcode::Close, &ending.close.to_be_bytes(), client);
        self.client.closed = true;
        self.deadline = Some(self.core.clock.now().after(bounds::WEBSOCKET_LAST));
        self.broken = Some(ending);
    }

    /// Ends it: both ends are told. Who broke the protocol before is told that.
    pub(super) fn end(&mut self, ending: Ending, client: &mut Wire) {
        if self.ending.is_some() {
            return;
        }
        let ending = self.broken.take().unwrap_or(ending);
        let code = ending.close.to_be_bytes();
        if !std::mem::replace(&mut self.client.told, true) {
            self.send(Way::Down, Opcode::Close, &[&code[..], ending.reason().as_bytes()].concat(), client);
        }
        if !std::mem::replace(&mut self.server.told, true) {
            self.send(Way::Up, Opcode::Close, &code, client);
        }
        if ending.close == engine::websocket::close::TOO_BIG {
            self.core.recorder.bound(Bound::Message);
        }
        self.close.get_or_insert(ending.close);
        self.deadline = Some(self.core.clock.now().after(bounds::WEBSOCKET_CLOSE));
        self.ending = Some(ending);
    }

    /// Whether both ends have closed or were told to, and have what they were told.
    pub(super) fn is_over(&mut self, client: &Wire) -> bool {
        let closed = |side: &Side| side.closed || side.gone;
        let done = self.ending.is_some() || (closed(&self.client) && closed(&self.server));
        done && (self.client.gone || client.is_flushed())
            && (self.server.gone || self.upstream.wire().is_flushed())
    }

    /// Ends the call.
    pub(super) fn record(&mut self) {
        // A control that still looks at a message has the call.
        self.checking = None;
        let Some(mut flight) = self.stream.leave() else { return };
        flight.leave();
        let decision = &mut flight.call.decision;
        (decision.bytes_in, decision.bytes_out) = self.bytes;
        (decision.messages, decision.close) = (self.messages, self.close);
        match self.ending.take().or(self.broken.take()) {
            Some(ending) => {
                decision.aborted = ending.aborted;
                if let Some((code, detail)) = ending.told {
                    decision.code = Some(code);
                    decision.fault = Some(detail).filter(|_| decision.refusal().is_none());
                }
            }
            None => decision.aborted = !(self.client.closed && self.server.closed),
        }
    }
}
