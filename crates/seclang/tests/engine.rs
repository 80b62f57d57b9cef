//! What rules mean, by small rule files.

#![allow(clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use seclang::{Engine, Intervention, RuleFile, Transaction, Verdict};

fn load(text: &str) -> Engine {
    let (engine, found, sources) = Engine::load(&[RuleFile { name: "test.conf", text }], &BTreeMap::new());
    let problems: Vec<String> = found
        .iter()
        .map(|found| {
            format!("{}: {}", found.span.map(|span| sources.place(span)).unwrap_or_default(), found.message)
        })
        .collect();
    engine.unwrap_or_else(|| panic!("{}", problems.join("\n")))
}

fn problems(text: &str) -> Vec<String> {
    let (engine, found, sources) = Engine::load(&[RuleFile { name: "t", text }], &BTreeMap::new());
    assert_eq!(engine.is_none(), found.has_errors());
    found
        .iter()
        .map(|found| {
            format!("{} {}", found.span.map(|span| sources.place(span)).unwrap_or_default(), found.code)
        })
        .collect()
}

fn get<'e>(engine: &'e Engine, target: &str, headers: &[(&str, &str)]) -> Transaction<'e> {
    post(engine, target, headers, "")
}

fn post<'e>(engine: &'e Engine, target: &str, headers: &[(&str, &str)], body: &str) -> Transaction<'e> {
    let mut call = engine.transaction();
    call.remote_address("192.0.2.1");
    call.request_line(if body.is_empty() { b"GET" } else { b"POST" }, target.as_bytes(), b"HTTP/1.1");
    for (name, value) in headers {
        call.request_header(name.as_bytes(), value.as_bytes());
    }
    let _ = call.request_head_done();
    let _ = call.request_body(body.as_bytes());
    call.finish();
    call
}

fn text(call: &Transaction<'_>, name: &str) -> String {
    call.tx(name).map(|value| String::from_utf8_lossy(&value).into_owned()).unwrap_or_default()
}

#[test]
fn chains_match_as_a_whole_and_set_as_they_go() {
    let engine = load(
        r#"
SecRule ARGS "@rx ^a(.)" "id:1,phase:2,pass,capture,msg:'m %{tx.1}',logdata:'%{MATCHED_VAR_NAME}=%{MATCHED_VAR}',setvar:tx.first=+1,chain"
  SecRule MATCHED_VARS "@endsWith c" "chain,setvar:tx.second=+1"
    SecRule REQUEST_HEADERS:X "@streq %{tx.1}" "setvar:tx.third=%{matched_var}"
"#,
    );
    let call = get(&engine, "/?x=abc&y=a1&z=b", &[("X", "1")]);
    assert_eq!(call.matched_ids(), [1]);
    assert_eq!([text(&call, "first"), text(&call, "second"), text(&call, "third")], ["2", "1", "1"]);
    assert_eq!(call.reports()[0].message, "m 1");
    assert_eq!(call.reports()[0].matches[0].data, "REQUEST_HEADERS:X=1");
    let call = get(&engine, "/?x=abc", &[("X", "2")]);
    assert!(call.matched_ids().is_empty() && text(&call, "second") == "1");
}

#[test]
fn skips_markers_and_removals_hold() {
    let engine = load(
        r#"
SecRule ARGS:go "@streq far" "id:1,phase:2,pass,nolog,skipAfter:END"
SecRule ARGS:go "@streq one" "id:2,phase:2,pass,nolog,skip:1"
SecAction "id:3,phase:2,pass"
SecAction "id:4,phase:2,pass,tag:'t'"
SecMarker END
SecRule ARGS:go "@streq off" "id:5,phase:1,pass,nolog,ctl:ruleRemoveByTag=t"
SecRule ARGS:go "@streq id" "id:6,phase:1,pass,nolog,ctl:ruleRemoveById=3-4"
SecAction "id:7,phase:2,pass"
SecRuleRemoveById 7
"#,
    );
    let ids = |go: &str| get(&engine, &format!("/?go={go}"), &[]).matched_ids().to_vec();
    assert_eq!(ids("far"), [1]);
    assert_eq!(ids("one"), [2, 4]);
    assert_eq!(ids("off"), [5, 3]);
    assert_eq!(ids("id"), [6]);
    assert_eq!(ids("on"), [3, 4]);
}

