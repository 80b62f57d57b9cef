//! What the store of decisions says, as the control API says it.

use engine::{CallId, Kept};
use manage_api::{Event, EventFilter, Explained, Problem, Record};
use store::{Filter, Held, StoreError, Stored};

use crate::render::day;

pub(super) fn event(stored: Stored) -> Event {
    let Stored { sequence, evidence } = stored;
    Event {
        sequence,
        id: evidence.id.to_string(),
        at: evidence.at,
        kept: evidence.kept.name().to_owned(),
        status: evidence.status,
        code: evidence.code.into(),
        control: evidence.control.into(),
        method: evidence.method.into(),
        path: evidence.path.into(),
        api: evidence.api.into(),
        operation: evidence.operation.into(),
        address: evidence.address.into(),
        issuer: evidence.issuer.into(),
        subject: evidence.subject.into(),
        application: evidence.application.into(),
        micros: evidence.micros,
    }
}

pub(super) fn explained(mut stored: Stored) -> Result<Explained, Problem> {
    let document = std::mem::take(&mut stored.evidence.document);
    let record: Record = serde_json::from_str(&document).map_err(|_| {
        let detail =
            "the store holds a decision that this program cannot read: was it written by a newer one?";
        Problem::new(500, "store_unfit", "the decision cannot be read", detail)
    })?;
    Ok(Explained { event: event(stored), record })
}

pub(super) fn filter(asked: &EventFilter) -> Result<Filter, Problem> {
    let kept = asked.outcome.as_deref().map(|name| {
        Kept::of_name(name).ok_or_else(|| {
            let names = Kept::ALL.map(|kept| format!("`{}`", kept.name())).join(", ");
            Problem::invalid(format!("`{name}` is no outcome: write one of {names}"))
        })
    });
    Ok(Filter {
        subject: asked.principal.clone(),
        issuer: asked.issuer.clone(),
        application: asked.application.clone(),
        api: asked.api.clone(),
        operation: asked.operation.clone(),
        address: asked.address.clone(),
        code: asked.code.clone(),
        control: asked.control.clone(),
        kept: kept.transpose()?,
        since: asked.since,
        until: asked.until,
        text: asked.text.clone(),
    })
}

/// The id of a call, as it stands in a problem document, in a header field or in a line of the log.
pub(super) fn call_id(text: &str) -> Result<u128, Problem> {
    let digits = text.trim();
    let digits = digits.strip_prefix("urn:yett:call:").unwrap_or(digits);
    let is_id = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = is_id.then(|| u128::from_str_radix(digits, 16).ok()).flatten();
    id.ok_or_else(|| {
        let detail = "it is not the id of a call or an alert: 32 hexadecimal digits, as in `yett-call-id` of the answer";
        Problem::invalid(detail)
    })
}

/// What is said of a call that nothing is known of.
pub(super) fn unknown(id: CallId, held: &Held, lost: u64, sample: Option<u32>) -> Problem {
    let mut detail = format!("nothing is kept of the call `{id}`: ");
    match sample {
        None => detail.push_str("no decisions are kept now (`record.decisions.enabled: false`)"),
        Some(sample) => detail.push_str(&format!(
            "what ended with a code is, and what a control in shadow would have ended, and {}% of the rest",
            sample / 10_000
        )),
    }
    match held.oldest {
        None => detail.push_str("; there are no decisions yet"),
        Some(at) => detail.push_str(&format!("; the oldest is of {}", day(at / 1_000))),
    }
    if lost > 0 {
        detail.push_str(&format!("; {lost} were lost since the start, see `yett_decisions_lost_total`"));
    }
    Problem::new(404, "not_found", "there is no such decision", detail)
}

pub(super) fn problem(why: &StoreError) -> Problem {
    let (status, code, title) = match why {
        StoreError::Full(_) => (507, "store_full", "the store of decisions has no room left"),
        StoreError::Unfit(_) => (500, "store_unfit", "the store of decisions cannot be read"),
        _ => (503, "store_unavailable", "the store of decisions cannot be used"),
    };
    let detail = format!("{title}: {}", crate::run::credentials::plain(why));
    Problem::new(status, code, title, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_wherever_it_was_copied_from() {
        let id = "0123456789abcdef0123456789ABCDEF";
        for good in [id, &format!("urn:yett:call:{id}"), &format!(" {id}\n")] {
            assert_eq!(call_id(good).unwrap(), 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
        }
        for bad in ["", "0", &id[1..], &format!("{id}0"), "+123456789abcdef0123456789abcdef0", "é"] {
            assert!(call_id(bad).is_err(), "{bad}");
        }
    }
}
