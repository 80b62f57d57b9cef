//! What may be in calls and answers, by the contract: API3, API4, API7.

use serde_json::Value as Json;

use super::{Check, Hit, Home, Rule};
use crate::Risk;
use crate::schema::{has, takes};
use crate::view::{Operation, is_json};

/// Names of values that are addresses to be fetched.
const ADDRESSES: [&str; 12] = [
    "url",
    "uri",
    "callback",
    "callbackurl",
    "webhook",
    "webhookurl",
    "redirect",
    "redirecturl",
    "target",
    "targeturl",
    "imageurl",
    "feed",
];
/// Names of values that say how many are wanted.
const COUNTS: [&str; 8] = ["limit", "size", "count", "per_page", "perpage", "page_size", "pagesize", "top"];

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "request-schema-missing",
        risk: Risk::Api3,
        weight: 8,
        title: "a body may be anything",
        why: "what is not described cannot be held to anything: every property goes on to the service",
        fix: "give the body's media type a `schema` in the contract",
        home: Home::Contract,
        check: Check::Operation(request_schema_missing),
    },
    Rule {
        id: "answer-schema-missing",
        risk: Risk::Api3,
        weight: 5,
        title: "an answer may be anything",
        why: "what the service leaks into an answer that is not described, nobody can tell from what belongs there",
        fix: "give the answer's media type a `schema` in the contract",
        home: Home::Contract,
        check: Check::Operation(answer_schema_missing),
    },
    Rule {
        id: "properties-open",
        risk: Risk::Api3,
        weight: 6,
        title: "undeclared properties go on to the service",
        why: "a client that adds `role: admin` to its body sets it, where the service copies what it gets (mass assignment)",
        fix: "write `validation: { undeclared: { property: refuse } }` (or `strip`), or `additionalProperties: false` in the contract",
        home: Home::Document(&["validation"]),
        check: Check::Operation(properties_open),
    },
    Rule {
        id: "answer-properties-open",
        risk: Risk::Api3,
        weight: 2,
        title: "answers may carry undeclared properties",
        why: "a column that is added to a table shows in the answer the same day",
        fix: "write `additionalProperties: false` in the schemas of answers",
        home: Home::Contract,
        check: Check::Operation(answer_properties_open),
    },
    Rule {
        id: "list-unbounded",
        risk: Risk::Api4,
        weight: 4,
        title: "a list may be of any length",
        why: "one call with a list of a million items is one call for every limit",
        fix: "give the list `maxItems` in the contract",
        home: Home::Contract,
        check: Check::Operation(list_unbounded),
    },
    Rule {
        id: "text-unbounded",
        risk: Risk::Api4,
        weight: 2,
        title: "a text may be of any length",
        why: "a text as long as the body may be is what the service stores, searches and sends on",
        fix: "give the text `maxLength` (or a `format`, a `pattern`, an `enum`) in the contract",
        home: Home::Contract,
        check: Check::Operation(text_unbounded),
    },
    Rule {
        id: "page-unbounded",
        risk: Risk::Api4,
        weight: 5,
        title: "a caller says how much is looked up, without a bound",
        why: "`limit=1000000` makes the service read as much for one call",
        fix: "give the parameter `maximum` in the contract",
        home: Home::Contract,
        check: Check::Operation(page_unbounded),
    },
    Rule {
        id: "address-free",
        risk: Risk::Api7,
        weight: 5,
        title: "a caller may name any address",
        why: "a service that fetches what it is told fetches from inside: metadata of the cloud, databases, itself",
        fix: "give the value a `pattern` that names the hosts that are meant (`^https://hooks\\.example\\.com/`), or an `enum`",
        home: Home::Contract,
        check: Check::Operation(address_free),
    },
];

fn request_schema_missing(operation: &Operation<'_>) -> Hit {
    let open = |schema: &Json| {
        schema.is_null()
            || *schema == Json::Bool(true)
            || schema.as_object().is_some_and(serde_json::Map::is_empty)
    };
    let (media, _) = operation.bodies().find(|(media, schema)| is_json(media) && open(schema))?;
    Some(format!("the body of `{media}` has no schema"))
}

