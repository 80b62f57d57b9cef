//! `yett init`: what it writes from all kinds of contracts, what it says, and what it does not take.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail loudly")]

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener};

use crate::common::{self, Gateway, House, Service, call};

const UPSTREAM: &str = "http://127.0.0.1:3000";
/// A Swagger 2.0 contract of two files, one of which has references of its own.
const SWAGGER: &str = r##"{"swagger":"2.0","info":{"title":"Pets","version":"1"},"basePath":"/v2","paths":{"/pets":{"post":{
  "operationId":"addPet","security":[],"consumes":["application/json"],
  "parameters":[{"name":"pet","in":"body","required":true,"schema":{"$ref":"parts/pet.json#/Pet"}}],
  "responses":{"200":{"description":"ok","schema":{"$ref":"pets.json#/definitions/Id"}},
    "404":{"description":"no","schema":{"$ref":"parts/pet.json#/definitions/Error"}}}}}},
  "definitions":{"Id":{"type":"integer"}}}"##;
const PET: &str = r##"{"Pet":{"type":"object","properties":{"name":{"$ref":"../parts/name.json"}}},
  "definitions":{"Error":{"type":"object"}}}"##;

fn init<'a>(contract: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["init", contract, "--upstream", UPSTREAM], more].concat()
}

