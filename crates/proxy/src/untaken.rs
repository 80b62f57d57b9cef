//! Whether a client of HTTP/2 has room for what its answer gave.
//!
//! hyper asks a body for its next piece as soon as the stream has room for the last one. A piece after which it did not ask waits for
//! the client, who may never open its window: its connection knows how many of its answers do.

use std::rc::Rc;

use crate::connection::Conn;
use crate::flight::Flight;

/// What is known of the last piece of one answer.
#[derive(Debug)]
pub(crate) struct Untaken {
    /// None on HTTP/1, where one answer at a time is on its way.
    conn: Option<Rc<Conn>>,
    waits: bool,
}

impl Untaken {
    /// Of an answer that gave nothing yet.
    pub(crate) fn of(flight: &Flight) -> Self {
        let two = flight.call.request.version == http::Version::HTTP_2;
        Self { conn: two.then(|| Rc::clone(&flight.conn)), waits: false }
    }

    /// Whether its client has yet to show that it takes what is read for it; `None` on HTTP/1.
    pub(crate) fn is_on_trial(&self) -> Option<bool> {
        self.conn.as_ref().map(|conn| conn.is_on_trial())
    }

    /// A piece is handed over.
    pub(crate) fn given(&mut self) {
        self.set(true);
    }

    /// Its next piece is asked for, or nothing of it any more.
    pub(crate) fn taken(&mut self) {
        self.set(false);
    }

    fn set(&mut self, waits: bool) {
        let Some(conn) = self.conn.as_ref().filter(|_| self.waits != waits) else { return };
        self.waits = waits;
        conn.untaken(waits);
    }
}

impl Drop for Untaken {
    fn drop(&mut self) {
        self.taken();
    }
}
