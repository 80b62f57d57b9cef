//! Request bodies, taken apart into what rules can look at.

pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod xml;

/// Names with their values, in order.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;
