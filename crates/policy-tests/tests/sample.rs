//! Cases on the sample: what each part of a case does, what is said of one that fails, and that what is generated holds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

mod common;

use common::{CONTRACT, SAMPLE, WHOLE, failed, run, said, subject, suite};
use diagnostics::{Diagnostics, Sources};
use policy_tests::generate::generate;
use policy_tests::report::{Ran, Report, junit, lines, table};
use policy_tests::{Coverage, Outcome, Suite};

const CASES: &str = r#"
version: 1
defaults:
  credential: { scopes: ["orders:read"] }
tests:
  - name: anyone may see the catalog
    credential: none
    request: GET /products?limit=5
    expect: allow
  - name: what comes back is what the service said
    request: GET /orders/ord_000001
    upstream: { status: 404, headers: { x-a: [b, c] }, json: { type: /x, title: none, status: 404 } }
    expect: { decision: allow, status: 404, body: as-upstream, headers: { x-a: c, content-type: application/json, server: absent } }
  - name: what goes on is what was checked
    request: { method: GET, target: "/orders?limit=5", headers: { Cookie: "a=b" } }
    expect: { decision: allow, upstream: { method: GET, target: "/orders?limit=5", headers: { cookie: absent, traceparent: "00-*" }, body: "" } }
  - name: nobody without a token
    credential: none
    request: GET /orders
    expect: { decision: refuse, code: credential_missing, control: authentication, status: 401, upstream: none }
  - name: a scope is missing
    request: DELETE /customers/cus_000001
    expect: { decision: refuse, code: insufficient_scope, control: authorization, missing_scopes: ["orders:admin"], problem: { status: 403, code: insufficient_scope } }
  - name: the sixty-first call in a minute
    request: GET /orders
    state: { calls: 60 }
    expect: { decision: refuse, code: rate_limited, status: 429, headers: { retry-after: "1" } }
  - name: sixty calls over two minutes
    request: GET /orders
    state: { calls: 60, over: 2m }
    expect: allow
  - name: others have calls left
    credential: { subject: bob, scopes: ["orders:read"] }
    request: GET /orders
    expect: { decision: allow, headers: { ratelimit: "*r=59*" } }
  - name: an old token
    credential: { expired: true }
    request: GET /orders
    expect: { decision: refuse, code: token_expired }
  - name: a token for another
    credential: { audience: other }
    request: GET /orders
    expect: { decision: refuse, code: token_invalid, problem: { detail: "the token is not for this API" } }
  - name: a token of a stranger
    credential: { signed_by: stranger }
    request: GET /orders
    expect: { decision: refuse, code: token_invalid }
  - name: a body that violates the contract
    credential: { scopes: ["orders:write"] }
    request: { method: POST, target: /customers, json: { name: "" } }
    expect: { decision: refuse, code: body_invalid, problem: { violations: [{ in: body, pointer: "/name" }] } }
  - name: a service that is down
    request: GET /orders
    upstream: { down: true }
    expect: { decision: refuse, code: upstream_unreachable, status: 502 }
  - name: an answer that violates the contract is told of
    request: GET /orders/ord_000001
    upstream: { json: { id: 1 } }
    expect: { decision: allow, shadow: [response_invalid] }
  - name: a preflight is none of the service's
    credential: none
    request: OPTIONS /orders
    expect: { decision: answer, control: options, status: 204, headers: { allow: "*GET*" }, upstream: none }
  - name: no such path
    request: GET /nothing
    expect: { decision: refuse, control: route, code: operation_unknown }
  - name: no request at all
    request: { method: "GE T", target: /orders }
    expect: { decision: refuse, code: request_malformed, status: 400 }
"#;

#[test]
fn each_part_of_a_case_does_what_it_says() {
    let subject = subject(SAMPLE, CONTRACT).unwrap();
    let suite = suite(CASES);
    assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new());
}

/// A token of one moment, at moments before, within and after its time: `at` is the time of the case, and no other clock's.
#[test]
fn a_case_has_its_own_time() {
    let subject = subject(SAMPLE, CONTRACT).unwrap();
    // Good from 2030-01-01T00:00:00Z for an hour.
    let credential =
        "{ scopes: [\"orders:read\"], claims: { iat: 1893456000, nbf: 1893456000, exp: 1893459600 } }";
    let early = "{ decision: refuse, control: authentication, code: token_invalid, status: 401 }";
    let late = "{ decision: refuse, control: authentication, code: token_expired, status: 401 }";
    let case = |at: &str, expect: &str| {
        format!(
            "  - {{ name: \"{at}\", request: GET /orders, at: {at}, credential: {credential}, expect: {expect} }}\n"
        )
    };
    let moments = [
        ("2029-12-31T23:50:00Z", early),
        ("2030-01-01T00:00:01Z", "allow"),
        ("2030-01-01T00:59:00Z", "allow"),
        ("2030-01-01T01:10:00Z", late),
        ("2031-01-01T00:00:00Z", late),
    ];
    let cases: String = moments.iter().map(|(at, expect)| case(at, expect)).collect();
    let suite = suite(&format!("version: 1\ntests:\n{cases}"));
    for (case, finished) in suite.cases.iter().zip(&run(&subject, &suite)) {
        assert!(matches!(finished.outcome, Outcome::Passed), "{}: {finished:?}", case.name.value);
    }
}

