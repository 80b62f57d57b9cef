//! Whom an event speaks of (RFC 9493, Shared Signals Framework section 3): subjects and sessions of an issuer, as its tokens name
//! them. What could mean somebody else, or nobody who can be told here, is refused: an address may have belonged to another.

use spec::Opaque;
use tape::Node;

/// Whom an event speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meant {
    /// A subject of an issuer.
    Subject(String, String),
    /// A session at an issuer.
    Session(String, String),
    /// A token of an issuer.
    Token(String, String),
}

impl Meant {
    pub(super) fn issuer(&self) -> &str {
        match self {
            Self::Subject(issuer, _) | Self::Session(issuer, _) | Self::Token(issuer, _) => issuer,
        }
    }
}

/// Longest name, in bytes, as of a claim.
const CLAIM: usize = 1024;
/// How far ahead of ours the clock of a transmitter may be, in seconds.
const AHEAD: u64 = 60;

type Why = &'static str;

/// Whom an event speaks of: `sub_id` beside the events, or `subject` in one (as drafts had it); `own` are the issuers of whose
/// tokens its transmitter speaks.
///
/// # Errors
/// Why nobody can be told by it.
pub(super) fn meant(
    beside: Option<Node<'_>>,
    event: Node<'_>,
    opaque: Opaque,
    own: &[&str],
) -> Result<Vec<Meant>, Why> {
    let read = |node| one(node, opaque, own);
    match (beside, event.get("subject")) {
        (None, None) => Err("the event has no subject"),
        (Some(only), None) | (None, Some(only)) => read(only).map(|meant| vec![meant]),
        (Some(beside), Some(within)) => match (read(beside)?, read(within)?) {
            (first, second) if first == second => Ok(vec![first]),
            _ => Err("the event has two subjects"),
        },
    }
}

/// Up to which second an event takes effect: `event_timestamp`, else when it was issued. It is by the clock that tokens are issued by,
/// so that one that is ahead of ours is no later than its tokens.
///
/// # Errors
/// Why that is no time.
pub(super) fn when(event: Node<'_>, issued: u64, now: u64) -> Result<u64, Why> {
    let Some(node) = event.get("event_timestamp") else { return Ok(issued) };
    let at = node.as_number().and_then(|number| number.as_f64()).ok_or("`event_timestamp` is no number")?;
    let last = now.saturating_add(AHEAD) as f64;
    if !(0.0..=last).contains(&at) {
        return Err("`event_timestamp` is no second since 1970, or one that is to come");
    }
    // Below 2^53, so that the conversion is exact.
    Ok(at.ceil() as u64)
}

fn one(node: Node<'_>, opaque: Opaque, own: &[&str]) -> Result<Meant, Why> {
    if format(node)? != "complex" {
        return simple(node, opaque, own);
    }
    let narrower = ["device", "application", "org_unit", "group"];
    if narrower.iter().any(|name| node.get(name).is_some()) {
        return Err("the subject names a part of what somebody has, which cannot be told by a token");
    }
    let user = node.get("user").map(|user| simple(user, Opaque::Subject, own)).transpose()?;
    match (user, node.get("session")) {
        // The session is somebody's, and over for whoever has it.
        (user, Some(session)) if format(session)? == "opaque" => {
            let meant = simple(session, Opaque::Session, own)?;
            match user {
                Some(user) if user.issuer() != meant.issuer() => {
                    Err("the user and the session are of two issuers")
                }
                _ => Ok(meant),
            }
        }
        (_, Some(_)) => Err("a session is named by the format `opaque`"),
        (Some(user), None) => Ok(user),
        (None, None) => Err("the subject names neither a user nor a session"),
    }
}

fn simple(node: Node<'_>, opaque: Opaque, own: &[&str]) -> Result<Meant, Why> {
    match &*format(node)? {
        "iss_sub" => Ok(Meant::Subject(text(node, "iss")?, text(node, "sub")?)),
        "jwt_id" => Ok(Meant::Token(text(node, "iss")?, text(node, "jti")?)),
        "opaque" => {
            let id = text(node, "id")?;
            let [issuer] = own else { return Err("the subject could be of more than one issuer") };
            match opaque {
                Opaque::Refused => Err("what an opaque subject means is not said in the configuration"),
                Opaque::Subject => Ok(Meant::Subject((*issuer).to_owned(), id)),
                Opaque::Session => Ok(Meant::Session((*issuer).to_owned(), id)),
            }
        }
        "email" | "phone_number" | "account" | "uri" | "did" | "aliases" => {
            Err("the subject is not named as tokens name it: use `iss_sub`")
        }
        _ => Err("the format of the subject is not known"),
    }
}

fn format(node: Node<'_>) -> Result<String, Why> {
    text(node, "format").map_err(|_| "the subject has no format")
}

