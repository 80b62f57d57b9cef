//! Calls that go on as WebSockets (RFC 6455; RFC 8441 on HTTP/2; THREATS rows 3, 25, 37, 42).
//!
//! Nothing tunnels: a handshake passes every check that a call of its operation passes before the upstream sees anything, the
//! one to the upstream is made anew, and after it each side's frames are read strictly, put together to whole messages
//! under a bound, and written anew to the other side. What breaks the protocol or a bound goes no further, and both sides
//! are closed with the code that says so.
//!
//! | module | what it promises |
//! |---|---|
//! | `handshake` | what is asked for is a WebSocket and nothing else; nothing of the client's handshake goes on |
//! | `frames`, `write` | frames have one meaning and one spelling |
//! | `side` | what is known of one end: heard, asked, told |
//! | `tunnel` | two ends, their messages, and how it ends |
//! | `linger` | who is told to close sees it |

mod ending;
pub(crate) mod frames;
pub(crate) mod handshake;
mod linger;
mod side;
mod tunnel;
pub(crate) mod write;

#[cfg(test)]
mod tests;

use bytes::BytesMut;
use engine::codes;
use engine::pipeline::Permitted;
use http::header;
use http::{Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::answer::AnswerBody;
use crate::deliver;
use crate::exchange::Failure;
use crate::flight::Flight;
use crate::forward::Answer;
use crate::hops;
use crate::http1::wire::{Socket, Wire};
use crate::incoming::Incoming;

pub(crate) use handshake::Opening;
pub(crate) use tunnel::Tunnel;

/// The upstream switched: checks its word and its head, and readies what carries the messages.
pub(crate) async fn accepted(
    mut flight: Flight,
    permitted: &Permitted,
    answer: Answer,
    opening: Opening,
) -> Response<AnswerBody> {
    let Answer { status, headers, body, lease } = answer;
    let fault = |flight, why| deliver::failed(flight, Failure::new(&codes::UPSTREAM_PROTOCOL, why), true);
    let subprotocol = match opening.verify(&headers) {
        Ok(chosen) => chosen,
        Err(why) => return fault(flight, why),
    };
    let Incoming::Answer(body) = body else { return fault(flight, "switched protocols on HTTP/2") };
    let plan = permitted.plan();
    let (Some(rules), Some(upstream)) = (plan.websocket.clone(), body.into_connection()) else {
        return fault(flight, "switched protocols without being asked");
    };
    flight.call.response.status = status;
    flight.call.response.headers = headers;
    let fields = &mut flight.call.response.headers;
    hops::strip(fields, true);
    for name in [header::SEC_WEBSOCKET_ACCEPT, header::SEC_WEBSOCKET_PROTOCOL, header::CONTENT_LENGTH] {
        fields.remove(name);
    }
    let (pipeline, call) = flight.pipeline();
    if let Err(stop) = pipeline.response_head(call, plan).await {
        return deliver::withhold(flight, stop);
    }
    let mut headers = std::mem::take(&mut flight.call.response.headers);
    let key = flight.call.request.handshake.as_ref().and_then(|handshake| handshake.key.as_ref());
    if let Some(Ok(proof)) = key.map(|key| handshake::accept(key.as_bytes()).try_into()) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, proof);
    }
    if let Some(subprotocol) = subprotocol {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    }
    // On HTTP/2 it is the CONNECT that succeeds (RFC 8441 section 5).
    let two = flight.call.request.version == Version::HTTP_2;
    let status = if two { StatusCode::OK } else { StatusCode::SWITCHING_PROTOCOLS };
    deliver::finish_head(&mut flight, status, &mut headers);
    let tunnel = Tunnel::new(flight, (upstream, lease), rules);
    deliver::respond(status, headers, AnswerBody::Switched(Box::new(tunnel)))
}

/// On HTTP/2: lets the stream of a call go on as a WebSocket when its answer says so.
pub(crate) fn switch(answer: Response<AnswerBody>, upgrade: OnUpgrade) -> Response<AnswerBody> {
    let (head, body) = answer.into_parts();
    let AnswerBody::Switched(tunnel) = body else { return Response::from_parts(head, body) };
    let task = tunnel.task();
    tokio::task::spawn_local(async move {
        // When the client has gone, dropping the tunnel records the call.
        if let Ok(stream) = upgrade.await {
            let mut wire = Wire::new(Socket::Stream(Box::new(TokioIo::new(stream))), BytesMut::new());
            let whole = tunnel.run(&mut wire).await;
            // What writes the stream would wait for a window that is shut as long as the connection lives.
            if !whole && let Some(writes) = task.and_then(|task| task.began()) {
                writes.end();
            }
        }
    });
    Response::from_parts(head, AnswerBody::nothing())
}
