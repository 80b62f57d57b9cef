//! Who a credential proves.

use std::sync::Arc;

use smallvec::SmallVec;
use tape::Tape;

use crate::peer::ClientCertificate;

/// Number in [`Proof::scheme`] of who holds a credential that is good for any of an API's schemes.
pub const ANY_SCHEME: u16 = u16::MAX;

/// What the numbers in an API's proofs mean. Each snapshot numbers anew, so what was proven under one is read by its names
/// when it goes over to another.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Security schemes, by [`Proof::scheme`].
    pub schemes: Box<[Box<str>]>,
    /// Scopes, by their bit in [`Principal::scopes`].
    pub scopes: Box<[Box<str>]>,
}

impl Names {
    /// Renumbers proofs that are numbered by these names. What has no name in `new` is dropped: a scope from its principal, a
    /// scheme with its proof. Nothing is touched when the names are the same.
    pub fn translate(&self, new: &Names, proofs: &mut SmallVec<[Proof; 1]>) {
        if self == new {
            return;
        }
        proofs.retain(|proof| {
            let Some(scheme) = self.scheme(proof.scheme, new) else { return false };
            proof.scheme = scheme;
            let scopes = self.scopes(&proof.principal.scopes, new);
            proof.principal = Arc::new(Principal { scopes, ..Principal::clone(&proof.principal) });
            true
        });
    }

    fn scheme(&self, number: u16, new: &Names) -> Option<u16> {
        if number == ANY_SCHEME {
            return Some(number);
        }
        let name = self.schemes.get(usize::from(number))?;
        u16::try_from(new.schemes.iter().position(|known| known == name)?).ok()
    }

    fn scopes(&self, old: &ScopeSet, new: &Names) -> ScopeSet {
        let mut scopes = ScopeSet::default();
        let carried = self.scopes.iter().enumerate().filter(|(bit, _)| old.contains(*bit));
        carried
            .filter_map(|(_, name)| new.scopes.iter().position(|known| known == name))
            .for_each(|bit| scopes.insert(bit));
        scopes
    }
}

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
    /// A signature over the request (RFC 9421).
    Signature,
    /// The client certificate of the connection.
    Certificate,
    /// The password of a user (RFC 7617).
    Password,
    /// A delivery that its sender signed (Standard Webhooks).
    Webhook,
}

impl CredentialKind {
    /// What records and policies call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Introspected => "introspected",
            Self::ApiKey => "api_key",
            Self::Signature => "signature",
            Self::Certificate => "certificate",
            Self::Password => "password",
            Self::Webhook => "webhook",
        }
    }
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

/// What a token can be known by again once it was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marks {
    /// SHA-256 of the token; of a signed one without its signature, which whoever holds it could write in another way. Of a
    /// certificate that of its DER, of a password that of the hash that is kept of it.
    pub digest: [u8; 32],
    /// `jti`.
    pub id: Option<Box<str>>,
    /// `sid`: the session at the issuer that it came from.
    pub session: Option<Box<str>>,
    /// `azp`, where it is another than [`Principal::application`].
    pub party: Option<Box<str>>,
    /// `iat`, in seconds since 1970, rounded down; of a certificate when it begins.
    pub issued: Option<u64>,
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
    /// Until when it is taken all the same, since its issuer's clock may be off; in seconds since 1970.
    pub taken_until: u64,
    /// What was presented.
    pub credential: CredentialKind,
    /// Whom the credential is bound to. What is bound has to be shown on every call, remembered or not.
    pub binding: Binding,
    /// What the token can be known by again; `None` where nothing can be revoked, and of API keys and webhooks.
    pub marks: Option<Box<Marks>>,
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

    fn names(schemes: &[&str], scopes: &[&str]) -> Names {
        let all = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        Names { schemes: all(schemes), scopes: all(scopes) }
    }

    #[test]
    fn proofs_are_renumbered_by_name() {
        let old = names(&["key", "oauth"], &["orders:read", "orders:write"]);
        let principal = Arc::new(Principal {
            issuer: "i".into(),
            subject: "s".into(),
            application: None,
            scopes: ScopeSet(SmallVec::from_slice(&[0b11])),
            roles: Arc::from([]),
            claims: Arc::new(Tape::parse(b"{}".to_vec().into(), &tape::Bounds::default()).unwrap()),
            expires: 7,
            taken_until: 7,
            credential: CredentialKind::ApiKey,
            binding: Binding::default(),
            marks: None,
        });
        let proof = |scheme| Proof { scheme, principal: Arc::clone(&principal), certificate: None };
        let proofs: SmallVec<[Proof; 1]> = [0, 1, ANY_SCHEME].into_iter().map(proof).collect();
        let after = |new: &Names| {
            let mut proofs = proofs.clone();
            old.translate(new, &mut proofs);
            proofs
        };
        let said = |new: &Names| {
            let bits = |proof: &Proof| (0..4).filter(|bit| proof.principal.scopes.contains(*bit)).collect();
            after(new).iter().map(|proof| (proof.scheme, bits(proof))).collect::<Vec<(u16, Vec<usize>)>>()
        };
        let shifted = names(&["a", "key", "oauth"], &["a", "orders:read", "orders:view", "orders:write"]);
        assert_eq!(said(&shifted), [(1, vec![1, 3]), (2, vec![1, 3]), (ANY_SCHEME, vec![1, 3])]);
        let less = names(&["oauth"], &["orders:admin", "orders:write"]);
        assert_eq!(
            said(&less),
            [(0, vec![1]), (ANY_SCHEME, vec![1])],
            "what has no name any more is dropped"
        );
        assert_eq!(said(&Names::default()), [(ANY_SCHEME, vec![])]);
        let same = names(&["key", "oauth"], &["orders:read", "orders:write"]);
        assert!(after(&same).iter().all(|proof| Arc::ptr_eq(&proof.principal, &principal)), "not touched");
    }
}
