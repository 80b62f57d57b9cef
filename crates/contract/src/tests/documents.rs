//! Whole documents: what is wrong with them, with places; several files; what an API says of itself.

use serde_json::json;

use super::{import, import_with, try_import};
use crate::{Options, Requirement, Security, SecurityScheme};

fn problems(text: &str) -> Vec<String> {
    try_import(&[("api.yaml", text)], &Options::default()).1
}

const HEAD: &str = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\nsecurity: []\n";

#[test]
fn all_problems_at_once_each_with_its_place() {
    let text = format!(
        "{HEAD}paths:
  /a/{{x}}:
    get:
      operationId: one
      parameters:
        - {{name: y, in: path, required: true, schema: {{type: string}}}}
      responses: {{}}
  /a/{{z}}:
    get:
      operationId: two
      parameters: [{{name: z, in: path, required: true, schema: {{}}}}]
      responses: {{}}
  /b:
    get:
      operationId: one
      security: [{{missing: []}}]
      responses:
        '200':
          description: ok
          content: {{application/json: {{schema: {{$ref: '#/components/schemas/Nope'}}}}}}
        '9000': {{description: no}}
    post:
      requestBody: {{content: {{application/json: {{schema: {{$ref: 'https://example.com/a.json'}}}}}}}}
      responses: {{}}
  b: {{}}
components:
  schemas: {{}}
"
    );
    assert_eq!(
        problems(&text),
        [
            "api.yaml:6:5: [undeclared-path-parameter] the path parameter `x` of `/a/{x}` is not declared",
            "api.yaml:6:5: [unused-path-parameter] the path parameter `y` is not in the template `/a/{x}`",
            "api.yaml:11:3: [ambiguous-template] `GET /a/{z}` matches the same calls as `GET /a/{x}`",
            "api.yaml:18:7: [duplicate-operation-id] the operationId `one` is used twice",
            "api.yaml:19:19: [unknown-security-scheme] the security scheme `missing` is not declared",
            "api.yaml:23:49: [unresolved-ref] `#/components/schemas/Nope` points to nothing",
            "api.yaml:24:9: [bad-status] `9000` is not a status",
            "api.yaml:26:59: [unresolved-ref] `https://example.com/a.json` is remote, and remote references are never fetched",
            "api.yaml:28:3: [bad-template] the path template `b` does not start with `/`",
        ]
    );
}

#[test]
fn documents_that_cannot_be_read() {
    let rows = [
        ("a: [1", "contract-syntax"),
        ("{\"openapi\": \"3.1.0\", \"openapi\": 1}", "contract-syntax"),
        ("openapi: 3.1.0\nopenapi: 3.1.0\n", "contract-syntax"),
        ("openapi: 4.0.0\npaths: {}\n", "contract-version"),
        ("paths: {}\n", "contract-version"),
        ("openapi: 3.1.0\ninfo: {}\n", "no-paths"),
        ("- 1\n", "contract-version"),
    ];
    for (text, code) in rows {
        let said = problems(text);
        assert!(said.iter().any(|line| line.contains(&format!("[{code}]"))), "{text}: {said:?}");
    }
    let json = "{\n  \"openapi\": \"3.1.0\",\n  \"a\": 1,\n  \"a\": 2\n}";
    assert_eq!(
        problems(json),
        ["api.yaml:4:5: [contract-syntax] `api.yaml` cannot be read: duplicate key `a`"]
    );
}

