//! API keys of applications, for the contract's security schemes that they are bound to (`source: applications`).
//!
//! The table of keys is the store's as of its last change, handed over as a whole ([`credentials::Published`]): a core looks at
//! one atomic per call to know that it still has the newest. Form and checksum are read before anything is computed; then one
//! HMAC, compared in constant time. What a key proves is its application, under the issuer [`ISSUER`]; what it is (revoked, over,
//! of a suspended application) is said only to who has the whole of it.
//!
//! Where a call passes, its key is taken out before anything later reads the call, unless the scheme says `forward`.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use credentials::{Checked, Entry, Held, KeyId, Presented, Published, Table};
use engine::keyed::Keyed;
use engine::principal::{CredentialKind, Proof};
use engine::verdict::Refusal;
use engine::{Call, Clock, CoreContext, Principal, ScopeSet, bounds, codes};
use http::header::{AUTHORIZATION, CACHE_CONTROL};
use smallvec::SmallVec;
use tape::Tape;

pub use crate::security::APPLICATIONS as ISSUER;
use crate::security::find::{Found, find, remove};
use crate::security::{ALONE, ANY_SCHEME, Challenge, KeyScheme, Where};

/// The keys that count, as all cores and the store's keeper find them.
#[must_use]
pub fn published(keyed: &Keyed) -> Arc<Published> {
    keyed.get_or_make("api-keys", "", Published::default)
}

/// A place, with the schemes that read it.
#[derive(Debug)]
struct Group {
    place: Where,
    forward: bool,
    schemes: SmallVec<[u16; 2]>,
}

/// What takes API keys for the schemes of some operations. Immutable; [`CoreKeys`] is it at work.
#[derive(Debug)]
pub struct Keys {
    groups: Vec<Group>,
    /// Whether bearer tokens are taken as well.
    tokens: bool,
    /// Numbers of the scopes that matter.
    bits: HashMap<Box<str>, usize>,
    /// Sets of schemes that hold together: only these may be presented beside each other.
    sets: Vec<Vec<u16>>,
    issuer: Arc<str>,
    any: bool,
}

impl Keys {
    /// Takes keys for these schemes. `sets` are the operation's alternatives; for one that takes any scheme, its only set has
    /// [`ANY_SCHEME`]. `None` when there is no scheme.
    #[must_use]
    pub fn new(schemes: Vec<KeyScheme>, sets: &[Vec<u16>], tokens: bool, scopes: &[String]) -> Option<Self> {
        let mut groups: Vec<Group> = Vec::new();
        for KeyScheme { number, place, forward } in schemes {
            match groups.iter_mut().find(|group| group.place == place) {
                Some(group) => {
                    group.schemes.push(number);
                    // Where two schemes read one place, the stricter says what becomes of it.
                    group.forward &= forward;
                }
                None => groups.push(Group { place, forward, schemes: SmallVec::from_slice(&[number]) }),
            }
        }
        let bits = scopes.iter().enumerate().map(|(bit, name)| (name.as_str().into(), bit)).collect();
        let any = sets.iter().flatten().any(|scheme| *scheme == ANY_SCHEME);
        (!groups.is_empty()).then(|| Self {
            groups,
            tokens,
            bits,
            sets: sets.to_vec(),
            issuer: ISSUER.into(),
            any,
        })
    }

    /// Whether keys of both groups may come with one call.
    fn together(&self, one: &Group, other: &Group) -> bool {
        let has = |set: &Vec<u16>, group: &Group| group.schemes.iter().any(|scheme| set.contains(scheme));
        self.sets.iter().any(|set| has(set, one) && has(set, other))
    }
}

/// What a core made of a table: which scope of it is which of the API's, and the principals of keys that were used.
#[derive(Debug)]
struct Made {
    bits: Box<[Option<usize>]>,
    principals: RefCell<HashMap<KeyId, Arc<Principal>>>,
}

