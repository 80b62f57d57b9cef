//! Settings that the document's shape has and this version does not carry out (invariant 9): an error, never silence.

use diagnostics::{Diagnostic, Diagnostics, Span};
use spec::{Document, ListenerHttp, OnFull};

/// Reports each of them.
pub(crate) fn check(document: &Document, out: &mut Diagnostics) {
    let mut report = |what: &str, span: Span| {
        let message = format!("{what} cannot be set in this version");
        out.push(Diagnostic::error("unsupported", message).at(span).help("take it out"));
    };
    for listener in document.listeners.values() {
        if !same_http(&listener.http, &ListenerHttp::default()) {
            report("`http` of a listener", listener.span);
        }
    }
    let on_full = document.record.on_full;
    if on_full.value == OnFull::Refuse {
        report("`on_full: refuse`", on_full.span);
    }
}

fn same_http(left: &ListenerHttp, right: &ListenerHttp) -> bool {
    left.version == right.version
        && left.head == right.head
        && left.head_timeout == right.head_timeout
        && left.idle == right.idle
        && left.streams == right.streams
}
