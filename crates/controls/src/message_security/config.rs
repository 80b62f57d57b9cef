//! The section `message_security`.

use std::collections::BTreeMap;

use jose::{Algorithm, ContentEncryption, KeyManagement};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Mode, Node, SecretRef, Spanned, Strings};

use crate::pattern::Pattern;
use crate::scope::NamedFile;

/// How a content key is made known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "MessageKeyAlgorithm")]
pub enum KeyAlgorithm {
    /// RSAES-OAEP with SHA-256.
    #[serde(rename = "RSA-OAEP-256")]
    RsaOaep256,
    /// ECDH, on P-256, P-384, P-521 or X25519.
    #[serde(rename = "ECDH-ES")]
    EcdhEs,
    /// ECDH, and AES key wrap of 128 bits.
    #[serde(rename = "ECDH-ES+A128KW")]
    EcdhEsA128Kw,
    /// ECDH, and AES key wrap of 256 bits.
    #[serde(rename = "ECDH-ES+A256KW")]
    EcdhEsA256Kw,
    /// AES key wrap of 128 bits with a shared key.
    #[serde(rename = "A128KW")]
    A128Kw,
    /// AES key wrap of 256 bits with a shared key.
    #[serde(rename = "A256KW")]
    A256Kw,
    /// A shared key is the content key.
    #[serde(rename = "dir")]
    Dir,
}

/// How content is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "MessageEncryption")]
pub enum ContentAlgorithm {
    /// AES GCM of 128 bits.
    #[serde(rename = "A128GCM")]
    A128Gcm,
    /// AES GCM of 192 bits.
    #[serde(rename = "A192GCM")]
    A192Gcm,
    /// AES GCM of 256 bits.
    #[serde(rename = "A256GCM")]
    A256Gcm,
    /// AES CBC of 128 bits with HMAC SHA-256.
    #[serde(rename = "A128CBC-HS256")]
    A128CbcHs256,
    /// AES CBC of 256 bits with HMAC SHA-512.
    #[serde(rename = "A256CBC-HS512")]
    A256CbcHs512,
}

/// How a message is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "MessageSignature")]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    #[serde(rename = "RS384")]
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    #[serde(rename = "RS512")]
    Rs512,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PSS with SHA-384.
    #[serde(rename = "PS384")]
    Ps384,
    /// RSASSA-PSS with SHA-512.
    #[serde(rename = "PS512")]
    Ps512,
    /// ECDSA on P-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA on P-521.
    #[serde(rename = "ES512")]
    Es512,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl KeyAlgorithm {
    pub(super) const fn get(self) -> KeyManagement {
        match self {
            Self::RsaOaep256 => KeyManagement::RsaOaep256,
            Self::EcdhEs => KeyManagement::EcdhEs,
            Self::EcdhEsA128Kw => KeyManagement::EcdhEsA128Kw,
            Self::EcdhEsA256Kw => KeyManagement::EcdhEsA256Kw,
            Self::A128Kw => KeyManagement::A128Kw,
            Self::A256Kw => KeyManagement::A256Kw,
            Self::Dir => KeyManagement::Dir,
        }
    }
}

impl ContentAlgorithm {
    pub(super) const fn get(self) -> ContentEncryption {
        match self {
            Self::A128Gcm => ContentEncryption::A128Gcm,
            Self::A192Gcm => ContentEncryption::A192Gcm,
            Self::A256Gcm => ContentEncryption::A256Gcm,
            Self::A128CbcHs256 => ContentEncryption::A128CbcHs256,
            Self::A256CbcHs512 => ContentEncryption::A256CbcHs512,
        }
    }
}

impl SignatureAlgorithm {
    pub(super) const fn get(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::Rs256,
            Self::Rs384 => Algorithm::Rs384,
            Self::Rs512 => Algorithm::Rs512,
            Self::Ps256 => Algorithm::Ps256,
            Self::Ps384 => Algorithm::Ps384,
            Self::Ps512 => Algorithm::Ps512,
            Self::Es256 => Algorithm::Es256,
            Self::Es384 => Algorithm::Es384,
            Self::Es512 => Algorithm::Es512,
            Self::EdDsa => Algorithm::EdDsa,
        }
    }
}

/// What the content of a field is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "MessageValues")]
pub enum FieldValues {
    /// JSON: any value.
    #[default]
    Json,
    /// Text: the field is a string.
    Text,
}

/// Bodies and answers that are signed or encrypted beyond the connection: JWS and JWE.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "MessageSecurity")]
pub struct MessageSecuritySection {
    /// whether messages are opened and sealed and clear text is refused, or what would be is only recorded
    pub mode: Mode,
    /// what comes from callers
    pub request: Option<Spanned<RequestSection>>,
    /// what goes to them
    pub answer: Option<Spanned<AnswerSection>>,
}

impl Default for MessageSecuritySection {
    fn default() -> Self {
        Self { mode: Mode::Enforce, request: None, answer: None }
    }
}

