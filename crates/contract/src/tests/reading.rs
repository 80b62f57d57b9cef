//! What calls say, by the readings that the validators take.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::import;
use crate::{Carries, ParameterInput, Place, Reading, is_alias, undeclared};

const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /t/{id}/{ids}:
    post:
      operationId: o
      security: []
      parameters:
        - { name: id, in: path, required: true, schema: { type: string } }
        - { name: ids, in: path, required: true, schema: { type: array, items: { type: integer } } }
        - { name: one, in: query, schema: { type: string, maxLength: 8 } }
        - { name: number, in: query, schema: { type: integer } }
        - { name: many, in: query, schema: { type: array, items: { type: string } } }
        - { name: piped, in: query, style: pipeDelimited, explode: false, schema: { type: array, items: { type: string } } }
        - { name: either, in: query, explode: false, schema: { type: [string, array], items: { type: string } } }
        - { name: filter, in: query, style: deepObject, explode: true, schema: { type: object, additionalProperties: false, properties: { a: { type: string }, b: { type: string } } } }
        - { name: doc, in: query, content: { application/json: { schema: { type: object } } } }
        - { name: page, in: query, schema: { type: object, additionalProperties: false, properties: { tenant: { type: string } } } }
        - { name: X-Id, in: header, schema: { type: string } }
        - { name: X-Ids, in: header, schema: { type: array, items: { type: string } } }
        - { name: who, in: cookie, schema: { type: string } }
      requestBody:
        content:
          application/json:
            schema:
              type: object
              additionalProperties: false
              properties:
                id: { type: string }
                list: { type: array, items: { type: object, properties: { id: { type: string } } } }
                map: { type: object, additionalProperties: { type: object, additionalProperties: false, properties: { id: { type: string } } } }
          application/x-www-form-urlencoded:
            schema: { type: object, properties: { id: { type: string } } }
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, properties: { secret: { type: string } }, additionalProperties: false } } } } }
"#;

fn said(reading: Reading) -> String {
    match reading {
        Reading::Absent => String::from("absent"),
        Reading::Unreadable => String::from("unreadable"),
        Reading::Values(tapes) => {
            let text = |tape: &tape::Tape| {
                let mut out = Vec::new();
                tape.write_canonical(&mut out);
                String::from_utf8(out).unwrap()
            };
            tapes.iter().map(text).collect::<Vec<_>>().join(" ")
        }
    }
}

/// What the operation says under a name of a call with this path, query and header fields.
fn read(place: Place, name: &str, path: &str, query: &str, fields: &[(&str, &str)]) -> String {
    let operation = Arc::clone(&import(CONTRACT).operations[0]);
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let (id, ids) = path.split_once('/').unwrap();
    let path = [("id", id), ("ids", ids)];
    let input = ParameterInput { path: &path, query: Some(query), headers: &headers };
    said(operation.request.read(place, name, &input))
}

