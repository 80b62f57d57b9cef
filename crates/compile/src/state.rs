//! What `state` needs beside the document: a password that is there, and certificates that can be used.

use diagnostics::{Diagnostic, Diagnostics};
use spec::Document;

use crate::assets::secret_key;
use crate::listeners::certificates;

pub(crate) fn check(document: &Document, files: &contract::Assets, out: &mut Diagnostics) {
    let Some(redis) = document.state.as_ref().map(|state| &state.redis) else { return };
    if let Some(password) = &redis.password
        && files
            .get(&secret_key(password))
            .is_some_and(|bytes| std::str::from_utf8(bytes).map_or(true, str::is_empty))
    {
        let message = format!("the secret `{}` is no password", password.value);
        let help = "write one that is UTF-8 and not empty";
        out.push(Diagnostic::error("invalid-value", message).at(password.span).help(help));
    }
    let Some(ca) = &redis.ca else { return };
    let Some(pem) = files.get(ca.path()) else { return };
    if let Err(why) = certificates(pem) {
        let message =
            format!("`{}`, the authorities of the server of shared state, cannot be used: {why}", ca.path());
        let help = "give a PEM file with the certificates of the authorities that sign the server's";
        out.push(Diagnostic::error("certificate", message).at(ca.span).help(help));
    }
}

/// The certificates (DER) of those who vouch for the server of shared state, where a document names any.
#[must_use]
pub fn state_roots(document: &Document, files: &contract::Assets) -> Vec<Vec<u8>> {
    let ca = document.state.as_ref().and_then(|state| state.redis.ca.as_ref());
    let pem = ca.and_then(|ca| files.get(ca.path()));
    pem.and_then(|pem| certificates(pem).ok()).unwrap_or_default()
}
