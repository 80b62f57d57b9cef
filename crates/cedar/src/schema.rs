//! The schema of one operation: the only one in which its policies are checked.

use cedar_policy_core::extensions::Extensions;
use cedar_policy_core::validator::ValidatorSchema;
use serde_json::{Map, Value, json};

use crate::names::{Attribute, Kind, Shape, Vocabulary};

/// Makes it. Actions that are only mentioned are there without anything that they apply to.
///
/// # Errors
/// What the checker says of a schema that it does not take.
pub(crate) fn of_operation<'m>(
    vocabulary: &Vocabulary,
    operation: &str,
    shape: &Shape,
    mentioned: impl Iterator<Item = &'m str>,
) -> Result<ValidatorSchema, String> {
    let mut actions = Map::new();
    for name in mentioned.filter(|name| *name != operation) {
        declare(vocabulary, name, None, &mut actions);
    }
    let applies = json!({
        "principalTypes": principals(shape),
        "resourceTypes": ["Resource"],
        "context": context(vocabulary),
    });
    declare(vocabulary, operation, Some(applies), &mut actions);
    let schema = json!({ "": { "entityTypes": entities(shape), "actions": actions } });
    ValidatorSchema::from_json_value(schema, Extensions::all_available()).map_err(|error| error.to_string())
}

/// An action with its groups.
fn declare(vocabulary: &Vocabulary, name: &str, applies: Option<Value>, actions: &mut Map<String, Value>) {
    let groups = vocabulary.actions.groups_of(name);
    for group in groups {
        actions.entry(&**group).or_insert_with(|| json!({}));
    }
    let groups: Vec<Value> = groups.iter().map(|group| json!({ "id": &**group })).collect();
    let mut action = Map::new();
    if !groups.is_empty() {
        action.insert(String::from("memberOf"), Value::Array(groups));
    }
    action.extend(applies.map(|applies| (String::from("appliesTo"), applies)));
    actions.insert(name.to_owned(), Value::Object(action));
}

fn principals(shape: &Shape) -> Vec<&'static str> {
    let caller = shape.callers.then_some("Caller");
    caller.into_iter().chain(shape.anonymous.then_some("Anonymous")).collect()
}

fn entities(shape: &Shape) -> Value {
    json!({
        "Caller": {
            "memberOfTypes": ["Role", "Issuer", "Application"],
            "shape": record([
                ("issuer", text(true)),
                ("subject", text(true)),
                ("application", text(false)),
                ("credential", text(true)),
                ("scopes", of(Kind::Texts, true)),
                ("roles", of(Kind::Texts, true)),
            ]),
        },
        "Anonymous": {},
        "Role": {},
        "Issuer": {},
        "Application": {},
        "Resource": { "shape": attributes(&shape.resource) },
    })
}

fn context(vocabulary: &Vocabulary) -> Value {
    let (long, flag) = (|required| of(Kind::Long, required), of(Kind::Bool, true));
    record([
        ("claims", attributes(&vocabulary.claims)),
        ("client", record([("address", extension("ipaddr")), ("located", flag.clone())])),
        (
            "request",
            record([
                ("method", text(true)),
                ("host", text(true)),
                ("path", text(true)),
                ("listener", text(true)),
                ("tls", flag.clone()),
            ]),
        ),
        ("time", record([("now", extension("datetime")), ("weekday", long(true)), ("minute", long(true))])),
        ("token", record([("age", long(false)), ("left", long(false))])),
        (
            "assurance",
            record([
                ("acr", text(false)),
                ("amr", of(Kind::Texts, true)),
                ("login_age", long(false)),
                ("bound", flag),
            ]),
        ),
        ("credentials", of(Kind::Texts, true)),
    ])
}

fn record<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members: Map<String, Value> = members.into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
    json!({ "type": "Record", "attributes": members })
}

fn attributes(all: &[Attribute]) -> Value {
    let members: Map<String, Value> =
        all.iter().map(|one| (String::from(&*one.name), of(one.kind, one.required))).collect();
    json!({ "type": "Record", "attributes": members })
}

fn text(required: bool) -> Value {
    of(Kind::Text, required)
}

fn of(kind: Kind, required: bool) -> Value {
    match kind {
        Kind::Text => json!({ "type": "String", "required": required }),
        Kind::Long => json!({ "type": "Long", "required": required }),
        Kind::Bool => json!({ "type": "Boolean", "required": required }),
        Kind::Texts => json!({ "type": "Set", "element": { "type": "String" }, "required": required }),
    }
}

fn extension(name: &str) -> Value {
    json!({ "type": "Extension", "name": name })
}
