//! Shared state against a model in every order of events, and against a real server.

mod leases;
mod server;
