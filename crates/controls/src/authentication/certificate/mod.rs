//! Client certificates as credentials, for the schemes that they are bound to (`authorities`): OpenAPI 3.1 `mutualTLS`, and mutual TLS
//! as RFC 8705 section 2.1 has it for clients, by one name in the certificate.
//!
//! The TLS library has verified the chain in the handshake, and the data plane asks at each call whether it still stands. Here is
//! read whom it names ([`names`]), and what they may ([`grants`]). Who vouches is the set of authorities that the connection's
//! listener believes: a connection on another listener proves nothing here, whatever its certificate says. Nothing is decided by a
//! header, so that nobody but a TLS handshake with this gateway can say who calls.

mod config;
pub mod grants;
pub mod names;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use credentials::Kind;
use engine::peer::ClientCertificate;
use engine::principal::{Binding, CredentialKind, Marks, Proof};
use engine::verdict::Refusal;
use engine::{Call, Clock, CoreContext, Principal, bounds, codes};
use smallvec::SmallVec;
use spec::CertificateSubject;
use tape::Tape;

use crate::security::Challenge;
pub use config::check_authorities;
pub(super) use config::compile;
use grants::Grants;

/// Authorities as an API takes their certificates.
#[derive(Debug)]
pub struct Rule {
    /// Who vouches, as principals name them.
    pub issuer: Arc<str>,
    /// What of a certificate is the subject.
    pub subject: Option<CertificateSubject>,
    /// Who is let in, and what they may.
    pub grants: Grants,
    /// Numbers of the listeners that believe these authorities, and no others.
    pub listeners: Box<[u16]>,
    /// Whether certificates can be revoked here, so that what they are known by is kept.
    pub revocable: bool,
}

/// Rules, and the schemes of the contract that each of their certificates proves.
#[derive(Debug)]
pub struct Group {
    /// At most one of them has the listener of a connection.
    pub rules: Vec<Arc<Rule>>,
    /// Numbers of the schemes.
    pub schemes: Vec<u16>,
}

/// Why a certificate proves nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// It names nobody, as a clause.
    Unnamed(&'static str),
    /// It names somebody who is not let in.
    Unlisted(Box<str>),
    /// It has expired.
    Expired,
    /// It was revoked, and by what.
    Revoked(Kind),
}

impl Wrong {
    /// Whether a call goes no further whatever comes beside it. Who is not known by a certificate may be known by something
    /// else: it may have been shown for a token that is bound to it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Expired | Self::Revoked(_))
    }

    /// The refusal of a call that nothing else lets pass.
    #[must_use]
    pub fn refuse(&self, challenge: &Challenge) -> Box<Refusal> {
        let public = "the client certificate names nobody who may call here";
        match self {
            Self::Unnamed(why) => {
                let detail = format!("the certificate names nobody: {why}");
                challenge.certificate(&codes::CERTIFICATE_INVALID, detail, public)
            }
            Self::Unlisted(subject) => {
                let detail = format!("no entry of `grants` is for `{subject}`");
                challenge.certificate(&codes::CERTIFICATE_INVALID, detail, public)
            }
            Self::Expired => {
                let public = "the client certificate has expired";
                challenge.certificate(&codes::CERTIFICATE_EXPIRED, "expired", public)
            }
            Self::Revoked(kind) => {
                let public = "the client certificate was revoked";
                challenge.certificate(
                    &codes::CERTIFICATE_REVOKED,
                    format!("revoked by {}", kind.name()),
                    public,
                )
            }
        }
    }
}

/// What a connection's certificate proves.
#[derive(Debug, Default)]
pub struct Shown {
    /// A proof for each scheme that was satisfied.
    pub proofs: SmallVec<[Proof; 1]>,
    /// Why it does not prove another.
    pub wrong: Option<Wrong>,
}

impl Shown {
    /// Whether nothing was shown that counts here.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.proofs.is_empty() && self.wrong.is_none()
    }
}

/// A group and a certificate, by its thumbprint.
type Known = (usize, [u8; 32]);

/// The groups at work on one core.
#[derive(Debug)]
pub struct CoreCertificates {
    groups: Arc<[Group]>,
    clock: Arc<dyn Clock>,
    known: RefCell<HashMap<Known, Arc<Principal>>>,
}

