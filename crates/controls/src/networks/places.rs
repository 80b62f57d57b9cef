//! Which networks a country or an autonomous system has, as databases in MaxMind's format (MaxMind DB File Format 2.0) say.
//!
//! They are looked through once, when the document is compiled: what a call is asked about are ranges like those of any other list.
//! Addresses of IPv4 that are dressed in IPv6 (RFC 4291 section 2.5.5.2, 6to4, Teredo) are where the database says that those dresses lead.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;
use std::sync::Arc;

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions, path};

/// Most networks of all places of one section. All of a large database are fewer.
const MOST: usize = 8_000_000;
/// How often a part of the tree may be come upon: IPv4 has some four dresses in IPv6. What is come upon more often is no tree, and could be
/// walked for years.
const DRESSES: usize = 16;

/// Where an address may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A country, by its two letters (ISO 3166-1): where the address is used, as far as that is known.
    Country([u8; 2]),
    /// An autonomous system, by its number (RFC 6793).
    System(u32),
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let letters = |text: &str| {
            let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| ())?;
            letters.iter().all(u8::is_ascii_uppercase).then_some(Self::Country(letters)).ok_or(())
        };
        let number = |text: &str| {
            let plain = text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| plain).map(Self::System).ok_or(())
        };
        match text.split_once(':').ok_or(())? {
            ("country", text) => letters(text),
            ("asn", text) => number(text),
            _ => Err(()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Country(letters) => write!(f, "country:{}", String::from_utf8_lossy(letters)),
            Self::System(number) => write!(f, "asn:{number}"),
        }
    }
}

/// A network: its address, and how many bits of it count.
pub(super) type Network = (IpAddr, u8);

/// Databases, one after another.
#[derive(Debug, Default)]
pub(super) struct Databases(Vec<Reader<Arc<[u8]>>>);

impl Databases {
    /// Takes one more.
    ///
    /// # Errors
    /// Why it is none.
    pub(super) fn add(&mut self, bytes: &Arc<[u8]>) -> Result<(), String> {
        let reader = Reader::from_source(Arc::clone(bytes)).map_err(|why| why.to_string())?;
        self.0.push(reader);
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The networks of each of these places.
    ///
    /// # Errors
    /// Why a database cannot be read.
    pub(super) fn networks(&self, wanted: &[Place]) -> Result<BTreeMap<Place, Vec<Network>>, String> {
        let mut all: BTreeMap<Place, Vec<Network>> =
            wanted.iter().map(|place| (*place, Vec::new())).collect();
        let mut count = 0;
        for reader in self.0.iter().filter(|_| !wanted.is_empty()) {
            collect(reader, &mut all, &mut count)?;
            if count > MOST {
                return Err(format!("its places have more than {MOST} networks"));
            }
        }
        Ok(all)
    }
}

fn collect(
    reader: &Reader<Arc<[u8]>>,
    all: &mut BTreeMap<Place, Vec<Network>>,
    count: &mut usize,
) -> Result<(), String> {
    let faulty = |why: MaxMindDbError| why.to_string();
    // A tree has one leaf more than it has nodes; those that say nothing are counted as well.
    let leaves = usize::try_from(reader.metadata().node_count).unwrap_or(usize::MAX).saturating_add(1);
    let options = WithinOptions::default().include_aliased_networks().include_networks_without_data();
    // Many networks share a record.
    let mut known: HashMap<usize, [Option<Place>; 2]> = HashMap::new();
    for (number, found) in reader.networks(options).map_err(faulty)?.enumerate() {
        if number >= leaves.saturating_mul(DRESSES) {
            return Err(String::from("its nodes are no tree"));
        }
        let found = found.map_err(faulty)?;
        let Some(offset) = found.offset() else { continue };
        let places = match known.get(&offset) {
            Some(places) => *places,
            None => *known.entry(offset).or_insert(places(&found).map_err(faulty)?),
        };
        for place in places.into_iter().flatten() {
            let Some(networks) = all.get_mut(&place) else { continue };
            let network = found.network().map_err(faulty)?;
            let network = (network.ip(), network.prefix());
            networks.push(network);
            *count += 1;
            // One that holds all of IPv4, which such databases keep below `::/96`.
            if matches!(network, (IpAddr::V6(address), 0..=96) if address.is_unspecified()) {
                networks.push((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
            }
        }
        if *count > MOST {
            break;
        }
    }
    Ok(())
}

/// Where a record says that its addresses are: databases of countries, of cities and of autonomous systems have these.
fn places(found: &LookupResult<'_, Arc<[u8]>>) -> Result<[Option<Place>; 2], MaxMindDbError> {
    let country = found.decode_path::<&str>(&path!["country", "iso_code"])?;
    let country = country.and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok());
    let system = found.decode_path::<u32>(&path!["autonomous_system_number"])?;
    Ok([country.map(Place::Country), system.map(Place::System)])
}
