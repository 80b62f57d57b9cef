//! JSON Patch (RFC 6902): which of its operations touch a place.

use tape::{Kind, Node};

use crate::pattern::{Pattern, Step, is_name, same_name, steps};

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

/// One operation, read once for all places that are asked about.
enum Operation<'a> {
    /// Puts a value (`add`, `replace`); the flag says whether at the end of a list.
    Put(Path, Node<'a>, bool),
    Test(Path, Node<'a>),
    Remove(Path),
    Move(Path, Path),
    Copy(Path, Path),
    Malformed,
}

/// The steps of a path; `None` when it is no JSON Pointer.
type Path = Option<Vec<Box<str>>>;

/// A patch as it was read.
pub(crate) struct Patch<'a>(Vec<Operation<'a>>);

impl<'a> Patch<'a> {
    /// Reads one. As long as the body, which is bounded where it is read.
    pub(crate) fn read(root: Node<'a>) -> Self {
        match root.kind() {
            Kind::Array => Self(root.items().map(Operation::read).collect()),
            _ => Self(vec![Operation::Malformed]),
        }
    }

    /// Tells of every way in which it touches the place.
    pub(crate) fn touches<'p>(&self, pattern: &'p Pattern, tell: &mut dyn FnMut(Use, Touch<'a, 'p>)) {
        use Use::{Read, Write};
        for operation in &self.0 {
            match operation {
                Operation::Put(path, value, true) => {
                    at(path, pattern, Write, Some(*value), &mut |with, touch| match touch {
                        Touch::Above(value, rest) => tell(with, Touch::Appended(value, rest)),
                        touch => tell(with, touch),
                    });
                }
                Operation::Put(path, value, false) => at(path, pattern, Write, Some(*value), tell),
                Operation::Test(path, value) => at(path, pattern, Read, Some(*value), tell),
                Operation::Remove(path) => at(path, pattern, Write, None, tell),
                Operation::Move(path, from) => {
                    at(path, pattern, Write, None, tell);
                    at(from, pattern, Write, None, tell);
                    at(from, pattern, Read, None, tell);
                }
                Operation::Copy(path, from) => {
                    at(path, pattern, Write, None, tell);
                    at(from, pattern, Read, None, tell);
                }
                Operation::Malformed => tell(Write, Touch::Malformed),
            }
        }
    }
}

impl<'a> Operation<'a> {
    fn read(operation: Node<'a>) -> Self {
        const NAMES: [&str; 4] = ["op", "path", "from", "value"];
        // Readers that take a name in another case would see another operation.
        let is_other = |name: &str, written: tape::Name<'_>| is_name(name, written) && written.text() != name;
        let other = |written: tape::Name<'_>| NAMES.iter().any(|name| is_other(name, written));
        if operation.entries().any(|(written, _)| other(written)) {
            return Self::Malformed;
        }
        let text = |name: &str| operation.get(name).and_then(Node::as_str);
        let (Some(kind), Some(path)) = (text("op"), text("path")) else { return Self::Malformed };
        let (value, from) = (operation.get("value"), text("from"));
        let to = steps(&path);
        match (&*kind, value, from) {
            ("add", Some(value), _) => Self::Put(to, value, path.ends_with("/-")),
            ("replace", Some(value), _) => Self::Put(to, value, false),
            ("test", Some(value), _) => Self::Test(to, value),
            ("remove", _, _) => Self::Remove(to),
            ("move", _, Some(from)) => Self::Move(to, steps(&from)),
            ("copy", _, Some(from)) => Self::Copy(to, steps(&from)),
            _ => Self::Malformed,
        }
    }
}

fn at<'a, 'p>(
    path: &Path,
    pattern: &'p Pattern,
    with: Use,
    value: Option<Node<'a>>,
    tell: &mut dyn FnMut(Use, Touch<'a, 'p>),
) {
    let Some(tokens) = path else { return tell(with, Touch::Malformed) };
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

/// Whether a body that is not said to be a patch is one all the same: a list of operations, under whatever case their names are read in.
pub(crate) fn looks_like_one(root: Node<'_>) -> bool {
    let has = |item: Node<'_>, name: &str| item.entries().any(|(written, _)| is_name(name, written));
    let is_operation = |item: Node<'_>| has(item, "op") && has(item, "path");
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
        Patch::read(tape.root()).touches(&pattern, &mut |with, touch| {
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
            (r#"[{"Op":"add","Path":"/a/0/b","Value":1}]"#, "w:malformed"),
            (r#"[{"o\u0070":"add","path":"/a/0/b","value":1}]"#, "w:value"),
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