/// What comes from callers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "MessageRequest")]
pub struct RequestSection {
    /// fields of JSON that are messages each by itself; without the key the body as a whole is one
    pub fields: Vec<Pattern>,
    /// where a name of one of them stands for something else, in clear text: nothing is warned of there
    pub clear_at: Vec<Pattern>,
    /// that no body declares the fields is known: schemas only leave them room
    pub undeclared: bool,
    /// what is in a field
    pub values: FieldValues,
    /// the media type of a body that is a message as a whole
    pub media_type: String,
    /// the media type of what is in it
    pub content_type: String,
    /// whether clear text is refused
    pub required: bool,
    /// how messages are decrypted; before they are verified, where both are written
    pub decrypt: Option<Spanned<DecryptSection>>,
    /// how signatures are verified
    pub verify: Option<Spanned<VerifySection>>,
}

impl Default for RequestSection {
    fn default() -> Self {
        Self {
            fields: Vec::new(),
            clear_at: Vec::new(),
            undeclared: false,
            values: FieldValues::Json,
            media_type: String::from("application/jose"),
            content_type: String::from("application/json"),
            required: true,
            decrypt: None,
            verify: None,
        }
    }
}

/// How messages are decrypted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MessageDecrypt")]
pub struct DecryptSection {
    /// where the gateway's private or shared keys are: a JWK set
    pub keys: Spanned<SecretRef>,
    /// the only values of `alg` that are accepted
    #[schemars(length(min = 1))]
    pub algorithms: Vec<KeyAlgorithm>,
    /// the only values of `enc` that are accepted
    #[schemars(length(min = 1))]
    pub encryption: Vec<ContentAlgorithm>,
}

/// How signatures are verified.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MessageVerify")]
pub struct VerifySection {
    /// where the public keys of those who sign are: a JWK set
    pub keys: Spanned<SecretRef>,
    /// the only values of `alg` that are accepted
    #[schemars(length(min = 1))]
    pub algorithms: Vec<SignatureAlgorithm>,
    /// `typ` that a message has to have; without the key it has none, or `JOSE`
    #[serde(default)]
    pub typ: Option<String>,
    /// whose key is whose: `kid` by application; without the key any of them signs for anybody
    #[serde(default)]
    pub callers: Option<BTreeMap<String, String>>,
    /// whose applications `callers` names: issuers, signers, `applications` for API keys, or `any`; needed where several vouch for callers
    #[serde(default)]
    pub issuer: Option<Strings>,
}

/// What goes to callers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "MessageAnswer")]
pub struct AnswerSection {
    /// fields of JSON that become messages each by itself; without the key the answer as a whole becomes one
    pub fields: Vec<Pattern>,
    /// where a name of one of them stands for something else, in clear text: nothing is warned of there
    pub clear_at: Vec<Pattern>,
    /// that no answer declares the fields is known: schemas only leave them room
    pub undeclared: bool,
    /// what is in a field
    pub values: FieldValues,
    /// the media type of an answer that is a message as a whole
    pub media_type: String,
    /// how answers are signed; before they are encrypted, where both are written
    pub sign: Option<Spanned<SignSection>>,
    /// how answers are encrypted
    pub encrypt: Option<Spanned<EncryptSection>>,
}

impl Default for AnswerSection {
    fn default() -> Self {
        Self {
            fields: Vec::new(),
            clear_at: Vec::new(),
            undeclared: false,
            values: FieldValues::Json,
            media_type: String::from("application/jose"),
            sign: None,
            encrypt: None,
        }
    }
}

/// How answers are signed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MessageSign")]
pub struct SignSection {
    /// where the gateway's private key is: a JWK set
    pub keys: Spanned<SecretRef>,
    /// the algorithm
    pub algorithm: SignatureAlgorithm,
    /// `kid` of the key, where more than one would do
    #[serde(default)]
    pub kid: Option<String>,
}

/// How answers are encrypted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "MessageEncrypt")]
pub struct EncryptSection {
    /// where the keys of those who read answers are, public or shared: a JWK set
    pub keys: Spanned<SecretRef>,
    /// `alg`
    pub algorithm: KeyAlgorithm,
    /// `enc`
    pub encryption: ContentAlgorithm,
    /// `kid` of the one key for all callers, where more than one would do
    #[serde(default)]
    pub kid: Option<String>,
    /// who reads by which key: `kid` by application; another application is refused
    #[serde(default)]
    pub callers: Option<BTreeMap<String, String>>,
    /// whose applications `callers` names: issuers, signers, `applications` for API keys, or `any`; needed where several vouch for callers
    #[serde(default)]
    pub issuer: Option<Strings>,
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(MessageSecuritySection)
}

/// The files that the section names: all of them hold keys.
#[must_use]
pub fn files(node: &Node) -> Vec<NamedFile> {
    let places: [&[&str]; 4] = [
        &["request", "decrypt", "keys"],
        &["request", "verify", "keys"],
        &["answer", "sign", "keys"],
        &["answer", "encrypt", "keys"],
    ];
    places.into_iter().filter_map(|place| NamedFile::secret(node.at(place)?)).collect()
}
