//! How an alert is kept: as a row among the decisions, which can be found and explained by the id of its event.

use engine::decision::VERSION;
use engine::evidence::TEXT;
use engine::text::{inert, push_json, push_number};
use engine::{CallId, Evidence, Kept};

use super::{Alert, Change, Label, Rule};
use crate::event::{Event, moment};

impl Event {
    /// What is kept of an alert whose event this is: that it fires, or that it is over. That it lasts is no news.
    ///
    /// `control` is the name of the rule, and what its group has in common stands where it stands of a call.
    #[must_use]
    pub fn evidence(&self, rule: &Rule, alert: &Alert) -> Option<Evidence> {
        let code = match alert.change {
            Change::Firing => "alert_firing",
            Change::Resolved => "alert_resolved",
            Change::Lasting => return None,
        };
        let id = u128::from_str_radix(&self.id, 16).ok()?;
        let none = || Box::<str>::default();
        let mut kept = Evidence {
            id: CallId(id),
            at: self.at,
            kept: Kept::Alert,
            status: 0,
            code: code.into(),
            control: inert(&rule.name, TEXT),
            method: none(),
            path: none(),
            api: none(),
            operation: none(),
            address: none(),
            issuer: none(),
            subject: none(),
            application: none(),
            micros: 0,
            document: self.document(&rule.name).into(),
        };
        rule.by.iter().zip(&alert.group).for_each(|(label, value)| place(&mut kept, *label, value));
        Some(kept)
    }

    /// The record: what the event says, and whose it is.
    fn document(&self, rule: &str) -> String {
        let mut out = Vec::with_capacity(self.data.len() + 256);
        out.extend_from_slice(b"{\"time\":");
        push_json(&mut out, &moment(self.at));
        out.extend_from_slice(b",\"v\":");
        push_number(&mut out, u64::from(VERSION));
        out.extend_from_slice(b",\"kept\":\"alert\",\"control\":");
        push_json(&mut out, rule);
        out.extend_from_slice(b",\"severity\":");
        push_json(&mut out, self.severity.name());
        out.extend_from_slice(b",\"alert\":");
        out.extend_from_slice(self.data.as_bytes());
        out.push(b'}');
        String::from_utf8(out).unwrap_or_default()
    }
}

/// Puts a value of a group where it stands of a call. Codes and controls of calls are in the record alone.
fn place(kept: &mut Evidence, label: Label, value: &str) {
    let text = |value: &str| inert(value, TEXT);
    match label {
        Label::Api => kept.api = text(value),
        Label::Operation => {
            if let Some((api, operation)) = value.split_once('/') {
                (kept.api, kept.operation) = (text(api), text(operation));
            }
        }
        Label::Address => kept.address = text(value),
        // The last one: a subject may say so too, and an issuer does not.
        Label::Principal => {
            if let Some((subject, issuer)) = value.rsplit_once(" of ") {
                (kept.subject, kept.issuer) = (text(subject), text(issuer));
            }
        }
        Label::Application => kept.application = text(value),
        Label::Code | Label::Control => {}
    }
}
