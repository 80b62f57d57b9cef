//! Which scopes a caller brought, for whoever asks why one was missing. Nothing of it is on the way of a call: it is read when the
//! decision is kept.

use crate::call::Call;
use crate::text::inert;

/// Scopes that are told, at most.
pub const MOST: usize = 32;
/// Longest scope that is told, in bytes; what is longer is cut.
pub const LONGEST: usize = 100;

/// Scopes of a caller, bounded and without hidden characters: whoever issues tokens names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// Those that count in the API, as the contract and the configuration name them.
    pub counted: Vec<Box<str>>,
    /// Words of the credential's `scope`, else `scp`, that do not: misspelt, of another API, or the issuer's scopes are elsewhere.
    pub others: Vec<Box<str>>,
}

impl Carried {
    /// Those of a call's credentials; `None` where none was verified.
    #[must_use]
    pub fn of(call: &Call) -> Option<Self> {
        let plan = call.operation.as_ref()?;
        call.principal()?;
        let principals = || call.proofs.iter().map(|proof| &proof.principal);
        let carries = |bit| principals().any(|principal| principal.scopes.contains(bit));
        let mut carried = Self::default();
        let known = plan.names.scopes.iter().enumerate().filter(|(bit, _)| carries(*bit));
        carried.counted.extend(known.map(|(_, name)| inert(name, LONGEST)).take(MOST));
        for principal in principals() {
            let claims = principal.claims.root();
            let Some(claim) = claims.get("scope").or_else(|| claims.get("scp")) else { continue };
            match claim.as_str() {
                Some(text) => text.split(' ').for_each(|word| carried.add(word)),
                None => claim.items().filter_map(|item| item.as_str()).for_each(|word| carried.add(&word)),
            }
        }
        Some(carried)
    }

    fn add(&mut self, word: &str) {
        if word.is_empty() || self.counted.len() + self.others.len() >= MOST {
            return;
        }
        let word = inert(word, LONGEST);
        if !self.counted.contains(&word) && !self.others.contains(&word) {
            self.others.push(word);
        }
    }
}
