//! Who a credential proves.

use std::sync::Arc;

use smallvec::SmallVec;
use tape::Tape;

use crate::peer::ClientCertificate;

/// Scopes as a set of bits; the numbers are given by an API's contract at compile time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(SmallVec<[u64; 2]>);

impl ScopeSet {
    /// Adds scope number `bit`.
    pub fn insert(&mut self, bit: usize) {
        let word = bit / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        if let Some(slot) = self.0.get_mut(word) {
            *slot |= 1 << (bit % 64);
        }
    }

    /// Whether scope number `bit` is in the set.
    #[must_use]
    pub fn contains(&self, bit: usize) -> bool {
        self.0.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// Whether all of `wanted` are in the set.
    #[must_use]
    pub fn contains_all(&self, wanted: &ScopeSet) -> bool {
        wanted.0.iter().enumerate().all(|(index, want)| {
            let have = self.0.get(index).copied().unwrap_or(0);
            have & want == *want
        })
    }
}

/// What was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// A signed token (RFC 9068, RFC 7519).
    Jwt,
    /// A token that its issuer was asked about (RFC 7662).
    Introspected,
    /// An API key of an application.
    ApiKey,
}

/// Whom a credential is bound to (`cnf`, RFC 7800): nobody else may use it. With both, both must be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Binding {
    /// SHA-256 thumbprint of the holder's public key (RFC 7638), as `jkt` of RFC 9449 section 6.1.
    pub key: Option<[u8; 32]>,
    /// SHA-256 thumbprint of the holder's certificate, as `x5t#S256` of RFC 8705 section 3.1.
    pub certificate: Option<[u8; 32]>,
}

impl Binding {
    /// Whether whoever holds the credential may use it.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.key.is_none() && self.certificate.is_none()
    }
}

/// Who a credential proves. Keyed by (issuer, subject), never by a subject alone (invariant 13).
#[derive(Debug, Clone)]
pub struct Principal {
    /// Who vouches.
    pub issuer: Arc<str>,
    /// Who it is, as the issuer calls them.
    pub subject: Arc<str>,
    /// The application that calls (`client_id` or `azp`), when the credential says.
    pub application: Option<Arc<str>>,
    /// Scopes of the API's contract that the credential carries.
    pub scopes: ScopeSet,
    /// Roles that the credential carries.
    pub roles: Arc<[Box<str>]>,
    /// All claims.
    pub claims: Arc<Tape>,
    /// When the credential ends, in seconds since 1970.
    pub expires: u64,
    /// What was presented.
    pub credential: CredentialKind,
    /// Whom the credential is bound to. What is bound has to be shown on every call, remembered or not.
    pub binding: Binding,
}

/// A credential that was verified for one security scheme of the contract.
#[derive(Debug, Clone)]
pub struct Proof {
    /// Number of the scheme in the API.
    pub scheme: u16,
    /// Whom it proves.
    pub principal: Arc<Principal>,
    /// The client certificate that was shown with it, with its subject and names: of the connection, so that it is no part of
    /// what is remembered of a token. The token is bound to it where [`Principal::binding`] says so.
    pub certificate: Option<Arc<ClientCertificate>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_grow_and_compare_over_word_borders() {
        let mut have = ScopeSet::default();
        for bit in [0, 63, 64, 200] {
            have.insert(bit);
        }
        let mut want = ScopeSet::default();
        assert!(have.contains_all(&want));
        want.insert(200);
        assert!(have.contains_all(&want) && have.contains(200) && !have.contains(199));
        want.insert(300);
        assert!(!have.contains_all(&want));
    }
}
