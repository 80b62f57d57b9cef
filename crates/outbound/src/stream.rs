//! A connection that is kept, for a server that speaks a protocol of its own: opened by the same rules as every other one, and then
//! handed over. Deadlines, bounds and new tries are for who speaks the protocol.

use engine::BoxFuture;
use engine::fetch::{FetchError, Reach};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

use crate::Client;
use crate::address::Target;
use crate::dialog::Place;
use crate::exchange::{connect, exchange_failed, secure};

/// Bytes both ways.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Client {
    /// Connects to `tcp://host:port`, `tls://host:port` or `unix:/path`, which an operator wrote. The certificate of a server with TLS
    /// has to name the host. Only to be polled on the side runtime.
    #[must_use]
    pub fn open(&self, address: &str) -> BoxFuture<'static, Result<Box<dyn Stream>, FetchError>> {
        let (client, address) = (self.clone(), address.to_owned());
        Box::pin(async move {
            if let Some(authority) = address.strip_prefix("tls://") {
                return client.over_tls(&Target::plain(authority)?).await;
            }
            match Place::parse(&address)? {
                Place::Tcp(target) => boxed(tcp(&target).await?),
                Place::Unix(path) => {
                    boxed(UnixStream::connect(path).await.map_err(|error| exchange_failed(&error))?)
                }
            }
        })
    }

    async fn over_tls(&self, target: &Target) -> Result<Box<dyn Stream>, FetchError> {
        boxed(secure(&self.shared.tls, target, tcp(target).await?).await?)
    }
}

async fn tcp(target: &Target) -> Result<tokio::net::TcpStream, FetchError> {
    let stream = connect(target, Reach::Operator).await?;
    // What is asked is short, and waited for.
    stream.set_nodelay(true).map_err(|error| exchange_failed(&error))?;
    Ok(stream)
}

#[expect(clippy::unnecessary_wraps, reason = "the end of functions that can fail")]
fn boxed<S: Stream + 'static>(stream: S) -> Result<Box<dyn Stream>, FetchError> {
    Ok(Box::new(stream))
}
