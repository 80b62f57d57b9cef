//! What bytes are, whatever they are called, and what is in them: for controls that read content.
//!
//! Everything here is pure, takes time linear in what it reads (archives: in what they unpack to, which is bounded), never
//! panics, and says what it found by place and kind, never by what stood there. Nothing here knows HTTP: controls decide what
//! is refused.

pub mod archive;
pub mod kind;
pub mod leak;
pub mod office;
pub mod personal;
pub mod polyglot;
pub mod scanner;
pub mod xml;

pub use kind::Kind;
