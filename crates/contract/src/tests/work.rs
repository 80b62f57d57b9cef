//! Schemas that refer to themselves through alternatives: every way down for every alternative, unless somebody counts.

use super::{import, request_body, with_body};

/// Every level doubles the ways down: a body fits while its depth is small, and is refused for its work when it is not.
#[test]
fn alternatives_within_alternatives_end_in_a_refusal_and_not_in_a_busy_core() {
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
    let deep = nested(cases[0].1, cases[0].2, cases[0].3, 25);
    let api = import(&with_body("3.1.0", "{$ref: '#/components/schemas/Expr'}", expression));
    let said = request_body(&api, &deep);
    assert_eq!(said, [" schema"], "it would fit, but nobody could tell in time");
    for (components, open, leaf, close, wrong) in cases {
        let api = import(&with_body("3.1.0", "{$ref: '#/components/schemas/Expr'}", components));
        for depth in [0, 1, 5] {
            let good = nested(open, leaf, close, depth);
            assert_eq!(request_body(&api, &good), Vec::<String>::new(), "{good}");
            let bad = nested(open, wrong, close, depth);
            assert!(!request_body(&api, &bad).is_empty(), "{bad}");
        }
        let deep = nested(open, wrong, close, 25);
        assert!(!request_body(&api, &deep).is_empty(), "{deep}");
    }
}
