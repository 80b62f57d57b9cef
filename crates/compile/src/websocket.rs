//! Operations that go on as WebSockets: what the document says of them, as the data plane takes it.

use std::sync::Arc;
use std::time::Duration;

use controls::scope::OperationKind;
use diagnostics::{Diagnostic, Diagnostics};
use engine::bounds;
use engine::snapshot::{Upstream, UpstreamHttp};
use engine::websocket::{Flow, Origins, Rules};
use http::Method;
use spec::{Spanned, WebSocket};

use crate::operations::Draft;

/// What a client may send when nobody says.
const USUAL: Flow = Flow {
    burst: bounds::MESSAGES.burst,
    each: Duration::from_nanos(1_000_000_000 / bounds::MESSAGES.per_second as u64),
};

/// The rules of an operation that is a WebSocket; `None` when nobody says that it is one.
pub(crate) fn rules(
    settings: Option<&Spanned<WebSocket>>,
    draft: &Draft,
    upstream: Option<&Arc<Upstream>>,
    out: &mut Diagnostics,
) -> Option<Arc<Rules>> {
    let settings = settings?;
    match draft.kind {
        OperationKind::Declared if draft.method != Method::GET => {
            let message = format!("`{} {}` cannot be a WebSocket", draft.method, draft.template);
            let help = "only a GET can: take `websocket` out, or select another operation";
            out.push(Diagnostic::error("websocket", message).at(settings.span).help(help));
            return None;
        }
        OperationKind::Declared | OperationKind::ImpliedHead => {}
        OperationKind::ImpliedOptions | OperationKind::WellKnown => return None,
    }
    if let Some(upstream) = upstream.filter(|upstream| upstream.http == UpstreamHttp::Two) {
        let message = format!("the upstream `{}` speaks HTTP/2 only", upstream.name);
        let help = "WebSockets go to an upstream by HTTP/1.1: write `http: auto` or `http: 1` there";
        out.push(Diagnostic::error("websocket", message).at(settings.span).help(help));
    }
    Some(Arc::new(lower(settings)))
}

fn lower(settings: &WebSocket) -> Rules {
    let names = |list: &[Spanned<String>]| list.iter().map(|one| one.value.as_str().into()).collect();
    let message = settings.message.as_usize();
    Rules {
        origins: match &*settings.origins {
            [] => Origins::Own,
            listed if listed.iter().any(|origin| origin.value == "*") => Origins::Any,
            listed => Origins::Listed(names(listed)),
        },
        subprotocols: names(&settings.subprotocols),
        message,
        frame: settings.frame.map_or(message, |frame| frame.as_usize()),
        flow: settings.rate.as_ref().map_or(USUAL, |rate| flow(rate.value)),
        idle: settings.idle.get(),
        lifetime: settings.lifetime.get(),
    }
}

fn flow(rate: spec::Rate) -> Flow {
    let window = Duration::from_secs(rate.unit().seconds().saturating_mul(rate.multiple()));
    let nanos = window.as_nanos() / u128::from(rate.count());
    Flow {
        burst: u32::try_from(rate.count()).unwrap_or(u32::MAX),
        each: Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX).max(1)),
    }
}
