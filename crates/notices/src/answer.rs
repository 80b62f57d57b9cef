//! What a receiver's answer means.

use std::time::Duration;

use engine::fetch::{FetchError, FetchResponse};
use engine::text::inert;
use http::StatusCode;

/// How much is kept of why a try failed, in bytes.
const WHY: usize = 256;

/// What came of one try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken.
    Delivered,
    /// The receiver is gone and wants nothing more (410).
    Gone,
    /// It was not taken; with what the receiver asks for, and why, as one line.
    Failed(Option<Duration>, String),
    /// It was not sent: the last calls to this host failed, and it is left alone for a moment.
    Untried,
}

/// Judges an answer at `now` (in seconds since 1970). Only its head counts: a status of 2xx says that the event was taken, whatever
/// comes after it. A redirect is not followed.
#[must_use]
pub fn judge(answer: &FetchResponse, now: u64) -> Verdict {
    let status = answer.status;
    if status.is_success() {
        return Verdict::Delivered;
    }
    if status == StatusCode::GONE {
        return Verdict::Gone;
    }
    let why = match status.is_redirection() {
        true => format!("it answered {}: redirects are not followed", status.as_u16()),
        false => format!("it answered {}", status.as_u16()),
    };
    Verdict::Failed(answer.retry_after(now), why)
}

/// Judges that there is no answer.
#[must_use]
pub fn judge_error(error: &FetchError) -> Verdict {
    match error {
        FetchError::BreakerOpen => Verdict::Untried,
        // A receiver has a say in it, as by the names in its certificate.
        other => Verdict::Failed(None, inert(&other.to_string(), WHY).into()),
    }
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;

    use super::*;

    fn answer(status: u16, after: Option<&str>) -> FetchResponse {
        let mut headers = http::HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, after.parse().unwrap());
        }
        FetchResponse { status: StatusCode::from_u16(status).unwrap(), headers, body: Default::default() }
    }

    #[test]
    fn only_success_delivers_and_only_410_ends_it() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judge(&answer(status, Some("9")), 0), Verdict::Delivered, "{status}");
        }
        assert_eq!(judge(&answer(410, None), 0), Verdict::Gone);
        for status in [300, 301, 302, 307, 308, 400, 401, 404, 408, 409, 429, 500, 503, 599] {
            let verdict = judge(&answer(status, Some("9")), 0);
            assert!(
                matches!(&verdict, Verdict::Failed(Some(asked), _) if asked.as_secs() == 9),
                "{verdict:?}"
            );
        }
        assert!(
            matches!(judge(&answer(302, None), 0), Verdict::Failed(None, why) if why.contains("not followed"))
        );
        assert_eq!(judge_error(&FetchError::BreakerOpen), Verdict::Untried);
        assert!(matches!(judge_error(&FetchError::Deadline), Verdict::Failed(None, _)));
        let hostile =
            FetchError::Exchange(format!("only for `\u{1b}[2J\u{202e}\r\n{}`", "x".repeat(1 << 20)));
        let Verdict::Failed(None, why) = judge_error(&hostile) else { panic!("{hostile:?}") };
        assert!(!why.contains(engine::text::is_hidden) && why.len() < 3 * WHY, "{why}");
    }
}
