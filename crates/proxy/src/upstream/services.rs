//! Where a service runs that is known by its records (RFC 2782): targets that come and go without a reload.
//!
//! They are watched as names are ([`super::names`]). With each list that is another one the group of the upstream is made anew, as a
//! reload does: connections, health and breakers of a target are found again by its name, and calls under way keep the group that
//! they began with.

use std::sync::Arc;

use engine::bounds;
use engine::control::CoreContext;
use engine::keyed::Keyed;
use engine::upstream::{Target, Upstream};

use super::dns::Place;
use super::names::Watched;

const SERVICE: &str = "records of a service";

/// The records of a service.
pub(super) type Service = Watched<Place>;

fn named(name: &str, keyed: &Keyed) -> Arc<Service> {
    keyed.get_or_make(SERVICE, name, || Service::new(name))
}

/// What an upstream is at the moment whose targets are the records of a service.
#[derive(Debug)]
pub(super) struct Resolved {
    pub(super) service: Arc<Service>,
    /// Of the records that the targets are made of.
    version: u64,
    /// The upstream with these targets.
    pub(super) upstream: Arc<Upstream>,
    /// Of each target; the lowest one is to be asked first.
    pub(super) priorities: Box<[u16]>,
}

impl Resolved {
    /// `None` of an upstream whose targets stand in the document. Its records are asked for from now on.
    pub(super) fn of(upstream: &Upstream, context: &CoreContext) -> Option<Self> {
        let service = named(upstream.service.as_ref()?, &context.keyed);
        service.start(context, |resolver, name, had| Box::pin(resolver.places(name, had)));
        let (version, places) = service.known();
        let priorities = places.iter().map(|place| place.priority).collect();
        Some(Self { service, version, upstream: Arc::new(with(upstream, &places)), priorities })
    }

    /// Whether its records are still the same.
    pub(super) fn is_current(&self) -> bool {
        self.service.version() == self.version
    }
}

/// The targets of an upstream as they are now, for those who tell how they are.
pub(super) fn current(upstream: &Arc<Upstream>, keyed: &Keyed) -> Arc<Upstream> {
    match &upstream.service {
        Some(name) => Arc::new(with(upstream, &named(name, keyed).known().1)),
        None => Arc::clone(upstream),
    }
}

/// The upstream with the records of its service as its targets. All are like the one that stands in the document, which says how they
/// are spoken to.
fn with(upstream: &Upstream, places: &[Place]) -> Upstream {
    let heaviest = places.iter().map(|place| place.weight).max().unwrap_or_default();
    let target = |like: &Target, place: &Place| {
        let scheme = if like.tls { "https" } else { "http" };
        let host = place.host.trim_end_matches('.');
        Target {
            name: format!("{scheme}://{host}:{}", place.port).into(),
            host: place.host.clone(),
            port: place.port,
            weight: weight(place.weight, heaviest),
            ..like.clone()
        }
    };
    let like = upstream.targets.first();
    let targets = places.iter().filter_map(|place| Some(target(like?, place)));
    Upstream { targets: targets.collect(), ..upstream.clone() }
}

/// A weight of ours in proportion to the others. One of zero has hardly any calls while others have a weight.
fn weight(of: u16, heaviest: u16) -> u32 {
    let (of, heaviest) = (u32::from(of), u32::from(heaviest));
    let scaled = if heaviest > bounds::WEIGHT { of * bounds::WEIGHT / heaviest } else { of };
    scaled.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_keep_their_proportion_within_ours() {
        for (of, heaviest, expected) in [
            (0, 0, 1),
            (0, 10, 1),
            (5, 10, 5),
            (1_000, 1_000, 1_000),
            (65_535, 65_535, 1_000),
            (6_553, 65_535, 99),
            (1, 65_535, 1),
        ] {
            assert_eq!(weight(of, heaviest), expected, "{of} of {heaviest}");
        }
    }
}
