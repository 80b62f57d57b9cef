//! One event, and how it is written.

use aws_lc_rs::digest::{SHA256, digest};
use engine::calendar::civil;
use engine::text::push_json;
use engine::{Blame, Evidence, Kept, codes};

/// How severe an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing happened to a call: a control in shadow would have ended it.
    Info,
    /// A call was refused, as calls are.
    Notice,
    /// A call was refused that looks like an attack, or like a leak.
    Warning,
    /// The gateway, an issuer or the service is to blame.
    Error,
}

/// Codes that a good client hardly ever sees: somebody forges, probes or injects, or an answer said what it must not.
const SUSPICIOUS: [&str; 16] = [
    "answer_refused",
    "application_suspended",
    "certificate_invalid",
    "certificate_refused",
    "content_forbidden",
    "content_mismatch",
    "key_invalid",
    "password_invalid",
    "path_not_canonical",
    "payload_refused",
    "proof_invalid",
    "token_invalid",
    "too_many_failures",
    "upload_infected",
    "upload_refused",
    "webhook_invalid",
];

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }

    /// That of a decision.
    #[must_use]
    pub fn of(kept: Kept, code: &str) -> Self {
        let to_blame = codes::find(code).map(|code| code.blame);
        match kept {
            Kept::Noted => Self::Notice,
            Kept::Passed | Kept::Shadowed | Kept::Alert => Self::Info,
            Kept::Refused if SUSPICIOUS.contains(&code) => Self::Warning,
            Kept::Refused if to_blame == Some(Blame::Client) => Self::Notice,
            Kept::Refused | Kept::Failed => Self::Error,
        }
    }
}

/// Who an event is about: events of one actor keep their order. The first half of SHA-256 over who called, as their issuer calls
/// them, or over the address of who said nothing of themselves: it tells actors apart and says nothing of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Actor(pub u128);

impl Actor {
    /// That of a decision.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Self {
        match &*evidence.issuer {
            "" => Self::named(&["address", &evidence.address]),
            issuer => Self::named(&["principal", issuer, &evidence.subject]),
        }
    }

    /// The one that these parts name.
    #[must_use]
    pub fn named(parts: &[&str]) -> Self {
        let mut bytes = Vec::with_capacity(64);
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        let hash = digest(&SHA256, &bytes);
        let half = hash.as_ref().first_chunk::<16>();
        Self(half.map_or(0, |half| u128::from_be_bytes(*half)))
    }
}

/// Something that is told to the outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Names it everywhere: for a call, the call's own id.
    pub id: String,
    /// What happened: `yett.call.refused`, `yett.call.failed`, `yett.call.shadowed`, `yett.call.noted`.
    pub kind: &'static str,
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// How severe it is.
    pub severity: Severity,
    /// Who it is about.
    pub actor: Actor,
    /// What it is about: API and operation with a slash between; empty when it is about none.
    pub subject: String,
    /// All there is to say: one JSON object.
    pub data: Box<str>,
}

impl Event {
    /// The event that a decision is told by; `None` of a call that nothing was said against.
    #[must_use]
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let kind = match evidence.kept {
            Kept::Refused => "yett.call.refused",
            Kept::Failed => "yett.call.failed",
            Kept::Shadowed => "yett.call.shadowed",
            Kept::Noted => "yett.call.noted",
            // An alert is told by an event of its own.
            Kept::Passed | Kept::Alert => return None,
        };
        let subject = match (&*evidence.api, &*evidence.operation) {
            (api, "") => api.to_owned(),
            (api, operation) => format!("{api}/{operation}"),
        };
        Some(Self {
            id: evidence.id.to_string(),
            kind,
            at: evidence.at,
            severity: Severity::of(evidence.kept, &evidence.code),
            actor: Actor::of(evidence),
            subject,
            data: evidence.document.clone(),
        })
    }

    /// Writes it as CloudEvents 1.0 in structured JSON, with the extension attributes `severity` and `partitionkey`.
    ///
    /// `source` is an absolute URI without quotes, backslashes and spaces.
    #[must_use]
    pub fn to_json(&self, source: &str) -> String {
        let mut out = Vec::with_capacity(self.data.len() + 512);
        out.extend_from_slice(b"{\"specversion\":\"1.0\"");
        let mut text = |name: &str, value: &str| {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            push_json(&mut out, value);
        };
        text("id", &self.id);
        text("source", source);
        text("type", self.kind);
        text("time", &moment(self.at));
        if !self.subject.is_empty() {
            text("subject", &self.subject);
        }
        text("severity", self.severity.name());
        text("partitionkey", &format!("{:032x}", self.actor.0));
        text("datacontenttype", "application/json");
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(self.data.as_bytes());
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }
}

