//! The front door under fire: own differential, HTTP/2 conformance and floods, against a whole gateway in this process.
//!
//! A compiled document, the real data plane on port 0, and behind it an upstream that remembers every byte. What arrives is
//! read by a strict reader of the tests' own (`strict`), and compared with the digest of the call in its decision.
//!
//! | module | what it shows |
//! |---|---|
//! | `differential` | 500 hostile messages of HTTP/1 and 200 of HTTP/2: nothing arrives that is not strict, nothing twice; 300 odd but legal ones do |
//! | `conformance` | HTTP/2 frame by frame, by section of RFC 9113 and RFC 7541 |
//! | `floods` | counts and bounds when a client sends what costs it nothing |

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail loudly; tables of cases are long, and clients connect on their own"
)]

mod conformance;
mod differential;
mod floods;
mod plane;
mod strict;
mod two;
