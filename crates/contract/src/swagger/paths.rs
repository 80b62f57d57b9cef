//! Paths, operations and responses.

use serde_json::{Map, Value, json};

use super::Converter;
use super::fields::Field;
use super::parameters::schema_of;
use super::pointers::At;
use crate::documents::Spot;
use crate::pointer;

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

impl Converter<'_> {
    pub(super) fn paths(&mut self, paths: &mut Value) {
        let all = At { to: String::from("/paths"), from: Spot::root(self.file).join("paths") };
        for (template, item) in paths.as_object_mut().into_iter().flatten() {
            let mut at = all.join(template);
            self.take_over_path(&mut at, item);
            let Some(item) = item.as_object_mut() else { continue };
            let shared = self.parameter_list(&at, item);
            for (method, operation) in item.iter_mut() {
                let is_method = METHODS.contains(&method.as_str());
                if let Some(operation) = operation.as_object_mut().filter(|_| is_method) {
                    self.operation(&at.join(method), operation, &shared);
                }
            }
        }
    }

    /// Puts a path in the place of the reference to it.
    fn take_over_path(&mut self, at: &mut At, item: &mut Value) {
        let beside = item.as_object().filter(|map| map.contains_key("$ref")).into_iter().flat_map(Map::keys);
        if let Some(key) = beside.into_iter().find(|key| *key != "$ref" && !key.starts_with("x-")) {
            let message = format!("`{key}` stands beside the `$ref` of a path");
            self.fault(&at.from, message, "move it to where the reference leads");
        }
        self.take_over(at, item);
        self.went_to(&at.from, &at.to);
    }

    fn operation(&mut self, at: &At, operation: &mut Map<String, Value>, shared: &[Field]) {
        let consumes = match operation.remove("consumes") {
            Some(own) => self.texts(&at.from.join("consumes"), Some(own)),
            None => self.consumes.clone(),
        };
        let produces = match operation.remove("produces") {
            Some(own) => self.texts(&at.from.join("produces"), Some(own)),
            None => self.produces.clone(),
        };
        if let Some(schemes) = operation.remove("schemes") {
            operation.insert(String::from("x-schemes"), schemes);
        }
        let own = self.parameter_list(at, operation);
        let body = self.merged(shared, own);
        if !body.is_empty() {
            let body = self.request_body(at, body, &consumes);
            operation.insert(String::from("requestBody"), body);
        }
        let at = at.join("responses");
        for (status, response) in
            operation.get_mut("responses").and_then(Value::as_object_mut).into_iter().flatten()
        {
            let mut at = at.join(status);
            if !self.is_shared_response(response, &produces) {
                self.take_over(&mut at, response);
            }
            self.response(&at, response, &produces);
        }
    }

    /// Whether a reference leads to what was converted once for all, and as this operation has it.
    fn is_shared_response(&self, response: &Value, produces: &[String]) -> bool {
        let reference = response.get("$ref").and_then(Value::as_str).unwrap_or_default();
        reference.starts_with("#/responses/") && produces == self.produces
    }

    pub(super) fn response(&mut self, at: &At, response: &mut Value, produces: &[String]) {
        let Some(map) = response.as_object_mut() else { return };
        if map.contains_key("$ref") {
            return;
        }
        map.remove("examples");
        if let Some(schema) = map.remove("schema") {
            let is_file = schema.get("type").is_some_and(|name| name == "file");
            let fallback = if is_file { "*/*" } else { "application/json" };
            let content = self.content(at, &at.from.join("schema"), Some(&schema), (produces, fallback));
            map.insert(String::from("content"), content);
        }
        let at = at.join("headers");
        for (name, header) in map.get_mut("headers").and_then(Value::as_object_mut).into_iter().flatten() {
            let at = at.join(name);
            let Some(header) = header.as_object_mut() else { continue };
            let format = header.remove("collectionFormat");
            if format.is_some_and(|format| format != "csv") {
                let help = "use `collectionFormat: csv`";
                self.fault(&at.from, "OpenAPI 3 separates the items of a header field by commas", help);
            }
            let schema = schema_of(header);
            self.moved_schema(&at, &schema);
            header.insert(String::from("schema"), schema);
        }
    }

    /// One schema under each media type.
    pub(super) fn content(
        &mut self,
        at: &At,
        from: &Spot,
        schema: Option<&Value>,
        (types, fallback): (&[String], &str),
    ) -> Value {
        let fallback = [fallback.to_owned()];
        let types = if types.is_empty() { &fallback[..] } else { types };
        let mut out = Map::new();
        for name in types {
            let media = pointer::join(&format!("{}/content", at.to), name);
            self.came_from(&format!("{media}/schema"), from);
            self.went_to(from, &format!("{media}/schema"));
            out.insert(name.clone(), schema.map_or_else(|| json!({}), |schema| json!({ "schema": schema })));
        }
        Value::Object(out)
    }
}
