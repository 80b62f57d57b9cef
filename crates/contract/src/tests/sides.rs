//! `readOnly` in requests and `writeOnly` in responses, where schemas only ask (`if`, `not`).

use super::{import_with, request_body, with_body};
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
