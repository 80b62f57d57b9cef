//! Public keys and names of TLS: `sha256:` and 64 hexadecimal digits; `orders.internal`.

use super::{ParseError, text_type};
use std::fmt;
use std::str::FromStr;

/// SHA-256 of a public key: of the DER of its SubjectPublicKeyInfo (RFC 7469 section 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// The hash.
    #[must_use]
    pub const fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl FromStr for Pin {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let wrong = || {
            let help = "write `sha256:` and 64 digits, as of `openssl x509 -in cert.pem -pubkey -noout | openssl pkey \
                        -pubin -outform der | sha256sum`";
            ParseError::new(format!("`{text}` is not the hash of a public key"), help)
        };
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64).ok_or_else(wrong)?;
        let mut bytes = [0; 32];
        for (slot, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let digit = |byte: &u8| char::from(*byte).to_digit(16);
            let value = pair.iter().try_fold(0, |value, byte| Some(value * 16 + digit(byte)?));
            *slot = value.and_then(|value| u8::try_from(value).ok()).ok_or_else(wrong)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

text_type!(
    Pin,
    "the hash of a public key",
    "write it as in `sha256:` and 64 hexadecimal digits",
    schemars::json_schema!({
        "type": "string",
        "description": "SHA-256 of a public key (the DER of its SubjectPublicKeyInfo), as `sha256:` and 64 hexadecimal digits",
        "pattern": "^sha256:[0-9a-fA-F]{64}$"
    })
);

/// A name that a certificate can carry, in lower case: of a host, without port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerName(String);

impl ServerName {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerName {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let label = |label: &str| {
            let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            !label.is_empty()
                && label.len() <= 63
                && inner
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let name = text.len() <= 253 && text.split('.').all(label);
        if name {
            return Ok(Self(text.to_ascii_lowercase()));
        }
        let help = "write the name of a host without scheme and port, as in `orders.internal`";
        Err(ParseError::new(format!("`{text}` is not a name that a certificate could carry"), help))
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

text_type!(
    ServerName,
    "the name of a host",
    "write it as in `orders.internal`",
    schemars::json_schema!({
        "type": "string",
        "description": "the name of a host as certificates carry it, without scheme and port",
        "pattern": "^[0-9A-Za-z_]([0-9A-Za-z_.-]{0,251}[0-9A-Za-z_])?$",
        "examples": ["orders.internal"]
    })
);
