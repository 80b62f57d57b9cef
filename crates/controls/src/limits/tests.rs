use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use diagnostics::{Diagnostics, FileId, Severity, Span};
use engine::cells::{Cells, Meter, Taken};
use engine::codes;
use engine::{Attached, BoxFuture, Call, Step, UnixTime, Verdict};
use proptest::prelude::*;
use spec::Spanned;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::config::build;
use super::{LimitSection, fields};
use crate::scope::Compiled;

const SPAN: Span = Span { file: FileId(0), start: 0, end: 0 };

fn compile(section: &str, operation: Option<&str>) -> Result<Vec<Compiled>, Vec<String>> {
    let mut sources = diagnostics::Sources::default();
    let file = sources.add("limits.yaml", section);
    let mut out = Diagnostics::new();
    let node = spec::parse(section, file, &mut out).unwrap();
    let read: Vec<Spanned<LimitSection>> = spec::read(&node, &mut out).unwrap_or_default();
    let compiled = build(&read, ("orders", operation), SPAN, &mut out);
    match out.count(Severity::Error) {
        0 => Ok(compiled),
        _ => Err(out.iter().map(|diagnostic| diagnostic.message.clone()).collect()),
    }
}

struct Bench {
    clock: FakeClock,
    cells: Arc<MemoryCells>,
    controls: Vec<Box<dyn Attached>>,
}

fn bench(section: &str) -> Bench {
    let (clock, cells) = (FakeClock::new(), Arc::new(MemoryCells::new()));
    let mut bench = Bench { clock, cells, controls: Vec::new() };
    bench.reload(section, None);
    bench
}

impl Bench {
    fn reload(&mut self, section: &str, operation: Option<&str>) {
        let context = core(&self.clock, &self.cells);
        let compiled = compile(section, operation).unwrap();
        self.controls = compiled.into_iter().map(|one| one.control.attach(&context)).collect();
    }

    fn run(&self, builder: CallBuilder) -> (Call, Vec<Verdict>) {
        let mut call = builder.clock(&self.clock).build();
        let verdicts = self.controls.iter().map(|control| done(control.head(&mut call))).collect();
        (call, verdicts)
    }

    /// The code of the first control's refusal.
    fn code(&self, builder: CallBuilder) -> Option<&'static str> {
        code(&self.run(builder).1[0])
    }
}

fn code(verdict: &Verdict) -> Option<&'static str> {
    match verdict {
        Verdict::Throttle(refusal) => Some(refusal.code.name),
        _ => None,
    }
}

fn alice() -> CallBuilder {
    CallBuilder::get("/").principal("https://a", "alice", Some("shop"))
}

#[test]
fn a_rate_refuses_with_the_time_to_wait_and_says_what_is_left() {
    let bench = bench("[{ rate: 2/min }]");
    let field = |call: &Call, name: &str| {
        call.answer_headers.iter().find(|(known, _)| known == name).unwrap().1.to_str().unwrap().to_owned()
    };
    let (call, verdicts) = bench.run(alice());
    assert!(matches!(verdicts[0], Verdict::Allow));
    assert_eq!(field(&call, "ratelimit-policy"), "\"subject-rate\";q=2;w=60");
    assert_eq!(field(&call, "ratelimit"), "\"subject-rate\";r=1;t=30");
    assert_eq!(bench.code(alice()), None);
    let (call, verdicts) = bench.run(alice());
    let Verdict::Throttle(refusal) = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!((refusal.code, refusal.retry_after), (&codes::RATE_LIMITED, Some(Duration::from_secs(30))));
    assert_eq!(field(&call, "ratelimit"), "\"subject-rate\";r=0;t=30");
    bench.clock.advance(Duration::from_secs(30));
    assert_eq!(bench.code(alice()), None);
}

#[test]
fn whoever_spreads_what_is_left_over_the_time_told_keeps_the_rate() {
    // 60 at once and one each second: a fresh caller has 59 left, which the rate takes 59 s to earn.
    for (section, expected) in [
        ("[{ rate: 60/min }]", "\"subject-rate\";r=59;t=59"),
        ("[{ rate: 60/min, burst: 10 }]", "\"subject-rate\";r=9;t=9"),
        ("[{ rate: 2/min }]", "\"subject-rate\";r=1;t=30"),
        ("[{ concurrency: 3 }]", "\"subject-concurrency\";r=2"),
    ] {
        let (call, _) = bench(section).run(alice());
        let (_, left) = call.answer_headers.iter().find(|(name, _)| name == "ratelimit").unwrap();
        assert_eq!(left, expected, "{section}");
    }
}

