//! Numbers by which states know people: by their form and check digits where these leave little to chance, else where a name before them says
//! what they are.

use super::checks::{ean_13, luhn, modulo_11_10, modulo_97, verhoeff, weighted};
use super::context::{Words, is_named};
use super::run::{Part, Run};

/// The letters of Spain's check (Real Decreto 1553/2005), by the number modulo 23.
const SPAIN: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";

/// The number of a person that begins with a digit at a byte.
pub(super) fn digits(bytes: &[u8], start: usize) -> Option<(&'static str, usize)> {
    let run = Run::at(bytes, start, b" -.");
    let found = run.parts().find_map(|part| Some((of_digits(&part)?, part.end)));
    found.or_else(|| spain(bytes, start)).or_else(|| {
        let name = named(bytes, start, &run)?;
        Some((name, run.parts().next()?.end))
    })
}

/// Those that say by themselves what they are.
fn of_digits(part: &Part<'_>) -> Option<&'static str> {
    let digits = part.digits;
    let number = |from: usize, count: usize| -> u32 {
        digits.iter().skip(from).take(count).fold(0, |number, digit| number * 10 + u32::from(*digit))
    };
    match digits.len() {
        // Social Security, United States: areas, groups and serials that were given out (SSA, 2011).
        9 if part.is(&[3, 2, 4], b'-') => {
            let area = number(0, 3);
            let given = area != 0 && area != 666 && area < 900 && number(3, 2) != 0 && number(5, 4) != 0;
            given.then_some("us ssn")
        }
        // CPF, Brazil.
        11 if part.signs() == b"..-" && part.is_grouped(&[3, 3, 3, 2]) => cpf(digits).then_some("br cpf"),
        // AHV, Switzerland: EAN-13 under the country's own prefix.
        13 if number(0, 3) == 756 && (part.is_whole() || part.is(&[3, 4, 4, 2], b'.')) => {
            ean_13(digits).then_some("ch ahv")
        }
        // NIR, France: sex, year, month, place, order, and the key modulo 97.
        15 if matches!(number(0, 1), 1 | 2) && month_of_birth(number(3, 2)) => {
            let printed = part.is_whole() || part.is(&[1, 2, 2, 2, 3, 3, 2], b' ');
            let key = 97 - modulo_97(digits.get(..13).unwrap_or_default());
            (printed && key == number(13, 2)).then_some("fr nir")
        }
        // Personnummer, Sweden, with its sign.
        10 if part.is(&[6, 4], b'-') => {
            (is_date(number(2, 2), number(4, 2)) && luhn(digits)).then_some("se personnummer")
        }
        12 if part.is(&[8, 4], b'-') => {
            let of_day = digits.get(2..).unwrap_or_default();
            let century = matches!(number(0, 2), 19 | 20);
            (century && is_date(number(4, 2), number(6, 2)) && luhn(of_day)).then_some("se personnummer")
        }
        _ => None,
    }
}

/// Months, and what stands for one that is not known.
fn month_of_birth(month: u32) -> bool {
    (1..=12).contains(&month) || (20..=42).contains(&month) || month == 99
}

fn is_date(month: u32, day: u32) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

fn cpf(digits: &[u8]) -> bool {
    let check = |count: usize, weights: &[u32]| match 11 - weighted(digits, weights) % 11 {
        10 | 11 => digits.get(count) == Some(&0),
        rest => digits.get(count).is_some_and(|digit| u32::from(*digit) == rest),
    };
    let same = digits.windows(2).all(|two| matches!(two, [one, other] if one == other));
    digits.len() == 11
        && !same
        && check(9, &[10, 9, 8, 7, 6, 5, 4, 3, 2])
        && check(10, &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2])
}

/// Numbers whose check leaves one of ten, with the words by which they are known.
fn named(bytes: &[u8], start: usize, run: &Run) -> Option<&'static str> {
    let whole = run.parts().next()?;
    let digits = whole.digits;
    let is = |words: Words| is_named(bytes, start, words);
    match digits.len() {
        9 if is(&[b"ssn", b"social security", b"social_security", b"socialsecurity"]) => Some("us ssn"),
        9 if is(&[b"bsn", b"burgerservice"]) => {
            let sum = i64::from(weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2])) - i64::from(*digits.get(8)?);
            (sum > 0 && sum % 11 == 0).then_some("nl bsn")
        }
        11 if is(&[b"pesel"]) => {
            weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10).then_some("pl pesel")
        }
        11 if is(&[b"cpf"]) => cpf(digits).then_some("br cpf"),
        11 if is(&[b"steuer", b"tax_id", b"taxid", b"tax id", b"idnr", b"\"tin"]) => {
            (digits.first() != Some(&0) && modulo_11_10(digits)).then_some("de steuer-id")
        }
        12 if is(&[b"aadhaar", b"aadhar"]) => {
            (digits.first().is_some_and(|digit| *digit > 1) && verhoeff(digits)).then_some("in aadhaar")
        }
        10 | 12 if is(&[b"personnummer", b"personal_number", b"personalnumber"]) => {
            let of_day = digits.get(digits.len() - 10..)?;
            luhn(of_day).then_some("se personnummer")
        }
        _ => None,
    }
}

