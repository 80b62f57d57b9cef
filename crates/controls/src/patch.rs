//! JSON Patch (RFC 6902): which of its operations touch a place.

use tape::{Kind, Node};

use crate::pattern::{Pattern, Step, same_name, steps};

/// One operation of a patch and a place that it touches.
pub(crate) enum Touch<'a, 'p> {
    /// Puts a value there, or compares it with what is there (`test`).
    Value(Node<'a>),
    /// Puts a value above, in which these steps lead to the place, instead of what was there.
    Above(Node<'a>, &'p [Step]),
    /// The same of a value that is added at the end of a list, so that nothing goes.
    Appended(Node<'a>, &'p [Step]),
    /// Removes it or what it is in, moves or copies it to or from there, or changes something within it.
    Other,
    /// Cannot be read.
    Malformed,
}

/// What an operation does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    /// It changes what is there.
    Write,
    /// It tells of what is there: `test`, and where `move` and `copy` take from.
    Read,
}

/// Tells of every way in which a patch touches the place.
pub(crate) fn touches<'a, 'p>(
    root: Node<'a>,
    pattern: &'p Pattern,
    tell: &mut dyn FnMut(Use, Touch<'a, 'p>),
) {
    if root.kind() != Kind::Array {
        return tell(Use::Write, Touch::Malformed);
    }
    for operation in root.items() {
        const NAMES: [&str; 4] = ["op", "path", "from", "value"];
        let other = |written: &str| NAMES.iter().any(|name| *name != written && same_name(name, written));
        if operation.members().any(|(written, _)| other(&written)) {
            tell(Use::Write, Touch::Malformed);
            continue;
        }
        let text = |name: &str| operation.get(name).and_then(Node::as_str);
        let (Some(kind), Some(path)) = (text("op"), text("path")) else {
            tell(Use::Write, Touch::Malformed);
            continue;
        };
        let value = operation.get("value");
        match (&*kind, value, text("from")) {
            ("add", Some(value), _) if path.ends_with("/-") => {
                at(&path, pattern, Use::Write, Some(value), &mut |with, touch| match touch {
                    Touch::Above(value, rest) => tell(with, Touch::Appended(value, rest)),
                    touch => tell(with, touch),
                });
            }
            ("add" | "replace", Some(value), _) => at(&path, pattern, Use::Write, Some(value), tell),
            ("test", Some(value), _) => at(&path, pattern, Use::Read, Some(value), tell),
            ("remove", _, _) => at(&path, pattern, Use::Write, None, tell),
            ("move", _, Some(from)) => {
                at(&path, pattern, Use::Write, None, tell);
                at(&from, pattern, Use::Write, None, tell);
                at(&from, pattern, Use::Read, None, tell);
            }
            ("copy", _, Some(from)) => {
                at(&path, pattern, Use::Write, None, tell);
                at(&from, pattern, Use::Read, None, tell);
            }
            _ => tell(Use::Write, Touch::Malformed),
        }
    }
}

fn at<'a, 'p>(
    path: &str,
    pattern: &'p Pattern,
    with: Use,
    value: Option<Node<'a>>,
    tell: &mut dyn FnMut(Use, Touch<'a, 'p>),
) {
    let Some(tokens) = steps(path) else { return tell(with, Touch::Malformed) };
    let wanted = pattern.steps();
    if !tokens.iter().zip(wanted).all(|(token, step)| fits(token, step)) {
        return;
    }
    let touch = match (value, wanted.get(tokens.len()..)) {
        (Some(value), Some([])) => Touch::Value(value),
        (Some(value), Some(rest)) => Touch::Above(value, rest),
        // Below the place, or without a value.
        _ => Touch::Other,
    };
    tell(with, touch);
}

