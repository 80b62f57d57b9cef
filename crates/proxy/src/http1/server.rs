//! A client's connection: heads are read one after another, each call is answered before the next head is looked at.
//!
//! After any doubt about where a message ends the connection ends too: a head that is refused is answered once, and nothing
//! that follows it is read as a message (THREATS rows 1 and 2).

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use engine::bounds::Bound;
use http::{Method, Response, StatusCode, Version, header};
use http_body::{Body, Frame};

use super::body::Line;
use super::encode::{self, Ends};
use super::grammar::{Fault, find_end};
use super::request::{self, Head, Wishes};
use super::wire::{Socket, Wire};
use crate::answer::AnswerBody;
use crate::connection::Conn;
use crate::core::Core;
use crate::exchange::exchange;
use crate::incoming::Incoming;

/// How long, and for how many bytes, what the client still sends is read and dropped after the last answer: closing a
/// socket with unread bytes resets it, and the client might never see the answer.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;

/// Serves a socket of which `first` was read already, until it ends.
pub(crate) async fn serve(core: Rc<Core>, conn: Rc<Conn>, socket: Socket, first: BytesMut) {
    let line = Line::new(Wire::new(socket, first), Rc::clone(&conn));
    let mut room = Room::default();
    conn.may_park();
    loop {
        line.wire.borrow_mut().relax();
        let mut searched = 0;
        let next = std::future::poll_fn(|context| {
            conn.watch(context);
            let next = poll_next(&core, &line, &mut searched, context);
            if next.is_pending() && conn.is_parked() {
                line.wire.borrow_mut().park();
                room.park();
            }
            next
        });
        let head = match next.await {
            Next::Head(head) => Ok(*head),
            Next::Refused(fault) => Err(fault),
            Next::End => break,
        };
        let (manner, head) = begin(&line, head);
        room.begin(exchange(Rc::clone(&core), Rc::clone(&conn), head));
        if !call(&core, &line, &mut room, manner).await {
            break;
        }
    }
    end(&line).await;
}

/// Room for the work on a call, used for one after another, and not held while there is none.
struct Room<F>(Option<Pin<Box<Option<F>>>>);

impl<F> Default for Room<F> {
    fn default() -> Self {
        Self(None)
    }
}

impl<F: Future> Room<F> {
    fn begin(&mut self, work: F) {
        self.0.get_or_insert_with(|| Box::pin(None)).as_mut().set(Some(work));
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<F::Output> {
        let work = self.0.as_mut().and_then(|room| room.as_mut().as_pin_mut());
        work.map_or(Poll::Pending, |work| work.poll(context))
    }

    fn end(&mut self) {
        if let Some(room) = &mut self.0 {
            room.as_mut().set(None);
        }
    }

    fn park(&mut self) {
        self.0 = None;
    }
}

/// What comes next on a connection.
enum Next {
    Head(Box<Head>),
    Refused(Fault),
    End,
}

fn poll_next(core: &Core, line: &Line, searched: &mut usize, context: &mut Context<'_>) -> Poll<Next> {
    let (wire, conn) = (&mut *line.wire.borrow_mut(), &line.conn);
    loop {
        if !wire.inbox.is_empty() {
            match find_end(&wire.inbox, *searched) {
                Ok(Some(end)) => {
                    let bytes = wire.inbox.split_to(end).freeze();
                    let next = request::parse(&bytes).map(Box::new);
                    return Poll::Ready(next.map_or_else(Next::Refused, Next::Head));
                }
                Ok(None) => *searched = wire.inbox.len(),
                Err(fault) => return Poll::Ready(Next::Refused(fault)),
            }
            conn.head_open(true);
        } else if conn.is_closing() {
            return Poll::Ready(Next::End);
        }
        match wire.poll_fill(context) {
            Poll::Ready(Ok(1..)) => {}
            Poll::Ready(_) => return Poll::Ready(Next::End),
            Poll::Pending => {
                ready!(conn.alarm.poll(context));
                if !wire.inbox.is_empty() {
                    core.recorder.bound(Bound::HeadTime);
                }
                return Poll::Ready(Next::End);
            }
        }
    }
}

/// What of a head decides how its answer is written.
#[derive(Debug, Clone, Copy)]
struct Manner {
    wishes: Wishes,
    one_zero: bool,
    head: bool,
}

impl Manner {
    /// For a head that was refused.
    const REFUSED: Self = Self {
        wishes: Wishes { keep_alive: false, expects: false, trailers: false },
        one_zero: false,
        head: false,
    };

    fn of(head: &Head) -> Self {
        Self {
            wishes: head.wishes,
            one_zero: head.parts.version == Version::HTTP_10,
            head: head.parts.method == Method::HEAD,
        }
    }
}

/// How a call is answered, and what the work on it begins with.
fn begin(
    line: &Rc<Line>,
    head: Result<Head, Fault>,
) -> (Manner, Result<(http::request::Parts, Incoming), Fault>) {
    line.conn.head_open(false);
    match head {
        Ok(head) => {
            let manner = Manner::of(&head);
            let body = line.begin(head.framing, head.wishes.expects);
            (manner, Ok((head.parts, Incoming::Request(body))))
        }
        Err(fault) => {
            line.conn.malformed();
            (Manner::REFUSED, Err(fault))
        }
    }
}

/// Answers the call that has begun; whether another one may follow.
async fn call<F>(core: &Core, line: &Line, room: &mut Room<F>, manner: Manner) -> bool
where
    F: Future<Output = Response<AnswerBody>>,
{
    let answer = std::future::poll_fn(|context| {
        line.conn.watch(context);
        match room.poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if line.is_gone(context) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    let answer = answer.await;
    room.end();
    match answer {
        Some(answer) => Delivery::begin(core, line, answer, manner).run().await,
        None => false,
    }
}

/// An answer on its way to the client.
struct Delivery<'a> {
    line: &'a Line,
    body: AnswerBody,
    ends: Ends,
    stays: bool,
    trailers: bool,
    over: bool,
}

impl<'a> Delivery<'a> {
    /// Queues the head.
    fn begin(core: &Core, line: &'a Line, answer: Response<AnswerBody>, manner: Manner) -> Self {
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
    async fn run(mut self) -> bool {
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

/// Ends the connection so that the client sees all that was said.
async fn end(line: &Line) {
    let unread = !line.is_read() || line.conn.is_malformed();
    line.give_up();
    line.conn.alarm.set_in(LINGER_TIME);
    let mut shut = false;
    let mut dropped = 0;
    std::future::poll_fn(|context| {
        let wire = &mut *line.wire.borrow_mut();
        if !shut {
            match wire.poll_shutdown(context) {
                Poll::Ready(Ok(())) => shut = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => return line.conn.alarm.poll(context),
            }
        }
        while unread && dropped <= LINGER_BYTES {
            wire.inbox.clear();
            match wire.poll_fill(context) {
                Poll::Ready(Ok(count @ 1..)) => dropped += count,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return line.conn.alarm.poll(context),
            }
        }
        Poll::Ready(())
    })
    .await;
}
