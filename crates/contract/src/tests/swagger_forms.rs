//! Swagger 2.0: the fields of forms, and words that stand where they are no keywords.

use super::{check_body, import, request_body, try_import};

const FORM: &str = "application/x-www-form-urlencoded";

fn api(consumes: &str, parameters: &str, more: &str) -> String {
    format!(
        "swagger: '2.0'\ninfo: {{title: t, version: '1'}}\nsecurity: []\nconsumes: [{consumes}]\npaths:\n  /x:\n    \
         post:\n      responses: {{'200': {{description: ok}}}}\n      parameters: [{parameters}]\n{more}"
    )
}

#[test]
fn the_media_types_of_a_form_are_those_of_forms() {
    let (text, file) = ("{name: a, in: formData, type: string}", "{name: a, in: formData, type: file}");
    let form = "application/x-www-form-urlencoded";
    let parts = "multipart/form-data";
    for (consumes, field, expected) in [
        (FORM, text, &[form][..]),
        ("Application/X-WWW-Form-Urlencoded; charset=utf-8", text, &[form]),
        ("application/x-www-form-urlencoded, multipart/form-data", text, &[form, parts]),
        ("application/x-www-form-urlencoded, multipart/form-data", file, &[parts]),
        ("application/vnd.platform+json, application/x-www-form-urlencoded", text, &[form]),
        ("application/vnd.platform+json", text, &[form]),
        ("multipart/x-form-like", file, &[parts]),
        ("application/json", file, &[parts]),
    ] {
        let api = import(&api(consumes, field, ""));
        for kind in [form, parts, "application/vnd.platform+json", "multipart/x-form-like"] {
            let found = api.operations[0].request.body(Some(kind));
            let is_declared = matches!(found, crate::BodyMatch::Media(_));
            assert_eq!(is_declared, expected.contains(&kind), "{consumes} {field} {kind}");
        }
    }
}

#[test]
fn an_empty_value_is_allowed_where_the_field_says_so() {
    for (field, body, expected) in [
        ("type: integer, allowEmptyValue: true", "a=", &[][..]),
        ("type: integer, allowEmptyValue: true", "a=5", &[]),
        ("type: integer, allowEmptyValue: true", "a=x", &["/a anyOf"]),
        ("type: integer, allowEmptyValue: false", "a=", &["/a type"]),
        ("type: integer", "a=", &["/a type"]),
        ("type: string, enum: [x], allowEmptyValue: true", "a=", &[]),
        ("type: string, enum: [x], allowEmptyValue: true", "a=x", &[]),
        ("type: string, enum: [x], allowEmptyValue: true", "a=y", &["/a anyOf"]),
        ("type: string, enum: [x]", "a=", &["/a enum"]),
        ("type: array, items: {type: integer}, allowEmptyValue: true", "a=", &[]),
        ("type: array, items: {type: integer}, allowEmptyValue: true", "a=1,2", &[]),
        ("type: array, items: {type: integer}, allowEmptyValue: true", "a=x", &["/a/0 type"]),
    ] {
        let api = import(&api(FORM, &format!("{{name: a, in: formData, {field}}}"), ""));
        assert!(api.operations[0].fully_enforced, "{field}");
        assert_eq!(check_body(&api, FORM, body.as_bytes()), expected, "{field} {body}");
    }
    let list = "type: array, items: {type: integer}, allowEmptyValue: true";
    for (field, expected) in [
        (String::from("type: string, allowEmptyValue: 'true'"), "`allowEmptyValue` is true or false"),
        (format!("{list}, collectionFormat: multi"), "has no empty value"),
        (format!("{list}, minItems: 1"), "has no empty value"),
    ] {
        let text = api(FORM, &format!("{{name: a, in: formData, {field}}}"), "");
        let (api, said) = try_import(&[("a.yaml", &text)], &crate::Options::default());
        assert!(api.is_none() && said.len() == 1 && said[0].contains(expected), "{field}: {said:?}");
        assert!(said[0].starts_with("a.yaml:9:"), "{said:?}");
    }
    // What the alternative holds is still told where it stands.
    let text = api(FORM, "{name: a, in: formData, type: string, format: odd, allowEmptyValue: true}", "");
    let (_, said) = try_import(&[("a.yaml", &text)], &crate::Options::default());
    assert!(said.len() == 1 && said[0].starts_with("a.yaml:9:") && said[0].contains("`odd`"), "{said:?}");
}

#[test]
fn names_and_data_are_no_keywords() {
    let body = "{name: b, in: body, required: true, schema: {$ref: '#/definitions/D'}}";
    let nullable = "{type: string, x-nullable: true}";
    for (schema, body, expected) in [
        // A property that is called like a keyword.
        (
            "required: [x-nullable], properties: {x-nullable: {type: boolean}}",
            r#"{"x-nullable":true}"#,
            &[][..],
        ),
        ("properties: {x-nullable: {type: boolean}}", r#"{"x-nullable":1}"#, &["/x-nullable type"]),
        (
            "properties: {enum: @, default: @, properties: @}",
            r#"{"enum":null,"default":null,"properties":null}"#,
            &[],
        ),
        ("properties: {enum: @}", r#"{"enum":1}"#, &["/enum type"]),
        // Data that looks like a schema.
        (
            "properties: {b: {enum: [{type: file, x-nullable: true}]}}",
            r#"{"b":{"type":"file","x-nullable":true}}"#,
            &[],
        ),
        (
            "properties: {b: {enum: [{type: file, x-nullable: true}]}}",
            r#"{"b":{"type":"string"}}"#,
            &["/b enum"],
        ),
        ("properties: {b: {enum: [{discriminator: d}]}}", r#"{"b":{"discriminator":"d"}}"#, &[]),
        // The keyword itself, wherever schemas are.
        ("properties: {b: @}", r#"{"b":null}"#, &[]),
        ("properties: {b: {type: string}}", r#"{"b":null}"#, &["/b type"]),
        ("properties: {b: {type: array, items: @}}", r#"{"b":[null]}"#, &[]),
        ("allOf: [{properties: {b: @}}]", r#"{"b":null}"#, &[]),
        ("additionalProperties: @", r#"{"b":null}"#, &[]),
    ] {
        let schema = schema.replace('@', nullable);
        let text = api(
            "application/json",
            "{name: b, in: body, required: true, schema: {$ref: '#/definitions/D'}}",
            &format!("definitions:\n  D: {{type: object, {schema}}}\n"),
        );
        assert_eq!(request_body(&import(&text), body), expected, "{schema} {body}");
    }
    // A definition that is called like a keyword of data.
    let text = api(
        "application/json",
        &body.replace("/D'", "/default'"),
        &format!("definitions: {{default: {nullable}}}\n"),
    );
    assert!(request_body(&import(&text), "null").is_empty());
    assert_eq!(request_body(&import(&text), "1"), [" type"]);
}