#[test]
fn a_case_that_expects_the_contrary_fails() {
    let subject = subject(SAMPLE, CONTRACT).unwrap();
    let contrary = CASES.replace("expect: allow", "expect: refuse");
    let contrary = contrary
        .replace("decision: refuse", "decision: allow ")
        .replace("decision: answer", "decision: refuse");
    let suite = suite(&contrary);
    let finished = run(&subject, &suite);
    for (case, finished) in suite.cases.iter().zip(&finished) {
        let meant = ["what comes back", "what goes on", "others have", "an answer that"];
        let passes = meant.iter().any(|name| case.name.value.starts_with(name));
        assert_eq!(matches!(finished.outcome, Outcome::Passed), passes, "{}: {finished:?}", case.name.value);
    }
}

#[test]
fn what_failed_is_told_with_reason_and_place() {
    let subject = subject(SAMPLE, CONTRACT).unwrap();
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let text = "version: 1\ntests:\n  - name: a <b>\n    request: GET /orders?x=1\n    credential: { scopes: [\"orders:read\"] }\n    expect: allow\n  - name: no issuer\n    request: GET /orders\n    credential: { issuer: locl }\n    expect: allow\n";
    let suite = Suite::read("a.test.yaml", text, &mut sources, &mut found).unwrap();
    let finished = run(&subject, &suite);
    let coverage = Coverage::of(&subject, &finished);
    let report = Report {
        suites: vec![Ran { suite: &suite, results: &finished }],
        coverage: &coverage,
        sources: &sources,
    };
    let told = lines(&report, false).join("\n");
    for part in [
        "failed a.test.yaml:3:11 a <b>",
        "decision: expected allow, got refuse",
        "because: validation (head) parameter_invalid: violations: query `x` (undeclared)",
        "at: yett.yaml:9:",
        "broken a.test.yaml:7:11 no issuer",
        "did you mean `local`?",
        "2 cases in 1 file: 0 passed, 2 not",
        "never called: ",
        "never let pass by validation: listOrders",
    ] {
        assert!(told.contains(part), "`{part}` in\n{told}");
    }
    let table = table(&report);
    assert_eq!((&table["failed"], &table["cases"][0]["code"]), (&2.into(), &"parameter_invalid".into()));
    let xml = junit(&report);
    assert!(xml.contains("<testsuites tests=\"2\" failures=\"2\">") && xml.contains("a &lt;b&gt;"), "{xml}");
}

#[test]
fn answers_that_break_the_contract_are_cases_where_they_are_held_to_it() {
    let held = SAMPLE.replace("response: shadow", "response: enforce");
    let written = generate(&subject(&held, CONTRACT).unwrap(), 2).unwrap().remove(0);
    for part in [
        "getOrder: the service answers another type",
        "getOrder: the service answers without /",
        "expect: { decision: refuse, control: validation, code: response_invalid, status: 502 }",
    ] {
        assert!(written.text.contains(part), "no `{part}`");
    }
    let usual = generate(&subject(SAMPLE, CONTRACT).unwrap(), 2).unwrap().remove(0);
    assert!(!usual.text.contains("the service answers"), "in shadow no answer is withheld");
}

#[test]
fn what_is_wrong_with_a_suite_has_its_place() {
    for (text, part) in [
        (
            "version: 1\ntests:\n  - name: a\n    requst: GET /x\n    expect: allow\n",
            "a.yaml:4:5 unknown-key: unknown key `requst`",
        ),
        (
            "version: 1\ntests:\n  - name: a\n    request: GET /x\n    expect: { decision: alow }\n",
            "a.yaml:5:25 unknown-value: unknown value `alow`",
        ),
        (
            "version: 1\ntests:\n  - name: a\n    request: GET /x\n    expect: { decision: refuse, code: rate_limted }\n",
            "a.yaml:5:39 suite: there is no code `rate_limted`",
        ),
        (
            "version: 1\ntests:\n  - name: a\n    request: GET /x\n    expect: { decision: refuse, control: limit }\n",
            "there is no control `limit`",
        ),
        (
            "version: 1\ntests:\n  - { name: a, request: GET /x, expect: allow }\n  - { name: a, request: GET /x, expect: allow }\n",
            "a.yaml:4:13 suite: the name `a` is there twice",
        ),
        (
            "version: 1\ntests:\n  - { name: a, request: GET /x, expect: allow, at: tomorrow }\n",
            "`tomorrow` is not a moment",
        ),
        (
            "version: 1\ntests:\n  - { name: a, request: GET /x, expect: allow, from: here }\n",
            "`here` is not an address",
        ),
        (
            "version: 1\ntests:\n  - { name: a, request: GET /x, expect: allow, state: { calls: 100000 } }\n",
            "too many",
        ),
        ("version: 2\n", "version 2 is not known"),
        ("[]\n", "expected a mapping"),
        ("", "expected a mapping"),
    ] {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
        let _ = Suite::read("a.yaml", text, &mut sources, &mut found);
        let told = said(&found, &sources);
        assert!(found.has_errors() && told.contains(part), "`{part}` in `{told}`");
    }
}

