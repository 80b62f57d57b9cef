//! The shape of OpenAPI's objects: keys that there are not, values of another type, paths that cannot be told apart.

use super::{import, try_import};
use crate::Options;

fn problems(text: &str) -> Vec<String> {
    try_import(&[("api.yaml", text)], &Options::default()).1
}

fn document(version: &str, more: &str) -> String {
    format!("openapi: {version}\ninfo: {{title: t, version: '1'}}\nsecurity: []\n{more}\n")
}

fn path(item: &str) -> String {
    document("3.1.0", &format!("paths:\n  /a: {item}"))
}

const OK: &str = "responses: {'200': {description: ok}}";

#[test]
fn misspelled_keys_are_named() {
    let rows = [
        (
            document("3.1.0", "paths: {}\nsecurty: []"),
            "the document has no `securty`; did you mean `security`?",
        ),
        (document("3.1.0", "paths: {}\ncomponents: {schema: {}}"), "`components` has no `schema`"),
        (path("{gett: {}}"), "a path has no `gett`; did you mean `get`?"),
        (path("{Get: {}}"), "a path has no `Get`; did you mean `get`?"),
        (path("{link: {}}"), "a path has no `link`"),
        (path("{query: {}}"), "a path has no `query` before OpenAPI 3.2"),
        (
            path(&format!("{{get: {{securty: [], {OK}}}}}")),
            "an operation has no `securty`; did you mean `security`?",
        ),
        (path(&format!("{{get: {{parametres: [], {OK}}}}}")), "did you mean `parameters`?"),
        (
            path("{get: {responses: {'200': {description: ok, contents: {}}}}}"),
            "a response has no `contents`",
        ),
        (
            path("{get: {responses: {'200': {description: ok, content: {application/json: {shema: {}}}}}}}"),
            "a media type has no `shema`; did you mean `schema`?",
        ),
        (
            path(
                "{get: {responses: {'200': {description: ok, headers: {X-A: {requried: true, schema: {}}}}}}}",
            ),
            "a header field has no `requried`",
        ),
        (document("3.1.0", "paths: {}\nservers: [{uri: /}]"), "a server has no `uri`"),
    ];
    for (text, expected) in rows {
        let (api, said) = try_import(&[("api.yaml", &text)], &Options::default());
        assert!(
            api.is_none() && said.iter().any(|line| line.contains(expected)),
            "{expected}: {said:?}\n{text}"
        );
    }
    let good = path(&format!("{{x-a: 1, get: {{x-b: 1, {OK}}}}}"));
    assert!(problems(&good).is_empty(), "{:?}", problems(&good));
    // Accepted by its pointer, and no longer counted as enforced.
    let mut options = Options::default();
    options.accept_unenforced.insert(String::from("/paths/~1a/gett"));
    let text = path(&format!("{{gett: {{}}, get: {{{OK}}}}}"));
    let (api, said) = try_import(&[("api.yaml", &text)], &options);
    assert_eq!(api.unwrap_or_else(|| panic!("{said:?}")).stats.fully_enforced, 0);
}

