//! A client's connection of HTTP/2.

use std::convert::Infallible;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use engine::bounds::{self, Bound};
use http::Method;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::guard::Guard;
use crate::connection::Conn;
use crate::core::Core;
use crate::exchange::exchange;
use crate::incoming::Incoming;
use crate::task::Tasks;
use crate::websocket;

/// So much of an answer waits to be sent on a stream.
const SEND_BUFFER: usize = 64 * 1024;
const STREAM_WINDOW: u32 = 64 * 1024;
/// What bodies of a connection hold at most before anybody reads them: four that come as fast as they can.
const CONNECTION_WINDOW: u32 = 256 * 1024;
const PING_TIME: Duration = Duration::from_secs(30);

/// Serves a socket until it ends.
pub(crate) async fn serve<S>(core: Rc<Core>, conn: Rc<Conn>, io: S)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let guard = Guard::new(io, &core, &conn);
    let service = {
        let (core, conn) = (Rc::clone(&core), Rc::clone(&conn));
        service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
            // A WebSocket's (RFC 8441); else nothing comes of it.
            let upgrade = (request.method() == Method::CONNECT).then(|| hyper::upgrade::on(&mut request));
            let (parts, body) = request.into_parts();
            let answer = exchange(Rc::clone(&core), Rc::clone(&conn), Ok((parts, Incoming::Two(body))));
            async {
                let answer = answer.await;
                Ok::<_, Infallible>(match upgrade {
                    Some(upgrade) => websocket::switch(answer, upgrade),
                    None => answer,
                })
            }
        })
    };
    let mut builder = http2::Builder::new(Tasks(Rc::clone(&core)));
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(bounds::STREAMS)
        .max_header_list_size(u32::try_from(bounds::HEADER_BYTES).unwrap_or(u32::MAX))
        .max_pending_accept_reset_streams(bounds::RESET_STREAMS)
        .max_local_error_reset_streams(bounds::RESET_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(PING_TIME)
        .keep_alive_timeout(PING_TIME);
    if core.current().has_websockets() {
        builder.enable_connect_protocol();
    }
    let connection = builder.serve_connection(TokioIo::new(guard), service);
    let mut connection = pin!(connection);
    let mut told = false;
    std::future::poll_fn(|context| {
        conn.watch(context);
        if conn.is_closing() && !told {
            told = true;
            connection.as_mut().graceful_shutdown();
        }
        if let std::task::Poll::Ready(ended) = connection.as_mut().poll(context) {
            if let Err(error) = ended {
                judge(&core, &conn, &error);
            }
            return std::task::Poll::Ready(());
        }
        if conn.is_idle_for_long(context) {
            conn.alarm.clear();
            if told {
                return std::task::Poll::Ready(());
            }
            // GOAWAY first; what comes in before the client sees it is still served.
            told = true;
            connection.as_mut().graceful_shutdown();
            conn.alarm.set_in(bounds::HEAD_TIME);
            context.waker().wake_by_ref();
        }
        std::task::Poll::Pending
    })
    .await;
}

/// Counts what ended a connection: frames that broke RFC 9113 or one of its bounds, and not just the socket. The client was
/// told by GOAWAY.
fn judge(core: &Core, conn: &Conn, error: &hyper::Error) {
    use std::error::Error;
    let source = error.source();
    if error.is_canceled() || source.is_some_and(|source| source.is::<std::io::Error>()) {
        return;
    }
    conn.malformed();
    let reason = source.and_then(|source| source.downcast_ref::<h2::Error>()).and_then(h2::Error::reason);
    if reason == Some(h2::Reason::ENHANCE_YOUR_CALM) {
        core.recorder.bound(Bound::Http2Excess);
    }
}
