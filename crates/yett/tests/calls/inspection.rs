//! The Core Rule Set in front of a service: what it takes for an attack does not get there, and what is like it does.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::*;
use testkit::{Answer, Http2, Recorder, Reply, until};

/// Where the Core Rule Set is.
fn crs() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/crs");
    assert!(
        folder.join("rules").is_dir(),
        "the OWASP Core Rule Set 4.28 is not at `../shared/crs` beside the repository: put its `rules` and `crs-setup.conf.example` there"
    );
    folder.canonicalize().unwrap()
}

fn document(upstream: &str, rules: &Path, more: &str) -> String {
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
         record: {{ access_log: \"file:access.log\" }}\napis:\n  t:\n    contract: none\n    \
         allow: [\"GET /notes\", \"* /*\"]\n    unsecured: anonymous\n    upstream: {upstream}\n    \
         inspection:\n      rules: \"file:{}\"\n{}",
        rules.display(),
        more.lines().fold(String::new(), |all, line| all + "      " + line + "\n")
    )
}

fn start(recorder: &Recorder, more: &str) -> Gateway {
    Gateway::with_document(&document(&recorder.url(), &crs(), more))
}

fn refused() -> Expect {
    Expect::Problem(403, "payload_refused")
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn multipart(file: &str) -> Vec<u8> {
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{file}\"\r\n\
         Content-Type: image/jpeg\r\n\r\nnothing\r\n--b--\r\n"
    );
    send("POST", "/things", "Content-Type: multipart/form-data; boundary=b\r\n", body)
}

/// An attack in each part of a call, and what is like it.
fn attacks() -> Vec<Case> {
    let long = |value: &str| format!(r#"{{"filler":"{}","last":"{value}"}}"#, "lorem ipsum ".repeat(4_000));
    let soap = |text: &str| {
        send("POST", "/things", "Content-Type: application/xml\r\n", format!("<a><b>{text}</b></a>"))
    };
    vec![
        case("query", get("/things?q=1%27%20OR%20%271%27=%271", ""), refused())
            .twin(get("/things?q=1+or+2", "")),
        case(
            "query, encoded twice",
            get("/things?q=%253Cscript%253Ealert(1)%253C/script%253E", ""),
            refused(),
        )
        .twin(get("/things?q=100%2525", "")),
        case("path", get("/things/%3Cscript%3Ealert(1)", ""), refused()).twin(get("/things/scripts", "")),
        case("header", get("/things", "User-Agent: () { :; }; echo; /bin/bash -c id\r\n"), refused())
            .twin(get("/things", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n")),
        case("cookie", get("/things", "Cookie: a=1' OR '1'='1\r\n"), refused())
            .twin(get("/things", "Cookie: a=1; b=or\r\n")),
        case("JSON value", post_json("/things", r#"{"user":{"names":["x","1' or '1'='1"]}}"#), refused())
            .twin(post_json("/things", r#"{"user":{"names":["x","one or one"]}}"#)),
        case("end of a long JSON", post_json("/things", long("<script>alert(1)</script>")), refused())
            .twin(post_json("/things", long("script"))),
        case(
            "nested form",
            send("POST", "/things", FORM, "a%5Bb%5D%5Bc%5D=%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
            refused(),
        )
        .twin(send("POST", "/things", FORM, "a%5Bb%5D%5Bc%5D=script")),
        case("multipart file name", multipart("shell.php"), refused()).twin(multipart("photo.jpg")),
        case("XML text", soap("1&apos; or &apos;1&apos;=&apos;1"), refused()).twin(soap("one or one")),
        case("JSON that is none", post_json("/things", r#"{"a":"#), refused())
            .twin(post_json("/things", "{}")),
    ]
}

#[test]
fn attacks_do_not_get_through_and_their_twins_do() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, "mode: enforce");
    judge(&gateway, &recorder, &attacks());
    reaches_naive(&attacks());
    assert!(gateway.metric("yett_verdicts_total", &[("control", "inspection"), ("outcome", "refuse")]) > 0.0);
}

/// Debian's package of the set, version 3.3: its settings, and what comes before and after its rules, lie apart.
#[test]
fn the_package_of_debian_decides_as_the_set_does() {
    let rules = Path::new("/usr/share/modsecurity-crs");
    assert!(rules.join("rules").is_dir(), "`modsecurity-crs` is missing: run `make peers`");
    let recorder = Recorder::start();
    let section = "setup: \"file:/etc/modsecurity/crs\"\nmode: enforce";
    let gateway = Gateway::with_document(&document(&recorder.url(), rules, section));
    let wanted = ["query", "query, encoded twice", "header", "cookie", "JSON value", "nested form"];
    let cases: Vec<Case> =
        attacks().into_iter().filter(|case| wanted.contains(&case.name.as_str())).collect();
    assert_eq!(cases.len(), wanted.len());
    judge(&gateway, &recorder, &cases);
}

/// With the detectors of our own.
fn start_builtin(recorder: &Recorder, more: &str) -> Gateway {
    let document = document(&recorder.url(), Path::new("builtin"), more);
    Gateway::with_document(&document.replace("\"file:builtin\"", "builtin"))
}

/// An attack in a field of a message of Protocol Buffers, as it is and in a frame of gRPC, and what is like it.
fn protobuf() -> Vec<Case> {
    let field =
        |number: u8, held: &[u8]| [&[number << 3 | 2, u8::try_from(held.len()).unwrap()][..], held].concat();
    let message = |text: &str| [&[0x08, 0x01][..], &field(3, &field(2, text.as_bytes()))].concat();
    let framed = |flag: u8, held: &[u8]| {
        [&[flag][..], &u32::try_from(held.len()).unwrap().to_be_bytes(), held].concat()
    };
    let plain = |body: Vec<u8>| send("POST", "/things", "Content-Type: application/x-protobuf\r\n", body);
    let grpc = |body: Vec<u8>| send("POST", "/things", "Content-Type: application/grpc+proto\r\n", body);
    let (bad, good) = (message("1' OR '1'='1"), message("One or one"));
    let malformed = Expect::Problem(400, "body_malformed");
    vec![
        case("field of Protocol Buffers", plain(bad.clone()), refused()).twin(plain(good.clone())),
        case("field in a frame of gRPC", grpc(framed(0, &bad)), refused()).twin(grpc(framed(0, &good))),
        case("a second frame", grpc([framed(0, &good), framed(0, &bad)].concat()), refused())
            .twin(grpc([framed(0, &good), framed(0, &good)].concat())),
        case("a compressed frame", grpc(framed(1, &good)), malformed.clone()).twin(grpc(framed(0, &good))),
        case("what is no message", plain(b"\x07attack".to_vec()), malformed).twin(plain(good)),
    ]
}

#[test]
fn builtin_reads_protocol_buffers_field_by_field() {
    let recorder = Recorder::start();
    let gateway = start_builtin(&recorder, "mode: enforce");
    judge(&gateway, &recorder, &protobuf());
    reaches_naive(&protobuf());
    let reply = gateway.call(&protobuf()[0].hostile);
    let detail = verdict(&gateway, &reply)["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("`protobuf:protobuf.3.2`"), "{detail}");
}

/// What the detectors of our own find of the same; names of files that a server would run, and bodies that are broken, are for
/// the controls of uploads and bodies to refuse.
fn found_by_builtin() -> Vec<Case> {
    let others = ["multipart file name", "JSON that is none"];
    let wrapped =
        case("JSON in base64", post_json("/things", r#"{"a":"eyJiIjoiMScgb3IgJzEnPScxIn0="}"#), refused())
            .twin(post_json("/things", r#"{"a":"eyJiIjoiT25lIG9yIG9uZSJ9"}"#));
    attacks().into_iter().filter(|case| !others.contains(&case.name.as_str())).chain([wrapped]).collect()
}

#[test]
fn builtin_refuses_attacks_and_lets_their_twins_through() {
    let recorder = Recorder::start();
    let gateway = start_builtin(&recorder, "mode: enforce");
    judge(&gateway, &recorder, &found_by_builtin());
    reaches_naive(&found_by_builtin());
    let reply = gateway.call(get("/things?secret=1%27%20OR%20%271%27=%271", ""));
    let detail = verdict(&gateway, &reply)["detail"].as_str().unwrap().to_owned();
    assert!(detail.starts_with("score 6 of 5; sql/condition 6 in `query:secret` (plain, "), "{detail}");
    for hidden in ["SQL", "sql", "score", "secret"] {
        assert!(!reply.text().contains(hidden), "{}", reply.text());
    }
    let shadow = start_builtin(&recorder, "mode: shadow");
    for attack in found_by_builtin() {
        let calls = recorder.count();
        let reply = shadow.call(&attack.hostile);
        assert_eq!((reply.status, recorder.count()), (200, calls + 1), "{}", attack.name);
        assert_eq!(verdict(&shadow, &reply)["mode"], "shadow", "{}", attack.name);
    }
}

/// The verdict of the control that ended the call, or would have.
fn verdict(gateway: &Gateway, reply: &Reply) -> serde_json::Value {
    let line = gateway.log_of(reply);
    let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
    let found = verdicts.into_iter().find(|one| one["control"] == "inspection" && one["outcome"] == "refuse");
    found.unwrap_or_else(|| panic!("no refusal of inspection in {line}"))
}

#[test]
fn the_decision_says_rules_score_and_part_and_the_caller_learns_nothing() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, "mode: enforce");
    let reply = gateway.call(get("/things?secret=1%27%20OR%20%271%27=%271", ""));
    let detail = verdict(&gateway, &reply)["detail"].as_str().unwrap().to_owned();
    for part in ["942100", "score ", " of 5", "`ARGS:secret`", "REQUEST-942-APPLICATION-ATTACK-SQLI.conf:"] {
        assert!(detail.contains(part), "{part}: {detail}");
    }
    assert!(!detail.contains('\''), "a value in {detail}");
    let told = reply.text();
    for hidden in ["942", "SQL", "score", "secret", "CRS"] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
}

#[test]
fn shadow_reports_and_changes_nothing() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, "mode: shadow");
    for attack in attacks() {
        let calls = recorder.count();
        let reply = gateway.call(&attack.hostile);
        assert_eq!((reply.status, recorder.count()), (200, calls + 1), "{}", attack.name);
        let found = verdict(&gateway, &reply);
        assert_eq!((&found["mode"], &found["code"]), (&"shadow".into(), &"payload_refused".into()));
        let (sent, got) = (&attack.hostile, recorder.last().body);
        assert!(sent.ends_with(&got), "{}: the body has changed", attack.name);
    }
    assert!(gateway.call(get("/things?q=shoes", "")).status == 200);
}

/// Rules of a file and detectors of our own alike: what one family alone takes for an attack passes and is recorded under its name, what
/// the others do is refused.
#[test]
fn one_family_in_shadow_refuses_nothing_and_the_others_do() {
    let recorder = Recorder::start();
    let more = |mode: &str| format!("modes: {{ new-sql: {{ tag: attack-sqli, mode: {mode} }} }}");
    let sql = get("/things?q=1%27%20OR%20%271%27=%271", "");
    let body = post_json("/things", r#"{"user":{"names":["x","1' or '1'='1"]}}"#);
    let script = get("/things?q=%3Cscript%3Ealert(1)%3C/script%3E", "");
    let both = get("/things?q=1%27%20OR%20%271%27=%271&r=%3Cscript%3Ealert(1)%3C/script%3E", "");
    for start in [start, start_builtin] {
        let shadow = start(&recorder, &more("shadow"));
        for call in [&sql, &body] {
            let calls = recorder.count();
            let reply = shadow.call(call);
            assert_eq!((reply.status, recorder.count()), (200, calls + 1));
            let found = verdict(&shadow, &reply);
            assert_eq!((&found["mode"], &found["code"]), (&"shadow".into(), &"payload_refused".into()));
            let detail = found["detail"].as_str().unwrap();
            assert!(detail.contains("942") || detail.contains("sql/"), "{detail}");
        }
        let calls = recorder.count();
        for call in [&script, &both] {
            assert_eq!(shadow.call(call).status, 403);
        }
        assert_eq!(recorder.count(), calls);
        let quiet = shadow.call(get("/things?q=shoes", ""));
        let verdicts = shadow.log_of(&quiet)["verdicts"].to_string();
        assert!(quiet.status == 200 && !verdicts.contains("shadow"), "{verdicts}");
        assert_eq!(start(&recorder, &more("off")).call(sql.clone()).status, 200);
        assert_eq!(start(&recorder, &more("enforce")).call(sql.clone()).status, 403);
    }
}

/// `:authority` is a `Host` to rules, and the body comes in frames.
#[test]
fn over_http_2_the_same_holds() {
    let recorder = Recorder::start();
    let gateway = start(&recorder, "mode: enforce");
    let mut client = Http2::connect(gateway.address);
    let mut stream = 1;
    let mut call = |path: &[u8], cookie: &[u8], body: &str| {
        let method: &[u8] = if body.is_empty() { b"GET" } else { b"POST" };
        let mut fields: Vec<(&[u8], &[u8])> = vec![
            (b":method", method),
            (b":scheme", b"http"),
            (b":authority", b"api.test"),
            (b":path", path),
            (b"cookie", cookie),
        ];
        if !body.is_empty() {
            fields.push((b"content-type", b"application/json"));
        }
        client.headers(stream, &fields, body.is_empty());
        if !body.is_empty() {
            client.data(stream, body.as_bytes(), true);
        }
        let outcome = client.outcome(stream);
        stream += 2;
        (outcome.status(), outcome.code())
    };
    let refused = (Some(403), Some(String::from("payload_refused")));
    assert_eq!(call(b"/things?q=1'%20OR%20'1'='1", b"a=1", ""), refused);
    assert_eq!(call(b"/things", b"a=1' OR '1'='1", ""), refused);
    assert_eq!(call(b"/things", b"a=1", "{\"a\":[\"<script>alert(1)</script>\"]}"), refused);
    assert_eq!(recorder.count(), 0);
    assert_eq!(call(b"/things?q=one", b"a=1", "").0, Some(200));
    assert_eq!(call(b"/things", b"a=1", "{\"a\":[\"script\"]}").0, Some(200));
    assert_eq!(recorder.count(), 2);
}

/// What a rule file comes to when it is written anew while the gateway runs.
#[test]
fn rule_files_are_reloaded_and_broken_ones_leave_the_old_serving() {
    let recorder = Recorder::start();
    let dir = tempfile::tempdir().unwrap();
    let rule = |id: u32, word: &str| {
        format!("SecRule ARGS:q \"@streq {word}\" \"id:{id},phase:2,deny,log,msg:'a word'\"\n")
    };
    let write = |name: &str, text: &str| {
        let draft = dir.path().join(".draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, dir.path().join(name)).unwrap();
    };
    write("one.conf", &rule(1, "evil"));
    let gateway = Gateway::with_document(&document(&recorder.url(), dir.path(), ""));
    let status = |word: &str| gateway.call(get(&format!("/things?q={word}"), "")).status;
    let said =
        |text: &str| assert!(until(20, || gateway.said().contains(text).then_some(())).is_some(), "{text}");
    assert_eq!((status("evil"), status("bad")), (403, 200));
    write("one.conf", &rule(1, "bad"));
    said("configuration 2 serves now");
    assert_eq!((status("evil"), status("bad")), (200, 403));
    write("one.conf", "# a comment\nSecRule ARGS:q \"@nonsense x\" \"id:1,phase:2,deny\"\n");
    said("reload failed");
    said("one.conf:2:");
    assert_eq!((status("evil"), status("bad")), (200, 403));
    write("one.conf", &rule(1, "bad"));
    // A file that was not there before is one of the set.
    write("two.conf", &rule(2, "evil"));
    said("configuration 3 serves now");
    assert_eq!((status("evil"), status("bad")), (403, 403));
}

#[test]
fn paranoia_and_threshold_change_the_outcome() {
    let recorder = Recorder::start();
    let strange = get("/things?q=a%21%25b", "User-Agent: x\r\nAccept: */*\r\n");
    let address = b"GET /things HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n".to_vec();
    for (more, of_strange, of_address) in [
        ("", 200, 200),
        ("paranoia: 1", 200, 200),
        ("paranoia: 4", 403, 200),
        ("threshold: { inbound: 3 }", 200, 403),
        ("paranoia: 4\nthreshold: { inbound: 1000 }", 200, 200),
    ] {
        let gateway = start(&recorder, more);
        let statuses = (gateway.call(&strange).status, gateway.call(&address).status);
        assert_eq!(statuses, (of_strange, of_address), "{more}");
    }
}

#[test]
fn an_exclusion_lets_exactly_one_thing_pass() {
    let recorder = Recorder::start();
    let sql = "1%27%20OR%20%271%27=%271";
    let cases = [
        (format!("/notes?q={sql}"), 200),
        (format!("/notes?p={sql}"), 403),
        (format!("/things?q={sql}"), 403),
        (String::from("/notes?q=%3Cscript%3Ealert(1)"), 403),
        (format!("/notes?q={sql}&q2={sql}"), 403),
    ];
    let more = "exclude: [{ tag: attack-sqli, parameters: [q], operations: [\"GET /notes\"] }]";
    let gateway = start(&recorder, more);
    for (target, status) in &cases {
        assert_eq!(gateway.call(get(target, "")).status, *status, "{target}");
    }
    let without = start(&recorder, "");
    assert!(cases.iter().all(|(target, _)| without.call(get(target, "")).status == 403));
}

#[test]
fn bodies_that_cannot_be_read_to_the_end_are_refused_or_read_to_the_limit_as_configured() {
    let recorder = Recorder::start();
    let padded = |length: usize, tail: &str| {
        send("POST", "/things", FORM, format!("a={}&b={tail}", "x".repeat(length)))
    };
    let attack = "%3Cscript%3Ealert(1)%3C%2Fscript%3E";
    let refusing = start(&recorder, "body: { max: 8KiB }");
    let large = Expect::Problem(413, "body_too_large");
    judge(
        &refusing,
        &recorder,
        &[
            case("longer", padded(9_000, "x"), large).twin(padded(8_000, "x")),
            case("an attack within", padded(8_000, attack), refused()).twin(padded(8_000, "script")),
            case(
                "a coding",
                send("POST", "/things", &format!("{FORM}Content-Encoding: gzip\r\n"), "x"),
                Expect::Problem(415, "coding_unsupported"),
            )
            .twin(send(
                "POST",
                "/things",
                &format!("{FORM}Content-Encoding: identity\r\n"),
                "x=1",
            )),
        ],
    );
    let reading = start(&recorder, "body: { max: 8KiB, over: inspect }");
    judge(
        &reading,
        &recorder,
        &[case("an attack within", padded(8_000, attack), refused()).twin(padded(9_000, attack))],
    );
}

#[test]
fn answers_that_leak_are_withheld() {
    let recorder = Recorder::start();
    let leak = "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version";
    recorder.script(move |call| match call.target() {
        "/leak" => Answer::json(200, format!("{{\"error\":\"{leak}\"}}")),
        _ => Answer::json(200, "{\"error\":\"none\"}"),
    });
    let gateway = start(&recorder, "answers: enforce");
    let reply = gateway.call(get("/leak", ""));
    assert_eq!((reply.status, reply.code().as_deref()), (502, Some("answer_refused")));
    assert!(!reply.text().contains("SQL"), "{}", reply.text());
    assert!(verdict(&gateway, &reply)["detail"].as_str().unwrap().contains("951"));
    assert_eq!(gateway.call(get("/other", "")).status, 200);
    let shadow = start(&recorder, "answers: shadow");
    let reply = shadow.call(get("/leak", ""));
    assert!(reply.status == 200 && reply.text().contains("SQL"));
    assert_eq!(verdict(&shadow, &reply)["mode"], "shadow");
    let off = start(&recorder, "");
    assert_eq!(off.call(get("/leak", "")).status, 200);
    // One family of them.
    let one = start(
        &recorder,
        "answers: enforce\nmodes: { sql: { tag: attack-disclosure, mode: shadow }, not: { rule: 953100, mode: shadow } }",
    );
    let reply = one.call(get("/leak", ""));
    assert!(reply.status == 200 && reply.text().contains("SQL"));
    let found = verdict(&one, &reply);
    assert_eq!((&found["mode"], &found["code"]), (&"shadow".into(), &"answer_refused".into()));
}

/// `yett check` says what is wrong with rules where they are written.
#[test]
fn what_is_wrong_with_the_section_or_its_rules_is_said_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("empty")).unwrap();
    std::fs::write(dir.path().join("bad.conf"), "\nSecRule NOTHING \"x\" \"id:1,phase:1,pass\"\n").unwrap();
    std::fs::write(dir.path().join("good.conf"), "SecRule ARGS \"x\" \"id:1,phase:2,pass,tag:'t'\"\n")
        .unwrap();
    let check = |rules: &str, more: &str| {
        let document =
            document("http://127.0.0.1:1", Path::new(rules), more).replace("\"file:builtin\"", "builtin");
        std::fs::write(dir.path().join("yett.yaml"), document).unwrap();
        let output =
            Command::new(env!("CARGO_BIN_EXE_yett")).arg("check").current_dir(dir.path()).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(check("good.conf", "exclude: [{ rule: 1, parameters: [a] }, { tag: t }]").0);
    assert!(check("good.conf", "modes: { a: { rule: 1, mode: shadow, operations: [\"GET /notes\"] } }").0);
    assert!(
        check("builtin", "exclude: [{ tag: attack-sqli, parameters: [q] }]\nthreshold: { inbound: 6 }").0
    );
    assert!(check("none.conf", "mode: off").1.contains("none.conf"), "a file that is named has to be there");
    for (rules, more, said) in [
        ("bad.conf", "", "bad.conf:2:9"),
        ("builtin", "answers: enforce", "`answers` cannot be set with `rules: builtin`"),
        ("builtin", "paranoia: 2", "`paranoia` says nothing to `rules: builtin`"),
        ("builtin", "setup: file:good.conf", "`setup` says nothing to `rules: builtin`"),
        ("builtin", "threshold: { inbound: 11 }", "`inbound: 11` would refuse no call"),
        ("builtin", "threshold: { outbound: 4 }", "`threshold.outbound` says nothing to `rules: builtin`"),
        ("builtin", "exclude: [{ rule: 1 }]", "`rule: 1` says nothing to `rules: builtin`"),
        ("builtin", "exclude: [{ tag: u }]", "no family of detectors has the tag `u`"),
        ("none", "", "`none` cannot be read: there is no such file"),
        ("empty", "", "it holds no file of rules"),
        ("good.conf", "paranoia: 5", "`paranoia: 5` is out of range"),
        ("good.conf", "threshold: { inbound: 0 }", "would refuse every call"),
        ("good.conf", "body: { max: 0B }", "is out of range"),
        ("good.conf", "sudo: true", "unknown key `sudo`"),
        ("good.conf", "exclude: [{ rule: 2 }]", "no rule that was loaded has the id 2"),
        ("good.conf", "exclude: [{ tag: u }]", "no rule that was loaded has the tag `u`"),
        ("good.conf", "exclude: [{ parameters: [a], operations: [\"/x\"] }]", "`/x` selects no operation"),
        ("good.conf", "exclude: [{}]", "would leave out everything"),
        ("good.conf", "exclude: [{ rule: 1, tag: t }]", "not both"),
        ("good.conf", "modes: { a: { rule: 2, mode: shadow } }", "no rule that was loaded has the id 2"),
        ("good.conf", "modes: { a: { mode: shadow } }", "`modes.a` has `rule` or `tag`, and one of them"),
        ("good.conf", "modes: { a: { rule: 1, tag: t, mode: off } }", "`modes.a` has `rule` or `tag`"),
        ("good.conf", "modes: { a: { rule: 1 } }", "the key `mode` is missing"),
        (
            "good.conf",
            "modes: { a: { rule: 1, mode: shadow, operations: [\"/x\"] } }",
            "`/x` selects no operation",
        ),
        ("builtin", "modes: { a: { rule: 1, mode: shadow } }", "`rule: 1` says nothing to `rules: builtin`"),
        ("builtin", "modes: { a: { tag: u, mode: shadow } }", "no family of detectors has the tag `u`"),
    ] {
        let (good, text) = check(rules, more);
        assert!(!good && text.contains(said), "{rules} {more}: {text}");
    }
}