fn answer_schema_missing(operation: &Operation<'_>) -> Hit {
    let is_good = |status: &str| status.starts_with('2') || status == "default";
    let (status, media, _) = operation
        .answers()
        .find(|(status, media, schema)| is_good(status) && is_json(media) && schema.is_null())?;
    Some(format!("the answer {status} of `{media}` has no schema"))
}

/// An object that takes properties which it does not declare. Parts of a composition are closed by the whole.
fn is_open_object(_: &str, schema: &Json) -> bool {
    let closed =
        |key: &str| schema.get(key).is_some_and(|value| *value == Json::Bool(false) || value.is_object());
    schema.get("properties").is_some() && !closed("additionalProperties") && !closed("unevaluatedProperties")
}

fn properties_open(operation: &Operation<'_>) -> Hit {
    let undeclared = operation.setting(&["validation", "undeclared"]);
    let word = undeclared.as_str().or_else(|| undeclared["property"].as_str()).unwrap_or("report");
    if matches!(word, "refuse" | "strip") && operation.setting(&["validation", "request"]) == "enforce" {
        return None;
    }
    let name = operation.bodies().find_map(|(_, schema)| operation.schemas.find(schema, &is_open_object))?;
    Some(format!("{name} takes properties that it does not declare"))
}

fn answer_properties_open(operation: &Operation<'_>) -> Hit {
    let good = operation.answers().filter(|(status, _, _)| status.starts_with('2'));
    let name = good.into_iter().find_map(|(_, _, schema)| operation.schemas.find(schema, &is_open_object))?;
    Some(format!("{name} of the answer takes properties that it does not declare"))
}

/// The first value of a call for which something holds.
fn value(operation: &Operation<'_>, holds: &dyn Fn(&str, &Json) -> bool) -> Option<String> {
    let of_parameters = operation.parameters().find_map(|(_, name, json)| {
        let found = operation.schemas.find(&json["schema"], &|below, schema| {
            holds(if below.is_empty() { name } else { below }, schema)
        });
        found.map(|_| format!("the parameter `{name}`"))
    });
    of_parameters.or_else(|| {
        operation
            .bodies()
            .find_map(|(_, schema)| operation.schemas.find(schema, &|name, one| holds(name, one)))
    })
}

fn list_unbounded(operation: &Operation<'_>) -> Hit {
    let unbounded =
        |_: &str, schema: &Json| takes(schema, "array") && !has(schema, &["maxItems", "enum", "const"]);
    value(operation, &unbounded).map(|name| format!("{name} is a list without `maxItems`"))
}

fn text_unbounded(operation: &Operation<'_>) -> Hit {
    let bounded = ["maxLength", "enum", "const", "pattern", "format"];
    let unbounded = |_: &str, schema: &Json| takes(schema, "string") && !has(schema, &bounded);
    value(operation, &unbounded).map(|name| format!("{name} is a text without `maxLength`"))
}

fn page_unbounded(operation: &Operation<'_>) -> Hit {
    let mut counts = operation
        .parameters()
        .filter(|(place, name, _)| *place == "query" && COUNTS.contains(&name.to_ascii_lowercase().as_str()));
    let unbounded = |json: &Json| {
        let schema = operation.schemas.target(&json["schema"]);
        (takes(schema, "integer") || takes(schema, "number"))
            && !has(schema, &["maximum", "exclusiveMaximum", "enum", "const"])
    };
    let (_, name, _) = counts.find(|(_, _, json)| unbounded(json))?;
    Some(format!("the parameter `{name}` has no `maximum`"))
}

/// Whether a value is an address that nothing narrows.
pub(crate) fn is_free_address(name: &str, schema: &Json) -> bool {
    let plain: String =
        name.chars().filter(|char| char.is_alphanumeric()).collect::<String>().to_ascii_lowercase();
    let named = ADDRESSES.contains(&plain.as_str());
    let formatted = matches!(schema["format"].as_str(), Some("uri" | "url" | "uri-reference" | "iri"));
    takes(schema, "string") && (named || formatted) && !has(schema, &["pattern", "enum", "const"])
}

/// The first address of a call that nothing narrows.
pub(crate) fn free_address(operation: &Operation<'_>) -> Option<String> {
    value(operation, &is_free_address)
}

fn address_free(operation: &Operation<'_>) -> Hit {
    free_address(operation).map(|name| format!("{name} is an address, and any will do"))
}