#[test]
fn values_of_another_type_are_errors() {
    let rows = [
        (document("3.1.0", "paths: null"), "`paths` is an object"),
        (document("3.1.0", "paths: {}\nservers: {url: /}"), "`servers` is a list"),
        (path("null"), "a path is an object"),
        (path("text"), "a path is an object"),
        (path("{get: null}"), "`get` is an object"),
        (path("{parameters: {}}"), "`parameters` is a list"),
        (path(&format!("{{get: {{parameters: {{q: {{}}}}, {OK}}}}}")), "`parameters` is a list"),
        (path(&format!("{{get: {{parameters: [text], {OK}}}}}")), "a parameter is an object"),
        (path(&format!("{{get: {{requestBody: text, {OK}}}}}")), "`requestBody` is an object"),
        (
            path(&format!("{{get: {{requestBody: {{content: [text/plain]}}, {OK}}}}}")),
            "`content` is an object",
        ),
        (path("{get: {responses: []}}"), "`responses` is an object"),
        (path("{get: {responses: {'200': null}}}"), "a response is an object"),
        (path("{get: {responses: {'200': {description: ok, headers: [1]}}}}"), "`headers` is an object"),
        (
            path("{get: {responses: {'200': {description: ok, headers: {X-A: 1}}}}}"),
            "a header field is an object",
        ),
        (
            path(&format!(
                "{{get: {{parameters: [{{name: q, in: query, explode: 'true', schema: {{}}}}], {OK}}}}}"
            )),
            "`explode` is true or false",
        ),
        (
            path(&format!("{{get: {{parameters: [{{name: q, in: query}}], {OK}}}}}")),
            "without `schema` or `content`",
        ),
        (String::from("swagger: '1.2'\npaths: {}\n"), "`1.2` is not a version of Swagger"),
        (String::from("openapi: 3.1\npaths: {}\n"), "`3.1` is not a version of OpenAPI"),
        (String::from("<!DOCTYPE html><p>log in</p>\n"), "this is no API contract"),
        (String::from("paths: {}\n"), "it says neither `openapi` nor `swagger`"),
    ];
    for (text, expected) in rows {
        let (api, said) = try_import(&[("api.yaml", &text)], &Options::default());
        assert!(
            api.is_none() && said.iter().any(|line| line.contains(expected)),
            "{expected}: {said:?}\n{text}"
        );
    }
    let empty = problems(&document("3.1.0", "paths: {}"));
    assert!(empty.len() == 1 && empty[0].contains("warning [no-operations]"), "{empty:?}");
}

#[test]
fn fields_beside_the_reference_of_a_path_count() {
    let text = |version: &str, beside: &str| {
        document(
            version,
            &format!(
                "paths:\n  /a: {{$ref: '#/x-items/a', {beside}}}\nx-items:\n  a: {{get: {{operationId: read, {OK}}}}}"
            ),
        )
    };
    let own = format!(
        "post: {{operationId: write, {OK}}}, parameters: [{{name: q, in: query, required: true, schema: {{type: integer}}}}]"
    );
    let api = import(&text("3.1.0", &own));
    assert_eq!(api.operations.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["write", "read"]);
    assert_eq!(super::parameters(&api, &[], None, &[]), ["query q required"]);
    let rows = [
        (
            "3.1.0",
            format!("get: {{security: [], {OK}}}"),
            "`get` stands beside `$ref` and in what it refers to",
        ),
        (
            "3.0.3",
            format!("post: {{{OK}}}"),
            "OpenAPI 3.0 has nothing beside the `$ref` of a path, here `post`",
        ),
    ];
    for (version, beside, expected) in rows {
        let said = problems(&text(version, &beside));
        assert!(said.iter().any(|line| line.contains(expected)), "{expected}: {said:?}");
    }
    assert!(problems(&text("3.0.3", "summary: s")).is_empty());
}

fn two(one: &str, first: &str, two: &str, second: &str) -> Vec<String> {
    let operation = |template: &str, security: &str| {
        let names = template.split('{').skip(1).filter_map(|piece| piece.split_once('}'));
        let list: Vec<String> = names
            .map(|(name, _)| {
                let kind = if name.starts_with('n') { "integer" } else { "string" };
                format!("{{name: {name}, in: path, required: true, schema: {{type: {kind}}}}}")
            })
            .collect();
        format!(
            "  '{template}':\n    get: {{security: {security}, parameters: [{}], {OK}}}\n",
            list.join(", ")
        )
    };
    let schemes = "components: {securitySchemes: {key: {type: apiKey, in: header, name: X-Key}}}";
    problems(&document(
        "3.1.0",
        &format!("paths:\n{}{}{schemes}", operation(one, first), operation(two, second)),
    ))
}