#[test]
fn the_upstreams_limits_are_not_told_beside_ours() {
    let answered = |section: &str| {
        let compiled = compile(section, None).unwrap();
        let bench = bench(section);
        let mut call = alice().clock(&bench.clock).build();
        for name in ["ratelimit", "ratelimit-policy", "x-ratelimit-limit"] {
            call.response.headers.append(name, http::HeaderValue::from_static("\"theirs\";r=1"));
        }
        for (compiled, attached) in compiled.iter().zip(&bench.controls) {
            if compiled.control.needs().response_head {
                assert!(matches!(done(attached.response_head(&mut call)), Verdict::Allow));
            }
        }
        call.response.headers.len()
    };
    assert_eq!(answered("[{ rate: 2/min }]"), 1);
    assert_eq!(answered("[{ rate: 2/min, mode: shadow }]"), 3, "in shadow nothing changes");
}

#[test]
fn callers_are_told_apart_by_issuer_subject_application_and_address() {
    let other_issuer = || CallBuilder::get("/").principal("https://b", "alice", Some("shop"));
    let bob = || CallBuilder::get("/").principal("https://a", "bob", Some("shop"));
    let no_application = || CallBuilder::get("/").principal("https://a", "carol", None);
    let anonymous = || CallBuilder::get("/").peer("2001:db8::1");
    let neighbor = || CallBuilder::get("/").peer("2001:db8::2").principal("https://a", "dora", Some("desk"));
    // For each `per`, who is refused after one call each of those before them.
    let cases: &[(&str, [bool; 6])] = &[
        ("subject", [false, false, false, false, false, false]),
        ("application", [false, false, true, false, false, false]),
        ("address", [false, true, true, true, false, true]),
        ("api", [false, true, true, true, true, true]),
    ];
    for (per, expected) in cases {
        let bench = bench(&format!("[{{ per: {per}, rate: 1/hour }}]"));
        let calls = [alice(), other_issuer(), bob(), no_application(), anonymous(), neighbor()];
        for (index, (call, refused)) in calls.into_iter().zip(expected).enumerate() {
            assert_eq!(bench.code(call).is_some(), *refused, "{per} {index}");
        }
        assert_eq!(
            bench.code(anonymous()),
            Some("rate_limited"),
            "{per}: an anonymous caller is its address"
        );
    }
}

#[test]
fn quotas_start_anew_with_the_calendar() {
    // The fake clock starts with a year, a month and a day.
    let bench = bench("[{ quota: 1/day }, { quota: 3/month }]");
    assert_eq!(bench.code(alice()), None);
    let (_, verdicts) = bench.run(alice());
    let Verdict::Throttle(refusal) = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!(
        (refusal.code, refusal.retry_after),
        (&codes::QUOTA_EXHAUSTED, Some(Duration::from_secs(86_400)))
    );
    for _ in 0..2 {
        bench.clock.advance(Duration::from_secs(86_400));
        assert_eq!(bench.code(alice()), None);
    }
    bench.clock.advance(Duration::from_secs(86_400));
    let (_, verdicts) = bench.run(alice());
    let Verdict::Throttle(refusal) = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!(
        refusal.retry_after,
        Some(Duration::from_secs(28 * 86_400)),
        "the month's quota lasts longest"
    );
    bench.clock.advance(Duration::from_secs(28 * 86_400));
    assert_eq!(bench.code(alice()), None);
}

#[test]
fn concurrency_is_held_for_the_time_of_the_call() {
    let bench = bench("[{ per: api, concurrency: 2 }]");
    let (first, _) = bench.run(alice());
    let (second, _) = bench.run(alice());
    assert_eq!(bench.code(alice()), Some("concurrency_limited"));
    drop(first);
    let (third, verdicts) = bench.run(alice());
    assert!(matches!(verdicts[0], Verdict::Allow));
    assert_eq!(bench.code(alice()), Some("concurrency_limited"));
    drop((second, third));
    assert_eq!(bench.code(alice()), None);
    assert_eq!(bench.code(alice()), None, "a refused call holds nothing");
}

