//! What is left of a body on the wire, by its framing.

use bytes::{Bytes, BytesMut};

use super::chunks::{Chunks, Piece};
use super::grammar::{Fault, Framing};

/// What is left of a body.
#[derive(Debug)]
pub(crate) enum Rest {
    /// Nothing: the next byte starts another message.
    Nothing,
    /// So many bytes.
    Length(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Whatever comes until the connection ends.
    Close,
    /// It broke off, or broke the grammar.
    Failed,
}

impl Rest {
    /// The whole body of a request.
    pub(crate) fn of_request(framing: Framing) -> Self {
        match framing {
            Framing::Empty | Framing::Close => Rest::Nothing,
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Chunks::strict()),
        }
    }

    /// The whole body of an answer.
    pub(crate) fn of_answer(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Rest::Nothing,
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunked(Chunks::tolerant()),
            Framing::Close => Rest::Close,
        }
    }

    /// Whether the body was read to its end.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self, Rest::Nothing)
    }

    /// How many bytes are left, when that is known.
    pub(crate) fn exact(&self) -> Option<u64> {
        match self {
            Rest::Nothing => Some(0),
            Rest::Length(left) => Some(*left),
            Rest::Chunked(_) | Rest::Close | Rest::Failed => None,
        }
    }

    /// Takes the whole body off the front of `inbox`; `None` when not all of it is there.
    ///
    /// # Errors
    /// When the bytes break the grammar.
    pub(crate) fn whole(mut self, inbox: &mut BytesMut) -> Result<Option<Bytes>, Fault> {
        let mut body = BytesMut::new();
        loop {
            match self.next(inbox)? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::More => return Ok(None),
                Piece::End(_) => return Ok(Some(body.freeze())),
            }
        }
    }

    /// Takes the next piece off the front of `inbox`.
    ///
    /// # Errors
    /// When the bytes break the grammar; after that nothing comes any more.
    pub(crate) fn next(&mut self, inbox: &mut BytesMut) -> Result<Piece, Fault> {
        let piece = match self {
            Rest::Nothing => Piece::End(None),
            Rest::Failed => return Err(Fault::Malformed("the body failed before")),
            Rest::Length(_) | Rest::Close if inbox.is_empty() => Piece::More,
            Rest::Close => Piece::Data(inbox.split().freeze()),
            Rest::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(inbox.len());
                *left -= taken as u64;
                if *left == 0 {
                    *self = Rest::Nothing;
                }
                Piece::Data(inbox.split_to(taken).freeze())
            }
            Rest::Chunked(chunks) => match chunks.next(inbox) {
                Ok(piece) => {
                    if matches!(piece, Piece::End(_)) {
                        *self = Rest::Nothing;
                    }
                    piece
                }
                Err(fault) => {
                    *self = Rest::Failed;
                    return Err(fault);
                }
            },
        };
        Ok(piece)
    }
}