/// It at work on one core.
#[derive(Debug)]
pub struct CoreKeys {
    keys: Arc<Keys>,
    held: Held<Made>,
    clock: Arc<dyn Clock>,
}

/// The keys of a call that are good.
#[derive(Debug, Default)]
pub struct Proven {
    /// A proof for each scheme that was satisfied.
    pub proofs: SmallVec<[Proof; 1]>,
    /// Whether `Authorization` held one, so that there is no token in it.
    pub in_authorization: bool,
    /// Where they stood.
    pub places: Places,
}

/// The places of a call that hold a key, so that nobody has to look for them again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Places(u64);

impl Places {
    fn insert(&mut self, place: usize) {
        self.0 |= bit(place).unwrap_or_default();
    }

    /// Whether a place holds a key; `None` of the places past those that there are bits for.
    fn contain(self, place: usize) -> Option<bool> {
        bit(place).map(|bit| self.0 & bit != 0)
    }
}

fn bit(place: usize) -> Option<u64> {
    1_u64.checked_shl(u32::try_from(place).ok()?)
}

impl CoreKeys {
    /// Binds it to a core.
    #[must_use]
    pub fn attach(keys: &Arc<Keys>, core: &CoreContext) -> Self {
        let held = Held::new(published(&core.keyed));
        Self { keys: Arc::clone(keys), held, clock: Arc::clone(&core.clock) }
    }

    /// The keys of a call.
    ///
    /// # Errors
    /// How the call ends when one of them is not good, or when there are more than the contract asks for at once.
    pub fn look(&self, call: &Call, challenge: &Challenge) -> Result<Proven, Box<Refusal>> {
        let mut proven = Proven::default();
        let mut before: Option<&Group> = None;
        for (place, group) in self.keys.groups.iter().enumerate() {
            let scheme =
                if self.keys.any { ANY_SCHEME } else { group.schemes.first().copied().unwrap_or_default() };
            let invalid = |detail: &str, public| {
                challenge.key(scheme, (&codes::KEY_INVALID, "invalid_key"), detail, public)
            };
            let text = match find(&call.request, &group.place, self.keys.tokens) {
                Found::Nothing => continue,
                Found::Several => {
                    return Err(invalid("more than one API key came", "there is more than one API key"));
                }
                Found::One(text) => text,
            };
            if before.is_some_and(|other| !self.keys.together(other, group)) {
                return Err(invalid(
                    "API keys came in two places",
                    "there is an API key in more than one place",
                ));
            }
            before = Some(group);
            let principal = self.check(text, scheme, challenge)?;
            let schemes: &[u16] = if self.keys.any { &[ANY_SCHEME] } else { &group.schemes };
            let proof = |scheme: &u16| Proof {
                scheme: *scheme,
                principal: Arc::clone(&principal),
                certificate: None,
            };
            proven.proofs.extend(schemes.iter().map(proof));
            proven.in_authorization |= group.is_in_authorization();
            proven.places.insert(place);
        }
        Ok(proven)
    }

