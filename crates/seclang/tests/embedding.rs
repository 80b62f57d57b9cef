//! What a server needs beside the rules: calls that wait between phases, modes and exclusions per call.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use seclang::{Engine, Mode, Part, RuleFile, Transaction, Verdict, Which};

const RULES: &str = r#"
SecRule REQUEST_HEADERS:x "@streq now" "id:1,phase:1,deny,log,status:403"
SecRule ARGS "@contains evil" "id:2,phase:2,pass,log,tag:'word',setvar:tx.score=+5"
SecRule REQUEST_COOKIES|REQUEST_HEADERS:y "@contains evil" "id:3,phase:2,pass,log,tag:'word',setvar:tx.score=+5"
SecRule TX:score "@ge 5" "id:4,phase:2,deny,log,status:403"
SecRule TX:never "@eq 1" "id:5,phase:2,pass,tag:'folded'"
SecRule RESPONSE_STATUS "@streq 500" "id:6,phase:3,deny,log,status:502"
"#;

fn load() -> Engine {
    let (engine, found, _) = Engine::load(&[RuleFile { name: "t", text: RULES }], &BTreeMap::new());
    engine.unwrap_or_else(|| panic!("{found:?}"))
}

fn head(call: &mut Transaction<'_>, target: &str, headers: &[(&str, &str)]) {
    call.request_line(b"GET", target.as_bytes(), b"HTTP/1.1");
    for (name, value) in headers {
        call.request_header(name.as_bytes(), value.as_bytes());
    }
    let _ = call.request_head_done();
}

#[test]
fn a_call_goes_on_where_it_was_suspended_also_on_another_thread() {
    let engine = load();
    let whole = |target: &str, suspended: bool| {
        let mut call = engine.transaction();
        head(&mut call, target, &[("cookie", "a=evil")]);
        if suspended {
            let kept = call.suspend();
            let kept = std::thread::scope(|scope| {
                let work = scope.spawn(|| {
                    let mut call = engine.resume(kept);
                    let _ = call.request_body(b"");
                    call.suspend()
                });
                work.join().unwrap()
            });
            call = engine.resume(kept);
        } else {
            let _ = call.request_body(b"");
        }
        (call.matched_ids().to_vec(), call.reports().to_vec(), call.verdict().clone(), call.tx("score"))
    };
    for target in ["/", "/?q=evil&r=evil"] {
        assert_eq!(whole(target, false), whole(target, true), "{target}");
    }
}

#[test]
fn what_only_detects_foresees_the_first_that_would_refuse() {
    let engine = load();
    let mut call = engine.transaction();
    call.set_mode(Mode::DetectionOnly);
    head(&mut call, "/?q=evil", &[("x", "now")]);
    assert_eq!(call.foreseen().and_then(|first| first.rule), Some(1));
    let _ = call.request_body(b"");
    assert_eq!((call.foreseen().and_then(|first| first.rule), call.verdict()), (Some(1), &Verdict::Pass));
    assert_eq!(call.matched_ids(), [1, 2, 4]);
    // The answer is another matter.
    call.set_mode(Mode::On);
    assert!(call.foreseen().is_none());
    call.response_line(500, b"HTTP/1.1");
    assert!(matches!(call.response_head_done(), Verdict::Deny(_)));
    let mut good = engine.transaction();
    good.set_mode(Mode::DetectionOnly);
    head(&mut good, "/?q=fine", &[]);
    let _ = good.request_body(b"");
    assert!(good.foreseen().is_none() && good.matched_ids().is_empty());
}

