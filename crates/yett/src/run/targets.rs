//! What the admin listener tells of upstreams: one series per target of the document, and the names of those that are down.

use proxy::TargetState;
use telemetry::{Kind, Sample};

use super::gateway::Gateway;

/// Targets that get no calls now, as `upstream target`.
pub(super) fn down(gateway: &Gateway) -> Vec<String> {
    let name = |state: &TargetState| format!("{} {}", state.upstream, state.target);
    gateway.target_states().iter().filter(|state| !state.up).map(name).collect()
}

/// The targets as metrics.
pub(super) fn samples(gateway: &Gateway) -> Vec<Sample> {
    let mut all = Vec::new();
    for state in gateway.target_states() {
        let mut sample = |name, help, kind, more: Option<(&'static str, &str)>, value: u64| {
            let mut labels = vec![("upstream", state.upstream.clone()), ("target", state.target.clone())];
            labels.extend(more.map(|(label, value)| (label, value.to_owned())));
            // Exact to 2^53, as every number in this format.
            all.push(Sample { name, help, kind, labels, value: value as f64 });
        };
        let counts = state.counts;
        let tries = [("answered", counts.good), ("unreachable", counts.dead), ("failed", counts.ill)];
        for (outcome, count) in tries {
            let help = "Tries of calls at a target, by what they met.";
            sample("yett_target_tries_total", help, Kind::Counter, Some(("outcome", outcome)), count);
        }
        let help = "Tries at a target that were not the first of their call.";
        sample("yett_target_retries_total", help, Kind::Counter, None, counts.retries);
        let help = "How often a target was left alone because of what calls met there.";
        sample("yett_target_ejections_total", help, Kind::Counter, None, state.ejections);
        let help = "Whether a target gets calls.";
        sample("yett_target_up", help, Kind::Gauge, None, u64::from(state.up));
        let help = "Connections that are open to a target.";
        sample("yett_target_connections", help, Kind::Gauge, None, u64::from(state.connections));
        let help = "Calls under way at a target, as of the last second.";
        sample("yett_target_calls", help, Kind::Gauge, None, counts.busy);
    }
    // A metric's series stand together.
    all.sort_by_key(|sample| sample.name);
    all
}
