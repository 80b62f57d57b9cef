use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::*;

#[derive(Debug, Default)]
struct Fake(std::sync::Mutex<Vec<String>>);

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

    fn returned(&self) -> Returned {
        Returned { since: 1, ..Returned::default() }
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

    fn ask(&self, actor: String, ask: Ask) -> BoxFuture<'_, Result<Said, Problem>> {
        Box::pin(async move {
            assert!(actor.starts_with("unix:"), "{actor}");
            self.0.lock().unwrap().push(format!("{ask:?}"));
            let application = Application {
                id: "app_1".into(),
                name: "shop".into(),
                owner: "me".into(),
                status: "active".into(),
                created: 1,
                changed: 1,
            };
            Ok(match ask {
                Ask::Applications(behind) => Said::Applications(Applications {
                    applications: vec![Application {
                        name: format!("shop{}", behind.is_some()),
                        ..application
                    }],
                    more: behind.is_none(),
                }),
                Ask::Application(_, behind) => {
                    Said::Detail(ApplicationDetail { application, keys: vec![key()], more: behind.is_none() })
                }
                Ask::CreateApplication(new) if new.name.is_empty() => {
                    return Err(Problem::invalid("no name"));
                }
                Ask::CreateApplication(_) | Ask::Suspend(_) | Ask::Resume(_) | Ask::DeleteApplication(..) => {
                    Said::Application(application)
                }
                Ask::Keys(behind) => Said::Keys(Keys { keys: vec![key()], more: behind.is_none() }),
                Ask::CreateKey(..) | Ask::RotateKey(..) => {
                    Said::Created(CreatedKey { key: "yett_secret".into(), details: key() })
                }
                Ask::RevokeKey(_) => Said::Key(key()),
                Ask::Revocations(behind) => {
                    Said::Revocations(Revocations { revocations: vec![revocation()], more: behind.is_none() })
                }
                Ask::Revoke(_) | Ask::UndoRevocation(_) => Said::Revocation(revocation()),
                Ask::Audit(after, limit) => {
                    let entry = |sequence| AuditEntry { sequence, ..entry() };
                    let told = limit.min(2);
                    let entries = (after + 1..=after + told).map(entry).collect();
                    Said::Audit(Audit { entries, more: told < limit })
                }
                Ask::VerifyAudit => Said::Report(AuditReport { whole: true, entries: 3 }),
            })
        })
    }

    fn notices(&self, ask: AskNotices) -> BoxFuture<'_, Result<SaidNotices, Problem>> {
        Box::pin(async move {
            self.0.lock().unwrap().push(format!("{ask:?}"));
            Ok(match ask {
                AskNotices::Sinks => {
                    let sink = SinkStatus { name: "soc".into(), ..SinkStatus::default() };
                    SaidNotices::Sinks(Sinks { sinks: vec![sink], lost: 0, fault: None })
                }
                AskNotices::Dead(sink, after) => {
                    let sink = sink.unwrap_or_default();
                    let letters = vec![DeadLetter { sink, ..DeadLetter::default() }];
                    SaidNotices::Dead(DeadLetters { letters, next: Some(after + 2) })
                }
                AskNotices::Retry(_) => SaidNotices::Retried(Retried { retried: 1, left: 2 }),
            })
        })
    }

    fn decisions(&self, ask: AskDecisions) -> BoxFuture<'_, Result<SaidDecisions, Problem>> {
        Box::pin(async move {
            self.0.lock().unwrap().push(format!("{ask:?}"));
            match ask {
                AskDecisions::One(id) if id == "nothing" => {
                    Err(Problem::new(404, "not_found", "there is no such thing", "no decision"))
                }
                AskDecisions::One(id) => Ok(SaidDecisions::One(Box::new(explained(&id)))),
                AskDecisions::Page(..) => Ok(SaidDecisions::Page(Events {
                    events: vec![explained("a").event],
                    next: Some(3),
                    lost: 1,
                })),
                AskDecisions::Shadow(_) => {
                    Ok(SaidDecisions::Shadow(Box::new(ShadowReport { until: 9, ..ShadowReport::default() })))
                }
            }
        })
    }
}

fn explained(id: &str) -> Explained {
    let event = Event { id: id.into(), code: "rate_limited".into(), ..Event::default() };
    let verdict = Verdict { control: "limits".into(), ..Verdict::default() };
    Explained { event, record: Record { verdicts: vec![verdict], ..Record::default() } }
}

