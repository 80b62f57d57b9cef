//! The server's side: reads a call, hands it to the [`Handler`], writes the answer.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use crate::decisions::{AskDecisions, SaidDecisions};
use crate::notices::{AskNotices, SaidNotices};
use crate::nouns::{Ask, Said};
use crate::routes::{Routed, route};
use crate::types::{Problem, ReloadReport, Returned, Status, Token, TokenRequest};
use crate::{BoxFuture, CONNECTIONS, MAX_REQUEST, PATIENCE};

/// What stands behind the control API.
pub trait Handler: Send + Sync + fmt::Debug {
    /// What the gateway is doing.
    fn status(&self) -> Status;
    /// Which operations returned personal data, and to whom.
    fn returned(&self) -> Returned;
    /// What the configuration that serves does, without a secret in it.
    fn behavior(&self) -> BoxFuture<'_, serde_json::Value>;
    /// Reads the document and its files anew and serves them when they are good.
    fn reload(&self) -> BoxFuture<'_, ReloadReport>;
    /// Makes a token of the local issuer.
    ///
    /// # Errors
    /// What is wrong with the request, or that there is no local issuer.
    fn token(&self, request: TokenRequest) -> Result<Token, Problem>;
    /// Asks the store of applications for something, in the name of `actor`.
    ///
    /// # Errors
    /// That there is no store, or why it says no.
    fn ask(&self, actor: String, ask: Ask) -> BoxFuture<'_, Result<Said, Problem>>;
    /// Asks the store of decisions for something.
    ///
    /// # Errors
    /// That nothing is kept, that there is no such decision, or why the store says no.
    fn decisions(&self, ask: AskDecisions) -> BoxFuture<'_, Result<SaidDecisions, Problem>>;
    /// Asks something of those who are told.
    ///
    /// # Errors
    /// That there is nobody, or why the spool says no.
    fn notices(&self, ask: AskNotices) -> BoxFuture<'_, Result<SaidNotices, Problem>>;
}

/// Serves the control API until the future is dropped.
pub async fn serve(listener: UnixListener, handler: Arc<dyn Handler>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let handler = Arc::clone(&handler);
                tokio::spawn(async move {
                    connection(stream, handler).await;
                    drop(permit);
                });
            }
            // Out of descriptors or the like: give others time to give some back.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: UnixStream, handler: Arc<dyn Handler>) {
    // Who may open the socket is its owner; the system says who did.
    let actor =
        stream.peer_cred().map_or_else(|_| String::from("unix"), |peer| format!("unix:{}", peer.uid()));
    let service = hyper::service::service_fn(move |request| {
        let (handler, actor) = (Arc::clone(&handler), actor.clone());
        async move { Ok::<_, Infallible>(answer(request, &*handler, actor).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(64 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    // An exchange that breaks off or takes too long concerns nobody but its client.
    let _ = tokio::time::timeout(PATIENCE, connection).await;
}

async fn answer(request: Request<Incoming>, handler: &dyn Handler, actor: String) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let result = match (parts.uri.path(), &parts.method) {
        ("/v1/status", &Method::GET) => return json(StatusCode::OK, "application/json", &handler.status()),
        ("/v1/behavior", &Method::GET) => {
            return json(StatusCode::OK, "application/json", &handler.behavior().await);
        }
        ("/v1/returned", &Method::GET) => {
            return json(StatusCode::OK, "application/json", &handler.returned());
        }
        ("/v1/reload", &Method::POST) => {
            return json(StatusCode::OK, "application/json", &handler.reload().await);
        }
        ("/v1/tokens", &Method::POST) => match read(body).await {
            Ok(request) => handler.token(request),
            Err(problem) => Err(problem),
        },
        ("/v1/status" | "/v1/returned" | "/v1/behavior", _) => return wrong_method("GET"),
        ("/v1/reload" | "/v1/tokens", _) => return wrong_method("POST"),
        _ => return ask(&parts, body, handler, actor).await,
    };
    match result {
        Ok(token) => json(StatusCode::CREATED, "application/json", &token),
        Err(problem) => refuse(&problem),
    }
}

/// What concerns the store.
async fn ask(parts: &Parts, body: Incoming, handler: &dyn Handler, actor: String) -> Response<Full<Bytes>> {
    let ask = match route(parts, body).await {
        Routed::OtherMethods(known) => return wrong_method(known),
        Routed::Elsewhere => {
            let detail = format!("no `{}` here", parts.uri.path());
            return refuse(&Problem::new(404, "not_found", "there is no such thing", detail));
        }
        Routed::Decisions(asked) => {
            let said = match asked {
                Ok(asked) => handler.decisions(asked).await,
                Err(problem) => Err(problem),
            };
            return match said {
                Ok(said) => json(StatusCode::OK, "application/json", &said),
                Err(problem) => refuse(&problem),
            };
        }
        Routed::Notices(asked) => {
            let said = match asked {
                Ok(asked) => handler.notices(asked).await,
                Err(problem) => Err(problem),
            };
            return match said {
                Ok(said) => json(StatusCode::OK, "application/json", &said),
                Err(problem) => refuse(&problem),
            };
        }
        Routed::Ask(ask) => ask,
    };
    let status = |ask: &Ask| if ask.creates() { StatusCode::CREATED } else { StatusCode::OK };
    match ask {
        Ok(ask) => {
            let status = status(&ask);
            match handler.ask(actor, ask).await {
                Ok(said) => json(status, "application/json", &said),
                Err(problem) => refuse(&problem),
            }
        }
        Err(problem) => refuse(&problem),
    }
}

pub(crate) async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, Problem> {
    let bytes = match Limited::new(body, MAX_REQUEST).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let detail = format!("at most {MAX_REQUEST} bytes");
            return Err(Problem::new(413, "body_too_large", "the body is too large", detail));
        }
        Err(_) => return Err(Problem::invalid("the body broke off")),
    };
    serde_json::from_slice(&bytes)
        .map_err(|error| Problem::invalid(format!("the body does not fit: {error}")))
}

fn wrong_method(allow: &'static str) -> Response<Full<Bytes>> {
    let detail = format!("use {allow}");
    let mut response = refuse(&Problem::new(405, "method_not_allowed", "not with this method", detail));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    response
}

fn refuse(problem: &Problem) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json(status, "application/problem+json", problem)
}

fn json(status: StatusCode, media_type: &'static str, value: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
