//! A PostgreSQL that is reached, and then answers nothing any more.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::*;

/// Short, where nothing is to come.
const SHORT: Duration = Duration::from_millis(300);
/// How PostgreSQL calls its socket.
const SOCKET: &str = ".s.PGSQL.5432";

/// Stands between a store and its server. A connection over which a certain text is sent is handed no answer from then on.
struct Relay {
    folder: TempDir,
    silencing: Arc<Mutex<&'static [u8]>>,
}

impl Relay {
    /// Before the server of a URL.
    fn before(url: &str) -> Self {
        let server = Path::new(url.split_once("host=").unwrap().1.split_once('&').unwrap().0);
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join(SOCKET)).unwrap();
        let silencing: Arc<Mutex<&'static [u8]>> = Arc::default();
        let (known, server) = (Arc::clone(&silencing), server.join(SOCKET));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, server, Arc::clone(&known)));
            }
        });
        Self { folder, silencing }
    }

    /// Which text ends the answers; an empty one ends none.
    fn silence_at(&self, text: &'static str) {
        *self.silencing.lock().unwrap() = text.as_bytes();
    }

    fn world(&self) -> World {
        let url = format!("postgres:///a?host={}&user=yett", self.folder.path().display());
        World { place: Place::Postgres(url), clock: FakeClock::new() }
    }
}

async fn carry(mut client: UnixStream, mut server: UnixStream, silencing: Arc<Mutex<&'static [u8]>>) {
    let silent = AtomicBool::new(false);
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let asks = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            let text = *silencing.lock().unwrap();
            let has =
                |bytes: &[u8]| !text.is_empty() && bytes.windows(text.len()).any(|window| window == text);
            if has(&buffer[..read]) {
                silent.store(true, Ordering::SeqCst);
            }
            to_server.write_all(&buffer[..read]).await.unwrap();
        }
    };
    let answers = async {
        let mut buffer = vec![0; 1 << 16];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            if !silent.load(Ordering::SeqCst) && to_client.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
        // A server that is silent does not say either that it is gone.
        if silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! { () = asks => {}, () = answers => {} }
}

#[tokio::test]
async fn a_change_whose_acknowledgement_is_lost_is_not_said_to_be_undone() {
    let server = Postgres::start();
    let relay = Relay::before(&server.database("a"));
    let mut store = relay.world().open().await;
    store.create_application(WHO, "shop", "me").await.unwrap();
    store.patience = 10 * SHORT;
    relay.silence_at("COMMIT");
    let lost = store.create_key(WHO, &new("shop", &[], None)).await.unwrap_err();
    assert!(matches!(lost, StoreError::Unknown(_)), "{lost}");
    assert!(!lost.to_string().contains("nothing was changed"), "{lost}");
    // It was kept, as it may be. What nobody asked to be kept was not.
    relay.silence_at("INSERT INTO yett_api_keys");
    let gone = store.create_key(WHO, &new("shop", &[], None)).await.unwrap_err();
    assert!(matches!(gone, StoreError::Unavailable(_)), "{gone}");
    assert!(gone.to_string().contains("nothing was changed"), "{gone}");
    relay.silence_at("");
    store.patience = PATIENCE;
    let made = store.create_key(WHO, &new("shop", &[], None)).await.unwrap();
    assert_eq!(
        (made.contents.sequence(), store.application("shop", None, 100).await.unwrap().1.len()),
        (3, 2)
    );
    assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(3));
}

#[tokio::test]
async fn connections_that_went_silent_are_given_up() {
    let server = Postgres::start();
    let relay = Relay::before(&server.database("a"));
    // Before anything is read, and in the middle of it.
    for text in ["BEGIN", "FROM yett_"] {
        let mut store = relay.world().open().await;
        relay.silence_at(text);
        store.patience = SHORT;
        // As many as there may be connections.
        let whole = store.verify_audit().await.map(drop);
        let all = store.applications(None, 10).await.map(drop);
        let head = store.head().await.map(drop);
        for done in [whole, all, head] {
            assert!(matches!(done, Err(StoreError::Unavailable(_))), "{text}: {done:?}");
        }
        relay.silence_at("");
        store.patience = PATIENCE;
        assert_eq!(store.verify_audit().await.unwrap(), Verified::Whole(0), "{text}");
        store.close().await;
    }
}
