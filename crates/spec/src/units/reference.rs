//! What stands elsewhere: files, secrets, and lists that may be written as one.

use super::{ParseError, Url, text_type};
use std::fmt;
use std::str::FromStr;

/// A file, relative to the directory of the document that names it. Written as a path or as `file:path`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileRef(String);

impl FileRef {
    /// A path that needs no check, for defaults.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// The path as written, without `file:`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0
    }
}

impl FromStr for FileRef {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let path = text.strip_prefix("file:").unwrap_or(text);
        let remote = ["http://", "https://"].iter().any(|scheme| path.starts_with(scheme));
        if remote {
            let help = "download it and write its path: nothing is fetched when a document is compiled";
            return Err(ParseError::new(format!("`{text}` is not a local file"), help));
        }
        if path.is_empty() || path.contains('\0') {
            let help = "write a path, as in `file:cert.pem`";
            return Err(ParseError::new(format!("`{text}` is not a path"), help));
        }
        Ok(Self(path.to_owned()))
    }
}

impl fmt::Display for FileRef {
    /// As it is read: a path that starts like a scheme needs one before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with("file:") {
            f.write_str("file:")?;
        }
        f.write_str(&self.0)
    }
}

text_type!(
    FileRef,
    "a path",
    "write a path, as in `file:cert.pem`",
    schemars::json_schema!({
        "type": "string",
        "description": "a file, relative to this document: a path, with or without `file:` before it",
        "minLength": 1,
        "pattern": "^(?!https?://)",
        "examples": ["file:cert.pem"]
    })
);

/// What is said of a text that is no reference, so perhaps the secret itself.
pub(crate) const SECRET_IN_CLEAR: &str = "a secret is written here in clear";

/// Where a secret is kept: never the secret itself, which neither messages nor logs may show.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretRef {
    /// `env:NAME`: an environment variable of the process.
    Env(String),
    /// `file:path`: the content of a file, relative to the document, less one newline at its end.
    File(String),
}

impl FromStr for SecretRef {
    type Err = ParseError;

    /// The error never echoes the text: it may be the secret.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let help = "keep the secret elsewhere and write `env:NAME` or `file:path`";
        let name = |name: &str| {
            let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            first && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        match text.split_once(':') {
            Some(("env", variable)) if name(variable) => Ok(Self::Env(variable.to_owned())),
            Some(("env", _)) => Err(ParseError::new("`env:` wants the name of a variable", help)),
            Some(("file", path)) if !path.is_empty() && !path.contains('\0') => {
                Ok(Self::File(path.to_owned()))
            }
            Some(("file", _)) => Err(ParseError::new("`file:` wants a path", help)),
            _ => Err(ParseError::new(SECRET_IN_CLEAR, help)),
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
        }
    }
}

text_type!(
    SecretRef,
    "a reference to a secret",
    "keep the secret elsewhere and write `env:NAME` or `file:path`",
    schemars::json_schema!({
        "type": "string",
        "description": "where a secret is kept: `env:NAME` or `file:path`, never the secret itself",
        "pattern": "^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$",
        "examples": ["env:TLS_KEY"]
    })
);

/// A local file or a URL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum FileOrUrl {
    /// A path, with or without `file:`.
    File(FileRef),
    /// Fetched by the gateway.
    Url(Url),
}

impl FromStr for FileOrUrl {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        // `file:` decides: what follows it is a path, even `//x`.
        let is_url = text.contains("://") && !text.starts_with("file:");
        if is_url { text.parse().map(Self::Url) } else { text.parse().map(Self::File) }
    }
}

impl fmt::Display for FileOrUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => write!(f, "file:{}", file.path()),
            Self::Url(url) => url.fmt(f),
        }
    }
}

text_type!(
    FileOrUrl,
    "a path or a URL",
    "write `file:path` or `https://…`",
    schemars::json_schema!({
        "type": "string",
        "description": "a local file (`file:path`) or a URL",
        "minLength": 1,
        "examples": ["file:jwks.json", "https://idp.example.com/jwks"]
    })
);

/// A public key: itself, in PEM, or a file with it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// `-----BEGIN PUBLIC KEY----- …` (RFC 7468 section 13).
    Pem(String),
    /// A path, with or without `file:`.
    File(FileRef),
}

impl FromStr for PublicKey {
    type Err = ParseError;

    /// The error never echoes what may be a private key.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let help = "write the public key, as `openssl pkey -pubout` makes it, or `file:path`";
        match text.trim() {
            pem if pem.starts_with("-----BEGIN PUBLIC KEY-----") => Ok(Self::Pem(pem.to_owned())),
            other if other.contains("PRIVATE KEY") => Err(ParseError::new(SECRET_IN_CLEAR, help)),
            other if other.starts_with("-----BEGIN") => {
                Err(ParseError::new("this is no public key in PEM", help))
            }
            path => path.parse().map(Self::File),
        }
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(pem) => f.write_str(pem),
            Self::File(file) => write!(f, "file:{}", file.path()),
        }
    }
}

text_type!(
    PublicKey,
    "a public key or a path",
    "write the key in PEM or `file:path`",
    schemars::json_schema!({
        "type": "string",
        "description": "a public key in PEM (`-----BEGIN PUBLIC KEY----- …`), or a file with it (`file:path`)",
        "minLength": 1,
        "examples": ["file:shop.pem"]
    })
);

/// One string or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Strings(pub Vec<String>);

impl serde::Serialize for Strings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Strings {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringsVisitor;

        impl<'de> serde::de::Visitor<'de> for StringsVisitor {
            type Value = Strings;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Strings, E> {
                Ok(Strings(vec![text.to_owned()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Strings, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = seq.next_element()? {
                    all.push(text);
                }
                Ok(Strings(all))
            }
        }

        deserializer.deserialize_any(StringsVisitor)
    }
}

impl schemars::JsonSchema for Strings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Strings".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "one string or a list of strings",
            "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }]
        })
    }
}
