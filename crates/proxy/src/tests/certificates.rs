//! Which certificate is shown to whom, what is spoken, and what sessions resume.

use engine::bounds;
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, NamedGroup};

use super::pki::{Asks, Authority, Serves, TlsClient};
use super::world::{Backend, OK, Shape, World};

fn world(serves: &Serves, second: Option<&Serves>) -> World {
    let mut shape = Shape::to(Backend::answering(OK).address);
    shape.tls = Some(serves.settings());
    shape.second = second.map(Serves::settings);
    World::start(&shape)
}

#[test]
fn a_certificate_is_chosen_by_the_server_name() {
    let authority = Authority::new("a");
    let [main, exact, wild] =
        [&["main.example.com"], &["a.example.com"], &["*.example.com"]].map(|names| authority.server(names));
    let mut serves = Serves::one(&main);
    serves.certificates.push((exact.clone(), vec!["a.example.com"]));
    serves.certificates.push((wild.clone(), vec!["*.example.com"]));
    let (with_default, client) = (world(&serves, None), TlsClient::new(&authority, None));
    let shown = |world: &World, name: &str| client.connect(world.address, name).shown();
    assert_eq!(shown(&with_default, "a.example.com"), Ok(exact.der.clone()));
    assert_eq!(shown(&with_default, "b.example.com"), Ok(wild.der));
    // One label only: the default is shown, which the client does not take for it.
    let other = shown(&with_default, "b.c.example.com").unwrap_err();
    assert!(other.contains("not valid for name"), "{other}");
    assert_eq!(client.get(with_default.address, "a.example.com"), Ok(200));

    serves.certificates.remove(0);
    serves.named_only = true;
    let named_only = world(&serves, None);
    assert_eq!(shown(&named_only, "a.example.com"), Ok(exact.der));
    let refused = shown(&named_only, "other.example.org").unwrap_err();
    assert!(refused.contains("alert"), "{refused}");
}

#[test]
fn threat_15_a_host_is_that_of_the_handshake() {
    let authority = Authority::new("a");
    let mut serves = Serves::one(&authority.server(&["127.0.0.1", "a.example.com"]));
    serves.certificates.push((authority.server(&["b.example.com"]), vec!["b.example.com"]));
    let (world, client) = (world(&serves, None), TlsClient::new(&authority, None));
    for (name, host, expected) in [
        ("a.example.com", "a.example.com", 200),
        ("a.example.com", "A.example.com.", 200),
        ("a.example.com", "b.example.com", 421),
        ("b.example.com", "a.example.com", 421),
        // No server name goes with an address: whatever the default certificate is for may follow.
        ("127.0.0.1", "127.0.0.1", 200),
        ("127.0.0.1", "a.example.com", 200),
        ("127.0.0.1", "b.example.com", 421),
    ] {
        let mut session = client.connect(world.address, name);
        let (status, text) = session.call(host).unwrap();
        assert_eq!(status, expected, "{name} {host}");
        assert_eq!(text.contains("urn:yett:error:misdirected"), expected == 421, "{text}");
    }
}

/// A session that is resumed shows no certificate again; the host is held to its handshake all the same.
#[test]
fn threat_15_a_host_is_that_of_the_handshake_when_its_session_is_resumed() {
    let authority = Authority::new("a");
    let mut serves = Serves::one(&authority.server(&["localhost"]));
    serves.certificates.push((authority.server(&["b.example.com"]), vec!["b.example.com"]));
    for versions in [&[&TLS12], &[&TLS13]] {
        let world = world(&serves, None);
        let client = TlsClient::with(&authority, None, |_| {}, versions);
        assert!(!client.resumes(world.address));
        let mut session = client.connect(world.address, "localhost");
        let (status, text) = session.call("b.example.com").unwrap();
        assert_eq!(session.0.conn.handshake_kind(), Some(HandshakeKind::Resumed));
        assert_eq!(status, 421, "{text}");
        assert!(text.contains("urn:yett:error:misdirected"), "{text}");
        assert!(client.resumes(world.address), "its own host is served");
    }
}

#[test]
fn keys_are_exchanged_in_a_way_that_lasts() {
    let authority = Authority::new("a");
    let world = world(&Serves::one(&authority.server(&["localhost"])), None);
    let group = |client: &TlsClient| {
        let mut session = client.connect(world.address, "localhost");
        session.shown().unwrap();
        session.0.conn.negotiated_key_exchange_group().unwrap().name()
    };
    assert_eq!(group(&TlsClient::new(&authority, None)), NamedGroup::X25519MLKEM768);
    let classical = TlsClient::with(
        &authority,
        None,
        |provider| provider.kx_groups.retain(|group| group.name() == NamedGroup::X25519),
        rustls::ALL_VERSIONS,
    );
    assert_eq!(group(&classical), NamedGroup::X25519);
}

