//! Which addresses are in which networks, what wrong lists are told, and what a call gets.

use diagnostics::{Diagnostics, Sources};
use engine::{Attached, Call, Mode, Step, Verdict};
use state::MemoryCells;
use std::sync::Arc;
use testkit::{CallBuilder, FakeClock, core};

use super::{Networks, Ranges, config};
use crate::scope::{Assets, Compiled, OperationKind, OperationScope};
use crate::security::kit::{Setup, World};

mod mmdb;
mod places;

fn ranges(all: &[&str]) -> Ranges {
    let all: Vec<_> = all.iter().map(|text| cidr(text)).collect();
    Ranges::new(&all.iter().map(plain).collect::<Vec<_>>())
}

fn cidr(text: &str) -> spec::Cidr {
    text.parse().unwrap()
}

const fn plain(one: &spec::Cidr) -> (std::net::IpAddr, u8) {
    (one.address(), one.prefix())
}

#[test]
fn addresses_are_in_their_networks() {
    let some = ranges(&["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "10.1.0.0/16", "198.51.100.0/31"]);
    for (address, within) in [
        ("10.0.0.0", true),
        ("10.255.255.255", true),
        ("9.255.255.255", false),
        ("11.0.0.0", false),
        ("192.0.2.7", true),
        ("192.0.2.6", false),
        ("192.0.2.8", false),
        ("198.51.100.1", true),
        ("198.51.100.2", false),
        ("2001:db8::", true),
        ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true),
        ("2001:db9::", false),
        ("2001:db7:ffff::", false),
        // In IPv6 clothes.
        ("::ffff:10.1.2.3", true),
        ("::ffff:11.0.0.0", false),
        ("::10.1.2.3", false),
    ] {
        assert_eq!(some.contain(address.parse().unwrap()), within, "{address}");
    }
    assert_eq!(some.v4.len(), 3, "{some:?}");
    for (all, address, within) in [
        (&["0.0.0.0/0"][..], "203.0.113.1", true),
        (&["0.0.0.0/0"], "::1", false),
        (&["::/0"], "::1", true),
        (&["::/0"], "203.0.113.1", false),
        (&[], "::1", false),
    ] {
        assert_eq!(ranges(all).contain(address.parse().unwrap()), within, "{all:?} {address}");
    }
}

/// Against the plain way: each network asked by itself.
#[test]
fn ranges_are_what_their_networks_are() {
    use proptest::prelude::*;
    let network = (any::<u32>(), 0_u8..=32).prop_map(|(address, prefix)| {
        let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
        format!("{}/{prefix}", std::net::Ipv4Addr::from(address & mask))
    });
    let near = (0_u32..16, any::<u32>());
    proptest!(|(all in prop::collection::vec(network, 0..8), asked in prop::collection::vec(near, 1..16))| {
        let all: Vec<_> = all.iter().map(|text| cidr(text)).collect();
        let ranges = Ranges::new(&all.iter().map(plain).collect::<Vec<_>>());
        for (low, any) in asked {
            let edges = all.iter().map(|one| one.address());
            let address = edges.into_iter().nth(low as usize % (all.len() + 1)).map_or(any, |edge| match edge {
                std::net::IpAddr::V4(edge) => u32::from(edge).wrapping_add(low).wrapping_sub(2),
                std::net::IpAddr::V6(_) => any,
            });
            let address = std::net::IpAddr::V4(address.into());
            prop_assert_eq!(ranges.contain(address), all.iter().any(|one| one.contains(address)));
        }
    });
}

const DOCUMENT: &str = "version: 1\nlisten: http://127.0.0.1:8080\napis: { t: { contract: ./api.yaml, upstream: http://127.0.0.1:3000 } }\n";
const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
paths: { /x: { get: { operationId: x, security: [], responses: { "200": { description: ok } } } } }
"#;

/// What a section comes to, and what is wrong with it.
fn compiled(section: &str, lists: &[(&str, &str)]) -> (Vec<Compiled>, Vec<String>) {
    let list = |(name, text): &(&str, &str)| ((*name).to_owned(), Arc::from(text.as_bytes()));
    compiled_with(section, lists.iter().map(list).collect())
}

fn compiled_with(section: &str, assets: Assets) -> (Vec<Compiled>, Vec<String>) {
    let (mut found, mut sources) = (Diagnostics::new(), Sources::default());
    let file = sources.add("section.yaml", section);
    let node = spec::parse(section, file, &mut found).unwrap();
    config::check_section(&node, &mut found);
    let mut all = Vec::new();
    let setup = Setup { assets, ..Setup::new(DOCUMENT, CONTRACT) };
    setup.attach_and(&World::new(), 0, |api| {
        let operation = &api.contract.unwrap().operations[0];
        let scope = OperationScope {
            api,
            kind: OperationKind::Declared,
            contract: Some(operation),
            id: &operation.id,
            method: &operation.method,
            template: &operation.template,
            params: &[],
            siblings: &[],
            websocket: false,
            section: Some(&node),
        };
        all = config::compile(&scope, &mut found);
    });
    (all, found.iter().map(|one| one.message.clone()).collect())
}

#[test]
fn wrong_sections_are_told() {
    let list = [
        ("a.txt", "# offices\n10.0.0.0/8\n\n 192.0.2.7 # the door\n"),
        ("b.txt", "10.0.0.0/8\nten\n"),
        ("c.txt", "# none\n"),
        ("cut.txt", "192.0.2.7\n10.0.0.0/2"),
    ];
    for (section, said) in [
        ("allow: [10.0.0.0/8, 'file:a.txt']", ""),
        ("deny: ['2001:db8::/32']\nmode: shadow", ""),
        ("mode: off", ""),
        ("allow: []", "an empty `allow` lets nobody in"),
        ("mode: enforce", "the section names no network"),
        ("allow: [10.0.0.0/33]", "`10.0.0.0/33` is no network"),
        ("allow: [offices.txt]", "`offices.txt` is no network"),
        ("deny: ['file:b.txt']", "`ten` in line 2 of `b.txt` is no network"),
        ("deny: ['file:c.txt']", "`c.txt` lists no network"),
        ("deny: ['file:cut.txt']", "the last line of `cut.txt` has no end"),
        ("deny: ['file:d.txt']", "there is no list `d.txt`"),
    ] {
        let (all, found) = compiled(section, &list);
        match said {
            "" => assert_eq!((all.len(), found.len()), (usize::from(section != "mode: off"), 0), "{found:?}"),
            said => {
                assert!(found.iter().any(|one| one.contains(said)), "{section}: {found:?}");
            }
        }
    }
    let node = |text: &str| {
        let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
        let file = sources.add("x.yaml", text);
        spec::parse(text, file, &mut found).unwrap()
    };
    let files = config::files(&node("allow: [10.0.0.0/8, 'file:a.txt']\ndeny: ['file:b.txt']"));
    let names: Vec<&str> = files.iter().map(|file| &*file.path).collect();
    assert_eq!(names, ["a.txt", "b.txt"]);
}

fn call(address: &str) -> Call {
    let mut call = CallBuilder::get("/x").build();
    call.client = address.parse().unwrap();
    call
}

fn code(control: &dyn Attached, address: &str) -> &'static str {
    match control.head(&mut call(address)) {
        Step::Done(Verdict::Allow) => "ok",
        Step::Done(Verdict::Refuse(refusal)) => refusal.code.name,
        other => panic!("{other:?}"),
    }
}

