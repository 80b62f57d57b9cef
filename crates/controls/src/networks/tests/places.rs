//! Countries and autonomous systems: what databases make of them, and what is told where they do not know.

use std::net::IpAddr;
use std::sync::Arc;

use maxminddb::{Reader, path};
use serde_json::{Value, json};
use state::MemoryCells;
use testkit::{FakeClock, core};

use super::super::Ranges;
use super::super::places::{Databases, Place};
use super::mmdb::Writer;
use super::{code, compiled_with};

fn country(letters: &str) -> Value {
    json!({ "country": { "iso_code": letters }, "registered_country": { "iso_code": "US" } })
}

fn countries() -> Vec<u8> {
    Writer::new()
        .network("192.0.2.0/24", &country("DE"))
        .network("192.0.3.0/25", &country("DE"))
        .network("198.51.100.0/25", &country("FR"))
        .network("2001:db8::/32", &country("DE"))
        // Whose country is not known.
        .network("203.0.113.0/24", &json!({ "registered_country": { "iso_code": "DE" } }))
        .alias("2002::/16")
        .alias("::ffff:0:0/96")
        .finish("Country")
}

fn systems() -> Vec<u8> {
    Writer::new()
        .network("192.0.2.128/25", &json!({ "autonomous_system_number": 64496 }))
        .network("2001:db8:1::/48", &json!({ "autonomous_system_number": 64497 }))
        .finish("ASN")
}

fn assets() -> crate::scope::Assets {
    let text = b"198.51.100.7\n".as_slice();
    [
        ("country.mmdb", countries().as_slice()),
        ("asn.mmdb", systems().as_slice()),
        ("cut.mmdb", &countries()[..200]),
        ("a.txt", text),
    ]
    .into_iter()
    .map(|(name, bytes)| (name.to_owned(), Arc::from(bytes)))
    .collect()
}

#[test]
fn calls_come_from_countries_and_systems() {
    const BOTH: &str = "databases: [country.mmdb, 'file:asn.mmdb']\n";
    const REFUSED: &str = "address_refused";
    for (section, cases) in [
        (
            "allow: [country:DE]",
            &[
                ("192.0.2.1", "ok"),
                ("192.0.3.127", "ok"),
                ("192.0.3.128", REFUSED),
                ("::ffff:192.0.2.1", "ok"),
                ("2001:db8:ffff::1", "ok"),
                ("2002:c000:0201::1", "ok"),
                ("198.51.100.1", REFUSED),
                ("203.0.113.1", REFUSED),
                ("10.0.0.1", REFUSED),
                ("::1", REFUSED),
            ][..],
        ),
        (
            "deny: [country:DE]",
            &[
                ("192.0.2.1", REFUSED),
                ("::ffff:192.0.2.1", REFUSED),
                ("2002:c000:0201::1", REFUSED),
                ("198.51.100.1", "ok"),
                ("10.0.0.1", "ok"),
            ],
        ),
        (
            "allow: [country:DE, country:FR]\ndeny: [asn:64496, asn:64497, 'file:a.txt']",
            &[
                ("192.0.2.127", "ok"),
                ("192.0.2.128", REFUSED),
                ("198.51.100.6", "ok"),
                ("198.51.100.7", REFUSED),
                ("2001:db8::1", "ok"),
                ("2001:db8:1::1", REFUSED),
            ],
        ),
        (
            "allow: [asn:64496, 10.0.0.0/8]",
            &[("192.0.2.200", "ok"), ("10.0.0.1", "ok"), ("192.0.2.1", REFUSED)],
        ),
    ] {
        let (all, found) = compiled_with(&format!("{BOTH}{section}"), assets());
        assert_eq!((all.len(), found), (1, Vec::new()), "{section}");
        let control =
            Arc::clone(&all[0].control).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
        for (address, expected) in cases {
            assert_eq!(code(&*control, address), *expected, "{section}: {address}");
        }
    }
}

