//! The upstream: one answer, prepared once.

use std::io::Write;
use std::rc::Rc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::message::extent;

/// Bytes of a request that are held at most.
const MOST: usize = 1 << 20;

/// Answers every request on `address` with 200 and `bytes` bytes of JSON (none: what a collector says that took all), until the
/// process is ended.
pub(crate) async fn serve(address: &str, bytes: usize) -> Result<(), String> {
    let listener =
        TcpListener::bind(address).await.map_err(|error| format!("cannot listen on `{address}`: {error}"))?;
    let bound = listener.local_addr().map_err(|error| error.to_string())?;
    writeln!(std::io::stdout(), "load on http://{bound}").map_err(|error| error.to_string())?;
    let body =
        if bytes == 0 { String::new() } else { format!("\"{}\"", "x".repeat(bytes.saturating_sub(2))) };
    let length = body.len();
    let answer: Rc<[u8]> = Rc::from(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes(),
    );
    loop {
        let (stream, _) = listener.accept().await.map_err(|error| error.to_string())?;
        let answer = Rc::clone(&answer);
        tokio::task::spawn_local(async move {
            // A proxy that goes away takes its connections with it.
            drop(connection(stream, &answer).await);
        });
    }
}

async fn connection(mut stream: TcpStream, answer: &[u8]) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut held = Vec::with_capacity(4096);
    loop {
        match extent(&held).map_err(std::io::Error::other)? {
            Some(found) if held.len() >= found.total => {
                held.drain(..found.total);
                stream.write_all(answer).await?;
            }
            _ if held.len() > MOST => return Err(std::io::Error::other("request too large")),
            _ => {
                if stream.read_buf(&mut held).await? == 0 {
                    return Ok(());
                }
            }
        }
    }
}
