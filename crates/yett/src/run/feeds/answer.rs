//! What a transmitter answers when it is asked for events (RFC 8936 section 2.4), read whole or not at all.

use bytes::Bytes;
use tape::{Bounds, Kind, Tape};

/// Longest name of an event, in bytes, as of its `jti`.
const NAME: u32 = 1024;
/// What stands beside the events is small; values of unknown members are passed over.
const BOUNDS: Bounds = Bounds {
    depth: 8,
    values: 512,
    members: 128,
    items: 128,
    name_bytes: NAME,
    string_bytes: 16 * 1024,
    number_bytes: 64,
};

/// Events, and whether there are more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Polled {
    /// Each with the name that it came under, which is to be its `jti`.
    pub(super) events: Vec<(String, String)>,
    /// Whether others are there already.
    pub(super) more: bool,
}

/// Reads an answer of at most so many events.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(body: Bytes, most: usize) -> Result<Polled, &'static str> {
    let said = Tape::parse(body, &BOUNDS).map_err(|_| "its answer is no JSON within bounds")?;
    let sets = said.root().get("sets").filter(|sets| sets.kind() == Kind::Object);
    let sets = sets.ok_or("its answer has no `sets`")?;
    let more = match said.root().get("moreAvailable") {
        None => false,
        Some(more) => more.as_bool().ok_or("its `moreAvailable` is neither true nor false")?,
    };
    let events: Option<Vec<_>> = sets
        .members()
        .map(|(name, event)| Some((name.into_owned(), event.as_str().map(|text| text.into_owned())?)))
        .collect();
    let events = events.ok_or("an event of its answer is no text")?;
    if events.len() > most {
        return Err("its answer has more events than were asked for");
    }
    if events.iter().any(|(name, _)| name.is_empty() || name.chars().any(char::is_control)) {
        return Err("an event of its answer has no name that can be said");
    }
    Ok(Polled { events, more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_or_not_at_all() {
        let all: Vec<String> = (0..4).map(|number| format!("\"{number}\":\"x\"")).collect();
        let many = |count: usize| format!("{{\"sets\":{{{}}}}}", all[..count].join(","));
        let name = |length: usize| format!("{{\"sets\":{{\"{}\":\"x\"}}}}", "n".repeat(length));
        let event = |length: usize| format!("{{\"sets\":{{\"a\":\"{}\"}}}}", "e".repeat(length));
        for (body, expected) in [
            ("{\"sets\":{}}", Some((0, false))),
            ("{\"sets\":{},\"moreAvailable\":true}", Some((0, true))),
            ("{\"sets\":{\"a\":\"x\",\"b\":\"y\"},\"moreAvailable\":false,\"other\":[1]}", Some((2, false))),
            (&many(3), Some((3, false))),
            (&many(4), None),
            (&name(1024), Some((1, false))),
            (&name(1025), None),
            (&event(16 * 1024), Some((1, false))),
            (&event(16 * 1024 + 1), None),
            ("{\"sets\":{\"a\":\"x\",\"a\":\"y\"}}", None),
            ("{\"sets\":{\"a\":\"x\",\"\\u0061\":\"y\"}}", None),
            ("{\"sets\":{},\"sets\":{\"a\":\"x\"}}", None),
            ("{\"sets\":{\"\":\"x\"}}", None),
            ("{\"sets\":{\"a\\n\":\"x\"}}", None),
            ("{}", None),
            ("{\"sets\":[]}", None),
            ("{\"sets\":null}", None),
            ("{\"sets\":{\"a\":7}}", None),
            ("{\"sets\":{\"a\":{}}}", None),
            ("{\"sets\":{},\"moreAvailable\":\"no\"}", None),
            ("{\"sets\":{},\"moreAvailable\":null}", None),
            ("[]", None),
            ("\"sets\"", None),
            ("{\"sets\":{}}x", None),
            ("", None),
        ] {
            let read = read(Bytes::copy_from_slice(body.as_bytes()), 3);
            assert_eq!(read.ok().map(|polled| (polled.events.len(), polled.more)), expected, "{body}");
        }
        let text = read(Bytes::from_static(b"{\"sets\":{\"a\\u0062\":\"x\\u0079\"}}"), 3).unwrap();
        assert_eq!(text.events, [(String::from("ab"), String::from("xy"))]);
    }
}
