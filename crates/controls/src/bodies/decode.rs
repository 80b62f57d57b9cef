//! Undoing a content coding (RFC 9110 section 8.4.1) under bounds of size and ratio (THREATS rows 23 and 45).

use std::io::Read;

use flate2::bufread::{GzDecoder, ZlibDecoder};

use super::Coding;

/// Members of one gzip file (RFC 1952 section 2.2): each costs the decoder a new window.
const MEMBERS: usize = 16;
/// Decoded at one time, in bytes.
const STEP: usize = 16 * 1024;
/// A body that decodes to no more than this is small, whatever its ratio.
const SMALL: usize = 16 * 1024;

/// What a body may decode to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes: usize,
    pub(super) ratio: usize,
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not what its coding says, or something follows its end.
    Malformed,
    /// Longer than the bound.
    TooLarge,
    /// Grows by more than the ratio.
    Ratio,
}

/// The decoded body.
pub(super) fn decode(coding: Coding, body: &[u8], limits: Limits) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    // A body that is decoded in full grows within the ratio of what it came from.
    let by_ratio = body.len().saturating_mul(limits.ratio).max(SMALL);
    let mut rest = body;
    for _ in 0..MEMBERS {
        rest = match coding {
            Coding::Gzip => {
                let mut decoder = GzDecoder::new(rest);
                drain(&mut decoder, &mut out, limits.bytes, by_ratio)?;
                decoder.into_inner()
            }
            Coding::Deflate => {
                let mut decoder = ZlibDecoder::new(rest);
                drain(&mut decoder, &mut out, limits.bytes, by_ratio)?;
                decoder.into_inner()
            }
        };
        match coding {
            _ if rest.is_empty() => return Ok(out),
            Coding::Gzip => {}
            Coding::Deflate => return Err(Failure::Malformed),
        }
    }
    Err(Failure::Malformed)
}

fn drain(decoder: &mut impl Read, out: &mut Vec<u8>, bytes: usize, by_ratio: usize) -> Result<(), Failure> {
    let mut step = [0_u8; STEP];
    loop {
        let count = decoder.read(&mut step).map_err(|_| Failure::Malformed)?;
        if count == 0 {
            return Ok(());
        }
        let length = out.len().saturating_add(count);
        if length > bytes {
            return Err(Failure::TooLarge);
        }
        if length > by_ratio {
            return Err(Failure::Ratio);
        }
        out.extend_from_slice(step.get(..count).unwrap_or_default());
    }
}