#[test]
fn targets_are_selected_counted_and_excluded() {
    let engine = load(
        r#"
SecRule REQUEST_HEADERS|!REQUEST_HEADERS:Cookie|!REQUEST_HEADERS:/^x-ok/ "@contains bad" "id:1,phase:1,pass"
SecRule &ARGS "@eq 3" "id:2,phase:2,pass"
SecRule &REQUEST_HEADERS:x-b "@eq 2" "id:3,phase:1,pass"
SecRule REQUEST_COOKIES:/^sid/ "@rx ." "id:4,phase:1,pass"
SecRule ARGS_NAMES "@streq q" "id:5,phase:2,pass"
SecRule ARGS "@contains bad" "id:6,phase:2,pass"
SecRuleUpdateTargetById 6 "!ARGS:free"
SecRule REQUEST_HEADERS:Accept "!@rx json" "id:7,phase:1,pass"
SecRule ARGS:quiet "@rx ." "id:8,phase:1,pass,nolog,ctl:ruleRemoveTargetById=6;ARGS:quiet"
"#,
    );
    assert_eq!(get(&engine, "/?free=bad", &[("Cookie", "sidx=bad"), ("X-OK-1", "bad")]).matched_ids(), [4]);
    assert_eq!(get(&engine, "/?q=1&a=bad&c", &[("X-B", "bad"), ("x-b", "2")]).matched_ids(), [1, 3, 2, 5, 6]);
    assert_eq!(get(&engine, "/", &[("Accept", "text")]).matched_ids(), [7]);
    assert!(get(&engine, "/", &[("Accept", "json")]).matched_ids().is_empty());
    assert_eq!(get(&engine, "/?quiet=bad", &[]).matched_ids(), [8]);
}

#[test]
fn transformations_apply_in_order_and_multi_match_sees_each_step() {
    let engine = load(
        r#"
SecRule ARGS "@streq <a>" "id:1,phase:2,pass,t:none,t:urlDecodeUni,t:htmlEntityDecode,t:lowercase"
SecRule ARGS "@contains %3C" "id:2,phase:2,pass,t:urlDecodeUni,t:lowercase,multiMatch"
SecRule ARGS "@contains %3C" "id:3,phase:2,pass,t:urlDecodeUni"
SecRule ARGS "@eq 5" "id:4,phase:2,pass,t:length"
SecRule ARGS "!@rx ^[a-z]+$" "id:5,phase:2,pass,t:removeNulls"
"#,
    );
    assert_eq!(get(&engine, "/?a=%26lt;A%26gt;", &[]).matched_ids(), [1, 5]);
    assert_eq!(get(&engine, "/?a=%253Ca%253E", &[]).matched_ids(), [1, 2, 5]);
    assert_eq!(get(&engine, "/?a=hello", &[]).matched_ids(), [4]);
    assert!(get(&engine, "/?a=ab%00c", &[]).matched_ids().is_empty());
}

#[test]
fn what_is_decided_depends_on_the_mode() {
    let rules = r#"
SecDefaultAction "phase:2,log,deny,status:406"
SecRule ARGS "@contains x" "id:1,phase:2,block"
SecRule ARGS "@contains y" "id:2,phase:2,deny,status:409"
SecRule ARGS "@contains z" "id:3,phase:2,redirect:'http://%{request_headers.host}/'"
SecRule ARGS "@contains w" "id:4,phase:1,allow"
SecRule ARGS "@contains v" "id:5,phase:1,allow:phase"
SecAction "id:6,phase:1,pass,log"
SecAction "id:7,phase:5,pass,log"
"#;
    let engine = load(&format!("SecRuleEngine On\n{rules}"));
    let decided = |target: &str| match get(&engine, target, &[("Host", "h")]).verdict() {
        Verdict::Pass => None,
        Verdict::Deny(Intervention { status, rule, redirect, .. }) => {
            Some((*status, *rule, redirect.clone()))
        }
    };
    assert_eq!(decided("/?a=x"), Some((406, Some(1), None)));
    assert_eq!(decided("/?a=y"), Some((409, Some(2), None)));
    assert_eq!(decided("/?a=z"), Some((302, Some(3), Some("http://h/".to_owned()))));
    assert_eq!(decided("/?a=wx"), None);
    assert_eq!(decided("/?a=vx"), Some((406, Some(1), None)));
    assert_eq!(get(&engine, "/?a=vx", &[]).matched_ids(), [5, 1, 7]);
    assert_eq!(get(&engine, "/?a=w", &[]).matched_ids(), [4, 7]);
    let engine = load(&format!("SecRuleEngine DetectionOnly\n{rules}"));
    let call = get(&engine, "/?a=xy", &[]);
    assert_eq!((call.matched_ids(), call.verdict()), (&[6, 1, 2, 7][..], &Verdict::Pass));
    let engine = load(&format!("SecRuleEngine Off\n{rules}"));
    assert!(get(&engine, "/?a=x", &[]).matched_ids().is_empty());
}

