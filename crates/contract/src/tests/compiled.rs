//! Our rules beside the validator: on any schema and any value both say the same.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tape::{Bounds, Tape};

use crate::schemas::{BASE, DELEGATE, FORBIDDEN, Pool, Slot};
use crate::work;

const NAMES: &[&str] = &["a", "b", "c", "d"];
const PARTS: usize = 3;
const DEFINITIONS: usize = 2 * PARTS;

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(NAMES).prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = Value> {
    prop::sample::select(&[
        "0",
        "1",
        "2",
        "-1",
        "1.0",
        "0.5",
        "1.5",
        "0.1",
        "0.3",
        "1e2",
        "100",
        "2.50",
        "-0",
        "-0.0",
        "1e-1",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "123456789012345.6",
        "1e300",
        "-1e300",
    ])
    .prop_map(|text| serde_json::from_str(text).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(&[
        "",
        "a",
        "ab",
        "abc",
        "é",
        "é€",
        "😀😀",
        "1",
        "x\"\\",
        "0e37df36-f698-11e6-8dd4-cb9ced3df976",
    ])
    .prop_map(str::to_owned)
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number(),
        text().prop_map(Value::String),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((name(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn kinds() -> impl Strategy<Value = Value> {
    let one = prop::sample::select(&["null", "boolean", "string", "array", "object", "integer", "number"]);
    prop_oneof![
        one.clone().prop_map(|kind| json!({ "type": kind })),
        prop::collection::btree_set(one, 1..4).prop_map(|kinds| json!({ "type": kinds })),
    ]
}

/// Keywords without a schema in them.
fn plain() -> impl Strategy<Value = Value> {
    let count = 0_u8..4;
    prop_oneof![
        3 => kinds(),
        1 => prop::collection::vec(scalar(), 1..4).prop_map(|values| json!({ "enum": values })),
        1 => text().prop_map(|text| json!({ "enum": [text, "ab", "b"] })),
        1 => value().prop_map(|value| json!({ "const": value })),
        2 => (prop::sample::select(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), number())
            .prop_map(|(key, limit)| json!({ key: limit })),
        1 => prop::sample::select(&["0.5", "1", "0.1", "2", "0.01", "1e-7", "3.0"])
            .prop_map(|text| json!({ "multipleOf": serde_json::from_str::<Value>(text).unwrap() })),
        2 => (
            prop::sample::select(&[
                "minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties",
            ]),
            count,
        )
            .prop_map(|(key, count)| json!({ key: count })),
        1 => prop::sample::select(&["^a", "^[a-z]+$", "[0-9]"]).prop_map(|pattern| json!({ "pattern": pattern })),
        1 => prop::sample::select(&["uuid", "byte", "date"]).prop_map(|format| json!({ "format": format })),
        2 => prop::collection::btree_set(name(), 0..3).prop_map(|names| json!({ "required": names })),
        1 => Just(json!({ "uniqueItems": true })),
        1 => Just(json!({ FORBIDDEN: "must not be sent" })),
    ]
}

fn reference() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..DEFINITIONS).prop_map(|index| json!({ DELEGATE: index })),
        (0..DEFINITIONS).prop_map(|index| json!({ "$ref": format!("{BASE}#/$defs/{index}") })),
    ]
}

/// Schemas whose references stand below a step into a child, where circles end with the value.
fn schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![8 => plain(), 1 => any::<bool>().prop_map(Value::Bool)];
    leaf.prop_recursive(4, 48, 4, |inner| {
        let child = prop_oneof![2 => inner.clone(), 1 => reference()];
        let named = prop::collection::vec((name(), child.clone()), 1..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()));
        let list = prop::collection::vec(inner.clone(), 1..4);
        let keyword = prop_oneof![
            3 => plain(),
            4 => named.prop_map(|properties| json!({ "properties": properties })),
            2 => (
                prop::sample::select(&[
                    "additionalProperties", "unevaluatedProperties", "items", "contains", "propertyNames",
                    "unevaluatedItems",
                ]),
                child.clone(),
            )
                .prop_map(|(key, schema)| json!({ key: schema })),
            2 => Just(json!({ "additionalProperties": false })),
            2 => Just(json!({ "unevaluatedProperties": false })),
            1 => child.clone().prop_map(|schema| json!({ "patternProperties": { "^[ab]": schema } })),
            1 => prop::collection::vec(child, 1..3).prop_map(|schemas| json!({ "prefixItems": schemas })),
            4 => (prop::sample::select(&["allOf", "anyOf", "oneOf"]), list)
                .prop_map(|(key, schemas)| json!({ key: schemas })),
            1 => inner.clone().prop_map(|schema| json!({ "not": schema })),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(one, two, three)| json!({ "if": one, "then": two, "else": three })),
        ];
        prop::collection::vec(keyword, 1..5).prop_map(|parts| {
            let mut all = Map::new();
            for part in parts {
                if let Value::Object(part) = part {
                    all.extend(part);
                }
            }
            Value::Object(all)
        })
    })
}

/// As the import makes them: later definitions may be parts of earlier ones.
fn with_part(schema: Value, part: Option<usize>) -> Value {
    match (schema, part) {
        (Value::Object(mut map), Some(index)) => {
            map.insert(String::from("$ref"), json!(format!("{BASE}#/$defs/{index}")));
            Value::Object(map)
        }
        (schema, _) => schema,
    }
}

