//! What OpenAPI 3.2 brought: enforced, or named with its line; and no part of 3.0 and 3.1.

use super::{check_body, import, import_with, parameters, request_body, try_import, with_parameters};
use crate::Options;

const NUMBER: &str = "{application/json: {schema: {type: integer}}}";

fn document(version: &str, item: &str, more: &str) -> String {
    format!(
        "openapi: {version}\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  /x:\n    {item}\n{more}\n"
    )
}

fn problems(text: &str) -> Vec<String> {
    try_import(&[("api.yaml", text)], &Options::default()).1
}

/// One error, of this line, that has this text.
fn refused(text: &str, line: &str, expected: &str) {
    let (api, said) = try_import(&[("api.yaml", text)], &Options::default());
    let good = said.iter().any(|one| one.contains(&format!("api.yaml:{line}:")) && one.contains(expected));
    assert!(api.is_none() && good, "{expected}: {said:?}\n{text}");
}

fn accepting(text: &str, pointer: &str) -> crate::Api {
    let mut options = Options::default();
    options.accept_unenforced.insert(pointer.to_owned());
    let api = import_with(text, &options);
    assert!(!api.operations[0].fully_enforced, "{pointer} is counted as enforced");
    api
}

#[test]
fn the_method_query_and_others_are_operations_with_bodies() {
    let operation = format!(
        "{{requestBody: {{required: true, content: {NUMBER}}}, responses: {{'200': {{description: ok}}}}}}"
    );
    let item = format!("query: {operation}\n    additionalOperations:\n      COPY: {operation}");
    let api = import(&document("3.2.0", &item, ""));
    let methods: Vec<&str> = api.operations.iter().map(|one| one.method.as_str()).collect();
    assert_eq!(methods, ["COPY", "QUERY"]);
    assert!(api.operations.iter().all(|one| one.fully_enforced));
    for operation in &api.operations {
        let crate::BodyMatch::Media(rules) = operation.request.body(Some("application/json")) else {
            panic!("{} has no body", operation.method)
        };
        let violations = |bytes: &[u8]| {
            let mut out = crate::Violations::new();
            let input = crate::BodyInput { bytes, tape: None, content_type: Some("application/json") };
            rules.check(&input, &mut out);
            out.items().len()
        };
        assert_eq!((violations(b"5"), violations(b"\"x\"")), (0, 1), "{}", operation.method);
    }
    for version in ["3.0.4", "3.1.1"] {
        refused(&document(version, &item, ""), "6", "a path has no `query` before OpenAPI 3.2");
        let others = format!("additionalOperations:\n      COPY: {operation}");
        let expected = "a path has no `additionalOperations` before OpenAPI 3.2";
        refused(&document(version, &others, ""), "6", expected);
    }
    let odd = |name: &str| document("3.2.0", &format!("additionalOperations: {{'{name}': {operation}}}"), "");
    refused(&odd("CO PY"), "6", "[bad-method] `CO PY` is not a method");
    let twice = document(
        "3.2.0",
        &format!("query: {operation}\n    additionalOperations: {{QUERY: {operation}}}"),
        "",
    );
    refused(&twice, "5", "[ambiguous-template]");
    let flat = document("3.2.0", "additionalOperations: {COPY: text}", "");
    refused(&flat, "6", "an operation is an object");
}

#[test]
fn media_types_of_components_are_followed() {
    let item = "post: {requestBody: {required: true, content: {application/json: {$ref: '#/components/mediaTypes/N'}}}, responses: {'200': {description: ok}}}";
    let components = |schema: &str| format!("components:\n  mediaTypes:\n    N: {schema}");
    let api = import(&document("3.2.0", item, &components("{schema: {type: integer}}")));
    assert!(api.operations[0].fully_enforced);
    assert!(request_body(&api, "5").is_empty());
    assert_eq!(request_body(&api, "\"x\""), [" type"]);
    // What is not enforced is found where the reference leads.
    refused(
        &document("3.2.0", item, &components("{shema: {type: integer}}")),
        "9",
        "a media type has no `shema`",
    );
    refused(&document("3.2.0", &item.replace("/N", "/M"), &components("{}")), "6", "M");
    let expected = "`components` has no `mediaTypes` before OpenAPI 3.2";
    refused(&document("3.1.1", item, &components("{schema: {type: integer}}")), "8", expected);
}

#[test]
fn a_parameter_that_is_the_whole_query_is_told() {
    let text = with_parameters("/x", &format!("{{name: q, in: querystring, content: {NUMBER}}}"));
    refused(&text, "7", "[bad-parameter] `querystring` is not a place for a parameter");
    let text = text.replace("3.1.0", "3.2.0");
    refused(&text, "7", "[unenforced] a parameter that is the whole query string is not checked");
    let api = accepting(&text, "/paths/~1x/get/parameters/0");
    assert!(parameters(&api, &[], Some("anything=1&b"), &[]).is_empty());
    // Beside it nothing else of the query is left unchecked unsaid: its twin in `query` is enforced.
    let twin = import(&text.replace("querystring", "query"));
    assert!(twin.operations[0].fully_enforced);
    assert_eq!(parameters(&twin, &[], Some("anything=1"), &[]), ["query anything undeclared"]);
}

