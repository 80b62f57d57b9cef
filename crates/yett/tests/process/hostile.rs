//! Texts of others (of contracts, of callers, of file names) in all that commands print: they move no cursor, end no line that is not
//! theirs, turn no text around, and fill no screen. Each command has a twin with plain texts, which are shown as they are.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and its client connects on its own"
)]

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::common::{self, Gateway, House, Service, text};
use engine::text::is_hidden;
use serde_json::{Value, json};

/// Clears a screen twice over, ends a line, turns text around, and is a script.
const HOSTILE: &str = "\u{1b}[2J\u{9b}31m\r\n\u{202e}\u{2066}\u{200b}<script>alert(1)</script>";
const PLAIN: &str = "Plain";

/// JSON in ASCII, which is YAML too.
fn ascii(value: &Value) -> String {
    let mut out = String::new();
    for char in value.to_string().chars() {
        if char.is_ascii() {
            out.push(char);
        } else {
            let mut units = [0; 2];
            char.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}

/// A contract with this text wherever somebody may write one.
fn contract(text: &str) -> Value {
    let named = |name: &str| format!("{name}{text}");
    let schema =
        json!({ "type": "object", "properties": { named("p"): { "type": "string", "description": text } } });
    json!({
        "openapi": "3.1.0",
        "info": { "title": named("Title"), "version": text, "description": text },
        "security": [{ named("scheme"): [named("scope")] }],
        "components": { "securitySchemes": { named("scheme"): {
            "type": "oauth2", "flows": { "clientCredentials": { "tokenUrl": "https://idp.example/t", "scopes": { named("scope"): text } } }
        } } },
        "paths": { "/notes/{id}": { "post": {
            "operationId": named("operation"), "tags": [named("tag")], "summary": text, "deprecated": true,
            "parameters": [
                { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
                { "name": named("q"), "in": "query", "schema": { "type": "string", "enum": [named("value")] } }
            ],
            "requestBody": { "content": { "application/json": { "schema": schema } } },
            "responses": { "200": { "description": text } }
        } } }
    })
}

/// The same with what is wrong in many places.
fn wrong(text: &str) -> Value {
    let mut contract = contract(text);
    let post = &mut contract["paths"]["/notes/{id}"]["post"];
    post["parameters"][1]["schema"] =
        json!({ "type": format!("strin{text}"), "pattern": format!("(?=a){text}") });
    post["security"] = json!([{ format!("nobody{text}"): [] }]);
    post["requestBody"] = json!({ "$ref": format!("#/components/requestBodies/None{text}") });
    let get = json!({ "get": { "operationId": format!("operation{text}"), "responses": { "200": { "description": text } } } });
    contract["paths"][format!("/other{text}")] = get;
    contract["servers"] = json!([{ "url": format!("/base{text}") }]);
    contract
}

fn cases(text: &str) -> Value {
    json!({ "version": 1, "tests": [{
        "name": format!("case{text}"),
        "request": { "method": "POST", "target": "/notes/7", "json": { format!("p{text}"): text } },
        "credential": { "subject": text, "scopes": [format!("scope{text}")], "claims": { format!("c{text}"): text } },
        "upstream": { "json": text },
        "expect": { "decision": "refuse", "body": format!("b{text}"), "problem": { format!("m{text}"): text } }
    }] })
}

fn house(contract: &Value, text: &str) -> House {
    let house = House::new();
    house.write("openapi.json", &ascii(contract));
    house.write("yett.yaml", &house.document(1).replace("openapi.yaml", "openapi.json"));
    house.write("a.test.yaml", &ascii(&cases(text)));
    house
}

/// What a command prints, all of it, which has to be inert.
fn printed(house: &House, arguments: &[&str]) -> String {
    let output = house.yett(arguments);
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let hidden = all.chars().find(|char| is_hidden(*char) && !matches!(char, '\n' | '\t'));
    assert_eq!(hidden, None, "{arguments:?}: {all:?}");
    assert!(!all.is_empty(), "{arguments:?} says nothing");
    all
}

/// Commands about a configuration, and what of the text each shows of a plain one.
const OFFLINE: &[(&[&str], &str)] = &[
    (&["check"], "TitlePlain"),
    (&["check", "--format", "json"], "TitlePlain"),
    (&["audit"], "operationPlain"),
    (&["audit", "--format", "json"], "operationPlain"),
    (&["audit", "--format", "sarif"], "operationPlain"),
    (&["audit", "--format", "github"], "operationPlain"),
    (&["audit", "--fix", "--dry-run"], "operationPlain"),
    (&["config"], "openapi.json"),
    (&["test", "--generate"], "cases"),
    (&["test", "--coverage"], "casePlain"),
    (&["test", "--format", "json"], "casePlain"),
    (&["test", "--format", "junit"], "casePlain"),
    (&["diff", "yett.yaml", "yett.yaml"], "both do the same"),
    (&["promote"], "validation.response"),
    (&["init", "openapi.json", "--upstream", "http://a", "--out", "new.yaml"], "TitlePlain"),
    (&["explain", "--request", "POST /notes/7", "--claims", "{\"scope\":\"scopePlain\"}"], "operationPlain"),
];

#[test]
fn contracts_and_cases_are_inert_in_what_commands_print() {
    let plain = house(&contract(PLAIN), PLAIN);
    for (arguments, shown) in OFFLINE {
        let said = printed(&plain, arguments);
        assert!(said.contains(shown), "{arguments:?}: `{shown}` in {said}");
    }
    for contract in [contract(HOSTILE), wrong(HOSTILE)] {
        let house = house(&contract, HOSTILE);
        for (arguments, _) in OFFLINE {
            printed(&house, arguments);
        }
    }
    // What was generated is read again.
    let house = house(&contract(HOSTILE), HOSTILE);
    std::fs::remove_file(house.path("a.test.yaml")).unwrap();
    printed(&house, &["test", "--generate"]);
    assert!(house.good(&["test"]).contains("all passed"));
}

#[test]
fn names_of_a_megabyte_fill_no_screen() {
    let (long, longest) = ("W".repeat(1 << 20), "W".repeat(1_015));
    for contract in [contract(&long), wrong(&long), contract(&longest), wrong(&longest)] {
        let house = house(&contract, PLAIN);
        for arguments in [&["check"][..], &["audit"], &["test"], &["promote"], &["test", "--generate"]] {
            let said = printed(&house, arguments);
            let longest = said.lines().map(str::len).max().unwrap_or(0);
            assert!(longest <= 2_200 && said.len() <= 64 << 10, "{arguments:?}: {longest} of {}", said.len());
        }
    }
}

#[test]
fn names_on_the_command_line_are_inert() {
    let house = house(&contract(PLAIN), PLAIN);
    let file = "new\u{1b}[2J\u{202e}.yaml";
    house.write(file, "version: 1\nlsten: x\n");
    let said = printed(&house, &["check", "--config", file]);
    assert!(said.contains("did you mean `listen`?"), "{said}");
    let said = printed(&house, &["check", "--config", "a\nerror: b"]);
    assert_eq!(said.lines().count(), 1, "no line but ours: {said}");
    for arguments in [
        &["check", "--config", HOSTILE][..],
        &["check", HOSTILE],
        &["check", "--format", HOSTILE],
        &[HOSTILE],
        &["test", HOSTILE],
        &["inspect", HOSTILE],
        &["diff", HOSTILE, HOSTILE],
        &["promote", HOSTILE],
        &["explain", "--request", HOSTILE],
        &["explain", HOSTILE],
        &["events", "--since", HOSTILE],
        &["init", HOSTILE, "--upstream", "http://a"],
        &["init", "openapi.json", "--upstream", "http://a", "--owner", HOSTILE, "--out", "b.yaml"],
        &["init", "openapi.json", "--upstream", "http://a", "--host", HOSTILE, "--out", "c.yaml"],
    ] {
        printed(&house, arguments);
    }
}

/// A gateway with a store, a limit in shadow that each second call of a caller would break, and a contract of its own.
fn running(service: &Service) -> House {
    let house = House::new();
    house.write("openapi.json", &ascii(&contract(PLAIN)));
    let document = house.document(service.port).replace("openapi.yaml", "openapi.json");
    let document = document.replace("rate: 1000/min", "rate: 1/min, mode: shadow");
    house.write("yett.yaml", &format!("{document}store: {{}}\n"));
    house
}

/// One call with a hostile head; the id that its answer names.
fn call(gateway: &Gateway, target: &str, agent: &str, token: &str) -> Option<String> {
    let mut stream = TcpStream::connect(&gateway.url).unwrap();
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nuser-agent: {agent}\r\nauthorization: Bearer {token}\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let (_, rest) = answer.split_once("yett-call-id: ")?;
    rest.lines().next().map(|id| id.trim().to_owned())
}

/// Tells a running gateway of a caller and of an application by these texts, and looks at all that it says of them.
fn look(house: &House, gateway: &Gateway, text: &str, target: &str, agent: &str) -> String {
    let token = house.yett(&["token", "--subject", text, "--scope", "scopePlain"]);
    let token = common::text(&token.stdout).trim().to_owned();
    let ids: Vec<String> =
        [target, target, "/none"].iter().filter_map(|target| call(gateway, target, agent, &token)).collect();
    assert_eq!(ids.len(), 3);
    let mut said = String::new();
    for id in &ids {
        for more in [&[][..], &["--json"]] {
            said.push_str(&printed(house, &[&["explain", id.as_str()], more].concat()));
        }
    }
    for arguments in [
        &["app", "create", text, "--owner", text][..],
        &["app", "create", "shop", "--owner", text],
        &["app", "create", "shop", "--owner", "team@example.com"],
        &["key", "create", "shop", "--label", text, "--scope", text],
        &["key", "create", "shop", "--label", text, "--scope", "a"],
        &["key", "create", "shop", "--label", "nightly"],
        &["key", "list"],
        &["key", "list", "--json"],
        &["app", "show", "shop"],
        &["app", "list"],
        &["app", "list", "--json"],
        &["app", "suspend", text],
        &["revoke", "subject", text, "--issuer", "local", "--reason", text],
        &["revoke", "session", text, "--issuer", "local", "--reason", "lost"],
        &["revocations", "list"],
        &["revocations", "list", "--json"],
        &["changes", "list"],
        &["changes", "list", "--json"],
        &["events"],
        &["events", "--json"],
        &["events", "--text", text, "--outcome", "passed"],
        &["shadow", "--by", "principal"],
        &["shadow", "--by", "principal", "--format", "json"],
        &["status"],
        &["status", "--json"],
        &["reload"],
        &["diff"],
    ] {
        said.push_str(&printed(house, arguments));
    }
    said
}

#[test]
fn callers_are_inert_in_what_commands_print() {
    let service = Service::start();
    let plain = running(&service);
    let gateway = Gateway::start(&plain);
    let said = look(&plain, &gateway, PLAIN, "/notes/7", "curl");
    for part in
        ["Plain of urn:yett:", "agent curl", "/notes/7", "(nightly)", "(Plain)", ", limits, rate_limited"]
    {
        assert!(said.contains(part), "`{part}` in\n{said}");
    }
    let house = running(&service);
    let gateway = Gateway::start(&house);
    let target = "/notes/%1b%5b2J%c2%9b31m%e2%80%ae%0d%0a";
    look(&house, &gateway, HOSTILE, target, "a\u{9b}31m\u{202e}b\u{2066}");
}

/// A running gateway whose contract has this text wherever somebody may write one, and its access log in a file.
fn with_contract(service: &Service, text: &str) -> House {
    let house = House::new();
    house.write("openapi.json", &ascii(&contract(text)));
    let document = house.document(service.port).replace("openapi.yaml", "openapi.json");
    house.write("yett.yaml", &format!("{document}record: {{ access_log: \"file:access.log\" }}\n"));
    house
}

/// Whether a line of the exposition is a comment or `name{label="value",…} number`, strictly (OpenMetrics 1.0, section "Text Format").
fn is_exposition(line: &str) -> bool {
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if line.starts_with("# ") {
        return ["# HELP ", "# TYPE ", "# UNIT ", "# EOF"].iter().any(|begin| line.starts_with(begin));
    }
    let Some(end) = line.find(['{', ' ']) else { return false };
    let (name, mut rest) = line.split_at(end);
    if let Some(labels) = rest.strip_prefix('{') {
        rest = labels;
        while let Some((label, more)) = rest.split_once("=\"") {
            let mut escaped = false;
            let Some(close) = more.find(|char| {
                let closes = char == '"' && !escaped;
                escaped = char == '\\' && !escaped;
                closes
            }) else {
                return false;
            };
            rest = &more[close + 1..];
            if !is_name(label) {
                return false;
            }
            match (rest.strip_prefix(','), rest.strip_prefix('}')) {
                (Some(next), _) => rest = next,
                (None, Some(last)) => {
                    rest = last;
                    break;
                }
                (None, None) => return false,
            }
        }
    }
    is_name(name) && rest.strip_prefix(' ').is_some_and(|value| value.parse::<f64>().is_ok())
}

/// All that a running gateway writes of its contract: metrics, the access log, decisions.
fn told_of_contract(service: &Service, text: &str) -> String {
    let house = with_contract(service, text);
    let gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "alice", "--scope", "other"]).trim().to_owned();
    let ids: Vec<String> = ["/notes/7", "/notes/8?none=1", "/none"]
        .iter()
        .filter_map(|target| call(&gateway, target, "curl", &token))
        .collect();
    assert_eq!(ids.len(), 3);
    let mut said = String::new();
    for id in &ids {
        for more in [&[][..], &["--json"]] {
            said.push_str(&printed(&house, &[&["explain", id.as_str()], more].concat()));
        }
    }
    for arguments in [&["events"][..], &["events", "--json"], &["status"], &["audit", "--format", "github"]] {
        said.push_str(&printed(&house, arguments));
    }
    let (status, page) = common::call(&gateway.admin, "GET", "/metrics", None, None);
    let page = page.split_once("\r\n\r\n").map_or(page.as_str(), |(_, body)| body);
    assert_eq!(status, 200);
    let odd =
        page.lines().find(|line| !is_exposition(line) || line.contains(is_hidden) || line.len() > 2_200);
    assert_eq!(odd, None, "no line of an exposition");
    let log = testkit::until(15, || {
        let log = std::fs::read_to_string(house.path("access.log")).unwrap_or_default();
        (log.lines().count() >= ids.len()).then_some(log)
    })
    .unwrap();
    for line in log.lines() {
        assert!(serde_json::from_str::<Value>(line).is_ok() && !line.contains(is_hidden), "{line:?}");
        assert!(line.len() <= 8 << 10, "{} bytes", line.len());
    }
    said
}

#[test]
fn contracts_are_inert_in_what_a_running_gateway_tells() {
    let service = Service::start();
    let said = told_of_contract(&service, PLAIN);
    for part in
        ["missing scopes: `scopePlain`", "operationPlain", "openapi.json:1#/security", "others: `other`"]
    {
        assert!(said.contains(part), "`{part}` in\n{said}");
    }
    told_of_contract(&service, HOSTILE);
    // The longest that a contract may have.
    let said = told_of_contract(&service, &"W".repeat(1_015));
    let longest = said.lines().map(str::len).max().unwrap_or(0);
    assert!(longest <= 16 << 10 && said.len() <= 256 << 10, "{longest} of {}", said.len());
}
