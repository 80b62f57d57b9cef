//! Signed calls through the control as the pipeline calls it: those that are good, and those that somebody changed on the way.

mod beside;
mod changed;
mod client;
mod composed;
mod settings;
