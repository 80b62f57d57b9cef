//! The shape of OpenAPI's objects: which keys each kind has, since which version, and of what type.
//!
//! What was meant by a misspelled `required` or `security` is not enforced, so that a key which is not in the table is
//! told as such; a value of another type is an error, because read as absent it would loosen the contract.

use serde_json::Value;

use super::Import;
use crate::documents::Spot;
use crate::lower::is_known_dialect;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Flag,
    List,
    Map,
    /// Checked elsewhere, or only to be read by people.
    Any,
}

use Holds::{Any, Flag, List, Map, Text};

/// One kind of object: its name with an article, and its keys with the minor version that brought each.
pub(super) struct Kind {
    name: &'static str,
    keys: &'static [(&'static str, Holds, u32)],
}

pub(super) const ROOT: Kind = Kind {
    name: "the document",
    keys: &[
        ("openapi", Text, 0),
        ("info", Map, 0),
        ("servers", List, 0),
        ("paths", Map, 0),
        ("components", Map, 0),
        ("security", Any, 0),
        ("tags", List, 0),
        ("externalDocs", Any, 0),
        ("webhooks", Map, 1),
        ("jsonSchemaDialect", Text, 1),
        ("$self", Text, 2),
    ],
};

pub(super) const COMPONENTS: Kind = Kind {
    name: "`components`",
    keys: &[
        ("schemas", Map, 0),
        ("responses", Map, 0),
        ("parameters", Map, 0),
        ("examples", Map, 0),
        ("requestBodies", Map, 0),
        ("headers", Map, 0),
        ("securitySchemes", Map, 0),
        ("links", Map, 0),
        ("callbacks", Map, 0),
        ("pathItems", Map, 1),
        ("mediaTypes", Map, 2),
    ],
};

pub(super) const SERVER: Kind = Kind {
    name: "a server",
    keys: &[("url", Text, 0), ("description", Any, 0), ("variables", Map, 0), ("name", Any, 2)],
};

pub(super) const PATH_ITEM: Kind = Kind {
    name: "a path",
    keys: &[
        ("$ref", Text, 0),
        ("summary", Any, 0),
        ("description", Any, 0),
        ("get", Map, 0),
        ("put", Map, 0),
        ("post", Map, 0),
        ("delete", Map, 0),
        ("options", Map, 0),
        ("head", Map, 0),
        ("patch", Map, 0),
        ("trace", Map, 0),
        ("servers", List, 0),
        ("parameters", List, 0),
        ("query", Map, 2),
        ("additionalOperations", Map, 2),
    ],
};

pub(super) const OPERATION: Kind = Kind {
    name: "an operation",
    keys: &[
        ("tags", List, 0),
        ("summary", Any, 0),
        ("description", Any, 0),
        ("externalDocs", Any, 0),
        ("operationId", Text, 0),
        ("parameters", List, 0),
        ("requestBody", Map, 0),
        ("responses", Map, 0),
        ("callbacks", Map, 0),
        ("deprecated", Any, 0),
        ("security", Any, 0),
        ("servers", List, 0),
    ],
};

pub(super) const PARAMETER: Kind = Kind {
    name: "a parameter",
    keys: &[
        ("name", Text, 0),
        ("in", Text, 0),
        ("description", Any, 0),
        ("required", Any, 0),
        ("deprecated", Any, 0),
        ("allowEmptyValue", Flag, 0),
        ("style", Text, 0),
        ("explode", Flag, 0),
        ("allowReserved", Flag, 0),
        ("schema", Any, 0),
        ("content", Map, 0),
        ("example", Any, 0),
        ("examples", Any, 0),
    ],
};

pub(super) const HEADER: Kind = Kind {
    name: "a header field",
    keys: &[
        ("description", Any, 0),
        ("required", Any, 0),
        ("deprecated", Any, 0),
        ("allowEmptyValue", Flag, 0),
        ("style", Text, 0),
        ("explode", Flag, 0),
        ("allowReserved", Flag, 0),
        ("schema", Any, 0),
        ("content", Map, 0),
        ("example", Any, 0),
        ("examples", Any, 0),
    ],
};

pub(super) const REQUEST_BODY: Kind = Kind {
    name: "a request body",
    keys: &[("description", Any, 0), ("content", Map, 0), ("required", Any, 0)],
};

pub(super) const RESPONSE: Kind = Kind {
    name: "a response",
    keys: &[
        ("description", Any, 0),
        ("headers", Map, 0),
        ("content", Map, 0),
        ("links", Any, 0),
        ("summary", Any, 2),
    ],
};

pub(super) const MEDIA: Kind = Kind {
    name: "a media type",
    keys: &[
        ("schema", Any, 0),
        ("example", Any, 0),
        ("examples", Any, 0),
        ("encoding", Map, 0),
        ("itemSchema", Any, 2),
        ("itemEncoding", Any, 2),
        ("prefixEncoding", Any, 2),
    ],
};

pub(super) const ENCODING: Kind = Kind {
    name: "an encoding",
    keys: &[
        ("contentType", Text, 0),
        ("headers", Map, 0),
        ("style", Text, 0),
        ("explode", Flag, 0),
        ("allowReserved", Flag, 0),
        ("encoding", Any, 2),
        ("itemEncoding", Any, 2),
        ("prefixEncoding", Any, 2),
    ],
};

