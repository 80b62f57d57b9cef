//! The one setting of a client that decides how much its answers cost: how large the windows of its streams are (RFC 9113 section
//! 6.5.2). What waits for a window that is shut is held by us.

use super::rules::HEADER;

/// SETTINGS_INITIAL_WINDOW_SIZE.
const INITIAL_WINDOW: u16 = 0x4;
/// Bytes of one setting.
const ENTRY: usize = 6;
/// The window of who says nothing.
const USUAL: u32 = 65_535;

/// Reads SETTINGS frames as their bytes pass.
#[derive(Debug)]
pub(crate) struct Settings {
    window: u32,
    /// Bytes of the frame's header that are still to pass.
    header: usize,
    entry: [u8; ENTRY],
    filled: usize,
}

impl Settings {
    /// Of a client that has said nothing.
    pub(crate) const fn new() -> Self {
        Self { window: USUAL, header: 0, entry: [0; ENTRY], filled: 0 }
    }

    /// Bytes with which a new stream of the client may be answered at once.
    pub(crate) const fn window(&self) -> u32 {
        self.window
    }

    /// A frame begins, whose header comes first. Its length was found to be a multiple of an entry's.
    pub(crate) fn begin(&mut self) {
        (self.header, self.filled) = (HEADER, 0);
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
            if self.filled == ENTRY {
                self.filled = 0;
                let [a, b, c, d, e, f] = self.entry;
                if u16::from_be_bytes([a, b]) == INITIAL_WINDOW {
                    self.window = u32::from_be_bytes([c, d, e, f]);
                }
            }
        }
    }
}
