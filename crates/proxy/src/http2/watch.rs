//! Where one frame ends and the next begins, in bytes that come in pieces; no IO.

use engine::Tick;
use engine::bounds::{self, Bound};

use super::rules::{CONTINUATION, END_HEADERS, FrameHead, HEADER, HEADERS, Objection, Rules};
use super::settings::Settings;

/// Bytes before the first frame (RFC 9113 section 3.4); hyper reads them.
pub(crate) const PREFACE: usize = 24;

/// Where in a field block the bytes are (RFC 9113 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    None,
    /// In one of its frames, or between two.
    Open,
    /// In its last frame.
    Ending,
}

/// What is known of a connection by the headers of its frames.
#[derive(Debug)]
pub(crate) struct Watch {
    /// Bytes up to the next frame's header, beyond those that were judged.
    skip: usize,
    rules: Rules,
    block: Block,
    /// When the field block that is open began.
    since: Option<Tick>,
    settings: Settings,
    /// Whether the bytes that are skipped are read by `settings`.
    in_settings: bool,
    /// The newest stream of the client.
    newest: u32,
    /// Streams that were opened, less those that ended on the wire.
    open: u32,
}

impl Watch {
    /// Of a connection of which nothing came yet.
    pub(crate) const fn new(now: Tick) -> Self {
        Self {
            skip: PREFACE,
            rules: Rules::new(now),
            block: Block::None,
            since: None,
            settings: Settings::new(),
            in_settings: false,
            newest: 0,
            open: 0,
        }
    }

    /// How many of the bytes that come next may go on, and why those behind them never may. What is neither is the
    /// beginning of a frame's header: it is to be given once more with what comes behind it.
    pub(crate) fn judge(&mut self, bytes: &[u8], now: impl Fn() -> Tick) -> (usize, Option<Objection>) {
        let judged = self.walk(bytes, &now);
        match self.block {
            Block::None => self.since = None,
            Block::Open | Block::Ending if self.since.is_none() => self.since = Some(now()),
            Block::Open | Block::Ending => {}
        }
        judged
    }

    fn walk(&mut self, bytes: &[u8], now: &impl Fn() -> Tick) -> (usize, Option<Objection>) {
        let mut good = 0;
        loop {
            let step = self.skip.min(bytes.len() - good);
            if self.in_settings {
                self.settings.pass(bytes.get(good..good + step).unwrap_or_default());
            }
            good += step;
            self.skip -= step;
            if self.skip > 0 {
                return (good, None);
            }
            if self.block == Block::Ending {
                self.block = Block::None;
            }
            if std::mem::take(&mut self.in_settings)
                && let Err(objection) = self.check_crowd()
            {
                return (good, Some(objection));
            }
            let Some(header) = bytes.get(good..).and_then(<[u8]>::first_chunk::<HEADER>) else {
                return (good, None);
            };
            let frame = FrameHead::read(*header);
            if let Err(objection) = self.rules.judge(frame, now).and_then(|()| self.open(frame)) {
                return (good, Some(objection));
            }
            self.skip = HEADER + frame.length as usize;
            self.in_settings = Settings::reads(frame);
            if self.in_settings {
                self.settings.begin(frame);
            }
            if frame.kind == HEADERS {
                // Each has its own time, also when the end of the last one came with it.
                self.since = None;
            }
            if matches!(frame.kind, HEADERS | CONTINUATION) {
                self.block = if frame.flags & END_HEADERS != 0 { Block::Ending } else { Block::Open };
            }
        }
    }

    /// Counts a stream that is opened.
    fn open(&mut self, frame: FrameHead) -> Result<(), Objection> {
        if frame.kind != HEADERS || frame.stream <= self.newest {
            return Ok(());
        }
        self.newest = frame.stream;
        self.open += 1;
        self.rules.earn_frames(1);
        self.check_crowd()
    }

    /// Refuses more open streams than a client may have whose windows are small. A window that is made small is that of streams that
    /// are open as well (RFC 9113 section 6.9.2).
    const fn check_crowd(&self) -> Result<(), Objection> {
        if self.settings.window() < bounds::SMALL_WINDOW && self.open > bounds::SMALL_WINDOW_OPENED {
            return Err(Objection::Bound(Bound::SmallWindow));
        }
        Ok(())
    }

    /// What became of the connection since the last time: so many streams ended, so many bytes were written.
    pub(crate) fn catch_up(&mut self, ended: u32, wrote: u64) {
        self.open = self.open.saturating_sub(ended);
        self.rules.earn(wrote);
    }

    /// Bytes with which a new stream of the client may be answered at once.
    pub(crate) fn window(&self) -> u32 {
        self.settings.window()
    }

    /// Whether many answers find room at once, after so many bytes of answers.
    pub(crate) fn is_wide(&self, answered: u64) -> bool {
        self.settings.is_wide(answered)
    }

    /// When the field block began that has not ended.
    pub(crate) fn in_block_since(&self) -> Option<Tick> {
        self.since
    }

    /// Whether the last frame was judged to its end.
    pub(crate) fn is_between_frames(&self) -> bool {
        self.skip == 0
    }
}
