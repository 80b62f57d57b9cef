//! References: circles without a step, files outside of the contract's folder, what nothing uses, discriminators.

use super::{import, request_body, try_import, with_body};
use crate::Options;

fn problems(text: &str) -> Vec<String> {
    try_import(&[("api.yaml", text)], &Options::default()).1
}

#[test]
fn a_schema_that_applies_itself_to_the_same_value_is_an_error() {
    let a = "{$ref: '#/components/schemas/A'}";
    let b = "{$ref: '#/components/schemas/B'}";
    let base = "{type: object, required: [k], properties: {k: {type: string}}, \
        discriminator: {propertyName: k, mapping: {b: B}";
    let rows = [
        format!("{{A: {{allOf: [{b}]}}, B: {{allOf: [{a}]}}}}"),
        format!("{{A: {{oneOf: [{a}, {{type: string}}]}}}}"),
        format!("{{A: {{anyOf: [{a}, {{type: string}}]}}}}"),
        format!("{{A: {{not: {a}}}}}"),
        format!("{{A: {{if: {a}, then: {{type: string}}}}}}"),
        "{A: {$ref: '#/components/schemas/B', type: string}, B: {$ref: '#/components/schemas/A'}}".to_owned(),
        // Through what a discriminator selects.
        format!("{{A: {base}}}}}, B: {{anyOf: [{a}, {{required: [z]}}]}}}}"),
        format!("{{A: {base}}}}}, B: {{type: object, not: {a}}}}}"),
        format!("{{A: {base}}}}}, B: {{allOf: [{{anyOf: [{a}]}}]}}}}"),
        format!(
            "{{A: {{oneOf: [{{$ref: '#/components/schemas/C'}}], discriminator: {{propertyName: k, defaultMapping: B}}}}, \
             B: {{type: object, not: {a}}}, C: {{type: object, properties: {{k: {{const: c}}}}}}}}"
        ),
    ];
    for components in rows {
        let (api, said) =
            try_import(&[("api.yaml", &with_body("3.1.0", a, &components))], &Options::default());
        assert!(api.is_none(), "{components}");
        assert!(
            said.iter().any(|line| line.contains("[unenforced] the schema applies itself")
                || line.contains("[cyclic-ref]")),
            "{said:?}"
        );
    }
    let good = [
        format!("{{A: {{type: object, properties: {{a: {a}}}}}}}"),
        format!("{{A: {{oneOf: [{{type: array, items: {a}}}, {{type: string}}]}}}}"),
        format!("{{A: {{type: object, additionalProperties: {b}}}, B: {{allOf: [{a}]}}}}"),
        // The common hierarchy: each value picks one branch.
        format!(
            "{{A: {{type: object, required: [k], properties: {{k: {{type: string}}}}, discriminator: {{propertyName: k}}, \
             oneOf: [{b}]}}, B: {{type: object, allOf: [{a}]}}}}"
        ),
        // The same with a schema between, and on the base.
        format!(
            "{{A: {{type: object, required: [k], properties: {{k: {{type: string}}}}, discriminator: {{propertyName: k}}, \
             oneOf: [{b}]}}, B: {{type: object, allOf: [{{$ref: '#/components/schemas/C'}}]}}, C: {{allOf: [{a}]}}}}"
        ),
        format!(
            "{{A: {{type: object, required: [k], properties: {{k: {{type: string}}}}, \
             discriminator: {{propertyName: k, mapping: {{b: B}}}}}}, B: {{allOf: [{a}, {{required: [z]}}]}}, \
             C: {{allOf: [{b}]}}}}"
        ),
    ];
    for components in good {
        let said = problems(&with_body("3.1.0", a, &components));
        assert!(said.is_empty(), "{components}: {said:?}");
    }
}

#[test]
fn a_circle_that_is_accepted_ends_and_the_rest_is_enforced() {
    let text = with_body(
        "3.1.0",
        "{$ref: '#/components/schemas/A'}",
        "{A: {type: object, properties: {a: {type: integer}}, anyOf: [{$ref: '#/components/schemas/B'}]}, \
         B: {allOf: [{$ref: '#/components/schemas/A'}]}}",
    );
    let mut options = Options::default();
    options.accept_unenforced.extend(["A", "B"].map(|name| format!("/components/schemas/{name}")));
    let api = super::import_with(&text, &options);
    assert!(request_body(&api, "{\"a\": 1}").is_empty());
    for body in ["{\"a\": \"x\"}", "1"] {
        assert!(!request_body(&api, body).is_empty(), "{body}");
    }
    assert_eq!(api.stats.fully_enforced, 0);
}

