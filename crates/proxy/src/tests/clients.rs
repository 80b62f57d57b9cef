//! Certificates of clients: asked for, demanded, revoked, out of date, and on connections that began before.

use engine::peer::AltName;
use rustls::version::{TLS12, TLS13};

use super::pki::{Asks, Authority, FAR, Leaf, Serves, TlsClient, year};
use super::world::{Backend, OK, Shape, World};

/// A gateway that asks for certificates, and all that it is made of.
struct Asking {
    shape: Shape,
    serves: Serves,
    world: World,
    server: Authority,
    clients: Authority,
}

impl Asking {
    /// `lists`: what is revoked, and the year in which the list ends.
    fn start(optional: bool, demanded: bool, lists: &[(&[u64], i32)]) -> Self {
        Self::before(&Backend::answering(OK), optional, demanded, lists)
    }

    fn before(backend: &Backend, optional: bool, demanded: bool, lists: &[(&[u64], i32)]) -> Self {
        let (server, clients) = (Authority::new("server"), Authority::new("clients"));
        let mut serves = Serves::one(&server.server(&["localhost"]));
        let lists = lists.iter().map(|(revoked, ends)| (clients.list(revoked, *ends), *ends));
        serves.clients = Some(Asks { optional, roots: vec![clients.der.clone()], lists: lists.collect() });
        let mut shape = Shape::to(backend.address);
        shape.tls = Some(serves.settings());
        shape.client_certificate = demanded;
        let world = World::start(&shape);
        Self { shape, serves, world, server, clients }
    }

    fn client(&self, shows: Option<&Leaf>) -> TlsClient {
        TlsClient::new(&self.server, shows)
    }

    fn get(&self, shows: Option<&Leaf>) -> Result<u16, String> {
        self.client(shows).get(self.world.address, "localhost")
    }

    /// Reloads with other lists.
    fn publish(&mut self, revoked: &[u64]) {
        let list = self.clients.list(revoked, FAR);
        self.serves.clients.as_mut().unwrap().lists = vec![(list, FAR)];
        self.republish();
    }

    fn republish(&mut self) {
        self.shape.generation += 1;
        self.shape.tls = Some(self.serves.settings());
        self.world.plane.as_ref().unwrap().publish(&self.shape.snapshot(&self.world.live));
    }
}

fn is_alert(outcome: &Result<u16, String>) -> bool {
    outcome.as_ref().is_err_and(|why| why.contains("alert") || why.contains("ended"))
}

#[test]
fn a_required_certificate_is_of_an_authority_of_the_listener() {
    let asking = Asking::start(false, false, &[]);
    let good = asking.clients.client(7, FAR);
    assert_eq!(asking.get(Some(&good)), Ok(200));
    let facts = asking.world.tape.calls(1)[0].facts.clone().unwrap();
    let shown = facts.certificate.as_ref().unwrap();
    assert_eq!(shown.chain, [good.der.clone().into_boxed_slice()]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &good.der);
    assert_eq!(shown.thumbprint, digest.as_ref());
    assert_eq!(shown.names, [AltName::Uri("spiffe://example.com/client/7".into())]);
    assert_eq!(shown.expires, year(FAR) + 1);

    let strangers = Authority::new("clients");
    for (hostile, shows) in [
        ("none", None),
        ("another authority of the same name", Some(strangers.client(7, FAR))),
        ("expired", Some(asking.clients.client(7, 2020))),
        ("that of a server", Some(asking.clients.server(&["localhost"]))),
    ] {
        let outcome = asking.get(shows.as_ref());
        assert!(is_alert(&outcome), "{hostile}: {outcome:?}");
    }
    asking.world.tape.calls(1);
    assert_eq!(asking.get(Some(&good)), Ok(200));
}

#[test]
fn an_optional_certificate_is_demanded_by_the_apis_that_want_it() {
    for demanded in [false, true] {
        let asking = Asking::start(true, demanded, &[]);
        let good = asking.clients.client(1, FAR);
        assert_eq!(asking.get(Some(&good)), Ok(200));
        assert_eq!(asking.get(None), Ok(if demanded { 403 } else { 200 }));
        // A bad one is worse than none.
        assert!(is_alert(&asking.get(Some(&Authority::new("clients").client(1, FAR)))));
        // A call is told of when its answer has gone: two of two connections may come in either order.
        let mut codes: Vec<_> = asking.world.tape.calls(2).iter().map(|call| call.code).collect();
        codes.sort_unstable();
        assert_eq!(codes, ["", if demanded { "certificate_required" } else { "" }]);
    }
}