/// A member that has to be a text, as claims are.
fn text(node: Node<'_>, name: &str) -> Result<String, Why> {
    let text = node.get(name).and_then(Node::as_str).ok_or("the subject lacks a member, or it is no text")?;
    if !(1..=CLAIM).contains(&text.len()) || text.chars().any(char::is_control) {
        return Err("a member of the subject is empty, too long or has control characters");
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use tape::{Bounds, Tape};

    use super::*;

    const OWN: &str = "https://idp";

    fn tape(text: &str) -> Tape {
        Tape::parse(text.to_owned().into(), &Bounds::default()).unwrap()
    }

    fn read(beside: Option<&str>, event: &str, opaque: Opaque, own: &[&str]) -> Result<Vec<Meant>, Why> {
        let (beside, event) = (beside.map(tape), tape(event));
        meant(beside.as_ref().map(Tape::root), event.root(), opaque, own)
    }

    fn subject(sub: &str) -> Result<Vec<Meant>, Why> {
        Ok(vec![Meant::Subject(OWN.into(), sub.into())])
    }

    fn session(sid: &str) -> Result<Vec<Meant>, Why> {
        Ok(vec![Meant::Session(OWN.into(), sid.into())])
    }

    const ALICE: &str = r#"{"format":"iss_sub","iss":"https://idp","sub":"alice"}"#;

    #[test]
    fn who_can_be_told_is() {
        let within = format!("{{\"subject\":{ALICE}}}");
        assert_eq!(read(Some(ALICE), "{}", Opaque::Refused, &[OWN]), subject("alice"));
        assert_eq!(read(None, &within, Opaque::Refused, &[OWN]), subject("alice"));
        assert_eq!(read(Some(ALICE), &within, Opaque::Refused, &[OWN]), subject("alice"));
        let opaque = r#"{"format":"opaque","id":"x1"}"#;
        assert_eq!(read(Some(opaque), "{}", Opaque::Subject, &[OWN]), subject("x1"));
        assert_eq!(read(Some(opaque), "{}", Opaque::Session, &[OWN]), session("x1"));
        let token = r#"{"format":"jwt_id","iss":"https://idp","jti":"t1"}"#;
        assert_eq!(
            read(Some(token), "{}", Opaque::Refused, &[OWN]),
            Ok(vec![Meant::Token(OWN.into(), "t1".into())])
        );
        let complex = |members: &str| format!("{{\"format\":\"complex\",{members}}}");
        let user = format!("\"user\":{ALICE}");
        for (members, expected) in [
            (user.clone(), subject("alice")),
            (format!("{user},\"tenant\":{opaque}"), subject("alice")),
            (format!("{user},\"session\":{opaque}"), session("x1")),
            (format!("\"session\":{opaque}"), session("x1")),
        ] {
            assert_eq!(read(Some(&complex(&members)), "{}", Opaque::Refused, &[OWN]), expected, "{members}");
        }
    }

    #[test]
    fn who_cannot_be_told_is_refused() {
        let bob = r#"{"subject":{"format":"iss_sub","iss":"https://idp","sub":"bob"}}"#;
        assert!(read(Some(ALICE), bob, Opaque::Refused, &[OWN]).is_err(), "two");
        let long = format!(r#"{{"format":"iss_sub","iss":"https://idp","sub":"{}"}}"#, "x".repeat(1025));
        for text in [
            r#"{"format":"email","email":"alice@example.com"}"#,
            r#"{"format":"phone_number","phone_number":"+12065550100"}"#,
            r#"{"format":"account","uri":"acct:alice@example.com"}"#,
            r#"{"format":"aliases","identifiers":[{"format":"iss_sub","iss":"https://idp","sub":"alice"}]}"#,
            r#"{"format":"uri","uri":"https://idp/alice"}"#,
            r#"{"format":"did","url":"did:example:123"}"#,
            r#"{"format":"iss-sub","iss":"https://idp","sub":"alice"}"#,
            r#"{"subject_type":"iss_sub","iss":"https://idp","sub":"alice"}"#,
            r#"{"format":"iss_sub","sub":"alice"}"#,
            r#"{"format":"iss_sub","iss":"https://idp"}"#,
            r#"{"format":"iss_sub","iss":"https://idp","sub":7}"#,
            r#"{"format":"iss_sub","iss":"https://idp","sub":""}"#,
            r#"{"format":"iss_sub","iss":"https://idp","sub":"a\u0000"}"#,
            r#"{"format":"opaque","id":"x1"}"#,
            r#"{"format":"complex"}"#,
            r#"{"format":"complex","device":{"format":"opaque","id":"d"}}"#,
            r#"{"format":"complex","user":{"format":"iss_sub","iss":"https://idp","sub":"alice"},"device":{"format":"opaque","id":"d"}}"#,
            r#"{"format":"complex","user":{"format":"email","email":"a@b"}}"#,
            r#"{"format":"complex","session":{"format":"email","email":"a@b"}}"#,
            r#"{"format":"complex","user":{"format":"iss_sub","iss":"https://other","sub":"a"},"session":{"format":"opaque","id":"s"}}"#,
            r#"{}"#,
            &long,
        ] {
            assert!(read(Some(text), "{}", Opaque::Refused, &[OWN]).is_err(), "{text}");
        }
        let opaque = r#"{"format":"opaque","id":"x1"}"#;
        assert!(read(Some(opaque), "{}", Opaque::Subject, &[OWN, "https://two"]).is_err());
        assert!(read(Some(opaque), "{}", Opaque::Subject, &[]).is_err());
        assert!(read(None, "{}", Opaque::Refused, &[OWN]).is_err());
    }

    #[test]
    fn a_time_is_a_second_that_has_been() {
        let at = |text: &str| when(tape(text).root(), 90, 100);
        assert_eq!(at("{}"), Ok(90));
        assert_eq!(at(r#"{"event_timestamp":80}"#), Ok(80));
        assert_eq!(at(r#"{"event_timestamp":80.5}"#), Ok(81));
        assert_eq!(at(r#"{"event_timestamp":150}"#), Ok(150), "its clock is ahead, and so are its tokens");
        for bad in ["161", "-1", "\"80\"", "1700000000000", "null"] {
            assert!(at(&format!("{{\"event_timestamp\":{bad}}}")).is_err(), "{bad}");
        }
    }
}
