//! The compiled configuration: immutable, swapped whole, pinned by each call that began under it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::control::{Attached, Control, CoreContext};
pub use crate::listener::{
    Bind, ClientAuth, Connections, Listener, ListenerTls, Network, TlsIdentity, TlsMinimum,
};
use crate::plan::{OperationPlan, PlaceId, PlannedStep};
use crate::route::RouteTable;
use crate::shedding::Shedding;
pub use crate::upstream::{Deadlines, Target, Upstream, UpstreamHttp};

/// Counts the snapshots that are alive (invariant 4).
#[derive(Debug, Clone, Default)]
pub struct Live(Arc<AtomicUsize>);

impl Live {
    /// How many are alive.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Acquire)
    }

    /// Counts one more until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> LiveGuard {
        self.0.fetch_add(1, Ordering::AcqRel);
        LiveGuard(Arc::clone(&self.0))
    }
}

/// One living snapshot.
#[derive(Debug)]
pub struct LiveGuard(Arc<AtomicUsize>);

impl Drop for LiveGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The compiled configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with every reload that changed something.
    pub generation: u64,
    /// SHA-256 over document and assets.
    pub digest: [u8; 32],
    /// Sockets, by number.
    pub listeners: Vec<Listener>,
    /// From host, path and method to an operation.
    pub routes: RouteTable,
    /// Operations, by number.
    pub operations: Vec<Arc<OperationPlan>>,
    /// Controls, by number.
    pub controls: Vec<Arc<dyn Control>>,
    /// Checks before routing, in order.
    pub admission: Vec<PlannedStep>,
    /// Places in documents and contracts, by number.
    pub places: Places,
    /// When a core that is late refuses new calls, if it does.
    pub shedding: Option<Shedding>,
    /// Counts it as alive.
    pub live: LiveGuard,
}

/// Texts of places, by number.
#[derive(Debug, Default)]
pub struct Places {
    all: Vec<Box<str>>,
    by_text: OnceLock<HashMap<Box<str>, PlaceId>>,
}

impl Places {
    fn by_text(&self) -> &HashMap<Box<str>, PlaceId> {
        let numbered = || self.all.iter().zip(0..).map(|(text, number)| (text.clone(), PlaceId(number)));
        self.by_text.get_or_init(|| numbered().collect())
    }
}

impl PartialEq for Places {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl From<Vec<Box<str>>> for Places {
    fn from(all: Vec<Box<str>>) -> Self {
        Self { all, by_text: OnceLock::new() }
    }
}

impl Snapshot {
    /// A place as text.
    #[must_use]
    pub fn place(&self, id: PlaceId) -> &str {
        self.places.all.get(id.0 as usize).map_or("", |place| place)
    }

    /// The number of this text here; that of no place when it is not there. Calls that outlive a snapshot ask.
    #[must_use]
    pub fn place_like(&self, text: &str) -> PlaceId {
        self.places.by_text().get(text).copied().unwrap_or_default()
    }

    /// The operation of the same API, name and method in this snapshot; how a live stream finds itself after a reload.
    #[must_use]
    pub fn operation_like(&self, other: &OperationPlan) -> Option<&Arc<OperationPlan>> {
        self.operations
            .iter()
            .find(|plan| plan.api == other.api && plan.id == other.id && plan.method == other.method)
    }
}

/// A snapshot attached to one core.
#[derive(Debug)]
pub struct CoreSnapshot {
    snapshot: Arc<Snapshot>,
    attached: Vec<Box<dyn Attached>>,
    /// By number, as `attached`: each core counts the holders of its own.
    rules: Vec<Option<Arc<str>>>,
    websockets: bool,
}

impl CoreSnapshot {
    /// Attaches every control to the core.
    #[must_use]
    pub fn attach(snapshot: Arc<Snapshot>, core: &CoreContext) -> Self {
        let attached = snapshot.controls.iter().map(|control| Arc::clone(control).attach(core)).collect();
        let rules = snapshot.controls.iter().map(|control| control.rule().map(Arc::from)).collect();
        let websockets = snapshot.operations.iter().any(|plan| plan.websocket.is_some());
        Self { snapshot, attached, rules, websockets }
    }

    /// What was attached.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Whether any operation is a WebSocket.
    #[must_use]
    pub fn has_websockets(&self) -> bool {
        self.websockets
    }

    /// The one rule that a control of a planned step is.
    #[must_use]
    pub fn rule(&self, number: u32) -> Option<Arc<str>> {
        self.rules.get(number as usize).cloned().flatten()
    }

    /// A control of a planned step, with its name.
    #[must_use]
    pub fn control(&self, number: u32) -> Option<(&'static str, &dyn Attached)> {
        let control = self.snapshot.controls.get(number as usize)?;
        Some((control.name(), &**self.attached.get(number as usize)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_text_and_one_that_is_gone_is_none() {
        let places =
            |texts: &[&str]| Places::from(texts.iter().map(|text| Box::from(*text)).collect::<Vec<_>>());
        let (old, new) = (places(&["", "a:1", "b:1"]), places(&["", "new:1", "b:1", "a:2"]));
        let like = |text: &str| new.by_text().get(text).copied().unwrap_or_default();
        assert_eq!(
            old.all.iter().map(|text| like(text)).collect::<Vec<_>>(),
            [PlaceId(0), PlaceId(0), PlaceId(2)]
        );
    }
}