#[test]
fn what_is_generated_passes_on_what_it_came_from() {
    for (document, least) in [(SAMPLE, 400), (WHOLE, 400)] {
        let subject = subject(document, CONTRACT).unwrap();
        let written = generate(&subject, 2).unwrap();
        let [written] = written.as_slice() else { panic!("one API, one file") };
        assert_eq!((&written.without_good_call, written.left_out), (&Vec::new(), 0));
        assert!(written.cases >= least, "{}", written.cases);
        let suite = suite(&written.text);
        assert_eq!(suite.cases.len(), written.cases);
        assert_eq!(failed(&suite, &run(&subject, &suite)), Vec::<String>::new());
        let again = generate(&subject, 1).unwrap();
        assert_eq!(again[0].text, written.text, "the order is stable");
        for part in [
            "without a credential",
            "with an expired token",
            "with a token for somebody else",
            "without the scope orders:admin",
            "with a query parameter that is not declared",
            "query limit of another type",
            "header Idempotency-Key is missing",
            "/lines/0/quantity too large",
            "is for reading only",
            "with a body of another media type",
            "without a body",
            "call 61 at one time",
            "a path that the contract does not have",
            "a method that the contract does not have",
        ] {
            let limit = part.starts_with("call 61") && document == WHOLE;
            assert!(limit || written.text.contains(part), "no case `{part}`");
        }
    }
}

#[test]
fn a_limit_is_shown_up_to_the_most_calls_of_a_case_and_one_beyond_is_told() {
    let top = "admission: { anonymous: { rate: 20000/s }, failures: { mode: off } }\napis:";
    let own = "{ limits: [{ per: subject, rate: 3000/min }] }";
    let own = format!("    operations: {{ getOrder: {own}, listProducts: {own} }}\n    validation:");
    let usual = SAMPLE.replace("60/min", "100000/min").replace("    validation:", &own);
    let written = generate(&subject(&usual.replace("apis:", top), CONTRACT).unwrap(), 2).unwrap();
    let text = &written[0].text;
    for part in [
        "getOrder: call 3001 at one time",
        "getOrder: call 3000 at one time, the last that passes",
        "# no case shows the limits of listOrders: 10000 calls at one time pass, and no case makes more\n",
        " without a credential: 10000 calls at one time pass, and no case makes more\n",
    ] {
        assert!(text.contains(part), "no `{part}`");
    }
    assert!(!text.contains("the limits of getOrder") && !text.contains("listOrders: call "));
    let told = &written[0].beyond_limits;
    assert!(told.iter().any(|(whose, _)| whose == "the limits of listOrders"), "{told:?}");
    // What addresses may ask for comes before.
    let written = generate(&subject(&usual, CONTRACT).unwrap(), 2).unwrap();
    let why = "no case shows the limits of listProducts: `admission` refuses call 2001 before";
    assert!(written[0].text.contains(why), "{:?}", written[0].beyond_limits);
}

#[test]
fn what_is_refused_for_another_reason_is_not_let_through() {
    let of = |document: &str| {
        let written = generate(&subject(document, CONTRACT).unwrap(), 2).unwrap().remove(0);
        println!("let through {:?}, refused {:?}", written.let_through, written.otherwise_refused);
        written
    };
    // Fifty-one lines of an order are too many, and longer than this.
    let small = of(&SAMPLE.replacen("    validation:", "    bodies: { max: 1KiB }\n    validation:", 1));
    assert_eq!(small.let_through.get("too many items"), None);
    assert!(small.otherwise_refused.contains_key("too many items"), "{:?}", small.otherwise_refused);
    let usual = of(SAMPLE);
    assert_eq!(usual.otherwise_refused.get("too many items"), None);
    // What passes is still told.
    let open = of(&SAMPLE.replacen("request: enforce", "request: shadow", 1));
    assert!(open.let_through.contains_key("too many items"), "{:?}", open.let_through);
}

#[test]
fn a_thousand_cases_are_a_thousand_verdicts() {
    let subject = subject(SAMPLE, CONTRACT).unwrap();
    let mut text = String::from("version: 1\ntests:\n");
    for number in 0..1_000 {
        let (scope, decision) =
            if number % 2 == 0 { ("orders:read", "allow") } else { ("orders:write", "refuse") };
        text.push_str(&format!(
            "  - {{ name: case {number}, request: \"GET /orders/ord_{number:06}\", credential: {{ subject: s{number}, scopes: [\"{scope}\"] }}, expect: {decision} }}\n"
        ));
    }
    let suite = suite(&text);
    let finished = run(&subject, &suite);
    assert_eq!((finished.len(), failed(&suite, &finished)), (1_000, Vec::new()));
    let refused = finished
        .iter()
        .filter(|one| one.seen.as_ref().unwrap().decided.code == Some("insufficient_scope"))
        .count();
    assert_eq!(refused, 500);
}
