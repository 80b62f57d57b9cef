//! The client's side, for the CLI.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use crate::decisions::{Begin, EventFilter, Events, Explained, page_path};
use crate::notices::{DeadLetters, Retried, Retry, Sinks};
use crate::nouns::{
    ApiKey, Application, ApplicationDetail, Applications, Audit, AuditReport, CreatedKey, Keys,
    NewApplication, NewKey, Rotation,
};
use crate::revocations::{NewRevocation, Revocation, Revocations};
use crate::routes::encode;
use crate::shadow::{AskShadow, ShadowReport, shadow_path};
use crate::types::{Problem, ReloadReport, Returned, Status, Token, TokenRequest};
use crate::{MAX_ANSWER, MAX_BEHAVIOR, PATIENCE};

/// Talks to a gateway on the same machine.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum ClientError {
    /// Nobody listens on the socket.
    NotRunning(PathBuf),
    /// The socket belongs to somebody else.
    Forbidden(PathBuf),
    /// The exchange broke.
    Exchange(String),
    /// The gateway said no.
    Problem(Problem),
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::NotRunning(path) => {
                write!(f, "no gateway listens on `{}`: start `yett run` first", path.display())
            }
            ClientError::Forbidden(path) => {
                write!(f, "`{}` may only be opened by the user who runs the gateway", path.display())
            }
            ClientError::Exchange(why) => write!(f, "the gateway did not answer: {why}"),
            ClientError::Problem(problem) => problem.fmt(f),
        }
    }
}

impl std::error::Error for ClientError {}

