//! Why a token is refused. Names are stable: they are codes of verdicts, labels of metrics and pages of documentation.

use std::fmt;

macro_rules! faults {
    ($($(#[$doc:meta])* $case:ident = $name:literal, $text:literal;)*) => {
        /// Why a token is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $($(#[$doc])* $case,)*
        }

        impl Fault {
            /// All of them, for tables of codes.
            pub const ALL: &'static [Fault] = &[$(Fault::$case),*];

            /// The stable name, in kebab case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Fault::$case => $name,)*
                }
            }

            fn text(self) -> &'static str {
                match self {
                    $(Fault::$case => $text,)*
                }
            }
        }
    };
}

faults! {
    /// Not a compact JWS of three parts in strict base64url with JSON objects in the first two.
    Malformed = "malformed", "the token is not a well-formed signed jwt";
    /// Larger than [`crate::MAX_TOKEN_BYTES`], or its JSON is past a bound.
    TooLarge = "too-large", "the token is too large";
    /// A member name occurs twice.
    DuplicateMember = "duplicate-member", "a member occurs twice in the token";
    /// `alg` is `none`, in any case.
    AlgNone = "alg-none", "the token is not signed";
    /// `alg` is unknown, symmetric or not in the list of the caller.
    AlgNotAllowed = "alg-not-allowed", "the token's algorithm is not allowed";
    /// `crit` is present, or an extension we do not support (`b64`, `zip`, `enc`).
    CritUnsupported = "crit-unsupported", "the token needs an extension that is not supported";
    /// No key of that `kid`, or no key at all: the key set may be stale.
    UnknownKey = "unknown-key", "the token's key is unknown";
    /// There is a key of that `kid`, but its type, curve, size or own `alg` does not fit the token's.
    KeyMismatch = "key-mismatch", "the token's key and algorithm do not match";
    /// A proof carries no public key, or one that cannot be used.
    KeyMalformed = "key-malformed", "the proof has no public key that can be used";
    /// A proof carries a private or symmetric key.
    KeyPrivate = "key-private", "the proof gives a private key away";
    /// The signature does not verify.
    BadSignature = "bad-signature", "the token's signature is wrong";
    /// `typ` is not that of an access token.
    TypRefused = "typ-refused", "the token's type is not that of an access token";
    /// The claims are those of another kind of token: ID, refresh, logout, DPoP proof, security event, introspection.
    WrongKind = "wrong-kind", "the token is of another kind than an access token";
    /// A registered claim has the wrong type or an impossible value.
    ClaimMalformed = "claim-malformed", "a claim of the token is malformed";
    /// `iss` is absent.
    IssuerMissing = "issuer-missing", "the token names no issuer";
    /// `iss` is not exactly the issuer expected.
    IssuerMismatch = "issuer-mismatch", "the token is from another issuer";
    /// `aud` is absent or empty.
    AudienceMissing = "audience-missing", "the token names no audience";
    /// `aud` names none of the audiences expected.
    AudienceMismatch = "audience-mismatch", "the token is for another audience";
    /// `exp` is absent.
    ExpMissing = "exp-missing", "the token never expires";
    /// `exp` has passed.
    Expired = "expired", "the token has expired";
    /// `nbf` is still to come.
    NotYetValid = "not-yet-valid", "the token is not valid yet";
    /// `iat` is still to come.
    IssuedInFuture = "issued-in-future", "the token was issued in the future";
    /// Issued longer ago than the caller allows.
    TooOld = "too-old", "the token was issued too long ago";
    /// A claim that RFC 9068 section 2.2 requires, or `iat` where a maximum age is set, is absent.
    ClaimMissing = "claim-missing", "a required claim of the token is missing";
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl std::error::Error for Fault {}

impl From<tape::Error> for Fault {
    fn from(error: tape::Error) -> Fault {
        use tape::ErrorKind as Kind;
        match error.kind {
            Kind::DuplicateKey => Fault::DuplicateMember,
            Kind::Depth | Kind::Values | Kind::Members | Kind::Items => Fault::TooLarge,
            Kind::NameLength | Kind::StringLength | Kind::NumberLength | Kind::TooLarge => Fault::TooLarge,
            _ => Fault::Malformed,
        }
    }
}
