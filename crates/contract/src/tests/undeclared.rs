//! Undeclared parameters and properties in each mode.

use super::{import_with, parameters, request_body, with_body, with_parameters};
use crate::{OnUndeclared, Options, Undeclared};

fn options(mode: OnUndeclared) -> Options {
    let undeclared = Undeclared { query: mode, cookie: mode, header: mode, property: mode };
    Options { undeclared, ..Options::default() }
}

#[test]
fn parameters_in_each_mode() {
    let text = with_parameters(
        "/x",
        "{name: p, in: query, schema: {type: string}}, {name: X-A, in: header, schema: {type: string}}",
    );
    let headers = &[("x-a", "1"), ("x-b", "2"), ("accept", "*/*"), ("cookie", "c=1")];
    let rows: &[(OnUndeclared, &[&str])] = &[
        (OnUndeclared::Refuse, &["query q undeclared", "header x-b undeclared", "cookie c undeclared"]),
        (OnUndeclared::Report, &["?query q", "?header x-b", "?cookie c"]),
        (OnUndeclared::Strip, &["-cookie c", "-header x-b", "query=p=1&p2"]),
        (OnUndeclared::Allow, &[]),
    ];
    for (mode, expected) in rows {
        let api = import_with(
            &text.replace("name: p,", "name: p2, in: query, schema: {}}, {name: p,"),
            &options(*mode),
        );
        assert_eq!(parameters(&api, &[], Some("q=1&p=1&p2"), headers), *expected, "{mode:?}");
    }
}

#[test]
fn a_key_of_a_security_scheme_is_declared() {
    let text = with_parameters("/x", "").replace("security: []", "security: [{k: []}]")
        + "components: {securitySchemes: {k: {type: apiKey, in: query, name: key}}}\n";
    let api = import_with(&text, &options(OnUndeclared::Refuse));
    assert!(parameters(&api, &[], Some("key=1"), &[]).is_empty());
    assert_eq!(parameters(&api, &[], Some("kex=1"), &[]), ["query kex undeclared"]);
}

const PARTS: &str = "{A: {type: object, properties: {a: {type: object, properties: {x: {}}}}}, \
    B: {type: object, properties: {b: {}}}, \
    C: {allOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}], properties: {c: {}}}, \
    O: {oneOf: [{required: [a], allOf: [{$ref: '#/components/schemas/A'}]}, {type: object, required: [z], properties: {z: {}}}]}, \
    Split: {allOf: [{properties: {s: {properties: {x: {}}}}}, {properties: {s: {properties: {y: {}}}}}]}, \
    Free: {type: object}, Open: {type: object, properties: {a: {}}, additionalProperties: true}, \
    List: {type: array, items: {$ref: '#/components/schemas/B'}}}";