struct Compiled {
    slots: Vec<Arc<Slot>>,
    library: Arc<crate::schemas::Library>,
}

fn compile(root: Value, definitions: Vec<Value>) -> Compiled {
    let mut pool = Pool::new();
    let mut slots = vec![pool.intern(root)];
    let handed: Vec<(Value, Option<Arc<Slot>>)> =
        definitions.into_iter().map(|value| (value, Some(Arc::default()))).collect();
    slots.extend(handed.iter().filter_map(|(_, slot)| slot.clone()));
    let library = pool.library.clone();
    assert_eq!(pool.compile(handed), Vec::<String>::new());
    Compiled { slots, library }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    #[test]
    fn our_rules_and_the_validator_agree(
        root in schema(),
        definitions in prop::collection::vec(schema(), DEFINITIONS),
        parts in prop::collection::vec(prop::option::weighted(0.4, 0..PARTS), PARTS + 1),
        values in prop::collection::vec(value(), 1..12),
    ) {
        // The root may have any of the last definitions as its part, the first ones likewise: no circle.
        let part = |at: usize| parts.get(at).copied().flatten().map(|index| PARTS + index);
        let root = with_part(root, part(PARTS));
        let definitions: Vec<Value> =
            definitions.into_iter().enumerate().map(|(at, schema)| with_part(schema, (at < PARTS).then(|| part(at)).flatten())).collect();
        let shown = json!({ "root": root, "definitions": definitions });
        let compiled = compile(root, definitions);
        for value in values {
            let tape = Tape::parse(value.to_string().into(), &Bounds::default()).unwrap();
            for (at, slot) in compiled.slots.iter().enumerate() {
                work::begin(&tape);
                let ours = slot.holds(tape.root(), &compiled.library);
                work::begin(&tape);
                prop_assert_eq!(ours, slot.judges(tape.root()), "schema {} of {:#}\non {}", at, shown, value);
            }
        }
    }
}

/// What a random search may miss for long.
#[test]
fn odd_corners_agree() {
    let rows = [
        (json!({ "multipleOf": 0.1 }), vec!["0.3", "0.30", "-0.3", "0.35", "3", "1e-1"]),
        (json!({ "multipleOf": 0.01 }), vec!["4.35", "1.005", "19.99", "123456789012.34"]),
        (json!({ "type": "integer" }), vec!["1.0", "1.5", "1e2", "1e-2", "0.0", "-0"]),
        (json!({ "minimum": 0.1, "maximum": 0.3 }), vec!["0.1", "0.3", "0.30", "0.300000000000001", "0.09"]),
        (
            json!({ "minimum": -9223372036854775808_i64, "maximum": 9223372036854775807_i64 }),
            vec![
                "9223372036854775807",
                "9223372036854775808",
                "-9223372036854775809",
                "1e30",
                "123456789012345",
            ],
        ),
        (json!({ "exclusiveMinimum": 1e16 }), vec!["1", "999999999999999", "1e17"]),
        (
            json!({ "enum": ["a", null, true] }),
            vec!["\"a\"", "\"\\u0061\"", "null", "true", "false", "\"\"", "0", "{}"],
        ),
        (
            json!({ "properties": { "a": false }, "required": ["z"] }),
            vec!["{\"\\u0061\":1,\"z\":1}", "{\"z\":1}", "{}"],
        ),
    ];
    for (schema, values) in rows {
        let compiled = compile(schema.clone(), Vec::new());
        for value in values {
            let tape = Tape::parse(value.to_owned().into(), &Bounds::default()).unwrap();
            work::begin(&tape);
            let slot = &compiled.slots[0];
            assert_eq!(
                slot.holds(tape.root(), &compiled.library),
                slot.judges(tape.root()),
                "{schema} {value}"
            );
        }
    }
}

/// More members and more required names than one word counts.
#[test]
fn wide_objects_agree() {
    let names: Vec<String> = (0..200).map(|index| format!("p{index}")).collect();
    let properties: Map<String, Value> =
        names.iter().map(|name| (name.clone(), json!({ "type": "integer" }))).collect();
    let schema = json!({
        "allOf": [{ "properties": properties, "required": names }],
        "unevaluatedProperties": false,
    });
    let compiled = compile(schema, Vec::new());
    let whole: Map<String, Value> = names.iter().map(|name| (name.clone(), json!(1))).collect();
    let mut cases = vec![(whole.clone(), true)];
    for at in [0, 63, 64, 65, 199] {
        let mut without = whole.clone();
        without.remove(&format!("p{at}"));
        cases.push((without, false));
    }
    let mut more = whole;
    more.insert(String::from("q"), json!(1));
    cases.push((more, false));
    for (case, fits) in cases {
        let tape = Tape::parse(Value::Object(case).to_string().into(), &Bounds::default()).unwrap();
        work::begin(&tape);
        let slot = &compiled.slots[0];
        assert_eq!(slot.holds(tape.root(), &compiled.library), fits);
        assert_eq!(slot.judges(tape.root()), fits);
    }
}
