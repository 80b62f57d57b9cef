//! One operation: its id, who may call it, its request and its answers.

use std::collections::BTreeMap;

use diagnostics::Diagnostic;
use http::Method;
use serde_json::Value;

use super::paths::{self, Item};
use super::{Draft, Import, PartSpots, keys, servers};
use crate::body::MediaRules;
use crate::documents::Spot;
use crate::lower::Side;
use crate::model::{KeyPlace, OnUndeclared, Open, Operation, Parts, Security};
use crate::parameter::Parameter;
use crate::request::RequestRules;
use crate::response::{ResponseRule, ResponseRules};
use crate::violation::Place;

impl Import<'_> {
    pub(super) fn operation(
        &mut self,
        template: &str,
        method: Method,
        spot: &Spot,
        item: &Item<'_>,
    ) -> Option<Draft> {
        let documents = self.documents;
        let value = documents.get(spot)?;
        self.lowering.begin_operation();
        self.around(&item.layers);
        if !self.keys(spot, value, &keys::OPERATION) {
            return None;
        }
        self.server_list(&spot.join("servers"));
        self.outward(spot, "callbacks");
        let id = value.get("operationId").and_then(Value::as_str).filter(|id| !id.is_empty());
        if let Some(id) = id {
            self.name(&spot.join("operationId"), "an operationId", id);
        }
        let id = id.map_or_else(|| format!("{method} {template}"), str::to_owned);
        let security = self.security(spot, value, &id);
        let parameters = self.parameters(spot, item.owner("parameters"), template);
        self.match_template(template, spot, &parameters);
        let (body, body_required) = self.request_body(spot, value, &id);
        let responses = self.responses(spot, value, &id);
        let request = self.request_rules(parameters, &security, body, body_required);
        let base_path = self.own_base_path(spot, item);
        let operation = Operation {
            id,
            method,
            template: template.to_owned(),
            tags: self.tags(spot, value),
            pointer: documents.display(spot),
            span: None,
            parts: Parts::default(),
            security,
            base_path,
            deprecated: value.get("deprecated").and_then(Value::as_bool) == Some(true),
            request,
            responses,
            fully_enforced: false,
        };
        let parts = self.parts(spot, item);
        Some(Draft { operation, spot: spot.clone(), parts, issues: self.lowering.end_operation() })
    }

    /// Where the parts of an operation are that calls are held to.
    fn parts(&self, spot: &Spot, item: &Item<'_>) -> PartSpots {
        let documents = self.documents;
        let known = |at: Spot| documents.get(&at).is_some().then_some(at);
        let body = known(spot.join("requestBody")).map(|at| {
            let (at, body) = documents.follow(&at).unwrap_or((at, &Value::Null));
            let content = body.get("content").and_then(Value::as_object);
            match content.and_then(|content| content.keys().next().filter(|_| content.len() == 1)) {
                Some(only) => {
                    let media = at.join("content").join(only);
                    known(media.join("schema")).unwrap_or(media)
                }
                None => at,
            }
        });
        PartSpots {
            security: known(spot.join("security")).or_else(|| known(Spot::root(0).join("security"))),
            parameters: known(item.owner("parameters").join("parameters")),
            body,
            responses: known(spot.join("responses")),
        }
    }

    /// The base path of the operation's own servers, else of its path's.
    fn own_base_path(&self, spot: &Spot, item: &Item<'_>) -> Option<String> {
        let at = [spot, item.owner("servers")].into_iter().map(|owner| owner.join("servers"));
        let (at, own) = at.filter_map(|at| self.documents.get(&at).map(|own| (at, own))).next()?;
        let list = servers::servers(Some(own));
        let (first, others) = list.split_first()?;
        if let Some(other) = others.iter().find(|other| other.base_path != first.base_path) {
            let message = format!(
                "the servers have several base paths; `{}` is served, `{}` is not",
                servers::shown(&first.base_path),
                servers::shown(&other.base_path)
            );
            let help = "calls to the others are refused; name the one to serve first";
            self.documents.say(Diagnostic::warning("several-base-paths", message).help(help), &at);
        }
        self.several_values(&at, own);
        Some(first.base_path.clone())
    }

    fn request_rules(
        &mut self,
        parameters: Vec<Parameter>,
        security: &Security,
        body: Vec<MediaRules>,
        body_required: bool,
    ) -> RequestRules {
        let mut by_place: BTreeMap<&'static str, Vec<Parameter>> = BTreeMap::new();
        for parameter in parameters {
            by_place.entry(parameter.place.as_str()).or_default().push(parameter);
        }
        let mut take = |place: Place| by_place.remove(place.as_str()).unwrap_or_default();
        RequestRules {
            path: take(Place::Path),
            query: take(Place::Query),
            headers: take(Place::Header),
            cookies: take(Place::Cookie),
            undeclared: self.options.undeclared,
            known_query: self.key_names(security, KeyPlace::Query),
            known_headers: self.key_names(security, KeyPlace::Header),
            known_cookies: self.key_names(security, KeyPlace::Cookie),
            body,
            body_required,
        }
    }

    /// Parameters of the template and declared ones must be the same.
    fn match_template(&mut self, template: &str, spot: &Spot, parameters: &[Parameter]) {
        let names = paths::names(template);
        let declared = |name: &str| {
            parameters.iter().any(|parameter| parameter.place == Place::Path && parameter.name == name)
        };
        for name in &names {
            if !declared(name) {
                let message = format!("the path parameter `{name}` of `{template}` is not declared");
                let help =
                    format!("add `{{ name: {name}, in: path, required: true, schema: … }}` to `parameters`");
                self.documents.error(spot, "undeclared-path-parameter", message, &help);
            }
        }
        for parameter in parameters.iter().filter(|parameter| parameter.place == Place::Path) {
            if !names.contains(&parameter.name.as_str()) {
                let message =
                    format!("the path parameter `{}` is not in the template `{template}`", parameter.name);
                let near = diagnostics::nearest(&parameter.name, names.iter().copied());
                let help = near.map_or_else(
                    || String::from("remove it, or add it to the template"),
                    |near| format!("did you mean `{near}`?"),
                );
                self.documents.error(spot, "unused-path-parameter", message, &help);
            }
        }
    }

    fn request_body(&mut self, spot: &Spot, value: &Value, id: &str) -> (Vec<MediaRules>, bool) {
        if value.get("requestBody").is_none() {
            return (Vec::new(), false);
        }
        let Some((at, body)) = self.documents.follow(&spot.join("requestBody")) else {
            return (Vec::new(), false);
        };
        self.keys(&at, body, &keys::REQUEST_BODY);
        let required = self.flag(&at, body, "required");
        let media = self.content(&at, body, Side::Request, self.options.undeclared.property);
        if media.iter().any(|media| !media.has_schema) {
            self.open.push(Open {
                operation: id.to_owned(),
                kind: "no-request-schema",
                what: String::from("a declared body has no schema"),
            });
        }
        (media, required)
    }

    fn responses(&mut self, spot: &Spot, value: &Value, id: &str) -> ResponseRules {
        let mut rules = ResponseRules::default();
        let at = spot.join("responses");
        let Some(Value::Object(responses)) = value.get("responses") else {
            self.open.push(Open {
                operation: id.to_owned(),
                kind: "no-response-schema",
                what: String::from("no answer is declared"),
            });
            return rules;
        };
        for status in responses.keys().filter(|status| !status.starts_with("x-")) {
            let Some((at, response)) = self.documents.follow(&at.join(status)) else { continue };
            self.keys(&at, response, &keys::RESPONSE);
            let headers = self.response_headers(&at, response);
            let media = self.content(&at, response, Side::Response, OnUndeclared::Allow);
            let rule = ResponseRule { headers, media };
            let digit = status.bytes().next().map_or(0, |byte| u16::from(byte.saturating_sub(b'0')));
            let is_class =
                status.len() == 3 && status.get(1..).is_some_and(|rest| rest.eq_ignore_ascii_case("xx"));
            match status.parse::<u16>() {
                Ok(code) if (100..600).contains(&code) => {
                    rules.exact.insert(code, rule);
                }
                _ if status == "default" => rules.default = Some(rule),
                _ if is_class && (1..=5).contains(&digit) => {
                    rules.classes.insert(digit, rule);
                }
                _ => {
                    let message = format!("`{status}` is not a status");
                    let help = "use a status such as `200`, a class such as `4XX`, or `default`";
                    self.documents.error(&at, "bad-status", message, help);
                }
            }
        }
        rules
    }
}
