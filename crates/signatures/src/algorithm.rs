//! The signature algorithms of RFC 9421 section 3.3.

/// An algorithm of IANA's registry for HTTP message signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes.
    RsaPssSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaV15Sha256,
    /// HMAC with SHA-256.
    HmacSha256,
    /// ECDSA on P-256 with SHA-256, as the two numbers side by side.
    EcdsaP256Sha256,
    /// ECDSA on P-384 with SHA-384, as the two numbers side by side.
    EcdsaP384Sha384,
    /// Ed25519.
    Ed25519,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Algorithm; 6] = [
        Algorithm::RsaPssSha512,
        Algorithm::RsaV15Sha256,
        Algorithm::HmacSha256,
        Algorithm::EcdsaP256Sha256,
        Algorithm::EcdsaP384Sha384,
        Algorithm::Ed25519,
    ];

    /// The registered name, as in `alg`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::RsaPssSha512 => "rsa-pss-sha512",
            Algorithm::RsaV15Sha256 => "rsa-v1_5-sha256",
            Algorithm::HmacSha256 => "hmac-sha256",
            Algorithm::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Algorithm::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Algorithm::Ed25519 => "ed25519",
        }
    }

    /// The algorithm of a registered name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The algorithm of JOSE that is the same computation; none is that of a secret.
    pub(crate) const fn of_jose(self) -> Option<jose::Algorithm> {
        match self {
            Algorithm::RsaPssSha512 => Some(jose::Algorithm::Ps512),
            Algorithm::RsaV15Sha256 => Some(jose::Algorithm::Rs256),
            Algorithm::HmacSha256 => None,
            Algorithm::EcdsaP256Sha256 => Some(jose::Algorithm::Es256),
            Algorithm::EcdsaP384Sha384 => Some(jose::Algorithm::Es384),
            Algorithm::Ed25519 => Some(jose::Algorithm::EdDsa),
        }
    }
}
