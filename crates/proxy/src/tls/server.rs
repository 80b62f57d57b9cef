//! TLS towards clients: which certificate is shown, what is asked of theirs, and what a ticket is good for.
//!
//! Sessions resume by tickets only. Their keys belong to one listener, to its certificates and to what it asks of clients (its
//! authorities, and whether a certificate is required): a ticket of one listener opens no session at another, and none
//! outlives a change of certificates or authorities (THREATS rows 41 and 47). The keys are made anew every six hours and read
//! tickets for twelve (RFC 5077 section 5.5); they outlive a change of revocation lists, since whoever resumes is verified
//! again.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Weak};
use std::time::Duration;

use engine::Clock;
use engine::snapshot::{ClientAuth, Listener, ListenerTls, TlsIdentity, TlsMinimum};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig};

/// What a listener serves TLS with.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) config: Arc<ServerConfig>,
    /// What it was made of.
    pub(crate) settings: Arc<ListenerTls>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    time: Arc<Time>,
}

impl Server {
    /// Verifies a chain that a client showed, as of now; leaf first.
    ///
    /// # Errors
    /// Why it is not believed, or that nobody asks for it.
    pub(crate) fn verify(&self, chain: &[Box<[u8]>]) -> Result<(), String> {
        let verifier = self.clients.as_ref().ok_or("the listener asks for no certificates any more")?;
        let mut chain = chain.iter().map(|der| CertificateDer::from(&**der));
        let leaf = chain.next().ok_or("the chain is empty")?;
        let rest: Vec<CertificateDer<'_>> = chain.collect();
        verifier
            .verify_client_cert(&leaf, &rest, self.time.now())
            .map(|_| ())
            .map_err(|error| error.to_string())
    }
}

/// The clock, as the TLS library asks it.
pub(crate) struct Time(Arc<dyn Clock>);

impl Time {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.0.unix().seconds()))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.now())
    }
}

/// A listener and what names what it serves with.
type Key = (Box<str>, [u8; 32]);

/// What listeners serve with, shared by all cores while somebody uses it.
#[derive(Debug)]
pub(crate) struct Servers {
    made: HashMap<Key, Weak<Server>>,
    tickets: HashMap<Key, Weak<dyn ProducesTickets>>,
    time: Arc<Time>,
}

impl Servers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { made: HashMap::new(), tickets: HashMap::new(), time: Arc::new(Time(clock)) }
    }

    /// What a listener serves with, made once.
    ///
    /// # Errors
    /// When a certificate, a key, an authority or a list cannot be used.
    pub(crate) fn get(
        &mut self,
        provider: &Arc<CryptoProvider>,
        listener: &Listener,
        settings: &Arc<ListenerTls>,
    ) -> io::Result<Arc<Server>> {
        let key = (listener.name.clone(), settings.digest);
        if let Some(server) = self.made.get(&key).and_then(Weak::upgrade) {
            return Ok(server);
        }
        self.made.retain(|_, server| server.strong_count() > 0);
        self.tickets.retain(|_, tickets| tickets.strong_count() > 0);
        let tickets = self.tickets(listener, settings).map_err(io::Error::other)?;
        let server =
            Arc::new(make(provider, settings, tickets, Arc::clone(&self.time)).map_err(io::Error::other)?);
        self.made.insert(key, Arc::downgrade(&server));
        Ok(server)
    }

    fn tickets(
        &mut self,
        listener: &Listener,
        settings: &ListenerTls,
    ) -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
        let key = (listener.name.clone(), stands_for(settings));
        if let Some(tickets) = self.tickets.get(&key).and_then(Weak::upgrade) {
            return Ok(tickets);
        }
        let tickets = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        self.tickets.insert(key, Arc::downgrade(&tickets));
        Ok(tickets)
    }
}

/// Names what a ticket stands for: the certificates that were shown and what was asked of the client.
fn stands_for(settings: &ListenerTls) -> [u8; 32] {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    context.update(&settings.clients.as_ref().map_or([0; 32], |clients| clients.authority));
    for der in settings.certificates().iter().flat_map(|identity| &identity.chain) {
        context.update(der);
    }
    let mut digest = [0; 32];
    for (slot, byte) in digest.iter_mut().zip(context.finish().as_ref()) {
        *slot = *byte;
    }
    digest
}

fn make(
    provider: &Arc<CryptoProvider>,
    settings: &Arc<ListenerTls>,
    tickets: Arc<dyn ProducesTickets>,
    time: Arc<Time>,
) -> Result<Server, String> {
    let versions: &[&rustls::SupportedProtocolVersion] = match settings.minimum {
        TlsMinimum::Two => &[&TLS12, &TLS13],
        TlsMinimum::Three => &[&TLS13],
    };
    let resolver = Certificates::new(provider, settings)?;
    let clients = settings.clients.as_ref().map(|clients| verifier(provider, clients)).transpose()?;
    let builder = ServerConfig::builder_with_details(
        Arc::clone(provider),
        Arc::<Time>::clone(&time) as Arc<dyn TimeProvider>,
    )
    .with_protocol_versions(versions)
    .map_err(|error| error.to_string())?;
    let builder = match &clients {
        Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = tickets;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Server { config: Arc::new(config), settings: Arc::clone(settings), clients, time })
}

/// Chains end at one of the authorities, and where there are lists, each certificate of a chain is on record in one of its
/// issuer's that is not out of date.
fn verifier(
    provider: &Arc<CryptoProvider>,
    clients: &ClientAuth,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for der in &clients.roots {
        roots
            .add(CertificateDer::from(der.clone()))
            .map_err(|error| format!("an authority of clients cannot be used: {error}"))?;
    }
    let crls = clients.crls.iter().map(|der| CertificateRevocationListDer::from(der.clone()));
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .with_crls(crls)
        .enforce_revocation_expiration();
    if !clients.required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| format!("the authorities of clients cannot be used: {error}"))
}

/// The certificates of a listener, by the server name that a client asks for.
#[derive(Debug)]
struct Certificates {
    settings: Arc<ListenerTls>,
    keys: Vec<Arc<CertifiedKey>>,
}

impl Certificates {
    fn new(provider: &CryptoProvider, settings: &Arc<ListenerTls>) -> Result<Self, String> {
        let keys = settings.certificates().iter().map(|identity| certified(provider, identity));
        Ok(Self { keys: keys.collect::<Result<_, _>>()?, settings: Arc::clone(settings) })
    }
}

fn certified(provider: &CryptoProvider, identity: &TlsIdentity) -> Result<Arc<CertifiedKey>, String> {
    let chain: Vec<_> = identity.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::from_pem_slice(&identity.key)
        .map_err(|error| format!("the key cannot be read: {error}"))?;
    CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(|error| error.to_string())
}

impl ResolvesServerCert for Certificates {
    /// The first certificate for the name with whose key the client can do something; nothing ends the handshake.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let numbers = self.settings.certificates_for(hello.server_name());
        let mut fitting = numbers.iter().filter_map(|number| self.keys.get(usize::from(*number)));
        fitting.find(|key| key.key.choose_scheme(hello.signature_schemes()).is_some()).cloned()
    }
}