#[test]
fn templates_of_which_neither_is_the_more_precise() {
    let key = "[{key: []}]";
    let ambiguous = [
        ("/{a}/x", "/y/{b}", "/y/x"),
        ("/a-{p}/x", "/{q}/{r}.x", ""),
        ("/{a}/v{b}", "/y/{b}", "/y/v…"),
        ("/{a}-{b}/x", "/é-y/{c}", "/é-y/x"),
        ("/é{a}-{b}/x", "/éß-y/{c}", "/éß-y/x"),
    ];
    for (first, second, path) in ambiguous.iter().filter(|(.., path)| !path.is_empty()) {
        let same = two(first, key, second, key);
        assert!(same.len() == 1 && same[0].contains("warning [ambiguous-templates]"), "{same:?}");
        assert!(same[0].contains(&format!("`GET {path}` is of")), "{same:?}");
        let differ = two(first, key, second, "[]");
        assert!(differ.len() == 1 && differ[0].contains(" [unenforced]"), "{differ:?}");
        assert!(differ[0].contains("which are not for the same callers"), "{differ:?}");
    }
    let clear = [
        ("/{a}/x", "/y/x"),
        ("/{a}/{b}", "/y/{b}"),
        ("/{a}/x", "/y/{b}/z"),
        ("/a-{p}/x", "/b-{p}/{q}"),
        ("/v{a}/x", "/y/{b}"),
        ("/é{a}-{b}/x", "/é-y/{c}"),
        ("/{a}-{b}/x", "/é-/{c}"),
    ];
    for (first, second) in clear {
        let said = two(first, key, second, "[]");
        assert!(said.is_empty(), "{first} {second}: {said:?}");
    }
}

#[test]
fn a_number_tells_templates_apart() {
    let key = "[{key: []}]";
    // `y` is no number, so that `/y/x` is of one template only.
    for (first, second) in [("/{n}/x", "/y/{b}"), ("/y/{b}", "/{n}/x"), ("/z/{n}/x", "/z/y/{n}")] {
        for security in [key, "[]"] {
            let said = two(first, key, second, security);
            assert!(said.is_empty(), "{first} {second}: {said:?}");
        }
    }
    // The one that answers takes no `x`: refused while requests are validated.
    let said = two("/{a}/x", key, "/y/{n}", "[]");
    assert!(said.len() == 1 && said[0].contains("warning [ambiguous-templates]"), "{said:?}");
    // `5` is a number.
    for (first, second) in [("/{n}/x", "/5/{b}"), ("/{a}/5", "/y/{n}")] {
        let said = two(first, key, second, "[]");
        assert!(said.len() == 1 && said[0].contains(" [unenforced]"), "{first} {second}: {said:?}");
    }
}

#[test]
fn paths_that_no_call_reaches_are_errors() {
    for template in ["/f/../g", "/f//g", "/./f", "/f/.."] {
        let said = two(template, "[]", "/good", "[]");
        assert!(
            said.len() == 1 && said[0].contains("[bad-template] no call reaches"),
            "{template}: {said:?}"
        );
    }
    for template in ["/", "/f/", "/f/.g", "/f..g"] {
        assert!(two(template, "[]", "/good", "[]").is_empty(), "{template}");
    }
}

#[test]
fn servers_of_which_one_is_served() {
    let text = |servers: &str| path(&format!("{{servers: {servers}, get: {{{OK}}}}}"));
    let several = problems(&text("[{url: /v1}, {url: /v2}]"));
    assert!(several.len() == 1 && several[0].contains("`/v1` is served, `/v2` is not"), "{several:?}");
    let variable = "[{url: '/{v}', variables: {v: {default: v1, enum: [v1, v2]}}}]";
    let several = problems(&text(variable));
    assert!(several.len() == 1 && several[0].contains("of the values of `v`"), "{several:?}");
    for good in [
        "[{url: /v1}]",
        "[{url: 'https://a/v1'}, {url: 'https://b/v1'}]",
        "[{url: 'https://{h}/v1', variables: {h: {default: a, enum: [a, b]}}}]",
    ] {
        assert!(problems(&text(good)).is_empty(), "{good}");
    }
}

#[test]
fn calls_that_the_api_makes_are_not_checked_and_that_is_said() {
    let hooks =
        document("3.1.0", &format!("paths: {{/a: {{get: {{{OK}}}}}}}\nwebhooks: {{h: {{post: {{{OK}}}}}}}"));
    let said = problems(&hooks);
    assert!(said.len() == 1 && said[0].contains("note [outward-calls] `webhooks`"), "{said:?}");
    let callbacks = path(&format!("{{get: {{callbacks: {{}}, {OK}}}, put: {{callbacks: {{}}, {OK}}}}}"));
    let said = problems(&callbacks);
    assert!(said.len() == 1 && said[0].contains("note [outward-calls] `callbacks`"), "{said:?}");
}
