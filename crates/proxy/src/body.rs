//! Bodies that are buffered, under a bound of their own and one for the core (THREATS rows 21, 48).

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;

use crate::alarm::Alarm;
use crate::incoming::{Fault, Incoming};
use crate::pace::Pace;

/// More is not waited for when the answer is known already.
const DRAIN_BYTES: usize = 64 * 1024;
/// Longer is not waited for.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Room made at once, whatever the head says of the length.
const FIRST_ROOM: usize = 64 * 1024;

/// Bytes that buffered bodies of a core hold.
#[derive(Debug)]
pub(crate) struct Budget {
    used: Cell<usize>,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: Cell::new(0), limit }
    }
}

/// What one call holds of the budget; given back when dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Rc<Budget>,
    held: usize,
}

impl Lease {
    pub(crate) fn new(budget: &Rc<Budget>) -> Self {
        Self { budget: Rc::clone(budget), held: 0 }
    }

    /// Holds so much from now on, be it more or less; false when there is no more.
    #[must_use]
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        if bytes > self.held {
            return self.take(bytes - self.held);
        }
        self.budget.used.set(self.budget.used.get().saturating_sub(self.held - bytes));
        self.held = bytes;
        true
    }

    /// Takes more; false when there is no more.
    #[must_use]
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let used = self.budget.used.get().saturating_add(bytes);
        if used > self.budget.limit {
            return false;
        }
        self.budget.used.set(used);
        self.held += bytes;
        true
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.used.set(self.budget.used.get().saturating_sub(self.held));
    }
}

/// Why a body could not be buffered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Longer than its bound.
    TooLarge,
    /// The core has no room.
    NoRoom,
    /// Its sender broke off.
    Broken,
    /// It breaks the grammar.
    Malformed,
    /// Its deadline passed.
    Late,
}

/// Buffers a body whole; the alarm's deadline holds, or the pace that its sender has to keep.
///
/// # Errors
/// When it is too long, too slow or not whole.
pub(crate) async fn read_whole(
    incoming: &mut Incoming,
    limit: u64,
    lease: &mut Lease,
    alarm: &Alarm,
    mut pace: Option<Pace>,
) -> Result<Bytes, Unread> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    let mut length = 0_u64;
    while let Some(data) = next_data(incoming, alarm, pace.as_mut()).await? {
        length += data.len() as u64;
        if length > limit {
            return Err(Unread::TooLarge);
        }
        if !lease.take(data.len()) {
            return Err(Unread::NoRoom);
        }
        match first.take() {
            // Most bodies come in one piece: no copy.
            None if rest.is_empty() => first = Some(data),
            None => rest.extend_from_slice(&data),
            Some(piece) => {
                let expected = usize::try_from(incoming.size_hint().lower()).unwrap_or(FIRST_ROOM);
                rest.reserve(piece.len() + data.len() + expected.min(FIRST_ROOM));
                rest.extend_from_slice(&piece);
                rest.extend_from_slice(&data);
            }
        }
        if incoming.is_end_stream() {
            break;
        }
    }
    Ok(first.unwrap_or_else(|| rest.freeze()))
}

async fn next_data(
    incoming: &mut Incoming,
    alarm: &Alarm,
    mut pace: Option<&mut Pace>,
) -> Result<Option<Bytes>, Unread> {
    poll_fn(|context| {
        loop {
            match Pin::new(&mut *incoming).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        if let Some(pace) = &mut pace {
                            pace.came(data.len(), || alarm.now());
                        }
                        return Poll::Ready(Ok(Some(data)));
                    }
                    // Trailers of what is buffered are dropped.
                    Err(_) => {}
                },
                Poll::Ready(Some(Err(Fault::Broken))) => return Poll::Ready(Err(Unread::Broken)),
                Poll::Ready(Some(Err(Fault::Malformed))) => return Poll::Ready(Err(Unread::Malformed)),
                Poll::Ready(None) => return Poll::Ready(Ok(None)),
                Poll::Pending => {
                    if let Some(pace) = &mut pace {
                        alarm.set(pace.waits(|| alarm.now()));
                    }
                    return alarm.poll(context).map(|()| Err(Unread::Late));
                }
            }
        }
    })
    .await
}

/// Reads what is left of a body that nobody wants, as far as that is cheap; true when its end was reached, so that the
/// connection can be used again (THREATS row 2).
pub(crate) async fn drain(mut incoming: Incoming, alarm: &Alarm) -> bool {
    alarm.set_in(DRAIN_TIME);
    read_out(&mut incoming, DRAIN_BYTES, alarm).await
}

/// Reads a body to its end and throws it away; the alarm's deadline holds. False when it is longer than `most`, late or not whole.
pub(crate) async fn read_out(incoming: &mut Incoming, most: usize, alarm: &Alarm) -> bool {
    if incoming.is_end_stream() {
        return true;
    }
    if incoming.size_hint().lower() > most as u64 {
        return false;
    }
    let mut seen = 0;
    while let Ok(Some(data)) = next_data(incoming, alarm, None).await {
        seen += data.len();
        if incoming.is_end_stream() {
            return true;
        }
        if seen > most {
            return false;
        }
    }
    incoming.is_end_stream()
}
