//! Verifying one token for one set of issuers: choose the issuer, check signature and claims or ask, remember.
//!
//! The unverified `iss` chooses among the issuers of the scheme by exact comparison, and only that issuer's keys are
//! ever tried: keys are not shared. What is no signed token is shown to the one issuer that is asked about such, and to
//! no other: no operation compiles whose schemes would ask two. Whom a token is bound to (`cnf`, RFC 7800) is part of what
//! is remembered of it; whether who presents it is that holder is asked elsewhere, on every call.

use std::cell::RefCell;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use engine::principal::CredentialKind;
use engine::{CoreContext, Principal, Tick, UnixTime};
use jose::{Algorithm, Fault, KeySet};

use super::cache::{Hit, Identity, TokenCache};
use super::facts::{read, told};
use super::introspection::{Answer, Endpoint, Flight, Introspector, Known};
use super::keys::{Current, KeySource, Remote};
use super::scopes::ScopeRule;
use super::shape::Shape;
pub use super::why::{FaultOf, Why};

/// Generation of what no key of ours verified, but the issuer told: it ends by its time alone.
const TOLD: u64 = u64::MAX;
/// When to come back to an issuer that did not answer.
const SOON: Duration = Duration::from_secs(1);

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
    /// What its tokens look like.
    pub shape: Arc<Shape>,
    /// How claims become scopes.
    pub scopes: ScopeRule,
    /// How the issuer is asked, where it is.
    pub asked: Option<Asked>,
}

/// How an issuer is asked about tokens.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Where.
    pub endpoint: Arc<Endpoint>,
    /// About all of its tokens, signed ones too.
    pub all: bool,
    /// Whether it has to name an audience.
    pub needs_audience: bool,
}

/// What takes tokens for one or more security schemes. Immutable; [`CoreVerifier`] is it at work.
#[derive(Debug)]
pub struct Verifier {
    rules: Vec<IssuerRule>,
    settings: String,
    revocable: bool,
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
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {bits:?} {:?} {:?};",
                rule.issuer,
                source_key(&rule.keys),
                rule.audiences,
                rule.algorithms,
                rule.leeway,
                rule.shape,
                rule.scopes.from,
                rule.scopes.roles_from,
                rule.scopes.roles,
                rule.asked.as_ref().map(|asked| (asked.endpoint.settings(), asked.all, asked.needs_audience))
            );
        }
        Self { rules, settings, revocable: false }
    }

    /// Notes of each token what it can be known by again when it is revoked.
    #[must_use]
    pub fn revocable(mut self) -> Self {
        // What was remembered before has no such notes.
        self.settings.push_str("revocable");
        self.revocable = true;
        self
    }

    fn to_revoke<'t>(&self, token: &'t str) -> Option<&'t str> {
        self.revocable.then_some(token)
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
    /// Its issuer is being asked.
    Asking(Arc<Flight>, Why),
}

