//! DER (X.690): tag, length, value, one after another.

use crate::Malformed;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const CONTEXT_0: u8 = 0xa0;
pub(crate) const CONTEXT_1: u8 = 0x81;
pub(crate) const CONTEXT_2: u8 = 0x82;
pub(crate) const CONTEXT_3: u8 = 0xa3;

/// What is left of a value.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag that comes next.
    pub(crate) fn next(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The value that comes next, with its tag.
    pub(crate) fn any(&mut self) -> Result<(u8, &'a [u8]), Malformed> {
        const SHORT: Malformed = Malformed("it breaks off");
        let (tag, rest) = self.0.split_first().ok_or(SHORT)?;
        // Tags of more than one byte stand nowhere in what we read.
        if tag & 0x1f == 0x1f {
            return Err(Malformed("it has a tag that is not known"));
        }
        let (first, rest) = rest.split_first().ok_or(SHORT)?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f)).ok_or(SHORT)?;
                let length = digits.iter().fold(0_usize, |sum, digit| sum << 8 | usize::from(*digit));
                if length < 0x80 || digits.first() == Some(&0) {
                    return Err(Malformed("it has a length that is not the shortest"));
                }
                (length, rest)
            }
            _ => return Err(Malformed("it has a length that DER does not allow")),
        };
        let (value, rest) = rest.split_at_checked(length).ok_or(SHORT)?;
        self.0 = rest;
        Ok((*tag, value))
    }

    /// The value that comes next, which has this tag.
    pub(crate) fn take(&mut self, tag: u8) -> Result<&'a [u8], Malformed> {
        match self.any()? {
            (found, value) if found == tag => Ok(value),
            _ => Err(Malformed("it is built otherwise")),
        }
    }

    /// The value that comes next, when it has this tag.
    pub(crate) fn maybe(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Malformed> {
        if self.next() == Some(tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// What is in the value that comes next.
    pub(crate) fn enter(&mut self, tag: u8) -> Result<Self, Malformed> {
        self.take(tag).map(Self)
    }

    pub(crate) fn end(&self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed("something follows its end")) }
    }
}
