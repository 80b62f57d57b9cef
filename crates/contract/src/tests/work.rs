//! Schemas that refer to themselves through alternatives: every way down for every alternative, unless somebody counts.

use super::{import, request_body, with_body};
use crate::{OnUndeclared, Options, Undeclared};

/// Every level doubles the ways down; whoever asks each definition once about each value takes them all in one pass.
#[test]
fn alternatives_within_alternatives_are_judged_and_keep_no_core_busy() {
    let expression = "{Expr: {oneOf: [{$ref: '#/components/schemas/And'}, {$ref: '#/components/schemas/Or'}, \
        {$ref: '#/components/schemas/Leaf'}]}, \
        And: {type: object, required: [args, op], properties: {op: {type: string, enum: [and]}, args: {type: array, \
        items: {$ref: '#/components/schemas/Expr'}}}}, \
        Or: {type: object, required: [args, op], properties: {op: {type: string, enum: [or]}, args: {type: array, \
        items: {$ref: '#/components/schemas/Expr'}}}}, \
        Leaf: {type: object, required: [field], properties: {field: {type: string}}}}";
    let overlapping = "{Expr: {anyOf: [{type: object, properties: {n: {$ref: '#/components/schemas/Expr'}}, \
        maxProperties: 5}, {type: object, properties: {n: {$ref: '#/components/schemas/Expr'}}, maxProperties: 6}]}}";
    let cases = [
        (expression, "{\"args\":[", "{\"field\":\"x\"}", "],\"op\":\"and\"}", "{\"field\":1}"),
        (overlapping, "{\"n\":", "{}", "}", "1"),
    ];
    for (components, open, leaf, close, wrong) in cases {
        let api = import(&with_body("3.1.0", "{$ref: '#/components/schemas/Expr'}", components));
        for depth in [0, 1, 5, 25, 30] {
            let good = nested(open, leaf, close, depth);
            assert_eq!(request_body(&api, &good), Vec::<String>::new(), "{good}");
            let bad = nested(open, wrong, close, depth);
            assert!(!request_body(&api, &bad).is_empty(), "{bad}");
        }
    }
}

/// The deepest body that a configuration may admit (512 levels) is judged, and refused with its reasons, on the stack of a
/// thread that asked for no more than it gets.
#[test]
fn the_deepest_body_fits_the_stack() {
    const DEPTH: u32 = 512;
    let bounds = tape::Bounds { depth: DEPTH, ..tape::Bounds::default() };
    let components = "{Plain: {type: array, items: {$ref: '#/components/schemas/Plain'}}, \
        Choice: {oneOf: [{type: 'null'}, {type: array, items: {$ref: '#/components/schemas/Choice'}}]}, \
        Whole: {type: array, prefixItems: [{$ref: '#/components/schemas/Whole'}], unevaluatedItems: false}}";
    for schema in ["Plain", "Choice", "Whole"] {
        let text = with_body("3.1.0", &format!("{{$ref: '#/components/schemas/{schema}'}}"), components);
        let api = import(&text);
        let crate::BodyMatch::Media(rules) = api.operations[0].request.body(Some("application/json")) else {
            panic!()
        };
        for (leaf, fits) in [("", true), ("7", false)] {
            let levels = 512;
            let body = format!("{}{leaf}{}", "[".repeat(levels), "]".repeat(levels));
            let tape = tape::Tape::parse(body.clone().into(), &bounds).unwrap();
            let input = crate::BodyInput {
                bytes: body.as_bytes(),
                tape: Some(&tape),
                content_type: Some("application/json"),
            };
            let mut out = crate::Violations::new();
            rules.check(&input, &mut out);
            assert_eq!(out.is_empty(), fits, "{schema} {leaf}");
        }
    }
}

fn nested(open: &str, leaf: &str, close: &str, depth: usize) -> String {
    format!("{}{leaf}{}", open.repeat(depth), close.repeat(depth))
}

/// Two parts of a schema lead to the same child, so there are 2^depth ways down to what is wrong: it is said once.
#[test]
fn what_is_wrong_is_looked_for_once_in_each_definition() {
    let rows = [
        (
            "{Node: {type: object, required: [kind], properties: {kind: {type: string}, \
              child: {$ref: '#/components/schemas/Node'}}, discriminator: {propertyName: kind}}, \
              Sub: {allOf: [{$ref: '#/components/schemas/Node'}, {type: object, properties: {v: {type: integer}}}]}}",
            "{\"kind\":\"Sub\",\"child\":",
            "{\"kind\":\"Sub\",\"v\":\"1\"}",
            "{\"kind\":\"Sub\",\"v\":1}",
        ),
        (
            "{Node: {allOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}]}, \
              A: {type: object, properties: {child: {$ref: '#/components/schemas/Node'}, v: {type: integer}}}, \
              B: {type: object, properties: {child: {$ref: '#/components/schemas/Node'}, w: {type: integer}}}}",
            "{\"child\":",
            "{\"v\":\"1\"}",
            "{\"v\":1}",
        ),
    ];
    for (components, open, wrong, right) in rows {
        let options = undeclared(OnUndeclared::Allow);
        let text = with_body("3.0.3", "{$ref: '#/components/schemas/Node'}", components);
        let api = super::import_with(&text, &options);
        for depth in [1, 40] {
            let pointer = format!("{}/v type", "/child".repeat(depth));
            assert_eq!(request_body(&api, &nested(open, wrong, "}", depth)), [pointer]);
            assert_eq!(request_body(&api, &nested(open, right, "}", depth)), Vec::<String>::new());
        }
        let deep = request_body(&api, &nested(open, wrong, "}", 62));
        assert!(!deep.is_empty(), "beyond what is explained it is still refused");
    }
}

