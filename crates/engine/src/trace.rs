//! W3C trace context (Trace Context Level 2): a call's place in a trace.
//!
//! At an untrusted edge a new trace begins, whose id is the call's own, and the caller's `traceparent` is kept as a link;
//! from a trusted hop the trace goes on.

use crate::text::hex128;

/// A parsed `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// 16 bytes, never zero.
    pub trace_id: u128,
    /// 8 bytes, never zero.
    pub span_id: u64,
    /// Trace flags; bit 0 is `sampled`.
    pub flags: u8,
}

impl TraceParent {
    /// Reads version 00, or what of a later version reads the same (section 3.2.2.5).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (version, rest) = (text.get(..2)?, text.get(2..)?);
        let version = lower_hex(version)?;
        let exact = rest.len() == 53;
        if version == 0xff || (version == 0 && !exact) || !(exact || rest.get(53..54) == Some("-")) {
            return None;
        }
        let mut parts = rest.get(1..53)?.split('-');
        let dash = rest.starts_with('-');
        let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
        if !dash || trace.len() != 32 || span.len() != 16 || flags.len() != 2 {
            return None;
        }
        let trace_id = lower_hex(trace)?;
        let span_id = u64::try_from(lower_hex(span)?).ok()?;
        let flags = u8::try_from(lower_hex(flags)?).ok()?;
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags })
    }

    /// Writes version 00.
    #[must_use]
    pub fn write(&self) -> [u8; 55] {
        let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        let trace = hex128(self.trace_id);
        let span = hex128(u128::from(self.span_id));
        let flags = hex128(u128::from(self.flags));
        for (slot, byte) in out.iter_mut().skip(3).zip(trace) {
            *slot = byte;
        }
        for (slot, byte) in out.iter_mut().skip(36).zip(span.into_iter().skip(16)) {
            *slot = byte;
        }
        for (slot, byte) in out.iter_mut().skip(53).zip(flags.into_iter().skip(30)) {
            *slot = byte;
        }
        out
    }
}

fn lower_hex(text: &str) -> Option<u128> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    lower.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parsed = TraceParent::parse(good).unwrap();
        assert_eq!(parsed.write().as_slice(), good.as_bytes());
        assert!(TraceParent::parse("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x").is_some());
        for bad in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00x0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-é0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        ] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
