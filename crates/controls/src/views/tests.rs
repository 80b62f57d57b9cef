//! The walk that writes an answer anew, and what wrong sections are told; the binary with the sample API is in `yett/tests/calls/views.rs`.

use std::sync::Arc;

use diagnostics::{Diagnostics, Sources};
use engine::call::BodyLength;
use engine::{Attached, Call, Control, Principal, Step, Verdict};
use http::{HeaderMap, HeaderValue, Method};
use state::MemoryCells;
use tape::{Bounds, Tape};
use testkit::{CallBuilder, FakeClock, core};

use super::{Against, AtWork, Bodies, Hide, Rule, Rules, Views, write};
use crate::callers::{Callers, Roles, Traits};
use crate::pattern::Pattern;
use crate::private;

fn rule(name: &str, at: &[&str], role: &str, hide: Hide) -> Rule {
    let roles = Traits::new(Vec::new(), vec![role.into()]);
    let at = at.iter().map(|at| Pattern::parse(at).unwrap()).collect();
    Rule {
        name: name.into(),
        at,
        callers: Callers::new(vec![roles], Roles::default()),
        hide,
        questions: Box::default(),
    }
}

fn of(answers: Vec<Rule>, requests: Vec<Rule>) -> Rules {
    Rules { answers, requests, vary: HeaderValue::from_static("authorization") }
}

/// A schema in which everything is where it may be.
struct Anything;

impl write::Schema for Anything {
    fn is_misplaced(&self, _: &[Option<&str>], _: tape::Kind, _: &[Option<&str>]) -> bool {
        false
    }

    fn names(&self, _: &[Option<&str>]) -> bool {
        true
    }
}

fn view(rules: &[Rule], json: &str) -> Option<(String, Vec<u32>)> {
    let tape = Tape::parse(json.to_owned().into(), &Bounds::default()).unwrap();
    let against: Against<'_> = rules.iter().collect();
    let view = write::view(&tape, &against, &Anything).unwrap()?;
    Some((String::from_utf8(view.bytes).unwrap(), view.counts.to_vec()))
}

