//! Verifying one bearer token for one set of issuers: choose the issuer, check signature and claims, remember.
//!
//! The unverified `iss` chooses among the issuers of the scheme by exact comparison, and only that issuer's keys are
//! ever tried: keys are not shared. A token bound to a sender (`cnf`, RFC 7800) is refused as a mere bearer token.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use engine::principal::CredentialKind;
use engine::{Clock, CoreContext, Principal, ScopeSet, Tick};
use jose::{Algorithm, Expectations, Fault, KeySet, TypPolicy};

use super::cache::{Hit, Identity, TokenCache};
use super::keys::{Current, KeySource, Remote};
use super::scopes::ScopeRule;

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum Keys {
    /// From the network.
    Remote(Remote),
    /// Known when the document was compiled: the parsed set and its text.
    Fixed(Arc<KeySet>, Arc<[u8]>),
}

/// One issuer as a scheme takes it.
#[derive(Debug, Clone)]
pub struct IssuerRule {
    /// Exactly as in `iss`.
    pub issuer: Arc<str>,
    /// Its keys.
    pub keys: Keys,
    /// One of these must be in `aud`.
    pub audiences: Vec<String>,
    /// Algorithms taken.
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// Which `typ` is taken.
    pub typ: TypPolicy,
    /// How claims become scopes.
    pub scopes: ScopeRule,
}

/// What takes tokens for one or more security schemes. Immutable; [`CoreVerifier`] is it at work.
#[derive(Debug)]
pub struct Verifier {
    rules: Vec<IssuerRule>,
    settings: String,
}

impl Verifier {
    /// A verifier of the tokens of some issuers.
    #[must_use]
    pub fn new(rules: Vec<IssuerRule>) -> Self {
        let mut settings = String::new();
        for rule in &rules {
            let mut bits: Vec<_> = rule.scopes.bits.iter().collect();
            bits.sort();
            let _ = write!(
                settings,
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {bits:?} {:?};",
                rule.issuer,
                source_key(&rule.keys),
                rule.audiences,
                rule.algorithms,
                rule.leeway,
                rule.typ,
                rule.scopes.from,
                rule.scopes.roles
            );
        }
        Self { rules, settings }
    }

    /// The issuers that it takes, in their order.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| &*rule.issuer)
    }
}

/// What a key source is known by: everything that it depends on.
fn source_key(keys: &Keys) -> String {
    match keys {
        Keys::Remote(remote) => format!("{remote:?}"),
        Keys::Fixed(_, text) => String::from_utf8_lossy(text).into_owned(),
    }
}

/// The name under which all who take an issuer with these keys share their source.
pub(super) fn source_name(issuer: &str, keys: &Keys) -> String {
    format!("{issuer}\n{}", source_key(keys))
}

/// What became of a token.
#[derive(Debug)]
pub enum Checked {
    /// It proves this principal.
    Proven(Arc<Principal>),
    /// It is refused.
    Refused(Why),
    /// It might be good under newer keys of this issuer, by its number, than those at hand, which came with so many fetches.
    KeysWanted(usize, u64, Why),
}

/// Why a token is refused, in the order of how much it says: the later is reported when several verifiers refuse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its `iss` is none of the scheme's issuers.
    UnknownIssuer(Box<str>),
    /// It is not good.
    Fault(FaultOf),
    /// It is bound to a sender.
    Bound,
    /// It has no `sub`.
    NoSubject,
    /// The issuer's keys are not known; when to come back.
    Unavailable(Box<str>, Duration),
}

/// A [`Fault`], ordered by its number so that [`Why`] has an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultOf(pub Fault);

impl PartialOrd for FaultOf {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FaultOf {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let place = |fault: Fault| Fault::ALL.iter().position(|known| *known == fault);
        place(self.0).cmp(&place(other.0))
    }
}

impl From<Fault> for Why {
    fn from(fault: Fault) -> Self {
        Why::Fault(FaultOf(fault))
    }
}

/// The keys of one issuer as one core holds them, so that no lock is taken while they stay the same.
#[derive(Debug)]
struct CoreKeys {
    source: Arc<KeySource>,
    held: RefCell<Current>,
}

impl CoreKeys {
    fn current(&self, now: Tick) -> Option<(u64, Arc<KeySet>)> {
        if !self.source.usable(now) {
            return None;
        }
        let mut held = self.held.borrow_mut();
        if held.generation != self.source.generation() {
            *held = self.source.current();
        }
        Some((held.generation, Arc::clone(held.keys.as_ref()?)))
    }
}

/// A verifier at work on one core.
#[derive(Debug)]
pub struct CoreVerifier {
    verifier: Arc<Verifier>,
    identity: Arc<Identity>,
    keys: Vec<CoreKeys>,
    cache: Arc<TokenCache>,
    last: RefCell<jose::LastHeader>,
    clock: Arc<dyn Clock>,
}

impl CoreVerifier {
    /// Binds a verifier to a core; begins to fetch keys that nobody fetches yet.
    #[must_use]
    pub fn attach(verifier: &Arc<Verifier>, core: &CoreContext) -> Self {
        let source = |rule: &IssuerRule| {
            let key = source_name(&rule.issuer, &rule.keys);
            let source = core.keyed.get_or_make("issuer-keys", &key, || match &rule.keys {
                Keys::Remote(remote) => KeySource::remote(remote.clone()),
                Keys::Fixed(keys, _) => KeySource::fixed(Arc::clone(keys)),
            });
            source.start(core);
            CoreKeys { source, held: RefCell::default() }
        };
        Self {
            keys: verifier.rules.iter().map(source).collect(),
            verifier: Arc::clone(verifier),
            identity: Identity::of(&core.keyed, &verifier.settings),
            cache: TokenCache::of(&core.keyed, core.core),
            last: RefCell::default(),
            clock: Arc::clone(&core.clock),
        }
    }

