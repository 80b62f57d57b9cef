//! `readOnly` in requests and `writeOnly` in responses: where schemas only ask (`if`, `not`), and what is then required.

use super::{import_with, request_body, response_body, try_import, with_body};
use crate::{Api, OnUndeclared, Options, Undeclared};

/// With undeclared properties allowed, which are not what is asked here.
fn import(schema: &str, components: &str) -> Api {
    let undeclared = Undeclared { property: OnUndeclared::Allow, ..Undeclared::default() };
    let options = Options { undeclared, ..Options::default() };
    import_with(&with_body("3.1.0", schema, components), &options)
}

const NAMED: &str = "{Old: {type: object, required: [id], properties: {id: {type: string, readOnly: true}}}, \
    D: {type: object, required: [kind], \
        properties: {kind: {const: a}, created: {type: string, readOnly: true}}}}";

#[test]
fn what_must_not_be_sent_is_a_property_like_any_other_where_schemas_only_ask() {
    let old = "{type: object, required: [id], properties: {id: {type: string, readOnly: true}}}";
    let by_kind =
        "{type: object, if: {$ref: '#/components/schemas/D'}, then: {properties: {amount: {maximum: 10}}}}";
    let by_id = "{type: object, properties: {n: {}}, if: {required: [id], \
        properties: {id: {const: 1, readOnly: true}}}, then: {required: [n]}}";
    let named = "{type: object, properties: {id: {type: string, readOnly: true}, m: {}}, ";
    let rows: &[(String, &str, &[&str])] = &[
        (format!("{{type: object, not: {old}}}"), r#"{"id": "x"}"#, &[" not"]),
        (format!("{{type: object, not: {old}}}"), "{}", &[]),
        ("{type: object, not: {$ref: '#/components/schemas/Old'}}".into(), r#"{"id": "x"}"#, &[" not"]),
        ("{type: object, not: {$ref: '#/components/schemas/Old'}}".into(), "{}", &[]),
        // Below a property of what is asked as well.
        (format!("{{type: object, not: {{required: [o], properties: {{o: {old}}}}}}}"), r#"{"o": {}}"#, &[]),
        (
            format!("{{type: object, not: {{required: [o], properties: {{o: {old}}}}}}}"),
            r#"{"o": {"id": "x"}}"#,
            &[" not"],
        ),
        (by_kind.into(), r#"{"kind": "a", "amount": 11}"#, &["/amount maximum"]),
        (by_kind.into(), r#"{"kind": "a", "amount": 11, "created": "x"}"#, &["/amount maximum"]),
        (by_kind.into(), r#"{"kind": "a", "amount": 10, "created": "x"}"#, &[]),
        (by_kind.into(), r#"{"amount": 11}"#, &[]),
        (by_id.into(), "{}", &[]),
        (by_id.into(), r#"{"id": 1}"#, &[" required"]),
        (by_id.into(), r#"{"id": 1, "n": 1}"#, &[]),
        (format!("{named}not: {{required: [id]}}}}"), "{}", &[]),
        (format!("{named}not: {{required: [id]}}}}"), r#"{"id": "x"}"#, &[" not", "/id forbidden"]),
        (format!("{named}if: {{required: [id]}}, then: {{required: [m]}}}}"), "{}", &[]),
        (format!("{named}if: {{required: [id]}}, else: {{required: [m]}}}}"), "{}", &[" required"]),
        (format!("{named}if: {{required: [id]}}, else: {{required: [m]}}}}"), r#"{"m": 1}"#, &[]),
    ];
    for (schema, body, expected) in rows {
        let api = import(schema, NAMED);
        let mut said = request_body(&api, body);
        said.sort();
        assert_eq!(said, *expected, "{schema} {body}");
    }
}

#[test]
fn what_must_not_be_sent_is_not_required_where_it_is_declared_so() {
    let id = "id: {type: string, readOnly: true}";
    let dependent =
        format!("{{type: object, properties: {{{id}, name: {{}}}}, dependentRequired: {{name: [id, n]}}}}");
    let other = "{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}]}";
    let of_a = format!(
        "{{A: {{type: object, required: [id, a], properties: {{{id}}}}}, B: {{type: object, required: [id, b], properties: {{id: {{type: string}}}}}}}}"
    );
    let all = format!(
        "{{type: object, properties: {{{id}}}, oneOf: [{{required: [id, a]}}, {{required: [id, b]}}]}}"
    );
    let each = format!(
        "{{type: object, required: [id], oneOf: [{{required: [a], properties: {{{id}}}}}, {{required: [b], properties: {{{id}}}}}]}}"
    );
    let rows: &[(&str, &str, &[&str])] = &[
        (&dependent, r#"{"name": "x", "n": 1}"#, &[]),
        (&dependent, r#"{"name": "x"}"#, &[" required"]),
        // What one alternative forbids, another may require.
        (other, r#"{"a": 1}"#, &[]),
        (other, r#"{"b": 1, "id": "x"}"#, &[]),
        (other, r#"{"b": 1}"#, &[" oneOf"]),
        (&all, r#"{"a": 1}"#, &[]),
        (&all, r#"{"b": 1}"#, &[]),
        (&all, "{}", &[" oneOf"]),
        (&all, r#"{"a": 1, "b": 1}"#, &[" oneOf"]),
        (&each, r#"{"a": 1}"#, &[]),
        (&each, r#"{"a": 1, "id": "x"}"#, &[" oneOf"]),
    ];
    for (schema, body, expected) in rows {
        assert_eq!(request_body(&import(schema, &of_a), body), *expected, "{schema} {body}");
    }
}

/// A schema, what is said of it and where, bodies of requests and of answers that pass once it is accepted.
type Told<'t> = (&'t str, &'t str, &'t str, &'t [&'t str], &'t [&'t str]);

#[test]
fn alternatives_that_only_what_must_not_be_there_tells_apart_are_told_and_not_judged() {
    let password = "{type: object, properties: {password: {type: string, writeOnly: true}, token: {type: string}}, \
        oneOf: [{required: [password]}, {required: [token]}]}";
    let some = "{type: object, required: [id], oneOf: [{required: [a], properties: {id: {readOnly: true}}}, \
        {required: [b]}]}";
    let rows: &[Told<'_>] = &[
        (
            password,
            "only some of the alternatives require `password`",
            "/components/schemas/W/oneOf",
            &["{\"token\": \"x\"}", "{\"password\": \"x\"}"],
            &["{\"token\": \"x\"}", "{}"],
        ),
        (
            some,
            "`id` must not be there in some alternatives",
            "/components/schemas/W/required",
            &["{\"a\": 1}", "{\"b\": 1, \"id\": 1}"],
            &["{\"a\": 1, \"id\": 1}", "{\"b\": 1, \"id\": 1}"],
        ),
    ];
    for (schema, what, pointer, requests, answers) in rows {
        let text = with_body("3.1.0", "{$ref: '#/components/schemas/W'}", &format!("{{W: {schema}}}"));
        let (api, said) = try_import(&[("api.yaml", &text)], &Options::default());
        assert!(api.is_none() && said.iter().any(|line| line.contains(what)), "{said:?}");
        let mut options = Options::default();
        options.accept_unenforced.insert((*pointer).to_owned());
        let undeclared = Undeclared { property: OnUndeclared::Allow, ..Undeclared::default() };
        let api = import_with(&text, &Options { undeclared, ..options });
        for body in *requests {
            assert!(request_body(&api, body).is_empty(), "{schema} {body}: {:?}", request_body(&api, body));
        }
        for body in *answers {
            assert!(response_body(&api, body).is_empty(), "{schema} {body}");
        }
        // Without the flag everything is judged.
        let plain = schema.replace(", writeOnly: true", "").replace("readOnly: true", "");
        let api = import(&plain, "{}");
        assert!(!request_body(&api, "{}").is_empty(), "{plain}");
        assert!(request_body(&api, requests[requests.len() - 1]).is_empty(), "{plain}");
    }
}
