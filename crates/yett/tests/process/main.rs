//! The program as people run it: commands, what they print, and gateways as processes, from start to end. One program for all of
//! them, so that those that wait for somebody wait beside each other.

mod activation;
mod applications;
mod audit;
mod certificates;
mod cli;
mod common;
mod confined;
mod container;
mod decisions;
mod delivering;
mod glewlwyd;
mod holders;
mod hostile;
mod init;
mod inspect;
mod lifetime;
mod listeners;
mod notices;
mod onward;
mod presets;
mod promoting;
mod run;
mod sealing;
mod shadow;
mod shadow_rules;
mod signing;
mod telemetry;
mod testing;
mod updating;
mod users;
mod watching;
mod wrong;
