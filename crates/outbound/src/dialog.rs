//! An exchange of bytes with a server that does not speak HTTP, over a fresh connection or a socket in the file system.

use bytes::{Bytes, BytesMut};
use engine::fetch::{DialogRequest, FetchError, Reach};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::address::Target;
use crate::exchange::{connect, exchange_failed};

/// Read at one time, in bytes.
const STEP: usize = 16 * 1024;

/// Where a server listens.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Tcp(Target),
    Unix(String),
}

impl Place {
    pub(crate) fn parse(address: &str) -> Result<Self, FetchError> {
        if let Some(path) = address.strip_prefix("unix:").filter(|path| path.starts_with('/')) {
            return Ok(Self::Unix(path.to_owned()));
        }
        match address.strip_prefix("tcp://") {
            Some(authority) => Target::plain(authority).map(Self::Tcp),
            None => Err(FetchError::Url(String::from("it is neither `tcp://host:port` nor `unix:/path`"))),
        }
    }
}

pub(crate) async fn run(place: &Place, request: DialogRequest) -> Result<Bytes, FetchError> {
    match place {
        Place::Tcp(target) => talk(connect(target, request.reach).await?, request).await,
        Place::Unix(path) if request.reach == Reach::Operator => {
            let stream = UnixStream::connect(path).await.map_err(|error| exchange_failed(&error))?;
            talk(stream, request).await
        }
        Place::Unix(path) => Err(FetchError::Address(format!("`{path}` may not be reached"))),
    }
}

async fn talk<S: AsyncRead + AsyncWrite>(stream: S, request: DialogRequest) -> Result<Bytes, FetchError> {
    let DialogRequest { send, is_whole, max_bytes, .. } = request;
    let (mut reader, mut writer) = tokio::io::split(stream);
    // A server that has heard enough shuts its side; what it said stays to be read.
    let write = async {
        let _ = writer.write_all(&send).await;
        let _ = writer.flush().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = read(&mut reader, is_whole, max_bytes) => answer,
        () = write => Err(FetchError::Exchange(String::from("nothing was read"))),
    }
}

async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    is_whole: fn(&[u8]) -> bool,
    max_bytes: usize,
) -> Result<Bytes, FetchError> {
    let mut answer = BytesMut::new();
    let mut step = vec![0; STEP];
    while !is_whole(&answer) {
        let count = match reader.read(&mut step).await {
            Ok(0) => break,
            Ok(count) => count,
            // It reset the connection since it did not read all of ours: what it said before counts.
            Err(_) if !answer.is_empty() => break,
            Err(error) => return Err(exchange_failed(&error)),
        };
        if answer.len().saturating_add(count) > max_bytes {
            return Err(FetchError::TooLarge);
        }
        answer.extend_from_slice(step.get(..count).unwrap_or_default());
    }
    Ok(answer.freeze())
}
