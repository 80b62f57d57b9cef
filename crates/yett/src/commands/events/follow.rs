//! Looking for what comes, for as long as somebody reads.

use std::time::Duration;

use engine::Clock;
use manage_api::{Begin, ClientError, Event, Events};

/// How often is looked for what is new.
const LOOK: Duration = Duration::from_millis(500);
/// How long a gateway that does not answer is left alone, at most; the first time [`LOOK`], then twice as long each time.
const PATIENCE: Duration = Duration::from_secs(10);

/// How looking for what is new goes on.
pub(super) struct Following<'f> {
    /// Shows one; `false` when nobody reads.
    pub(super) show: &'f dyn Fn(&Event) -> bool,
    /// Says something beside what is shown.
    pub(super) say: &'f dyn Fn(&str),
    pub(super) clock: &'f dyn Clock,
}

/// Shows what comes after `from`, until nobody reads it any more. A gateway that does not answer is asked again: it is restarted
/// while somebody looks on.
///
/// # Errors
/// What the gateway does not do however often it is asked.
pub(super) async fn follow<F>(
    following: Following<'_>,
    mut look: impl FnMut(Begin) -> F,
    from: u64,
) -> Result<(), ClientError>
where
    F: Future<Output = Result<Events, ClientError>>,
{
    let Following { show, say, clock } = following;
    let (mut after, mut failures) = (from, 0_u32);
    loop {
        let page = match look(Begin::After(after)).await {
            Ok(page) => page,
            Err(why) if is_final(&why) => return Err(why),
            Err(why) => {
                if failures == 0 {
                    say(&format!("{why}; it is asked again, at the latest every {} s", PATIENCE.as_secs()));
                }
                clock.sleep(pause(failures)).await;
                failures = failures.saturating_add(1);
                continue;
            }
        };
        if failures > 0 {
            say("the gateway answers again");
            failures = 0;
        }
        if !page.events.iter().all(show) {
            return Ok(());
        }
        let next = page.next.unwrap_or(after);
        if next == after {
            clock.sleep(LOOK).await;
        }
        after = next;
    }
}

/// Whether it will be no other when it is asked again.
fn is_final(why: &ClientError) -> bool {
    match why {
        ClientError::Problem(problem) => problem.status < 500,
        ClientError::Forbidden(_) => true,
        ClientError::NotRunning(_) | ClientError::Exchange(_) => false,
    }
}

/// How long a gateway is left alone after so many failures in a row before this one.
fn pause(failures: u32) -> Duration {
    LOOK.saturating_mul(1 << failures.min(16)).min(PATIENCE)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::task::{Context, Poll, Waker};

    use manage_api::Problem;
    use testkit::FakeClock;

    use super::*;

    /// Answers one after the other; then nobody reads any more.
    fn followed(answers: Vec<Result<Events, ClientError>>) -> (Result<(), ClientError>, Vec<String>) {
        let said = RefCell::new(Vec::new());
        let show = |event: &Event| {
            said.borrow_mut().push(format!("shows {}", event.sequence));
            event.sequence < 9
        };
        let say = |text: &str| said.borrow_mut().push(text.to_owned());
        let clock = FakeClock::new();
        let mut answers = answers.into_iter();
        let look = |begin| {
            said.borrow_mut().push(format!("{begin:?}"));
            std::future::ready(answers.next().unwrap())
        };
        let following = Following { show: &show, say: &say, clock: &clock };
        let mut running = std::pin::pin!(follow(following, look, 3));
        let mut context = Context::from_waker(Waker::noop());
        let end = loop {
            match running.as_mut().poll(&mut context) {
                Poll::Ready(end) => break end,
                Poll::Pending => {
                    said.borrow_mut().push(String::from("waits"));
                    clock.advance(PATIENCE);
                }
            }
        };
        let said = said.borrow().clone();
        (end, said)
    }

    fn page(numbers: &[u64]) -> Result<Events, ClientError> {
        let events =
            numbers.iter().map(|sequence| Event { sequence: *sequence, ..Event::default() }).collect();
        Ok(Events { events, next: numbers.last().copied(), lost: 0 })
    }

    #[test]
    fn a_gateway_that_does_not_answer_is_asked_again() {
        let gone = || Err(ClientError::NotRunning("x.sock".into()));
        let ill = || Err(ClientError::Problem(Problem::new(503, "store_unavailable", "ill", "ill")));
        let (end, said) = followed(vec![page(&[4]), gone(), ill(), page(&[5]), ill(), page(&[9])]);
        assert!(end.is_ok());
        let (again, every) = ("the gateway answers again", "it is asked again, at the latest every 10 s");
        let expected = [
            "After(3)", "shows 4", "After(4)", every, "waits", "After(4)", "waits", "After(4)", again,
            "shows 5", "After(5)", every, "waits", "After(5)", again, "shows 9",
        ];
        assert!(
            said.len() == expected.len() && said.iter().zip(expected).all(|(said, part)| said.contains(part)),
            "{said:#?}"
        );
    }

    #[test]
    fn what_will_be_no_other_ends_it() {
        let refused = || Err(ClientError::Problem(Problem::new(400, "invalid", "no", "no")));
        for why in [refused(), Err(ClientError::Forbidden("x.sock".into()))] {
            let (end, said) = followed(vec![why]);
            assert!(end.is_err() && said == ["After(3)"], "{said:?}");
        }
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let pauses: Vec<u128> = [0, 1, 4, 5, 40, u32::MAX].map(|failures| pause(failures).as_millis()).into();
        assert_eq!(pauses, [500, 1_000, 8_000, 10_000, 10_000, 10_000]);
    }
}