fn is_index(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a body that is not said to be a patch is one all the same: a list of operations.
pub(crate) fn looks_like_one(root: Node<'_>) -> bool {
    let is_operation = |item: Node<'_>| ["op", "path"].iter().all(|name| item.get(name).is_some());
    root.kind() == Kind::Array && !root.is_empty() && root.items().any(is_operation)
}

fn fits(token: &str, step: &Step) -> bool {
    match step {
        Step::Any => true,
        Step::Item => token == "-" || is_index(token),
        Step::Name(name) if is_index(name) => {
            // Some readers take leading zeros, which RFC 6901 forbids.
            let same = |token: &str| token.trim_start_matches('0') == name.trim_start_matches('0');
            token == "-" || (is_index(token) && same(token))
        }
        Step::Name(name) => same_name(name, token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tape::{Bounds, Tape};

    fn said(pattern: &str, patch: &str) -> String {
        let tape = Tape::parse(patch.to_owned().into(), &Bounds::default()).unwrap();
        let pattern = Pattern::parse(pattern).unwrap();
        let mut all = Vec::new();
        touches(tape.root(), &pattern, &mut |with, touch| {
            let with = if with == Use::Read { "r" } else { "w" };
            let touch = match touch {
                Touch::Value(_) => String::from("value"),
                Touch::Above(_, rest) => format!("above{}", rest.len()),
                Touch::Appended(_, rest) => format!("appended{}", rest.len()),
                Touch::Other => String::from("other"),
                Touch::Malformed => String::from("malformed"),
            };
            all.push(format!("{with}:{touch}"));
        });
        all.join(" ")
    }

    #[test]
    fn every_way_to_a_place_is_seen() {
        for (patch, expected) in [
            (r#"[{"op":"replace","path":"/a/0/b","value":1}]"#, "w:value"),
            (r#"[{"op":"add","path":"/A/-/B","value":1}]"#, "w:value"),
            (r#"[{"op":"test","path":"/a/0/b","value":1}]"#, "r:value"),
            (r#"[{"op":"replace","path":"/a","value":[]}]"#, "w:above2"),
            (r#"[{"op":"add","path":"/a/-","value":{}}]"#, "w:appended1"),
            (r#"[{"op":"replace","path":"/a/-","value":{}}]"#, "w:above1"),
            (r#"[{"op":"replace","path":"","value":{}}]"#, "w:above3"),
            (r#"[{"op":"remove","path":"/a/0"}]"#, "w:other"),
            (r#"[{"op":"replace","path":"/a/0/b/c","value":1}]"#, "w:other"),
            (r#"[{"op":"copy","from":"/a/0/b","path":"/x"}]"#, "r:other"),
            (r#"[{"op":"move","from":"/a/0/b","path":"/x"}]"#, "w:other r:other"),
            (r#"[{"op":"copy","from":"/x","path":"/a/0/b"}]"#, "w:other"),
            (r#"[{"op":"add","path":"/x","value":1},{"op":"add","path":"/a/0/c","value":1}]"#, ""),
            (r#"[{"op":"replace","path":"/a/00/b","value":1}]"#, "w:value"),
            (r#"[{"op":"add","path":"/~","value":1}]"#, "w:malformed"),
            (r#"[{"op":"add","path":"/a/0/b"}]"#, "w:malformed"),
            (r#"[{"op":"frob","path":"/x","value":1}]"#, "w:malformed"),
            (r#"[{"path":"/x","value":1}]"#, "w:malformed"),
            (r#"[{"op":"add","path":"/x","Path":"/a/0/b","value":1}]"#, "w:malformed"),
            (r#"[1]"#, "w:malformed"),
            (r#"{"op":"add"}"#, "w:malformed"),
        ] {
            assert_eq!(said("/a/*/b", patch), expected, "{patch}");
        }
        for (pattern, path, touched) in [
            ("/a/1", "/a/01", true),
            ("/a/1", "/a/-", true),
            ("/a/1", "/a/11", false),
            ("/a/-", "/a/-", true),
            ("/a/-", "/a/x", false),
            ("/a/-", "/a/", false),
        ] {
            let patch = format!(r#"[{{"op":"add","path":"{path}","value":1}}]"#);
            assert_eq!(!said(pattern, &patch).is_empty(), touched, "{pattern} {path}");
        }
    }
}