impl Client {
    /// A client for the gateway whose socket this is.
    #[must_use]
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// What the gateway is doing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.call(Method::GET, "/v1/status", Bytes::new(), MAX_ANSWER).await
    }

    /// What its configuration does, as it describes it itself.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn behavior(&self) -> Result<serde_json::Value, ClientError> {
        self.call(Method::GET, "/v1/behavior", Bytes::new(), MAX_BEHAVIOR).await
    }

    /// Has it read its document anew.
    ///
    /// # Errors
    /// [`ClientError`]; a document with errors is an answer.
    pub async fn reload(&self) -> Result<ReloadReport, ClientError> {
        self.call(Method::POST, "/v1/reload", Bytes::new(), MAX_ANSWER).await
    }

    /// Has it make a token.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn token(&self, request: &TokenRequest) -> Result<Token, ClientError> {
        self.send("/v1/tokens", request).await
    }

    /// All applications, however many answers that takes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn applications(&self) -> Result<Applications, ClientError> {
        let mut all: Applications = self.get("/v1/applications").await?;
        while let (true, Some(last)) = (all.more, all.applications.last()) {
            let path = format!("/v1/applications?behind={}", encode(&last.name));
            let next: Applications = self.get(&path).await?;
            all.more = next.more && !next.applications.is_empty();
            all.applications.extend(next.applications);
        }
        Ok(all)
    }

    /// One application, by name or id, with all of its keys, however many answers that takes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn application(&self, which: &str) -> Result<ApplicationDetail, ClientError> {
        let path = format!("/v1/applications/{}", encode(which));
        let mut all: ApplicationDetail = self.get(&path).await?;
        while let (true, Some(last)) = (all.more, all.keys.last()) {
            let next: ApplicationDetail = self.get(&format!("{path}?{}", behind(last))).await?;
            all.more = next.more && !next.keys.is_empty();
            all.keys.extend(next.keys);
        }
        Ok(all)
    }

    /// Has it make an application.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_application(&self, new: &NewApplication) -> Result<Application, ClientError> {
        self.send("/v1/applications", new).await
    }

    /// Suspends an application.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn suspend(&self, which: &str) -> Result<Application, ClientError> {
        let path = format!("/v1/applications/{}/suspend", encode(which));
        self.call(Method::POST, &path, Bytes::new(), MAX_ANSWER).await
    }

    /// Lets an application call again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn resume(&self, which: &str) -> Result<Application, ClientError> {
        let path = format!("/v1/applications/{}/resume", encode(which));
        self.call(Method::POST, &path, Bytes::new(), MAX_ANSWER).await
    }

    /// Takes an application out; with keys that are not over only when `with_keys` says so.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_application(&self, which: &str, with_keys: bool) -> Result<Application, ClientError> {
        let query = if with_keys { "?keys=true" } else { "" };
        let path = format!("/v1/applications/{}{query}", encode(which));
        self.call(Method::DELETE, &path, Bytes::new(), MAX_ANSWER).await
    }

    /// All keys of all applications, however many answers that takes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn keys(&self) -> Result<Keys, ClientError> {
        let mut all: Keys = self.get("/v1/keys").await?;
        while let (true, Some(last)) = (all.more, all.keys.last()) {
            let next: Keys = self.get(&format!("/v1/keys?{}", behind(last))).await?;
            all.more = next.more && !next.keys.is_empty();
            all.keys.extend(next.keys);
        }
        Ok(all)
    }

    /// Has it make a key for an application.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn create_key(&self, application: &str, new: &NewKey) -> Result<CreatedKey, ClientError> {
        self.send(&format!("/v1/applications/{}/keys", encode(application)), new).await
    }

    /// Has it make a key that takes the place of another.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn rotate_key(&self, key: &str, rotation: &Rotation) -> Result<CreatedKey, ClientError> {
        self.send(&format!("/v1/keys/{}/rotate", encode(public_id(key))), rotation).await
    }

    /// Revokes a key: once this returned, no call passes with it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke_key(&self, key: &str) -> Result<ApiKey, ClientError> {
        let path = format!("/v1/keys/{}/revoke", encode(public_id(key)));
        self.call(Method::POST, &path, Bytes::new(), MAX_ANSWER).await
    }

    /// All that is revoked of the tokens of others, however many answers that takes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revocations(&self) -> Result<Revocations, ClientError> {
        let mut all: Revocations = self.get("/v1/revocations").await?;
        while let (true, Some(last)) = (all.more, all.revocations.last()) {
            let place = format!("behind={}&created={}", encode(&last.id), last.created);
            let next: Revocations = self.get(&format!("/v1/revocations?{place}")).await?;
            all.more = next.more && !next.revocations.is_empty();
            all.revocations.extend(next.revocations);
        }
        Ok(all)
    }

    /// Revokes tokens of others: once this returned, no call passes with them.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn revoke(&self, new: &NewRevocation) -> Result<Revocation, ClientError> {
        self.send("/v1/revocations", new).await
    }

    /// Takes a revocation back.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn undo_revocation(&self, id: &str) -> Result<Revocation, ClientError> {
        let path = format!("/v1/revocations/{}", encode(id));
        self.call(Method::DELETE, &path, Bytes::new(), MAX_ANSWER).await
    }

    /// The changes after a number, the oldest first, at most `limit`, however many answers that takes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn audit(&self, after: u64, limit: u64) -> Result<Audit, ClientError> {
        let mut all: Audit = self.get(&format!("/v1/audit?after={after}&limit={limit}")).await?;
        while let (true, Some(last)) = (all.more, all.entries.last()) {
            let left = limit.saturating_sub(u64::try_from(all.entries.len()).unwrap_or(u64::MAX));
            let next: Audit = self.get(&format!("/v1/audit?after={}&limit={left}", last.sequence)).await?;
            all.more = next.more && !next.entries.is_empty();
            all.entries.extend(next.entries);
        }
        Ok(all)
    }

    /// Has it look at the whole chain of changes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn verify_audit(&self) -> Result<AuditReport, ClientError> {
        self.call(Method::POST, "/v1/audit/verify", Bytes::new(), MAX_ANSWER).await
    }

    /// The decision of a call.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn decision(&self, id: &str) -> Result<Explained, ClientError> {
        self.call(Method::GET, &format!("/v1/decisions/{}", encode(id)), Bytes::new(), MAX_ANSWER).await
    }

    /// A page of at most `most` decisions.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn decisions(
        &self,
        filter: &EventFilter,
        begin: Begin,
        most: usize,
    ) -> Result<Events, ClientError> {
        self.call(Method::GET, &page_path(filter, begin, most), Bytes::new(), MAX_ANSWER).await
    }

    /// How those are who are told.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn sinks(&self) -> Result<Sinks, ClientError> {
        self.get("/v1/notices").await
    }

    /// A page of dead letters after a number: of one sink, or of all.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn dead_letters(&self, sink: Option<&str>, after: u64) -> Result<DeadLetters, ClientError> {
        let of = sink.map(|sink| format!("&sink={}", encode(sink))).unwrap_or_default();
        self.get(&format!("/v1/notices/dead?after={after}{of}")).await
    }

    /// Has dead letters sent again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn retry_dead(&self, retry: &Retry) -> Result<Retried, ClientError> {
        self.send("/v1/notices/retry", retry).await
    }

    /// Which operations returned personal data, and to whom.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn returned(&self) -> Result<Returned, ClientError> {
        self.get("/v1/returned").await
    }

    /// What controls in shadow would have refused.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn shadow(&self, ask: &AskShadow) -> Result<ShadowReport, ClientError> {
        self.get(&shadow_path(ask)).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.call(Method::GET, path, Bytes::new(), MAX_ANSWER).await
    }

    async fn send<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Exchange(error.to_string()))?;
        self.call(Method::POST, path, body.into(), MAX_ANSWER).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        most: usize,
    ) -> Result<T, ClientError> {
        match tokio::time::timeout(PATIENCE, self.exchange(method, path, body, most)).await {
            Ok(result) => result,
            Err(_) => Err(ClientError::Exchange(String::from("it took too long"))),
        }
    }

    async fn exchange<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        most: usize,
    ) -> Result<T, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| self.unreachable(&error))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let driver = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "yett")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(broken)?;
        let (parts, body) = sender.send_request(request).await.map_err(broken)?.into_parts();
        let bytes = Limited::new(body, most).collect().await.map_err(broken)?.to_bytes();
        driver.abort();
        if parts.status.is_success() {
            return serde_json::from_slice(&bytes).map_err(broken);
        }
        match serde_json::from_slice(&bytes) {
            Ok(problem) => Err(ClientError::Problem(problem)),
            Err(_) => Err(ClientError::Exchange(format!("it answered {}", parts.status))),
        }
    }

    fn unreachable(&self, error: &io::Error) -> ClientError {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                ClientError::NotRunning(self.socket.clone())
            }
            io::ErrorKind::PermissionDenied => ClientError::Forbidden(self.socket.clone()),
            _ => ClientError::Exchange(error.to_string()),
        }
    }
}

/// Of a whole key that somebody pasted, only what is public goes into the path.
fn public_id(key: &str) -> &str {
    match key.strip_prefix("yett_") {
        Some(rest) => rest.split('_').next().unwrap_or_default(),
        None => key,
    }
}

/// As what a list of keys goes on behind one.
fn behind(key: &ApiKey) -> String {
    format!("behind={}&created={}", encode(&key.id), key.created)
}

fn broken(error: impl fmt::Display) -> ClientError {
    ClientError::Exchange(error.to_string())
}
