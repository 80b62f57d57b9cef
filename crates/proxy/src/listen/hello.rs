//! The ClientHello, read before anything is decided by it, so that its bytes can be kept (RFC 8446 sections 4.1.2 and 5.1).
//!
//! The TLS library does not tell what it read. So the records that carry the message are read here, whole and bounded, and
//! then handed to it. Only where the message ends is found out; what it says is the library's to judge.

use bytes::{Bytes, BytesMut};
use engine::bounds;
use engine::peer::ClientHello;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Room for a read: most messages fit.
const ROOM: usize = 2 * 1024;
const HEADER: usize = 5;
/// The type of records that carry handshakes, and that of this message in them.
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// Why there is no ClientHello.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoHello {
    /// The client went away.
    Gone,
    /// What came is no TLS, or no ClientHello.
    Other,
    /// Longer than [`bounds::CLIENT_HELLO_BYTES`].
    TooLong,
}

/// Reads records until the message is whole. `bytes` holds what was read already.
///
/// # Errors
/// When the message does not come.
pub(crate) async fn read<S>(socket: &mut S, bytes: &mut BytesMut) -> Result<ClientHello, NoHello>
where
    S: AsyncRead + Unpin,
{
    let mut measure = Measure::default();
    loop {
        match measure.look(bytes)? {
            Some(length) => return Ok(kept(bytes, length)),
            None if bytes.len() >= bounds::CLIENT_HELLO_BYTES => return Err(NoHello::TooLong),
            None => {}
        }
        bytes.reserve(ROOM);
        // No more than the bound, and nothing is lost: the client waits for our answer.
        let room = bounds::CLIENT_HELLO_BYTES - bytes.len();
        let mut limited = (&mut *socket).take(room as u64);
        if limited.read_buf(bytes).await.map_err(|_| NoHello::Gone)? == 0 {
            return Err(NoHello::Gone);
        }
    }
}

fn kept(bytes: &BytesMut, length: usize) -> ClientHello {
    let kept = bytes.get(..length.min(bounds::CLIENT_HELLO_KEPT)).unwrap_or_default();
    ClientHello { records: Bytes::copy_from_slice(kept), length }
}

/// How far the records were looked at.
#[derive(Debug, Default)]
struct Measure {
    /// Where the next record begins.
    at: usize,
    /// How much of the message the records before it hold.
    held: usize,
    /// The message's own header, as far as it is there: its type and its length.
    start: [u8; 4],
}

impl Measure {
    /// Where the records of the message end, when they are all there. Records that were whole are not looked at again.
    fn look(&mut self, bytes: &[u8]) -> Result<Option<usize>, NoHello> {
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            if rest.first().is_some_and(|kind| *kind != HANDSHAKE)
                || rest.get(1).is_some_and(|major| *major != 3)
            {
                return Err(NoHello::Other);
            }
            let Some(&[_, _, _, high, low]) = rest.first_chunk::<HEADER>() else { return Ok(None) };
            let length = usize::from(high) << 8 | usize::from(low);
            if length == 0 {
                return Err(NoHello::Other);
            }
            if self.at + HEADER + length > bounds::CLIENT_HELLO_BYTES {
                return Err(NoHello::TooLong);
            }
            let Some(piece) = rest.get(HEADER..HEADER + length) else { return Ok(None) };
            for (slot, byte) in self.start.iter_mut().skip(self.held).zip(piece) {
                *slot = *byte;
            }
            self.held += length;
            self.at += HEADER + length;
            let [kind, lengths @ ..] = self.start;
            if kind != CLIENT_HELLO {
                return Err(NoHello::Other);
            }
            let message = lengths.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            if self.held >= 4 && message > bounds::CLIENT_HELLO_BYTES {
                return Err(NoHello::TooLong);
            }
            if self.held >= 4 && self.held >= 4 + message {
                return Ok(Some(self.at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &[u8]) -> Vec<u8> {
        let mut record = vec![HANDSHAKE, 3, 1];
        record.extend_from_slice(&u16::try_from(payload.len()).unwrap().to_be_bytes());
        record.extend_from_slice(payload);
        record
    }

    fn message(length: usize) -> Vec<u8> {
        let mut message = vec![CLIENT_HELLO];
        message.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes()[1..]);
        message.resize(4 + length, 7);
        message
    }

    /// However it is cut into reads.
    fn look(bytes: &[u8], step: usize) -> Result<Option<usize>, NoHello> {
        let mut measure = Measure::default();
        for end in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
            match measure.look(&bytes[..end]) {
                Ok(None) => {}
                found => return found,
            }
        }
        Ok(None)
    }

    #[test]
    fn the_message_ends_where_it_says_in_whatever_records() {
        let whole = message(300);
        let one = record(&whole);
        let many: Vec<u8> = whole.chunks(1).flat_map(record).collect();
        let two: Vec<u8> = whole.chunks(200).flat_map(record).collect();
        for bytes in [&one, &many, &two] {
            for step in [1, 3, 1000] {
                assert_eq!(look(bytes, step), Ok(Some(bytes.len())));
                assert_eq!(look(&bytes[..bytes.len() - 1], step), Ok(None));
            }
        }
    }

    #[test]
    fn what_is_no_client_hello_or_too_long_is_told_early() {
        let endless: Vec<u8> = message(16_000).chunks(1).flat_map(record).collect();
        let mut server_hello = message(3);
        server_hello[0] = 2;
        for (bytes, expected) in [
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), NoHello::Other),
            (vec![HANDSHAKE, 2], NoHello::Other),
            (record(&server_hello), NoHello::Other),
            (vec![HANDSHAKE, 3, 1, 0, 0], NoHello::Other),
            (vec![HANDSHAKE, 3, 1, 0xff, 0xff], NoHello::TooLong),
            (record(&message(0x00ff_ffff)[..100]), NoHello::TooLong),
            (endless, NoHello::TooLong),
        ] {
            assert_eq!(look(&bytes, 1), Err(expected), "{}", bytes[..5.min(bytes.len())].escape_ascii());
        }
        assert_eq!(look(&record(&message(12_000)), 100), Ok(Some(12_009)));
    }
}
