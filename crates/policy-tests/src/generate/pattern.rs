//! A text that fits a pattern.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Longest text that is made.
const MOST: usize = 512;
/// Characters that read well, in the order in which a class is asked for one.
const NICE: &[char] = &['a', 'A', '1', 'x', '0', '-', '_', '.', ' '];

/// A text that fits, when one can be made of the pattern's own parts. Of a pattern without anchors the shortest part.
pub(crate) fn text_for(pattern: &str) -> Option<String> {
    let hir = regex_syntax::Parser::new().parse(pattern).ok()?;
    let mut out = String::new();
    write(&hir, &mut out)?;
    Some(out)
}

fn write(hir: &Hir, out: &mut String) -> Option<()> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => out.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(Class::Unicode(class)) => {
            let holds =
                |char: &char| class.ranges().iter().any(|range| (range.start()..=range.end()).contains(char));
            let nice = NICE.iter().copied().find(holds);
            out.push(nice.or_else(|| class.ranges().first().map(|range| range.start()))?);
        }
        HirKind::Class(Class::Bytes(class)) => out.push(char::from(class.ranges().first()?.start())),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min {
                write(&repetition.sub, out)?;
                if out.len() > MOST {
                    return None;
                }
            }
        }
        HirKind::Capture(capture) => write(&capture.sub, out)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| write(part, out))?,
        HirKind::Alternation(parts) => write(parts.first()?, out)?,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_their_patterns() {
        for (pattern, text) in [
            ("^ord_[0-9]{6}$", "ord_111111"),
            ("^(0[1-9]|1[0-2])/[0-9]{2}$", "01/11"),
            (r"^\+[1-9][0-9]{6,14}$", "+1111111"),
            ("^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$", "AA11AAAAAAAAAAA"),
            ("^a*b+$", "b"),
            ("", ""),
        ] {
            assert_eq!(text_for(pattern).as_deref(), Some(text), "{pattern}");
        }
        assert_eq!(text_for("("), None);
        assert_eq!(text_for("x{600}"), None);
    }
}
