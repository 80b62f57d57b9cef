//! The file that users are kept in: a line for each, `name:hash`; empty lines and those that begin with `#` say nothing.
//!
//! Names are compared byte for byte: nothing is folded or normalized, so that two names are never one user.

use std::collections::HashMap;

use crate::password::{PasswordHash, USER_BYTES};

/// What is wrong with a line; line and column from 1, the column in characters. Nothing of a hash is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFault {
    /// Which line.
    pub line: usize,
    /// Where in it.
    pub column: usize,
    /// As a clause.
    pub why: String,
}

/// Users by their names.
pub type Users = HashMap<Box<str>, PasswordHash>;

/// Reads a file of at most so many users. Lines without a fault are there whatever becomes of the others.
#[must_use]
pub fn read_users(text: &[u8], most: usize) -> (Users, Vec<LineFault>) {
    let (mut users, mut faults) = (Users::new(), Vec::new());
    let lines = text.split(|byte| *byte == b'\n');
    for (line, bytes) in (1..).zip(lines) {
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if bytes.is_empty() || bytes.starts_with(b"#") {
            continue;
        }
        let fault = |column, why: &str| LineFault { line, column, why: why.to_owned() };
        if users.len() == most {
            faults.push(fault(1, &format!("there are more than {most} users")));
            break;
        }
        match read_line(bytes) {
            Err((column, why)) => faults.push(fault(column, &why)),
            Ok((name, _)) if users.contains_key(name) => faults.push(fault(1, "the user is there already")),
            Ok((name, hash)) => drop(users.insert(name.into(), hash)),
        }
    }
    (users, faults)
}

/// The name and the hash of a line, or the column at which it is wrong and why.
fn read_line(bytes: &[u8]) -> Result<(&str, PasswordHash), (usize, String)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        (String::from_utf8_lossy(good).chars().count() + 1, "it is not UTF-8".to_owned())
    })?;
    let Some((name, hash)) = text.split_once(':') else {
        return Err((1, "it has no `:` between a name and a hash".to_owned()));
    };
    no_name(name).map_or(Ok(()), |(column, why)| Err((column, why.to_owned())))?;
    let before = name.chars().count() + 2;
    let hash = PasswordHash::parse(hash).map_err(|fault| {
        let good = hash.get(..fault.at).unwrap_or_default();
        (before + good.chars().count(), fault.why)
    })?;
    Ok((name, hash))
}

/// Whether a text can be the name of a user.
#[must_use]
pub fn is_user(name: &str) -> bool {
    no_name(name).is_none()
}

/// Why a text is no name of a user, and at which character of it, from 1.
fn no_name(name: &str) -> Option<(usize, &'static str)> {
    let wrong = |char: char| char == ':' || char.is_control() || is_hidden(char);
    let place = || name.chars().position(wrong).map(|at| at + 1);
    match name {
        "" => Some((1, "the name is empty")),
        _ if name.len() > USER_BYTES => Some((1, "the name is too long")),
        _ if name.trim() != name => Some((1, "there is a space before or after the name")),
        _ => place().map(|at| (at, "the name has a character that nobody sees")),
    }
}

/// Characters that take no room and make two names look alike.
fn is_hidden(char: char) -> bool {
    matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    fn read(text: &str) -> (Vec<String>, Vec<(usize, usize, String)>) {
        let (users, faults) = read_users(text.as_bytes(), 3);
        let mut names: Vec<String> = users.keys().map(|name| name.to_string()).collect();
        names.sort();
        (names, faults.into_iter().map(|fault| (fault.line, fault.column, fault.why)).collect())
    }

    #[test]
    fn a_file_of_users_is_read_line_by_line() {
        let (names, faults) = read(&format!("# staff\n\nalice:{HASH}\r\nbo b:{HASH}\njosé:{HASH}\n"));
        assert_eq!((names, faults), (vec!["alice".into(), "bo b".into(), "josé".into()], vec![]));
        assert_eq!(read("").0, Vec::<String>::new());
    }

    #[test]
    fn what_is_wrong_is_told_by_line_and_column() {
        for (text, line, column, why) in [
            ("alice".to_owned(), 1, 1, "no `:`"),
            (format!("\n\n:{HASH}"), 3, 1, "empty"),
            (format!("alice:{HASH}\nalice:{HASH}"), 2, 1, "already"),
            ("alice:hunter2".to_owned(), 1, 7, "no hash"),
            ("é:$2y$10$abc".to_owned(), 1, 4, "bcrypt"),
            (format!("alice:{}", HASH.replace("t=2", "t=1")), 1, 6 + 24, "`t`"),
            (format!(" alice:{HASH}"), 1, 1, "space"),
            (format!("alice :{HASH}"), 1, 1, "space"),
            (format!("al\u{200b}ice:{HASH}"), 1, 3, "nobody sees"),
            (format!("\u{feff}alice:{HASH}"), 1, 1, "nobody sees"),
            (format!("al\tice:{HASH}"), 1, 3, "nobody sees"),
            (format!("{}:{HASH}", "a".repeat(256)), 1, 1, "too long"),
            (format!("alice:{HASH}:x"), 1, 50, "hash"),
            (format!("alice: {HASH}"), 1, 7, "no hash"),
        ] {
            let (_, faults) = read(&text);
            let found = faults.first().unwrap_or_else(|| panic!("{text}"));
            assert!(found.0 == line && found.1 == column && found.2.contains(why), "{text}: {found:?}");
        }
        let (_, faults) = read_users(b"ok\xff:x", 3);
        assert_eq!((faults[0].column, faults[0].why.as_str()), (3, "it is not UTF-8"));
        let many: String = (0..5).map(|number| format!("u{number}:{HASH}\n")).collect();
        let (names, faults) = read(&many);
        assert_eq!((names.len(), faults.len(), faults[0].0), (3, 1, 4));
    }
}
