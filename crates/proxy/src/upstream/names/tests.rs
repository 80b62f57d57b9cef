//! Names against a server of names that answers by hand: how long an answer holds, what serves when there is none, and packets
//! that nobody should send.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use testkit::dns::{A, AAAA, Question, Record};
use testkit::{Dns, FakeClock, until};

use super::*;
use crate::tests::Side;

const SECOND: Duration = Duration::from_secs(1);

/// A core beside a name server.
struct Bench {
    clock: FakeClock,
    context: CoreContext,
    dns: Dns,
    /// What the name server says now, by the number of the script.
    turn: Arc<AtomicUsize>,
    _resolver: Arc<Resolver>,
}

pub(in crate::upstream) fn resolver(server: SocketAddr, search: &[&str]) -> Resolver {
    let mut one = NameServerConfig::udp_and_tcp(server.ip());
    one.connections.iter_mut().for_each(|connection| connection.port = server.port());
    let search = search.iter().map(|domain| domain.parse().unwrap()).collect();
    Resolver::of(ResolverConfig::from_parts(None, search, vec![one]), |options| {
        (options.timeout, options.attempts) = (SECOND, 0);
    })
}

impl Bench {
    /// `says` is asked for the packets of each question, with the turn that the test has come to.
    fn new(says: impl Fn(&Question, usize) -> Vec<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self::searching(&[], says)
    }

    fn searching(
        search: &[&str],
        says: impl Fn(&Question, usize) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let turn = Arc::<AtomicUsize>::default();
        let now = Arc::clone(&turn);
        let dns = Dns::start(move |question| says(question, now.load(Ordering::SeqCst)));
        let clock = FakeClock::new();
        let mut context = testkit::core(&clock, &Arc::default());
        context.side = Side::start();
        let own = context.keyed.get_or_make(RESOLVER, "", || resolver(dns.address(), search));
        Self { clock, context, dns, turn, _resolver: own }
    }

    fn host(&self, name: &str) -> Host {
        Host::of(name, &self.context, true)
    }

    fn next(&self) {
        self.turn.fetch_add(1, Ordering::SeqCst);
    }

    fn addresses(&self, host: &Host) -> Result<Vec<String>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(host.addresses(&self.clock))?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    /// Lets time pass until so many questions for IPv4 have come; how much that took.
    fn pass_until(&self, questions: usize) -> Duration {
        let began = self.clock.now();
        let asked = until(20, || {
            if self.dns.count(A) >= questions {
                return Some(());
            }
            self.clock.advance(SECOND / 4);
            None
        });
        assert!(asked.is_some(), "{:?}", self.dns.asked());
        self.clock.now().since(began)
    }

    /// Lets time pass until the host has these addresses.
    fn comes_to(&self, host: &Host, expected: &[&str]) {
        let has = until(20, || {
            self.clock.advance(SECOND);
            (self.addresses(host).is_ok_and(|found| found == expected)).then_some(())
        });
        assert!(has.is_some(), "{:?} and not {expected:?}", self.addresses(host));
    }
}

fn is(address: &str, ttl: u32) -> Record {
    Record::address(address.parse().unwrap(), ttl)
}

/// A good answer: this address to who asks for IPv4, none to others.
fn only(question: &Question, address: &str, ttl: u32) -> Vec<Vec<u8>> {
    let records = [is(address, ttl)];
    vec![question.answer(if question.kind == A { &records } else { &[] })]
}

#[test]
fn an_answer_holds_for_its_ttl_within_bounds() {
    const WHILE: Duration = Duration::from_secs(60);
    for (ttl, holds) in [
        (0, bounds::NAME_LEAST),
        (30, Duration::from_secs(30)),
        (86_400, bounds::NAME_MOST),
        // RFC 2181 section 8.
        (1 << 31, bounds::NAME_LEAST),
    ] {
        let bench = Bench::new(move |question, turn| {
            only(question, if turn == 0 { "10.0.0.1" } else { "10.0.0.2" }, ttl)
        });
        let host = bench.host("orders.test");
        assert_eq!(bench.addresses(&host).unwrap(), ["10.0.0.1"], "{ttl}");
        bench.next();
        let took = bench.pass_until(2);
        assert!(holds <= took && took <= holds + WHILE, "{ttl}: {took:?}");
        bench.comes_to(&host, &["10.0.0.2"]);
        assert!(host.has([10, 0, 0, 2].into()) && !host.has([10, 0, 0, 1].into()));
    }
}

