//! Leaves a host alone after it failed several times in a row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::{Clock, Tick};

/// Failures in a row that open it.
const FAILURES: u32 = 5;
/// How long it stays open; then one call may try.
const OPEN: Duration = Duration::from_secs(5);
/// Hosts remembered; the table is small since operators name the hosts.
const HOSTS: usize = 1_024;

#[derive(Debug, Clone, Copy)]
struct Record {
    failures: u32,
    open_until: Tick,
}

#[derive(Debug)]
pub(crate) struct Breaker {
    hosts: Mutex<HashMap<String, Record>>,
    clock: Arc<dyn Clock>,
}

impl Breaker {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { hosts: Mutex::default(), clock }
    }

    /// Whether a call may be tried. While it is open one call per [`OPEN`] may.
    pub(crate) fn may_call(&self, host: &str) -> bool {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        match hosts.get_mut(host) {
            Some(record) if record.failures >= FAILURES && now < record.open_until => false,
            Some(record) if record.failures >= FAILURES => {
                record.open_until = now.after(OPEN);
                true
            }
            _ => true,
        }
    }

    /// Takes down how a call went.
    pub(crate) fn record(&self, host: &str, good: bool) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if good {
            hosts.remove(host);
            return;
        }
        if hosts.len() >= HOSTS && !hosts.contains_key(host) {
            return;
        }
        let open_until = self.clock.now().after(OPEN);
        let record = hosts.entry(host.to_owned()).or_insert(Record { failures: 0, open_until });
        record.failures = record.failures.saturating_add(1);
        record.open_until = open_until;
    }
}
