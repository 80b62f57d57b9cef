//! `base64Decode`, `base64DecodeExt`, `base64Encode`, `hexDecode`, `hexEncode`, `sqlHexDecode`, `sha1`.

use sha1::Digest as _;

use super::url::hex_run;
use crate::bytes::hex2;

/// Decodes the standard alphabet. Without `forgiving` it stops at the first byte that is not in it; with it, such bytes
/// are left out.
pub(super) fn base64_decode(input: &[u8], out: &mut Vec<u8>, forgiving: bool) {
    let (mut bits, mut count) = (0_u32, 0_u32);
    for byte in input {
        let Some(value) = sextet(*byte) else {
            if forgiving && *byte != b'=' {
                continue;
            }
            break;
        };
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

pub(super) fn base64_encode(input: &[u8], out: &mut Vec<u8>) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for chunk in input.chunks(3) {
        let at = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for index in 0..4_usize {
            let sextet = (bits >> (18 - 6 * index) & 63) as usize;
            out.push(if index <= chunk.len() { ALPHABET.get(sextet).copied().unwrap_or(b'=') } else { b'=' });
        }
    }
}

/// Pairs of digits; anything else is taken as the engines that rules are written for take it: a digit that is none
/// counts by its character.
pub(super) fn hex_decode(input: &[u8], out: &mut Vec<u8>) {
    let loose = |byte: u8| {
        if byte >= b'A' { (byte & 0xdf).wrapping_sub(b'A').wrapping_add(10) } else { byte.wrapping_sub(b'0') }
    };
    for pair in input.chunks_exact(2) {
        if let [high, low] = pair {
            out.push(
                hex2(*high, *low).unwrap_or_else(|| loose(*high).wrapping_mul(16).wrapping_add(loose(*low))),
            );
        }
    }
}

pub(super) fn hex_encode(input: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in input {
        out.extend(DIGITS.get(usize::from(byte >> 4)));
        out.extend(DIGITS.get(usize::from(byte & 15)));
    }
}

/// `0x414243` → `ABC`.
pub(super) fn sql_hex_decode(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'0', b'x' | b'X', digits @ ..] if hex_run(digits, 2) == 2 => {
                let length = hex_run(digits, digits.len()) & !1;
                hex_decode(digits.get(..length).unwrap_or_default(), out);
                digits.get(length..).unwrap_or_default()
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

pub(super) fn sha1(input: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(sha1::Sha1::digest(input).as_slice());
}
