//! Bracketed classes.

use super::{Step, Translator, Untranslatable, push_byte};

impl Translator<'_> {
    /// A bracketed class, byte by byte.
    pub(super) fn class(&mut self) -> Step {
        let start = self.at;
        self.at += 1;
        self.out.push('[');
        if self.peek(0) == Some(b'^') {
            self.out.push('^');
            self.at += 1;
        }
        let mut first = true;
        // The low end of a range, once its `-` was seen.
        loop {
            let Some(byte) = self.peek(0) else {
                return Err(Untranslatable { at: start, why: "a class that is not closed" });
            };
            if byte == b']' && !first {
                self.out.push(']');
                return self.take(1, true);
            }
            first = false;
            let Some((low, length)) = self.class_item()? else { continue };
            self.at += length;
            push_byte(&mut self.out, low);
            let is_range = self.peek(0) == Some(b'-') && self.peek(1).is_some_and(|next| next != b']');
            if !is_range {
                continue;
            }
            self.at += 1;
            match self.class_item()? {
                Some((high, length)) if high >= low => {
                    self.out.push('-');
                    push_byte(&mut self.out, high);
                    self.at += length;
                }
                Some(_) => return self.fail("a range whose end comes before its start"),
                // `[a-\d]`: the dash is itself, and the class has been written.
                None => push_byte(&mut self.out, b'-'),
            }
        }
    }

    /// One byte of a class and its length; `None` when a whole set was written and taken.
    fn class_item(&mut self) -> Result<Option<(u8, usize)>, Untranslatable> {
        match (self.peek(0), self.peek(1)) {
            (Some(b'['), Some(b':')) if crate::bytes::find(self.rest(), b":]").is_some() => {
                let length = crate::bytes::find(self.rest(), b":]").unwrap_or(0) + 2;
                self.copy(length, false)?;
                Ok(None)
            }
            (Some(b'\\'), Some(next)) => match next {
                b'd' | b'D' | b'w' | b'W' | b's' | b'S' => {
                    self.copy(2, false)?;
                    Ok(None)
                }
                b'h' => self.class_set("\\x09\\x20\\xA0"),
                b'v' => self.class_set("\\x0A-\\x0D\\x85"),
                b'b' => Ok(Some((0x08, 2))),
                b'1'..=b'7' => {
                    let digits =
                        self.rest().iter().skip(1).take(3).take_while(|byte| (b'0'..=b'7').contains(byte));
                    let (value, count) = digits.fold((0_u16, 0), |(value, count), digit| {
                        (value << 3 | u16::from(digit & 7), count + 1)
                    });
                    Ok(Some(((value & 0xff) as u8, 1 + count)))
                }
                _ => match self.escaped_byte() {
                    Some(found) => Ok(Some(found)),
                    None => self.fail("an escape that this engine does not know").map(|()| None),
                },
            },
            (Some(byte), _) => Ok(Some((byte, 1))),
            (None, _) => self.fail("a class that is not closed").map(|()| None),
        }
    }

    fn class_set(&mut self, set: &str) -> Result<Option<(u8, usize)>, Untranslatable> {
        self.out.push_str(set);
        self.at += 2;
        Ok(None)
    }
}
