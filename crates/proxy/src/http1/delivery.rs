//! An answer on its way to the client: its head as this connection wants it, then its body as fast as the client takes it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use http_body::{Body, Frame};

use super::body::Line;
use super::encode::{self, Ends};
use super::server::Manner;
use crate::answer::AnswerBody;
use crate::core::Core;

/// An answer on its way to the client.
pub(super) struct Delivery<'a> {
    line: &'a Line,
    body: AnswerBody,
    ends: Ends,
    stays: bool,
    trailers: bool,
    over: bool,
}

impl<'a> Delivery<'a> {
    /// Queues the head.
    pub(super) fn begin(core: &Core, line: &'a Line, answer: Response<AnswerBody>, manner: Manner) -> Self {
        let (head, body) = answer.into_parts();
        let bodyless = manner.head
            || head.status.is_informational()
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let ends = match body.size_hint().exact() {
            _ if bodyless => Ends::Silently,
            Some(length) => Ends::After(length),
            None if manner.one_zero => Ends::Closing,
            None => Ends::Chunked,
        };
        let stays = manner.wishes.keep_alive
            && ends != Ends::Closing
            && line.is_read()
            && !line.conn.is_closing()
            && !head.headers.contains_key(header::CONNECTION);
        let wire = &mut *line.wire.borrow_mut();
        let out = wire.outbox();
        encode::answer_head(out, head.status, &head.headers, bodyless);
        ends.write(out);
        if !head.headers.contains_key(header::DATE) {
            encode::pair(out, b"date", &core.date());
        }
        match (stays, manner.one_zero) {
            (false, _) => out.extend_from_slice(b"connection: close\r\n"),
            (true, true) => out.extend_from_slice(b"connection: keep-alive\r\n"),
            (true, false) => {}
        }
        out.extend_from_slice(b"\r\n");
        Self { line, body, ends, stays, trailers: manner.wishes.trailers, over: bodyless }
    }

    /// Writes all of it; whether another call may follow.
    pub(super) async fn run(mut self) -> bool {
        let whole = std::future::poll_fn(|context| {
            self.line.conn.watch(context);
            self.poll(context)
        });
        whole.await && self.stays
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        loop {
            let more = !self.over && !self.line.wire.borrow().is_full();
            let frame = if more { Pin::new(&mut self.body).poll_frame(context) } else { Poll::Pending };
            if let Poll::Ready(frame) = frame {
                let went = match frame {
                    Some(Ok(frame)) => self.queue(frame),
                    Some(Err(_)) => false,
                    None => self.finish(),
                };
                if !went {
                    // What is queued still goes: the client sees an answer that is not whole.
                    (self.over, self.stays) = (true, false);
                }
                continue;
            }
            let flushed = self.line.wire.borrow_mut().poll_flush(context);
            match flushed {
                Poll::Ready(Ok(())) if self.over => return Poll::Ready(true),
                Poll::Ready(Ok(())) if !more => continue,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending if self.is_stuck(context) => return Poll::Ready(false),
                Poll::Pending => {}
            }
            return if self.line.is_gone(context) { Poll::Ready(false) } else { Poll::Pending };
        }
    }

    /// Whether the client takes nothing for too long.
    fn is_stuck(&mut self, context: &mut Context<'_>) -> bool {
        let wire = &mut *self.line.wire.borrow_mut();
        if wire.has_written() {
            wire.forget_written();
            self.body.moved();
        }
        self.body.is_overdue(context) || self.line.conn.is_idle_for_long(context)
    }

    /// Queues what the body gave; false when it is longer than the head said.
    fn queue(&mut self, frame: Frame<Bytes>) -> bool {
        let wire = &mut *self.line.wire.borrow_mut();
        match frame.into_data() {
            Ok(data) => match &mut self.ends {
                Ends::Silently => return false,
                Ends::After(left) => {
                    let Some(rest) = left.checked_sub(data.len() as u64) else { return false };
                    *left = rest;
                    wire.push(data);
                    self.over = rest == 0;
                }
                Ends::Chunked => encode::chunk(wire, data),
                Ends::Closing => wire.push(data),
            },
            Err(frame) => {
                if let (Ends::Chunked, true, Ok(trailers)) = (self.ends, self.trailers, frame.into_trailers())
                {
                    encode::trailers(wire.outbox(), &trailers);
                    self.over = true;
                }
            }
        }
        true
    }

    /// The body is over; false when it was shorter than the head said.
    fn finish(&mut self) -> bool {
        self.over = true;
        match self.ends {
            Ends::After(1..) => return false,
            Ends::Chunked => self.line.wire.borrow_mut().outbox().extend_from_slice(encode::LAST_CHUNK),
            _ => {}
        }
        true
    }
}
