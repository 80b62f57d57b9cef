//! Schema keywords and what OpenAPI adds to them.

use super::{import, request_body, response_body, with_body};

/// version, schema, components, bodies that pass, bodies that do not.
type Row = (&'static str, &'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    ("3.1.0", "{type: integer}", "{}", &["1", "1.0", "1e2", "-0"], &["1.5", "\"1\"", "null", "true"]),
    ("3.1.0", "{type: [integer, 'null']}", "{}", &["1", "null"], &["\"a\""]),
    (
        "3.1.0",
        "{type: integer, format: int32}",
        "{}",
        &["2147483647", "-2147483648"],
        &["2147483648", "-2147483649", "1e400"],
    ),
    (
        "3.1.0",
        "{type: integer, format: int64}",
        "{}",
        &["9223372036854775807"],
        &["9223372036854775808", "1e30"],
    ),
    ("3.1.0", "{type: string, format: int64}", "{}", &["\"12\""], &["\"1x\"", "12"]),
    ("3.1.0", "{type: number, format: float}", "{}", &["1e38"], &["1e39"]),
    ("3.1.0", "{type: number, multipleOf: 0.5}", "{}", &["1.5"], &["1.3"]),
    ("3.0.3", "{type: integer, minimum: 5, exclusiveMinimum: true}", "{}", &["6"], &["5"]),
    ("3.0.3", "{type: integer, minimum: 5, exclusiveMinimum: false}", "{}", &["5"], &["4"]),
    ("3.1.0", "{type: integer, exclusiveMaximum: 5}", "{}", &["4"], &["5"]),
    ("3.1.0", "{type: string, format: date}", "{}", &["\"2024-02-29\""], &["\"2023-02-29\"", "\"x\""]),
    ("3.1.0", "{type: string, format: date-time}", "{}", &["\"2024-02-29T00:00:00Z\""], &["\"2024-02-29\""]),
    (
        "3.1.0",
        "{type: string, format: uuid}",
        "{}",
        &["\"0e37df36-f698-11e6-8dd4-cb9ced3df976\""],
        &["\"0e37df36\""],
    ),
    ("3.1.0", "{type: string, format: email}", "{}", &["\"a@example.com\""], &["\"a\""]),
    ("3.1.0", "{type: string, format: ipv4}", "{}", &["\"127.0.0.1\""], &["\"127.0.0.256\""]),
    ("3.1.0", "{type: string, format: ipv6}", "{}", &["\"::1\""], &["\"::g\""]),
    ("3.1.0", "{type: string, format: uri}", "{}", &["\"https://a/b\""], &["\"a b\""]),
    ("3.1.0", "{type: string, format: hostname}", "{}", &["\"a.example\""], &["\"-a-\"", "\"a b\""]),
    ("3.1.0", "{type: string, format: time}", "{}", &["\"10:00:00Z\""], &["\"25:00:00Z\""]),
    ("3.1.0", "{type: string, format: duration}", "{}", &["\"P1D\""], &["\"1 day\""]),
    ("3.1.0", "{type: string, format: regex}", "{}", &["\"^a$\""], &["\"[\""]),
    ("3.1.0", "{type: string, format: json-pointer}", "{}", &["\"/a/b\""], &["\"a\""]),
    ("3.0.3", "{type: string, format: byte}", "{}", &["\"aGk=\""], &["\"a\"", "\"*aaa\""]),
    ("3.0.3", "{type: string, format: password}", "{}", &["\"x\""], &["1"]),
    ("3.1.0", "{type: string, pattern: '^[a-z]+$'}", "{}", &["\"abc\""], &["\"aBc\""]),
    (
        "3.1.0",
        "{type: string, minLength: 2, maxLength: 3}",
        "{}",
        &["\"é€\"", "\"abc\""],
        &["\"é\"", "\"abcd\""],
    ),
    (
        "3.1.0",
        "{type: array, uniqueItems: true}",
        "{}",
        &["[1, 2, \"1\"]"],
        &["[1, 1.0]", "[{\"a\": 1}, {\"a\": 1.0}]"],
    ),
    (
        "3.1.0",
        "{enum: [1, a, null, {k: [1]}]}",
        "{}",
        &["1.0", "\"a\"", "null", "{\"k\": [1]}"],
        &["2", "\"b\"", "{\"k\": [2]}"],
    ),
    ("3.1.0", "{const: {a: 1}}", "{}", &["{\"a\": 1}"], &["{\"a\": 2}", "{\"a\": 1, \"b\": 1}"]),
    (
        "3.1.0",
        "{type: object, required: [a], properties: {a: {type: string}}}",
        "{}",
        &["{\"a\": \"x\"}"],
        &["{}", "{\"a\": 1}", "[]"],
    ),
    (
        "3.1.0",
        "{type: object, additionalProperties: {type: integer}}",
        "{}",
        &["{\"a\": 1}"],
        &["{\"a\": \"x\"}"],
    ),
    (
        "3.1.0",
        "{type: object, additionalProperties: false, properties: {a: {}}}",
        "{}",
        &["{\"a\": 1}"],
        &["{\"b\": 1}"],
    ),
    (
        "3.1.0",
        "{propertyNames: {maxLength: 2}, maxProperties: 2}",
        "{}",
        &["{\"ab\": 1}"],
        &["{\"abc\": 1}", "{\"a\":1,\"b\":1,\"c\":1}"],
    ),
    (
        "3.1.0",
        "{prefixItems: [{type: string}], items: {type: integer}, minItems: 1}",
        "{}",
        &["[\"a\", 1]"],
        &["[]", "[1]", "[\"a\", \"b\"]"],
    ),
    ("3.1.0", "{contains: {const: 1}, minContains: 2}", "{}", &["[1, 1]"], &["[1]"]),
    (
        "3.1.0",
        "{if: {type: string}, then: {minLength: 2}, else: {type: integer}}",
        "{}",
        &["\"ab\"", "1"],
        &["\"a\"", "true"],
    ),
    ("3.1.0", "{not: {type: string}}", "{}", &["1"], &["\"a\""]),
    ("3.1.0", "{dependentRequired: {a: [b]}}", "{}", &["{\"b\": 1}", "{\"a\":1,\"b\":1}"], &["{\"a\": 1}"]),
    ("3.1.0", "{type: string, nullable: true}", "{}", &["\"a\""], &["null"]),
    ("3.0.3", "{type: string, nullable: true, enum: [a]}", "{}", &["\"a\"", "null"], &["\"b\""]),
    (
        "3.0.3",
        "{nullable: true, allOf: [{$ref: '#/components/schemas/A'}]}",
        "{A: {type: object}}",
        &["null", "{}"],
        &["1"],
    ),
    (
        "3.1.0",
        "{$ref: '#/components/schemas/A', minLength: 2}",
        "{A: {type: string}}",
        &["\"ab\""],
        &["\"a\"", "1"],
    ),
    ("3.0.3", "{$ref: '#/components/schemas/A', minLength: 2}", "{A: {type: string}}", &["\"a\""], &["1"]),
    (
        "3.1.0",
        "{$ref: '#/components/schemas/A'}",
        "{A: {$ref: '#/components/schemas/B'}, B: {type: string}}",
        &["\"a\""],
        &["1"],
    ),
    (
        "3.1.0",
        "{$ref: '#/components/schemas/Tree'}",
        "{Tree: {type: object, required: [v], properties: {v: {type: integer}, next: {$ref: '#/components/schemas/Tree'}}}}",
        &["{\"v\": 1, \"next\": {\"v\": 2}}"],
        &["{\"v\": 1, \"next\": {\"v\": \"x\"}}", "{\"v\": 1, \"next\": {}}"],
    ),
    ("3.1.0", "{$ref: '#named'}", "{A: {$anchor: named, type: string}}", &["\"a\""], &["1"]),
    ("3.1.0", "{oneOf: [{type: integer}, {type: number, minimum: 5}]}", "{}", &["1", "5.5"], &["6", "1.5"]),
];

