use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::*;

#[derive(Debug)]
struct Fake;

impl Handler for Fake {
    fn status(&self) -> Status {
        Status {
            version: "0".into(),
            generation: 3,
            digest: "ab".into(),
            since: 1,
            started: 1,
            live_snapshots: 1,
            listeners: Vec::new(),
            admin: "127.0.0.1:9901".into(),
            apis: Vec::new(),
            last_reload: None,
        }
    }

    fn behavior(&self) -> BoxFuture<'_, serde_json::Value> {
        Box::pin(async { serde_json::json!({ "version": 1, "apis": {} }) })
    }

    fn reload(&self) -> BoxFuture<'_, ReloadReport> {
        Box::pin(async {
            ReloadReport {
                outcome: ReloadOutcome::Unchanged,
                generation: 3,
                at: 1,
                diagnostics: Vec::new(),
                more: 0,
            }
        })
    }

    fn token(&self, request: TokenRequest) -> Result<Token, Problem> {
        if request.subject.is_empty() {
            return Err(Problem::invalid("`subject` is empty"));
        }
        Ok(Token {
            token: "t".into(),
            issuer: "i".into(),
            audience: request.audience.into_iter().collect(),
            expires: 9,
        })
    }
}

struct House {
    dir: tempfile::TempDir,
    task: tokio::task::JoinHandle<()>,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = bind(&dir.path().join("yett.sock")).unwrap();
        let task = tokio::spawn(serve(listener, Arc::new(Fake)));
        Self { dir, task }
    }

    fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("yett.sock")
    }

    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = tokio::net::UnixStream::connect(self.socket()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }
}

#[tokio::test]
async fn each_noun_answers_its_typed_client() {
    let house = House::new();
    let client = Client::new(&house.socket());
    assert_eq!(client.status().await.unwrap().generation, 3);
    assert_eq!(client.behavior().await.unwrap()["version"], 1);
    assert_eq!(client.reload().await.unwrap().outcome, ReloadOutcome::Unchanged);
    let request = TokenRequest {
        subject: "alice".into(),
        audience: Some("orders".into()),
        ttl: 60,
        ..Default::default()
    };
    let token = client.token(&request).await.unwrap();
    assert_eq!(token.audience, ["orders"]);
    assert!(!format!("{token:?}").contains("\"t\""), "a token is not shown by Debug");
    match client.token(&TokenRequest::default()).await {
        Err(ClientError::Problem(problem)) => {
            assert_eq!((problem.status, &*problem.code), (400, "request_invalid"));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_not_a_call_of_ours_is_a_problem_document() {
    let house = House::new();
    let huge = format!(
        "POST /v1/tokens HTTP/1.1\r\nhost: y\r\ncontent-length: {}\r\n\r\n{}",
        1 << 20,
        "a".repeat(1 << 17)
    );
    let unknown = "POST /v1/tokens HTTP/1.1\r\nhost: y\r\ncontent-length: 30\r\n\r\n{\"subject\":\"a\",\"ttl\":1,\"no\":1}";
    for (request, status) in [
        ("GET /v1/other HTTP/1.1\r\nhost: y\r\n\r\n", "404"),
        ("POST /v1/status HTTP/1.1\r\nhost: y\r\ncontent-length: 0\r\n\r\n", "405"),
        ("GET /v1/reload HTTP/1.1\r\nhost: y\r\n\r\n", "405"),
        ("POST /v1/tokens HTTP/1.1\r\nhost: y\r\ncontent-length: 1\r\n\r\n{", "400"),
        (unknown, "400"),
        (&huge, "413"),
    ] {
        let answer = house.raw(request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
}

#[tokio::test]
async fn the_socket_is_its_owners_and_replaced_only_when_dead() {
    let house = House::new();
    let mode = std::fs::metadata(house.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(bind(&house.socket()).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    house.task.abort();
    let _ = (&mut { house.task }).await;
    let path = house.dir.path().join("yett.sock");
    assert!(matches!(Client::new(&path).status().await, Err(ClientError::NotRunning(_))));
    drop(bind(&path).unwrap());
    let file = house.dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert_eq!(bind(&file).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    assert!(matches!(
        Client::new(&house.dir.path().join("none")).status().await,
        Err(ClientError::NotRunning(_))
    ));
}