/// Every branch of a choice asks for the undeclared properties of the same children.
#[test]
fn what_is_undeclared_is_looked_for_once_in_each_definition() {
    let components = "{Expr: {oneOf: [{$ref: '#/components/schemas/And'}, {$ref: '#/components/schemas/Or'}, \
        {$ref: '#/components/schemas/Leaf'}]}, \
        And: {type: object, required: [args, op], properties: {args: {type: array, \
        items: {$ref: '#/components/schemas/Expr'}}, op: {type: string, enum: [and]}}}, \
        Or: {type: object, required: [args, op], properties: {args: {type: array, \
        items: {$ref: '#/components/schemas/Expr'}}, op: {type: string, enum: [or]}}}, \
        Leaf: {type: object, required: [field], properties: {field: {type: string}}}}";
    let text = with_body("3.1.0", "{$ref: '#/components/schemas/Expr'}", components);
    for (mode, render) in
        [(OnUndeclared::Refuse, "@ undeclared"), (OnUndeclared::Report, "?@"), (OnUndeclared::Strip, "-@")]
    {
        let api = super::import_with(&text, &undeclared(mode));
        for depth in [1, 20] {
            let body = |leaf: &str| nested("{\"args\":[", leaf, "],\"op\":\"or\"}", depth);
            let pointer = format!("{}/u", "/args/0".repeat(depth));
            let said = request_body(&api, &body("{\"field\":\"x\",\"u\":1}"));
            assert_eq!(said, [render.replace('@', &pointer)], "{mode:?} {depth}");
            assert_eq!(request_body(&api, &body("{\"field\":\"x\"}")), Vec::<String>::new());
        }
    }
}

/// A discriminator leads to a schema that leads back to it with the same value: whatever such a contract means, its calls
/// end, and not by the end of the stack.
#[test]
fn a_value_that_goes_round_in_a_circle_is_left() {
    let components = "{Base: {type: object, required: [kind], properties: {kind: {type: string}}, \
        discriminator: {propertyName: kind, mapping: {sub: '#/components/schemas/Sub'}}}, \
        Sub: {anyOf: [{$ref: '#/components/schemas/Base'}, {type: object, required: [z]}]}}";
    let text = with_body("3.1.0", "{$ref: '#/components/schemas/Base'}", components);
    for mode in [OnUndeclared::Allow, OnUndeclared::Report, OnUndeclared::Refuse] {
        let (api, _) = super::try_import(&[("api.yaml", &text)], &undeclared(mode));
        let Some(api) = api else { continue };
        assert_eq!(request_body(&api, r#"{"kind":"Base"}"#), Vec::<String>::new());
        assert_eq!(request_body(&api, r#"{"kind":"sub"}"#), [" schema"], "{mode:?}");
    }
}

/// Two dozen alternatives for each of the smallest values there are.
#[test]
fn a_wide_choice_for_small_values_has_steps_enough() {
    let names: Vec<String> = (0..24).map(|index| format!("S{index}")).collect();
    let mut parts: Vec<String> = names
        .iter()
        .zip(0..)
        .map(|(name, at)| format!("{name}: {{type: integer, minimum: {at}, maximum: {at}}}"))
        .collect();
    let choice: Vec<String> =
        names.iter().map(|name| format!("{{$ref: '#/components/schemas/{name}'}}")).collect();
    parts.push(format!("U: {{oneOf: [{}]}}", choice.join(", ")));
    let components = format!("{{{}}}", parts.join(", "));
    let text = with_body("3.1.0", "{type: array, items: {$ref: '#/components/schemas/U'}}", &components);
    let api = import(&text);
    let body = |last: &str| format!("[{}{last}]", "9,".repeat(5_000));
    assert_eq!(request_body(&api, &body("9")), Vec::<String>::new());
    assert_eq!(request_body(&api, &body("99")), ["/5000 oneOf"]);
}

fn undeclared(mode: OnUndeclared) -> Options {
    let undeclared = Undeclared { query: mode, cookie: mode, header: mode, property: mode };
    Options { undeclared, ..Options::default() }
}
