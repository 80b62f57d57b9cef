//! What `telemetry` needs beside the document: secrets that can be the values of header fields.

use diagnostics::{Diagnostic, Diagnostics};
use spec::Document;

use crate::assets::{header_secret, secret_key};

/// One that is not there is reported where all are.
pub(crate) fn check(document: &Document, files: &contract::Assets, out: &mut Diagnostics) {
    let Some(otlp) = &document.telemetry.otlp else { return };
    for (name, secret) in &otlp.headers {
        let Some(bytes) = files.get(&secret_key(secret)) else { continue };
        if header_secret(bytes).is_none() {
            let message = format!("the secret for `{name}` of the collector cannot be sent");
            let help = "give it as one line of printable ASCII";
            out.push(Diagnostic::error("secret", message).at(secret.span).help(help));
        }
    }
}