#[test]
fn keywords() {
    for (version, schema, components, good, bad) in ROWS {
        let api = import(&with_body(version, schema, components));
        for body in *good {
            let said = request_body(&api, body);
            assert!(said.iter().all(|line| line.starts_with('?')), "{schema} must take {body}: {said:?}");
        }
        for body in *bad {
            assert!(
                request_body(&api, body).iter().any(|line| !line.starts_with('?')),
                "{schema} must refuse {body}"
            );
        }
    }
}

#[test]
fn a_violation_names_the_place_and_never_the_value() {
    let api = import(&with_body(
        "3.1.0",
        "{type: object, properties: {a/b: {type: array, items: {type: integer}}}}",
        "{}",
    ));
    assert_eq!(request_body(&api, "{\"a/b\": [1, \"secret\"]}"), ["/a~1b/1 type"]);
    let mut out = crate::Violations::new();
    let crate::BodyMatch::Media(rules) = api.operations[0].request.body(Some("application/json")) else {
        panic!()
    };
    let bytes = b"{\"a/b\": [\"secret-value\"]}";
    rules.check(&crate::BodyInput { bytes, tape: None, content_type: None }, &mut out);
    assert_eq!(out.items()[0].message, "must be of the type `integer`");
    assert!(!format!("{out:?}").contains("secret"));
}

