//! Which of some requests two configurations decide otherwise.

use std::net::IpAddr;

use compile::Compiled;

use super::offline::{Judged, Offline};
use super::requests::Raw;
use crate::render::printable;

/// One request that is decided otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Otherwise {
    /// Where the request is from.
    pub(crate) name: String,
    /// Whether it is refused by the other configuration.
    pub(crate) refused: bool,
    /// Who refuses it, and why: in the one or in the other.
    pub(crate) why: String,
}

/// Those that are decided otherwise by `new` than by `old`, when `client` sends them.
///
/// # Errors
/// When one cannot be decided without the world outside.
pub(crate) fn compare(
    (old, new): (&Compiled, &Compiled),
    requests: &[Raw],
    client: IpAddr,
) -> Result<Vec<Otherwise>, String> {
    let (old, new) = (Offline::new(old), Offline::new(new));
    let mut found = Vec::new();
    for raw in requests {
        let (was, is) = (old.judge(raw, client)?, new.judge(raw, client)?);
        if was.is_refused() == is.is_refused() {
            continue;
        }
        let refused = is.is_refused();
        let why = why(if refused { &is } else { &was });
        found.push(Otherwise { name: raw.name.clone(), refused, why });
    }
    Ok(found)
}

fn why(judged: &Judged) -> String {
    let first = judged.refused_elsewhere().or_else(|| judged.refused.first());
    first.map_or_else(String::new, |refused| {
        format!("{} with {}: {}", refused.by, refused.code.name, printable(&refused.detail))
    })
}