#[test]
fn what_was_known_serves_while_there_is_nothing_better() {
    let bench = Bench::new(|question, turn| match turn {
        0 => only(question, "10.0.0.1", 1),
        1 => vec![question.code(2)],
        2 => vec![question.code(3)],
        3 => vec![question.answer(&[])],
        4 => Vec::new(),
        _ => only(question, "10.0.0.2", 1),
    });
    let host = bench.host("orders.test");
    assert_eq!(bench.addresses(&host).unwrap(), ["10.0.0.1"]);
    for _ in 1..=4 {
        bench.next();
        bench.pass_until(bench.dns.count(A) + 2);
        assert_eq!(bench.addresses(&host).unwrap(), ["10.0.0.1"]);
    }
    bench.next();
    bench.comes_to(&host, &["10.0.0.2"]);
}

#[test]
fn a_name_without_an_address_is_said_and_asked_for_again() {
    let bench = Bench::new(|question, turn| match turn {
        0 => vec![question.code(3)],
        _ => only(question, "10.0.0.1", 60),
    });
    let host = bench.host("orders.test");
    let why = bench.addresses(&host).unwrap_err();
    assert!(why.starts_with("`orders.test` leads nowhere: "), "{why}");
    assert!(host.has([10, 9, 9, 9].into()), "nothing is known yet");
    let before = bench.dns.count(A);
    assert!(bench.addresses(&host).is_err());
    assert_eq!(bench.dns.count(A), before, "not more than once in a while, however many ask");
    bench.next();
    bench.clock.advance(bounds::NAME_LEAST);
    assert_eq!(bench.addresses(&host).unwrap(), ["10.0.0.1"], "whoever comes then waits for it");
}

#[test]
fn a_name_is_asked_for_at_once_when_none_of_its_addresses_answers() {
    let bench =
        Bench::new(|question, turn| only(question, if turn == 0 { "10.0.0.1" } else { "10.0.0.2" }, 300));
    let host = bench.host("orders.test");
    assert_eq!(bench.addresses(&host).unwrap(), ["10.0.0.1"]);
    bench.next();
    host.doubt(bench.clock.now());
    bench.clock.advance(bounds::NAME_LEAST);
    host.doubt(bench.clock.now());
    assert!(until(10, || host.has([10, 0, 0, 2].into()).then_some(())).is_some());
    assert_eq!(bench.dns.count(A), 2, "the first doubt came right after an answer");
}

#[test]
fn all_cores_ask_once_and_the_last_one_ends_it() {
    let bench = Bench::new(|question, _| only(question, "10.0.0.1", 1));
    let hosts: Vec<Host> = (0..8).map(|_| bench.host("orders.test")).collect();
    for host in &hosts {
        assert_eq!(bench.addresses(host).unwrap(), ["10.0.0.1"]);
    }
    assert_eq!(bench.dns.count(A), 1);
    let Host::Named(name) = &hosts[0] else { panic!() };
    let gone = Arc::downgrade(name);
    drop(hosts);
    // It may hold it for as long as it takes to write an answer down, no longer.
    assert!(
        until(10, || gone.upgrade().is_none().then_some(())).is_some(),
        "the task holds no name while it waits"
    );
    // An address is no name.
    assert_eq!(bench.addresses(&bench.host("[2001:db8::1]")).unwrap(), ["2001:db8::1"]);
    assert_eq!(bench.dns.count(A), 1);
}

