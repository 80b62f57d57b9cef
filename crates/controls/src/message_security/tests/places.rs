//! Fields that the contract has elsewhere, or nowhere.

use super::*;
use crate::security::operation_ref;

/// A card, a list of cards, an answer without one, a body with one and an answer about which nothing is said.
const CARDS: &str = r##"
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /card:
    get: { operationId: getCard, security: [{ oauth: [] }], responses: { "200": { $ref: "#/components/responses/card" } } }
    post:
      operationId: pay
      security: [{ oauth: [] }]
      requestBody: { content: { application/json: { schema: { $ref: "#/components/schemas/card" } } } }
      responses: { "200": { description: ok, content: { application/json: { schema: { type: object, properties: { id: { type: string } } } } } } }
  /cards:
    get:
      operationId: listCards
      security: [{ oauth: [] }]
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                properties: { items: { type: array, items: { $ref: "#/components/schemas/card" } } }
  /ping:
    get:
      operationId: ping
      security: [{ oauth: [] }]
      responses:
        "200":
          description: ok
          content: { application/json: { schema: { type: object, additionalProperties: false, properties: { ok: { type: boolean } } } } }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://x.example/t", scopes: {} } } }
  responses:
    card: { description: ok, content: { application/json: { schema: { $ref: "#/components/schemas/card" } } } }
  schemas:
    card: { type: object, additionalProperties: false, properties: { number: { type: string }, id: { type: string } } }
"##;

/// What is said of an API with these settings, operation by operation.
pub(super) fn told_of_api(contract: &str, settings: &str, keys: &[(&str, &str)]) -> Vec<String> {
    let document =
        DOCUMENT.replace(", validation: { response: enforce } } }", &format!(", {settings} }} }}"));
    let assets =
        keys.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(text.as_bytes()))).collect::<Assets>();
    let setup = Setup { assets, ..Setup::new(&document, contract) };
    let mut found = Diagnostics::new();
    setup.attach_and(&World::new(), 0, |api| {
        for operation in &api.contract.unwrap().operations {
            let scope = OperationScope {
                api,
                kind: OperationKind::Declared,
                contract: Some(operation),
                id: &operation.id,
                method: &operation.method,
                template: &operation.template,
                params: &[],
                siblings: &[],
                websocket: false,
                section: None,
            };
            let section = api.settings.section_for("message_security", &operation_ref(&scope, &[]));
            build::compile(&OperationScope { section: section.as_ref(), ..scope }, &mut found);
        }
    });
    found.iter().map(|one| one.message.clone()).collect()
}

#[test]
fn fields_stand_in_the_operations_that_they_are_for() {
    let answer = |fields: &str| format!("message_security: {{ answer: {{ fields: [{fields}], {SIGN} }} }}");
    let of = |api: &str, id: &str, own: &str| {
        format!("{api}validation: {{ response: enforce }}, operations: {{ {id}: {{ {own} }} }}")
    };
    let everywhere = |own: &str| format!("validation: {{ response: enforce }}, {own}");
    let both = answer("/number, /items/*/number") + ", ";
    let body = |fields: &str| format!("message_security: {{ request: {{ fields: [{fields}], {DECRYPT} }} }}");
    for (settings, said) in [
        (everywhere(&answer("/number, /items/*/number")), None),
        (everywhere(&answer("/number")), Some("answers of `listCards` have `/items/*/number` in clear text")),
        (everywhere(&answer("/number").replace("fields", "clear_at: [/items/*/number], fields")), None),
        (of("", "getCard", &answer("/number")), None),
        (of("", "listCards", &answer("/items/*/number")), None),
        // Those of another operation, and of none.
        (of("", "ping", &answer("/number")), Some("`/number` in no answer of `ping`")),
        (of("", "listCards", &answer("/number")), Some("`/number` in no answer of `listCards`")),
        (of("", "getCard", &answer("/numbre")), Some("`/numbre` in no answer of `getCard`")),
        (of("", "getCard", &body("/number")), Some("`/number` in no body of `getCard`")),
        (of("", "pay", &body("/number")), None),
        (of("", "pay", &body("/nubmer")), Some("the contract has `/nubmer` in no body")),
        // What an operation has of its API, with other keys of its own.
        (of(&both, "ping", "message_security: { answer: { values: text } }"), None),
        (of(&both, "ping", "message_security: { mode: off, answer: { fields: [/none] } }"), None),
        (of(&both, "ping", &answer("/items/*/number")), Some("`/items/*/number` in no answer of `ping`")),
        // What schemas leave room.
        (of("", "pay", &answer("/number")), Some("the contract declares `/number` in no answer")),
        (of("", "pay", &answer("/number").replace("fields", "undeclared: true, fields")), None),
        // Answers that are not what the contract says.
        (answer("/number, /items/*/number"), Some("answers of another shape are not withheld")),
        (answer("/number, /items/*/number").replace("answer", "mode: shadow, answer"), None),
    ] {
        let found = told_of_api(CARDS, &settings, &[("keys.jwks", KEYS)]);
        match said {
            None => assert_eq!(found, [""; 0], "{settings}"),
            Some(said) => assert!(found.iter().any(|one| one.contains(said)), "{settings}: {found:?}"),
        }
    }
}
