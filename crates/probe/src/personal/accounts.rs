//! International bank account numbers (ISO 13616): country, the length that its registry has, and the check digits (MOD 97-10).

use smallvec::SmallVec;

/// Countries of the registry with the length of their numbers.
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// Where an account number that begins at a byte ends.
pub(super) fn at(bytes: &[u8], start: usize) -> Option<usize> {
    let country = bytes.get(start..start + 2)?;
    let (_, length) = LENGTHS.iter().find(|(known, _)| known.as_slice() == country)?;
    let (mut text, mut at) = (SmallVec::<[u8; 36]>::new(), start);
    while text.len() < *length {
        match *bytes.get(at)? {
            byte if byte.is_ascii_uppercase() || byte.is_ascii_digit() => text.push(byte),
            // In print there is a blank after every four.
            b' ' if text.len() % 4 == 0 => {}
            _ => return None,
        }
        at += 1;
    }
    is_checked(&text).then_some(at)
}

/// The country and the check digits go to the end, letters become two digits, and 1 is left by 97 (ISO 13616-1, 6).
fn is_checked(text: &[u8]) -> bool {
    let Some((front, rest)) = text.split_at_checked(4) else { return false };
    let left = rest.iter().chain(front).fold(0_u32, |left, byte| match byte {
        b'0'..=b'9' => (left * 10 + u32::from(byte - b'0')) % 97,
        _ => (left * 100 + u32::from(byte.saturating_sub(b'A')) + 10) % 97,
    });
    left == 1 && front.get(2..).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit))
}
