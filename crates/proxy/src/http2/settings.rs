//! How much of its answers a client has room for: how large the windows of its streams are, by its settings (RFC 9113 section
//! 6.5.2), and how large it made the window of the connection (section 6.9). What waits for a window that is shut is held by us.

use engine::bounds;

use super::rules::{FrameHead, HEADER, LAST, SETTINGS, WINDOW_UPDATE};

/// SETTINGS_INITIAL_WINDOW_SIZE.
const INITIAL_WINDOW: u16 = 0x4;
/// Bytes of one setting.
const ENTRY: usize = 6;
/// Bytes of an increment.
const INCREMENT: usize = 4;
/// The windows of who says nothing.
const USUAL: u32 = 65_535;

/// Reads SETTINGS, and WINDOW_UPDATE of the connection, as their bytes pass.
#[derive(Debug)]
pub(crate) struct Settings {
    window: u32,
    /// The window of the connection, and all that was added to it.
    granted: u64,
    /// Bytes of the frame's header that are still to pass.
    header: usize,
    entry: [u8; ENTRY],
    filled: usize,
    /// Bytes of an entry of this frame.
    size: usize,
}

impl Settings {
    /// Of a client that has said nothing.
    pub(crate) const fn new() -> Self {
        let granted = USUAL as u64;
        Self { window: USUAL, granted, header: 0, entry: [0; ENTRY], filled: 0, size: ENTRY }
    }

    /// Bytes with which a new stream of the client may be answered at once.
    pub(crate) const fn window(&self) -> u32 {
        self.window
    }

    /// Whether many answers find room at once, after so many bytes of answers.
    pub(crate) const fn is_wide(&self, answered: u64) -> bool {
        self.window >= bounds::WIDE_WINDOW
            && self.granted.saturating_sub(answered) >= bounds::WIDE_WINDOW as u64
    }

    /// Whether a frame is to be read here.
    pub(crate) const fn reads(frame: FrameHead) -> bool {
        match frame.kind {
            SETTINGS => frame.flags & LAST == 0,
            WINDOW_UPDATE => frame.stream == 0,
            _ => false,
        }
    }

    /// Such a frame begins, whose header comes first. Its length was found to be that of its type.
    pub(crate) fn begin(&mut self, frame: FrameHead) {
        (self.header, self.filled) = (HEADER, 0);
        self.size = if frame.kind == SETTINGS { ENTRY } else { INCREMENT };
    }

    /// More of its bytes pass.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        let payload = bytes.get(self.header..).unwrap_or_default();
        self.header = self.header.saturating_sub(bytes.len());
        for byte in payload {
            if let Some(slot) = self.entry.get_mut(self.filled) {
                *slot = *byte;
            }
            self.filled += 1;
            if self.filled == self.size {
                self.filled = 0;
                self.take();
            }
        }
    }

    fn take(&mut self) {
        let [a, b, c, d, e, f] = self.entry;
        if self.size == INCREMENT {
            let more = u32::from_be_bytes([a & 0x7f, b, c, d]);
            self.granted = self.granted.saturating_add(u64::from(more));
        } else if u16::from_be_bytes([a, b]) == INITIAL_WINDOW {
            self.window = u32::from_be_bytes([c, d, e, f]);
        }
    }
}
