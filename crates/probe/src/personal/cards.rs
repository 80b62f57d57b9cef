//! Numbers of payment cards (ISO/IEC 7812): the ranges of the large networks, in the lengths that they issue, with Luhn's check digit.

use super::checks::luhn;
use super::run::Run;

/// How cards are grouped in print: by four, Amex and Diners by 4-6-5 and 4-6-4.
const GROUPED: [&[usize]; 5] = [&[4, 4, 4, 4], &[4, 4, 4, 4, 3], &[4, 4, 4, 4, 2], &[4, 6, 5], &[4, 6, 4]];

/// The card whose number begins at a byte.
pub(super) fn at(bytes: &[u8], start: usize) -> Option<(&'static str, usize)> {
    let run = Run::at(bytes, start, b" -");
    run.parts().find_map(|part| {
        let grouped = |sign| GROUPED.iter().any(|lengths| part.is(lengths, sign));
        let printed = part.is_whole() || grouped(b' ') || grouped(b'-');
        let network = network(part.digits)?;
        (printed && luhn(part.digits)).then_some((network, part.end))
    })
}

/// The network that issues numbers of this beginning and length.
fn network(digits: &[u8]) -> Option<&'static str> {
    let first = |count: usize| -> u32 {
        digits.iter().take(count).fold(0, |number, digit| number * 10 + u32::from(*digit))
    };
    let (two, three, four) = (first(2), first(3), first(4));
    match digits.len() {
        16 | 19 if first(1) == 4 => Some("visa"),
        16 if (51..=55).contains(&two) || (2221..=2720).contains(&four) => Some("mastercard"),
        15 if two == 34 || two == 37 => Some("amex"),
        16..=19 if four == 6011 || two == 65 || (644..=649).contains(&three) => Some("discover"),
        16..=19 if (3528..=3589).contains(&four) => Some("jcb"),
        14 if (300..=305).contains(&three) || two == 36 || two == 38 || two == 39 => Some("diners"),
        16..=19 if two == 62 => Some("unionpay"),
        _ => None,
    }
}
