//! Names of entries, as who unpacks them will use them.

/// Longest name, in bytes.
const NAME: usize = 1024;

/// Whether a name stays in the folder that it is unpacked in, on every system: no root, no drive, no way up, no other
/// separator, no control characters.
#[must_use]
pub fn is_inside(name: &str) -> bool {
    let mut chars = name.chars();
    let drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':');
    !name.is_empty()
        && name.len() <= NAME
        && !drive
        && !name.starts_with('/')
        && !name.contains(|c: char| c.is_control() || c == '\\')
        && name
            .split('/')
            .all(|step| !step.trim_end_matches([' ', '.']).is_empty() || matches!(step, "" | "."))
}