#[test]
fn who_cannot_be_located_is_in_no_network() {
    let attach = |section| {
        let (all, found) = compiled(section, &[]);
        assert_eq!((all.len(), found), (1, Vec::new()));
        Arc::clone(&all[0].control).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
    };
    // The hop's own address stands for a client that it names as `_x`.
    for (section, located, passes) in [
        ("allow: [10.0.0.0/8]", true, true),
        ("allow: [10.0.0.0/8]", false, false),
        ("deny: [192.0.2.0/24]", false, true),
    ] {
        let mut call = call("10.0.0.1");
        call.located = located;
        let control = attach(section);
        let step = control.head(&mut call);
        assert_eq!(matches!(step, Step::Done(Verdict::Allow)), passes, "{section} {located}");
    }
}

#[test]
fn calls_come_from_where_they_may() {
    const REFUSED: &str = "address_refused";
    let list = [("blocked.txt", "10.66.0.0/16\n")];
    let (all, found) = compiled("allow: [10.0.0.0/8]\ndeny: ['file:blocked.txt']", &list);
    assert_eq!((all.len(), found), (1, Vec::new()));
    assert_eq!(all[0].mode, Mode::Enforce);
    let attach = |all: &[Compiled]| {
        Arc::clone(&all[0].control).attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())))
    };
    let control = attach(&all);
    for (address, expected) in [
        ("10.1.2.3", "ok"),
        ("::ffff:10.1.2.3", "ok"),
        ("10.66.0.1", REFUSED),
        ("::ffff:10.66.0.1", REFUSED),
        ("192.0.2.1", REFUSED),
        ("::1", REFUSED),
    ] {
        assert_eq!(code(&*control, address), expected, "{address}");
    }
    let (all, _) = compiled("deny: [10.66.0.0/16]", &[]);
    let control = attach(&all);
    assert_eq!((code(&*control, "192.0.2.1"), code(&*control, "10.66.0.1")), ("ok", REFUSED));
    let nobody = Networks { allow: Some(Ranges::default()), deny: Ranges::default() };
    assert!(matches!(nobody.decide(&call("10.1.2.3")), Verdict::Refuse(_)));
}
