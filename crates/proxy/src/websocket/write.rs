//! Frames of RFC 6455 section 5, written: whole messages in one frame each, lengths minimal; and the mask of section 5.3.

use super::frames::{FIN, MASKED, Opcode};

/// Puts a mask on or takes it off, from byte `at` of the payload on (section 5.3).
pub(crate) fn mask(bytes: &mut [u8], mut key: [u8; 4], at: usize) {
    if key == [0; 4] {
        return;
    }
    key.rotate_left(at % 4);
    let [a, b, c, d] = key;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, rest) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// Appends the header of a frame that is not in pieces; with `key`, of a masked one.
pub(crate) fn write_head(out: &mut Vec<u8>, opcode: Opcode, length: usize, key: Option<[u8; 4]>) {
    let masked = if key.is_some() { MASKED } else { 0 };
    out.push(FIN | opcode.bits());
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..=125), _) => out.push(masked | short),
        (_, Ok(long)) => {
            out.push(masked | 126);
            out.extend_from_slice(&long.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
}

/// Appends a whole frame; with `key`, a masked one.
pub(crate) fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], key: Option<[u8; 4]>) {
    write_head(out, opcode, payload.len(), key);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(out.get_mut(start..).unwrap_or_default(), key, 0);
    }
}