/// A moment in milliseconds since 1970 as RFC 3339 text in UTC.
#[must_use]
pub fn moment(millis: u64) -> String {
    let seconds = millis / 1_000;
    let ((year, month, day), within) = (civil(seconds / 86_400), seconds % 86_400);
    let (hour, minute, second) = (within / 3_600, within / 60 % 60, within % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", millis % 1_000)
}

#[cfg(test)]
pub(crate) mod tests {
    use engine::CallId;

    use super::*;

    pub(crate) fn evidence(kept: Kept, code: &str) -> Evidence {
        Evidence {
            id: CallId(0xab),
            at: 1_767_225_600_123,
            kept,
            status: 403,
            code: code.into(),
            control: "inspection".into(),
            method: "GET".into(),
            path: "/notes".into(),
            api: "notes".into(),
            operation: "listNotes".into(),
            address: "192.0.2.7".into(),
            issuer: "local".into(),
            subject: "alice".into(),
            application: "tests".into(),
            micros: 120,
            document: "{\"id\":\"ab\",\"agent\":\"\\u001b[2J\"}".into(),
        }
    }

    #[test]
    fn an_event_is_a_cloud_event_under_the_calls_own_id() {
        let event = Event::of(&evidence(Kept::Refused, "payload_refused")).unwrap();
        let text = event.to_json("urn:yett:gateway");
        assert!(!text.contains(engine::text::is_hidden));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for (name, expected) in [
            ("specversion", "1.0"),
            ("id", "000000000000000000000000000000ab"),
            ("source", "urn:yett:gateway"),
            ("type", "yett.call.refused"),
            ("time", "2026-01-01T00:00:00.123Z"),
            ("subject", "notes/listNotes"),
            ("severity", "warning"),
            ("datacontenttype", "application/json"),
        ] {
            assert_eq!(json[name], expected, "{name}");
        }
        assert_eq!(json["data"]["agent"], "\u{1b}[2J");
        // Names of attributes are lower-case letters and digits (CloudEvents 1.0, section 3.1).
        let good =
            |name: &String| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        assert!(json.as_object().unwrap().keys().all(good));
        assert_eq!(Event::of(&evidence(Kept::Passed, "")), None);
        let nowhere =
            Evidence { api: "".into(), operation: "".into(), ..evidence(Kept::Refused, "host_unknown") };
        assert!(!Event::of(&nowhere).unwrap().to_json("urn:x").contains("subject"));
    }

    #[test]
    fn hostile_names_stay_values() {
        let hostile = "\u{1b}[2J\",\"source\":\"x\r\n\u{202e}";
        let of =
            Evidence { api: hostile.into(), operation: hostile.into(), ..evidence(Kept::Failed, hostile) };
        let text = Event::of(&of).unwrap().to_json("urn:x");
        assert!(!text.contains(engine::text::is_hidden), "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&json["source"], json["subject"].as_str()),
            (&"urn:x".into(), Some(&*format!("{hostile}/{hostile}")))
        );
    }

    #[test]
    fn actors_are_told_apart_by_issuer_subject_and_address() {
        let of = |issuer: &str, subject: &str, address: &str| {
            let of = Evidence {
                issuer: issuer.into(),
                subject: subject.into(),
                address: address.into(),
                ..evidence(Kept::Refused, "x")
            };
            Actor::of(&of)
        };
        assert_eq!(of("i", "alice", "a"), of("i", "alice", "b"));
        let all = [
            of("i", "alice", "a"),
            of("j", "alice", "a"),
            of("i", "bob", "a"),
            of("", "", "a"),
            of("", "", "b"),
            of("ia", "lice", ""),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(all.iter().skip(at + 1).all(|other| other != one), "{at}");
        }
    }

    #[test]
    fn severities_follow_from_outcome_code_and_blame() {
        for (kept, code, expected) in [
            (Kept::Shadowed, "payload_refused", Severity::Info),
            (Kept::Refused, "insufficient_scope", Severity::Notice),
            (Kept::Refused, "rate_limited", Severity::Notice),
            (Kept::Refused, "token_invalid", Severity::Warning),
            (Kept::Refused, "answer_refused", Severity::Warning),
            (Kept::Refused, "response_invalid", Severity::Error),
            (Kept::Failed, "upstream_unreachable", Severity::Error),
        ] {
            assert_eq!(Severity::of(kept, code), expected, "{code}");
        }
        for code in SUSPICIOUS {
            assert!(codes::find(code).is_some(), "{code}");
        }
    }

    #[test]
    fn moments_read_as_the_calendar_says() {
        for (millis, text) in [(0, "1970-01-01T00:00:00.000Z"), (951_782_400_007, "2000-02-29T00:00:00.007Z")]
        {
            assert_eq!(moment(millis), text);
        }
    }
}
