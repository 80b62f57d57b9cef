//! Hostile tokens, proofs and issuers, through the control as the pipeline calls it.

mod certificates;
mod holder;
mod hostile;
mod issuers;
mod presenting;
mod presets;
mod proofs;
mod proving;
mod remembering;
mod revoking;
mod shown;
mod telling;
mod tenants;
