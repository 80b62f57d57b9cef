//! Digits with what people put between them.

use smallvec::SmallVec;

/// Most digits of a run.
const MOST: usize = 24;

/// Digits that belong together: groups with one sign between two of them.
#[derive(Debug, Default)]
pub(super) struct Run {
    digits: SmallVec<[u8; MOST]>,
    /// Of each group the byte after its last, and how many digits there are up to there.
    groups: SmallVec<[(usize, usize); 8]>,
    /// The sign before each group but the first.
    signs: SmallVec<[u8; 8]>,
}

/// The first digits of a run, up to the end of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'r> {
    /// Values, not letters.
    pub(super) digits: &'r [u8],
    /// The byte after its last.
    pub(super) end: usize,
    run: &'r Run,
    groups: usize,
}

impl Run {
    /// The run that begins at a byte; groups are parted by one of `signs`.
    pub(super) fn at(bytes: &[u8], start: usize, signs: &[u8]) -> Self {
        let (mut run, mut at) = (Self::default(), start);
        loop {
            let left = MOST - run.digits.len();
            let group = bytes.get(at..).unwrap_or_default();
            let length = group.iter().take(left).take_while(|byte| byte.is_ascii_digit()).count();
            run.digits.extend(group.iter().take(length).map(|byte| byte - b'0'));
            at += length;
            if length == 0 {
                run.signs.pop();
                return run;
            }
            run.groups.push((at, run.digits.len()));
            match bytes.get(at) {
                Some(sign) if signs.contains(sign) => run.signs.push(*sign),
                _ => return run,
            }
            at += 1;
        }
    }

    /// Its parts, the longest first.
    pub(super) fn parts(&self) -> impl Iterator<Item = Part<'_>> {
        let part = |(number, (end, count)): (usize, &(usize, usize))| {
            let digits = self.digits.get(..*count).unwrap_or_default();
            Part { digits, end: *end, run: self, groups: number + 1 }
        };
        self.groups.iter().enumerate().rev().map(part)
    }
}

impl Part<'_> {
    /// Whether its groups have these lengths, with this sign between them.
    pub(super) fn is(&self, lengths: &[usize], sign: u8) -> bool {
        self.is_grouped(lengths) && self.signs().iter().all(|one| *one == sign)
    }

    /// Whether its groups have these lengths.
    pub(super) fn is_grouped(&self, lengths: &[usize]) -> bool {
        let mut before = 0;
        let same = self.run.groups.iter().take(self.groups).map(|(_, count)| {
            let length = count - before;
            before = *count;
            length
        });
        same.eq(lengths.iter().copied())
    }

    /// Whether nothing parts its digits.
    pub(super) fn is_whole(&self) -> bool {
        self.groups == 1
    }

    /// The signs between its groups.
    pub(super) fn signs(&self) -> &[u8] {
        self.run.signs.get(..self.groups.saturating_sub(1)).unwrap_or_default()
    }
}
