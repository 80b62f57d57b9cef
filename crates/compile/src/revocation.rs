//! What `revocation` needs beside the document: secrets that are long enough to be none that somebody guesses, and keys.

use controls::authentication::issued;
use diagnostics::{Diagnostic, Diagnostics};
use spec::{Document, FileOrUrl, SecretRef, Spanned};

use crate::assets::secret_key;

/// Bytes of a secret, at least.
const SECRET: usize = 16;

pub(crate) fn check(document: &Document, files: &contract::Assets, out: &mut Diagnostics) {
    let Some(settings) = &document.revocation else { return };
    let clients = settings.clients.values().filter_map(|client| client.secret.as_ref());
    let senders = settings.transmitters.values().filter_map(|one| one.secret.as_ref());
    clients.chain(senders).for_each(|reference| secret(reference, files, out));
    for (name, transmitter) in &settings.transmitters {
        let Some(issuer) = document.issuers.get(name) else { continue };
        if issued::keyless(issuer) {
            let message = format!("the events of `{name}` cannot be verified: its keys are not fetched");
            let help = "its `introspection` is asked about `all` tokens; take `opaque` ones or `signed` answers, or take the transmitter out";
            out.push(Diagnostic::error("conflict", message).at(transmitter.span).help(help));
        }
        let Some(jwks) = &issuer.jwks else { continue };
        let FileOrUrl::File(file) = &jwks.value else { continue };
        let Some(text) = files.get(file.path()) else { continue };
        if !issued::usable(text) {
            let message = format!("the keys of the transmitter `{name}` cannot be used");
            let help = "write a JWK set with public RSA, EC or Ed25519 keys";
            out.push(Diagnostic::error("invalid-keys", message).at(jwks.span).help(help));
        }
    }
}

/// One that is not there is reported where all are.
fn secret(reference: &Spanned<SecretRef>, files: &contract::Assets, out: &mut Diagnostics) {
    let short = files.get(&secret_key(reference)).is_some_and(|bytes| bytes.len() < SECRET);
    if short {
        let message = format!("the secret `{}` has less than {SECRET} bytes", reference.value);
        let help = "make one that nobody guesses: `openssl rand -base64 32`";
        out.push(Diagnostic::error("weak-secret", message).at(reference.span).help(help));
    }
}
