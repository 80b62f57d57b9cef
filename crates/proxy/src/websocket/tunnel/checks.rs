//! Messages that controls look at before they go on.

use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use engine::control::{Direction, Message};
use engine::pipeline::Stop;
use engine::{Body, LocalFuture};

use super::super::ending::{Ending, Way};
use super::super::frames::Opcode;
use super::super::write::write_head;
use super::Tunnel;
use crate::flight::Flight;
use crate::http1::wire::Wire;
use crate::stream::Stream;

/// A message that controls look at.
pub(super) struct Checking {
    pub(super) way: Way,
    text: bool,
    /// Bytes of its payload, as it came.
    pub(super) length: usize,
    checked: LocalFuture<'static, (Bytes, Result<(), Stop>)>,
}

/// A call that was lent out. It goes back whatever becomes of the work on it, so that whoever ends the stream has it to record.
struct Lent {
    flight: Option<Flight>,
    stream: Rc<Stream>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            self.stream.bring_back(flight);
        }
    }
}

impl Tunnel {
    /// Passes a message on.
    pub(super) fn pass(&mut self, way: Way, text: bool, payload: &Bytes, client: &mut Wire) {
        let opcode = if text { Opcode::Text } else { Opcode::Binary };
        let length = payload.len() as u64;
        match way {
            Way::Up => {
                self.messages.0 += 1;
                self.bytes.0 += length;
                self.send(way, opcode, payload, client);
            }
            Way::Down => {
                self.messages.1 += 1;
                self.bytes.1 += length;
                write_head(client.outbox(), opcode, payload.len(), None);
                client.push(payload.clone());
            }
        }
    }

    /// Has controls look at a message.
    pub(super) fn check(&mut self, way: Way, text: bool, payload: Bytes, client: &mut Wire) {
        let Some(flight) = self.stream.lend() else {
            self.end(Ending::no_room(), client);
            return;
        };
        let mut lent = Lent { flight: Some(flight), stream: Rc::clone(&self.stream) };
        let direction = if way == Way::Up { Direction::Up } else { Direction::Down };
        let length = payload.len();
        let checked = async move {
            let mut message = Message { direction, text, body: Body::new(payload) };
            let verdict = match &mut lent.flight {
                Some(flight) => {
                    let (pipeline, call) = flight.pipeline();
                    pipeline.message(call, &mut message).await
                }
                None => Ok(()),
            };
            (message.body.bytes().clone(), verdict)
        };
        self.checking = Some(Checking { way, text, length, checked: Box::pin(checked) });
    }

    /// Whether a message was looked at whole.
    pub(super) fn poll_check(&mut self, client: &mut Wire, context: &mut Context<'_>) -> bool {
        let Some(Checking { way, text, checked, .. }) = &mut self.checking else { return false };
        let (way, text) = (*way, *text);
        let Poll::Ready((payload, verdict)) = checked.as_mut().poll(context) else { return false };
        self.checking = None;
        // A snapshot may have come meanwhile.
        self.heed(client);
        match verdict {
            Ok(()) if self.ending.is_none() => self.pass(way, text, &payload, client),
            Ok(()) => {}
            Err(stop) => self.end(Ending::refused(stop), client),
        }
        true
    }
}