#[test]
fn fields_are_removed_and_masked() {
    use Hide::{Mask, Remove};
    let remove = |at: &[&str]| vec![rule("r", at, "x", Remove)];
    let mask = |at: &[&str]| vec![rule("m", at, "x", Mask)];
    for (rules, json, expected) in [
        (remove(&["/a"]), r#"{"a":1,"b":[1, 2.50]}"#, r#"{"b":[1,2.50]}"#),
        (remove(&["/b"]), r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
        (remove(&["/a"]), r#"{"A":1,"\u0061":2,"b":3}"#, r#"{"b":3}"#),
        (remove(&["/a", "/b"]), r#"{"a":1,"b":2}"#, "{}"),
        (remove(&["/a/b"]), r#"{"a":{"b":1,"c":2},"b":3}"#, r#"{"a":{"c":2},"b":3}"#),
        (remove(&["/a/*/b"]), r#"{"a":[{"b":1},{"c":2},3,null]}"#, r#"{"a":[{},{"c":2},3,null]}"#),
        (remove(&["/a/*/b"]), r#"{"a":{"x":{"b":1}}}"#, r#"{"a":{"x":{}}}"#),
        (remove(&["/*/b"]), r#"[{"b":1},{"b":2,"c":"\n"}]"#, r#"[{},{"c":"\n"}]"#),
        (remove(&["/a/-"]), r#"{"a":[1,2],"b":1}"#, r#"{"a":[],"b":1}"#),
        (remove(&["/a/1"]), r#"{"a":[1,2,3]}"#, r#"{"a":[1,3]}"#),
        (remove(&["/a~1b/~0c"]), r#"{"a/b":{"~c":1,"d":"\u00e9"}}"#, r#"{"a/b":{"d":"\u00e9"}}"#),
        // What was escaped for a page that it stands in stays so.
        (remove(&["/a"]), r#"{"a":1,"b\u003c":"\u003c\/p\u003e"}"#, r#"{"b\u003c":"\u003c\/p\u003e"}"#),
        (
            mask(&["/a", "/b", "/c"]),
            r#"{"a":"long text","b":12,"c":{"d":1}}"#,
            r#"{"a":"***","b":null,"c":null}"#,
        ),
        (mask(&["/a/*"]), r#"{"a":["x",1],"\n":1}"#, r#"{"a":["***",null],"\n":1}"#),
    ] {
        let seen = view(&rules, json).map(|(text, _)| text);
        assert_eq!(seen.as_deref(), Some(expected), "{json}");
    }
    // Removing goes before masking, whichever comes first.
    for rules in [
        [rule("a", &["/a"], "x", Mask), rule("b", &["/a"], "x", Remove)],
        [rule("a", &["/a"], "x", Remove), rule("b", &["/*"], "x", Mask)],
    ] {
        assert_eq!(view(&rules, r#"{"a":"x"}"#), Some(("{}".to_owned(), vec![1, 1])));
    }
    // Nothing there, nothing written.
    for json in ["{}", "[]", "1", r#"{"b":{"a":1}}"#, "null", r#"[{"a":1}]"#] {
        assert_eq!(view(&remove(&["/a"]), json), None, "{json}");
    }
}

/// Against another way of saying the same: every value that no pattern hides is there, and none that one hides.
#[test]
fn views_of_random_answers_are_those_of_a_plain_walk() {
    use proptest::prelude::*;
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i32>().prop_map(serde_json::Value::from),
            "[a-c\"\\\\é]{0,3}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(4, 40, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::btree_map("[abc]", inner, 0..4)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }
    fn plain(value: &serde_json::Value, ways: &[Vec<&str>]) -> serde_json::Value {
        let below = |key: &str, item: bool| -> Option<Vec<Vec<&str>>> {
            let fits = |step: &str| step == "*" || step == key || (item && step == "-");
            let ways: Vec<Vec<&str>> =
                ways.iter().filter(|way| fits(way[0])).map(|way| way[1..].to_vec()).collect();
            (!ways.iter().any(Vec::is_empty)).then_some(ways)
        };
        match value {
            serde_json::Value::Object(members) => members
                .iter()
                .filter_map(|(key, value)| Some((key.clone(), plain(value, &below(key, false)?))))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            serde_json::Value::Array(items) => items
                .iter()
                .enumerate()
                .filter_map(|(index, value)| Some(plain(value, &below(&index.to_string(), true)?)))
                .collect::<Vec<_>>()
                .into(),
            other => other.clone(),
        }
    }
    let step = prop::sample::select(vec!["a", "b", "*", "-", "0"]);
    let pattern = prop::collection::vec(step, 1..4);
    proptest!(|(value in json(), ways in prop::collection::vec(pattern, 1..4))| {
        let written: Vec<String> = ways.iter().map(|way| format!("/{}", way.join("/"))).collect();
        let at: Vec<&str> = written.iter().map(String::as_str).collect();
        let text = value.to_string();
        let seen = view(&[rule("r", &at, "x", Hide::Remove)], &text).map_or(text, |(text, _)| text);
        let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
        prop_assert_eq!(seen, plain(&value, &ways), "{:?}", written);
    });
}

fn caller(call: CallBuilder, roles: &[&str]) -> Call {
    let mut call = call.principal("i", "s", None).build();
    let principal = Arc::unwrap_or_clone(Arc::clone(&call.proofs[0].principal));
    let roles = roles.iter().map(|role| Box::from(*role)).collect();
    call.proofs[0].principal = Arc::new(Principal { roles, ..principal });
    call
}

fn attached(answers: Vec<Rule>, requests: Vec<Rule>) -> Box<dyn Attached> {
    let views = Views::new(of(answers, requests), None, Bodies::Any, true);
    Arc::new(views).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
}

fn code(step: Step<'_>) -> &'static str {
    match step {
        Step::Done(Verdict::Allow | Verdict::Note(_)) => "ok",
        Step::Done(Verdict::Refuse(refusal)) => refusal.code.name,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fields_are_set_by_those_who_may() {
    const REFUSED: &str = "property_forbidden";
    let rules = || vec![rule("discount", &["/lines/*/discount", "/status"], "clerk", Hide::Remove)];
    let control = attached(vec![rule("secret", &["/secret"], "clerk", Hide::Remove)], rules());
    let (json, merge, patch) =
        ("application/json", "application/merge-patch+json", "application/json-patch+json");
    for (media, body, expected) in [
        (json, r#"{"lines":[{"n":1}],"secret":1}"#, "ok"),
        (json, r#"{"lines":[{"n":1},{"discount":5}]}"#, REFUSED),
        (json, r#"{"lines":[{"discount":null}]}"#, REFUSED),
        (json, r#"{"lines":{"0":{"Discount":5}}}"#, REFUSED),
        (json, r#"{"st\u0061tus":"paid"}"#, REFUSED),
        (json, r#"[{"status":"paid"}]"#, REFUSED),
        (json, r#"{"lines":"x"}"#, REFUSED),
        (json, r#"{"status":1,"status":2}"#, REFUSED),
        (json, "", "ok"),
        (merge, r#"{"status":null}"#, REFUSED),
        // What takes the place of a list or an object takes away what was in it (RFC 7396).
        (merge, r#"{"lines":null}"#, REFUSED),
        (merge, r#"{"lines":[{"n":1}]}"#, REFUSED),
        (merge, r#"{"lines":"x"}"#, REFUSED),
        (merge, "null", REFUSED),
        (merge, r#"{"note":null,"other":[1]}"#, "ok"),
        (json, r#"{"lines":null}"#, "ok"),
        ("text/plain", "status=paid", REFUSED),
        (json, r#"{"status\u0000":1}"#, REFUSED),
        ("application/xml", "<status/>", REFUSED),
        (patch, r#"[{"op":"add","path":"/note","value":1}]"#, "ok"),
        (patch, r#"[{"op":"replace","path":"/status","value":1}]"#, REFUSED),
        (patch, r#"[{"op":"add","path":"/lines/-","value":{"discount":1}}]"#, REFUSED),
        (patch, r#"[{"op":"add","path":"/lines/-","value":{"n":1}}]"#, "ok"),
        (patch, r#"[{"op":"replace","path":"/lines/0","value":{"n":1}}]"#, REFUSED),
        (patch, r#"[{"op":"replace","path":"/lines","value":[]}]"#, REFUSED),
        (patch, r#"[{"op":"replace","path":"/lines","value":null}]"#, REFUSED),
        (patch, r#"[{"op":"add","path":"","value":{}}]"#, REFUSED),
        (patch, r#"[{"op":"replace","path":"/note","value":{}}]"#, "ok"),
        (patch, r#"[{"op":"test","path":"/lines","value":[]}]"#, "ok"),
        (patch, r#"[{"op":"remove","path":"/lines/0"}]"#, REFUSED),
        (patch, r#"[{"op":"move","from":"/a","path":"/status"}]"#, REFUSED),
        (patch, r#"[{"op":"test","path":"/status","value":1}]"#, "ok"),
        // What is hidden is neither tested nor copied.
        (patch, r#"[{"op":"test","path":"/secret","value":1}]"#, REFUSED),
        (patch, r#"[{"op":"copy","from":"/secret","path":"/note"}]"#, REFUSED),
        (patch, r#"[{"op":"copy","from":"","path":"/note"}]"#, REFUSED),
        (patch, r#"[{"op":"replace","path":"/secret","value":1}]"#, "ok"),
    ] {
        let call = || CallBuilder::new(Method::POST, "/x").body(media, body);
        assert_eq!(code(control.body(&mut caller(call(), &["guest"]))), expected, "{media} {body}");
        assert_eq!(code(control.body(&mut caller(call(), &["clerk"]))), "ok", "{media} {body}");
    }
}

/// Some services take a patch for what it is, whatever it is called.
#[test]
fn a_patch_by_another_name_is_one() {
    let secret = || vec![rule("secret", &["/secret"], "clerk", Hide::Remove)];
    let (seen, set) = (attached(secret(), Vec::new()), attached(Vec::new(), secret()));
    for (body, reads, writes) in [
        (r#"[{"op":"test","path":"/secret","value":1}]"#, true, false),
        (r#"[{"op":"replace","path":"/secret","value":1}]"#, false, true),
        (r#"[{"op":"replace","path":"/note","value":1}]"#, false, false),
        (r#"[{"op":"replace","path":"note","value":1}]"#, true, true),
        // Names in another case: some services read them.
        (r#"[{"Op":"replace","Path":"/secret","Value":1}]"#, true, true),
    ] {
        let by = |method: Method| {
            let call = CallBuilder::new(method, "/x").body("application/json", body);
            caller(call, &["guest"])
        };
        let call = || by(Method::PATCH);
        let expected = |refused: bool| if refused { "property_forbidden" } else { "ok" };
        assert_eq!(code(seen.body(&mut call())), expected(reads), "{body}");
        let patch =
            r#"{ content: { application/json: { schema: { type: array, items: { type: object } } } } }"#;
        let control =
            Views::new(of(Vec::new(), secret()), Some(operation("patch", patch)), Bodies::Any, true);
        let control = AtWork(Arc::new(control));
        for method in [Method::PATCH, Method::POST] {
            assert_eq!(code(control.body(&mut by(method))), expected(writes), "{body}");
        }
        let may = CallBuilder::new(Method::PATCH, "/x").body("application/json", body);
        assert_eq!(code(set.body(&mut caller(may, &["clerk"]))), "ok", "{body}");
    }
}

fn operation(method: &str, body: &str) -> Arc<contract::Operation> {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{ title: t, version: '1' }}\npaths:\n  /x:\n    {method}:\n      security: []\n      \
         requestBody: {body}\n      responses: {{ '200': {{ description: ok }} }}\n"
    );
    imported(&text)
}

fn imported(text: &str) -> Arc<contract::Operation> {
    let assets = contract::Assets::from([("api.yaml".to_owned(), Arc::from(text.as_bytes()))]);
    let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
    let api = contract::import("api.yaml", &assets, &mut sources, &contract::Options::default(), &mut found);
    Arc::clone(&api.unwrap_or_else(|| panic!("{found:#?}")).operations[0])
}

#[test]
fn bodies_that_are_not_described_set_nothing() {
    let rules = || of(Vec::new(), vec![rule("status", &["/status"], "clerk", Hide::Remove)]);
    let refused = |refused: bool| if refused { "property_forbidden" } else { "ok" };
    // Where no body is declared nothing here reads one.
    let control = AtWork(Arc::new(Views::new(rules(), None, Bodies::None, true)));
    for (length, who, is_refused) in [
        (BodyLength::Known(9), "guest", true),
        (BodyLength::Unknown, "guest", true),
        (BodyLength::Known(0), "guest", false),
        (BodyLength::Empty, "guest", false),
        (BodyLength::Known(9), "clerk", false),
    ] {
        let call = CallBuilder::new(Method::POST, "/x").length(length);
        assert_eq!(code(control.head(&mut caller(call, &[who]))), refused(is_refused), "{length:?} {who}");
    }
    // A range takes text, in which a service may find JSON; where only text is declared there is no such field.
    let json = r#"{"status":1}"#;
    for (types, media, body, is_refused) in [
        ("'*/*': {}", "text/plain", json, true),
        ("'*/*': {}", "application/x-json", json, true),
        ("'*/*': {}", "application/json", r#"{"note":1}"#, false),
        ("text/plain: { schema: { type: string } }", "text/plain", json, false),
    ] {
        let operation = operation("post", &format!("{{ content: {{ {types} }} }}"));
        let control = AtWork(Arc::new(Views::new(rules(), Some(operation), Bodies::Plain, true)));
        let call = CallBuilder::new(Method::POST, "/x").body(media, body);
        assert_eq!(code(control.body(&mut caller(call, &["guest"]))), refused(is_refused), "{types} {media}");
    }
}

/// PATCH with plain JSON is a merge patch to most services.
#[test]
fn plain_json_by_patch_takes_the_place_of_what_was_there() {
    let control = attached(Vec::new(), vec![rule("limit", &["/limits/max"], "clerk", Hide::Remove)]);
    for (method, body, refused) in [
        (Method::PATCH, r#"{"limits":null}"#, true),
        (Method::PATCH, r#"{"limits":[]}"#, true),
        (Method::PATCH, r#"{"limits":{"min":null}}"#, false),
        (Method::PATCH, r#"{"limits":{"max":null}}"#, true),
        (Method::PATCH, r#"{"name":null}"#, false),
        (Method::PUT, r#"{"limits":null}"#, false),
    ] {
        let call = CallBuilder::new(method.clone(), "/x").body("application/json", body);
        let expected = if refused { "property_forbidden" } else { "ok" };
        assert_eq!(code(control.body(&mut caller(call, &["guest"]))), expected, "{method} {body}");
    }
}

fn answering(responses: &str) -> Arc<contract::Operation> {
    let text = format!(
        "openapi: 3.1.0\ninfo: {{ title: t, version: '1' }}\npaths:\n  /x:\n    get:\n      security: []\n      responses: {responses}\n"
    );
    imported(&text)
}

/// What a clerk's rule leaves a guest of an answer: the head's verdict and the body's, and what goes out.
fn answered(
    operation: Option<&Arc<contract::Operation>>,
    at: &[&str],
    (status, media, body): (u16, &str, &str),
) -> String {
    let rules = of(vec![rule("secret", at, "clerk", Hide::Remove)], Vec::new());
    let control = AtWork(Arc::new(Views::new(rules, operation.map(Arc::clone), Bodies::None, true)));
    let mut call = caller(CallBuilder::get("/x"), &["guest"]);
    call.response.status = http::StatusCode::from_u16(status).unwrap();
    if !media.is_empty() {
        call.response.headers.insert(http::header::CONTENT_TYPE, media.parse().unwrap());
    }
    call.response.body = engine::Body::new(body.to_owned().into());
    for said in [code(control.response_head(&mut call)), code(control.response_body(&mut call))] {
        if said != "ok" {
            return said.to_owned();
        }
    }
    String::from_utf8(call.response.body.bytes().to_vec()).unwrap()
}

/// In an answer of a shape that the contract does not have, pointers find nothing: it is withheld.
#[test]
fn answers_of_another_shape_are_withheld() {
    const WITHHELD: &str = "answer_unreadable";
    let json = "application/json";
    let shape = "{ type: object, properties: { id: { type: string }, secret: { type: string }, in: { oneOf: [{ type: string }, { type: object, properties: { secret: { type: string } } }] }, \
                 list: { type: array, items: { type: object, properties: { secret: { type: string } } } }, map: { type: object, additionalProperties: { type: object, properties: { secret: { type: string } } } }, \
                 names: { type: array, items: { type: string } } } }";
    let operation = answering(&format!(
        "{{ '200': {{ description: ok, content: {{ {json}: {{ schema: {shape} }} }} }}, '409': {{ description: no, content: {{ application/problem+json: {{ schema: {{ type: object }} }} }} }}, \
         '226': {{ description: patch, content: {{ application/json-patch+json: {{ schema: {{ type: array }} }} }} }} }}"
    ));
    let at = ["/secret", "/in/secret", "/list/*/secret", "/map/*/secret"];
    let whole = r#"{"id":"a","secret":"s"}"#;
    for (answer, expected) in [
        ((200, json, whole), r#"{"id":"a"}"#),
        // Another media type has another shape, and another status is another answer.
        ((200, "application/hal+json", r#"{"_embedded":{"x":{"secret":"s"}}}"#), WITHHELD),
        ((200, "application/vnd.api+json", r#"{"data":{"attributes":{"secret":"s"}}}"#), WITHHELD),
        ((226, "application/json-patch+json", r#"[{"op":"add","path":"/secret","value":"s"}]"#), WITHHELD),
        ((201, json, whole), WITHHELD),
        ((409, json, r#"{"current":{"secret":"s"}}"#), WITHHELD),
        ((409, "application/problem+json", r#"{"title":"x","secret":"s"}"#), r#"{"title":"x"}"#),
        // Values of another kind on the way to a field.
        ((200, json, r#"[{"id":"a","secret":"s"}]"#), WITHHELD),
        ((200, json, r#""secret""#), WITHHELD),
        ((200, json, r#"{"list":[[{"secret":"s"}]]}"#), WITHHELD),
        ((200, json, r#"{"list":["{\"secret\":1}"]}"#), WITHHELD),
        ((200, json, r#"{"list":[{"secret":"s"},null]}"#), r#"{"list":[{},null]}"#),
        ((200, json, r#"{"map":[{"secret":"s"}]}"#), r#"{"map":[{}]}"#),
        ((200, json, r#"{"map":{"a":{"secret":"s"},"b":5}}"#), WITHHELD),
        ((200, json, r#"{"map":{"a":{"secret":"s","n":1}}}"#), r#"{"map":{"a":{"n":1}}}"#),
        ((200, json, r#"{"in":null,"list":[],"names":["x"]}"#), r#"{"in":null,"list":[],"names":["x"]}"#),
        // Where the contract has a text beside the object, it is one.
        ((200, json, r#"{"in":"x"}"#), r#"{"in":"x"}"#),
        ((200, json, r#"{"in":5}"#), WITHHELD),
        // A status that is to have no content, and has some.
        ((205, json, whole), WITHHELD),
        ((205, "", ""), ""),
        ((200, json, ""), ""),
        // Neither a length nor a type: nothing, or something that cannot be read.
        ((200, "", ""), ""),
        ((200, "", whole), WITHHELD),
    ] {
        assert_eq!(answered(Some(&operation), &at, answer), expected, "{answer:?}");
    }
    // Without a contract nothing says what there is beside.
    assert_eq!(answered(None, &["/secret"], (205, json, whole)), r#"{"id":"a"}"#);
    assert_eq!(answered(None, &["/secret"], (200, json, r#"[{"secret":"s"}]"#)), WITHHELD);
    assert_eq!(answered(None, &["/*/secret"], (200, json, r#"[{"secret":"s"}]"#)), "[{}]");
    assert_eq!(answered(None, &["/secret"], (200, "application/json-patch+json", "[]")), WITHHELD);
}

/// Schemas are open unless they say otherwise: in an envelope that nobody told of a field is not where its pointer leads.
#[test]
fn answers_with_a_hidden_name_elsewhere_are_withheld() {
    const WITHHELD: &str = "answer_unreadable";
    let shape = "{ type: object, properties: { id: { type: string }, total: { type: number }, seller: { type: object, properties: { total: { type: string } } }, \
                 lines: { type: array, items: { type: object, properties: { total: { type: number } } } }, \
                 prices: { type: object, additionalProperties: { type: object, properties: { total: { type: number } } } }, \
                 labels: { type: object, additionalProperties: { type: string } } } }";
    let operation = answering(&format!(
        "{{ '200': {{ description: ok, content: {{ application/json: {{ schema: {shape} }} }} }} }}"
    ));
    let at = ["/total", "/lines/*/total"];
    for (json, expected) in [
        (r#"{"id":"a","total":5,"lines":[{"total":5}]}"#, r#"{"id":"a","lines":[{}]}"#),
        // What the contract has elsewhere is known to who wrote the rule.
        (r#"{"seller":{"total":"x"},"total":5}"#, r#"{"seller":{"total":"x"}}"#),
        (r#"{"prices":{"a":{"total":5}}}"#, r#"{"prices":{"a":{"total":5}}}"#),
        // Undeclared, but without the name.
        (r#"{"id":"a","more":{"sum":[{"x":1}]}}"#, r#"{"id":"a","more":{"sum":[{"x":1}]}}"#),
        (r#"{"more":{"subtotal":1,"totals":2}}"#, r#"{"more":{"subtotal":1,"totals":2}}"#),
        // Envelopes, copies and flat forms.
        (r#"{"data":{"id":"a","total":5}}"#, WITHHELD),
        (r#"{"data":[[{"total":5}]]}"#, WITHHELD),
        (r#"{"id":"a","old":{"Total":5},"total":6}"#, WITHHELD),
        (r#"{"old":{"t\u006ftal":5}}"#, WITHHELD),
        (r#"{"order.total":5}"#, WITHHELD),
        (r#"{"old":{"lines[0].total":5}}"#, WITHHELD),
        (r#"{"seller":{"was":{"total":5}}}"#, WITHHELD),
        (r#"{"lines":[{"tax":{"total":5}}]}"#, WITHHELD),
        (r#"{"labels":{"total":"5"}}"#, WITHHELD),
        (r#"{"prices":{"total":{"total":5}}}"#, WITHHELD),
    ] {
        let answer = (200, "application/json", json);
        assert_eq!(answered(Some(&operation), &at, answer), expected, "{json}");
    }
    // Without a contract only the rules know where it may be.
    for (json, expected) in [
        (r#"{"total":5,"id":"a"}"#, r#"{"id":"a"}"#),
        (r#"{"data":{"total":5}}"#, WITHHELD),
        (r#"{"data":{"id":"a"}}"#, r#"{"data":{"id":"a"}}"#),
    ] {
        assert_eq!(answered(None, &["/total"], (200, "application/json", json)), expected, "{json}");
    }
}

/// A condition on a change tells whether a guess at what is hidden was right.
#[test]
fn changes_are_not_made_on_conditions_that_tell() {
    let control = attached(vec![rule("secret", &["/secret"], "clerk", Hide::Remove)], Vec::new());
    for (field, value, refused) in [
        ("if-match", "\"r1\"", true),
        ("if-match", "*, \"r1\"", true),
        ("if-none-match", "\"r1\"", true),
        ("if-unmodified-since", "Thu, 01 Jan 2026 00:00:00 GMT", true),
        ("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT", true),
        ("if-match", "*", false),
        ("if-none-match", " * ", false),
        ("x-other", "\"r1\"", false),
    ] {
        let call = || CallBuilder::new(Method::PATCH, "/x").header(field, value);
        let expected = if refused { "property_forbidden" } else { "ok" };
        assert_eq!(code(control.head(&mut caller(call(), &["guest"]))), expected, "{field}: {value}");
        assert_eq!(code(control.head(&mut caller(call(), &["clerk"]))), "ok", "{field}: {value}");
    }
}

#[test]
fn who_may_not_see_a_field_may_not_ask_by_it() {
    let questions = ["sort=total", "filter[total]"].map(super::question::Question::parse);
    let hidden = Rule { questions: questions.into(), ..rule("totals", &["/total"], "clerk", Hide::Remove) };
    let control = attached(vec![hidden], Vec::new());
    for (target, expected) in [
        ("/x", "ok"),
        ("/x?sort=id&filter[status]=paid", "ok"),
        ("/x?sort=-total", "property_forbidden"),
        ("/x?filter[total]=5", "property_forbidden"),
        ("/x?%ff", "property_forbidden"),
    ] {
        let call = || CallBuilder::get(target);
        assert_eq!(code(control.head(&mut caller(call(), &["guest"]))), expected, "{target}");
        assert_eq!(code(control.head(&mut caller(call(), &["clerk"]))), "ok", "{target}");
    }
}

#[test]
fn headers_are_for_one_caller() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("cache-control", "public, max-age=5"),
        ("cache-control", "NO-STORE"),
        ("vary", "accept"),
        ("surrogate-control", "max-age=5"),
        ("cdn-cache-control", "max-age=5"),
        ("vendor-cdn-cache-control", "max-age=5"),
        ("x-accel-expires", "5"),
        ("edge-control", "cache-maxage=5m"),
        ("pragma", "x"),
        ("etag", "\"1\""),
        ("digest", "x"),
        ("x-goog-hash", "crc32c=AAAA"),
        ("x-amz-checksum-sha256", "x"),
        ("x-checksum-sha256", "x"),
        ("x-etag", "1"),
        ("x-ms-blob-content-md5", "x"),
        ("signature", "sig=:AAAA:"),
        ("signature-input", "sig=()"),
    ] {
        headers.append(name, value.parse().unwrap());
    }
    private::keep(&mut headers, &"authorization, x-key".parse().unwrap());
    private::forget(&mut headers);
    let all: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let mut sorted = all.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            ("cache-control", "private, no-store"),
            ("pragma", "x"),
            ("vary", "accept"),
            ("vary", "authorization, x-key")
        ]
    );
}

#[test]
fn answers_vary_by_where_credentials_are() {
    use crate::security::kit::{Setup, World};
    const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
apis:
  t:
    contract: ./api.yaml
    upstream: http://127.0.0.1:3000
    authentication: { a: { source: applications }, b: { source: applications }, c: { source: applications } }
"#;
    const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
security: [{ a: [] }, { b: [] }, { c: [] }]
components:
  securitySchemes:
    a: { type: apiKey, in: header, name: X-Key }
    b: { type: apiKey, in: cookie, name: key }
    c: { type: apiKey, in: query, name: key }
paths: { /x: { get: { operationId: x, responses: { "200": { description: ok } } } } }
"#;
    let mut vary = None;
    Setup::new(DOCUMENT, CONTRACT).attach_and(&World::new(), 0, |api| vary = Some(crate::private::vary(api)));
    assert_eq!(vary.unwrap(), "authorization, x-key, cookie");
}

#[test]
fn needs_are_what_the_rules_want() {
    let rules = |answers: bool, requests: bool| {
        let some = |on: bool| if on { vec![rule("r", &["/a"], "x", Hide::Remove)] } else { Vec::new() };
        of(some(answers), some(requests))
    };
    let needs = |rules, bodies, enforced| {
        let needs = Views::new(rules, None, bodies, enforced).needs();
        [needs.head, needs.body, needs.response_head, needs.response_body]
    };
    assert_eq!(needs(rules(true, false), Bodies::Plain, true), [true, false, true, true]);
    assert_eq!(needs(rules(true, false), Bodies::Any, true), [true, true, true, true]);
    assert_eq!(needs(rules(true, false), Bodies::None, false), [false, false, false, true]);
    assert_eq!(needs(rules(false, true), Bodies::Plain, true), [false, true, false, false]);
    assert_eq!(needs(rules(false, true), Bodies::None, false), [true, false, false, false]);
}

#[test]
fn wrong_sections_are_told() {
    for (section, codes) in [
        ("answers: { a: { at: [/x, '/y/*'], to: [r], otherwise: mask } }", &[][..]),
        ("requests: { a: { at: [/x] } }\nmode: shadow", &[]),
        ("answers: { a: { at: [] } }", &["views"]),
        ("answers: { a: { to: [r] } }", &["missing-key"]),
        ("answers: { a: { at: [x] } }", &["invalid-value"]),
        ("answers: { a: { at: [''] } }", &["invalid-value"]),
        ("answers: { a: { at: [/x], to: [{}] } }", &["invalid-value"]),
        ("answers: { a: { at: [/x], by: [r] } }", &["unknown-key"]),
        ("answers: { a: { at: [/x], mode: shadow } }\nrequests: { a: { at: [/x], mode: 'off' } }", &[]),
        ("answers: { a: { at: [/x], mode: log } }", &["unknown-value"]),
    ] {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
        let file = sources.add("x.yaml", section);
        let node = spec::parse(section, file, &mut found).unwrap();
        super::check_section(&node, &mut found);
        let said: Vec<&str> = found.iter().map(|diagnostic| diagnostic.code).collect();
        assert_eq!(said, codes, "{section}: {found:#?}");
    }
}

/// Codes of what is wrong with a section, for one operation of an API.
fn told(section: &str, websocket: bool) -> Vec<&'static str> {
    use crate::scope::{OperationKind, OperationScope};
    use crate::security::kit::{Setup, World};
    const DOCUMENT: &str = "version: 1\nlisten: http://127.0.0.1:8080\napis: { t: { contract: ./api.yaml, upstream: http://127.0.0.1:3000 } }\n";
    const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /x:
    post:
      operationId: x
      security: []
      requestBody: { content: { application/json: { schema: { type: object, properties: { a: { type: string } } } } } }
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, properties: { a: { type: string }, b: { type: string }, list: { type: array, items: { type: object, properties: { b: { type: string } } } }, closed: { type: object, additionalProperties: false } } } } } } }
"#;
    let mut found = Diagnostics::new();
    let mut sources = Sources::default();
    let file = sources.add("section.yaml", section);
    let node = spec::parse(section, file, &mut found).unwrap();
    Setup::new(DOCUMENT, CONTRACT).attach_and(&World::new(), 0, |api| {
        let operation = &api.contract.unwrap().operations[0];
        let scope = OperationScope {
            api,
            kind: OperationKind::Declared,
            contract: Some(operation),
            id: &operation.id,
            method: &operation.method,
            template: &operation.template,
            params: &[],
            siblings: &[],
            websocket,
            section: Some(&node),
        };
        drop(super::compile(&scope, &mut found));
    });
    found.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn fields_that_nothing_hides_are_told() {
    for (section, websocket, codes) in [
        // Answers of another shape, in which pointers find nothing, are not withheld.
        ("answers: { r: { at: [/a] } }", false, &["views-unvalidated"][..]),
        ("mode: shadow\nanswers: { r: { at: [/a] } }", false, &[]),
        ("requests: { r: { at: [/a] } }", false, &[]),
        ("answers: { r: { mode: shadow, at: [/a] } }", false, &[]),
        ("mode: shadow\nanswers: { r: { mode: enforce, at: [/a] } }", false, &["views-unvalidated"]),
        // What schemas only leave room may be misspelled.
        ("mode: shadow\nanswers: { r: { at: [/aa] } }", false, &["views"]),
        ("mode: shadow\nanswers: { r: { at: [/aa], undeclared: true } }", false, &[]),
        ("requests: { r: { at: [/aa] } }", false, &["views"]),
        ("requests: { r: { at: [/aa], undeclared: true } }", false, &[]),
        // The same name elsewhere in an answer.
        ("mode: shadow\nanswers: { r: { at: [/b] } }", false, &["views-unguarded"]),
        ("mode: shadow\nanswers: { r: { at: [/b, /list/*/b] } }", false, &[]),
        ("mode: shadow\nanswers: { r: { at: [/b] }, s: { at: [/list/-/B] } }", false, &[]),
        ("mode: shadow\nanswers: { r: { at: [/b], shown_at: [/list/*/b] } }", false, &[]),
        ("mode: shadow\nanswers: { r: { at: [/list] } }", false, &[]),
        // Messages of a WebSocket are not read.
        ("mode: shadow\nanswers: { r: { at: [/a] } }", true, &["views"]),
        ("requests: { r: { at: [/a] } }", true, &[]),
    ] {
        assert_eq!(told(section, websocket), codes, "{section} {websocket}");
    }
}
