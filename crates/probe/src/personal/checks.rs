//! Check digits: what tells a number of a kind from any other of its length. Digits are values, not letters.

/// Luhn's (ISO/IEC 7812-1 annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .zip([false, true].into_iter().cycle())
        .map(|(digit, doubled)| match (u32::from(*digit), doubled) {
            (digit, false) => digit,
            (digit, true) if digit > 4 => digit * 2 - 9,
            (digit, true) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// What is left of a number by 97.
pub(super) fn modulo_97(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |rest, digit| (rest * 10 + u32::from(*digit)) % 97)
}

/// The sum of digits, each times its weight; the shorter of both says how many.
pub(super) fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// That of EAN-13 (GS1 General Specifications, 7.9).
pub(super) fn ean_13(digits: &[u8]) -> bool {
    digits.len() == 13 && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// ISO/IEC 7064, MOD 11,10.
pub(super) fn modulo_11_10(digits: &[u8]) -> bool {
    let Some((check, digits)) = digits.split_last() else { return false };
    let product = digits.iter().fold(10, |product, digit| match (u32::from(*digit) + product) % 10 {
        0 => 20 % 11,
        sum => sum * 2 % 11,
    });
    (11 - product) % 10 == u32::from(*check)
}

/// Verhoeff's: multiplication in the dihedral group of order 10, by a permutation that depends on the place.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u8, place: usize| {
        (0..place % 8).fold(digit, |digit, _| PERMUTED.get(usize::from(digit)).copied().unwrap_or_default())
    };
    digits.iter().rev().enumerate().fold(0, |sum, (place, digit)| times(sum, permuted(*digit, place))) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().filter(u8::is_ascii_digit).map(|byte| byte - b'0').collect()
    }

    /// Each with every other last digit, of which none is good.
    fn one_of_ten(good: &str, is_good: impl Fn(&[u8]) -> bool) {
        let mut all = digits(good);
        assert!(is_good(&all), "{good}");
        let right = all.pop().unwrap();
        for wrong in (0..10).filter(|digit| *digit != right) {
            all.push(wrong);
            assert!(!is_good(&all), "{good}: {wrong}");
            all.pop();
        }
    }

    #[test]
    fn one_last_digit_of_ten_is_right() {
        one_of_ten("4111 1111 1111 1111", luhn);
        one_of_ten("37828 2246310005", luhn);
        one_of_ten("756.9217.0769.85", ean_13);
        one_of_ten("4 006381 333931", ean_13);
        one_of_ten("36574261809", modulo_11_10);
        one_of_ten("86095742719", modulo_11_10);
        one_of_ten("2363", verhoeff);
        one_of_ten("123451", verhoeff);
        assert!(!ean_13(&digits("12345670")));
        assert!(!modulo_11_10(&[]));
        assert_eq!(modulo_97(&digits("3214282912345698765432161182")), 1);
    }
}
