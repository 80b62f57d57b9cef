//! What a good caller of an operation shows: a token, an API key or both, what the token is bound to, and a client certificate.

use contract::{Operation, Requirement, Security};
use controls::security::{key_place, takes_certificate, takes_password, takes_webhook};
use spec::{Api, Authority, CertificateSubject, Document, OperationRef, SenderConstrained, Strings};

use crate::document::{ApiKey, Certificate, Credential, Dpop, Mtls};

/// The host that a certificate names.
const CLIENT: &str = "client.example.com";

/// A certificate that a client shows.
pub(crate) fn certificate() -> Certificate {
    Certificate { dns: Strings(vec![String::from(CLIENT)]), ..Certificate::default() }
}

/// How a caller is known.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Scopes of the token; of the key where there is none.
    pub(crate) scopes: Vec<String>,
    /// Scopes of an API key that goes beside a token.
    of_key: Vec<String>,
    by_key: bool,
    by_token: bool,
    /// The certificate that proves a scheme, and nothing else does.
    pub(crate) certificate: Option<Certificate>,
    demand: Option<SenderConstrained>,
}

/// A certificate that authorities let in: with these scopes, where one entry has them.
fn let_in(authority: &Authority, scopes: &[String]) -> Certificate {
    let has_all = |grant: &spec::Grant| scopes.iter().all(|scope| grant.scopes.0.contains(scope));
    let entries = authority.grants.iter().map(|(key, grant)| (key.as_str(), has_all(grant)));
    let key = entries.max_by_key(|(_, fits)| *fits).map_or("*", |(key, _)| key);
    let kind = authority.subject.as_ref().map(|subject| subject.value);
    let usual = match kind {
        None | Some(CertificateSubject::UriSan) => "spiffe://example.com/client",
        Some(CertificateSubject::EmailSan) => "client@example.com",
        Some(_) => CLIENT,
    };
    let subject = if key == "*" { usual.to_owned() } else { key.replace('*', "client") };
    let names = Strings(vec![subject]);
    match kind {
        Some(CertificateSubject::EmailSan) => Certificate { email: names, ..Certificate::default() },
        None | Some(CertificateSubject::UriSan) if names.0.iter().all(|name| name.contains(':')) => {
            Certificate { uri: names, ..Certificate::default() }
        }
        _ => Certificate { dns: names, ..Certificate::default() },
    }
}

/// A certificate that names nobody, since it names two.
pub(crate) fn nobody() -> Certificate {
    let uri = Strings(["one", "other"].map(|name| format!("spiffe://example.com/{name}")).into());
    Certificate { uri, ..Certificate::default() }
}

/// What the first alternative asks for that is no invitation, of those that can be satisfied; `None` when anyone may call.
pub(crate) fn shown(
    document: &Document,
    (api, contract): (&Api, &contract::Api),
    reference: &OperationRef<'_>,
    operation: &Operation,
    authenticated: bool,
) -> Option<Shown> {
    let takes_key = |scheme: &str| matches!(key_place(api, contract, scheme), Some(Ok(_)));
    let by_certificate = |scheme: &str| takes_certificate(api, contract, scheme);
    // Cases know no passwords and sign no webhooks: what comes of a call without one is what is seen.
    let unknown = |scheme: &str| {
        takes_password(api, contract, scheme) || takes_webhook(api, contract, scheme).is_some()
    };
    let issuers = |scheme: &str| api.authentication_for(scheme).is_some_and(|one| !one.issuers.is_empty());
    let demand = |scheme: &str| {
        let own = api.sender_constrained_for(reference);
        own.or_else(|| api.authentication_for(scheme)?.sender_constrained).map(|demand| demand.value)
    };
    let requirement = match &operation.security {
        Security::Alternatives(all) => {
            let named = || all.iter().filter(|one| !one.schemes.is_empty());
            let satisfied = |name: &str| takes_key(name) || by_certificate(name) || issuers(name);
            let can = |one: &&Requirement| one.schemes.iter().all(|(name, _)| satisfied(name));
            named().find(can).or_else(|| named().next())?.clone()
        }
        Security::Absent if !authenticated => return None,
        // Any credential will do: a token before a key.
        _ => {
            let mut schemes: Vec<&String> = contract.schemes.keys().collect();
            schemes.sort_by_key(|scheme| takes_key(scheme) || by_certificate(scheme) || unknown(scheme));
            Requirement {
                schemes: schemes.first().map(|scheme| ((*scheme).clone(), Vec::new())).into_iter().collect(),
            }
        }
    };
    // Cases cannot sign: what comes of a call without a signature is what is seen.
    let signs = |scheme: &str| {
        let bound = api.authentication_for(scheme).is_some_and(|one| !one.signers.is_empty());
        bound && !takes_key(scheme) && !by_certificate(scheme) && !issuers(scheme)
    };
    if requirement.schemes.iter().any(|(scheme, _)| unknown(scheme) || signs(scheme)) {
        return None;
    }
    let mut found = Shown::default();
    for (scheme, scopes) in &requirement.schemes {
        if by_certificate(scheme) {
            let bound = api.authentication_for(scheme).and_then(|bound| bound.authorities.first());
            let authority = bound.and_then(|name| document.authorities.get(&name.value));
            found.certificate = authority.map(|authority| let_in(authority, scopes));
            continue;
        }
        let is_key = takes_key(scheme);
        let all = if is_key { &mut found.of_key } else { &mut found.scopes };
        for scope in scopes {
            if !all.contains(scope) {
                all.push(scope.clone());
            }
        }
        if is_key {
            found.by_key = true;
        } else {
            found.by_token = true;
            found.demand = found.demand.or_else(|| demand(scheme));
        }
    }
    // No scheme is declared at all: tokens of the API's issuers are what is left.
    found.by_token |= !found.by_key && found.certificate.is_none();
    Some(found)
}

impl Shown {
    /// Whether a token or a key is sent.
    pub(crate) fn has_credential(&self) -> bool {
        self.by_token || self.by_key
    }

    /// Completes a credential to which all rights were added.
    pub(crate) fn complete(self, credential: &mut Credential) {
        if self.by_key {
            let mut scopes = self.of_key;
            if !self.by_token {
                let own = std::mem::take(&mut credential.scopes.0);
                scopes.extend(own.into_iter().filter(|scope| !scopes.contains(scope)).collect::<Vec<_>>());
            }
            let (scopes, and_token) = (Strings(scopes), self.by_token);
            credential.key = Some(ApiKey { scopes, and_token, ..ApiKey::default() });
        }
        match self.demand {
            Some(SenderConstrained::Mtls) => credential.mtls = Some(Mtls::Own),
            Some(SenderConstrained::Dpop | SenderConstrained::Any) => credential.dpop = Some(Dpop::default()),
            None => {}
        }
    }
}

/// The scopes that decide what a caller may: the token's, else the key's.
pub(crate) fn scopes(credential: &mut Credential) -> &mut Vec<String> {
    match &mut credential.key {
        Some(key) if !key.and_token => &mut key.scopes.0,
        _ => &mut credential.scopes.0,
    }
}

/// Whether a token is sent.
pub(crate) fn sends_token(credential: &Credential) -> bool {
    credential.key.as_ref().is_none_or(|key| key.and_token)
}
