//! clamd's protocol (`man 8 clamd`): commands that begin with `z` end with a NUL, and so do their answers.

use super::{Verdict, plain};

/// Asks for the versions of the program and of its signatures.
pub const VERSION: &[u8] = b"zVERSION\0";

/// Longest chunk of `INSTREAM` that is sent.
const CHUNK: usize = 256 * 1024;

/// Asks for a scan of `bytes`: each chunk after its length, in network order, then one of length zero.
#[must_use]
pub fn instream(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / CHUNK * 4 + 32);
    out.extend_from_slice(b"zINSTREAM\0");
    for chunk in bytes.chunks(CHUNK) {
        out.extend_from_slice(&u32::try_from(chunk.len()).unwrap_or(0).to_be_bytes());
        out.extend_from_slice(chunk);
    }
    out.extend_from_slice(&[0; 4]);
    out
}

/// Whether an answer is there to its end.
#[must_use]
pub fn is_whole(answer: &[u8]) -> bool {
    answer.contains(&0)
}

/// What is said of the file.
///
/// # Errors
/// The scanner's own fault, or an answer that is none: nothing is known of the file then.
pub fn verdict(answer: &[u8]) -> Result<Verdict, String> {
    let text = line(answer).ok_or_else(|| String::from("clamd's answer is not whole"))?;
    let said = text.strip_prefix("stream: ").unwrap_or(&text);
    if said == "OK" {
        return Ok(Verdict::Clean);
    }
    match said.strip_suffix(" FOUND") {
        Some(name) if !plain(name).is_empty() => Ok(Verdict::Found(plain(name))),
        _ => Err(format!("clamd says `{}`", plain(said))),
    }
}

/// The state of the signatures, from the answer to [`VERSION`].
///
/// # Errors
/// When the answer is none.
pub fn version(answer: &[u8]) -> Result<String, String> {
    let text = line(answer).ok_or_else(|| String::from("clamd's answer is not whole"))?;
    if text.starts_with("ClamAV ") { Ok(plain(&text)) } else { Err(format!("clamd says `{}`", plain(&text))) }
}

fn line(answer: &[u8]) -> Option<String> {
    let end = answer.iter().position(|byte| *byte == 0)?;
    Some(String::from_utf8_lossy(answer.get(..end)?).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_chunks_with_their_lengths() {
        assert_eq!(instream(b""), b"zINSTREAM\0\0\0\0\0");
        assert_eq!(instream(b"ab"), b"zINSTREAM\0\0\0\0\x02ab\0\0\0\0");
        let long = instream(&vec![7; CHUNK + 1]);
        assert_eq!(&long[10..14], &[0, 4, 0, 0]);
        assert_eq!(&long[14 + CHUNK..], &[0, 0, 0, 1, 7, 0, 0, 0, 0]);
    }

    #[test]
    fn answers_are_read_strictly() {
        let found = |name: &str| Ok(Verdict::Found(String::from(name)));
        assert_eq!(verdict(b"stream: OK\0"), Ok(Verdict::Clean));
        assert_eq!(verdict(b"stream: Win.Test.EICAR_HDB-1 FOUND\0"), found("Win.Test.EICAR_HDB-1"));
        for bad in [
            &b"stream: OK"[..],
            b"",
            b"\0",
            b"stream: NOT OK\0",
            b"stream:  FOUND\0",
            b"INSTREAM size limit exceeded. ERROR\0",
            b"UNKNOWN COMMAND\0",
            b"OK stream: x\0",
        ] {
            assert!(verdict(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert_eq!(
            version(b"ClamAV 1.4.3/27500/Mon Jan  1\0"),
            Ok(String::from("ClamAV 1.4.3/27500/Mon Jan  1"))
        );
        assert!(version(b"stream: OK\0").is_err() && version(b"ClamAV 1").is_err());
    }
}