#[test]
fn what_no_database_knows_is_told() {
    for (section, said) in [
        ("databases: [country.mmdb]\ndeny: [10.0.0.0/8]", ""),
        ("allow: [country:DE]", "where `country:DE` is, nothing says"),
        (
            "databases: [country.mmdb]\nallow: [country:DE, country:UK]",
            "no database has a network of `country:UK`",
        ),
        ("databases: [country.mmdb]\ndeny: [asn:64496]", "no database has a network of `asn:64496`"),
        ("databases: [asn.mmdb]\ndeny: [asn:64498]", "no database has a network of `asn:64498`"),
        ("databases: [a.txt]\ndeny: [country:DE]", "`a.txt` is no database in MaxMind's format"),
        ("databases: [cut.mmdb]\ndeny: [country:DE]", "`cut.mmdb` is no database in MaxMind's format"),
        (
            "databases: [country.mmdb]\ndeny: [country:de]",
            "`country:de` is no country and no autonomous system",
        ),
        ("databases: [country.mmdb]\ndeny: [country:DEU]", "`country:DEU` is no country"),
        ("databases: [asn.mmdb]\ndeny: [asn:AS64496]", "`asn:AS64496` is no country"),
        ("databases: [asn.mmdb]\ndeny: [asn:+64496]", "`asn:+64496` is no country"),
        ("databases: [asn.mmdb]\ndeny: [asn:4294967296]", "`asn:4294967296` is no country"),
    ] {
        let (all, found) = compiled_with(section, assets());
        match said {
            "" => assert_eq!((all.len(), found), (1, Vec::new()), "{section}"),
            said => {
                assert!(found.iter().any(|one| one.contains(said)), "{section}: {found:?}");
            }
        }
    }
}

/// A file that was damaged on its way is an error or another database, and never the end of the process, nor a walk without one.
#[test]
fn damaged_databases_end_nothing() {
    let whole = countries();
    for at in 0..whole.len() {
        for mask in [0x01, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            let mut databases = Databases::default();
            if databases.add(&bytes.into()).is_ok() {
                let _ = databases.networks(&[Place::Country(*b"DE"), Place::System(64_496)]);
            }
        }
        let mut databases = Databases::default();
        let _ = databases.add(&whole[at..].into());
        assert!(databases.add(&whole[..at].into()).is_err(), "cut at {at}");
    }
}

/// A hundred nodes of which each leads to the next on both sides are walked for longer than anybody lives.
#[test]
fn nodes_that_are_no_tree_are_told() {
    let bytes: Arc<[u8]> = Writer::braid(100).finish("Country").into();
    let mut databases = Databases::default();
    databases.add(&bytes).unwrap();
    assert_eq!(databases.networks(&[Place::Country(*b"DE")]), Err(String::from("its nodes are no tree")));
}

/// Against the library's own way to one address.
#[test]
fn ranges_are_what_a_lookup_says() {
    let bytes: Arc<[u8]> = countries().into();
    let reader = Reader::from_source(Arc::clone(&bytes)).unwrap();
    let mut databases = Databases::default();
    databases.add(&bytes).unwrap();
    let german = Place::Country(*b"DE");
    let ranges = Ranges::new(&databases.networks(&[german]).unwrap()[&german]);
    let edges =
        ["192.0.2.0", "192.0.3.0", "192.0.3.128", "198.51.100.0", "203.0.113.0", "2001:db8::", "2001:db9::"];
    let dressed =
        ["2002:c000:200::", "2002:c000:300::", "2002:c000:380::", "::ffff:192.0.2.0", "::ffff:192.0.3.128"];
    let mut seen = [0; 2];
    for edge in edges.into_iter().chain(dressed) {
        let edge: IpAddr = edge.parse().unwrap();
        for step in [-1_i8, 0, 1] {
            let address = match edge {
                IpAddr::V4(edge) => {
                    IpAddr::from((u32::from(edge).wrapping_add_signed(step.into())).to_be_bytes())
                }
                IpAddr::V6(edge) => {
                    IpAddr::from((u128::from(edge).wrapping_add_signed(step.into())).to_be_bytes())
                }
            };
            let known = reader.lookup(address).unwrap();
            let looked_up = known.decode_path::<&str>(&path!["country", "iso_code"]).unwrap() == Some("DE");
            assert_eq!(ranges.contain(address), looked_up, "{address}");
            seen[usize::from(looked_up)] += 1;
        }
    }
    assert!(seen.iter().all(|count| *count > 8), "{seen:?}");
}