#[test]
fn properties_in_each_mode_are_judged_by_the_whole_composition() {
    // schema, body, what is undeclared in it.
    let rows: &[(&str, &str, &[&str])] = &[
        ("A", r#"{"a": {"x": 1}}"#, &[]),
        ("A", r#"{"a": {"x": 1, "y": 1}, "q": 1}"#, &["/a/y", "/q"]),
        ("C", r#"{"a": {"x": 1}, "b": 1, "c": 1}"#, &[]),
        ("C", r#"{"a": {"y": 1}, "d": 1}"#, &["/a/y", "/d"]),
        ("O", r#"{"z": 1}"#, &[]),
        ("O", r#"{"a": {"x": 1}}"#, &[]),
        ("O", r#"{"z": 1, "y": 1}"#, &["/y"]),
        ("O", r#"{"a": {"y": 1}}"#, &["/a/y"]),
        ("Split", r#"{"s": {"x": 1, "y": 1}}"#, &[]),
        ("Split", r#"{"t": 1}"#, &["/t"]),
        ("Free", r#"{"anything": 1}"#, &[]),
        ("Open", r#"{"anything": 1}"#, &[]),
        ("List", r#"[{"b": 1}, {"c": 1}]"#, &["/1/c"]),
    ];
    for (schema, body, undeclared) in rows {
        let text = with_body("3.1.0", &format!("{{$ref: '#/components/schemas/{schema}'}}"), PARTS);
        for (mode, render) in [
            (OnUndeclared::Refuse, "@ undeclared"),
            (OnUndeclared::Report, "?@"),
            (OnUndeclared::Strip, "-@"),
            (OnUndeclared::Allow, ""),
        ] {
            let mut options = options(mode);
            options.accept_unenforced.insert(String::from("/components/schemas/Split"));
            let api = import_with(&text, &options);
            let expected: Vec<String> = undeclared
                .iter()
                .filter(|_| !render.is_empty())
                .map(|pointer| render.replace('@', pointer))
                .collect();
            let mut said = request_body(&api, body);
            said.sort();
            assert_eq!(said, expected, "{schema} {mode:?} {body}");
        }
    }
}

#[test]
fn where_undeclared_properties_are_not_found_is_said() {
    for schema in ["Split", "A"] {
        let text = with_body("3.1.0", &format!("{{$ref: '#/components/schemas/{schema}'}}"), PARTS);
        for mode in [OnUndeclared::Refuse, OnUndeclared::Strip, OnUndeclared::Report, OnUndeclared::Allow] {
            let told = schema == "Split" && matches!(mode, OnUndeclared::Refuse | OnUndeclared::Strip);
            let (api, said) = super::try_import(&[("api.yaml", &text)], &options(mode));
            assert_eq!(api.is_none(), told, "{schema} {mode:?}: {said:?}");
            let expected = "[unenforced] two parts of the composition describe `s`";
            assert_eq!(said.iter().any(|line| line.contains(expected)), told, "{said:?}");
        }
    }
}

#[test]
fn stripped_properties_are_gone_and_the_rest_is_canonical() {
    let text = with_body("3.1.0", "{$ref: '#/components/schemas/C'}", PARTS);
    let api = import_with(&text, &options(OnUndeclared::Strip));
    let crate::BodyMatch::Media(rules) = api.operations[0].request.body(Some("application/json")) else {
        panic!()
    };
    let bytes = br#" { "d": [1], "a": {"x": 1.50, "y": 1}, "b": "\u0041" }"#;
    let input = crate::BodyInput { bytes, tape: None, content_type: Some("application/json") };
    let strip = rules.check(&input, &mut crate::Violations::new());
    let rewritten = rules.rewrite(&input, &strip).unwrap();
    assert_eq!(String::from_utf8(rewritten.bytes).unwrap(), r#"{"a":{"x":1.50},"b":"A"}"#);
}

/// Two alternatives fit while objects are open: closing them must not make the value one that is accepted.
#[test]
fn what_the_contract_refuses_is_refused_whatever_closing_would_make_of_it() {
    let parts = "{A: {type: object, properties: {a: {}}}, B: {type: object, properties: {b: {}}}, \
        Inner: {oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}]}, \
        Outer: {type: object, properties: {inner: {$ref: '#/components/schemas/Inner'}}}, \
        Few: {type: array, contains: {$ref: '#/components/schemas/A'}, maxContains: 1}, \
        Apart: {oneOf: [{type: 'null'}, {$ref: '#/components/schemas/A'}]}}";
    let rows: &[(&str, &str, &[&str])] = &[
        ("Inner", r#"{"a": 1}"#, &[" oneOf"]),
        ("Outer", r#"{"inner": {"a": 1}}"#, &["/inner oneOf"]),
        ("Few", r#"[{"a": 1}, {"b": 1}]"#, &[" contains"]),
        ("Apart", r#"{"a": 1}"#, &[]),
        ("Apart", "null", &[]),
        ("Apart", r#"{"b": 1}"#, &["/b undeclared"]),
    ];
    for (schema, body, expected) in rows {
        let text = with_body("3.1.0", &format!("{{$ref: '#/components/schemas/{schema}'}}"), parts);
        let api = import_with(&text, &options(OnUndeclared::Refuse));
        assert_eq!(request_body(&api, body), *expected, "{schema} {body}");
    }
}

#[test]
fn parts_by_reference_declare_what_they_name_even_where_the_rest_stays_open() {
    let parts = "{P: {type: object, properties: {s: {type: object, properties: {x: {}}}, p: {}}}, \
        Q: {type: object, properties: {s: {type: object, properties: {y: {}}}, q: {}}}, \
        W: {allOf: [{$ref: '#/components/schemas/P'}, {$ref: '#/components/schemas/Q'}]}, \
        K: {properties: {kind: {const: k}}, required: [kind]}, \
        If: {type: object, properties: {a: {}}, if: {$ref: '#/components/schemas/K'}, then: {required: [a]}}, \
        Inline: {type: object, properties: {a: {}}, if: {properties: {kind: {const: k}}, required: [kind]}, \
            then: {required: [a]}}}";
    let rows: &[(&str, &str, &[&str])] = &[
        ("W", r#"{"p": 1, "q": 1, "s": {"x": 1, "y": 1}}"#, &[]),
        ("W", r#"{"p": 1, "z": 1}"#, &["/z"]),
        ("If", r#"{"kind": "k", "a": 1}"#, &[]),
        ("If", r#"{"kind": "k", "a": 1, "z": 1}"#, &["/z"]),
        ("Inline", r#"{"kind": "k", "a": 1}"#, &[]),
        ("Inline", r#"{"kind": "k", "a": 1, "z": 1}"#, &["/z"]),
    ];
    for (schema, body, undeclared) in rows {
        let text = with_body("3.1.0", &format!("{{$ref: '#/components/schemas/{schema}'}}"), parts);
        for (mode, render) in [
            (OnUndeclared::Refuse, "@ undeclared"),
            (OnUndeclared::Report, "?@"),
            (OnUndeclared::Strip, "-@"),
        ] {
            let mut options = options(mode);
            options.accept_unenforced.insert(String::from("/components/schemas/W"));
            let api = import_with(&text, &options);
            let expected: Vec<String> = undeclared.iter().map(|at| render.replace('@', at)).collect();
            assert_eq!(request_body(&api, body), expected, "{schema} {mode:?} {body}");
        }
    }
}

/// What is stripped of a body, and what is sent on.
fn sent(content: &str, content_type: &str, body: &str) -> (Vec<String>, Option<String>) {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  /x:\n    post:\n      \
         requestBody: {{required: true, content: {content}}}\n      responses: {{'200': {{description: ok}}}}\n"
    );
    let api = import_with(&text, &options(OnUndeclared::Strip));
    let crate::BodyMatch::Media(rules) = api.operations[0].request.body(Some(content_type)) else { panic!() };
    let mut out = crate::Violations::new();
    let input = crate::BodyInput { bytes: body.as_bytes(), tape: None, content_type: Some(content_type) };
    let strip = rules.check(&input, &mut out);
    assert!(out.is_empty(), "{body}: {:?}", out.items());
    let written = rules.rewrite(&input, &strip).map(|written| String::from_utf8(written.bytes).unwrap());
    if let Some(written) = &written {
        let again =
            crate::BodyInput { bytes: written.as_bytes(), tape: None, content_type: Some(content_type) };
        let left = rules.check(&again, &mut out);
        assert!(left.is_empty() && out.is_empty(), "{body}: {left:?} of {written}: {:?}", out.items());
    }
    (strip, written)
}

/// The field's schema and encoding, the body, what is stripped, what is sent.
type Row<'r> = (&'r str, &'r str, &'r str, &'r [&'r str], Option<&'r str>);

#[test]
fn what_is_nested_in_a_field_of_a_form_is_stripped_from_it() {
    const KIND: &str = "application/x-www-form-urlencoded";
    let inner = "{type: object, properties: {x: {type: string}, y: {type: object, properties: {z: {}}}}}";
    let list = format!("{{type: array, items: {inner}}}");
    let deep = "{style: deepObject, explode: true}";
    let json = "{contentType: application/json}";
    let flat = "{style: form, explode: false}";
    let rows: &[Row<'_>] = &[
        (inner, deep, "a[x]=1", &[], Some("a%5Bx%5D=1")),
        (inner, deep, "a[x]=1&a[u]=2", &["/a/u"], Some("a%5Bx%5D=1")),
        (inner, deep, "a[u]=2&b=1", &["/a/u"], Some("b=1")),
        (inner, deep, "a[x]=1&a[u][v]=2&a[u][w]=3", &["/a/u"], Some("a%5Bx%5D=1")),
        (inner, deep, "a[y][z]=1&a[y][u]=2", &["/a/y/u"], Some("a%5By%5D%5Bz%5D=1")),
        (inner, deep, "a[x]=1&a[u/~]=2", &["/a/u~1~0"], Some("a%5Bx%5D=1")),
        (inner, deep, "a[x]=1&u[x]=2&u=3", &["/u", "/u[x]"], Some("a%5Bx%5D=1")),
        (inner, json, "a={\"x\":\"1\"}", &[], Some("a=%7B%22x%22%3A%221%22%7D")),
        (inner, json, "a={\"x\":\"1\",\"u\":2}", &["/a/u"], Some("a=%7B%22x%22%3A%221%22%7D")),
        (inner, "{}", "a={\"u\":2}&b=1", &["/a/u"], Some("a=%7B%7D&b=1")),
        (&list, json, "a=[{\"x\":\"1\",\"u\":2}]", &["/a/0/u"], Some("a=%5B%7B%22x%22%3A%221%22%7D%5D")),
        (&list, deep, "a[0][x]=1&a[0][u]=2", &["/a/0/u"], Some("a%5B0%5D%5Bx%5D=1")),
        // Where it cannot be taken out nothing is sent.
        (&list, deep, "a[][u]=2", &["/a/0/u"], None),
        (inner, flat, "a=x,1", &[], Some("a=x,1")),
        (inner, flat, "a=x,1,u,2", &["/a/u"], None),
    ];
    for (schema, encoding, body, strip, expected) in rows {
        let content = format!(
            "{{{KIND}: {{schema: {{type: object, properties: {{a: {schema}, b: {{}}}}}}, encoding: {{a: {encoding}}}}}}}"
        );
        let (stripped, written) = sent(&content, KIND, body);
        assert_eq!(stripped, *strip, "{schema} {encoding} {body}");
        assert_eq!(written.as_deref(), *expected, "{schema} {encoding} {body}");
    }
}

#[test]
fn what_is_nested_in_a_part_is_stripped_from_it() {
    const KIND: &str = "multipart/form-data; boundary=b";
    let part = |name: &str, json: &str, text: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{json}\r\n\r\n{text}\r\n")
    };
    let json = |name: &str, text: &str| part(name, "\r\nContent-Type: application/json", text);
    let content = "{multipart/form-data: {schema: {type: object, properties: {a: {$ref: '#/x-a'}, \
        l: {type: array, items: {$ref: '#/x-a'}}, s: {type: string}}}}}"
        .replace("{$ref: '#/x-a'}", "{type: object, properties: {x: {type: string}}}");
    let kept = json("a", "{\"x\":\"1\"}");
    let list = json("l", "[{\"x\":\"1\"}]");
    let items = [json("l", "{\"x\":\"1\"}"), json("l", "{}")].concat();
    let rows: &[(String, &[&str], &str)] = &[
        (kept.clone(), &[], &kept),
        (json("a", "{\"x\":\"1\",\"u\":2}"), &["/a/u"], &kept),
        (json("a", "{\"x\":\"1\"}") + &part("u", "", "2"), &["/u"], &kept),
        (json("l", "[{\"u\":2,\"x\":\"1\"}]"), &["/l/0/u"], &list),
        (json("l", "{\"x\":\"1\"}") + &json("l", "{\"u\":2}"), &["/l/1/u"], &items),
    ];
    for (body, strip, expected) in rows {
        let (stripped, written) = sent(&content, KIND, &format!("{body}--b--\r\n"));
        assert_eq!(stripped, *strip, "{body}");
        assert_eq!(written, Some(format!("{expected}--b--\r\n")), "{body}");
    }
}
