//! The end of both sockets: closing one with unread bytes resets it, and its peer might never see why it was closed.

use std::task::{Context, Poll};
use std::time::Duration;

use crate::alarm::Alarm;
use crate::http1::wire::Wire;

/// How long, and for how many bytes, what a peer still sends is read and dropped.
const TIME: Duration = Duration::from_secs(2);
const BYTES: usize = 1024 * 1024;

/// Where one of them is.
struct End<'w> {
    wire: &'w mut Wire,
    shut: bool,
    dropped: usize,
    over: bool,
}

impl End<'_> {
    fn poll(&mut self, context: &mut Context<'_>) {
        if !self.shut {
            match self.wire.poll_shutdown(context) {
                Poll::Ready(Ok(())) => self.shut = true,
                Poll::Ready(Err(_)) => self.over = true,
                Poll::Pending => return,
            }
        }
        while !self.over {
            self.wire.inbox.clear();
            match self.wire.poll_fill(context) {
                Poll::Ready(Ok(count @ 1..)) => self.dropped += count,
                Poll::Ready(_) => self.over = true,
                Poll::Pending => return,
            }
            self.over |= self.dropped > BYTES;
        }
    }
}

/// Ends both; those that are gone are not waited for. Which of them took all that was written to them, and its end.
pub(super) async fn linger(ends: [(&mut Wire, bool); 2], alarm: &Alarm) -> [bool; 2] {
    let mut ends =
        ends.map(|(wire, gone)| End { over: gone || !wire.is_flushed(), wire, shut: false, dropped: 0 });
    alarm.set_in(TIME);
    std::future::poll_fn(|context| {
        for end in ends.iter_mut().filter(|end| !end.over) {
            end.poll(context);
        }
        if ends.iter().all(|end| end.over) { Poll::Ready(()) } else { alarm.poll(context) }
    })
    .await;
    ends.map(|end| end.shut)
}
