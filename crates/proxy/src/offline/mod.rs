//! One core of the data plane without a single socket: tests of policies run calls through it.
//!
//! A call's bytes go in where a client's socket would be, and what goes upstream comes out where a connection to a target
//! would be. All that lies between is what serves: the same reader of HTTP/1, the same pipeline, the same rules for what
//! goes on and what comes back. What is not there is TLS, on both sides, and HTTP/2 towards upstreams; the checks of an
//! upstream's health are not made.
//!
//! Futures of an [`OfflineCore`] stay on their thread and are to be polled in a [`tokio::task::LocalSet`].

mod message;
mod reader;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use engine::record::CoreRecorder;
use engine::upstream::Target;
use engine::{Peer, Snapshot, bounds, codes};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::addresses::Addresses;
use crate::connection;
use crate::core::Core;
use crate::exchange::Failure;
use crate::http1::wire::Socket;
use crate::inbox::Siblings;
use crate::offload::{self, Queue};
use crate::plane::{self, Seed, Services};
use crate::room::Budget;
use crate::tls::Tls;

pub use message::{Answer, Asked};
pub use reader::{Message, read};

/// Room between the two ends of a connection.
const PIPE: usize = 64 * 1024;
/// How often others have their turn before more bytes come: a call that waits for nobody is over by then.
const TURNS: usize = 32;

/// What stands behind the gateway, as a test says.
pub trait Service: fmt::Debug {
    /// Whether a connection to a target can be made.
    fn listens(&self, target: &str) -> bool;
    /// Answers a request as it came to a target, which is named by scheme, host and port.
    fn answer(&self, target: &str, request: Asked) -> Answer;
}

/// What offline cores share: threads for long work, and what TLS is made of.
#[derive(Debug, Clone)]
pub struct Offline {
    tls: Arc<Tls>,
    queue: Queue,
}

impl Offline {
    /// Starts so many threads for work that may take long.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(workers: usize, services: &Services) -> io::Result<Self> {
        let tls = Arc::new(Tls::new(Arc::clone(&services.clock)));
        Ok(Self { tls, queue: offload::start(workers)? })
    }

    /// A core of its own, to which nothing has happened yet, with a service behind it.
    #[must_use]
    pub fn core(
        &self,
        snapshot: &Arc<Snapshot>,
        services: &Services,
        service: Rc<dyn Service>,
    ) -> OfflineCore {
        let recorder: Rc<dyn CoreRecorder> = Rc::from(services.recorder.core(0));
        let seed = Seed {
            index: 0,
            cores: 1,
            first: Arc::clone(snapshot),
            drain: Duration::ZERO,
            services: services.clone(),
            tls: Arc::clone(&self.tls),
            queue: self.queue.clone(),
            bodies: Budget::new(bounds::BODIES_BYTES),
            siblings: Siblings::none(),
            places: Addresses::new(snapshot.listeners.len(), 1),
            service: Some(service),
        };
        OfflineCore(Rc::new(plane::make(seed, recorder)))
    }
}

/// A core that calls are put to.
#[derive(Debug)]
pub struct OfflineCore(Rc<Core>);

impl OfflineCore {
    /// Puts one call, byte for byte, and reads its answer to the end. The request has to ask for the connection to be closed.
    ///
    /// # Errors
    /// When there is no answer, or not a whole one.
    pub async fn call(&self, peer: Peer, request: &[u8]) -> io::Result<Answer> {
        let (near, far) = tokio::io::duplex(PIPE);
        tokio::task::spawn_local(connection::serve_memory(Rc::clone(&self.0), peer, Socket::Memory(far)));
        let (mut from, mut to) = tokio::io::split(near);
        let mut bytes = Vec::new();
        // Whoever is refused early does not take the rest of the body.
        let send = async {
            let _ = to.write_all(request).await;
        };
        let ((), read) = tokio::join!(send, from.read_to_end(&mut bytes));
        read?;
        Answer::parse(&bytes, request.starts_with(b"HEAD "))
            .ok_or_else(|| io::Error::other("the gateway gave no whole answer"))
    }

    /// Puts bytes, each piece of which is looked at before the next one comes, and gives all that was said until the connection
    /// ended. They may be HTTP/2 with prior knowledge (RFC 9113 section 3.3). The client goes away behind the last: calls that wait
    /// for something else by then end with it. When the connection breaks, what was said before is given.
    pub async fn feed<'a>(&self, peer: Peer, pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
        let (near, far) = tokio::io::duplex(PIPE);
        tokio::task::spawn_local(connection::serve_memory(Rc::clone(&self.0), peer, Socket::Memory(far)));
        let (mut from, mut to) = tokio::io::split(near);
        let mut bytes = Vec::new();
        let send = async {
            for piece in pieces {
                if to.write_all(piece).await.is_err() {
                    break;
                }
                for _ in 0..TURNS {
                    tokio::task::yield_now().await;
                }
            }
            let _ = to.shutdown().await;
        };
        let ((), _) = tokio::join!(send, from.read_to_end(&mut bytes));
        bytes
    }
}

/// A connection to a target of a service that is not there.
pub(crate) fn connect(service: &Rc<dyn Service>, target: &Target) -> Result<(Socket, SocketAddr), Failure> {
    if !service.listens(&target.name) {
        return Err(Failure::new(&codes::UPSTREAM_UNREACHABLE, "the test says that nobody listens there"));
    }
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::task::spawn_local(serve(Rc::clone(service), target.name.clone(), far));
    Ok((Socket::Memory(near), SocketAddr::from(([127, 0, 0, 1], target.port))))
}

async fn serve(service: Rc<dyn Service>, target: Box<str>, mut socket: DuplexStream) {
    let mut inbox = Vec::new();
    while let Some(request) = message::read(&mut socket, &mut inbox).await {
        let head = request.method == "HEAD";
        let answer = service.answer(&target, request);
        if socket.write_all(&answer.encode(head)).await.is_err() {
            return;
        }
    }
}
