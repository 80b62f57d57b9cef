//! A call in parts that can be changed one by one, and as the request of a case.

use std::collections::BTreeMap;

use contract::raw::At;
use engine::path::percent_encoded;
use serde_json::Value as Json;
use spec::{Spanned, Strings};

use super::sample::{self, Extent, Way, Wish};
use crate::document::Request;

/// One parameter as it is declared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared<'r> {
    pub(crate) name: &'r str,
    pub(crate) place: &'r str,
    pub(crate) required: bool,
    pub(crate) schema: At<'r>,
    style: Style,
}

/// How a parameter that is a list or an object is written (OpenAPI 3.1 section 4.8.12.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Form { explode: bool },
    Joined(&'static str),
    Deep,
    Json,
}

impl<'r> Declared<'r> {
    /// Of a parameter object; `None` for what cannot be written here (labels and matrices).
    pub(crate) fn of(at: At<'r>) -> Option<Self> {
        let (name, place) = (at.text("name")?, at.text("in")?);
        let required = at.value.get("required") == Some(&Json::Bool(true)) || place == "path";
        let media = at.get("content").and_then(|content| content.members().next().map(|(_, media)| media));
        if let Some(schema) = media.and_then(|media| media.get("schema")) {
            return Some(Self { name, place, required, schema, style: Style::Json });
        }
        let written = at.text("style");
        let form = matches!(place, "query" | "cookie");
        let explode = at.value.get("explode").and_then(Json::as_bool);
        let style = match written.unwrap_or(if form { "form" } else { "simple" }) {
            "form" => Style::Form { explode: explode.unwrap_or(true) },
            "simple" => Style::Joined(","),
            "spaceDelimited" => Style::Joined("%20"),
            "pipeDelimited" => Style::Joined("%7C"),
            "deepObject" => Style::Deep,
            _ => return None,
        };
        Some(Self { name, place, required, schema: at.get("schema")?, style })
    }

    /// A value that should fit.
    pub(crate) fn good(&self) -> Json {
        sample::value(self.schema, Wish { extent: Extent::All, way: Way::Request })
    }

    /// Whether its values are lists or objects.
    pub(crate) fn is_compound(&self) -> bool {
        matches!(self.good(), Json::Array(_) | Json::Object(_))
    }

    /// As `name=value` pairs, or as values alone where the place has the name.
    fn write(&self, value: &Json) -> Vec<(String, String)> {
        let percent = |text: &str| percent_encoded(text.as_bytes());
        let encode: fn(&str) -> String = if self.place == "header" { str::to_owned } else { percent };
        let text = |value: &Json| encode(&plain(value));
        let name = if matches!(self.place, "query") { percent(self.name) } else { self.name.to_owned() };
        let one = |text: String| vec![(name.clone(), text)];
        match (self.style, value) {
            (Style::Json, value) => one(encode(&value.to_string())),
            (Style::Form { explode: true }, Json::Array(items)) => {
                items.iter().map(|item| (name.clone(), text(item))).collect()
            }
            (Style::Form { explode: true }, Json::Object(members)) => {
                members.iter().map(|(key, value)| (encode(key), text(value))).collect()
            }
            (Style::Deep, Json::Object(members)) => {
                members.iter().map(|(key, value)| (format!("{name}[{}]", encode(key)), text(value))).collect()
            }
            (Style::Form { .. } | Style::Deep, Json::Array(items)) => {
                one(items.iter().map(text).collect::<Vec<_>>().join(","))
            }
            (Style::Joined(by), Json::Array(items)) => {
                one(items.iter().map(text).collect::<Vec<_>>().join(by))
            }
            (Style::Form { .. } | Style::Joined(_), Json::Object(members)) => {
                let by = if let Style::Joined(by) = self.style { by } else { "," };
                one(members
                    .iter()
                    .flat_map(|(key, value)| [encode(key), text(value)])
                    .collect::<Vec<_>>()
                    .join(by))
            }
            (_, value) => one(text(value)),
        }
    }
}

/// A scalar as parameters have it.
fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The content of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Json(Json),
    Text(String),
    /// So many letters.
    Long(u32),
}

/// A call in parts.
#[derive(Debug, Clone)]
pub(crate) struct Call<'r> {
    pub(crate) method: String,
    /// With the base path.
    pub(crate) template: String,
    pub(crate) parameters: Vec<(Declared<'r>, Json)>,
    /// Pairs of the query beside those of the parameters.
    pub(crate) further: Vec<(String, String)>,
    /// Fields beside those of the parameters.
    pub(crate) headers: BTreeMap<String, String>,
    /// The media type and the content.
    pub(crate) content: Option<(String, Content)>,
}

impl<'r> Call<'r> {
    /// The same with another value of one parameter.
    pub(crate) fn with(&self, name: &str, place: &str, value: Json) -> Self {
        let mut call = self.clone();
        let mut all = call.parameters.iter_mut();
        if let Some((_, slot)) = all.find(|(one, _)| one.name == name && one.place == place) {
            *slot = value;
        }
        call
    }

    /// The same without one parameter.
    pub(crate) fn without(&self, name: &str, place: &str) -> Self {
        let mut call = self.clone();
        call.parameters.retain(|(declared, _)| !(declared.name == name && declared.place == place));
        call
    }

    /// The same with other content.
    pub(crate) fn carrying(&self, media_type: &str, content: Content) -> Self {
        Self { content: Some((media_type.to_owned(), content)), ..self.clone() }
    }

    fn target(&self) -> String {
        let mut path = self.template.clone();
        let mut pairs: Vec<String> = Vec::new();
        for (declared, value) in &self.parameters {
            let written = declared.write(value);
            match declared.place {
                "path" => {
                    let text = written.first().map(|(_, value)| value.as_str()).unwrap_or_default();
                    path = path.replace(&format!("{{{}}}", declared.name), text);
                }
                "query" => pairs.extend(written.iter().map(|(name, value)| format!("{name}={value}"))),
                _ => {}
            }
        }
        pairs.extend(self.further.iter().map(|(name, value)| format!("{name}={value}")));
        if pairs.is_empty() { path } else { format!("{path}?{}", pairs.join("&")) }
    }

    /// As the request of a case.
    pub(crate) fn request(&self) -> Request {
        let mut headers: BTreeMap<String, Strings> = BTreeMap::new();
        let mut cookies = Vec::new();
        for (declared, value) in &self.parameters {
            for (name, value) in declared.write(value) {
                match declared.place {
                    "header" => drop(headers.insert(name, Strings(vec![value]))),
                    "cookie" => cookies.push(format!("{name}={value}")),
                    _ => {}
                }
            }
        }
        for (name, value) in &self.headers {
            headers.insert(name.clone(), Strings(vec![value.clone()]));
        }
        if !cookies.is_empty() {
            headers.insert(String::from("Cookie"), Strings(vec![cookies.join("; ")]));
        }
        let mut request = Request {
            method: Spanned::nowhere(self.method.clone()),
            target: Spanned::nowhere(self.target()),
            headers: BTreeMap::new(),
            body: None,
            json: None,
            padding: None,
        };
        if let Some((media_type, content)) = &self.content {
            let plain = matches!(content, Content::Json(_)) && media_type == "application/json";
            if !plain && !media_type.is_empty() {
                headers.insert(String::from("Content-Type"), Strings(vec![media_type.clone()]));
            }
            match content {
                Content::Json(value) => request.json = Some(value.clone()),
                Content::Text(text) => request.body = Some(text.clone()),
                Content::Long(count) => request.padding = Some(*count),
            }
        }
        request.headers = headers;
        request
    }
}