pub(super) const SECURITY_SCHEME: Kind = Kind {
    name: "a security scheme",
    keys: &[
        ("type", Text, 0),
        ("description", Any, 0),
        ("name", Text, 0),
        ("in", Text, 0),
        ("scheme", Text, 0),
        ("bearerFormat", Text, 0),
        ("flows", Map, 0),
        ("openIdConnectUrl", Text, 0),
        ("oauth2MetadataUrl", Text, 2),
        ("deprecated", Any, 2),
    ],
};

pub(super) const OAUTH_FLOWS: Kind = Kind {
    name: "`flows`",
    keys: &[
        ("implicit", Map, 0),
        ("password", Map, 0),
        ("clientCredentials", Map, 0),
        ("authorizationCode", Map, 0),
        ("deviceAuthorization", Map, 2),
    ],
};

pub(super) const OAUTH_FLOW: Kind = Kind {
    name: "an OAuth flow",
    keys: &[
        ("authorizationUrl", Text, 0),
        ("tokenUrl", Text, 0),
        ("refreshUrl", Text, 0),
        ("scopes", Map, 0),
        ("deviceAuthorizationUrl", Text, 2),
    ],
};

impl Import<'_> {
    /// Notes keys that are neither known nor extensions, and refuses values of another type; false when the whole value is.
    pub(super) fn keys(&mut self, at: &Spot, value: &Value, kind: &Kind) -> bool {
        let Some(map) = value.as_object() else {
            let message = format!("{} is an object", kind.name);
            self.documents.error(at, "bad-type", message, "correct it, or remove it");
            return false;
        };
        for (key, value) in map {
            match kind.keys.iter().find(|(name, _, since)| name == key && *since <= self.minor) {
                Some((_, holds, _)) => self.typed(&at.join(key), key, value, *holds),
                None if key.starts_with("x-") => {}
                None => {
                    let what = self.unknown_key(key, kind);
                    self.lowering.operation_issue(&at.join(key), what);
                }
            }
        }
        true
    }

    fn unknown_key(&self, key: &str, kind: &Kind) -> String {
        if let Some((_, _, since)) = kind.keys.iter().find(|(name, ..)| *name == key) {
            return format!("{} has no `{key}` before OpenAPI 3.{since}", kind.name);
        }
        let known = kind.keys.iter().filter(|(_, _, since)| *since <= self.minor).map(|(name, ..)| *name);
        let hint = diagnostics::nearest(key, known)
            .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        format!("{} has no `{key}`{hint}", kind.name)
    }

    fn typed(&self, at: &Spot, key: &str, value: &Value, holds: Holds) {
        let (good, wanted) = match holds {
            Text => (value.is_string(), "text"),
            Flag => (value.is_boolean(), "true or false"),
            List => (value.is_array(), "a list"),
            Map => (value.is_object(), "an object"),
            Any => (true, ""),
        };
        if !good {
            let message = format!("`{key}` is {wanted}");
            self.documents.error(at, "bad-type", message, "correct it, or remove the key");
        }
    }

    /// The objects around all operations; what is wrong with them is wrong with each operation.
    pub(super) fn around(&mut self, item: &[Spot]) {
        let documents = self.documents;
        let root = Spot::root(0);
        let servers = root.join("servers");
        for (at, kind) in [(root.clone(), &ROOT), (root.join("components"), &COMPONENTS)] {
            if let Some(value) = documents.get(&at) {
                self.keys(&at, value, kind);
            }
        }
        self.server_list(&servers);
        for at in item {
            if let Some(value) = documents.get(at) {
                self.keys(at, value, &PATH_ITEM);
            }
            self.server_list(&at.join("servers"));
        }
        self.default_dialect();
    }

    /// The entries of `servers`.
    pub(super) fn server_list(&mut self, at: &Spot) {
        let documents = self.documents;
        let count = documents.get(at).and_then(Value::as_array).map_or(0, Vec::len);
        for index in 0..count {
            let at = at.join(&index.to_string());
            let Some(value) = documents.get(&at) else { continue };
            if self.keys(&at, value, &SERVER) && value.get("url").is_none() {
                documents.error(&at, "bad-type", "a server needs `url`", "add it; `/` is the root");
            }
        }
    }

    /// Notes a document whose schemas are of another dialect than the one they are read in.
    fn default_dialect(&mut self) {
        let root = self.documents.files.first().map(|file| &file.value);
        let Some(Value::String(uri)) = root.and_then(|root| root.get("jsonSchemaDialect")) else { return };
        if !is_known_dialect(uri) {
            let what = format!("the dialect `{uri}` is read as JSON Schema 2020-12");
            self.lowering.operation_issue(&Spot::root(0).join("jsonSchemaDialect"), what);
        }
    }

    /// A key that is true or false, and false when it is not there.
    pub(super) fn flag(&mut self, at: &Spot, value: &Value, key: &str) -> bool {
        match value.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                let help = "write `true` or `false`, without quotes";
                self.documents.error(&at.join(key), "bad-flag", format!("`{key}` is true or false"), help);
                false
            }
        }
    }
}