#[test]
fn streams_that_are_declared_by_item_are_told() {
    let content = |key: &str| format!("{{application/json: {{schema: {{type: array}}, {key}: {{}}}}}}");
    let ask = |key: &str| {
        format!(
            "post: {{requestBody: {{content: {}}}, responses: {{'200': {{description: ok}}}}}}",
            content(key)
        )
    };
    let answer =
        |key: &str| format!("get: {{responses: {{'200': {{description: ok, content: {}}}}}}}", content(key));
    for key in ["itemSchema", "itemEncoding", "prefixEncoding"] {
        for (item, place) in [(ask(key), "post/requestBody"), (answer(key), "get/responses/200")] {
            let text = document("3.2.0", &item, "");
            refused(&text, "6", &format!("[unenforced] `{key}` is not enforced"));
            accepting(&text, &format!("/paths/~1x/{place}/content/application~1json/{key}"));
            let before = format!("a media type has no `{key}` before OpenAPI 3.2");
            refused(&document("3.1.1", &item, ""), "6", &before);
        }
    }
    assert!(problems(&document("3.2.0", &ask("x-item"), "")).is_empty());
}

fn cookie(version: &str, more: &str) -> String {
    with_parameters("/x", &format!("{{name: c, in: cookie, {more}}}")).replace("3.1.0", version)
}

#[test]
fn cookies_of_the_style_cookie_stand_for_themselves() {
    let rows: &[(&str, &str, &[&str], &[&str])] = &[
        // Style, schema, what passes, what does not: `%41` is three characters, or an A.
        ("cookie", "{type: string, pattern: '^A$'}", &["A"], &["%41", "%"]),
        ("form", "{type: string, pattern: '^A$'}", &["A", "%41"], &["%2541", "%"]),
        ("cookie", "{type: string, enum: ['a%2Cb', 'a+b']}", &["a%2Cb", "a+b"], &["a,b", "a b"]),
        ("cookie", "{type: integer}", &["5"], &["%35", "x"]),
        ("cookie, explode: false", "{type: array, items: {type: integer}}", &["3,4"], &["3%2C4", "a"]),
        (
            "cookie, explode: false",
            "{type: object, properties: {r: {type: integer}}}",
            &["r,1"],
            &["r,x", "r"],
        ),
    ];
    for (style, schema, good, bad) in rows {
        let api = import(&cookie("3.2.0", &format!("style: {style}, schema: {schema}")));
        assert!(api.operations[0].fully_enforced);
        for value in *good {
            let said = parameters(&api, &[], None, &[("cookie", &format!("c={value}"))]);
            assert!(said.is_empty(), "{style} {schema} takes `{value}`: {said:?}");
        }
        for value in *bad {
            let said = parameters(&api, &[], None, &[("cookie", &format!("c={value}"))]);
            assert!(!said.is_empty(), "{style} {schema} refuses `{value}`");
        }
    }
}

#[test]
fn the_style_cookie_is_of_cookies_and_of_openapi_3_2() {
    let schema = "schema: {type: string}";
    for version in ["3.0.4", "3.1.1"] {
        refused(
            &cookie(version, &format!("style: cookie, {schema}")),
            "7",
            "[bad-style] the style `cookie` is not one for a cookie parameter (only of cookies, since OpenAPI 3.2)",
        );
        import(&cookie(version, &format!("style: form, {schema}")));
    }
    for place in ["query", "header", "path"] {
        let template = if place == "path" { "'/x/{c}'" } else { "/x" };
        let text = |style: &str| {
            let one = format!("{{name: c, in: {place}, required: true, {style}{schema}}}");
            with_parameters(template, &one).replace("3.1.0", "3.2.0")
        };
        let expected = format!("[bad-style] the style `cookie` is not one for a {place} parameter");
        refused(&text("style: cookie, "), "7", &expected);
        import(&text(""));
    }
    // Spread over several cookies by default, as `form` is.
    let list = cookie("3.2.0", "style: cookie, schema: {type: array, items: {type: integer}}");
    refused(&list, "7", "[unenforced] a list or an object spread over several cookies is not read");
    accepting(&list, "/paths/~1x/get/parameters/0");
}

#[test]
fn fields_of_forms_have_the_styles_of_queries() {
    let text = |style: &str| {
        let encoding = format!(
            "{{schema: {{type: object, properties: {{a: {{type: string}}}}}}, encoding: {{a: {{style: {style}}}}}}}"
        );
        let item = format!(
            "post: {{requestBody: {{content: {{application/x-www-form-urlencoded: {encoding}}}}}, responses: {{'200': {{description: ok}}}}}}"
        );
        document("3.2.0", &item, "")
    };
    for style in ["cookie", "simple", "label", "matrix", "froth"] {
        let expected = format!("[unenforced] `{style}` is not a style for a field of a form");
        refused(&text(style), "6", &expected);
    }
    for style in ["form", "deepObject"] {
        let api = import(&text(style));
        assert!(check_body(&api, "application/x-www-form-urlencoded", b"a=b").is_empty(), "{style}");
    }
}