/// The place and the words of what makes a file no document, whatever reads it.
#[test]
fn malformed_documents_say_where_and_what() {
    let nested = |depth| format!("a:\n  b: {}1{}\n", "[".repeat(depth), "]".repeat(depth));
    let (deep, deeper) = (nested(210), nested(300));
    let deep_json = format!("{{\"a\":\n{}1{}}}\n", "[".repeat(300), "]".repeat(300));
    let rows = [
        ("openapi: 3.1.0\ninfo: {title: é, a: 1, title: b}\n", "2:24", "duplicate key `title`"),
        ("openapi: 3.1.0\npaths:\n  /a: {}\n  /a: {}\n", "4:3", "duplicate key `/a`"),
        ("openapi: 3.1.0\npaths: [", "", "unclosed bracket '['"),
        ("openapi: 3.1.0\npaths:\n\t/a: {}\n", "3:", ""),
        ("openapi: 3.1.0\npaths: a: b\n", "2:", ""),
        ("openapi: 3.1.0\npaths: *none\n", "2:8", "an anchor that is not there"),
        ("openapi: 3.1.0\n---\na: 1\n", "", "a second document begins here"),
        ("{\n  \"openapi\": \"3.1.0\",\n", "", "ends too early"),
        ("{\n  \"openapi\": \"3.1.0\"\n  \"a\": 1\n}", "3:3", "expected `,` or `}`"),
        ("\u{feff}{\n  \"a\": 1,\n  \"a\": 1\n}", "3:5", "duplicate key `a`"),
        ("\u{feff}a: 1\nb: 1\na: 1\n", "3:1", "duplicate key `a`"),
        (&deep, "2:", "values lie in each other more than 200 deep"),
        (&deeper, "2:", "values lie in each other more than 200 deep"),
        (&deep_json, "2:", "more than 128 deep"),
    ];
    for (text, place, words) in rows {
        let said = problems(text);
        let [line] = said.as_slice() else { panic!("{text}: {said:?}") };
        assert!(line.contains("[contract-syntax] `api.yaml` cannot be read: "), "{text}{line}");
        assert!(line.contains(words), "{words} in {line}");
        assert!(line.starts_with(&format!("api.yaml:{place}")), "{place} in {line}");
        assert!(place.is_empty() || !line.starts_with("api.yaml:1:1:"), "{line}");
        for inner in ["Options", "Policy", "budget", "breach", "Rust", "serde", " at line "] {
            assert!(!line.contains(inner), "{line}");
        }
    }
    let marked = "\u{feff}openapi: 3.1.0\ninfo: {title: t, version: '1'}\nsecurty: []\npaths: {}\n";
    assert!(problems(marked).iter().any(|line| line.starts_with("api.yaml:3:1:")), "{:?}", problems(marked));
}

#[test]
fn references_that_lead_in_circles() {
    let schema = |components: &str| {
        format!(
            "{HEAD}paths:\n  /x:\n    get:\n      responses:\n        '200': {{description: ok, content: {{application/json: \
             {{schema: {{$ref: '#/components/schemas/A'}}}}}}}}\ncomponents:\n  schemas:\n    {components}\n"
        )
    };
    let loops =
        problems(&schema("A: {$ref: '#/components/schemas/B'}\n    B: {$ref: '#/components/schemas/A'}"));
    assert!(loops.len() == 1 && loops[0].contains("[cyclic-ref]"), "{loops:?}");
    let legal = schema("A: {type: object, properties: {a: {$ref: '#/components/schemas/A'}}}");
    assert!(problems(&legal).is_empty());
    let parameter = format!(
        "{HEAD}paths:\n  /x:\n    get:\n      parameters: [{{$ref: '#/components/parameters/P'}}]\n      responses: {{}}\n\
         components:\n  parameters:\n    P: {{$ref: '#/components/parameters/P'}}\n"
    );
    assert!(problems(&parameter)[0].contains("[cyclic-ref]"));
}

