//! Hostile tokens and hostile issuers, through the control as the pipeline calls it.

mod hostile;
mod issuers;
mod presenting;
mod remembering;
