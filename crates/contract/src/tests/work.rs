//! Schemas that refer to themselves through alternatives: every way down for every alternative, unless somebody counts.

use super::{import, request_body, with_body};

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
    let nested = |open: &str, leaf: &str, close: &str, depth: usize| {
        format!("{}{leaf}{}", open.repeat(depth), close.repeat(depth))
    };
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
