//! What a document may be, and what is wrong with one that is something else.

use std::fmt;

/// Upper bounds, each inclusive. Lengths are in bytes as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// Elements inside each other.
    pub depth: usize,
    /// Elements in all.
    pub elements: usize,
    /// Attributes of one element, namespace declarations not counted.
    pub attributes: usize,
    /// Bytes of a name, with its prefix.
    pub name: usize,
    /// Bytes of an attribute's value.
    pub value: usize,
    /// Bytes of a run of text, CDATA and references included, up to the next tag.
    pub text: usize,
    /// Namespace declarations of one element.
    pub namespaces: usize,
    /// Bytes of a namespace's name.
    pub namespace: usize,
    /// Bytes of a comment; `None` refuses comments.
    pub comment: Option<usize>,
    /// Whether processing instructions are accepted.
    pub instructions: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            depth: 64,
            elements: 100_000,
            attributes: 64,
            name: 256,
            value: 64 * 1024,
            text: 1024 * 1024,
            namespaces: 32,
            namespace: 1024,
            comment: None,
            instructions: false,
        }
    }
}

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum What {
    /// Not well-formed.
    Syntax,
    /// Not UTF-8, or said to be something else.
    Encoding,
    /// Not version 1.0.
    Version,
    /// A document type.
    DocumentType,
    /// A reference to an entity that XML does not have built in.
    Entity,
    /// A comment.
    Comment,
    /// A processing instruction.
    Instruction,
    /// [`Bounds::depth`].
    Depth,
    /// [`Bounds::elements`].
    Elements,
    /// [`Bounds::attributes`].
    Attributes,
    /// [`Bounds::name`].
    Name,
    /// [`Bounds::value`].
    Value,
    /// [`Bounds::text`].
    Text,
    /// [`Bounds::namespaces`].
    Namespaces,
    /// [`Bounds::namespace`].
    Namespace,
    /// [`Bounds::comment`].
    CommentLength,
}

impl What {
    /// Whether a bound was exceeded.
    #[must_use]
    pub const fn is_bound(self) -> bool {
        matches!(
            self,
            What::Depth
                | What::Elements
                | What::Attributes
                | What::Name
                | What::Value
                | What::Text
                | What::Namespaces
                | What::Namespace
                | What::CommentLength
        )
    }

    /// Whether it is XML, but of a kind that is not accepted.
    #[must_use]
    pub const fn is_forbidden(self) -> bool {
        matches!(self, What::DocumentType | What::Entity | What::Comment | What::Instruction)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            What::Syntax => "the XML is not well-formed",
            What::Encoding => "XML must be UTF-8",
            What::Version => "XML must be of version 1.0",
            What::DocumentType => "a document type is not accepted",
            What::Entity => "entities other than the five that XML has built in are not accepted",
            What::Comment => "comments are not accepted",
            What::Instruction => "processing instructions are not accepted",
            What::Depth => "elements are nested too deep",
            What::Elements => "there are too many elements",
            What::Attributes => "an element has too many attributes",
            What::Name => "a name is too long",
            What::Value => "the value of an attribute is too long",
            What::Text => "a text is too long",
            What::Namespaces => "an element declares too many namespaces",
            What::Namespace => "the name of a namespace is too long",
            What::CommentLength => "a comment is too long",
        })
    }
}

/// The first thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is.
    pub what: What,
    /// The open elements around it, as `/order/item`; the beginning of a long path.
    pub path: String,
    /// Bytes of the document before it, about.
    pub offset: u64,
}
