//! Signed tokens and proofs of possession: strict JWS, JWT and JWK for the gateway and for its local issuer.
//!
//! Follows RFC 7515 (JWS, compact serialization only), RFC 7517 (JWK), RFC 7518 (algorithms, asymmetric signatures
//! only), RFC 7519 (JWT), RFC 7638 (thumbprints), RFC 8037 (Ed25519), RFC 8417 (security events, [`SecurityEvent`]), RFC 8725 (best
//! practice), RFC 9068 (access tokens) and RFC 9449 (proofs of possession, [`Proof`]).
//!
//! The way of a token has three steps, and each needs what the one before gave:
//! 1. [`parse`] reads bounded, strict text and no key. What it yields can only be used to choose an issuer.
//! 2. [`verify`] checks the signature under an issuer's [`KeySet`] and a list of allowed algorithms; it gives a
//!    [`Verified`], which nothing else can make.
//! 3. [`validate`] checks the claims of a [`Verified`] token against [`Expectations`] and gives [`Claims`].
//!
//! Promises: no symmetric algorithm and no `none` exists here, so that no key can be confused into one; an algorithm
//! and a key are used together only when type, curve and the key's own `alg` agree; nothing in a token is ever
//! followed or used as a key (`jku`, `x5u`, `jwk`, `x5c`), but for the `jwk` of a proof, which is its whole point; a member
//! name that occurs twice is refused, in the header as in the payload; no clock, no IO, no panic and no unbounded work on any
//! input.

mod algorithm;
mod base64url;
mod claims;
mod events;
mod fault;
mod header;
mod issued_for;
mod jwk;
mod keys;
mod kinds;
mod proof;
mod sign;
mod token;
mod verify;

pub use algorithm::Algorithm;
pub use base64url::{decode as base64url_decode, encode as base64url_encode};
pub use claims::{Claims, Expectations, TypPolicy, plain, validate, validate_answer, words};
pub use events::{EVENT_TYPE, EventExpectations, SecurityEvent, validate_event};
pub use fault::Fault;
pub use header::{Header, LastHeader};
pub use keys::{JwksError, KeySet, MAX_JWKS_BYTES, MAX_KEYS};
pub use proof::{MAX_PROOF_BYTES, Proof, ProofClaims};
pub use sign::{KeyError, SigningKey};
pub use token::{MAX_TOKEN_BYTES, Unverified, parse, parse_after};
pub use verify::{MAX_TRIED, Verified, verify};

#[cfg(test)]
mod tests;
