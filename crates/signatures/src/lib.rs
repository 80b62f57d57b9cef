//! Signatures over HTTP messages and digests of their content: RFC 9421 and RFC 9530, for requests as they came.
//!
//! The way of a signed request has four steps:
//! 1. [`Signature::read`] reads `Signature-Input` and `Signature`, strictly and within bounds ([`engine::bounds`]): exactly one
//!    signature, under one label, each name once.
//! 2. [`Signature::covers`] says what it covers; what it has to cover is the caller's to know.
//! 3. [`Signature::base`] writes the signature base (section 2.5) of a [`Message`], and a [`Key`] verifies it.
//! 4. [`ContentDigest`] holds the body to what was signed.
//!
//! [`Seal`] signs what the gateway sends itself.
//!
//! Promises: the algorithm comes from the key alone, and an `alg` that says another is refused (section 7.3.6); a secret is never a
//! public key nor the other way round (section 7.3.5); a component that cannot be said in one way only (a field that is not there,
//! bytes that are not ASCII, a parameter of the query that is there twice) has no value, and so no signature covers it;
//! digests are SHA-256 and SHA-512; no clock, no IO, no panic and no unbounded work on any input.

mod algorithm;
mod base;
mod component;
mod digest;
mod fault;
mod fields;
mod key;
mod message;
mod query;
mod sign;
mod signature;

pub use algorithm::Algorithm;
pub use component::{Component, is_component};
pub use digest::{CONTENT_DIGEST, ContentDigest};
pub use fault::Fault;
pub use key::{Key, KeyFault};
pub use message::{Message, normal_authority};
pub use sign::{Seal, SigningKey};
pub use signature::{SIGNATURE, SIGNATURE_INPUT, Signature};

#[cfg(test)]
mod tests;
