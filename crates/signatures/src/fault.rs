//! Why a signature or a digest is not taken. All of it is about the caller's own message, so that the caller may read it.

use std::fmt;

/// Why a signature or a digest is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// One of the two fields is there without the other.
    Halves,
    /// A field is no dictionary (RFC 9651 section 3.2), or what it holds is of another type.
    Malformed,
    /// A name occurs twice in a field, or a parameter twice on a value.
    Twice,
    /// Past a bound.
    TooLarge,
    /// Not exactly one signature.
    Several,
    /// The two fields have different labels.
    LabelMismatch,
    /// A parameter of the signature that is not known here.
    ParameterUnknown,
    /// A parameter of the signature of another type, or out of range.
    ParameterMalformed,
    /// A component whose name is no text in lower case.
    NameMalformed,
    /// A derived component that is not known here, or not of requests.
    DerivedUnknown,
    /// A component of another message or of trailers (`req`, `tr`).
    OtherMessage,
    /// A parameter of a component that is not known here, or that does not go with it.
    ComponentParameter,
    /// A component is covered twice.
    ComponentTwice,
    /// The signature covers itself.
    CoversItself,
    /// A covered field is not in the message.
    FieldMissing,
    /// A covered field has bytes that are not ASCII.
    FieldBytes,
    /// A covered field that is no list has several lines.
    SeveralLines,
    /// A covered field is no structured field that is known here.
    NotStructured,
    /// A covered member is not in its field.
    MemberMissing,
    /// A covered parameter is not in the query exactly once, or not readable.
    QueryParameter,
    /// `alg` is not the algorithm of the key.
    AlgorithmMismatch,
    /// `Content-Digest` is no dictionary of byte sequences of the right lengths.
    DigestMalformed,
    /// `Content-Digest` has neither `sha-256` nor `sha-512`.
    DigestUnknown,
}

impl Fault {
    /// What is wrong.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Fault::Halves => "`Signature-Input` and `Signature` come together or not at all",
            Fault::Malformed => "`Signature-Input` or `Signature` is malformed",
            Fault::Twice => "a name or parameter occurs twice in `Signature-Input` or `Signature`",
            Fault::TooLarge => "the signature has more or longer parts than are taken",
            Fault::Several => "there is not exactly one signature",
            Fault::LabelMismatch => "`Signature-Input` and `Signature` have different labels",
            Fault::ParameterUnknown => "the signature has a parameter that is not known here",
            Fault::ParameterMalformed => "a parameter of the signature has a wrong type or value",
            Fault::NameMalformed => "a covered component has no name in lower case",
            Fault::DerivedUnknown => "a covered component is none of requests",
            Fault::OtherMessage => "a covered component is of another message, or of trailers",
            Fault::ComponentParameter => "a covered component has a parameter that is not taken with it",
            Fault::ComponentTwice => "a component is covered twice",
            Fault::CoversItself => "the signature covers `Signature` or `Signature-Input`",
            Fault::FieldMissing => "a covered field is not in the request",
            Fault::FieldBytes => "a covered field is not ASCII: cover it with `bs`",
            Fault::SeveralLines => "a covered field that is no list has several lines: cover it with `bs`",
            Fault::NotStructured => {
                "a component is covered with `sf` or `key` and is no structured field that is known here"
            }
            Fault::MemberMissing => "a covered member is not in its field",
            Fault::QueryParameter => "a covered parameter is not in the query exactly once",
            Fault::AlgorithmMismatch => "`alg` is not the algorithm of the key",
            Fault::DigestMalformed => "`Content-Digest` is malformed",
            Fault::DigestUnknown => "`Content-Digest` has neither `sha-256` nor `sha-512`",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Fault {}