#[test]
fn references_that_nothing_uses_are_warned_of() {
    let rows = [
        (
            "{A: {$ref: '#/components/schemas/Nope'}}",
            "warning [unresolved-ref] `#/components/schemas/Nope` points to nothing",
        ),
        ("{A: {$ref: 'missing.yaml#/A'}}", "warning [unresolved-ref] `missing.yaml#/A` needs the file"),
        ("{A: {$ref: '#/components/schemas/A'}}", "warning [cyclic-ref]"),
    ];
    for (components, expected) in rows {
        let (api, said) = try_import(
            &[("api.yaml", &with_body("3.1.0", "{type: string}", components))],
            &Options::default(),
        );
        assert!(api.is_some() && said.len() == 1 && said[0].contains(expected), "{expected}: {said:?}");
    }
    let good = "{A: {$ref: '#/components/schemas/B'}, B: {type: object, example: {$ref: nothing}}, \
        C: {properties: {c: {$ref: '#/components/schemas/C'}}}, \
        D: {discriminator: {propertyName: k}, oneOf: [{allOf: [{$ref: '#/components/schemas/D'}]}]}}";
    assert!(problems(&with_body("3.1.0", "{type: string}", good)).is_empty());
}

#[test]
fn every_circle_is_told_once_whoever_uses_another() {
    let to = |name: &str| format!("{{$ref: '#/components/schemas/{name}'}}");
    let components = format!(
        "{{A: {}, B: {}, C: {}, D: {{allOf: [{}]}}, E: {{anyOf: [{{not: {}}}]}}, F: {{type: string}}}}",
        to("A"),
        to("C"),
        to("B"),
        to("E"),
        to("D"),
    );
    let said = problems(&with_body("3.1.0", &to("F"), &components));
    assert_eq!(said.iter().filter(|line| line.contains("[cyclic-ref]")).count(), said.len(), "{said:?}");
    assert_eq!(said.len(), 4, "{said:?}");
    // One of them is used: an error there, and warnings of the others.
    let (api, said) =
        try_import(&[("api.yaml", &with_body("3.1.0", &to("A"), &components))], &Options::default());
    assert!(api.is_none());
    let warnings = said.iter().filter(|line| line.contains("warning [cyclic-ref]")).count();
    let errors = said.iter().filter(|line| line.contains(": [cyclic-ref]")).count();
    assert_eq!((errors, warnings), (1, 3), "{said:?}");
}

#[test]
fn nothing_outside_of_the_contracts_folder_is_read() {
    let text = |reference: &str| with_body("3.1.0", &format!("{{$ref: '{reference}'}}"), "{}");
    let secret = "SECRET: [1";
    for reference in
        ["../secret.yaml#/a", "/etc/secret.yaml", "../../../secret.yaml", "sub/../../secret.yaml"]
    {
        let text = text(reference);
        let files = [
            ("dir/api.yaml", text.as_str()),
            ("secret.yaml", secret),
            ("/etc/secret.yaml", secret),
            ("../../secret.yaml", secret),
        ];
        let (api, said) = try_import(&files, &Options::default());
        assert!(api.is_none(), "{reference}");
        assert!(said.iter().all(|line| line.contains("leads out of the contract's folder")), "{said:?}");
    }
    let below = text("sub/../sub/s.yaml#/A");
    for folder in ["", "dir/", "../dir/", "/abs/dir/"] {
        let (root, other, common) =
            (format!("{folder}api.yaml"), format!("{folder}sub/s.yaml"), format!("{folder}c.yaml"));
        let files = [
            (root.as_str(), below.as_str()),
            (other.as_str(), "A: {$ref: '../c.yaml#/B'}"),
            (common.as_str(), "B: {type: integer}"),
        ];
        let (api, said) = try_import(&files, &Options::default());
        let api = api.unwrap_or_else(|| panic!("{folder}: {said:?}"));
        assert_eq!(request_body(&api, "\"x\""), [" type"]);
    }
}

#[test]
fn keys_beside_a_reference_are_said_to_mean_nothing() {
    let text = |beside: &str| {
        format!(
            "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  /a:\n    get:\n      parameters: \
             [{{$ref: '#/components/parameters/P', {beside}}}]\n      responses: {{}}\ncomponents:\n  parameters:\n    \
             P: {{name: q, in: query, schema: {{type: integer}}}}\n"
        )
    };
    let said = problems(&text("required: true"));
    assert!(
        said.len() == 1 && said[0].contains("warning [ref-siblings] `required` beside `$ref`"),
        "{said:?}"
    );
    assert!(problems(&text("description: d")).is_empty());
}

