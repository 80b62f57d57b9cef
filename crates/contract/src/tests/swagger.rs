//! Swagger 2.0.

use super::{check_body, import, parameters, request_body, response_body};

const PETS: &str = "swagger: '2.0'
info: {title: Pets, version: '1'}
host: pets.example.com
basePath: /v2
schemes: [https]
consumes: [application/json]
produces: [application/json]
security: [{basic: []}, {oauth: [read]}]
securityDefinitions:
  basic: {type: basic}
  oauth: {type: oauth2, flow: accessCode, authorizationUrl: 'https://i/a', tokenUrl: 'https://i/t', scopes: {read: r}}
parameters:
  limit: {name: limit, in: query, type: integer, maximum: 10}
  body: {name: b, in: body, required: true, schema: {$ref: '#/definitions/Pet'}}
definitions:
  Pet: {type: object, required: [name], properties: {name: {type: string}, tag: {type: string, x-nullable: true}}}
paths:
  /pets:
    post:
      parameters:
        - {$ref: '#/parameters/limit'}
        - {$ref: '#/parameters/body'}
        - {name: ids, in: query, type: array, items: {type: integer}, collectionFormat: pipes}
        - {name: tags, in: query, type: array, items: {type: string}, collectionFormat: multi}
      responses: {'200': {description: ok, schema: {$ref: '#/definitions/Pet'}, headers: {X-N: {type: integer}}}}
";

