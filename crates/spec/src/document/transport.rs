//! What stands below HTTP on a listener: keys of TLS, of unix sockets and of the PROXY protocol that need or exclude each
//! other.

use super::{Api, Listener, ListenerTls};
use crate::document::Document;
use crate::node::Node;
use crate::read::Spanned;
use crate::units::ListenAddress;
use diagnostics::{Diagnostic, Diagnostics, Span};

fn error(code: &'static str, message: String, span: Span, help: &str, out: &mut Diagnostics) {
    out.push(Diagnostic::error(code, message).at(span).help(help));
}

/// Reports what is wrong with one listener.
pub(super) fn check(name: &str, listener: &Spanned<Listener>, tree: &Node, out: &mut Diagnostics) {
    let unix = matches!(listener.bind.value, ListenAddress::Unix(_));
    if let Some(permissions) = &listener.permissions {
        if !unix {
            let message = format!("`permissions` are for unix sockets, and `{name}` is none");
            let help = "take them out, or write `bind: unix:/run/yett/api.sock`";
            error("conflict", message, permissions.span, help, out);
        } else if permissions.bits() & 0o002 != 0 {
            let message = format!("`{}` lets every user of the machine call", permissions.value);
            let help = "write `\"660\"` and give the folder to the group of those who may";
            error("invalid-value", message, permissions.span, help, out);
        }
    }
    if unix && listener.tls.is_some() {
        let message = format!("the listener `{name}` is a unix socket, which speaks no TLS");
        let help = "take `tls` out: only this machine can reach it, and `permissions` say who";
        error("conflict", message, listener.bind.span, help, out);
    }
    if let (true, Some(first)) = (unix, listener.proxy_protocol.first()) {
        let message = format!("the listener `{name}` is a unix socket, whose peers have no addresses");
        let help = "take `proxy_protocol` out";
        error("conflict", message, first.span, help, out);
    }
    for range in listener.proxy_protocol.iter().filter(|range| range.prefix() == 0) {
        let message = format!("`{}` lets anybody say whose connection it is", range.value);
        let help = "write the addresses of the proxies in front, as in `10.0.0.0/24`";
        error("invalid-value", message, range.span, help, out);
    }
    if let Some(tls) = &listener.tls {
        check_tls(name, listener.span, tls, tree, out);
    }
}

fn check_tls(name: &str, span: Span, tls: &ListenerTls, tree: &Node, out: &mut Diagnostics) {
    // What is there but broken has been reported itself.
    let written = |key: &str| tree.at(&["listeners", name, "tls", key]).is_some();
    match (&tls.certificate, &tls.key) {
        (Some(certificate), None) if !written("key") => {
            let message = String::from("a certificate without its key");
            error("missing-key", message, certificate.span, "write `key: file:key.pem` beside it", out);
        }
        (None, Some(key)) if !written("certificate") => {
            let message = String::from("a key without its certificate");
            error("missing-key", message, key.span, "write `certificate: file:cert.pem` beside it", out);
        }
        (None, None) if !["certificate", "key", "certificates"].into_iter().any(written) => {
            let message = format!("the listener `{name}` has no certificate");
            let help = "write `tls: { certificate: file:cert.pem, key: file:key.pem }`";
            error("missing-key", message, span, help, out);
        }
        _ => {}
    }
    if tls.client_ca.is_none() && !written("client_ca") {
        let help = "write `client_ca: file:ca.pem`, the authorities whose certificates are taken";
        if let Some(certificate) = &tls.client_certificate {
            let message = String::from("`client_certificate` without authorities to believe");
            error("missing-key", message, certificate.span, help, out);
        }
        if let Some(first) = tls.client_crls.first() {
            let message = String::from("`client_crls` without authorities to believe");
            error("missing-key", message, first.span, help, out);
        }
    }
}

/// Reports an API that demands what none of its listeners asks for.
pub(super) fn check_api(document: &Document, api: &Api, out: &mut Diagnostics) {
    let Some(demand) = &api.client_certificate else { return };
    for (name, listener) in &document.listeners {
        let here = api.listeners.is_empty() || api.listeners.iter().any(|on| on.value == *name);
        let asks = listener.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        if here && !asks {
            let message = format!(
                "`{}` demands a client certificate, and the listener `{name}` asks for none",
                api.name.value
            );
            let help = "write `client_ca: file:ca.pem` in the listener's `tls`, or `listeners` of the API";
            error("unreachable", message, demand.span, help, out);
        }
    }
}
