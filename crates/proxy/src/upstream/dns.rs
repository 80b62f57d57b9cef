//! Questions to the name servers of the system, answered with how long the answer holds (RFC 1035), for addresses and for the
//! records of services (RFC 2782).
//!
//! The C library tells nobody a TTL. `hickory-resolver` does; it is used without its cache, since who asks keeps the answer. It
//! goes by the same files as the C library: `/etc/resolv.conf` (servers in their order, search domains, `ndots`, `timeout`,
//! `attempts`; without it the server of this machine) and `/etc/hosts`, read anew when they have changed. Of `nsswitch.conf` it
//! knows nothing: names that come from elsewhere are not found.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::bounds;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

/// What says how names are looked up.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// A version of a file: its number, when it was written, and its length.
type Version = Option<(u64, i64, i64, u64)>;
type Versions = [Version; FILES.len()];

/// Where questions go.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    /// Where the system says, as of these versions of its files.
    made: Mutex<Option<(Versions, TokioResolver)>>,
    /// In place of that, in tests.
    fixed: Option<TokioResolver>,
}

/// What was asked for, in an order of its own, and how long it is said to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found<T> {
    pub(super) items: Vec<T>,
    pub(super) ttl: Duration,
}

/// Or why there is none, as a clause.
pub(super) type Answer<T> = Result<Found<T>, Box<str>>;

/// A record of a service: where it runs. In the order of priorities.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) priority: u16,
    pub(super) host: Box<str>,
    pub(super) port: u16,
    pub(super) weight: u16,
}

impl Resolver {
    /// Asks certain servers, about names below these domains as well.
    #[cfg(test)]
    pub(super) fn of(config: ResolverConfig, change: impl FnOnce(&mut ResolverOpts)) -> Self {
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        usual(builder.options_mut());
        change(builder.options_mut());
        Self { made: Mutex::default(), fixed: Some(builder.build().unwrap()) }
    }

    /// Asks for all addresses of a name, which had these before; there is at least one. Only to be polled on the side runtime.
    pub(super) async fn addresses(self: Arc<Self>, host: Box<str>, had: Arc<[IpAddr]>) -> Answer<IpAddr> {
        let resolver = Arc::clone(&self).current().await?;
        let found = resolver.lookup_ip(&*host).await.map_err(fault)?;
        let answers = found.as_lookup().answers();
        let mut ttl = answers.iter().map(|record| held(record.ttl)).min().unwrap_or_default();
        let mut addresses: Vec<IpAddr> = found.iter().collect();
        if addresses.is_empty() {
            return Err(Box::from("no record of an address"));
        }
        // IPv4 and IPv6 are asked for apart. A question that was not answered says nothing of the addresses that it is about.
        let kinds: [(RecordType, Is); 2] = [(RecordType::A, is_four), (RecordType::AAAA, is_six)];
        for (kind, is) in kinds {
            if addresses.iter().any(is) || !had.iter().any(is) {
                continue;
            }
            match resolver.lookup(found.as_lookup().query().name().clone(), kind).await {
                Ok(more) => {
                    ttl = more.answers().iter().map(|record| held(record.ttl)).fold(ttl, Duration::min);
                    addresses.extend(more.answers().iter().filter_map(|record| record.data.ip_addr()));
                }
                Err(error) if error.is_no_records_found() => {}
                Err(_) => {
                    ttl = ttl.min(bounds::NAME_RETRY);
                    addresses.extend(had.iter().filter(|address| is(address)));
                }
            }
        }
        // The same ones however they are ordered, when there are more than are kept.
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(bounds::ADDRESSES);
        Ok(Found { items: addresses, ttl })
    }

    /// Asks where a service runs; nowhere, when its one record says so. Only to be polled on the side runtime.
    pub(super) async fn places(self: Arc<Self>, service: Box<str>, _had: Arc<[Place]>) -> Answer<Place> {
        let resolver = Arc::clone(&self).current().await?;
        let found = resolver.lookup(&*service, RecordType::SRV).await.map_err(fault)?;
        let ttl = found.answers().iter().map(|record| held(record.ttl)).min().unwrap_or_default();
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(record) => Some(record),
            _ => None,
        });
        if records.clone().next().is_none() {
            return Err(Box::from("no record of a service"));
        }
        // A target of `.` is none.
        let mut items: Vec<Place> = records
            .filter(|record| !record.target.is_root() && record.port != 0)
            .map(|record| Place {
                priority: record.priority,
                host: record.target.to_ascii().to_ascii_lowercase().into(),
                port: record.port,
                weight: record.weight,
            })
            .collect();
        items.sort_unstable();
        let mut seen = BTreeSet::new();
        items.retain(|place| seen.insert((place.host.clone(), place.port)));
        items.truncate(bounds::TARGETS);
        Ok(Found { items, ttl })
    }

    async fn current(self: Arc<Self>) -> Result<TokioResolver, Box<str>> {
        match &self.fixed {
            Some(resolver) => Ok(resolver.clone()),
            None => {
                let read = tokio::task::spawn_blocking(move || self.read());
                read.await.unwrap_or_else(|error| Err(fault(error)))
            }
        }
    }

    /// Goes by the files as they are now.
    fn read(&self) -> Result<TokioResolver, Box<str>> {
        let versions = FILES.map(version);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, resolver)) = &*made
            && *of == versions
        {
            return Ok(resolver.clone());
        }
        let mut builder = TokioResolver::builder_tokio().unwrap_or_else(|_| {
            let server = NameServerConfig::udp_and_tcp(Ipv4Addr::LOCALHOST.into());
            let local = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(local, TokioRuntimeProvider::default())
        });
        usual(builder.options_mut());
        let resolver = builder.build().map_err(fault)?;
        *made = Some((versions, resolver.clone()));
        Ok(resolver)
    }
}

/// What the files do not say, as the C library has it; and no cache.
fn usual(options: &mut ResolverOpts) {
    options.cache_size = 0;
    // As it came: what is too long is for who asked to say.
    options.positive_max_ttl = Some(Duration::from_secs(u64::from(u32::MAX)));
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options.num_concurrent_reqs = 1;
}

fn version(path: &str) -> Version {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec(), found.len()))
}

/// A TTL with its highest bit set is one of zero (RFC 2181 section 8).
fn held(ttl: u32) -> Duration {
    Duration::from_secs(u64::from(if ttl > u32::MAX / 2 { 0 } else { ttl }))
}

fn fault(error: impl std::fmt::Display) -> Box<str> {
    error.to_string().into()
}

/// Whether an address is of a kind.
type Is = fn(&IpAddr) -> bool;

fn is_four(address: &IpAddr) -> bool {
    address.is_ipv4()
}

fn is_six(address: &IpAddr) -> bool {
    address.is_ipv6()
}