#[test]
fn references_between_files() {
    let root = format!(
        "{HEAD}paths:\n  /x: {{$ref: 'paths/x.yaml'}}\n  /y:\n    get:\n      responses: {{'200': {{$ref: 'shared.json#/responses/Ok'}}}}\n"
    );
    let x = "post:\n  requestBody:\n    content:\n      application/json: {schema: {$ref: '../shared.json#/schemas/Order'}}\n  responses: {}\n";
    let shared = r##"{"responses": {"Ok": {"description": "ok"}}, "schemas": {"Order": {"type": "object", "properties": {"n": {"$ref": "#/schemas/N"}}}, "N": {"type": "integer"}}}"##;
    assert_eq!(crate::references("dir/api.yaml", root.as_bytes()), ["dir/paths/x.yaml", "dir/shared.json"]);
    assert_eq!(crate::references("dir/paths/x.yaml", x.as_bytes()), ["dir/shared.json"]);
    let files = [("dir/api.yaml", root.as_str()), ("dir/paths/x.yaml", x), ("dir/shared.json", shared)];
    let (api, said) = try_import(&files, &Options::default());
    let api = api.unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(super::request_body(&api, r#"{"n": "x"}"#), ["/n type"]);
    assert!(super::request_body(&api, r#"{"n": 1}"#).is_empty());
    let (none, said) = try_import(&files[..2], &Options::default());
    assert!(none.is_none());
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("dir/api.yaml:8:27: [unresolved-ref]"), "{said:?}");
    assert!(said[1].starts_with("dir/paths/x.yaml:4:35: [unresolved-ref]"), "{said:?}");
}

#[test]
fn what_is_not_enforced_is_an_error_until_accepted() {
    let text = super::with_body(
        "3.1.0",
        "{type: object, properties: {a: {type: string, pattern: '(?=a)b', maxLength: 3, maxlength: 2}, d: {format: nino}}}",
        "{Unused: {pattern: '(?=a)'}}",
    );
    let said = problems(&text);
    assert_eq!(said.len(), 6, "{said:?}");
    assert!(
        said.iter()
            .any(|line| line.contains("`maxlength` is not a schema keyword; did you mean `maxLength`?"))
    );
    assert!(said.iter().any(|line| line.contains("the pattern `(?=a)b` cannot be matched in linear time")));
    assert!(said.iter().any(|line| line.contains("the format `nino` is not known")));
    let mut options = Options::default();
    for place in
        ["requestBody/content/application~1json/schema", "responses/200/content/application~1json/schema"]
    {
        for part in ["a/pattern", "a/maxlength", "d/format"] {
            options.accept_unenforced.insert(format!("/paths/~1x/post/{place}/properties/{part}"));
        }
    }
    let api = import_with(&text, &options);
    assert!(api.unenforced.iter().all(|part| part.accepted) && api.unenforced.len() == 6);
    assert_eq!((api.stats.operations, api.stats.fully_enforced), (1, 0));
    // Only the keyword is gone, not the schema.
    assert_eq!(super::request_body(&api, r#"{"a": "long"}"#), ["/a maxLength"]);
}

#[test]
fn what_is_written_and_means_nothing_is_said() {
    let parameter = |text: &str| super::with_parameters("/x", text);
    let body = |schema: &str| super::with_body("3.1.0", schema, "{A: {type: string}}");
    let dialect = |uri: &str| format!("{}jsonSchemaDialect: '{uri}'\n", body("{type: string}"));
    let operation = |more: &str| {
        format!(
            "{HEAD}paths:\n  /x:\n    post:\n      {more}\n      responses: {{'200': {{description: ok}}}}\n"
        )
    };
    let encoding = |encoding: &str| {
        operation(&format!(
            "requestBody: {{content: {{multipart/form-data: {{schema: {{type: object}}, encoding: {{a: {encoding}}}}}}}}}"
        ))
    };
    let rows = [
        (
            parameter("{name: q, in: query, requried: true, schema: {type: integer}}"),
            "a parameter has no `requried`; did you mean `required`?",
        ),
        (
            parameter("{name: q, in: query, required: 'true', schema: {}}"),
            "[bad-flag] `required` is true or false",
        ),
        (parameter("{name: q, in: query, type: integer}"), "a parameter has no `type`"),
        (parameter("{name: q, in: query, schema: {}, content: {application/json: {}}}"), "not both"),
        (parameter("{name: q, in: header, content: {}}"), "exactly one media type"),
        (parameter("{name: q, in: query, content: {application/json: {}, text/plain: {}}}"), "exactly one"),
        (
            parameter("{name: c, in: cookie, schema: {type: array}}"),
            "spread over several cookies is not read",
        ),
        (operation("secuirty: []"), "an operation has no `secuirty`; did you mean `security`?"),
        (operation("requestBody: {content: {}, requierd: true}"), "a request body has no `requierd`"),
        (encoding("{encoding: {b: {}}}"), "parts of parts are not read"),
        (body("{$recursiveRef: '#'}"), "`$recursiveRef` is not a schema keyword"),
        (body("{$dynamicRef: '#/components/schemas/A'}"), "`$dynamicRef` is followed as a plain `$ref`"),
        (
            body("{$schema: 'http://json-schema.org/draft-07/schema#', type: string}"),
            "is read as JSON Schema 2020-12",
        ),
        (dialect("http://json-schema.org/draft-04/schema#"), "[unenforced] the dialect"),
    ];
    for (text, expected) in rows {
        let said = problems(&text);
        assert!(said.iter().any(|line| line.contains(expected)), "{expected}: {said:?}\n{text}");
    }
    let good = [
        parameter("{name: q, in: query, required: true, x-a: 1, schema: {type: integer}, example: 1}"),
        parameter("{name: q, in: header, content: {application/json: {schema: {}}}}"),
        parameter("{name: c, in: cookie, explode: false, schema: {type: array}}"),
        operation("summary: s\n      x-a: 1\n      requestBody: {required: true, content: {}}"),
        body("{$schema: 'https://json-schema.org/draft/2020-12/schema', $ref: '#/components/schemas/A'}"),
        dialect("https://spec.openapis.org/oas/3.1/dialect/base"),
    ];
    for text in good {
        assert!(problems(&text).is_empty(), "{:?}\n{text}", problems(&text));
    }
}

#[test]
fn security_servers_and_ids() {
    let text = "openapi: 3.0.3\ninfo: {title: Shop, version: '2'}\nservers: [{url: 'https://{h}.example.com/v{n}/', variables: {h: {default: a}, n: {default: '1'}}}]\n\
        security: [{oauth: ['r:x'], key: []}, {}]\npaths:\n  /a:\n    parameters: [{name: q, in: query, schema: {type: integer}}]\n    \
        get: {operationId: getA, tags: [t], responses: {}, parameters: [{name: q, in: query, schema: {type: string}}]}\n    \
        put: {security: [], responses: {}}\ncomponents:\n  securitySchemes:\n    key: {type: apiKey, in: header, name: X-Key}\n    \
        oauth: {type: oauth2, flows: {clientCredentials: {tokenUrl: 'https://i/t', scopes: {'r:x': read}}}}\n";
    let api = import(text);
    assert_eq!((api.title.as_str(), api.version.as_str()), ("Shop", "2"));
    assert_eq!(
        (api.servers[0].url.as_str(), api.servers[0].base_path.as_str()),
        ("https://a.example.com/v1/", "/v1")
    );
    let ids: Vec<&str> = api.operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(ids, ["getA", "PUT /a"]);
    let both = Requirement {
        schemes: vec![(String::from("key"), vec![]), (String::from("oauth"), vec![String::from("r:x")])],
    };
    assert_eq!(api.operations[0].security, Security::Alternatives(vec![both, Requirement::default()]));
    assert_eq!(api.operations[1].security, Security::Alternatives(Vec::new()));
    assert!(matches!(&api.schemes["oauth"], SecurityScheme::OAuth2 { scopes, .. } if scopes.contains("r:x")));
    // The operation's own parameter replaces the path's.
    assert!(super::parameters(&api, &[], Some("q=x"), &[]).is_empty());
    let absent = import(&text.replace("security: [{oauth: ['r:x'], key: []}, {}]\n", ""));
    assert_eq!(absent.operations[0].security, Security::Absent);
    assert!(absent.open.iter().any(|open| open.kind == "no-security" && open.operation == "getA"));
}

#[test]
fn answers_by_status_class_and_default() {
    let api = import(&format!(
        "{HEAD}paths:\n  /x:\n    get:\n      responses:\n        '200': {{description: ok, headers: {{X-Rate: {{required: true, schema: {{type: integer}}}}}}}}\n        \
         4XX: {{description: bad, content: {{application/problem+json: {{schema: {{type: object}}}}}}}}\n"
    ));
    let responses = &api.operations[0].responses;
    let check = |status: u16, rate: Option<&str>| {
        let mut headers = http::HeaderMap::new();
        headers.extend(rate.map(|rate| (http::HeaderName::from_static("x-rate"), rate.parse().unwrap())));
        let mut out = crate::Violations::new();
        responses.check_head(http::StatusCode::from_u16(status).unwrap(), &headers, &mut out);
        out.items().iter().map(|item| format!("{} {}", item.pointer, item.keyword)).collect::<Vec<_>>()
    };
    assert!(check(200, Some("5")).is_empty());
    assert_eq!(check(200, None), ["x-rate required"]);
    assert_eq!(check(200, Some("x")), ["x-rate type"]);
    assert!(check(404, None).is_empty());
    assert_eq!(check(500, None), ["500 status"]);
    let media = |status: u16| responses.all_media(http::StatusCode::from_u16(status).unwrap()).len();
    assert_eq!((media(404), media(200), media(500)), (1, 0, 0));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_import_panic(text in ".{0,200}", tail in "(\\{|\\}|\\[|\\]|:|,|\"|\\$ref|#/paths|paths|get|/a|\n|  ){0,40}") {
        problems(&text);
        problems(&format!("{HEAD}paths:\n  {tail}"));
        problems(&format!("{{\"openapi\":\"3.1.0\",\"paths\":{{{tail}"));
    }
}

/// What is said of a contract whose names are as long as given: operation, template, tag, scheme, scope, method.
fn said_of_names(lengths: [usize; 6]) -> Vec<String> {
    let [id, path, tag, scheme, scope, method] = lengths.map(|length| "W".repeat(length));
    let operation = json!({
        "operationId": id, "tags": [tag], "security": [{ &scheme: [scope] }], "responses": {}
    });
    let contract = json!({
        "openapi": "3.2.0",
        "info": { "title": "t", "version": "1" },
        "components": { "securitySchemes": { scheme: { "type": "http", "scheme": "bearer" } } },
        "paths": { format!("/{path}"): { "additionalOperations": { method: operation } } }
    });
    try_import(&[("api.json", &contract.to_string())], &Options::default()).1
}

#[test]
fn names_that_go_further_than_the_contract_are_bounded() {
    assert_eq!(said_of_names([1_024, 1_023, 1_024, 1_024, 1_024, 1_024]), [""; 0]);
    let kinds = ["an operationId", "a path", "a tag", "the name of a security scheme", "a scope", "a method"];
    for (at, kind) in kinds.iter().enumerate() {
        let mut lengths = [9; 6];
        lengths[at] = if *kind == "a path" { 1_024 } else { 1_025 };
        let expected = format!("[name-too-long] {kind} of 1025 bytes; at most 1024 are read");
        let said = said_of_names(lengths);
        assert!(said.iter().any(|one| one.contains(&expected)), "{kind}: {said:?}");
    }
}
