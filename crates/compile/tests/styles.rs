//! Every style of parameters from the target as it is sent, through its canonical form and the router, to the check.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::sync::Arc;

use contract::{Api, Assets, Options, ParameterInput, Violations};
use diagnostics::{Diagnostics, Sources};
use engine::path::{canonical_path, canonical_query};
use engine::route::{Found, Template, Tree};
use http::{HeaderMap, Method};

const NUMBER: &str = "{type: integer}";
const LIST: &str = "{type: array, items: {type: integer}, maxItems: 3}";
const OBJECT: &str = "{type: object, additionalProperties: false, required: [r], properties: {r: {type: integer}, g: {type: integer}}}";

fn import(template: &str, place: &str, style: &str, explode: bool, schema: &str) -> Api {
    let required = place == "path";
    let text = format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  '{template}':\n    get:\n      parameters:\n      \
         - {{name: p, in: {place}, required: {required}, style: {style}, explode: {explode}, schema: {schema}}}\n      \
         responses: {{'200': {{description: ok}}}}\n"
    );
    let assets = Assets::from([(String::from("a.yaml"), Arc::from(text.as_bytes()))]);
    let mut out = Diagnostics::new();
    let api = contract::import("a.yaml", &assets, &mut Sources::default(), &Options::default(), &mut out);
    assert!(out.is_empty(), "{text}: {out:?}");
    api.unwrap()
}

/// What becomes of a call: `404`, `400` for a target without a canonical form, or the violations.
fn call(api: &Api, target: &str) -> String {
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let (Ok(path), Ok(query)) = (canonical_path(path), query.map(canonical_query).transpose()) else {
        return String::from("400");
    };
    let template = Template::parse(&api.operations[0].template, false).unwrap();
    let mut tree = Tree::default();
    tree.insert(&template, Method::GET, 0).unwrap();
    let Found::Operation(_, ranges) = tree.find(&path, 0, &Method::GET) else { return String::from("404") };
    let values = ranges.iter().map(|(start, end)| &path[*start as usize..*end as usize]);
    let values: Vec<(&str, &str)> = template.params.iter().map(|name| &**name).zip(values).collect();
    let mut out = Violations::new();
    let input = ParameterInput { path: &values, query: query.as_deref(), headers: &HeaderMap::new() };
    let stripped = api.operations[0].request.check_parameters(&input, &mut out);
    assert!(stripped.is_empty());
    let said: Vec<&str> = out.items().iter().map(|item| item.keyword.as_ref()).collect();
    said.join(" ")
}