    /// Whom one key proves.
    fn check(&self, text: &[u8], scheme: u16, challenge: &Challenge) -> Result<Arc<Principal>, Box<Refusal>> {
        let end = |code, error, detail: String, public| challenge.key(scheme, (code, error), detail, public);
        let invalid = |detail: String, public| end(&codes::KEY_INVALID, "invalid_key", detail, public);
        let presented = Presented::parse(text).map_err(|why| {
            invalid(format!("the API key is malformed: {}", why.text()), "the API key is malformed")
        })?;
        let held = self.held.get(|table| self.make(table)).ok_or_else(|| {
            Refusal::new(&codes::CREDENTIALS_UNAVAILABLE, "the store has not been read yet")
        })?;
        let (table, made) = &*held;
        let now = self.clock.unix().seconds();
        let id = presented.id;
        match table.check(&presented, now) {
            Checked::Good(entry) => {
                entry.usage.mark(now);
                self.principal(made, id, entry).ok_or_else(|| {
                    Refusal::new(&codes::CONTROL_FAILED, "what is known of the key is no JSON")
                })
            }
            Checked::Unknown => {
                Err(invalid(format!("no API key has the id `{id}`"), "the API key is not known"))
            }
            Checked::Wrong => Err(invalid(
                format!("the API key is not the one with the id `{id}`"),
                "the API key is not known",
            )),
            Checked::Revoked => {
                Err(invalid(format!("the API key `{id}` was revoked"), "the API key was revoked"))
            }
            Checked::Over(entry) if entry.replaced => {
                let detail = format!("the API key `{id}` was replaced, and its overlap is over");
                Err(end(&codes::KEY_EXPIRED, "expired_key", detail, "the API key was replaced by another"))
            }
            Checked::Over(_) => {
                let detail = format!("the API key `{id}` has expired");
                Err(end(&codes::KEY_EXPIRED, "expired_key", detail, "the API key has expired"))
            }
            Checked::Suspended(entry) => {
                let detail = format!("the application `{}` of the API key `{id}` is suspended", entry.name);
                let public = "the application of the API key is suspended";
                Err(end(&codes::APPLICATION_SUSPENDED, "application_suspended", detail, public))
            }
        }
    }

    fn make(&self, table: &Table) -> Made {
        let bits = table.scopes().iter().map(|scope| self.keys.bits.get(&**scope).copied()).collect();
        Made { bits, principals: RefCell::default() }
    }

    /// Made once per key and table, since every call of a key has the same.
    fn principal(&self, made: &Made, id: KeyId, entry: &Entry) -> Option<Arc<Principal>> {
        let mut known = made.principals.borrow_mut();
        if let Some(principal) = known.get(&id) {
            return Some(Arc::clone(principal));
        }
        if known.len() >= bounds::KEY_PRINCIPALS {
            known.clear();
        }
        let mut scopes = ScopeSet::default();
        for number in &entry.scopes {
            let bit =
                usize::try_from(*number).ok().and_then(|number| made.bits.get(number).copied().flatten());
            bit.into_iter().for_each(|bit| scopes.insert(bit));
        }
        let principal = Arc::new(Principal {
            issuer: Arc::clone(&self.keys.issuer),
            subject: Arc::clone(&entry.application),
            application: Some(Arc::clone(&entry.application)),
            scopes,
            roles: Arc::default(),
            claims: Arc::new(claims(id, &entry.name)?),
            expires: entry.until,
            taken_until: entry.until,
            credential: CredentialKind::ApiKey,
            binding: engine::principal::Binding::default(),
            marks: None,
        });
        known.insert(id, Arc::clone(&principal));
        Some(principal)
    }

    /// Takes the keys out of a call that passes, from the places where [`Self::look`] found them.
    pub fn strip(&self, call: &mut Call, places: Places) {
        for (place, group) in self.keys.groups.iter().enumerate().filter(|(_, group)| !group.forward) {
            let look = || find(&call.request, &group.place, self.keys.tokens) != Found::Nothing;
            if !places.contain(place).unwrap_or_else(look) {
                continue;
            }
            remove(call, &group.place);
            if group.is_in_authorization() {
                call.request.headers.insert(CACHE_CONTROL, ALONE);
            }
        }
    }
}

impl Group {
    /// `Authorization` is one header field, whichever kind of scheme reads it.
    fn is_in_authorization(&self) -> bool {
        match &self.place {
            Where::Authorization(_) => true,
            Where::Header(name) => name == AUTHORIZATION,
            Where::Query(_) | Where::Cookie(_) => false,
        }
    }
}

/// What is known of a key, for who asks for claims.
fn claims(id: KeyId, name: &str) -> Option<Tape> {
    let mut text = Vec::with_capacity(64);
    text.extend_from_slice(b"{\"key\":");
    engine::text::push_json(&mut text, id.as_str());
    text.extend_from_slice(b",\"name\":");
    engine::text::push_json(&mut text, name);
    text.push(b'}');
    Tape::parse(text.into(), &tape::Bounds::default()).ok()
}
