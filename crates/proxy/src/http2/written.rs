//! The headers of the frames that we write, seen as their bytes go out: only they tell what of an answer has left us.

use super::rules::{FrameHead, HEADER};

/// Where in what is written the next frame begins.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Bytes up to the next frame's header.
    skip: usize,
    header: [u8; HEADER],
    filled: usize,
}

impl Written {
    /// So many bytes more went out; each frame whose header is among them is told.
    pub(crate) fn pass(&mut self, mut bytes: &[u8], mut each: impl FnMut(FrameHead)) {
        loop {
            let step = self.skip.min(bytes.len());
            self.skip -= step;
            bytes = bytes.get(step..).unwrap_or_default();
            if bytes.is_empty() {
                return;
            }
            let wanted = self.header.get_mut(self.filled..).unwrap_or_default();
            let step = wanted.len().min(bytes.len());
            for (slot, byte) in wanted.iter_mut().zip(bytes) {
                *slot = *byte;
            }
            self.filled += step;
            bytes = bytes.get(step..).unwrap_or_default();
            if self.filled < HEADER {
                return;
            }
            let frame = FrameHead::read(self.header);
            (self.filled, self.skip) = (0, frame.length as usize);
            each(frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_seen_however_what_is_written_is_cut() {
        let frames = [(0, 4, 0, 0), (5, 0, 1, 1), (0, 0, 1, 3), (300, 1, 4, 5)];
        let bytes: Vec<u8> = frames
            .iter()
            .flat_map(|(length, kind, flags, stream): &(u32, u8, u8, u32)| {
                let mut frame = length.to_be_bytes()[1..].to_vec();
                frame.extend([*kind, *flags]);
                frame.extend(stream.to_be_bytes());
                frame.extend(vec![0xff; *length as usize]);
                frame
            })
            .collect();
        for step in 1..=bytes.len() {
            let (mut written, mut seen) = (Written::default(), Vec::new());
            for piece in bytes.chunks(step) {
                written.pass(piece, |head| seen.push((head.length, head.kind, head.flags, head.stream)));
            }
            assert_eq!(seen, frames, "in writes of {step}");
        }
    }
}
