//! Groups, their flags, and look-around.

use super::{Step, Translator};

impl Translator<'_> {
    /// What `(` begins.
    pub(super) fn group(&mut self) -> Step {
        let multi_line = self.multi_line.last().copied().unwrap_or(false);
        if self.peek(1) == Some(b'*') {
            return self.fail("a verb, which needs backtracking");
        }
        if self.peek(1) != Some(b'?') {
            self.enter(true, multi_line);
            return self.copy(1, false);
        }
        match (self.peek(2), self.peek(3)) {
            (Some(b'#'), _) => {
                let length =
                    self.rest().iter().position(|byte| *byte == b')').map_or(self.rest().len(), |at| at + 1);
                self.take(length, self.can_repeat)
            }
            (Some(b':'), _) => {
                self.enter(false, multi_line);
                self.copy(3, false)
            }
            (Some(b'>'), _) => {
                self.widened.push((self.at, "an atomic group"));
                self.enter(false, multi_line);
                self.out.push_str("(?:");
                self.take(3, false)
            }
            (Some(b'=' | b'!'), _) | (Some(b'<'), Some(b'=' | b'!')) => self.look_around(),
            (Some(b'<' | b'P' | b'\''), _) => self.named(multi_line),
            _ => self.flags(multi_line),
        }
    }

    /// Left out, which only widens what is matched.
    fn look_around(&mut self) -> Step {
        self.widened.push((self.at, "look-around"));
        let (mut depth, mut in_class) = (0_usize, false);
        while let Some(byte) = self.peek(0) {
            match byte {
                b'\\' => self.at += 1,
                b'[' if !in_class => {
                    in_class = true;
                    // A `]` that comes first is one of the members.
                    self.at += usize::from(self.peek(1) == Some(b'^'));
                    self.at += usize::from(self.peek(1) == Some(b']'));
                }
                b']' => in_class = false,
                b'(' if !in_class => depth += 1,
                b')' if !in_class => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                self.out.push_str("(?:)");
                self.can_repeat = true;
                return Ok(());
            }
        }
        self.fail("look-around that is not closed")
    }

    /// `(?<name>`, `(?P<name>`, `(?'name'`.
    fn named(&mut self, multi_line: bool) -> Step {
        let rest = self.rest();
        let open = rest.iter().position(|byte| matches!(byte, b'<' | b'\''));
        let close = rest.iter().skip(4).position(|byte| matches!(byte, b'>' | b'\'')).map(|at| at + 4);
        let (Some(2 | 3), Some(close)) = (open, close) else {
            return self.fail("a group that this engine does not know");
        };
        self.enter(true, multi_line);
        self.out.push('(');
        self.take(close + 1, false)
    }

    /// `(?i)`, `(?i:`.
    fn flags(&mut self, multi_line: bool) -> Step {
        let mut multi_line = multi_line;
        let mut on = true;
        let flags: Vec<u8> =
            self.rest().iter().skip(2).copied().take_while(|byte| !matches!(byte, b':' | b')')).collect();
        for flag in &flags {
            match flag {
                b'-' => on = false,
                b'm' => multi_line = on,
                b'i' | b's' | b'U' => {}
                _ => return self.fail("a group or flag that this engine does not know"),
            }
        }
        let scoped = self.peek(2 + flags.len()) == Some(b':');
        if scoped {
            self.enter(false, multi_line);
        } else if let Some(current) = self.multi_line.last_mut() {
            *current = multi_line;
        }
        self.copy(3 + flags.len(), false)
    }
}
