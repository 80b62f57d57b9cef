//! What a detector says: which family of attack, by which rule, seen through which views, where and how surely.

use std::fmt;

/// Families of attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Family {
    /// SQL injection.
    Sql,
    /// HTML and JavaScript (cross-site scripting).
    Script,
    /// Commands of a shell.
    Shell,
    /// Path traversal and files that nobody asks for.
    Path,
    /// Templates and expression languages.
    Template,
    /// Code of PHP, Java, Python, JavaScript, Ruby.
    Code,
    /// Operators of document stores.
    NoSql,
    /// LDAP filters and XPath.
    Directory,
    /// JNDI and other look-ups of loggers.
    Jndi,
    /// Serialized objects.
    Serialized,
    /// Addresses that a server should not be sent to.
    Ssrf,
    /// Prototype pollution.
    Prototype,
    /// Header and message splitting.
    Split,
    /// External entities of XML.
    Entity,
    /// Encodings that serve no other purpose than to hide.
    Evasion,
}

impl Family {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 15] = [
        Self::Sql,
        Self::Script,
        Self::Shell,
        Self::Path,
        Self::Template,
        Self::Code,
        Self::NoSql,
        Self::Directory,
        Self::Jndi,
        Self::Serialized,
        Self::Ssrf,
        Self::Prototype,
        Self::Split,
        Self::Entity,
        Self::Evasion,
    ];

    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Script => "script",
            Self::Shell => "shell",
            Self::Path => "path",
            Self::Template => "template",
            Self::Code => "code",
            Self::NoSql => "nosql",
            Self::Directory => "directory",
            Self::Jndi => "jndi",
            Self::Serialized => "serialized",
            Self::Ssrf => "ssrf",
            Self::Prototype => "prototype",
            Self::Split => "split",
            Self::Entity => "entity",
            Self::Evasion => "evasion",
        }
    }

    /// The tag that exclusions name it by; those that the OWASP Core Rule Set has too mean the same.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Sql => "attack-sqli",
            Self::Script => "attack-xss",
            Self::Shell => "attack-rce",
            Self::Path => "attack-lfi",
            Self::Template => "attack-ssti",
            Self::Code => "attack-injection-code",
            Self::NoSql => "attack-nosql",
            Self::Directory => "attack-ldap",
            Self::Jndi => "attack-jndi",
            Self::Serialized => "attack-serialization",
            Self::Ssrf => "attack-ssrf",
            Self::Prototype => "attack-prototype-pollution",
            Self::Split => "attack-protocol",
            Self::Entity => "attack-xxe",
            Self::Evasion => "attack-evasion",
        }
    }

    /// The family of a tag.
    #[must_use]
    pub fn by_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.tag() == tag)
    }
}

/// A set of families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Families(u16);

impl Families {
    /// Every family.
    pub const ALL: Self = Self(u16::MAX);
    /// None.
    pub const NONE: Self = Self(0);

    /// With one more.
    #[must_use]
    pub const fn with(self, family: Family) -> Self {
        Self(self.0 | 1 << family as u8)
    }

    /// Without one.
    #[must_use]
    pub const fn without(self, family: Family) -> Self {
        Self(self.0 & !(1 << family as u8))
    }

    /// With those of another set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it is one of them.
    #[must_use]
    pub const fn has(self, family: Family) -> bool {
        self.0 & (1 << family as u8) != 0
    }
}

/// One way in which a value was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Percent escapes undone.
    Percent,
    /// Base64 or base64url undone.
    Base64,
    /// `\uXXXX`, `\xXX` and their like undone.
    Escapes,
    /// HTML character references undone.
    Entities,
    /// UTF-16 read as such.
    Utf16,
    /// Full-width forms and overlong UTF-8 made ASCII.
    Width,
    /// A string or name within JSON.
    Json,
    /// A string within a GraphQL document.
    Graphql,
    /// A value or name within a form.
    Form,
}

impl Coding {
    /// A short name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Base64 => "base64",
            Self::Escapes => "escapes",
            Self::Entities => "entities",
            Self::Utf16 => "utf-16",
            Self::Width => "width",
            Self::Json => "json",
            Self::Graphql => "graphql",
            Self::Form => "form",
        }
    }
}

/// Codings that are told of a view.
pub const DEPTH: usize = 6;

/// The codings that were undone, outermost first; none is the value itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct View {
    codings: [Option<Coding>; DEPTH],
}

impl View {
    /// The codings, outermost first.
    pub fn codings(&self) -> impl Iterator<Item = Coding> {
        self.codings.iter().flatten().copied()
    }

    /// How many there are.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.codings().count()
    }

    /// With one more inside; what no longer fits is not told.
    pub(crate) fn with(mut self, coding: Coding) -> Self {
        if let Some(slot) = self.codings.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(coding);
        }
        self
    }

    pub(crate) fn has(&self, coding: Coding) -> bool {
        self.codings().any(|known| known == coding)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.depth() == 0 {
            return f.write_str("plain");
        }
        for (number, coding) in self.codings().enumerate() {
            let separator = if number == 0 { "" } else { "+" };
            write!(f, "{separator}{}", coding.name())?;
        }
        Ok(())
    }
}

/// What was found in a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The family.
    pub family: Family,
    /// What in it: a stable name.
    pub rule: &'static str,
    /// How the value was read.
    pub view: View,
    /// Where it begins in that view, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// How sure it is, from 1 to 10.
    pub score: u8,
}

/// What a detector finds in one view.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) family: Family,
    pub(crate) rule: &'static str,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) score: u8,
}

/// The surest hit so far among the families that are looked for.
#[derive(Debug)]
pub(crate) struct Best {
    pub(crate) skip: Families,
    pub(crate) hit: Option<Hit>,
}

impl Best {
    pub(crate) const fn new(skip: Families) -> Self {
        Self { skip, hit: None }
    }

    /// Whether a hit of this family and score would change anything.
    pub(crate) fn wants(&self, family: Family, score: u8) -> bool {
        score > 0 && self.hit.is_none_or(|known| known.score < score) && !self.skip.has(family)
    }

    pub(crate) fn offer(&mut self, hit: Hit) {
        if self.wants(hit.family, hit.score) {
            self.hit = Some(hit);
        }
    }
}