#[test]
fn a_discriminator_may_name_what_else_applies() {
    let pets = "{Cat: {type: object, required: [k], properties: {k: {type: string}, n: {type: integer}}}, Other: {type: object, properties: {k: {type: string}, m: {type: integer}}}}";
    let schema = |more: &str| {
        format!(
            "{{oneOf: [{{$ref: '#/components/schemas/Cat'}}, {{$ref: '#/components/schemas/Other'}}], discriminator: {{propertyName: k{more}}}}}"
        )
    };
    let with = import(&with_body("3.2.0", &schema(", defaultMapping: Other"), pets));
    assert!(request_body(&with, r#"{"k": "Cat", "n": 1}"#).is_empty());
    assert!(request_body(&with, r#"{"k": "Dog", "m": 1}"#).is_empty());
    assert!(request_body(&with, r#"{"m": 1}"#).is_empty());
    assert_eq!(request_body(&with, r#"{"k": "Cat", "n": "x"}"#), ["/n type"]);
    assert_eq!(request_body(&with, r#"{"k": "Dog", "m": "x"}"#), ["/m type"]);
    assert_eq!(request_body(&with, r#"{"m": "x"}"#), ["/m type"]);
    let without = import(&with_body("3.2.0", &schema(""), pets));
    assert!(!request_body(&without, r#"{"k": "Dog", "m": 1}"#).is_empty());
    let said = problems(&with_body("3.0.3", &schema(", defaultMapping: Other"), pets));
    assert!(said.iter().any(|line| line.contains("a discriminator has no `defaultMapping`")), "{said:?}");
    let said = problems(&with_body("3.2.0", &schema(", defaultMapping: Nope"), pets));
    assert!(said.iter().any(|line| line.contains("[unresolved-ref]")), "{said:?}");
}

#[test]
fn a_base_schema_may_name_what_else_applies() {
    let components = |more: &str| {
        format!(
            "{{Pet: {{type: object, properties: {{k: {{type: string}}}}, discriminator: {{propertyName: k{more}}}}}, \
             Cat: {{allOf: [{{$ref: '#/components/schemas/Pet'}}, {{type: object, properties: {{n: {{type: integer}}}}}}]}}, \
             Other: {{allOf: [{{$ref: '#/components/schemas/Pet'}}, {{type: object, properties: {{m: {{type: integer}}}}}}]}}}}"
        )
    };
    let pet = "{$ref: '#/components/schemas/Pet'}";
    let with = import(&with_body("3.2.0", pet, &components(", defaultMapping: Other")));
    assert!(request_body(&with, r#"{"k": "Dog", "m": 1}"#).is_empty());
    assert_eq!(request_body(&with, r#"{"k": "Dog", "m": "x"}"#), ["/m type"]);
    assert_eq!(request_body(&with, r#"{"k": "Cat", "n": "x"}"#), ["/n type"]);
    let without = import(&with_body("3.2.0", pet, &components("")));
    assert!(!request_body(&without, r#"{"k": "Dog", "m": 1}"#).is_empty());
}

#[test]
fn a_mapping_may_name_a_component_with_dots() {
    let components =
        "{v1.Cat: {type: object, required: [k], properties: {k: {type: string}, n: {type: integer}}}}";
    let schema = "{oneOf: [{$ref: '#/components/schemas/v1.Cat'}], discriminator: {propertyName: k, mapping: {cat: v1.Cat}}}";
    let api = import(&with_body("3.0.3", schema, components));
    assert!(request_body(&api, r#"{"k": "cat", "n": 1}"#).is_empty());
    assert_eq!(request_body(&api, r#"{"k": "cat", "n": "x"}"#), ["/n type"]);
}

#[test]
fn references_below_an_id_are_not_followed_from_there() {
    let components = "{A: {$id: 'https://e/a', type: object, properties: {b: {$ref: '#/components/schemas/B'}}}, B: {type: integer}}";
    let said = problems(&with_body("3.1.0", "{$ref: '#/components/schemas/A'}", components));
    assert!(said.len() == 1 && said[0].contains("[unenforced] references below an `$id`"), "{said:?}");
    let plain = "{A: {$id: 'https://e/a', type: object, properties: {b: {type: integer}}}}";
    assert!(problems(&with_body("3.1.0", "{$ref: '#/components/schemas/A'}", plain)).is_empty());
}

#[test]
fn a_document_is_known_by_the_name_that_it_gives_itself() {
    let components = "{A: {$anchor: a, type: object, properties: {n: {type: integer}}}}";
    let of = |reference: &str| {
        let text = with_body("3.2.0", &format!("{{$ref: '{reference}'}}"), components);
        text.replacen("info:", "$self: https://e.example/api.yaml\ninfo:", 1)
    };
    for reference in ["https://e.example/api.yaml#/components/schemas/A", "https://e.example/api.yaml#a"] {
        let api = import(&of(reference));
        assert!(request_body(&api, r#"{"n": 1}"#).is_empty(), "{reference}");
        assert_eq!(request_body(&api, r#"{"n": "x"}"#), ["/n type"], "{reference}");
    }
    let said = problems(&of("https://e.example/other.yaml#/components/schemas/A"));
    assert!(said.iter().any(|line| line.contains("is remote")), "{said:?}");
}