#[test]
fn threat_16_revoked_certificates_and_lists_out_of_date_are_refused() {
    let asking = Asking::start(false, false, &[(&[2, 3], FAR)]);
    assert_eq!(asking.get(Some(&asking.clients.client(1, FAR))), Ok(200));
    assert!(is_alert(&asking.get(Some(&asking.clients.client(3, FAR)))));

    let stale = Asking::start(false, false, &[(&[2], 2025)]);
    assert!(is_alert(&stale.get(Some(&stale.clients.client(1, FAR)))), "what is revoked is not known");

    // Of the two authorities one has no list, so nobody knows what it has revoked.
    let mut half = Asking::start(false, false, &[(&[], FAR)]);
    let unlisted = Authority::new("unlisted");
    half.serves.clients.as_mut().unwrap().roots.push(unlisted.der.clone());
    half.republish();
    assert_eq!(half.get(Some(&half.clients.client(1, FAR))), Ok(200));
    assert!(is_alert(&half.get(Some(&unlisted.client(1, FAR)))));
}

#[test]
fn each_certificate_of_a_chain_is_looked_up() {
    let mut asking = Asking::start(false, false, &[]);
    let between = asking.clients.below("between", 5);
    let leaf = between.client(1, FAR);
    assert_eq!(asking.get(Some(&leaf)), Ok(200));
    let cases = [
        (vec![asking.clients.list(&[], FAR), between.list(&[], FAR)], true),
        (vec![asking.clients.list(&[], FAR)], false),
        (vec![between.list(&[], FAR)], false),
        (vec![asking.clients.list(&[5], FAR), between.list(&[], FAR)], false),
        (vec![asking.clients.list(&[1], FAR), between.list(&[5], FAR)], true),
        (vec![asking.clients.list(&[], FAR), Authority::new("between").list(&[], FAR)], false),
    ];
    for (number, (lists, good)) in cases.into_iter().enumerate() {
        asking.serves.clients.as_mut().unwrap().lists = lists.into_iter().map(|list| (list, FAR)).collect();
        asking.republish();
        let outcome = asking.get(Some(&leaf));
        assert_eq!((outcome == Ok(200), is_alert(&outcome)), (good, !good), "{number}: {outcome:?}");
    }
    let facts = asking.world.tape.calls(3)[2].facts.clone().unwrap();
    assert_eq!(facts.certificate.as_ref().unwrap().chain.len(), 2);
}

#[test]
fn threat_47_a_revocation_reaches_connections_and_sessions_that_began_before() {
    for versions in [&[&TLS12], &[&TLS13]] {
        let mut asking = Asking::start(false, false, &[(&[], FAR)]);
        let (leaf, other) = (asking.clients.client(1, FAR), asking.clients.client(2, FAR));
        let client = |shows| TlsClient::with(&asking.server, Some(shows), |_| {}, versions);
        let (doomed, other) = (client(&leaf), client(&other));
        let address = asking.world.address;
        let mut open = doomed.connect(address, "localhost");
        let mut spared = other.connect(address, "localhost");
        for session in [&mut open, &mut spared] {
            assert_eq!(session.get("localhost"), Ok(200));
        }
        assert!(doomed.resumes(address) && other.resumes(address));

        asking.publish(&[1]);
        let (status, text) = open.call("localhost").unwrap();
        assert_eq!((status, text.contains("urn:yett:error:certificate_refused")), (403, true), "{text}");
        assert!(open.get("localhost").is_err(), "the connection ends");
        for _ in 0..2 {
            assert_eq!(spared.get("localhost"), Ok(200));
        }
        assert!(other.resumes(address));
        // A session that is resumed is not verified in the handshake, so the first call is.
        assert_eq!(doomed.get(address, "localhost"), Ok(403));
        // Nor is it ever without its ticket.
        let fresh = TlsClient::with(&asking.server, Some(&leaf), |_| {}, versions);
        assert!(is_alert(&fresh.get(address, "localhost")));

        // Taken back, it is as good as before.
        asking.publish(&[]);
        assert_eq!(doomed.get(address, "localhost"), Ok(200));
    }
}

