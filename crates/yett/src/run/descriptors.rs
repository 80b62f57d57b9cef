//! How many descriptors the process may have open.
//!
//! A shell and most service managers start a process with a soft limit of 1,024 (for programs that use `select`), far below
//! [`CONNECTIONS`]; the hard limit is what the operator allows. A gateway takes all of it.

use engine::bounds::CONNECTIONS;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the soft limit to the hard one. `Some` says what is still too few, and what to do.
pub(super) fn raise() -> Option<String> {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    if limit.current.is_some_and(|current| current < most) {
        // A kernel that refuses leaves what was there: judged below by what is in force.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    too_few(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX))
}

fn too_few(descriptors: u64) -> Option<String> {
    let connections = u64::try_from(CONNECTIONS).unwrap_or(u64::MAX);
    (descriptors < connections).then(|| {
        format!(
            "note: {descriptors} descriptors are allowed, fewer than a listener's {connections} connections; \
             raise the hard limit (`ulimit -Hn`, LimitNOFILE= of a systemd unit)"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(512), maximum: before.maximum }).unwrap();
        raise();
        let after = getrlimit(Resource::Nofile);
        assert_eq!(after.current, before.maximum);
        assert_eq!(after.maximum, before.maximum);
    }

    #[test]
    fn too_few_descriptors_are_said_with_what_to_do() {
        assert_eq!(too_few(20_000), None);
        let note = too_few(1_024).unwrap();
        assert!(note.contains("1024 descriptors") && note.contains("ulimit -Hn"), "{note}");
    }
}
