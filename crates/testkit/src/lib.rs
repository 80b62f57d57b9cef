//! What tests share: a clock that they move, and fakes of what the engine asks of the outside. Never part of the binary.

pub mod clock;

pub use clock::FakeClock;
