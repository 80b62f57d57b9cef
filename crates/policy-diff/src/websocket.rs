//! Operations that are WebSockets, with what holds for them: a call of these has no end of its own, and what comes over it is in no
//! contract.

use engine::bounds;
use serde_json::{Value as Json, json};

use crate::{Changes, Effect, settings};

/// What holds for one, what nobody wrote among it.
pub(crate) fn describe(websocket: &spec::WebSocket) -> Json {
    let usual = bounds::MESSAGES;
    let (rate, burst) = websocket.rate.as_ref().map_or_else(
        || (format!("{}/s", usual.per_second), u64::from(usual.burst)),
        |rate| (rate.value.to_string(), rate.value.count()),
    );
    let texts = |all: &[spec::Spanned<String>]| all.iter().map(|one| one.value.clone()).collect::<Vec<_>>();
    json!({
        "origins": texts(&websocket.origins),
        "subprotocols": texts(&websocket.subprotocols),
        "message": websocket.message.value,
        "frame": websocket.frame.unwrap_or(websocket.message).value,
        "rate": rate,
        "burst": burst,
        "idle": websocket.idle.value,
        "lifetime": websocket.lifetime.value,
    })
}

/// Compares what is written of the same operation; `null` when it is none.
pub(crate) fn compare(old: &Json, new: &Json, out: &mut Changes<'_>) {
    match (old.is_null(), new.is_null()) {
        (true, true) => {}
        (true, false) => out.add(Effect::Weaker, "is a WebSocket now"),
        (false, true) => out.add(Effect::Stricter, "is no WebSocket any more"),
        (false, false) => settings::compare("websocket", old, new, out),
    }
}