/// The keys of one issuer as one core holds them, so that no lock is taken while they stay the same.
#[derive(Debug)]
struct CoreKeys {
    source: Arc<KeySource>,
    held: RefCell<Current>,
    introspector: Option<Arc<Introspector>>,
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
    /// The issuer that is asked about what is no signed token.
    told_by: Option<usize>,
    core: CoreContext,
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
            let introspector = rule.asked.as_ref().map(|asked| Introspector::of(&asked.endpoint, core));
            CoreKeys { source, held: RefCell::default(), introspector }
        };
        Self {
            keys: verifier.rules.iter().map(source).collect(),
            verifier: Arc::clone(verifier),
            identity: Identity::of(&core.keyed, &verifier.settings),
            cache: TokenCache::of(&core.keyed, core.core),
            last: RefCell::default(),
            told_by: verifier.rules.iter().position(|rule| rule.asked.is_some()),
            core: core.clone(),
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
        let (now, seconds) = (self.core.clock.now(), self.core.clock.unix().seconds());
        match self.find(token, now, seconds) {
            Some(principal) => Checked::Proven(principal),
            None => self.verify(token, now, seconds),
        }
    }

    /// Whom a token proves, if it was verified before and still counts; verifies nothing.
    #[must_use]
    pub fn remembered(&self, token: &str) -> Option<Arc<Principal>> {
        self.find(token, self.core.clock.now(), self.core.clock.unix().seconds())
    }

    fn find(&self, token: &str, now: Tick, seconds: u64) -> Option<Arc<Principal>> {
        let good = |hit: &Hit| {
            let keys = self.keys.get(hit.issuer).map(|keys| &keys.source);
            let current =
                |source: &Arc<KeySource>| source.generation() == hit.generation && source.usable(now);
            (hit.generation == TOLD || keys.is_some_and(current)) && (hit.from..hit.until).contains(&seconds)
        };
        self.cache.find(&self.identity, token, good).map(|hit| hit.principal)
    }

    fn verify(&self, token: &str, now: Tick, seconds: u64) -> Checked {
        let parsed = match jose::parse_after(token, &mut self.last.borrow_mut()) {
            Ok(parsed) => parsed,
            Err(fault) => {
                // Whatever is no signed token means something to its issuer only.
                let told_by = self.told_by.filter(|_| fault == Fault::Malformed);
                return told_by.map_or(Checked::Refused(fault.into()), |issuer| {
                    self.ask(issuer, (token, false), seconds)
                });
            }
        };
        let Some(claimed) = parsed.issuer() else { return Checked::Refused(Fault::IssuerMissing.into()) };
        let Some(number) = self.verifier.rules.iter().position(|rule| *rule.issuer == *claimed) else {
            return Checked::Refused(Why::UnknownIssuer(engine::text::bounded(&claimed, 128).into()));
        };
        let (Some(rule), Some(keys)) = (self.verifier.rules.get(number), self.keys.get(number)) else {
            return Checked::Refused(Fault::IssuerMismatch.into());
        };
        if rule.asked.as_ref().is_some_and(|asked| asked.all) {
            let bound = parsed.payload().get("cnf").is_some();
            return self.ask(number, (token, bound), seconds);
        }
        // Read before the keys: a fetch that ends in between is seen as news.
        let seen = keys.source.attempts();
        let Some((generation, set)) = keys.current(now) else {
            let why = format!("the keys of the issuer `{}` are not known", rule.issuer);
            let why = Why::Unavailable(why.into(), keys.source.retry_after(now));
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
        let facts = match read(self.verifier.to_revoke(token), &verified, rule, seconds) {
            Ok(facts) => facts,
            Err(why) => return Checked::Refused(why),
        };
        let claims = Arc::new(parsed.into_payload());
        let principal = facts.principal(rule, claims, CredentialKind::Jwt);
        let leeway = rule.leeway.as_secs();
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

    /// What an issuer says of a token, or that it is being asked. A token that says itself that it is `bound` is good when the
    /// issuer says to whom only: not every issuer does, and a bound token is nobody's as a bearer token.
    fn ask(&self, number: usize, (token, bound): (&str, bool), seconds: u64) -> Checked {
        let (rule, keys) = (self.verifier.rules.get(number), self.keys.get(number));
        let (Some(rule), Some(keys)) = (rule, keys) else {
            return Checked::Refused(Fault::IssuerMismatch.into());
        };
        let (Some(asked), Some(introspector)) = (&rule.asked, &keys.introspector) else {
            return Checked::Refused(Fault::Malformed.into());
        };
        let unavailable = |why: &str| {
            Why::Unavailable(format!("the issuer `{}` cannot tell: {why}", rule.issuer).into(), SOON)
        };
        match introspector.look(token, &keys.source, &self.core) {
            Known::Asking(flight) => Checked::Asking(flight, unavailable("it has not answered yet")),
            Known::Busy => Checked::Refused(unavailable("it is being asked about too many tokens")),
            Known::Answer(Answer::None(why)) => Checked::Refused(unavailable(&why)),
            Known::Answer(Answer::Inactive) => Checked::Refused(Why::Inactive),
            Known::Answer(Answer::Active(claims, at)) => {
                let revocable = self.verifier.to_revoke(token);
                let facts = match told(revocable, &claims, rule, (asked, seconds)) {
                    Ok(facts) => facts,
                    Err(why) => return Checked::Refused(why),
                };
                if bound && !facts.is_bound() {
                    return Checked::Refused(Why::BoundToNobody);
                }
                let principal = facts.principal(rule, claims, CredentialKind::Introspected);
                let hit = Hit {
                    principal: Arc::clone(&principal),
                    issuer: number,
                    generation: TOLD,
                    from: 0,
                    until: facts.expires.min(end_of(at, introspector.max_age())),
                };
                self.cache.offer(&self.identity, token, hit, seconds);
                Checked::Proven(principal)
            }
        }
    }
}

/// The second at which an answer is too old.
fn end_of(at: UnixTime, max_age: Duration) -> u64 {
    at.seconds().saturating_add(max_age.as_secs())
}
