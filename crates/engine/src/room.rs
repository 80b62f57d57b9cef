//! Memory that bodies hold, counted as it is allocated (THREATS row 48).

use std::fmt;
use std::rc::Rc;

/// Where memory for bodies is counted.
pub trait Room: fmt::Debug {
    /// Takes so many bytes; false when there are no more, which is counted.
    #[must_use]
    fn take(&self, bytes: usize) -> bool;

    /// Gives so many bytes back that were taken.
    fn give_back(&self, bytes: usize);
}

/// What one body holds; given back when dropped.
#[derive(Debug)]
pub struct Share {
    room: Rc<dyn Room>,
    held: usize,
}

impl Share {
    /// Nothing yet.
    #[must_use]
    pub fn of(room: Rc<dyn Room>) -> Self {
        Self { room, held: 0 }
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held
    }

    /// Holds so many bytes from now on, be it more or less; false, and as many as before, when there are no more.
    #[must_use]
    pub fn resize(&mut self, bytes: usize) -> bool {
        match bytes.checked_sub(self.held) {
            Some(more) if !self.room.take(more) => return false,
            Some(_) => {}
            None => self.room.give_back(self.held - bytes),
        }
        self.held = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.give_back(self.held);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use bytes::Bytes;
    use tape::Bounds;

    use super::*;
    use crate::Body;

    #[derive(Debug)]
    struct Left(Cell<usize>);

    impl Room for Left {
        fn take(&self, bytes: usize) -> bool {
            let left = self.0.get().checked_sub(bytes);
            self.0.set(left.unwrap_or(self.0.get()));
            left.is_some()
        }

        fn give_back(&self, bytes: usize) {
            self.0.set(self.0.get() + bytes);
        }
    }

    fn body(room: &Rc<Left>, text: &str, capacity: usize) -> Body {
        let mut share = Share::of(Rc::clone(room) as Rc<dyn Room>);
        assert!(share.resize(capacity));
        Body::within(text.to_owned().into(), share)
    }

    #[test]
    fn a_body_holds_what_it_becomes() {
        let room = Rc::new(Left(Cell::new(10_000)));
        let held = || 10_000 - room.0.get();
        let text = format!("[{}0]", "0,".repeat(100));
        let mut body = body(&room, &text, 300);
        assert_eq!(held(), 300);
        let index = body.json(&Bounds::default()).unwrap().index_bytes();
        assert_eq!(held(), 300 + index);
        // Another spelling stands beside the one that was parsed.
        body.respell(Bytes::from(vec![b'0'; 50]));
        assert_eq!(held(), 50 + (300 - text.len()) + text.len() + index);
        body.forget_parsed();
        body.replace(Bytes::from(vec![b'0'; 5_000]));
        assert_eq!((held(), body.is_short()), (5_000, false));
        body.replace(Bytes::from(vec![b'0'; 10_001]));
        assert!(body.is_short());
        drop(body);
        assert_eq!(held(), 0);
    }

    #[test]
    fn what_does_not_fit_when_parsed_is_read_by_nobody() {
        let room = Rc::new(Left(Cell::new(1_500)));
        let text = format!("[{}0]", "0,".repeat(200));
        let mut dense = body(&room, &text, text.len());
        assert!(dense.json(&Bounds::default()).is_err() && dense.is_short());
        drop(dense);
        let sparse = format!("[{}0]", " ".repeat(400));
        let mut sparse = body(&room, &sparse, sparse.len());
        assert!(sparse.json(&Bounds::default()).is_ok() && !sparse.is_short());
    }
}