/// Template, style, explode, schema, targets that pass, targets that do not.
type Row = (&'static str, &'static str, bool, &'static str, &'static [&'static str], &'static [&'static str]);

fn hold(place: &str, rows: &[Row]) {
    for (template, style, explode, schema, good, bad) in rows {
        let api = import(template, place, style, *explode, schema);
        for target in *good {
            assert_eq!(call(&api, target), "", "{style} {explode} {schema} takes {target}");
        }
        for target in *bad {
            assert_ne!(call(&api, target), "", "{style} {explode} {schema} refuses {target}");
        }
    }
}

#[test]
fn in_paths() {
    hold(
        "path",
        &[
            ("/x/{p}", "simple", false, NUMBER, &["/x/5", "/x/%35"], &["/x/a", "/x/", "/x/5/6"]),
            ("/x/{p}", "simple", true, NUMBER, &["/x/5"], &["/x/p=5"]),
            ("/x/{p}", "simple", false, LIST, &["/x/3,4,5", "/x/3"], &["/x/3;4", "/x/3,4,5,6", "/x/3%2C4"]),
            ("/x/{p}", "simple", true, LIST, &["/x/3,4,5"], &["/x/a"]),
            ("/x/{p}", "simple", false, OBJECT, &["/x/r,100,g,200"], &["/x/r=100", "/x/g,1"]),
            ("/x/{p}", "simple", true, OBJECT, &["/x/r=100,g=200"], &["/x/r,100", "/x/g=1"]),
            ("/x/{p}", "label", false, NUMBER, &["/x/.5"], &["/x/5", "/x/.a", "/x/."]),
            ("/x/{p}", "label", true, NUMBER, &["/x/.5"], &["/x/..5"]),
            ("/x/{p}", "label", false, LIST, &["/x/.3,4,5"], &["/x/.3.4"]),
            ("/x/{p}", "label", true, LIST, &["/x/.3.4.5"], &["/x/.3,4", "/x/.3.4.5.6"]),
            ("/x/{p}", "label", false, OBJECT, &["/x/.r,100,g,200"], &["/x/.r=1"]),
            ("/x/{p}", "label", true, OBJECT, &["/x/.r=100.g=200"], &["/x/.r,1"]),
            ("/x/m{p}", "matrix", false, NUMBER, &["/x/m;p=5"], &["/x/m;q=5", "/x/;p=5", "/x/m%3Bp=5"]),
            ("/x/m{p}", "matrix", true, NUMBER, &["/x/m;p=5"], &["/x/m;p=a"]),
            ("/x/m{p}", "matrix", false, LIST, &["/x/m;p=3,4,5"], &["/x/m;p=3;p=4"]),
            ("/x/m{p}", "matrix", true, LIST, &["/x/m;p=3;p=4"], &["/x/m;p=3;q=4"]),
            ("/x/m{p}", "matrix", false, OBJECT, &["/x/m;p=r,100,g,200"], &["/x/m;r=1"]),
            ("/x/m{p}", "matrix", true, OBJECT, &["/x/m;r=100;g=200"], &["/x/m;p=r,1"]),
        ],
    );
}

#[test]
fn in_queries() {
    hold(
        "query",
        &[
            (
                "/x",
                "form",
                true,
                NUMBER,
                &["/x?p=5", "/x?%70=%35", "/x"],
                &["/x?p=a", "/x?p=5&p=6", "/x?q=5"],
            ),
            ("/x", "form", false, NUMBER, &["/x?p=5"], &["/x?p=5,6"]),
            ("/x", "form", true, LIST, &["/x?p=3&p=4", "/x?p=3"], &["/x?p=3,4", "/x?p=1&p=2&p=3&p=4"]),
            ("/x", "form", false, LIST, &["/x?p=3,4,5"], &["/x?p=3&p=4", "/x?p=3|4"]),
            ("/x", "form", true, OBJECT, &["/x?r=100&g=200"], &["/x?r=a", "/x?r=1&b=2"]),
            ("/x", "form", false, OBJECT, &["/x?p=r,100,g,200"], &["/x?p=r", "/x?r=100"]),
            ("/x", "spaceDelimited", false, LIST, &["/x?p=3%204%205", "/x?p=3+4"], &["/x?p=3,4"]),
            ("/x", "spaceDelimited", true, LIST, &["/x?p=3&p=4"], &["/x?p=3%204"]),
            ("/x", "spaceDelimited", false, OBJECT, &["/x?p=r%20100%20g%20200"], &["/x?p=r,1"]),
            ("/x", "pipeDelimited", false, LIST, &["/x?p=3|4|5", "/x?p=3%7C4", "/x?p=3%7c4"], &["/x?p=3,4"]),
            ("/x", "pipeDelimited", true, LIST, &["/x?p=3&p=4"], &["/x?p=3|4"]),
            ("/x", "pipeDelimited", false, OBJECT, &["/x?p=r|100|g|200"], &["/x?p=r|a"]),
            (
                "/x",
                "deepObject",
                true,
                OBJECT,
                &["/x?p[r]=1&p[g]=2", "/x?p%5Br%5D=1"],
                &["/x?p[b]=1", "/x?p[r]=a"],
            ),
            ("/x", "deepObject", false, OBJECT, &["/x?p[r]=1"], &["/x?p=r,1"]),
        ],
    );
}