#[test]
fn a_question_that_is_not_answered_takes_no_addresses_of_its_kind_away() {
    let bench = Bench::new(|question, turn| match (question.kind, turn) {
        (AAAA, _) => vec![question.answer(&[is("2001:db8::1", 1)])],
        (_, 0) => vec![question.answer(&[is("10.0.0.1", 1)])],
        (_, 1) => vec![question.code(2)],
        _ => vec![question.answer(&[])],
    });
    let host = bench.host("orders.test");
    assert_eq!(bench.addresses(&host).unwrap(), ["10.0.0.1", "2001:db8::1"]);
    bench.next();
    bench.pass_until(bench.dns.count(A) + 4);
    assert_eq!(bench.addresses(&host).unwrap(), ["10.0.0.1", "2001:db8::1"]);
    bench.next();
    bench.comes_to(&host, &["2001:db8::1"]);
}

#[test]
fn more_addresses_than_are_kept_are_the_same_ones_in_any_order() {
    let all = |turn: usize| -> Vec<Record> {
        let mut all: Vec<Record> = (0..100).map(|last| is(&format!("10.0.0.{last}"), 1)).collect();
        all.rotate_left(turn * 50);
        all
    };
    let bench = Bench::new(move |question, turn| match (question.kind, question.tcp) {
        (A, false) => vec![question.truncated()],
        (A, true) => vec![question.answer(&all(turn))],
        _ => vec![question.answer(&[])],
    });
    let host = bench.host("orders.test");
    let first = bench.addresses(&host).unwrap();
    assert_eq!(first.len(), bounds::ADDRESSES);
    bench.next();
    bench.pass_until(bench.dns.count(A) + 4);
    assert_eq!(bench.addresses(&host).unwrap(), first);
}

#[test]
fn names_are_looked_for_in_the_domains_of_the_system() {
    let bench = Bench::searching(&["shop.test.", "test."], |question, _| match question.name.as_str() {
        "orders.test" => only(question, "10.0.0.1", 60),
        "orders.shop.test.test" | "whole.test" => only(question, "10.0.0.2", 60),
        _ => vec![question.code(3)],
    });
    assert_eq!(bench.addresses(&bench.host("orders")).unwrap(), ["10.0.0.1"]);
    let asked = bench.dns.asked();
    assert_eq!((asked[0].name.as_str(), bench.dns.count(A)), ("orders.shop.test", 2));
    assert_eq!(bench.addresses(&bench.host("whole.test.")).unwrap(), ["10.0.0.2"], "with a dot it is whole");
    // RFC 6761 section 6.3.
    let before = bench.dns.asked().len();
    assert!(bench.addresses(&bench.host("localhost")).unwrap().contains(&String::from("127.0.0.1")));
    assert_eq!(bench.dns.asked().len(), before);
}

/// Another name in place of the question's.
fn alias(question: &Question, to: &str, ttl: u32) -> Vec<Vec<u8>> {
    vec![question.answer(&[Record::alias(to, ttl)])]
}

#[test]
fn aliases_are_followed_as_far_as_they_go_and_the_shortest_ttl_counts() {
    let bench = Bench::new(|question, turn| match (question.name.as_str(), turn, question.kind) {
        (_, 1.., _) => only(question, "10.0.0.9", 300),
        // All in one answer.
        ("one.test", _, A) => vec![question.answer(&[
            Record::alias("two.test", 2),
            Record::alias("three.test", 300).of("two.test"),
            is("10.0.0.1", 300).of("three.test"),
        ])],
        ("one.test", ..) => vec![question.answer(&[])],
        // One after another.
        ("far.test", ..) => alias(question, "farther.test", 2),
        ("farther.test", ..) => only(question, "10.0.0.2", 300),
        // To itself, and in a ring.
        ("self.test", ..) => alias(question, "self.test", 300),
        ("a.test", ..) => alias(question, "b.test", 300),
        ("b.test", ..) => alias(question, "a.test", 300),
        _ => vec![question.code(3)],
    });
    let (one, far) = (bench.host("one.test"), bench.host("far.test"));
    assert_eq!(bench.addresses(&one).unwrap(), ["10.0.0.1"]);
    assert_eq!(bench.addresses(&far).unwrap(), ["10.0.0.2"]);
    for ring in ["self.test", "a.test"] {
        assert!(bench.addresses(&bench.host(ring)).is_err(), "{ring}");
    }
    assert!(bench.dns.asked().len() < 100, "{}", bench.dns.asked().len());
    bench.next();
    let began = bench.clock.now();
    bench.comes_to(&one, &["10.0.0.9"]);
    bench.comes_to(&far, &["10.0.0.9"]);
    let took = bench.clock.now().since(began);
    assert!(took < Duration::from_secs(250), "{took:?}");
}

