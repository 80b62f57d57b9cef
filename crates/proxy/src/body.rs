//! Bodies that are buffered, under a bound of their own and one for all of them (THREATS rows 21, 48).

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use engine::Share;
use http_body::Body;

use crate::alarm::Alarm;
use crate::incoming::{Fault, Incoming};
use crate::pace::Pace;

/// More is not waited for when the answer is known already.
const DRAIN_BYTES: usize = 64 * 1024;
/// Longer is not waited for.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Room that is made at least when a body comes in pieces, unless its length is known to be less.
const FIRST_ROOM: usize = 4 * 1024;

/// Why a body could not be buffered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Longer than its bound.
    TooLarge,
    /// There is no room.
    NoRoom,
    /// Its sender broke off.
    Broken,
    /// It breaks the grammar.
    Malformed,
    /// Its deadline passed.
    Late,
}

/// Buffers a body whole; the alarm's deadline holds, or the pace that its sender has to keep. The share holds what was allocated.
///
/// # Errors
/// When it is too long, too slow or not whole.
pub(crate) async fn read_whole(
    incoming: &mut Incoming,
    limit: u64,
    share: &mut Share,
    alarm: &Alarm,
    mut pace: Option<Pace>,
) -> Result<Bytes, Unread> {
    let mut gathered = Gathered::default();
    let mut length = 0_u64;
    while let Some(data) = next_data(incoming, alarm, pace.as_mut()).await? {
        length += data.len() as u64;
        if length > limit {
            return Err(Unread::TooLarge);
        }
        let most = incoming.size_hint().upper().map_or(limit, |more| (length + more).min(limit));
        if !gathered.add(data, usize::try_from(most).unwrap_or(usize::MAX), share) {
            return Err(Unread::NoRoom);
        }
        if incoming.is_end_stream() {
            break;
        }
    }
    Ok(gathered.whole())
}

/// The pieces of a body so far.
#[derive(Debug, Default)]
struct Gathered {
    /// Most bodies come in one piece: no copy.
    first: Bytes,
    /// All of them, as soon as there are two.
    rest: Vec<u8>,
}

impl Gathered {
    /// Adds a piece of a body that will have so many bytes at most; false when the share cannot hold it.
    fn add(&mut self, data: Bytes, most: usize, share: &mut Share) -> bool {
        if self.first.is_empty() && self.rest.is_empty() {
            self.first = data;
            return share.resize(self.first.len());
        }
        let needed = self.first.len() + self.rest.len() + data.len();
        if needed > self.rest.capacity() {
            // By doubling, but never beyond what will come: what is counted is what is allocated.
            let grown = self.rest.capacity().saturating_mul(2).max(FIRST_ROOM);
            let capacity = grown.min(most).max(needed);
            if !share.resize(capacity) {
                return false;
            }
            self.rest.reserve_exact(capacity - self.rest.len());
        }
        self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        self.rest.extend_from_slice(&data);
        true
    }

    fn whole(self) -> Bytes {
        if self.rest.is_empty() { self.first } else { self.rest.into() }
    }
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

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use engine::Room;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Endless;

    impl Room for Endless {
        fn take(&self, _: usize) -> bool {
            true
        }

        fn give_back(&self, _: usize) {}
    }

    proptest! {
        /// In however many pieces it comes: it is put together again, and what it holds is counted and never twice its length.
        #[test]
        fn what_is_counted_is_what_is_held(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..9_000), 1..40), known in any::<bool>()) {
            let whole = pieces.concat();
            let mut share = Share::of(Rc::new(Endless));
            let mut gathered = Gathered::default();
            for piece in pieces {
                let most = if known { whole.len() } else { usize::MAX };
                prop_assert!(gathered.add(piece.into(), most, &mut share));
                prop_assert_eq!(share.held(), gathered.rest.capacity().max(gathered.first.len()));
            }
            let bound = if known { whole.len() } else { (2 * whole.len()).max(FIRST_ROOM) };
            prop_assert!(share.held() <= bound);
            prop_assert_eq!(gathered.whole(), whole);
        }
    }
}
