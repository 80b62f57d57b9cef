//! Vectors of the standards, hostile tables with their valid twins, and properties.

mod claims;
mod events;
mod hostile;
mod mint;
mod proofs;
mod properties;
mod sets;
mod vectors;

use crate::{Algorithm, Expectations, Fault, KeySet, TypPolicy, parse, validate, verify};
use std::time::Duration;

/// When every test takes place.
const NOW: u64 = 2_000_000_100;
const ISSUER: &str = "https://idp.test";

/// Claims that pass; each test replaces some.
const CLAIMS: [(&str, &str); 9] = [
    ("iss", "\"https://idp.test\""),
    ("aud", "\"orders\""),
    ("sub", "\"alice\""),
    ("exp", "2000000400"),
    ("iat", "2000000000"),
    ("nbf", "2000000000"),
    ("jti", "\"t-1\""),
    ("client_id", "\"web\""),
    ("scope", "\"orders:read orders:write\""),
];

/// The claims with `changes` applied: an empty value removes, an unknown name adds.
fn payload(changes: &[(&str, &str)]) -> String {
    let mut members: Vec<(&str, &str)> = CLAIMS.to_vec();
    for (name, value) in changes {
        members.retain(|(known, _)| known != name);
        if !value.is_empty() {
            members.push((name, value));
        }
    }
    let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// The whole way of a token: who its subject is, or why not.
fn admit(token: &str, keys: &KeySet, typ: TypPolicy) -> Result<Option<String>, Fault> {
    let audiences = ["billing".to_owned(), "orders".to_owned()];
    let expect = Expectations {
        issuer: ISSUER,
        audiences: &audiences,
        audience_from: None,
        typ,
        leeway: Duration::from_secs(30),
        now: NOW,
        max_age: None,
    };
    let unverified = parse(token)?;
    let verified = verify(&unverified, keys, &Algorithm::ALL)?;
    Ok(validate(&verified, &expect)?.subject.map(std::borrow::Cow::into_owned))
}

fn lax(token: &str, keys: &KeySet) -> Result<Option<String>, Fault> {
    admit(token, keys, TypPolicy::Common)
}