/// A packet with this in place of its answer's records.
fn raw(question: &Question, records: u16, rest: &[u8]) -> Vec<u8> {
    let mut packet = question.answer(&[]);
    packet[6..8].copy_from_slice(&records.to_be_bytes());
    packet.extend(rest);
    packet
}

/// A pointer of compressed names (RFC 1035 section 4.1.4).
fn to(offset: usize) -> [u8; 2] {
    u16::try_from(0xc000 | offset).unwrap().to_be_bytes()
}

/// What is left of a record behind its name.
const REST: [u8; 14] = [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 6, 6, 6, 6];

#[test]
fn packets_that_nobody_should_send_are_no_answers() {
    type Says = fn(&Question) -> Vec<Vec<u8>>;
    let cases: [(&str, Says); 8] = [
        ("a name that points to itself", |q| vec![raw(q, 1, &[&to(q.end())[..], &REST].concat())]),
        ("two that point to each other", |q| {
            let ring = [&to(q.end() + 2)[..], &to(q.end()), &REST].concat();
            vec![raw(q, 1, &ring)]
        }),
        ("one that points past the end", |q| vec![raw(q, 1, &[&to(0x3fff)[..], &REST].concat())]),
        ("more records than there are", |q| vec![raw(q, u16::MAX, &[])]),
        ("an address that is cut off", |q| vec![raw(q, 1, &[&to(12)[..], &REST[..12]].concat())]),
        ("too long by TCP as well", |q| vec![q.truncated()]),
        ("no packet of this kind", |_| vec![vec![0; 3], Vec::new(), b"GET / HTTP/1.1\r\n\r\n".to_vec()]),
        ("the question itself", |q| {
            let mut packet = q.answer(&[]);
            packet[2] = 1;
            vec![packet]
        }),
    ];
    for (what, says) in cases {
        let bench = Bench::new(move |question, turn| match turn {
            0 => says(question),
            _ => only(question, "10.0.0.1", 60),
        });
        let host = bench.host("orders.test");
        assert!(bench.addresses(&host).is_err(), "{what}");
        assert!(bench.dns.asked().len() < 20, "{what}: {}", bench.dns.asked().len());
        bench.next();
        bench.comes_to(&host, &["10.0.0.1"]);
    }
}

#[test]
fn an_answer_to_another_question_does_not_count_and_the_right_one_does() {
    type Forged = fn(&Question) -> Vec<u8>;
    let cases: [(&str, Forged); 2] = [
        ("another number", |question| {
            let mut packet = question.answer(&[is("6.6.6.6", 60)]);
            packet[1] ^= 1;
            packet
        }),
        ("another name", |question| {
            let mut packet = question.answer(&[is("6.6.6.6", 60)]);
            packet[13] ^= 1;
            packet
        }),
    ];
    for (what, forged) in cases {
        let bench = Bench::new(move |question, _| {
            let mut packets = only(question, "10.0.0.1", 60);
            packets.insert(0, forged(question));
            packets
        });
        assert_eq!(bench.addresses(&bench.host("orders.test")).unwrap(), ["10.0.0.1"], "{what}");
    }
}

#[test]
fn what_is_too_long_for_udp_is_asked_for_by_tcp() {
    let bench = Bench::new(|question, _| match question.tcp {
        false => vec![question.truncated()],
        true => only(question, "10.0.0.1", 60),
    });
    assert_eq!(bench.addresses(&bench.host("orders.test")).unwrap(), ["10.0.0.1"]);
    assert!(bench.dns.asked().iter().any(|question| question.tcp));
}