#[test]
fn the_oldest_version_is_what_the_listener_says() {
    let authority = Authority::new("a");
    let mut serves = Serves::one(&authority.server(&["localhost"]));
    let client = |versions| TlsClient::with(&authority, None, |_| {}, versions);
    let (two, three) = (client(&[&TLS12]), client(&[&TLS13]));
    let both = world(&serves, None);
    assert_eq!(two.get(both.address, "localhost"), Ok(200));
    assert_eq!(three.get(both.address, "localhost"), Ok(200));
    serves.three = true;
    let only_three = world(&serves, None);
    assert!(two.get(only_three.address, "localhost").unwrap_err().contains("ProtocolVersion"));
    assert_eq!(three.get(only_three.address, "localhost"), Ok(200));
}

#[test]
fn threat_47_a_ticket_is_good_at_its_listener_and_under_its_authorities_only() {
    let (authority, clients, others) = (Authority::new("a"), Authority::new("c"), Authority::new("d"));
    let asks =
        |root: &Authority, optional| Some(Asks { optional, roots: vec![root.der.clone()], lists: vec![] });
    let mut serves = Serves::one(&authority.server(&["localhost"]));
    serves.clients = asks(&clients, true);
    for versions in [&[&TLS12], &[&TLS13]] {
        // The same settings in all, so that nothing but the listener tells them apart.
        let backend = Backend::answering(OK);
        let mut shape = Shape::to(backend.address);
        shape.tls = Some(serves.settings());
        shape.second = Some(serves.settings());
        let world = World::start(&shape);
        let second = world.plane.as_ref().unwrap().addresses()[1].1.tcp().unwrap();
        let client = TlsClient::with(&authority, None, |_| {}, versions);
        assert!(!client.resumes(world.address));
        assert!(client.resumes(world.address));
        assert!(!client.resumes(second), "a ticket of another listener");
        assert!(client.resumes(second));

        // What was resumed would still stand on the old certificate.
        let mut publish = |serves: &Serves| {
            shape.generation += 1;
            shape.tls = Some(serves.settings());
            world.plane.as_ref().unwrap().publish(&shape.snapshot(&world.live));
        };
        let mut changed = serves.clone();
        changed.certificates[0].0 = authority.server(&["localhost"]);
        let client = TlsClient::with(&authority, None, |_| {}, versions);
        assert!(!client.resumes(world.address));
        publish(&changed);
        assert!(!client.resumes(world.address), "a ticket of another certificate");
        assert!(client.resumes(world.address));
        for changed_clients in [asks(&others, true), None] {
            changed.clients = changed_clients;
            publish(&changed);
            assert!(!client.resumes(world.address), "a ticket of other authorities");
            assert!(client.resumes(world.address));
        }
    }
}

#[test]
fn the_client_hello_is_kept_as_it_came() {
    let authority = Authority::new("a");
    let world = world(&Serves::one(&authority.server(&["localhost"])), None);
    let client = TlsClient::new(&authority, None);
    assert_eq!(client.get(world.address, "localhost"), Ok(200));
    let facts = world.tape.calls(1)[0].facts.clone().unwrap();
    assert_eq!(facts.server_name.as_deref(), Some("localhost"));
    let hello = facts.client_hello.as_ref().unwrap();
    assert_eq!(hello.records.len(), hello.length);
    // A record of a handshake with one message that fills it, which names the server.
    let payload = usize::from(hello.records[3]) << 8 | usize::from(hello.records[4]);
    assert_eq!((hello.records[0], hello.records[5], payload + 5), (22, 1, hello.length));
    assert!(hello.records.windows(9).any(|window| window == b"localhost"));
    assert!(hello.length < bounds::CLIENT_HELLO_KEPT);

    // A long one is kept as far as the bound.
    let mut long = (*client.0).clone();
    long.alpn_protocols = (0..40).map(|n| vec![n; 200]).chain([b"http/1.1".to_vec()]).collect();
    let long = TlsClient(std::sync::Arc::new(long));
    assert_eq!(long.get(world.address, "localhost"), Ok(200));
    let facts = world.tape.calls(2)[1].facts.clone().unwrap();
    let hello = facts.client_hello.as_ref().unwrap();
    assert_eq!(hello.records.len(), bounds::CLIENT_HELLO_KEPT);
    assert!(hello.length > 8_000, "{}", hello.length);
}
