//! A proxy that checks nothing: what a test of a refusal has to fail against.
//!
//! HTTP/1 goes through byte by byte. Of HTTP/2 every stream becomes the HTTP/1.1 text that its fields spell.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use crate::frames::{END_HEADERS, END_STREAM, Frame, PREFACE, block, kind, read_block, read_frame};
use crate::wire::Reader;

/// The proxy; its threads end with the process.
#[derive(Debug)]
pub struct Naive {
    address: SocketAddr,
}

impl Naive {
    /// Passes everything on to `upstream`.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn start(upstream: SocketAddr) -> Self {
        Self::bind("127.0.0.1:0", upstream)
    }

    /// The same, for whoever reaches `to`.
    ///
    /// # Panics
    /// When that is no address of this machine, or is taken.
    #[must_use]
    pub fn bind(to: &str, upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind(to).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let _ = serve(client, upstream);
                });
            }
        });
        Self { address }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve(mut client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
    let mut first = vec![0_u8; 16 * 1024];
    let count = client.read(&mut first)?;
    first.truncate(count);
    let mut server = TcpStream::connect(upstream)?;
    if first.starts_with(&PREFACE[..count.min(PREFACE.len())]) && count > 2 {
        return translate(first, client, server);
    }
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    std::thread::spawn(move || {
        let _ = to.write_all(&first).and_then(|()| io::copy(&mut from, &mut to).map(drop));
        let _ = to.shutdown(Shutdown::Write);
    });
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}

fn translate(first: Vec<u8>, client: TcpStream, mut server: TcpStream) -> io::Result<()> {
    let mut out = client.try_clone()?;
    let mut reader = Reader::new(io::Cursor::new(first).chain(client));
    reader.take(PREFACE.len())?;
    out.write_all(&Frame { kind: kind::SETTINGS, flags: 0, stream: 0, payload: Vec::new() }.bytes())?;
    let (mut fields, mut end) = (Vec::new(), false);
    loop {
        let frame = read_frame(&mut reader)?;
        match frame.kind {
            kind::HEADERS | kind::CONTINUATION => {
                fields.extend_from_slice(&frame.payload);
                end |= frame.flags & END_STREAM != 0;
                if frame.flags & END_HEADERS != 0 {
                    server.write_all(&head_of(&std::mem::take(&mut fields)))?;
                }
            }
            kind::DATA => {
                server.write_all(&frame.payload)?;
                end |= frame.flags & END_STREAM != 0;
            }
            _ => continue,
        }
        if std::mem::take(&mut end) {
            let stream = frame.stream;
            let payload = block(&[(b":status", b"200")]);
            let flags = END_HEADERS | END_STREAM;
            out.write_all(&Frame { kind: kind::HEADERS, flags, stream, payload }.bytes())?;
        }
    }
}

/// The HTTP/1.1 head that the fields spell, whatever is in them.
fn head_of(bytes: &[u8]) -> Vec<u8> {
    let fields = read_block(bytes).unwrap_or_default();
    let pseudo = |name: &[u8]| {
        fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let mut out =
        [pseudo(b":method"), b" ".to_vec(), pseudo(b":path"), b" HTTP/1.1\r\nHost: ".to_vec()].concat();
    out.extend(pseudo(b":authority"));
    out.extend_from_slice(b"\r\n");
    for (name, value) in fields.iter().filter(|(name, _)| !name.starts_with(b":")) {
        out.extend_from_slice(&[name.as_slice(), b": ", value, b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    out
}