#[test]
fn what_goes_out_of_date_ends_connections_that_began_before() {
    // The list in one, the certificate in the other; each has a twin that lasts.
    for (list, ends, at, expected) in
        [(2100, FAR, 2099, 200), (2100, FAR, 2100, 403), (FAR, 2100, 2099, 200), (FAR, 2100, 2101, 401)]
    {
        let asking = Asking::start(false, false, &[(&[], list)]);
        let leaf = asking.clients.client(1, ends);
        let mut session = asking.client(Some(&leaf)).connect(asking.world.address, "localhost");
        assert_eq!(session.get("localhost"), Ok(200));
        asking.world.wait_for(year(at));
        assert_eq!(session.get("localhost"), Ok(expected), "{list} {ends} {at}");
    }
}

#[test]
fn what_is_asked_for_may_change_under_a_connection() {
    let mut asking = Asking::start(true, false, &[]);
    let leaf = asking.clients.client(1, FAR);
    let connect = |asking: &Asking, shows| {
        let mut session = asking.client(shows).connect(asking.world.address, "localhost");
        assert_eq!(session.get("localhost"), Ok(200));
        session
    };
    let (mut without, mut with) = (connect(&asking, None), connect(&asking, Some(&leaf)));
    // Demanded from now on.
    asking.serves.clients.as_mut().unwrap().optional = false;
    asking.republish();
    assert_eq!(without.get("localhost"), Ok(403));
    // A call is told of soon after its answer, on another connection perhaps later than the next.
    let _ = asking.world.tape.calls(3);
    assert_eq!(with.get("localhost"), Ok(200));
    let _ = asking.world.tape.calls(4);
    // Of other authorities.
    asking.serves.clients.as_mut().unwrap().roots = vec![Authority::new("others").der];
    asking.republish();
    assert_eq!(with.get("localhost"), Ok(403));
    let codes: Vec<_> = asking.world.tape.calls(5).iter().map(|call| call.code).collect();
    assert_eq!(codes[2..], ["certificate_required", "", "certificate_refused"]);

    // Not asked for any more: nothing vouches for what was shown.
    asking.serves.clients = Some(Asks { roots: vec![asking.clients.der.clone()], ..Asks::default() });
    asking.republish();
    let mut with = connect(&asking, Some(&leaf));
    asking.serves.clients = None;
    asking.republish();
    assert_eq!(with.get("localhost"), Ok(403));
    assert_eq!(asking.get(None), Ok(200));
}

#[test]
fn threat_47_a_live_stream_ends_with_the_certificate_that_it_stands_on() {
    let backend = Backend::start(|backend, _, mut client| {
        while backend.take(&mut client) {
            client.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n5\r\nevent\r\n");
        }
    });
    // What becomes of the first client's; of the second's nothing does.
    let ends: [fn(&mut Asking); 2] =
        [|asking| asking.publish(&[1]), |asking| asking.world.wait_for(year(2100) + 1)];
    for (number, end) in ends.into_iter().enumerate() {
        let mut asking = Asking::before(&backend, false, false, &[(&[], FAR)]);
        let open = |serial, until| {
            let leaf = asking.clients.client(serial, until);
            let mut session = asking.client(Some(&leaf)).connect(asking.world.address, "localhost");
            session.listen("localhost").unwrap();
            session
        };
        let (mut doomed, mut spared) = (open(1, 2100), open(2, FAR));
        // A reload that changes nothing takes both along.
        asking.republish();
        end(&mut asking);
        assert_eq!(doomed.rest(), "", "broken off, not ended");
        let calls = asking.world.tape.calls(1);
        assert_eq!((calls[0].code, calls[0].generation), ("stream_withdrawn", 3 - number as u64), "{number}");
        // The list that says that the other is not revoked ends, and nobody brings another.
        asking.world.wait_for(year(FAR) + 1);
        assert_eq!(spared.rest(), "");
        assert_eq!(asking.world.tape.calls(2)[1].code, "stream_withdrawn", "{number}");
    }
}
