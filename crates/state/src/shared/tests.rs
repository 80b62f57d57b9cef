//! Shared state against a model in every order of events, and against a real server.

mod denials;
mod leases;
mod losses;
mod server;
mod unanswered;
mod world;
