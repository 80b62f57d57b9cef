//! A target that is a name: calls go where it leads now, whichever core they come to.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use engine::keyed::Keyed;
use testkit::dns::{A, Record};
use testkit::{Dns, FakeClock, until};

use super::probes::Side;
use super::world::{Backend, OK, Shape, World};
use crate::upstream::names_from;

const GET: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\n\r\n";
const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Two services on one port, at both addresses.
fn twins() -> (Backend, Backend) {
    until(20, || {
        let here = Backend::answering(OK);
        let there = TcpListener::bind(SocketAddr::from((THERE, here.address.port()))).ok()?;
        let there = Backend::on(there, |backend, _, mut client| {
            while backend.take(&mut client) {
                client.send(OK);
            }
        });
        Some((here, there))
    })
    .unwrap()
}

#[test]
fn calls_go_where_the_name_leads_now() {
    let (here, there) = twins();
    let moved = Arc::new(AtomicBool::new(false));
    let has_moved = Arc::clone(&moved);
    let dns = Dns::start(move |question| {
        let address = if has_moved.load(Ordering::SeqCst) { THERE } else { HERE };
        let records = [Record::address(address.into(), 5)];
        vec![question.answer(if question.kind == A { &records } else { &[] })]
    });
    let keyed = Arc::<Keyed>::default();
    let _servers = names_from(dns.address(), &keyed);
    let (clock, mut shape) = (FakeClock::new(), Shape::to(here.address));
    shape.host = "orders.test";
    let world = World::among(&shape, Arc::new(clock.clone()), Side::start(), &keyed);
    let calls = || (here.requests().len(), there.requests().len());
    let mut client = world.connect();
    let mut call = |count: usize| {
        for _ in 0..count {
            client.send(GET);
            let reply = client.reply();
            assert_eq!(reply.status, 200, "{reply:?}");
        }
    };
    call(3);
    assert_eq!(calls(), (3, 0));
    moved.store(true, Ordering::SeqCst);
    // The connection that is kept leads where the name does not any more: it carries no further calls once that is known.
    let arrived = until(20, || {
        clock.advance(Duration::from_secs(1));
        call(1);
        (calls().1 > 0).then_some(())
    });
    assert!(arrived.is_some(), "{:?}", calls());
    let before = calls();
    call(3);
    assert_eq!(calls(), (before.0, before.1 + 3), "and none goes back");
}