#[test]
fn a_refused_call_costs_nothing_in_other_limits() {
    let bench =
        bench("[{ per: api, rate: 3/hour }, { per: subject, rate: 1/hour }, { per: api, concurrency: 5 }]");
    assert_eq!(bench.code(alice()), None);
    for _ in 0..5 {
        assert_eq!(bench.code(alice()), Some("rate_limited"));
    }
    let (_, verdicts) = bench.run(CallBuilder::get("/").principal("https://a", "bob", None));
    assert!(matches!(verdicts[0], Verdict::Allow));
    assert_eq!(bench.code(CallBuilder::get("/").principal("https://a", "carol", None)), None);
    assert_eq!(bench.code(CallBuilder::get("/").principal("https://a", "dora", None)), Some("rate_limited"));
}

#[test]
fn counters_outlive_a_reload_while_the_limit_is_the_same() {
    let mut bench = bench("[{ rate: 1/hour }]");
    assert_eq!(bench.code(alice()), None);
    bench.reload("[{ rate: 1/hour, name: other }]", None);
    assert_eq!(bench.code(alice()), Some("rate_limited"));
    bench.reload("[{ rate: 2/hour }]", None);
    assert_eq!(bench.code(alice()), None, "another limit counts anew");
    bench.reload("[{ rate: 1/hour }]", Some("exportOrders"));
    assert_eq!(bench.code(alice()), None, "an operation's own limit counts apart");
    assert_eq!(bench.code(alice()), Some("rate_limited"));
}

#[test]
fn a_limit_in_shadow_counts_apart_and_is_not_told() {
    let bench = bench("[{ rate: 2/hour }, { rate: 1/hour, mode: shadow }, { rate: 1/day, mode: off }]");
    assert_eq!(bench.controls.len(), 2);
    let (call, verdicts) = bench.run(alice());
    assert_eq!((code(&verdicts[0]), code(&verdicts[1])), (None, None));
    assert_eq!(call.answer_headers.len(), 2);
    let (_, verdicts) = bench.run(alice());
    assert_eq!((code(&verdicts[0]), code(&verdicts[1])), (None, Some("rate_limited")));
}

#[test]
fn what_makes_no_limit_is_said() {
    let cases = [
        ("[{ per: subject }]", "exactly one of"),
        ("[{ rate: 1/s, quota: 1/day }]", "exactly one of"),
        ("[{ quota: 1/day, burst: 3 }]", "`burst` goes with `rate`"),
        ("[{ rate: 1/s, burst: 0 }]", "the burst is out of range"),
        ("[{ concurrency: 0 }]", "lets nothing through"),
        ("[{ quota: 1/5month }]", "does not fit the calendar"),
        ("[{ quota: 5000000000/day }]", "the quota is too large"),
        ("[{ rate: 1/s, name: 'a\"b' }]", "cannot be the name"),
        ("[{ rate: 1/s, name: a }, { rate: 2/s, name: a }]", "another limit here is named `a`"),
        ("[{ rate: 1/s, brust: 3 }]", "unknown key"),
    ];
    for (section, expected) in cases {
        let said = compile(section, None).unwrap_err();
        assert!(said.iter().any(|message| message.contains(expected)), "{section}: {said:?}");
    }
}

/// Counters that are shared: units come from elsewhere, one for each question while there are any there.
#[derive(Debug, Default)]
struct Shared {
    here: AtomicU32,
    elsewhere: AtomicU32,
    asked: AtomicU32,
    lost: AtomicBool,
}

#[derive(Debug)]
struct Sharing(Arc<Shared>);