#[test]
fn bodies_become_arguments() {
    let engine = load(
        r#"
SecRule REQUEST_HEADERS:Content-Type "@contains json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "@contains xml" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule ARGS_POST:json.a.array_1.b "@streq evil" "id:3,phase:2,pass"
SecRule ARGS_POST:f "@streq evil" "id:4,phase:2,pass"
SecRule XML:/* "@contains evil" "id:5,phase:2,pass"
SecRule XML://@* "@contains evil" "id:6,phase:2,pass"
SecRule FILES "@endsWith .php" "id:7,phase:2,pass"
SecRule FILES_NAMES "@streq up" "id:8,phase:2,pass"
SecRule REQBODY_ERROR "!@eq 0" "id:9,phase:2,pass"
SecRule REQUEST_BODY "@contains evil" "id:10,phase:2,pass"
"#,
    );
    let ids =
        |kind: &str, body: &str| post(&engine, "/", &[("Content-Type", kind)], body).matched_ids().to_vec();
    assert_eq!(ids("application/json", r#"{"a":[1,{"b":"evil"}]}"#), [1, 3]);
    assert_eq!(ids("application/json", r#"{"a":[1,{"b":"evil"}]"#), [1, 3, 9]);
    assert_eq!(ids("application/x-www-form-urlencoded", "f=evil"), [4, 10]);
    assert_eq!(ids("text/xml", "<a b='evil'>evil</a>"), [2, 5, 6]);
    assert_eq!(ids("text/xml", "<!DOCTYPE a><a/>"), [2, 9]);
    let part =
        "--b\r\nContent-Disposition: form-data; name=\"up\"; filename=\"x.php\"\r\n\r\nevil\r\n--b--\r\n";
    assert_eq!(ids("multipart/form-data; boundary=b", part), [7, 8]);
    assert!(ids("text/plain", "evil").is_empty());
}

#[test]
fn conditions_over_constants_are_decided_at_load() {
    let engine = load(
        r#"
SecRule &TX:level "@eq 0" "id:1,phase:1,pass,nolog,setvar:tx.level=2"
SecRule TX:level "@lt 2" "id:2,phase:1,pass,nolog,skipAfter:LOW"
SecRule TX:level "@lt 3" "id:3,phase:1,pass,nolog,skipAfter:END"
SecAction "id:4,phase:1,pass,setvar:tx.never=1"
SecMarker LOW
SecMarker END
SecRule ARGS "@contains x" "id:5,phase:1,pass,nolog,setvar:tx.unknown=1"
SecRule TX:unknown "@eq 1" "id:6,phase:1,pass"
SecRule TX:level "@eq 2" "id:7,phase:2,pass,setvar:tx.score=+%{tx.level}"
"#,
    );
    assert_eq!(engine.statistics().folded, 4);
    assert_eq!(get(&engine, "/?a=x", &[]).matched_ids(), [5, 6, 7]);
    let call = get(&engine, "/", &[]);
    assert_eq!(
        (call.matched_ids(), text(&call, "level").as_str(), text(&call, "score").as_str()),
        (&[7][..], "2", "2")
    );
}

#[test]
fn what_a_call_can_change_is_not_decided_at_load() {
    let engine = load(
        r#"
SecRule ARGS "@contains x" "id:1,phase:1,pass,nolog,setvar:tx.level=9"
SecRule &TX:level "@eq 0" "id:2,phase:1,pass,nolog,setvar:tx.level=1"
SecRule TX:level "@lt 5" "id:3,phase:1,pass,nolog,skipAfter:END"
SecAction "id:4,phase:1,pass"
SecMarker END
SecRule ARGS_NAMES "@rx ." "id:5,phase:1,pass,nolog,setvar:'tx.dyn_%{MATCHED_VAR}=1'"
SecRule TX:dyn_q "@eq 1" "id:6,phase:1,pass"
SecRule ARGS "@contains skip" "id:7,phase:1,pass,nolog,skipAfter:SKIPPED"
SecAction "id:8,phase:1,pass,nolog,setvar:tx.sure=1"
SecMarker SKIPPED
SecRule TX:sure "@eq 1" "id:9,phase:1,pass"
"#,
    );
    assert_eq!(get(&engine, "/?a=x", &[]).matched_ids(), [1, 4, 5, 8, 9]);
    assert_eq!(get(&engine, "/?q=skip", &[]).matched_ids(), [2, 3, 5, 6, 7]);
}

#[test]
fn bodies_over_the_limit_are_refused_or_inspected_to_it() {
    let rules = "SecRequestBodyLimit 20\nSecRule ARGS \"@contains x\" \"id:1,phase:2,pass\"\n\
                 SecRule INBOUND_DATA_ERROR \"@eq 1\" \"id:2,phase:2,pass\"\n";
    let form = &[("Content-Type", "application/x-www-form-urlencoded")];
    let engine = load(&format!("SecRuleEngine On\n{rules}"));
    let call = post(&engine, "/", form, "a=x&b=123456789012345678901234567890");
    assert!(matches!(call.verdict(), Verdict::Deny(Intervention { status: 413, rule: None, .. })));
    let engine = load(&format!("SecRuleEngine DetectionOnly\n{rules}"));
    let call = post(&engine, "/", form, "a=x&b=123456789012345678901234567890&c=x");
    assert_eq!((call.matched_ids(), call.verdict()), (&[1, 2][..], &Verdict::Pass));
}

#[test]
fn too_much_work_is_refused() {
    let mut engine = load("SecRuleEngine On\nSecRule ARGS \"@rx (a|b)*c\" \"id:1,phase:2,pass,t:lowercase\"");
    engine.settings_mut().work_limit = 10_000;
    assert_eq!(get(&engine, "/?q=1", &[]).verdict(), &Verdict::Pass);
    let call = get(&engine, &format!("/?q={}", "abcA".repeat(10_000)), &[]);
    assert!(call.is_exhausted());
    assert!(matches!(call.verdict(), Verdict::Deny(Intervention { exhausted: true, status: 503, .. })));
}

#[test]
fn too_much_memory_is_refused() {
    let mut engine =
        load("SecRuleEngine On\nSecRule ARGS \"@rx b\" \"id:1,phase:2,pass,t:base64Encode,t:hexEncode\"");
    engine.settings_mut().memory_limit = 10_000;
    assert!(!get(&engine, "/?q=1", &[]).is_exhausted());
    assert!(get(&engine, &format!("/?q={}", "a".repeat(3000)), &[]).is_exhausted());
}

#[test]
fn what_is_not_known_has_a_place() {
    let cases = [
        ("SecRule ARGS \"@rx a\" \"id:1\"\nSecFoo On", "t:2:1 seclang-unknown-directive"),
        ("SecRule NOTHING \"@rx a\" \"id:1\"", "t:1:9 seclang-unknown-variable"),
        ("SecRule ARGS|FOO:x \"@rx a\" \"id:1\"", "t:1:14 seclang-unknown-variable"),
        ("SecRule ARGS \"@foo a\" \"id:1\"", "t:1:15 seclang-unknown-operator"),
        ("SecRule ARGS \"@rx a\" \\\n  \"id:1,\\\n   t:foo\"", "t:3:4 seclang-unknown-transformation"),
        ("SecRule ARGS \"@rx a\" \"id:1,foo\"", "t:1:28 seclang-unknown-action"),
        ("SecRule ARGS \"@rx a\" \"id:1,foo:2\"", "t:1:28 seclang-unknown-action"),
        ("SecRule ARGS \"@rx a\" \"id:1,phase:9\"", "t:1:28 seclang-bad-value"),
        ("SecRule ARGS \"@rx a\" \"id:1,ctl:foo=1\"", "t:1:28 seclang-bad-value"),
        ("SecRule ARGS \"@rx a\" \"id:1,msg:'%{foo}'\"", "t:1:28 seclang-unknown-macro"),
        ("SecRule ARGS \"@rx (a\\1)\" \"id:1\"", "t:1:19 seclang-bad-pattern"),
        ("SecRule ARGS \"@pmFromFile x\" \"id:1\"", "t:1:27 seclang-missing-file"),
        ("SecRule ARGS \"@rx a\" \"pass\"", "t:1:1 seclang-no-id"),
        ("SecAction \"id:1\"\nSecAction \"id:1\"", "t:2:1 seclang-twice"),
        ("SecAction \"id:1,skipAfter:NO\"", "t:1:1 seclang-no-marker"),
        ("SecRule ARGS \"@rx a\" \"id:1,chain\"", "t:1:1 seclang-open-chain"),
        ("SecRule ARGS \"@rx a\" \"id:1,setvar:foo=1\"", "t:1:28 seclang-bad-setvar"),
        ("SecRule ARGS \"@rx a\" \"id:1", "t:1:1 seclang-open-quote"),
        ("SecRule XML:/a/b \"@rx a\" \"id:1\"", "t:1:9 seclang-xml-path"),
        ("SecRuleUpdateTargetById 1 !ARGS:a ARGS", "t:1:35 seclang-extra"),
        ("SecMarker A B", "t:1:13 seclang-extra"),
        ("SecRuleEngine Perhaps", "t:1:15 seclang-bad-value"),
    ];
    for (text, expected) in cases {
        let found = problems(text);
        assert!(found.iter().any(|found| found == expected), "{text}: {found:?}, not {expected}");
    }
    assert_eq!(problems("SecRule ARGS \"@rx a(?=b)\" \"id:1\""), ["t:1:19 seclang-widened"]);
    assert_eq!(problems("SecRule ARGS \"!@rx a(?=b)\" \"id:1\""), ["t:1:20 seclang-widened"]);
    assert_eq!(problems("SecFoo 1\nSecBar 2").len(), 2);
}

proptest::proptest! {
    #[test]
    fn the_parser_takes_anything(text in "\\PC{0,80}") {
        let _ = problems(&text);
    }

    #[test]
    fn the_parser_takes_anything_like_a_rule(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "SecRule ", "SecAction ", "SecMarker ", "ARGS", "|", "!", "&", ":", "/", "\"", "'", "@rx ", "@pm ", "(", ")", "[", "]",
                "id:1", ",", "chain", "t:lowercase", "setvar:tx.a=+1", "%{", "}", "\\", "\n", "ctl:", "=", ";", "é", " ", "skipAfter:x",
            ]),
            0..30,
        )
    ) {
        let _ = problems(&pieces.concat());
    }

    #[test]
    fn calls_take_any_bytes(target: Vec<u8>, value: Vec<u8>, body: Vec<u8>, kind in 0..4_usize) {
        let engine = load(
            "SecRule ARGS|ARGS_NAMES|REQUEST_COOKIES|XML:/*|FILES \"@rx a.*b\" \"id:1,phase:2,pass,capture,t:urlDecodeUni,t:jsDecode,t:normalizePath,multiMatch\"",
        );
        let kinds = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "text/xml", "application/json"];
        let mut call = engine.transaction();
        call.request_line(b"POST", &target, b"HTTP/1.1");
        call.request_header(b"Content-Type", kinds[kind].as_bytes());
        call.request_header(b"Cookie", &value);
        let _ = call.request_head_done();
        let _ = call.request_body(&body);
        call.finish();
    }
}
