//! gzip: one file, in up to [`MEMBERS`] members, and nothing after them.

use flate2::bufread::GzDecoder;

use super::{Ended, Looking, What, drain};

/// Members of one file (RFC 1952 section 2.2): each costs the decoder a new window.
const MEMBERS: usize = 16;

pub(super) fn look(looking: &mut Looking<'_>, bytes: &[u8]) -> Result<(), Ended> {
    let mut rest = bytes;
    let mut whole = Vec::new();
    let mut name = None;
    let (most, exceeded) = looking.room(bytes.len());
    for _ in 0..MEMBERS {
        let mut decoder = GzDecoder::new(rest);
        match drain(&mut decoder, most.saturating_sub(whole.len())) {
            Ok(Some(bytes)) => whole.extend_from_slice(&bytes),
            Ok(None) => return Err(looking.over(exceeded)),
            Err(_) => return Err(looking.over(What::Malformed)),
        }
        let said = decoder.header().and_then(|header| header.filename()).map(String::from_utf8_lossy);
        name = name.or_else(|| said.map(|name| name.into_owned()));
        rest = decoder.into_inner();
        if rest.is_empty() {
            looking.count(whole.len())?;
            // Without a name it is called by that of the archive.
            let name = name.unwrap_or_else(|| String::from("content"));
            looking.named(&name)?;
            return looking.file(&name, &whole);
        }
    }
    Err(looking.over(What::Malformed))
}
