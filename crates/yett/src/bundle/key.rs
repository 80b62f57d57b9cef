//! Who signs bundles, and who is believed: Ed25519 (RFC 8032).
//!
//! A private key is PKCS #8 in PEM (RFC 7468), as `openssl pkey` reads it; a public one is a line, `ed25519:` and its 32 bytes in base64.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";
/// What begins a public key.
const SCHEME: &str = "ed25519:";
/// Bytes of a public key.
const PUBLIC: usize = 32;
/// Keys that may be believed at one time.
const MAX_KEYS: usize = 16;

/// Who signs.
pub(crate) struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub(crate) fn generate() -> Result<Self, String> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| String::from("no key could be made"))
    }

    /// From PEM.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let none = || String::from("it is no Ed25519 key in PEM (PKCS #8)");
        let (_, rest) = text.split_once(BEGIN).ok_or_else(none)?;
        let (body, _) = rest.split_once(END).ok_or_else(none)?;
        let body: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|char| !char.is_ascii_whitespace()).collect());
        let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| none())?);
        // Others write the private key without the public one (RFC 8410).
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| none())?;
        Ok(Self(pair))
    }

    /// As PEM.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn pem(&self) -> Result<Zeroizing<String>, String> {
        let der = self.0.to_pkcs8v1().map_err(|_| String::from("the key cannot be written"))?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        let mut text = Zeroizing::new(String::with_capacity(body.len() + BEGIN.len() + END.len() + 16));
        text.push_str(BEGIN);
        for (at, char) in body.chars().enumerate() {
            if at % 64 == 0 {
                text.push('\n');
            }
            text.push(char);
        }
        text.extend(["\n", END, "\n"]);
        Ok(text)
    }

    /// The line that others are given.
    pub(crate) fn public(&self) -> String {
        format!("{SCHEME}{}", STANDARD.encode(self.0.public_key().as_ref()))
    }

    /// The first letters of the public key, for people.
    pub(super) fn id(&self) -> String {
        self.public().chars().skip(SCHEME.len()).take(12).collect()
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }
}

/// Who is believed.
pub(crate) struct PublicKeys(Vec<Vec<u8>>);

impl PublicKeys {
    /// One a line; `#` begins a comment.
    ///
    /// # Errors
    /// When a line is no key, or there is none.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        let key = |line: &str| {
            let bytes = line.strip_prefix(SCHEME).and_then(|text| STANDARD.decode(text).ok());
            let bytes = bytes.filter(|bytes| bytes.len() == PUBLIC);
            bytes.ok_or_else(|| {
                format!("`{}` is no key: write `{SCHEME}` and 32 bytes in base64", line.escape_debug())
            })
        };
        let keys = lines.filter(|line| !line.is_empty()).map(key).collect::<Result<Vec<_>, _>>()?;
        match keys.len() {
            0 => Err(String::from("it holds no key")),
            1..=MAX_KEYS => Ok(Self(keys)),
            _ => Err(format!("it holds more than {MAX_KEYS} keys")),
        }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| UnparsedPublicKey::new(&ED25519, key).verify(message, signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = SigningKey::generate().unwrap();
        let pem = key.pem().unwrap();
        assert!(pem.lines().all(|line| line.len() <= 64) && pem.ends_with("-----\n"), "{}", &*pem);
        let again = SigningKey::read(&pem).unwrap();
        assert_eq!(again.public(), key.public());
        let keys = PublicKeys::read(&format!("{} # ours", key.public())).unwrap();
        assert!(keys.verify(b"m", &again.sign(b"m")) && !keys.verify(b"n", &again.sign(b"m")));
        // As `openssl genpkey -algorithm ed25519` writes it: the example of RFC 8410, section 10.3.
        let openssl = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
        assert_eq!(
            SigningKey::read(openssl).unwrap().public(),
            "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="
        );
        for wrong in
            ["", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----", &pem.replace("PRIVATE", "PUBLIC")]
        {
            assert!(SigningKey::read(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", "# none", "ed25519:", "ed25519:AAAA", "x"] {
            assert!(PublicKeys::read(wrong).is_err(), "{wrong}");
        }
    }
}
