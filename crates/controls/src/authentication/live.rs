//! Live streams that are asked about again, after a change of the configuration: what of their credentials cannot be verified twice.

use engine::principal::{Binding, CredentialKind, Principal, Proof};
use engine::{Call, Verdict};

use super::AtCore;
use super::signature::{self, Refused};
use super::why::refuse as refuse_token;
use crate::security::Scheme;

/// Whether a credential can be verified again by itself.
pub(super) fn is_provable(principal: &Principal) -> bool {
    match principal.credential {
        CredentialKind::Jwt => principal.binding == Binding::default(),
        CredentialKind::Certificate => true,
        CredentialKind::Introspected
        | CredentialKind::ApiKey
        | CredentialKind::Signature
        | CredentialKind::Password
        | CredentialKind::Webhook => false,
    }
}

impl AtCore {
    /// Whether what was proven before, and cannot be proven again by itself, goes on. A certificate that was shown with it is looked
    /// at again, and so is who is a signer, a user or a sender by now.
    pub(super) fn stands(&self, call: &mut Call) -> Verdict {
        let challenge = &self.control.challenge;
        if call.proofs.iter().any(|proof| !self.is_known(&proof.principal)) {
            let why = Refused::Wrong("the key of the signature is not known any more".into());
            return Verdict::Refuse(signature::refuse(challenge, call, why));
        }
        if !call.proofs.iter_mut().all(|proof| self.renew(proof)) {
            return Verdict::Refuse(challenge.missing("who was proven is not known here any more", None));
        }
        let is_certificate = |proof: &Proof| proof.principal.credential == CredentialKind::Certificate;
        let mut others = call.proofs.iter().filter(|proof| !is_certificate(proof));
        if let Some(why) = others.find_map(|proof| self.revoked(&proof.principal)) {
            return Verdict::Refuse(refuse_token(challenge, Scheme::presented(&call.request), why));
        }
        if !call.proofs.iter().any(is_certificate) {
            return Verdict::Allow;
        }
        let shown = self.shown(call);
        let proven = |proof: &Proof| shown.proofs.iter().any(|one| one.scheme == proof.scheme);
        if call.proofs.iter().filter(|proof| is_certificate(proof)).all(proven) {
            call.proofs.retain(|proof| !is_certificate(proof));
            call.proofs.extend(shown.proofs);
            return Verdict::Allow;
        }
        let missing = || challenge.missing("the certificate does not prove any more what it did", None);
        Verdict::Refuse(shown.wrong.map_or_else(missing, |wrong| wrong.refuse(challenge)))
    }

    /// Whether who signed is still known by the key; of others it is another question.
    fn is_known(&self, principal: &Principal) -> bool {
        let signs = self.signatures.as_ref().is_some_and(|signatures| signatures.knows(principal));
        signs || principal.credential != CredentialKind::Signature
    }

    /// Whether whoever a proof names is still a user, or a sender, with what they may by now; of others it is another question.
    fn renew(&self, proof: &mut Proof) -> bool {
        match proof.principal.credential {
            CredentialKind::Password => self.passwords.as_ref().is_some_and(|known| known.renew(proof)),
            CredentialKind::Webhook => self.webhooks.as_ref().is_some_and(|known| known.renew(proof)),
            _ => true,
        }
    }
}
