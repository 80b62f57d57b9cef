//! Which operations of a contract a setting is for.

use crate::units::ParseError;
use std::fmt;
use std::str::FromStr;

/// An operation as selectors see it.
#[derive(Debug, Clone, Copy)]
pub struct OperationRef<'a> {
    /// `operationId`, when the contract gives one.
    pub id: Option<&'a str>,
    /// Upper-case method.
    pub method: &'a str,
    /// Path template as the contract writes it, without base path.
    pub template: &'a str,
    /// The operation's tags.
    pub tags: &'a [&'a str],
}

/// The key of one entry under `operations`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// All operations with a tag: `tag:admin`.
    Tag(String),
    /// One operation by method and template: `GET /orders/{id}`.
    Route {
        /// Upper-case method.
        method: String,
        /// Template as the contract writes it.
        template: String,
    },
    /// One operation by its `operationId`.
    Id(String),
}

impl Selector {
    /// How narrow it is: what is narrower wins. A tag selects several operations, the others one.
    #[must_use]
    pub const fn narrowness(&self) -> u8 {
        match self {
            Self::Tag(_) => 0,
            Self::Route { .. } => 1,
            Self::Id(_) => 2,
        }
    }

    /// Whether it selects an operation.
    #[must_use]
    pub fn matches(&self, operation: &OperationRef<'_>) -> bool {
        match self {
            Self::Tag(tag) => operation.tags.contains(&tag.as_str()),
            Self::Route { method, template } => method == operation.method && template == operation.template,
            Self::Id(id) => operation.id == Some(id.as_str()),
        }
    }
}

impl FromStr for Selector {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let help = "write an operationId, `METHOD /template` or `tag:name`";
        if let Some(tag) = text.strip_prefix("tag:") {
            return match tag {
                "" => Err(ParseError::new("`tag:` wants the name of a tag", help)),
                tag => Ok(Self::Tag(tag.to_owned())),
            };
        }
        match text.split_once(' ') {
            Some((method, template)) => {
                let upper = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
                if !upper || !template.starts_with('/') {
                    return Err(ParseError::new(format!("`{text}` selects no operation"), help));
                }
                Ok(Self::Route { method: method.to_owned(), template: template.to_owned() })
            }
            None if text.is_empty() || text.starts_with('/') => {
                Err(ParseError::new(format!("`{text}` selects no operation"), help))
            }
            None => Ok(Self::Id(text.to_owned())),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, "tag:{tag}"),
            Self::Route { method, template } => write!(f, "{method} {template}"),
            Self::Id(id) => f.write_str(id),
        }
    }
}
