//! What scanners for malware speak: clamd and ICAP. Only the words; who sends them has a connection.

pub mod clamd;
pub mod icap;

/// What a scanner says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It found nothing.
    Clean,
    /// It found something, by this name; bounded, without control characters.
    Found(String),
}

/// Longest name of a finding, or of the state of a scanner's signatures, in bytes.
const NAME: usize = 128;

/// A scanner's word, as it may be logged.
fn plain(text: &str) -> String {
    text.trim().chars().filter(|c| !c.is_control()).take(NAME / 4).collect()
}