fn key() -> ApiKey {
    ApiKey {
        id: "abcdefghijkl".into(),
        application: "app_1".into(),
        application_name: "shop".into(),
        label: String::new(),
        scopes: vec!["a".into()],
        state: "active".into(),
        created: 1,
        expires: None,
        retires: None,
        replaced_by: None,
        revoked: None,
        last_used: Some(2),
    }
}

fn revocation() -> Revocation {
    Revocation {
        id: "rev_abcdefghijkl".into(),
        kind: "session".into(),
        issuer: "https://idp".into(),
        value: "s1".into(),
        before: None,
        reason: String::new(),
        created: 1,
        expires: 2,
    }
}

fn entry() -> AuditEntry {
    let text = String::new;
    AuditEntry {
        sequence: 0,
        at: 1,
        actor: text(),
        action: text(),
        target: text(),
        detail: text(),
        hash: text(),
    }
}

struct House {
    dir: tempfile::TempDir,
    fake: Arc<Fake>,
    task: tokio::task::JoinHandle<()>,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = bind(&dir.path().join("yett.sock")).unwrap();
        let fake = Arc::new(Fake::default());
        let task = tokio::spawn(serve(listener, Arc::clone(&fake) as Arc<dyn Handler>));
        Self { dir, fake, task }
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
async fn what_is_asked_of_the_store_arrives_as_it_was_asked() {
    let house = House::new();
    let client = Client::new(&house.socket());
    let new = NewApplication { name: "shop".into(), owner: "me".into() };
    assert_eq!(client.create_application(&new).await.unwrap().name, "shop");
    let nameless = client.create_application(&NewApplication { name: String::new(), ..new }).await;
    assert!(matches!(nameless, Err(ClientError::Problem(problem)) if problem.status == 400));
    // Lists are asked for as long as there is more.
    let all = client.applications().await.unwrap();
    assert_eq!((all.applications.len(), all.more), (2, false));
    let all = client.application("a b/../é").await.unwrap();
    assert_eq!((all.keys, all.more), (vec![key(), key()], false));
    assert_eq!(client.suspend("shop").await.unwrap().id, "app_1");
    assert_eq!(client.resume("shop").await.unwrap().id, "app_1");
    assert_eq!(client.delete_application("shop", true).await.unwrap().id, "app_1");
    assert_eq!(client.delete_application("shop", false).await.unwrap().id, "app_1");
    assert_eq!(client.keys().await.unwrap(), Keys { keys: vec![key(), key()], more: false });
    let made = client.create_key("shop", &NewKey { ttl: Some(9), ..NewKey::default() }).await.unwrap();
    assert!(made.key == "yett_secret" && !format!("{made:?}").contains("yett_secret"));
    client.rotate_key("yett_abcdefghijkl_secret", &Rotation { overlap: 5 }).await.unwrap();
    client.revoke_key("abcdefghijkl").await.unwrap();
    let changes = client.audit(4, 5).await.unwrap();
    let numbers: Vec<u64> = changes.entries.iter().map(|entry| entry.sequence).collect();
    assert_eq!((numbers, changes.more), (vec![5, 6, 7, 8, 9], false));
    assert!(client.verify_audit().await.unwrap().whole);
    let seen = house.fake.0.lock().unwrap().clone();
    let expected = [
        "CreateApplication(NewApplication { name: \"shop\", owner: \"me\" })",
        "CreateApplication(NewApplication { name: \"\", owner: \"me\" })",
        "Applications(None)",
        "Applications(Some(\"shopfalse\"))",
        "Application(\"a b/../é\", None)",
        "Application(\"a b/../é\", Some(Behind { created: 1, id: \"abcdefghijkl\" }))",
        "Suspend(\"shop\")",
        "Resume(\"shop\")",
        "DeleteApplication(\"shop\", true)",
        "DeleteApplication(\"shop\", false)",
        "Keys(None)",
        "Keys(Some(Behind { created: 1, id: \"abcdefghijkl\" }))",
        "CreateKey(\"shop\", NewKey { label: \"\", scopes: [], ttl: Some(9) })",
        "RotateKey(\"abcdefghijkl\", Rotation { overlap: 5 })",
        "RevokeKey(\"abcdefghijkl\")",
        "Audit(4, 5)",
        "Audit(6, 3)",
        "Audit(8, 1)",
        "VerifyAudit",
    ];
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn decisions_are_asked_for_one_by_one_and_by_pages() {
    let house = House::new();
    let client = Client::new(&house.socket());
    assert_eq!(client.decision("ab/é").await.unwrap(), explained("ab/é"));
    assert!(
        matches!(client.decision("nothing").await, Err(ClientError::Problem(problem)) if problem.status == 404)
    );
    let filter = EventFilter { principal: Some("a b".into()), ..EventFilter::default() };
    let page = client.decisions(&filter, Begin::After(7), 9).await.unwrap();
    assert_eq!((page.events.len(), page.next, page.lost), (1, Some(3), 1));
    let asked = AskDecisions::Page(Box::new(filter), Begin::After(7), 9);
    assert_eq!(house.fake.0.lock().unwrap().last().unwrap(), &format!("{asked:?}"));
}

#[tokio::test]
async fn those_who_are_told_are_asked_for() {
    let house = House::new();
    let client = Client::new(&house.socket());
    assert_eq!(client.sinks().await.unwrap().sinks[0].name, "soc");
    let page = client.dead_letters(Some("a/b c"), 7).await.unwrap();
    assert_eq!((page.letters[0].sink.as_str(), page.next), ("a/b c", Some(9)));
    let retry = Retry { sink: "soc".into(), id: Some("x".into()) };
    assert_eq!(client.retry_dead(&retry).await.unwrap(), Retried { retried: 1, left: 2 });
    let asked = [AskNotices::Sinks, AskNotices::Dead(Some("a/b c".into()), 7), AskNotices::Retry(retry)];
    assert_eq!(*house.fake.0.lock().unwrap(), asked.map(|ask| format!("{ask:?}")));
}

#[tokio::test]
async fn what_controls_in_shadow_would_do_is_asked_for() {
    let house = House::new();
    let client = Client::new(&house.socket());
    let ask = AskShadow { control: Some("a b".into()), by: Some(By::Address), ..AskShadow::default() };
    assert_eq!(client.shadow(&ask).await.unwrap().until, 9);
    let asked = AskDecisions::Shadow(Box::new(ask));
    assert_eq!(house.fake.0.lock().unwrap().last().unwrap(), &format!("{asked:?}"));
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
        ("GET /v1/applications/%zz HTTP/1.1\r\nhost: y\r\n\r\n", "404"),
        ("GET /v1/applications/a/b HTTP/1.1\r\nhost: y\r\n\r\n", "404"),
        ("PUT /v1/applications/a HTTP/1.1\r\nhost: y\r\ncontent-length: 0\r\n\r\n", "405"),
        ("GET /v1/keys/a/revoke HTTP/1.1\r\nhost: y\r\n\r\n", "405"),
        ("GET /v1/keys?behind=abcdefghijkl HTTP/1.1\r\nhost: y\r\n\r\n", "400"),
        ("GET /v1/applications/a?behind=b&created=x HTTP/1.1\r\nhost: y\r\n\r\n", "400"),
        ("GET /v1/applications?behind=%zz HTTP/1.1\r\nhost: y\r\n\r\n", "400"),
        ("GET /v1/audit?after=x HTTP/1.1\r\nhost: y\r\n\r\n", "400"),
        ("GET /v1/decisions?subject=x HTTP/1.1\r\nhost: y\r\n\r\n", "400"),
        ("GET /v1/shadow?by=name HTTP/1.1\r\nhost: y\r\n\r\n", "400"),
        ("POST /v1/shadow HTTP/1.1\r\nhost: y\r\ncontent-length: 0\r\n\r\n", "405"),
        ("DELETE /v1/decisions/a HTTP/1.1\r\nhost: y\r\n\r\n", "405"),
        ("DELETE /v1/notices HTTP/1.1\r\nhost: y\r\n\r\n", "405"),
        ("GET /v1/notices/retry HTTP/1.1\r\nhost: y\r\n\r\n", "405"),
        ("GET /v1/notices/dead?after=x HTTP/1.1\r\nhost: y\r\n\r\n", "400"),
        ("GET /v1/notices/a/b HTTP/1.1\r\nhost: y\r\n\r\n", "404"),
        ("POST /v1/applications HTTP/1.1\r\nhost: y\r\ncontent-length: 14\r\n\r\n{\"name\":\"shop\"", "400"),
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
