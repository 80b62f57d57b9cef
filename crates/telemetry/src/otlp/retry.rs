//! What an answer of a collector means, and when something is tried again (OTLP specification, "Failures" and "OTLP/HTTP Throttling").

use std::time::Duration;

use engine::fetch::{FetchError, FetchResponse};
use http::StatusCode;

use super::answer::{self, Partial};

/// The first pause, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// The longest pause that a collector may ask for.
const ASKED: Duration = Duration::from_secs(300);
/// After so long what could not be sent is given up.
pub(super) const AGE: Duration = Duration::from_secs(300);

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken, but for what is said.
    Taken(Option<Partial>),
    /// It may be tried again, after so long if the collector says.
    Again(Option<Duration>, String),
    /// It would not be taken the next time either.
    Refused(String),
}

/// Judges an answer; `now` is in seconds since 1970.
pub(super) fn judge(answer: Result<FetchResponse, FetchError>, now: u64) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        // It was answered, and nobody knows what: sent again, it could be there twice.
        Err(error @ (FetchError::TooLarge | FetchError::Url(_))) => {
            return Verdict::Refused(error.to_string());
        }
        Err(error) => return Verdict::Again(None, error.to_string()),
    };
    let why = || format!("it answered {}", answer.status.as_u16());
    match answer.status {
        status if status.is_success() => Verdict::Taken(answer::read(&answer.body)),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => {
            Verdict::Again(answer.retry_after(now).map(|asked| asked.min(ASKED)), why())
        }
        // Redirects too: where they lead, nobody has configured.
        _ => Verdict::Refused(why()),
    }
}

/// How long to wait after so many failures in a row: what was asked for, or twice as long each time, of which the second half is left to
/// chance, so that those who failed together do not come back together.
pub(super) fn pause(failed: u32, asked: Option<Duration>, dice: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failed.saturating_sub(1).min(10)).min(LONGEST);
    let share = f64::from(dice) / f64::from(u32::MAX);
    let usual = doubled.mul_f64(0.5 + share / 2.0);
    asked.map_or(usual, |asked| asked.max(usual))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::header::RETRY_AFTER;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn answered(status: u16, after: Option<&'static str>) -> Result<FetchResponse, FetchError> {
        let mut headers = HeaderMap::new();
        if let Some(after) = after {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(after));
        }
        Ok(FetchResponse { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
    }

    #[test]
    fn what_may_be_tried_again_is_as_the_specification_has_it() {
        let again = |status, asked: Option<u64>| {
            Verdict::Again(asked.map(Duration::from_secs), format!("it answered {status}"))
        };
        let refused = |status| Verdict::Refused(format!("it answered {status}"));
        for (status, after, verdict) in [
            (200, None, Verdict::Taken(None)),
            (202, None, Verdict::Taken(None)),
            (429, None, again(429, None)),
            (429, Some("7"), again(429, Some(7))),
            (503, Some("Thu, 01 Jan 1970 00:01:40 GMT"), again(503, Some(90))),
            (503, Some("Thu, 01 Jan 1970 00:00:00 GMT"), again(503, Some(0))),
            (503, Some("999999999"), again(503, Some(300))),
            (503, Some("99999999999999999999999"), again(503, Some(300))),
            (503, Some("soon"), again(503, None)),
            (502, None, again(502, None)),
            (504, None, again(504, None)),
            (301, None, refused(301)),
            (307, Some("1"), refused(307)),
            (400, None, refused(400)),
            (401, None, refused(401)),
            (404, None, refused(404)),
            (413, None, refused(413)),
            (500, None, refused(500)),
            (501, None, refused(501)),
        ] {
            assert_eq!(judge(answered(status, after), 10), verdict, "{status} {after:?}");
        }
        assert!(matches!(judge(Err(FetchError::Deadline), 0), Verdict::Again(None, _)));
        assert!(matches!(judge(Err(FetchError::BreakerOpen), 0), Verdict::Again(None, _)));
        assert!(matches!(judge(Err(FetchError::TooLarge), 0), Verdict::Refused(_)));
    }

    #[test]
    fn pauses_double_and_are_left_to_chance_by_half() {
        let seconds = |failed, asked: Option<u64>, dice| {
            pause(failed, asked.map(Duration::from_secs), dice).as_secs_f64()
        };
        for (failed, longest) in [(1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (u32::MAX, 30.0)] {
            assert!((seconds(failed, None, u32::MAX) - longest).abs() < 0.01, "{failed}");
            assert!((seconds(failed, None, 0) - longest / 2.0).abs() < 0.01, "{failed}");
        }
        assert!((seconds(1, Some(60), u32::MAX) - 60.0).abs() < 0.01);
        assert!(seconds(3, Some(0), 0) >= 2.0, "a collector cannot ask to be pressed");
    }
}