#[test]
fn violations_are_bounded() {
    let api = import(&with_body("3.1.0", "{type: array, items: {type: integer}}", "{}"));
    let body = format!("[{}]", vec!["\"x\""; 1000].join(","));
    assert_eq!(request_body(&api, &body).len(), crate::MAX_VIOLATIONS);
}

#[test]
fn read_only_is_not_sent_and_write_only_not_returned() {
    let components = "{Base: {type: object, required: [id], properties: {id: {type: integer, readOnly: true}}}, \
        User: {allOf: [{$ref: '#/components/schemas/Base'}, {type: object, required: [id, name, secret], \
        properties: {name: {type: string}, secret: {type: string, writeOnly: true}}}]}}";
    let api = import(&with_body("3.0.3", "{$ref: '#/components/schemas/User'}", components));
    assert!(request_body(&api, r#"{"name": "a", "secret": "s"}"#).is_empty());
    assert_eq!(request_body(&api, r#"{"id": 1, "name": "a", "secret": "s"}"#), ["/id forbidden"]);
    assert_eq!(request_body(&api, r#"{"name": "a"}"#), [" required"]);
    assert!(response_body(&api, r#"{"id": 1, "name": "a"}"#).is_empty());
    assert_eq!(response_body(&api, r#"{"id": 1, "name": "a", "secret": "s"}"#), ["/secret forbidden"]);
    assert_eq!(response_body(&api, r#"{"name": "a"}"#), [" required"]);
}

#[test]
fn a_discriminator_picks_exactly_one_schema() {
    let pets = "Cat: {type: object, required: [kind, lives], properties: {kind: {type: string}, lives: {type: integer}}}, \
        Dog: {type: object, required: [kind, tricks], properties: {kind: {type: string}, tricks: {type: integer}}}";
    let choice = "oneOf: [{$ref: '#/components/schemas/Cat'}, {$ref: '#/components/schemas/Dog'}]";
    let rows: &[(&str, &str, &str)] = &[
        ("{propertyName: kind}", "Cat", "Dog"),
        ("{propertyName: kind, mapping: {cat: '#/components/schemas/Cat', dog: Dog}}", "cat", "dog"),
    ];
    for (discriminator, cat, dog) in rows {
        let schema = format!("{{{choice}, discriminator: {discriminator}}}");
        let api = import(&with_body("3.0.3", &schema, &format!("{{{pets}}}")));
        let body = |kind: &str, rest: &str| format!("{{\"kind\": \"{kind}\", {rest}}}");
        assert!(request_body(&api, &body(cat, "\"lives\": 9")).is_empty(), "{discriminator}");
        assert!(request_body(&api, &body(dog, "\"tricks\": 1")).is_empty());
        assert_eq!(request_body(&api, &body(dog, "\"lives\": 9")), [" required", "?/lives"][..1]);
        assert_eq!(request_body(&api, &body("fish", "\"lives\": 9")), ["/kind enum"]);
        assert_eq!(request_body(&api, "{\"lives\": 9}"), [" required"]);
        assert_eq!(request_body(&api, "1"), [" type"]);
    }
}

#[test]
fn a_discriminator_on_a_base_applies_the_subtype() {
    let components = "{Pet: {type: object, required: [kind], discriminator: {propertyName: kind, mapping: {cat: Cat}}, \
        properties: {kind: {type: string}}}, \
        Cat: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, required: [lives], properties: {lives: {type: integer}}}]}, \
        Dog: {allOf: [{$ref: '#/components/schemas/Pet'}, {type: object, required: [tricks], properties: {tricks: {type: integer}}}]}}";
    let api = import(&with_body("3.0.3", "{$ref: '#/components/schemas/Pet'}", components));
    assert!(request_body(&api, r#"{"kind": "cat", "lives": 9}"#).is_empty());
    assert!(request_body(&api, r#"{"kind": "Dog", "tricks": 1}"#).is_empty());
    assert_eq!(request_body(&api, r#"{"kind": "cat"}"#), [" required"]);
    assert_eq!(request_body(&api, r#"{"kind": "Cat", "lives": 1}"#), ["/kind enum"]);
    assert_eq!(request_body(&api, r#"{"kind": "x"}"#), ["/kind enum"]);
}
