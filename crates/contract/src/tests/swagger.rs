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
