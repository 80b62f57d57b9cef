//! Commands that need no running gateway.

use crate::common::{self, House};

#[test]
fn check_tells_people_everything_at_once() {
    let house = House::new();
    house.write(
        "yett.yaml",
        "version: 1\nlisten: http://127.0.0.1:8080\napis:\n  notes:\n    contract: ./openapi.yaml\n    upstrem: http://127.0.0.1:1\n    issuer: local\n  other:\n    contract: ./none.yaml\n    upstream: http://127.0.0.1:1\n    issuer: local\n",
    );
    let said = house.bad(&["check"]);
    for part in [
        "error[unknown-key]: unknown key `upstrem`",
        "yett.yaml:6:5",
        "    upstrem: http://127.0.0.1:1",
        "did you mean `upstream`?",
        "error[file-missing]",
        "yett.yaml:9:15",
        "there is no such file",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "no color where nobody looks");
}

#[test]
fn check_tells_machines_the_same_shape_always() {
    let house = House::new();
    house.write(
        "yett.yaml",
        "version: 1\nlisten: http://127.0.0.1:8080\napis:\n  notes:\n    contract: ./openapi.yaml\n    upstream: http://127.0.0.1:1\n    issuer: local\n    limits: [{ per: subjekt, rate: 1/min }]\n",
    );
    let output = house.yett(&["check", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], false);
    let first = &report["diagnostics"][0];
    assert_eq!((&first["severity"], &first["file"]), (&"error".into(), &"yett.yaml".into()));
    assert_eq!(first["line"], 8, "{report}");
    house.write("yett.yaml", &house.read("yett.yaml").replace("subjekt", "subject"));
    let golden = r#"{
  "ok": true,
  "diagnostics": [],
  "apis": {
    "notes": {
      "title": "Notes",
      "base_path": "",
      "operations": 2,
      "fully_enforced": 2,
      "refusing": []
    }
  }
}
"#;
    assert_eq!(house.good(&["check", "--format", "json"]), golden);
}

#[test]
fn check_tells_machines_of_a_document_that_cannot_be_read() {
    let house = House::new();
    std::fs::write(house.dir.path().join("latin.yaml"), b"version: 1 # caf\xe9\n").unwrap();
    for (name, why) in [("none.yaml", "no such file"), (".", "not a plain file"), ("latin.yaml", "not UTF-8")]
    {
        let output = house.yett(&["check", "--format", "json", "--config", name]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["ok"], &report["apis"]), (&false.into(), &serde_json::json!({})), "{report}");
        let first = &report["diagnostics"][0];
        assert_eq!((&first["severity"], &first["file"]), (&"error".into(), &name.into()), "{report}");
        assert!(first["message"].as_str().unwrap().contains(why), "{report}");
        assert!(house.bad(&["check", "--config", name]).contains(why), "people read the same");
    }
}

#[test]
fn init_converts_accepts_and_never_overwrites() {
    let house = House::new();
    house.write(
        "swagger.json",
        r#"{"swagger":"2.0","info":{"title":"Old Pets","version":"1"},"basePath":"/v2","paths":{"/pets":{"get":{"operationId":"pets","responses":{"200":{"description":"ok"}}}}}}"#,
    );
    let said =
        house.good(&["init", "swagger.json", "--upstream", "http://127.0.0.1:3000", "--out", "pets.yaml"]);
    assert!(said.contains("1 operations have no `security`") && said.contains("`pets`"), "{said}");
    assert!(said.contains("next: yett check --config pets.yaml"), "{said}");
    assert!(house.read("swagger.openapi.json").contains("\"openapi\""));
    let written = house.read("pets.yaml");
    assert!(written.contains("old-pets:") && written.contains("unsecured: authenticated"), "{written}");
    assert!(!written.contains("anonymous"), "nothing dangerous is written");
    assert!(house.good(&["check", "--config", "pets.yaml"]).contains("under `/v2/`"));
    let again =
        house.bad(&["init", "swagger.json", "--upstream", "http://127.0.0.1:3000", "--out", "pets.yaml"]);
    assert!(again.contains("--force"), "{again}");
    assert_eq!(house.read("pets.yaml"), written);

    let open = common::CONTRACT.replace("{ type: string }", "{ type: string, pattern: \"^(?=a)b\" }");
    house.write("openapi.yaml", &open);
    house.good(&[
        "init",
        "openapi.yaml",
        "--upstream",
        "http://127.0.0.1:3000",
        "--issuer",
        "https://idp.example.com",
    ]);
    let written = house.read("yett.yaml");
    assert!(
        written.lines().count() <= 12 && written.contains("accept_unenforced: file:openapi.unenforced.yaml"),
        "{written}"
    );
    let accepted = house.read("openapi.unenforced.yaml");
    assert!(accepted.contains("/pattern\": \""), "{accepted}");
    house.good(&["check"]);
    house.write("openapi.yaml", "openapi: 3.1.0\npaths: [");
    assert!(
        house
            .bad(&["init", "openapi.yaml", "--upstream", "http://a", "--force"])
            .contains("nothing was written")
    );
    assert_eq!(house.read("yett.yaml"), written);
}

