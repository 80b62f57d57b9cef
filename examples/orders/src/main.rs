//! `orders`: the sample service that `make run` puts behind Yett.
//!
//! A small shop's back office with its data in memory, answering exactly what `openapi.yaml` beside it describes. It
//! knows nothing of tokens, scopes or limits and checks a body only as far as its own types need: the gateway in front
//! does the rest, and that is the point of the sample. Everything it holds is bounded ([`store::MOST`], [`BODY_LIMIT`],
//! [`CONNECTIONS`]); it serves HTTP/1.1 (RFC 9112) on one thread.

mod api;
mod call;
mod customers;
mod model;
mod orders;
mod payments;
mod products;
mod seed;
mod store;
mod time;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::LocalSet;

use crate::call::{Call, Refusal};
use crate::store::Store;

/// The largest request body, in bytes.
const BODY_LIMIT: usize = 64 * 1024;
/// Connections served at once; later ones wait in the kernel's queue.
const CONNECTIONS: usize = 512;
/// How long a connection may take to send a head, and so how long an idle one is kept.
const HEAD_WITHIN: Duration = Duration::from_secs(60);

const USAGE: &str = "usage: orders [--listen 127.0.0.1:3000]";

type Shared = Rc<RefCell<Store>>;

fn main() -> std::process::ExitCode {
    match listen_address(std::env::args().skip(1)).and_then(run) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            // When stderr is gone there is nobody left to tell.
            drop(writeln!(std::io::stderr(), "error: {message}"));
            std::process::ExitCode::FAILURE
        }
    }
}

fn listen_address(mut args: impl Iterator<Item = String>) -> Result<SocketAddr, String> {
    let text = match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => "127.0.0.1:3000".to_owned(),
        (Some("--listen"), Some(address), None) => address,
        _ => return Err(USAGE.to_owned()),
    };
    text.parse().map_err(|_| format!("`{text}` is not an address such as `127.0.0.1:3000`; {USAGE}"))
}

fn run(address: SocketAddr) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    LocalSet::new().block_on(&runtime, accept(address))
}

async fn accept(address: SocketAddr) -> Result<(), String> {
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    let bound = listener.local_addr().map_err(|error| format!("cannot read the bound address: {error}"))?;
    // Scripts wait for this line; a closed stdout is their choice.
    drop(writeln!(std::io::stdout(), "orders on http://{bound}"));
    let store: Shared = Rc::new(RefCell::new(seed::store(time::now())));
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return Ok(()) };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: wait for some to come back rather than spin.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let store = Rc::clone(&store);
        tokio::task::spawn_local(async move {
            serve(stream, store).await;
            drop(slot);
        });
    }
}

async fn serve(stream: TcpStream, store: Shared) {
    // Without it a small answer may wait for the acknowledgment of the one before; slower, never wrong.
    drop(stream.set_nodelay(true));
    let service = service_fn(move |request| answer(Rc::clone(&store), request));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    // A client that goes away, or speaks badly, is no concern of the others.
    drop(served);
}

async fn answer(store: Shared, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => {
            let call = Call::new(head, body.to_bytes(), time::now());
            api::answer(&mut store.borrow_mut(), &call).into_response()
        }
        Err(_) => {
            Refusal::new(StatusCode::BAD_REQUEST, "body unreadable", "the body is cut off or too large")
                .into_reply()
                .into_response()
        }
    })
}

#[cfg(test)]
mod tests;