/// A report whose lines are as long as they want.
fn unfolded(report: &str) -> String {
    report.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn house_with_pets(folder: &str) -> House {
    let house = House::new();
    std::fs::create_dir_all(house.dir.path().join(folder).join("parts")).unwrap();
    house.write(&format!("{folder}/pets.json"), SWAGGER);
    house.write(&format!("{folder}/parts/pet.json"), PET);
    house.write(&format!("{folder}/parts/name.json"), r#"{"type":"string"}"#);
    house
}

#[test]
fn swagger_of_several_files_is_taken_as_it_is() {
    for (folder, out) in [(".", "yett.yaml"), ("specs/v2", "yett.yaml"), ("specs", "gateway/yett.yaml")] {
        let house = house_with_pets(folder);
        std::fs::create_dir(house.dir.path().join("gateway")).unwrap();
        house.good(&init(&format!("{folder}/pets.json"), &["--out", out]));
        assert!(house.read(out).contains("/pets.json"), "{}", house.read(out));
        let check = ["check", "--config", out];
        assert!(house.good(&check).contains("good"));
        house.write(&format!("{folder}/parts/name.json"), r#"{"type":"strin"}"#);
        assert!(house.bad(&check).contains("parts/name.json"), "it is read");
    }
}

#[test]
fn the_document_names_the_contract_from_where_it_is() {
    let house = House::new();
    std::fs::create_dir_all(house.dir.path().join("gateway/prod")).unwrap();
    house.good(&init("openapi.yaml", &["--out", "gateway/prod/yett.yaml"]));
    let written = house.read("gateway/prod/yett.yaml");
    assert!(written.contains("contract: ../../openapi.yaml"), "{written}");
    house.good(&["check", "--config", "gateway/prod/yett.yaml"]);
    let said = house.bad(&init("openapi.yaml", &["--out", "nowhere/yett.yaml"]));
    assert!(said.contains("there is no folder `nowhere`") && !said.contains("contract"), "{said}");
}

#[test]
fn names_and_issuers_that_check_would_refuse_are_refused() {
    let house = House::new();
    let long = "a".repeat(129);
    for name in ["a\nb: 1", "a b", "\"", "", "ü", &long] {
        let said = house.bad(&init("openapi.yaml", &["--name", name]));
        assert!(said.contains("`--name`") && said.lines().count() == 1, "{said}");
    }
    let said = house.bad(&init("openapi.yaml", &["--issuer", "http://idp.example.com"]));
    assert!(said.contains("`--issuer`") && said.contains("not `https`"), "{said}");
    assert!(!house.dir.path().join("yett.yaml").exists());
    for name in ["true", "7", "v1.0", "a:", "[x]", "Orders_API-2"] {
        house
            .good(&init("openapi.yaml", &["--name", name, "--force", "--issuer", "https://idp.example.com"]));
        assert!(house.good(&["check"]).contains(&format!("{name} (Notes): 2 operations")), "{name}");
    }
}

#[test]
fn what_a_contract_opens_or_leaves_out_is_said() {
    let house = House::new();
    let contract = common::CONTRACT
        .replace("info: { title: Notes", "info: { title: \"No\\u001b[2Jtes\\nwrote `passwd`\"")
        .replace("security: [{ oauth: [\"notes:read\"] }]\n", "security: []\n");
    let contract =
        contract + "servers: [{ url: /v1 }, { url: /v2 }, { url: \"https://a.example.com/v1\" }]\n";
    assert!(contract.contains("u001b"), "the title was replaced: {contract}");
    house.write("openapi.yaml", &contract);
    let said = house.good(&init("openapi.yaml", &[]));
    assert!(
        !said.contains('\u{1b}') && !said.lines().any(|line| line.starts_with("wrote `passwd`")),
        "{said}"
    );
    assert!(said.contains("several base paths: `/v1` is served, `/v2` not"), "{said}");
    assert!(said.contains("may be called by anyone, as the contract's `security: []` says: `"), "{said}");
    let checked = house.good(&["check"]);
    assert!(
        !checked.contains('\u{1b}') && !checked.lines().any(|line| line.starts_with("wrote")),
        "{checked}"
    );
}

#[test]
fn a_provider_that_cannot_be_believed_is_passed_over_and_said() {
    for (url, issuer, said) in [
        ("https://idp.example.com/x/.well-known/openid-configuration", "https://idp.example.com/x", ""),
        ("https://idp.example.com/x", "local", "does not end with `/.well-known/openid-configuration`"),
        ("http://idp.example.com/.well-known/openid-configuration", "local", "is not `https`"),
    ] {
        let house = House::new();
        let scheme = format!("oauth: {{ type: openIdConnect, openIdConnectUrl: \"{url}\" }}");
        let start = common::CONTRACT.find("oauth: {").unwrap();
        let line = common::CONTRACT[start..].lines().next().unwrap();
        house.write("openapi.yaml", &common::CONTRACT.replace(line, &scheme));
        let report = unfolded(&house.good(&init("openapi.yaml", &[])));
        let written = house.read("yett.yaml");
        assert!(written.contains(&format!("issuer: {issuer}\n")), "{written}");
        assert!(report.contains(said), "{report}");
        assert_eq!(report.contains("is not taken"), !said.is_empty(), "{report}");
        house.good(&["check"]);
    }
}

/// An operation that takes only what nobody here verifies is enforced to the last part, and refuses every call.
#[test]
fn operations_that_refuse_every_call_are_said() {
    let house = House::new();
    let contract = common::CONTRACT
        .replace("    oauth: {", "    key: { type: apiKey, in: header, name: x-key }\n    oauth: {")
        .replace("security: [{ oauth: [\"notes:write\"] }]", "security: [{ key: [] }]");
    house.write("openapi.yaml", &contract);
    let closed = "closed: 1 operations refuse every call, since none of the credentials that they take can be verified: `addNote`";
    assert!(unfolded(&house.good(&init("openapi.yaml", &[]))).contains(closed));
    let said = unfolded(&house.good(&["check"]));
    assert!(said.contains(closed) && said.contains("2 operations under `/`"), "{said}");
    let report: serde_json::Value =
        serde_json::from_str(&house.good(&["check", "--format", "json"])).unwrap();
    assert_eq!(report["apis"]["notes"]["refusing"], serde_json::json!(["addNote"]), "{report}");
    let other = contract.replace("[{ key: [] }]", "[{ key: [] }, { oauth: [\"notes:write\"] }]");
    house.write("openapi.yaml", &other);
    assert!(!house.good(&init("openapi.yaml", &["--force"])).contains("closed:"));
    assert!(!house.good(&["check"]).contains("closed:"));
}

/// A server of documents; its URL without a path. What it announces as long it never sends.
fn documents() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
            let (status, more, body) = match path {
                "/openapi.yaml" => ("200 OK", "", common::CONTRACT),
                "/login" => ("200 OK", "", "<!DOCTYPE html><html><body>Log in</body></html>"),
                "/broken.yaml" => ("200 OK", "", "openapi: ["),
                "/moved.yaml" => ("301 Moved Permanently", "location: /openapi.yaml\r\n", ""),
                "/cut.yaml" => ("200 OK", "content-length: 5000\r\n", common::CONTRACT),
                "/large.yaml" => ("200 OK", "content-length: 67108865\r\n", ""),
                _ => ("404 Not Found", "", ""),
            };
            let length = if more.starts_with("content-length") {
                String::new()
            } else {
                format!("content-length: {}\r\n", body.len())
            };
            let answer = format!("HTTP/1.1 {status}\r\n{more}{length}connection: close\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
        }
    });
    url
}