#[test]
fn init_leaves_swagger_of_several_files_as_it_is() {
    let house = House::new();
    house.write(
        "swagger.yaml",
        "swagger: '2.0'\ninfo: {title: Pets, version: '1'}\nsecurity: []\npaths:\n  /pets: {$ref: 'pets.yaml'}\n",
    );
    house.write(
        "pets.yaml",
        "get:\n  operationId: pets\n  parameters: [{name: n, in: query, type: integer}]\n  responses: {'200': {description: ok}}\n",
    );
    house.good(&["init", "swagger.yaml", "--upstream", "http://127.0.0.1:3000"]);
    assert!(house.read("yett.yaml").contains("contract: ./swagger.yaml"), "{}", house.read("yett.yaml"));
    assert!(house.good(&["check"]).contains("1 operation"));
}

/// A contract of which two operations take XML; everything that `init` can write is written at once.
#[test]
fn init_lets_unread_bodies_pass_by_operation_only() {
    let house = House::new();
    let xml = |path: &str| {
        format!(
            "  {path}:\n    put:\n      requestBody: {{ required: true, content: {{ application/xml: {{ schema: {{ type: object }} }} }} }}\n      responses: {{ \"204\": {{ description: ok }} }}\n"
        )
    };
    let contract = common::CONTRACT
        .replace("{ type: string }", "{ type: string, pattern: \"^(?=a)b\" }")
        .replace("security: [{ oauth: [\"notes:read\"] }]\n", "")
        + &xml("\"/notes/{id}'s map\"").replace(
            "    put:\n",
            "    parameters: [{ name: id, in: path, required: true, schema: { type: string } }]\n    put:\n",
        )
        + &xml("/drawing");
    house.write("openapi.yaml", &contract);
    let said = house.good(&[
        "init",
        "openapi.yaml",
        "--upstream",
        "http://127.0.0.1:3000",
        "--issuer",
        "https://idp.example.com",
    ]);
    assert!(
        said.contains("2 operations take bodies that nothing here can read (`application/xml`)"),
        "{said}"
    );
    assert!(said.contains("`PUT /drawing`"), "{said}");
    let written = house.read("yett.yaml");
    assert!(written.lines().count() <= 12, "{written}");
    for part in ["audience: ", "unsecured: ", "limits: ", "accept_unenforced: ", "operations: "] {
        assert!(written.contains(part), "`{part}` is not in:\n{written}");
    }
    house.good(&["check"]);
    // What is accepted is accepted for these two: another operation with such a body is an error, schema or none.
    let another = xml("/painting").replace("{ schema: { type: object } }", "{}");
    house.write("openapi.yaml", &(contract + &another));
    let said = house.bad(&["check"]);
    assert!(said.contains("opaque-body") && said.contains("PUT /painting"), "{said}");
}

#[test]
fn schema_config_and_completions_print() {
    let house = House::new();
    let schema: serde_json::Value = serde_json::from_str(&house.good(&["schema"])).unwrap();
    assert!(schema["$defs"]["Api"]["properties"]["limits"].is_object());
    house.write("yett.yaml", &house.document(1));
    let config = house.good(&["config"]);
    assert!(config.contains("bind: 127.0.0.1:0  # yett.yaml:2:9 (short form)"), "{config}");
    let order = house.good(&["order"]);
    assert!(order.starts_with("admission\n   1 admission ") && order.contains("\nhead\n"), "{order}");
    for shell in ["bash", "zsh", "fish"] {
        assert!(house.good(&["completions", shell]).contains("yett"));
    }
    assert!(house.bad(&["check", "--config", "none.yaml"]).contains("there is no such file"));
}

#[test]
fn a_document_with_errors_is_not_served() {
    let house = House::new();
    house.write("yett.yaml", &house.document(1).replace("notes:\n", "notes:\n    no: 1\n"));
    let said = house.bad(&["run"]);
    assert!(said.contains("unknown key `no`") && said.contains("not served, 1 error"), "{said}");
    house.write("yett.yaml", &house.document(1).replace("http://127.0.0.1:0", "http://0.0.0.0:0"));
    let said = house.bad(&["run"]);
    assert!(said.contains("error[cleartext]") && said.contains("error[local-issuer]"), "{said}");
}