impl Cells for Shared {
    fn take(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        let taken = self.peek(key, meter, now);
        self.here.fetch_sub(u32::from(taken.allowed), Ordering::SeqCst);
        taken
    }
    fn peek(&self, _key: u128, _meter: &Meter, _now: UnixTime) -> Taken {
        let here = self.here.load(Ordering::SeqCst);
        let second = Duration::from_secs(1);
        Taken { allowed: here > 0, remaining: u64::from(here), reset_after: second, retry_after: second }
    }
    fn release(&self, _key: u128) {}
    fn key(&self, _parts: &[&[u8]]) -> u128 {
        7
    }
    fn fetch(&self, _key: u128, _meter: &Meter, _now: UnixTime) -> Option<BoxFuture<'static, ()>> {
        if self.elsewhere.load(Ordering::SeqCst) == 0 {
            return None;
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.elsewhere.fetch_sub(1, Ordering::SeqCst);
        self.here.fetch_add(1, Ordering::SeqCst);
        Some(Box::pin(async {}))
    }
    fn is_lost(&self, key: u128) -> bool {
        key == 7 && self.lost.load(Ordering::SeqCst)
    }
}

impl Cells for Sharing {
    fn take(&self, _key: u128, _meter: &Meter, _now: UnixTime) -> Taken {
        unreachable!("limits count where they are shared")
    }
    fn peek(&self, key: u128, meter: &Meter, now: UnixTime) -> Taken {
        self.take(key, meter, now)
    }
    fn release(&self, _key: u128) {}
    fn key(&self, _parts: &[&[u8]]) -> u128 {
        0
    }
    fn shared(&self) -> Option<Arc<dyn Cells>> {
        Some(Arc::clone(&self.0) as Arc<dyn Cells>)
    }
}

#[test]
fn a_unit_that_is_not_here_is_asked_for_where_gateways_count_together() {
    let (clock, shared) = (FakeClock::new(), Arc::new(Shared::default()));
    let mut context = core(&clock, &Arc::new(MemoryCells::new()));
    context.cells = Arc::new(Sharing(Arc::clone(&shared)));
    let compiled = compile("[{ rate: 100/min }]", None).unwrap();
    let attached = Arc::clone(&compiled[0].control).attach(&context);
    let run = || {
        let mut call = alice().clock(&clock).build();
        let (verdict, waited) = match attached.head(&mut call) {
            Step::Done(verdict) => (verdict, false),
            Step::Wait(mut future) => {
                let mut context = Context::from_waker(Waker::noop());
                let Poll::Ready(verdict) = future.as_mut().poll(&mut context) else { panic!("it hangs") };
                (verdict, true)
            }
            other => panic!("{other:?}"),
        };
        let told = call.answer_headers.iter().filter(|(name, _)| *name == fields::RATELIMIT).count();
        assert_eq!(told, 1, "what is left is told once");
        (code(&verdict), waited)
    };
    shared.here.store(1, Ordering::SeqCst);
    shared.elsewhere.store(2, Ordering::SeqCst);
    assert_eq!(run(), (None, false), "what is here is used without waiting");
    assert_eq!((run(), run()), ((None, true), (None, true)));
    assert_eq!(run(), (Some("rate_limited"), false), "there is none anywhere");
    assert_eq!(shared.asked.load(Ordering::SeqCst), 2);
    shared.lost.store(true, Ordering::SeqCst);
    assert_eq!(run(), (Some("limit_unchecked"), false));
}

proptest! {
    #[test]
    fn the_fields_follow_their_syntax(
        rates in proptest::collection::vec((1_u64..1_000_000, 1_u64..1000), 1..5), calls in 1_usize..5,
    ) {
        let entries: Vec<String> = rates.iter().map(|(count, span)| format!("{{ rate: {count}/{span}min }}")).collect();
        let bench = bench(&format!("[{}]", entries.join(", ")));
        for _ in 0..calls {
            let (call, _) = bench.run(alice());
            for (_, value) in &call.answer_headers {
                for member in value.to_str().unwrap().split(", ") {
                    let mut parts = member.split(';');
                    let name = parts.next().and_then(|name| name.strip_prefix('"')?.strip_suffix('"'));
                    prop_assert!(name.is_some_and(fields::is_name), "{}", member);
                    for part in parts {
                        let (key, number) = part.split_once('=').unwrap();
                        prop_assert!(["q", "w", "r", "t"].contains(&key));
                        prop_assert!(number.len() <= 15 && number.parse::<u64>().is_ok());
                    }
                }
            }
        }
    }
}