impl CoreCertificates {
    /// Binds them to a core.
    #[must_use]
    pub fn attach(groups: &Arc<[Group]>, core: &CoreContext) -> Self {
        Self { groups: Arc::clone(groups), clock: Arc::clone(&core.clock), known: RefCell::default() }
    }

    /// What the certificate of a call's connection proves; `revoked` says by what a principal was.
    pub fn look(&self, call: &Call, revoked: impl Fn(&Principal) -> Option<Kind>) -> Shown {
        let mut shown = Shown::default();
        let Some(certificate) = call.peer.certificate() else { return shown };
        for (number, group) in self.groups.iter().enumerate() {
            let asked = |rule: &&Arc<Rule>| rule.listeners.contains(&call.peer.listener);
            let Some(rule) = group.rules.iter().find(asked) else { continue };
            let checked = self.principal(number, rule, certificate).and_then(|principal| {
                revoked(&principal).map_or(Ok(principal), |kind| Err(Wrong::Revoked(kind)))
            });
            match checked {
                Ok(principal) => shown.proofs.extend(group.schemes.iter().map(|scheme| Proof {
                    scheme: *scheme,
                    principal: Arc::clone(&principal),
                    certificate: Some(Arc::clone(certificate)),
                })),
                // What ends the call is not hidden by what does not.
                Err(why) if shown.wrong.as_ref().is_none_or(|known| !known.is_final()) => {
                    shown.wrong = Some(why);
                }
                Err(_) => {}
            }
        }
        shown
    }

    /// Made once per certificate, since every call of its connections has the same.
    fn principal(
        &self,
        group: usize,
        rule: &Rule,
        shown: &ClientCertificate,
    ) -> Result<Arc<Principal>, Wrong> {
        if self.clock.unix().seconds() >= shown.expires {
            return Err(Wrong::Expired);
        }
        let mut known = self.known.borrow_mut();
        let key = (group, shown.thumbprint);
        // The same leaf may come with another chain, which ends at another time, and by way of another listener.
        let same = |made: &&Arc<Principal>| made.expires == shown.expires && made.issuer == rule.issuer;
        if let Some(principal) = known.get(&key).filter(same) {
            return Ok(Arc::clone(principal));
        }
        let principal = Arc::new(rule.principal(shown)?);
        if known.len() >= bounds::CERTIFICATE_PRINCIPALS {
            known.clear();
        }
        known.insert(key, Arc::clone(&principal));
        Ok(principal)
    }
}

impl Rule {
    /// Whom a certificate proves.
    ///
    /// # Errors
    /// [`Wrong`].
    pub fn principal(&self, shown: &ClientCertificate) -> Result<Principal, Wrong> {
        let subject = names::subject(shown, self.subject).map_err(Wrong::Unnamed)?;
        let Some((scopes, roles)) = self.grants.find(&subject) else {
            return Err(Wrong::Unlisted(subject.into()));
        };
        let marks = self.revocable.then(|| {
            Box::new(Marks {
                digest: shown.thumbprint,
                id: None,
                session: None,
                party: None,
                issued: Some(shown.begins),
            })
        });
        let claims = claims(&shown.thumbprint).ok_or(Wrong::Unnamed("its thumbprint is no JSON"))?;
        Ok(Principal {
            issuer: Arc::clone(&self.issuer),
            subject: subject.into(),
            application: None,
            scopes,
            roles: roles.into(),
            claims: Arc::new(claims),
            expires: shown.expires,
            taken_until: shown.expires,
            credential: CredentialKind::Certificate,
            binding: Binding { key: None, certificate: Some(shown.thumbprint) },
            marks,
        })
    }
}

/// What a token that is bound to the certificate says of it (RFC 8705 section 3.1), for who asks for claims.
fn claims(thumbprint: &[u8; 32]) -> Option<Tape> {
    let text = format!("{{\"cnf\":{{\"x5t#S256\":\"{}\"}}}}", jose::base64url_encode(thumbprint));
    Tape::parse(text.into_bytes().into(), &tape::Bounds::default()).ok()
}
