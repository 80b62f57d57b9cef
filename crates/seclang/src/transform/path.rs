//! `normalizePath` and `normalizePathWin`.

/// Takes out empty segments, `.` and `..`; a relative path keeps the `..` that lead out of it, an absolute one has none.
/// With `windows`, `\` is a separator too.
pub(super) fn normalize(input: &[u8], out: &mut Vec<u8>, windows: bool) {
    let separator = |byte: &u8| *byte == b'/' || (windows && *byte == b'\\');
    let absolute = input.first().is_some_and(separator);
    let directory = input.last().is_some_and(separator)
        || matches!(input.rsplit(separator).next(), Some(b".")) && input.len() > 1;
    // Where each kept segment begins in `out`, so that `..` can take it back.
    let base = out.len();
    let mut starts: Vec<usize> = Vec::new();
    if absolute {
        out.push(b'/');
    }
    for segment in input.split(separator) {
        match segment {
            b"" | b"." => {}
            b".." if !starts.is_empty() => out.truncate(starts.pop().unwrap_or(base)),
            b".." if absolute => {}
            segment => {
                let start = out.len();
                if out.len() > base + usize::from(absolute) {
                    out.push(b'/');
                }
                // What leads out of a relative path can't be taken back.
                if segment != b".." {
                    starts.push(start);
                }
                out.extend_from_slice(segment);
            }
        }
    }
    if directory && out.len() > base + usize::from(absolute) {
        out.push(b'/');
    }
}