#[test]
fn a_swagger_document_is_imported_as_what_it_means() {
    let api = import(PETS);
    assert_eq!(api.servers[0].base_path, "/v2");
    assert!(matches!(&api.schemes["basic"], crate::SecurityScheme::Http { scheme, .. } if scheme == "basic"));
    assert!(request_body(&api, r#"{"name": "a", "tag": null}"#).is_empty());
    assert_eq!(request_body(&api, r#"{"name": 1}"#), ["/name type"]);
    assert_eq!(response_body(&api, "{}"), [" required"]);
    assert!(api.operations[0].request.body_required());
    assert!(parameters(&api, &[], Some("limit=10&ids=1|2&tags=a&tags=b"), &[]).is_empty());
    assert_eq!(
        parameters(&api, &[], Some("limit=11&ids=1,2"), &[]),
        ["query limit maximum", "query ids/0 type"]
    );
}

#[test]
fn form_data_becomes_a_form_or_multipart() {
    let form =
        PETS.replace("{$ref: '#/parameters/body'}", "{name: n, in: formData, required: true, type: integer}");
    let api = import(&form);
    assert!(check_body(&api, "application/x-www-form-urlencoded", b"n=1").is_empty());
    assert_eq!(check_body(&api, "application/x-www-form-urlencoded", b"n=x"), ["/n type"]);
    let file =
        PETS.replace("{$ref: '#/parameters/body'}", "{name: f, in: formData, required: true, type: file}");
    let body = b"--B\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\nx\r\n--B--\r\n";
    assert!(check_body(&import(&file), "multipart/form-data; boundary=B", body).is_empty());
}

#[test]
fn what_openapi_cannot_say_is_refused() {
    let text = PETS.replace("collectionFormat: pipes", "collectionFormat: tsv");
    let (api, said) = super::try_import(&[("a.yaml", &text)], &crate::Options::default());
    assert!(api.is_none() && said[0].contains("[swagger-conversion]"), "{said:?}");
}

const START: &str = "swagger: '2.0'\ninfo: {title: t, version: '1'}\nsecurity: []\n";

fn api(operation: &str, more: &str) -> String {
    format!(
        "{START}paths:\n  /x:\n    post:\n      responses: {{'200': {{description: ok}}}}\n      {operation}\n{more}"
    )
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let (api, said) = super::try_import(files, &crate::Options::default());
    assert!(api.is_none(), "{files:?}");
    said
}

#[test]
fn lists_in_forms_are_separated_as_they_say() {
    let kind = "application/x-www-form-urlencoded";
    for (format, good, bad) in [
        ("", "n=1,2", "n=1&n=2"),
        (", collectionFormat: csv", "n=1,2", "n=1|2"),
        (", collectionFormat: ssv", "n=1%202", "n=1,2"),
        (", collectionFormat: ssv", "n=1+2", "n=1|2"),
        (", collectionFormat: pipes", "n=1|2", "n=1,2"),
        (", collectionFormat: multi", "n=1&n=2", "n=1,2"),
    ] {
        let text = api(
            &format!(
                "parameters: [{{name: n, in: formData, type: array, items: {{type: integer}}{format}}}]"
            ),
            "",
        );
        let api = import(&text);
        assert!(api.operations[0].fully_enforced);
        assert!(check_body(&api, kind, good.as_bytes()).is_empty(), "{format} {good}");
        assert!(!check_body(&api, kind, bad.as_bytes()).is_empty(), "{format} {bad}");
    }
    let parts = |format: &str| {
        api(
            &format!(
                "parameters: [{{name: n, in: formData, type: array, items: {{type: integer}}, collectionFormat: {format}}}]"
            ),
            "consumes: [multipart/form-data]\n",
        )
    };
    assert!(import(&parts("multi")).operations[0].fully_enforced);
    for (format, expected) in [
        ("csv", "[unenforced] in multipart each item is a part of its own"),
        ("tsv", "[swagger-conversion] the parameter `n` is separated by tabs"),
        ("cvs", "[swagger-conversion] the parameter `n` has a `collectionFormat` that is not known"),
    ] {
        let said = problems(&[("a.yaml", &parts(format))]);
        assert!(said.len() == 1 && said[0].contains(expected), "{said:?}");
        assert!(said[0].starts_with("a.yaml:8:"), "{said:?}");
    }
}

#[test]
fn an_operation_has_one_body() {
    let body = |name: &str| format!("{{name: {name}, in: body, schema: {{type: integer}}}}");
    let field = "{name: f, in: formData, type: string}";
    for list in [
        format!("{}, {}", body("a"), body("b")),
        format!("{}, {field}", body("a")),
        format!("{field}, {}", body("a")),
    ] {
        let said = problems(&[("a.yaml", &api(&format!("parameters: [{list}]"), ""))]);
        assert!(
            said.len() == 1 && said[0].contains("a.yaml:8:") && said[0].contains("has one body"),
            "{said:?}"
        );
    }
    let said = problems(&[("a.yaml", &api(&format!("parameters: [{field}, {field}]"), ""))]);
    assert!(said[0].contains("the parameter `f` is declared twice"), "{said:?}");
    // The operation's own stands over the path's.
    let over = api(&format!("parameters: [{}]", body("a")), "")
        .replace("  /x:\n", "  /x:\n    parameters: [{name: a, in: body, schema: {type: string}}]\n");
    assert!(request_body(&import(&over), "1").is_empty());
    assert_eq!(request_body(&import(&over), "\"a\""), [" type"]);
}

#[test]
fn what_stands_in_other_files_is_converted_too() {
    let root = format!(
        "{START}paths:\n  /x: {{$ref: 'paths/x.yaml#/item'}}\nparameters:\n  far: {{$ref: 'paths/p.yaml#/far'}}\n\
         definitions:\n  Name: {{type: string, maxLength: 3, x-nullable: true}}\n"
    );
    let item = "item:\n  parameters: [{$ref: 'p.yaml#/limit'}]\n  post:\n    parameters:\n      - {$ref: '../api.yaml#/parameters/far'}\n      \
        - {$ref: p.yaml#/body}\n    responses:\n      '200': {$ref: '#/ok'}\nok: {description: ok, schema: {$ref: '../d.yaml#/definitions/Pet'}}\n";
    let parameters = "limit: {name: limit, in: query, type: integer, maximum: 10}\nfar: {name: far, in: query, type: array, items: {type: integer}, collectionFormat: pipes}\n\
        body: {name: b, in: body, required: true, schema: {$ref: '../d.yaml#/definitions/Pet'}}\n";
    let definitions = "definitions:\n  Pet: {type: object, required: [name], properties: {name: {$ref: 'api.yaml#/definitions/Name'}, tag: {type: string, x-nullable: true}}}\n";
    let files = [
        ("api.yaml", root.as_str()),
        ("paths/x.yaml", item),
        ("paths/p.yaml", parameters),
        ("d.yaml", definitions),
    ];
    for folder in ["", "dir/", "/abs/"] {
        let named: Vec<(String, &str)> =
            files.iter().map(|(name, text)| (format!("{folder}{name}"), *text)).collect();
        let files: Vec<(&str, &str)> = named.iter().map(|(name, text)| (name.as_str(), *text)).collect();
        let (api, said) = super::try_import(&files, &crate::Options::default());
        let api = api.unwrap_or_else(|| panic!("{said:?}"));
        assert!(parameters_of(&api, "limit=10&far=1|2").is_empty());
        assert_eq!(parameters_of(&api, "limit=11&far=1,2"), ["query limit maximum", "query far/0 type"]);
        assert!(request_body(&api, r#"{"name": null, "tag": null}"#).is_empty());
        assert_eq!(request_body(&api, r#"{"name": "long"}"#), ["/name maxLength"]);
        assert_eq!(response_body(&api, "{}"), [" required"]);
        assert!(api.operations[0].fully_enforced);
    }
    // What is wrong there is told there.
    for (from, to, place) in [
        ("maximum: 10", "maximun: 10", "paths/p.yaml:1:"),
        ("collectionFormat: pipes", "collectionFormat: tsv", "paths/p.yaml:2:"),
        ("schema: {$ref: '../d.yaml#/definitions/Pet'}", "schema: {minimun: 1}", "paths/p.yaml:3:"),
    ] {
        let broken = parameters.replace(from, to);
        let files = [files[0], files[1], ("paths/p.yaml", broken.as_str()), files[3]];
        let said = problems(&files);
        assert!(said.iter().all(|line| line.starts_with(place)), "{to}: {said:?}");
    }
    let said = problems(&files[..2]);
    assert!(said.iter().any(|line| line.contains("needs the file `paths/p.yaml`")), "{said:?}");
}

fn parameters_of(api: &crate::Api, query: &str) -> Vec<String> {
    parameters(api, &[], Some(query), &[])
}

#[test]
fn references_into_what_moved_follow_it() {
    let rows = [
        "#/paths/~1z/get/responses/200/schema",
        "#/paths/~1z/post/parameters/1/schema",
        "#/responses/shared/schema",
        "#/definitions/N",
        "#/paths/~1z/get/responses/200/headers/X-N/items",
        "#/paths/~1z/get/parameters/0/items",
        "#/parameters/list/items",
    ];
    for reference in rows {
        let text = api(
            &format!("parameters: [{{name: b, in: body, schema: {{$ref: '{reference}'}}}}]"),
            "  /z:\n    get:\n      parameters: [{name: l, in: query, type: array, items: {type: integer}}]\n      responses: {'200': \
             {description: ok, schema: {type: integer}, headers: {X-N: {type: array, items: {type: integer}}}}}\n    post:\n      parameters: \
             [{name: q, in: query, type: string}, {name: c, in: body, schema: {type: integer}}]\n      responses: {'200': {description: ok}}\n\
             responses: {shared: {description: ok, schema: {type: integer}}}\nparameters: {list: {name: m, in: query, type: array, items: {type: integer}}}\n\
             definitions: {N: {type: integer}}\n",
        );
        let api = import(&text);
        assert!(request_body(&api, "1").is_empty(), "{reference}");
        assert_eq!(request_body(&api, "\"a\""), [" type"], "{reference}");
    }
    let said = problems(&[(
        "a.yaml",
        &api("parameters: [{name: b, in: body, schema: {$ref: '#/definitions/No'}}]", ""),
    )]);
    assert!(said[0].contains("a.yaml:8:") && said[0].contains("points to nothing"), "{said:?}");
}

#[test]
fn places_are_those_of_the_document_as_it_was() {
    let text = "swagger: '2.0'
info: {title: t, version: '1'}
basePath: /v1
security: []
parameters:
  shared:
    {name: s, in: query, type: string, pattern: '(?=a)'}
definitions:
  Pet:
    type: object
    minimun: 1
securityDefinitions:
  odd: {type: apiKey, nam: x, name: k, in: query}
responses:
  ok: {description: ok, schema: {$ref: '#/definitions/Pet'}}
paths:
  /x:
    post:
      parameters:
        - {name: body, in: body, shema: {}, schema: {maximun: 1}}
        - {$ref: '#/parameters/shared'}
        - {name: late, in: query, type: string, format: odd}
        - {name: untyped, in: query}
      responses:
        '200':
          {$ref: '#/responses/ok'}
  /f:
    post:
      parameters:
        - {name: f, in: formData, type: string, format: odd}
      responses: {'200': {description: ok}}
";
    let said = problems(&[("a.yaml", text)]);
    let expected: [(u32, &str); 8] = [
        (7, "cannot be matched in linear time"),
        (11, "`minimun` is not a schema keyword"),
        (13, "a security scheme has no `nam`"),
        (20, "a request body has no `shema`"),
        (20, "`maximun` is not a schema keyword"),
        (22, "the format `odd` is not known"),
        (23, "without `schema` or `content` any value passes"),
        (30, "the format `odd` is not known"),
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (line, what) in expected {
        let place = format!("a.yaml:{line}:");
        assert!(
            said.iter().any(|said| said.starts_with(&place) && said.contains(what)),
            "{line} {what}: {said:#?}"
        );
    }
}

#[test]
fn what_swagger_does_not_have_is_told() {
    for (text, expected) in [
        (api("parameters: [{name: q, in: query, schema: {type: integer}}]", ""), "only a body has `schema`"),
        (api("consumes: application/json", ""), "must be a list of texts"),
        (api("parameters: {q: {name: q}}", ""), "`parameters` is a list"),
        (
            api("parameters: [{name: f, in: formData, type: string, required: 'true'}]", ""),
            "`required` is true or false",
        ),
        (
            api("parameters: [{name: f, in: formData, schema: {type: string}}]", ""),
            "`schema` is not a schema keyword",
        ),
        (
            api("", "securityDefinitions: {o: {type: oauth2, flow: odd, scopes: {}}}\n"),
            "a security scheme has no `flow`",
        ),
        (
            format!("{START}paths:\n  /x: {{$ref: '#/x-x', get: {{}}}}\nx-x: {{}}\n"),
            "`get` stands beside the `$ref` of a path",
        ),
    ] {
        let said = problems(&[("a.yaml", &text)]);
        assert!(said.iter().any(|line| line.contains(expected)), "{expected}: {said:?}");
    }
}
