//! `parameters` of paths and operations, and `headers` of answers.

use serde_json::Value;

use super::{Import, keys};
use crate::checker::Checker;
use crate::documents::Spot;
use crate::fast::Fast;
use crate::lower::Side;
use crate::media::{self, MediaKind, Range};
use crate::model::OnUndeclared;
use crate::parameter::Parameter;
use crate::shape::Shape;
use crate::style::Style;
use crate::violation::Place;

/// Header parameters that OpenAPI leaves to other parts of the document.
const IGNORED: [&str; 3] = ["accept", "content-type", "authorization"];

impl Import<'_> {
    /// The path's parameters with the operation's own over them.
    pub(super) fn parameters(&mut self, spot: &Spot, item_spot: &Spot, template: &str) -> Vec<Parameter> {
        let mut out: Vec<Parameter> = Vec::new();
        for (level, owner) in [item_spot, spot].into_iter().enumerate() {
            let list = owner.join("parameters");
            let count = self.documents.get(&list).and_then(Value::as_array).map_or(0, Vec::len);
            let before = out.len();
            for index in 0..count {
                let Some((at, value)) = self.documents.follow(&list.join(&index.to_string())) else {
                    continue;
                };
                let Some(parameter) = self.parameter(&at, value) else { continue };
                self.reachable(&at, &parameter, template);
                let same = |known: &Parameter| known.place == parameter.place && known.name == parameter.name;
                match out.iter().position(same) {
                    Some(known) if level == 1 && known < before => {
                        if let Some(slot) = out.get_mut(known) {
                            *slot = parameter;
                        }
                    }
                    Some(_) => {
                        let message = format!("the parameter `{}` is declared twice", parameter.name);
                        let at = list.join(&index.to_string());
                        self.documents.error(&at, "duplicate-parameter", message, "remove one of them");
                    }
                    None => out.push(parameter),
                }
            }
        }
        out
    }

    /// Notes a matrix at the beginning of a segment. A canonical path has no segment that begins with `;`: to servers
    /// that take path parameters off before they route, `/a/;id=5/b` is `/a/b`, another operation.
    fn reachable(&mut self, at: &Spot, parameter: &Parameter, template: &str) {
        let begins =
            parameter.style == Style::Matrix && template.contains(&format!("/{{{}}}", parameter.name));
        if begins {
            let what = "no call reaches the operation: a segment of a path must not begin with `;`, which many servers \
                        take away before they route; write `simple` or `label`, or text before the parameter";
            self.lowering.operation_issue(&at.join("style"), what);
        }
    }

    fn parameter(&mut self, at: &Spot, value: &Value) -> Option<Parameter> {
        if !value.is_object() {
            self.keys(at, value, &keys::PARAMETER);
            return None;
        }
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        let (Some(name), Some(place)) = (text("name"), text("in")) else {
            let help = "give the parameter `name`, `in` and `schema`";
            self.documents.error(at, "bad-parameter", "a parameter needs `name` and `in`", help);
            return None;
        };
        let (place, whole_query) = match place {
            "path" => (Place::Path, false),
            "query" => (Place::Query, false),
            "header" => (Place::Header, false),
            "cookie" => (Place::Cookie, false),
            "querystring" if self.minor >= 2 => (Place::Query, true),
            other => {
                let message = format!("`{other}` is not a place for a parameter");
                let help = "use `path`, `query`, `header` or `cookie`";
                self.documents.error(&at.join("in"), "bad-parameter", message, help);
                return None;
            }
        };
        self.keys(at, value, &keys::PARAMETER);
        if place == Place::Header && IGNORED.contains(&name.to_ascii_lowercase().as_str()) {
            return None;
        }
        if whole_query {
            self.lowering.operation_issue(at, "a parameter that is the whole query string is not checked");
        }
        let mut parameter = self.value(at, value, place, Side::Request)?;
        parameter.name = if place == Place::Header { name.to_ascii_lowercase() } else { name.to_owned() };
        parameter.required = self.flag(at, value, "required") || place == Place::Path;
        parameter.whole_query = whole_query;
        Some(parameter)
    }

    /// `schema` or `content` with the style, for parameters and header fields alike.
    fn value(&mut self, at: &Spot, value: &Value, place: Place, side: Side) -> Option<Parameter> {
        let style = self.style(at, value, place)?;
        let explode = value
            .get("explode")
            .and_then(Value::as_bool)
            .unwrap_or(matches!(style, Style::Form | Style::Cookie));
        let (schema, json) = match value.get("content").and_then(Value::as_object) {
            Some(content) => {
                let Some(media) = content.keys().next().filter(|_| content.len() == 1) else {
                    let message = "`content` of a parameter has exactly one media type";
                    self.documents.error(&at.join("content"), "bad-parameter", message, "keep one");
                    return None;
                };
                if value.get("schema").is_some() {
                    let message = "a parameter has `schema` or `content`, not both";
                    self.documents.error(&at.join("content"), "bad-parameter", message, "keep one of them");
                }
                let json =
                    Range::parse(media).is_some_and(|range| media::kind(&range.essence()) == MediaKind::Json);
                let schema = at.at(&["content", media, "schema"]);
                if !json {
                    let what = format!("a parameter of the media type `{media}` is not read");
                    self.lowering.operation_issue(&at.at(&["content", media]), what);
                }
                (json.then_some(schema), json)
            }
            None => (Some(at.join("schema")), false),
        };
        if value.get("schema").is_none() && value.get("content").is_none() {
            self.lowering.operation_issue(at, "without `schema` or `content` any value passes");
        }
        let schema = schema.filter(|schema| self.documents.get(schema).is_some());
        let free = Checker::free();
        let (checker, shape, fast) = match schema {
            Some(schema) => {
                let (checker, root) = Checker::new(&mut self.lowering, &schema, side, OnUndeclared::Allow);
                let shape = Shape::of(&self.lowering, &schema);
                let fast = if json || style == Style::Matrix || style == Style::Label {
                    None
                } else {
                    Fast::of(self.lowering.resolved(&root))
                };
                (checker, shape, fast)
            }
            None => (free, Shape::free(), None),
        };
        if place == Place::Cookie && explode && shape.is_compound() && !shape.is_scalar() && !json {
            let what = "a list or an object spread over several cookies is not read: write `explode: false`";
            self.lowering.operation_issue(at, what);
        }
        Some(Parameter {
            place,
            name: String::new(),
            required: false,
            style,
            explode,
            allow_empty: value.get("allowEmptyValue").and_then(Value::as_bool) == Some(true),
            json,
            whole_query: false,
            shape,
            checker,
            fast,
        })
    }

    fn style(&mut self, at: &Spot, value: &Value, place: Place) -> Option<Style> {
        let Some(name) = value.get("style").and_then(Value::as_str) else {
            return Some(match place {
                Place::Query | Place::Cookie => Style::Form,
                _ => Style::Simple,
            });
        };
        let style = Style::parse(name);
        let allowed = match place {
            Place::Path => matches!(style, Some(Style::Simple | Style::Label | Style::Matrix)),
            Place::Query => matches!(style, Some(Style::Form | Style::Space | Style::Pipe | Style::Deep)),
            Place::Cookie if self.minor >= 2 => matches!(style, Some(Style::Form | Style::Cookie)),
            Place::Cookie => matches!(style, Some(Style::Form)),
            _ => matches!(style, Some(Style::Simple)),
        };
        if !allowed {
            let since =
                if style == Some(Style::Cookie) { " (only of cookies, since OpenAPI 3.2)" } else { "" };
            let message = format!("the style `{name}` is not one for a {} parameter{since}", place.as_str());
            let help = "see the table of styles in OpenAPI 3, `Style Values`";
            self.documents.error(&at.join("style"), "bad-style", message, help);
            return None;
        }
        style
    }

    /// `headers` of an answer.
    pub(super) fn response_headers(&mut self, spot: &Spot, response: &Value) -> Vec<Parameter> {
        let Some(Value::Object(headers)) = response.get("headers") else { return Vec::new() };
        let list = spot.join("headers");
        let mut out = Vec::new();
        for name in headers.keys().filter(|name| !name.eq_ignore_ascii_case("content-type")) {
            let Some((at, value)) = self.documents.follow(&list.join(name)) else { continue };
            if !self.keys(&at, value, &keys::HEADER) {
                continue;
            }
            let Some(mut parameter) = self.value(&at, value, Place::Header, Side::Response) else { continue };
            parameter.name = name.to_ascii_lowercase();
            parameter.required = self.flag(&at, value, "required");
            out.push(parameter);
        }
        out
    }
}