#[test]
fn exclusions_take_parts_or_rules_out_of_one_call() {
    let engine = load();
    let ids = |exclusions: &[(Which<'_>, &[Part<'_>])]| {
        let mut call = engine.transaction();
        for (which, parts) in exclusions {
            call.exclude(&engine.exclusion(*which, parts).unwrap());
        }
        head(&mut call, "/?q=evil", &[("cookie", "c=evil"), ("y", "evil")]);
        let _ = call.request_body(b"");
        call.matched_ids().to_vec()
    };
    let parameter: &[Part<'_>] = &[Part::Parameter("Q")];
    let both: &[Part<'_>] = &[Part::Cookie("c"), Part::Header("Y")];
    assert_eq!(ids(&[]), [2, 3, 4]);
    assert_eq!(ids(&[(Which::Id(2), parameter)]), [3, 4]);
    assert_eq!(ids(&[(Which::Id(2), both)]), [2, 3, 4]);
    assert_eq!(ids(&[(Which::Tag("word"), both)]), [2, 4]);
    assert_eq!(ids(&[(Which::All, parameter), (Which::All, both)]), [] as [u64; 0]);
    assert_eq!(ids(&[(Which::Tag("word"), &[])]), [] as [u64; 0]);
    assert_eq!(ids(&[(Which::Id(4), &[])]), [2, 3]);
    // Rules that never run are known all the same; what nobody wrote is not.
    assert!(
        engine.exclusion(Which::Id(5), &[]).is_some()
            && engine.exclusion(Which::Tag("folded"), &[]).is_some()
    );
    assert!(
        engine.exclusion(Which::Id(7), &[]).is_none() && engine.exclusion(Which::Tag("words"), &[]).is_none()
    );
}

#[test]
fn rules_that_are_watched_change_nothing_and_are_known_to_have_matched() {
    const CHAINS: &str = r#"
SecRule ARGS "@rx ^(ev)il$" "id:1,phase:2,pass,log,capture,chain,setvar:tx.first=%{tx.1}"
    SecRule TX:first "@streq ev" "setvar:tx.score=+5,ctl:ruleRemoveById=3"
SecRule ARGS "@streq evil" "id:2,phase:2,pass,log,skipAfter:END,setvar:tx.score=+5"
SecRule ARGS "@contains evil" "id:3,phase:2,pass,log,setvar:tx.score=+2"
SecRule ARGS "@contains evil" "id:5,phase:2,deny,log,status:403"
SecMarker END
SecRule TX:score "@ge 5" "id:4,phase:2,deny,log,status:403"
"#;
    let (engine, found, _) = Engine::load(&[RuleFile { name: "t", text: CHAINS }], &BTreeMap::new());
    let engine = engine.unwrap_or_else(|| panic!("{found:?}"));
    let said = |watched: &[u64], query: &str| {
        let rules: Vec<_> = watched.iter().map(|id| engine.exclusion(Which::Id(*id), &[]).unwrap()).collect();
        let mut call = engine.transaction();
        rules.iter().for_each(|rules| call.watch(rules));
        head(&mut call, query, &[]);
        // It is known after a pause too.
        let mut call = engine.resume(call.suspend());
        let denied = matches!(call.request_body(b""), Verdict::Deny(_));
        let known: Vec<u64> = rules
            .iter()
            .zip(watched)
            .filter(|(rules, _)| call.has_watched(rules))
            .map(|(_, id)| *id)
            .collect();
        let reported: Vec<u64> = call.reports().iter().map(|report| report.id).collect();
        assert_eq!(reported, call.matched_ids());
        let variables = (call.tx("score"), call.tx("first"), call.tx("1"));
        (call.matched_ids().to_vec(), denied, known, variables)
    };
    let number = |text: &str| Some(text.as_bytes().to_vec());
    // All count: the first takes the third out, the second skips to the mark.
    assert_eq!(said(&[], "/?q=evil").0, [1, 2, 4]);
    let (ids, denied, known, variables) = said(&[1], "/?q=evil");
    assert_eq!((ids.as_slice(), denied, known.as_slice()), (&[2, 4][..], true, &[1][..]));
    assert_eq!(variables, (number("5"), None, None), "nothing of it is left");
    // Neither sets, takes out nor skips, nor is what refuses refused by.
    let (ids, denied, known, variables) = said(&[1, 2, 5], "/?q=evil");
    assert_eq!((ids.as_slice(), denied, known.as_slice()), (&[3][..], false, &[1, 2, 5][..]));
    assert_eq!(variables.0, number("2"));
    // What does not match is not said to, and the rest does as ever.
    let (ids, denied, known, _) = said(&[1, 2], "/?q=evils");
    assert_eq!((ids.as_slice(), denied, known.as_slice()), (&[3, 5][..], true, &[][..]));
    assert_eq!(said(&[1, 2, 5], "/?q=fine").0, [0; 0]);
}