/// DNI, Spain: eight digits and a letter.
fn spain(bytes: &[u8], start: usize) -> Option<(&'static str, usize)> {
    let digits = bytes.get(start..start + 8)?;
    let dash = usize::from(bytes.get(start + 8) == Some(&b'-'));
    let letter = *bytes.get(start + 8 + dash)?;
    checked_in_spain(digits, letter).then_some(("es dni", start + 9 + dash))
}

fn checked_in_spain(digits: &[u8], letter: u8) -> bool {
    let number = digits.iter().try_fold(0_usize, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + usize::from(byte - b'0'))
    });
    number.is_some_and(|number| SPAIN.get(number % 23) == Some(&letter))
}

/// The number of a person that begins with a capital letter at a byte.
pub(super) fn letters(bytes: &[u8], start: usize) -> Option<(&'static str, usize)> {
    nino(bytes, start).or_else(|| nie(bytes, start)).or_else(|| codice_fiscale(bytes, start))
}

/// National Insurance, United Kingdom (NIM39110): two letters, six digits, a letter to D.
fn nino(bytes: &[u8], start: usize) -> Option<(&'static str, usize)> {
    let [first, second] = *bytes.get(start..start + 2)? else { return None };
    let barred = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].iter().any(|two| **two == [first, second]);
    let given = first.is_ascii_uppercase() && !b"DFIQUV".contains(&first);
    let given = given && second.is_ascii_uppercase() && !b"DFIOQUV".contains(&second);
    if barred || !given {
        return None;
    }
    let (mut at, mut digits) = (start + 2, 0);
    while digits < 6 {
        match *bytes.get(at)? {
            byte if byte.is_ascii_digit() => digits += 1,
            b' ' if digits % 2 == 0 => {}
            _ => return None,
        }
        at += 1;
    }
    at += usize::from(bytes.get(at) == Some(&b' '));
    matches!(bytes.get(at)?, b'A'..=b'D').then_some(("uk nino", at + 1))
}

/// NIE, Spain: a letter for the first digit of eight.
fn nie(bytes: &[u8], start: usize) -> Option<(&'static str, usize)> {
    let first = b"XYZ".iter().position(|letter| Some(letter) == bytes.get(start))?;
    let dash = usize::from(bytes.get(start + 1) == Some(&b'-'));
    let from = start + 1 + dash;
    let mut digits = [b'0' + u8::try_from(first).ok()?; 8];
    digits.iter_mut().skip(1).zip(bytes.get(from..from + 7)?).for_each(|(digit, byte)| *digit = *byte);
    let dash = usize::from(bytes.get(from + 7) == Some(&b'-'));
    let letter = *bytes.get(from + 7 + dash)?;
    checked_in_spain(&digits, letter).then_some(("es nie", from + 8 + dash))
}

/// Codice fiscale, Italy (D.M. 23 December 1976): sixteen letters and digits, of which the last checks the others.
fn codice_fiscale(bytes: &[u8], start: usize) -> Option<(&'static str, usize)> {
    /// What a character in an odd place counts.
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let text = bytes.get(start..start + 16)?;
    let form = b"LLLLLLDDLDDLDDDL";
    let formed = text.iter().zip(form).all(|(byte, kind)| match kind {
        b'L' => byte.is_ascii_uppercase(),
        _ => byte.is_ascii_digit(),
    });
    if !formed || !b"ABCDEHLMPRST".contains(text.get(8)?) {
        return None;
    }
    let (check, others) = text.split_last()?;
    let sum: u32 = others
        .iter()
        .enumerate()
        .map(|(place, byte)| {
            let value = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
            if place % 2 == 0 {
                ODD.get(usize::from(value)).copied().unwrap_or_default()
            } else {
                u32::from(value)
            }
        })
        .sum();
    (sum % 26 == u32::from(check - b'A')).then_some(("it codice fiscale", start + 16))
}