    /// The source of an issuer's keys, by the issuer's number.
    #[must_use]
    pub fn source(&self, issuer: usize) -> Option<&Arc<KeySource>> {
        self.keys.get(issuer).map(|keys| &keys.source)
    }

    /// Checks a token. Does not wait.
    #[must_use]
    pub fn check(&self, token: &str) -> Checked {
        let (now, seconds) = (self.clock.now(), self.clock.unix().seconds());
        match self.find(token, now, seconds) {
            Some(principal) => Checked::Proven(principal),
            None => self.verify(token, now, seconds),
        }
    }

    /// Whom a token proves, if it was verified before and still counts; verifies nothing.
    #[must_use]
    pub fn remembered(&self, token: &str) -> Option<Arc<Principal>> {
        self.find(token, self.clock.now(), self.clock.unix().seconds())
    }

    fn find(&self, token: &str, now: Tick, seconds: u64) -> Option<Arc<Principal>> {
        let good = |hit: &Hit| {
            let keys = self.keys.get(hit.issuer).map(|keys| &keys.source);
            keys.is_some_and(|source| source.generation() == hit.generation && source.usable(now))
                && (hit.from..hit.until).contains(&seconds)
        };
        self.cache.find(&self.identity, token, good).map(|hit| hit.principal)
    }

    fn verify(&self, token: &str, now: Tick, seconds: u64) -> Checked {
        let parsed = match jose::parse_after(token, &mut self.last.borrow_mut()) {
            Ok(parsed) => parsed,
            Err(fault) => return Checked::Refused(fault.into()),
        };
        let Some(claimed) = parsed.issuer() else { return Checked::Refused(Fault::IssuerMissing.into()) };
        let Some(number) = self.verifier.rules.iter().position(|rule| *rule.issuer == *claimed) else {
            return Checked::Refused(Why::UnknownIssuer(engine::text::bounded(&claimed, 128).into()));
        };
        let (Some(rule), Some(keys)) = (self.verifier.rules.get(number), self.keys.get(number)) else {
            return Checked::Refused(Fault::IssuerMismatch.into());
        };
        // Read before the keys: a fetch that ends in between is seen as news.
        let seen = keys.source.attempts();
        let Some((generation, set)) = keys.current(now) else {
            let why = Why::Unavailable(Box::from(&*rule.issuer), keys.source.retry_after(now));
            return Checked::KeysWanted(number, seen, why);
        };
        // A token that is refused whatever its signature says is not worth a verification, nor a fetch.
        if !rule.algorithms.contains(&parsed.header().alg) {
            return Checked::Refused(Fault::AlgNotAllowed.into());
        }
        let verified = match jose::verify(&parsed, &set, &rule.algorithms) {
            Ok(verified) => verified,
            // Newer keys may help: an unknown name, or no name at all and none of the keys fits.
            Err(fault @ Fault::UnknownKey) => return Checked::KeysWanted(number, seen, fault.into()),
            Err(fault @ Fault::BadSignature) if parsed.header().kid.is_none() => {
                return Checked::KeysWanted(number, seen, fault.into());
            }
            Err(fault) => return Checked::Refused(fault.into()),
        };
        let facts = match read(&verified, rule, seconds) {
            Ok(facts) => facts,
            Err(why) => return Checked::Refused(why),
        };
        let leeway = rule.leeway.as_secs();
        let principal = Arc::new(Principal {
            issuer: Arc::clone(&rule.issuer),
            subject: facts.subject,
            application: facts.application,
            scopes: facts.scopes,
            roles: facts.roles,
            claims: Arc::new(parsed.into_payload()),
            expires: facts.expires,
            taken_until: facts.expires.saturating_add(leeway),
            credential: CredentialKind::Jwt,
        });
        let hit = Hit {
            principal: Arc::clone(&principal),
            issuer: number,
            generation,
            from: facts.starts.saturating_sub(leeway),
            until: facts.expires.saturating_add(leeway),
        };
        self.cache.offer(&self.identity, token, hit, seconds);
        Checked::Proven(principal)
    }
}

/// What a principal is made of, read from a verified token.
struct Facts {
    subject: Arc<str>,
    application: Option<Arc<str>>,
    scopes: ScopeSet,
    roles: Arc<[Box<str>]>,
    starts: u64,
    expires: u64,
}

fn read(verified: &jose::Verified<'_>, rule: &IssuerRule, now: u64) -> Result<Facts, Why> {
    let expectations = Expectations {
        issuer: &rule.issuer,
        audiences: &rule.audiences,
        typ: rule.typ,
        leeway: rule.leeway,
        now,
        max_age: None,
    };
    let claims = jose::validate(verified, &expectations)?;
    if claims.confirmation().is_some() {
        return Err(Why::Bound);
    }
    let (scopes, roles) = rule.scopes.read(claims.payload);
    Ok(Facts {
        subject: claims.subject.as_deref().ok_or(Why::NoSubject)?.into(),
        application: claims.client.as_deref().map(Into::into),
        scopes,
        roles,
        starts: claims.not_before.into_iter().chain(claims.issued).max().unwrap_or(0),
        expires: claims.expires,
    })
}
