//! Contract documents: OpenAPI and Swagger, JSON and YAML, as an operator may get them from anywhere.

use std::sync::Arc;

use contract::{Assets, Options};
use diagnostics::{Diagnostics, Sources};

pub(crate) fn run(data: &[u8]) {
    let Some((selector, rest)) = crate::select(data, 3) else { return };
    match selector {
        0 => import(rest),
        1 => within_components(rest),
        _ => swagger(rest),
    }
}

fn import(bytes: &[u8]) {
    let _ = contract::references("dir/contract.yaml", bytes);
    let mut assets = Assets::new();
    assets.insert(String::from("dir/contract.yaml"), Arc::from(bytes));
    let (mut sources, mut out) = (Sources::default(), Diagnostics::new());
    let api = contract::import("dir/contract.yaml", &assets, &mut sources, &Options::default(), &mut out);
    match api {
        None => assert!(out.has_errors(), "refused without a reason"),
        Some(api) => {
            assert_eq!(api.stats.operations, api.operations.len(), "operations that are not counted");
            let whole = api.operations.iter().filter(|operation| operation.fully_enforced).count();
            assert_eq!(api.stats.fully_enforced, whole, "counted as enforced, and is not");
            // What is not enforced and not accepted is an error, never silence.
            assert!(
                out.has_errors() || api.unenforced.iter().all(|part| part.accepted),
                "silent about a part"
            );
        }
    }
}

/// A schema as JSON, inside a document that uses it for a body and a parameter.
fn within_components(schema: &[u8]) {
    let Ok(schema) = serde_json::from_slice::<serde_json::Value>(schema) else { return };
    let document = serde_json::json!({
        "openapi": "3.1.0",
        "info": { "title": "t", "version": "1" },
        "paths": { "/a/{b}": { "post": {
            "parameters": [{ "name": "b", "in": "path", "required": true, "schema": { "$ref": "#/components/schemas/S" } }],
            "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/S" } } } },
            "responses": { "200": { "description": "ok" } }
        } } },
        "components": { "schemas": { "S": schema } }
    });
    import(document.to_string().as_bytes());
}

fn swagger(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    match contract::convert_swagger(value) {
        Ok(converted) => import(converted.to_string().as_bytes()),
        Err(out) => assert!(out.has_errors(), "refused without a reason"),
    }
}
