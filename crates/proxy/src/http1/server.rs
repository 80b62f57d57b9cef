//! A client's connection: heads are read one after another, each call is answered before the next head is looked at.
//!
//! After any doubt about where a message ends the connection ends too: a head that is refused is answered once, and nothing
//! that follows it is read as a message (THREATS rows 1 and 2).

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use engine::bounds::Bound;
use http::response::Parts;
use http::{Method, Version, header};

use super::body::Line;
use super::delivery::Delivery;
use super::encode;
use super::grammar::{Fault, find_end};
use super::request::{self, Head, Wishes};
use super::wire::{Socket, Wire};
use crate::answer::AnswerBody;
use crate::connection::Conn;
use crate::core::Core;
use crate::exchange::exchange;
use crate::incoming::Incoming;
use crate::websocket::Tunnel;

/// How long, and for how many bytes, what the client still sends is read and dropped after the last answer: closing a
/// socket with unread bytes resets it, and the client might never see the answer.
const LINGER_TIME: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1024 * 1024;

/// Serves a socket of which `first` was read already, until it ends.
pub(crate) async fn serve(core: Rc<Core>, conn: Rc<Conn>, socket: Socket, first: BytesMut) {
    let line = Line::new(Wire::new(socket, first), Rc::clone(&conn));
    conn.may_park();
    loop {
        let next = next(&core, &line, |line| {
            line.wire.borrow_mut().park();
            Poll::Pending
        });
        let turn = match next.await {
            Next::End => break,
            // In a box that an idle connection does not hold.
            next => Box::pin(carry(&core, &line, next)).await,
        };
        match turn {
            Turn::Idle => {}
            Turn::Over => break,
            Turn::Switched(head, tunnel) => {
                Box::pin(switch(&core, &line, &head, tunnel)).await;
                break;
            }
        }
    }
    end(&line).await;
}

/// How a connection stands after some calls.
enum Turn {
    /// Nothing came for a while.
    Idle,
    /// No other call may follow.
    Over,
    /// It goes on as something else, with this head.
    Switched(Box<Parts>, Box<Tunnel>),
}

/// Answers one call after another, until none came for a while.
///
/// The work on a call is made where it is done, and not moved there: it is large.
async fn carry(core: &Rc<Core>, line: &Rc<Line>, mut coming: Next) -> Turn {
    loop {
        let head = match coming {
            Next::Head(head) => Ok(*head),
            Next::Refused(fault) => Err(fault),
            Next::Idle => return Turn::Idle,
            Next::End => return Turn::Over,
        };
        let (manner, head) = begin(line, head);
        let answer = {
            let mut work = pin!(exchange(Rc::clone(core), Rc::clone(&line.conn), head));
            let answer = std::future::poll_fn(|context| {
                line.conn.watch(context);
                match work.as_mut().poll(context) {
                    Poll::Ready(answer) => Poll::Ready(Some(answer)),
                    Poll::Pending if line.is_gone(context) => Poll::Ready(None),
                    Poll::Pending => Poll::Pending,
                }
            });
            answer.await
        };
        let Some(answer) = answer else { return Turn::Over };
        if matches!(answer.body(), AnswerBody::Switched(_)) {
            let (head, body) = answer.into_parts();
            return match body {
                AnswerBody::Switched(tunnel) => Turn::Switched(Box::new(head), tunnel),
                _ => Turn::Over,
            };
        }
        if !Delivery::begin(core, line, answer, manner).run().await {
            return Turn::Over;
        }
        coming = next(core, line, |_| Poll::Ready(Next::Idle)).await;
    }
}

/// What comes next on a connection.
enum Next {
    Head(Box<Head>),
    Refused(Fault),
    /// Nothing for a while.
    Idle,
    End,
}

/// Waits for what comes next. `idle` says what becomes of a connection that is to hold no more than it must.
async fn next(core: &Core, line: &Line, idle: impl Fn(&Line) -> Poll<Next>) -> Next {
    line.wire.borrow_mut().relax();
    let mut searched = 0;
    let next = std::future::poll_fn(|context| {
        line.conn.watch(context);
        match poll_next(core, line, &mut searched, context) {
            Poll::Pending if line.conn.is_parked() => idle(line),
            next => next,
        }
    });
    next.await
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
        } else {
            conn.await_last();
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
pub(super) struct Manner {
    pub(super) wishes: Wishes,
    pub(super) one_zero: bool,
    pub(super) head: bool,
}

impl Manner {
    /// For a head that was refused.
    const REFUSED: Self = Self {
        wishes: Wishes { keep_alive: false, expects: false, trailers: false },
        one_zero: false,
        head: false,
    };

    fn of(head: &Head) -> Self {
        let mut wishes = head.wishes;
        // Whatever becomes of a handshake, what follows it is no request (THREATS row 3).
        wishes.keep_alive &= !head.parts.headers.contains_key(header::UPGRADE);
        Self {
            wishes,
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

/// Goes on as a WebSocket, which has the connection to its end.
#[allow(
    clippy::await_holding_refcell_ref,
    reason = "whoever shared the wire has ended: the call, and its body"
)]
async fn switch(core: &Core, line: &Line, head: &Parts, tunnel: Box<Tunnel>) {
    // Who speaks before it is answered has not waited for the other protocol (RFC 6455 section 4.1; THREATS row 3).
    if !line.wire.borrow().inbox.is_empty() {
        line.conn.malformed();
        return tunnel.refuse();
    }
    // Nobody else reads the connection from here on.
    let wire = &mut *line.wire.borrow_mut();
    let out = wire.outbox();
    encode::answer_head(out, head.status, &head.headers, false);
    if !head.headers.contains_key(header::DATE) {
        encode::pair(out, b"date", &core.date());
    }
    out.extend_from_slice(b"connection: upgrade\r\nupgrade: websocket\r\n\r\n");
    tunnel.run(wire).await;
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