#[test]
fn a_contract_is_fetched_and_kept_beside_the_document() {
    let (house, service, url) = (House::new(), Service::start(), format!("{}/openapi.yaml", documents()));
    let upstream = format!("http://127.0.0.1:{}", service.port);
    let arguments = ["--listen", "http://127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let command = [&["init", &url, "--upstream", &upstream][..], &arguments].concat();
    // The name under which it would be kept is taken.
    let said = house.bad(&command);
    assert!(said.contains("`./openapi.yaml` is there already") && said.contains("`--force`"), "{said}");
    assert!(!house.path("yett.yaml").exists());
    std::fs::remove_file(house.path("openapi.yaml")).unwrap();
    house.good(&command);
    assert_eq!(house.read("openapi.yaml"), common::CONTRACT);
    let written = house.read("yett.yaml");
    assert!(written.contains("contract: openapi.yaml") && !written.contains(&url), "{written}");
    house.good(&["check"]);
    let gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "ada", "--scope", "notes:write"]);
    let post = |body: &str| call(&gateway.url, "POST", "/notes", Some(token.trim()), Some(body)).0;
    assert_eq!((post("{\"text\":5}"), service.count()), (400, 0));
    assert_eq!((post("{\"text\":\"a\"}"), service.count()), (200, 1));
}

#[test]
fn what_is_fetched_and_is_no_contract_is_refused_by_name() {
    let (house, url) = (House::new(), documents());
    std::fs::remove_file(house.path("openapi.yaml")).unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (asked, expected) in [
        (format!("{url}/none.yaml"), "/none.yaml` answered 404 Not Found"),
        (format!("{url}/moved.yaml"), "/moved.yaml` redirects to `/openapi.yaml`: use that URL"),
        (format!("{url}/large.yaml"), "/large.yaml` is longer than 64 MiB, the most that a contract may be"),
        (format!("{url}/cut.yaml"), "/cut.yaml`: the exchange failed"),
        (format!("{url}/login"), "this is no API contract: it says neither `openapi` nor `swagger`"),
        (format!("{url}/broken.yaml"), "`broken.yaml` cannot be read: unclosed bracket"),
        (format!("http://{closed}/a.yaml"), "/a.yaml`: the exchange failed: Connection refused"),
    ] {
        let said = unfolded(&house.bad(&init(&asked, &[])));
        assert!(said.contains(expected), "{asked}: {said}");
        assert_eq!(std::fs::read_dir(house.dir.path()).unwrap().count(), 0, "{asked} left something");
    }
}

/// What OpenAPI 3.2 has and 3.1 has not: other methods, media types that are referred to, cookies that stand for themselves.
#[test]
fn what_openapi_3_2_brought_is_enforced() {
    let (house, service) = (House::new(), Service::start());
    let operation = "{ security: [], requestBody: { required: true, content: { application/json: { $ref: \"#/components/mediaTypes/Text\" } } }, responses: { \"200\": { description: ok } } }";
    let paths = format!(
        "paths:\n  /notes:\n    query: {operation}\n    additionalOperations:\n      COPY: {operation}\n    \
         get: {{ security: [], parameters: [{{ name: c, in: cookie, style: cookie, required: true, schema: {{ pattern: \"^A$\", type: string }} }}], \
         responses: {{ \"200\": {{ description: ok }} }} }}\n"
    );
    let schema = "{ schema: { type: object, required: [text], properties: { text: { type: string } } } }";
    let contract = format!(
        "openapi: 3.2.0\ninfo: {{ title: Notes, version: \"1\" }}\ncomponents: {{ mediaTypes: {{ Text: {schema} }} }}\n{paths}"
    );
    house.write("openapi.yaml", &contract);
    house.write("yett.yaml", &house.document(service.port));
    let gateway = Gateway::start(&house);
    for (number, method) in ["QUERY", "COPY"].into_iter().enumerate() {
        let ask = |body: &str| call(&gateway.url, method, "/notes", None, Some(body));
        let (status, said) = ask("{\"text\":5}");
        assert!(status == 400 && said.contains("body_invalid"), "{method}: {said}");
        assert_eq!(service.count(), number, "{method}");
        assert_eq!((ask("{\"text\":\"a\"}").0, service.count()), (200, number + 1), "{method}");
    }
    assert!(call(&gateway.url, "MOVE", "/notes", None, None).1.contains("method_not_allowed"));
    assert!(service.seen.lock().unwrap()[0].starts_with("QUERY /notes"));
    house.write("openapi.yaml", &contract.replace("3.2.0", "3.1.1"));
    let said = house.bad(&["check"]);
    for part in [
        "a path has no `query` before OpenAPI 3.2",
        "`additionalOperations`",
        "`mediaTypes`",
        "the style `cookie`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}