#[test]
fn parameters_are_read_as_they_are_validated() {
    let query = |name: &str, query: &str| read(Place::Query, name, "a/1", query, &[]);
    for (path, name, expected) in [
        ("a/1,2", "id", "\"a\""),
        ("a%2Fb/1", "id", "\"a/b\""),
        ("%ff/1", "id", "unreadable"),
        ("a/1,2", "ids", "[1,2]"),
        ("a/1%2C2", "ids", "unreadable"),
        ("a/x", "ids", "unreadable"),
    ] {
        assert_eq!(read(Place::Path, name, path, "", &[]), expected, "{path}");
    }
    for (name, text, expected) in [
        ("one", "", "absent"),
        ("one", "one=a", "\"a\""),
        ("one", "o%6Ee=a%20b", "\"a b\""),
        ("one", "one=a&one=b", "unreadable"),
        ("one", "one=a&One=b", "unreadable"),
        ("one", "one=a&one[]=b", "unreadable"),
        ("one", "one=a&one[$ne]=b", "unreadable"),
        ("one", "one.x=b", "unreadable"),
        ("one", "one=123456789", "unreadable"),
        ("one", "ones=1", "absent"),
        ("number", "number=7", "7"),
        ("number", "number=7x", "unreadable"),
        ("many", "many=a&many=b", "[\"a\",\"b\"]"),
        ("many", "many[]=a", "unreadable"),
        ("piped", "piped=a%7Cb|c", "[\"a\",\"b\",\"c\"]"),
        ("either", "either=a,b", "\"a,b\" [\"a\",\"b\"]"),
        ("filter", "filter[a]=x&filter[b]=y", r#"{"a":"x","b":"y"}"#),
        ("filter", "filter[a]=x&Filter[a]=z", "unreadable"),
        ("filter", "filter[a]=x&filter[a]=z", "unreadable"),
        ("filter", "filter[b]=y", r#"{"b":"y"}"#),
        // The name by itself is no spelling of the style, and some services read it as JSON or as `a:x`.
        ("filter", "filter=a:x", "unreadable"),
        ("filter", "filter[a]=x&filter=%7B%22a%22:%22y%22%7D", "unreadable"),
        ("filter", "filter[and][0][a]=x", "unreadable"),
        // An object whose properties are parameters: those have other spellings too.
        ("page", "tenant=t&one=x", r#"{"tenant":"t"}"#),
        ("page", "tenant=t&Tenant=u", "unreadable"),
        ("page", "tenant[]=u", "unreadable"),
        ("page", "page=tenant,u", "unreadable"),
        ("doc", "doc=%7B%22a%22:1%7D", r#"{"a":1}"#),
        ("doc", "doc=1&doc=2", "unreadable"),
        // Not declared: text, each by itself.
        ("more", "more=1&more=2", "\"1\" \"2\""),
        ("more", "more=1&MORE=2", "unreadable"),
        ("more", "other=1", "absent"),
        ("more", "%ff=1", "unreadable"),
    ] {
        assert_eq!(query(name, text), expected, "{name} {text}");
    }
}

#[test]
fn fields_and_cookies_are_read_as_they_are_validated() {
    for (place, name, fields, expected) in [
        (Place::Header, "x-id", &[("x-id", " a%20b ")][..], "\"a%20b\""),
        (Place::Header, "x-id", &[("x-id", "a"), ("x-id", "b")], "unreadable"),
        (Place::Header, "x-id", &[("x_id", "a")], "unreadable"),
        (Place::Header, "x-ids", &[("x-ids", "a, b"), ("x-ids", "c")], "[\"a\",\"b\",\"c\"]"),
        (Place::Header, "x-more", &[("x-more", "a"), ("x-more", "b")], "\"a\" \"b\""),
        (Place::Header, "x-more", &[], "absent"),
        (Place::Cookie, "who", &[("cookie", "a=1; who=me+you")], "\"me+you\""),
        (Place::Cookie, "who", &[("cookie", "who=me"), ("cookie", "who=you")], "unreadable"),
        (Place::Cookie, "who", &[("cookie", "who=me; Who=you")], "unreadable"),
        (Place::Cookie, "who", &[("cookie", "who=\"me\"")], "unreadable"),
        (Place::Cookie, "more", &[("cookie", "more=x")], "\"x\""),
        // Old servers part cookies at commas as well (RFC 2965 section 3.4).
        (Place::Cookie, "who", &[("cookie", "a=1,who=you")], "unreadable"),
        (Place::Cookie, "who", &[("cookie", "a=1, Who = you")], "unreadable"),
        (Place::Cookie, "who", &[("cookie", "who=me; a=who,b=you")], "\"me\""),
    ] {
        assert_eq!(read(place, name, "a/1", "", fields), expected, "{fields:?}");
    }
    let path = [("x", "a%20b")];
    let headers = HeaderMap::new();
    let input = ParameterInput { path: &path, query: None, headers: &headers };
    assert_eq!(said(undeclared(Place::Path, "x", &input)), "\"a b\"");
    assert_eq!(said(undeclared(Place::Path, "y", &input)), "absent");
}

#[test]
fn schemas_say_what_a_body_carries() {
    let operation = Arc::clone(&import(CONTRACT).operations[0]);
    let [json, form] = operation.request.media() else { panic!("two media types") };
    for (steps, expected) in [
        (&[Some("id")][..], Carries::Yes),
        (&[Some("ID")], Carries::Yes),
        (&[Some("other")], Carries::No),
        (&[Some("list"), None, Some("id")], Carries::Yes),
        (&[Some("list"), Some("0"), Some("id")], Carries::Yes),
        (&[Some("list"), None, Some("other")], Carries::Open),
        (&[Some("map"), None, Some("id")], Carries::Open),
        (&[Some("map"), None, Some("other")], Carries::No),
        (&[Some("id"), Some("x")], Carries::No),
        (&[None, None, Some("id")], Carries::Yes),
    ] {
        assert_eq!(json.carries(steps), expected, "{steps:?}");
    }
    for (steps, expected) in [
        (&[Some("map"), None, Some("id")][..], Carries::Yes),
        (&[Some("map"), Some("x"), Some("ID")], Carries::Yes),
        (&[Some("map"), None, Some("other")], Carries::No),
        (&[Some("list"), None, Some("id")], Carries::Yes),
        (&[Some("list"), None, Some("other")], Carries::Open),
    ] {
        assert_eq!(json.knows(steps), expected, "{steps:?}");
    }
    let pointer = |steps: &crate::Steps<'_>| -> String {
        steps.iter().map(|step| format!("/{}", step.unwrap_or("*"))).collect()
    };
    let places: Vec<String> = json.places("ID").iter().map(pointer).collect();
    assert_eq!(places, ["/id", "/list/*/id", "/map/*/id"]);
    let filters = operation.request.places(Place::Query, "a").filter(|(_, places)| !places.is_empty());
    let filters: Vec<(&str, String)> = filters.map(|(name, places)| (name, pointer(&places[0]))).collect();
    assert_eq!(filters, [("filter", "/a".to_owned())]);
    assert_eq!(form.carries(&[Some("other")]), Carries::Open);
    let read = |text: &str| form.read_fields(text.as_bytes(), Some("application/x-www-form-urlencoded"));
    assert_eq!(read("id=a%20b").unwrap().unwrap().root().get("id").unwrap().as_str().unwrap(), "a b");
    assert!(read("id=a&id=b").is_err() && read("id=%ff").is_err());
    assert!(json.read_fields(b"{}", Some("application/json")).unwrap().is_none());
    let answers: Vec<Carries> =
        operation.responses.media_of_all().map(|media| media.carries(&[Some("secret")])).collect();
    assert_eq!(answers, [Carries::Yes]);
}

/// Many services read no more than the first 1000 pieces of a query (qs, Node, PHP, Django), empty ones among them: what they may not
/// see is not taken for what they read.
#[test]
fn what_stands_behind_many_pieces_is_not_read() {
    let query = |name: &str, query: &str| read(Place::Query, name, "a/1", query, &[]);
    let most = crate::MAX_READ_PAIRS;
    let empty = |count: usize| format!("{}one=a", "&".repeat(count));
    let others = |count: usize| format!("{}one=a", "many=b&".repeat(count));
    for build in [empty, others] {
        assert_eq!(query("one", &build(most - 1)), "\"a\"");
        assert_eq!(query("one", &build(most)), "unreadable");
        let headers = HeaderMap::new();
        let text = build(most);
        let input = ParameterInput { path: &[], query: Some(&text), headers: &headers };
        assert_eq!(said(undeclared(Place::Query, "one", &input)), "unreadable");
    }
    assert_eq!(query("one", &"&".repeat(most)), "unreadable");
    let cookies = |count: usize| format!("{}who=a", "x=y; ".repeat(count));
    let cookie = |text: &str| read(Place::Cookie, "who", "a/1", "", &[("cookie", text)]);
    assert_eq!(cookie(&cookies(most - 1)), "\"a\"");
    assert_eq!(cookie(&cookies(most)), "unreadable");
    let operation = Arc::clone(&import(CONTRACT).operations[0]);
    let kind = "application/x-www-form-urlencoded";
    let crate::BodyMatch::Media(form) = operation.request.body(Some(kind)) else { panic!("no form") };
    let form =
        |count: usize| form.read_fields(format!("{}id=a", "&".repeat(count)).as_bytes(), Some(kind)).is_ok();
    assert!(form(most - 1) && !form(most));
}

#[test]
fn other_spellings_of_a_name() {
    for (name, written, alias) in [
        ("id", "id", false),
        ("id", "ID", true),
        ("id", "id[]", true),
        ("id", "id[0]", true),
        ("id", " id", true),
        ("id", "id.x", true),
        ("id", "_id", true),
        ("status", "\u{17f}tatus", true),
        ("kind", "\u{212a}ind", true),
        ("id", "ids", false),
        ("id", "idx[]", false),
        ("customer_id", "customer-id", true),
        ("customer_id", "customerid", false),
        ("filter[id]", "filter[status]", false),
        ("filter[id]", "filter[id][]", true),
        ("filter[id]", "filter[id][gt]", true),
        ("filter[id]", "filter.id", true),
        ("x-id", "x-id-name", false),
    ] {
        assert_eq!(is_alias(name, written), alias, "{name} {written}");
    }
}

/// Kinds that nothing here reads, and properties whose names are only described.
#[test]
fn what_a_schema_leaves_open_may_be_there() {
    let contract = |types: &str| {
        format!(
            "openapi: 3.1.0\ninfo: {{ title: t, version: '1' }}\npaths:\n  /t:\n    post:\n      security: []\n      \
             requestBody: {{ content: {{ {types} }} }}\n      responses: {{ '200': {{ description: ok }} }}\n"
        )
    };
    let open = "application/json: { schema: { type: object, additionalProperties: false, patternProperties: { '^x': {} } } }";
    let object = "{ type: object, additionalProperties: false, properties: { id: { type: string } } }";
    let thing = format!("application/x-json: {{ schema: {object} }}");
    let text = format!("text/plain: {{ schema: {object} }}");
    let bytes = "application/octet-stream: { schema: { type: string, format: binary } }";
    for (types, name, expected) in [
        (open, "x_id", Carries::Open),
        (thing.as_str(), "id", Carries::Yes),
        (thing.as_str(), "other", Carries::No),
        (text.as_str(), "id", Carries::Yes),
        (bytes, "id", Carries::No),
        ("text/plain: { schema: { type: string } }", "id", Carries::No),
        ("'*/*': {}", "id", Carries::Open),
    ] {
        let pointer = "/paths/~1t/post/requestBody/content/application~1x-json/schema";
        let accept_unenforced = [pointer.to_owned()].into();
        let options = crate::Options { accept_unenforced, ..crate::Options::default() };
        let api = super::import_with(&contract(types), &options);
        assert_eq!(api.operations[0].request.media()[0].carries(&[Some(name)]), expected, "{types} {name}");
    }
}
