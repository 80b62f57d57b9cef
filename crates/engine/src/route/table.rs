//! Which API a call is for, before anything looks at its operations.
//!
//! Host first: an API that names the host exactly, then one that names it by a wildcard, then one for any host. Of those the
//! longest base path that is whole segments of the path. The API that has it owns the path: what its contract does not
//! know is refused there and never handed to another API with a shorter base, whose rules may be weaker.

use http::Method;

use super::{Found, OperationIndex, Params, Tree};

/// Where documents of our own stand (RFC 8615).
const WELL_KNOWN: &str = "/.well-known/";

/// Where an API is mounted.
#[derive(Debug)]
pub struct Mount {
    /// Listeners that serve it, by number; empty means all.
    pub listeners: Vec<u16>,
    /// Hosts in lower case, `*.example.com` for any one label; empty means any host.
    pub hosts: Vec<Box<str>>,
    /// Base path without a slash at its end; empty for the root.
    pub base: Box<str>,
    /// Its operations.
    pub tree: Tree,
}

/// How closely a mount names a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Any,
    Wildcard,
    Exact,
}

impl Mount {
    /// `None` when it does not serve this host on this listener.
    fn closeness(&self, listener: u16, host: &str) -> Option<Closeness> {
        if !self.listeners.is_empty() && !self.listeners.contains(&listener) {
            return None;
        }
        if self.hosts.is_empty() {
            return Some(Closeness::Any);
        }
        self.hosts.iter().filter_map(|pattern| matches(pattern, host)).max()
    }

    /// Whether the base path is whole segments of the path.
    fn holds(&self, path: &str) -> bool {
        path.strip_prefix(&*self.base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn matches(pattern: &str, host: &str) -> Option<Closeness> {
    match pattern.strip_prefix("*.") {
        Some(suffix) => host
            .strip_suffix(suffix)
            .and_then(|label| label.strip_suffix('.'))
            .is_some_and(|label| !label.is_empty() && !label.contains('.'))
            .then_some(Closeness::Wildcard),
        None => (pattern == host).then_some(Closeness::Exact),
    }
}

/// What a call came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Route<'t> {
    /// This operation.
    Operation(OperationIndex, Params),
    /// The path is there, with these methods only.
    OtherMethods(&'t [(Method, OperationIndex)], Params),
    /// No operation has this path.
    NoPath,
    /// No API has this host.
    NoHost,
}

/// All mounts, longest base path first.
#[derive(Debug, Default)]
pub struct RouteTable {
    /// Below `/.well-known/`, whoever owns that path: no API can hide them.
    documents: Vec<Mount>,
    /// With the number of their API: the bases of one API (servers of paths and operations) stand in for each other.
    mounts: Vec<(usize, Mount)>,
}

impl RouteTable {
    /// Mounts that are one API each.
    #[must_use]
    pub fn new(mounts: Vec<Mount>) -> Self {
        Self::of_apis(Vec::new(), mounts.into_iter().map(|mount| vec![mount]).collect())
    }

    /// The mounts of each API, and those of documents of our own, whose paths start with `/.well-known/`.
    #[must_use]
    pub fn of_apis(documents: Vec<Mount>, apis: Vec<Vec<Mount>>) -> Self {
        let mut mounts: Vec<(usize, Mount)> = apis
            .into_iter()
            .enumerate()
            .flat_map(|(api, mounts)| mounts.into_iter().map(move |mount| (api, mount)))
            .collect();
        mounts.sort_by_key(|(_, mount)| std::cmp::Reverse(mount.base.len()));
        Self { documents, mounts }
    }

    /// Finds the operation of a call. `host` is in lower case and without port and trailing dot.
    #[must_use]
    pub fn find(&self, listener: u16, host: &str, path: &str, method: &Method) -> Route<'_> {
        if path.starts_with(WELL_KNOWN)
            && let Some(found) = self.document(listener, host, path, method)
        {
            return found;
        }
        let Some((owner, closeness)) = self.owner(listener, host, path) else {
            let known = self.mounts.iter().any(|(_, mount)| mount.closeness(listener, host).is_some());
            return if known { Route::NoPath } else { Route::NoHost };
        };
        let mut other = None;
        for (api, mount) in &self.mounts {
            if *api != owner || !mount.holds(path) || mount.closeness(listener, host) != Some(closeness) {
                continue;
            }
            match mount.tree.find(path, mount.base.len(), method) {
                Found::Operation(operation, params) => return Route::Operation(operation, params),
                Found::OtherMethods(methods, params) if other.is_none() => other = Some((methods, params)),
                _ => {}
            }
        }
        other.map_or(Route::NoPath, |(methods, params)| Route::OtherMethods(methods, params))
    }

    /// The API whose path it is.
    fn owner(&self, listener: u16, host: &str, path: &str) -> Option<(usize, Closeness)> {
        let mut best: Option<(usize, Closeness)> = None;
        for (api, mount) in self.mounts.iter().filter(|(_, mount)| mount.holds(path)) {
            let Some(closeness) = mount.closeness(listener, host) else { continue };
            if best.is_none_or(|(_, known)| closeness > known) {
                best = Some((*api, closeness));
            }
            if closeness == Closeness::Exact {
                break;
            }
        }
        best
    }

    fn document(&self, listener: u16, host: &str, path: &str, method: &Method) -> Option<Route<'_>> {
        let mut best: Option<(Closeness, Route<'_>)> = None;
        for mount in &self.documents {
            let Some(closeness) = mount.closeness(listener, host) else { continue };
            if best.as_ref().is_some_and(|(known, _)| *known >= closeness) {
                continue;
            }
            match mount.tree.find(path, mount.base.len(), method) {
                Found::Operation(operation, params) => {
                    best = Some((closeness, Route::Operation(operation, params)));
                }
                Found::OtherMethods(methods, params) => {
                    best = Some((closeness, Route::OtherMethods(methods, params)));
                }
                Found::Nothing => {}
            }
        }
        best.map(|(_, route)| route)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Template;
    use super::*;

    fn mount(listeners: &[u16], hosts: &[&str], base: &str, templates: &[&str], operation: u32) -> Mount {
        let mut tree = Tree::default();
        for template in templates {
            tree.insert(&Template::parse(template, true).unwrap(), Method::GET, operation).unwrap();
        }
        Mount {
            listeners: listeners.to_vec(),
            hosts: hosts.iter().map(|host| (*host).into()).collect(),
            base: base.into(),
            tree,
        }
    }

    fn found(table: &RouteTable, listener: u16, host: &str, path: &str) -> Option<u32> {
        match table.find(listener, host, path, &Method::GET) {
            Route::Operation(operation, _) => Some(operation),
            _ => None,
        }
    }

    #[test]
    fn mounts_are_told_apart_by_listener_host_and_base() {
        let table = RouteTable::new(vec![
            mount(&[], &["api.example.com"], "", &["/x"], 1),
            mount(&[], &["api.example.com"], "/v2", &["/x"], 2),
            mount(&[1], &["*.example.org"], "", &["/x"], 3),
        ]);
        let cases = [
            (0, "api.example.com", "/x", Some(1)),
            (0, "api.example.com", "/v2/x", Some(2)),
            (0, "api.example.com", "/v2x", None),
            (1, "a.example.org", "/x", Some(3)),
            (0, "a.example.org", "/x", None),
            (1, "a.b.example.org", "/x", None),
        ];
        for (listener, host, path, expected) in cases {
            assert_eq!(found(&table, listener, host, path), expected, "{listener} {host} {path}");
        }
        assert_eq!(table.find(0, "evil", "/x", &Method::GET), Route::NoHost);
    }

    #[test]
    fn what_a_longer_base_refuses_no_shorter_one_serves() {
        let table = RouteTable::new(vec![
            mount(&[], &[], "", &["/*"], 1),
            mount(&[], &[], "/v1", &["/orders"], 2),
            mount(&[], &[], "/v1/admin", &["/keys"], 3),
        ]);
        let cases = [
            ("/v1/orders", Some(2)),
            ("/v1/unknown", None),
            ("/v1/orders/", None),
            ("/v1", None),
            ("/v1/", None),
            ("/v1/admin", None),
            ("/v1/admin/keys", Some(3)),
            ("/v1/admin/orders", None),
            // Not whole segments: the root's own.
            ("/v1x", Some(1)),
            ("/v", Some(1)),
            ("/other", Some(1)),
        ];
        for (path, expected) in cases {
            assert_eq!(found(&table, 0, "h", path), expected, "{path}");
        }
        assert_eq!(table.find(0, "h", "/v1/unknown", &Method::GET), Route::NoPath);
        assert!(matches!(table.find(0, "h", "/v1/orders", &Method::PUT), Route::OtherMethods(..)));
    }

    #[test]
    fn bases_of_one_api_stand_in_for_each_other() {
        let root = mount(&[], &[], "", &["/*"], 1);
        let api = vec![
            mount(&[], &[], "/v1", &["/admin/users", "/orders"], 2),
            mount(&[], &[], "/v1/admin", &["/keys"], 3),
        ];
        let table = RouteTable::of_apis(Vec::new(), vec![vec![root], api]);
        let cases = [
            ("/v1/admin/keys", Some(3)),
            ("/v1/admin/users", Some(2)),
            ("/v1/admin/x", None),
            ("/x", Some(1)),
        ];
        for (path, expected) in cases {
            assert_eq!(found(&table, 0, "h", path), expected, "{path}");
        }
    }

    #[test]
    fn the_host_goes_before_the_base() {
        let table = RouteTable::new(vec![
            mount(&[], &[], "/v1", &["/x"], 1),
            mount(&[], &["*.example.com"], "", &["/v1/x", "/w"], 2),
            mount(&[], &["api.example.com"], "", &["/v1/x"], 3),
            mount(&[], &["b.example.com"], "/only", &["/x"], 4),
        ]);
        let cases = [
            ("other", "/v1/x", Some(1)),
            ("w.example.com", "/v1/x", Some(2)),
            ("api.example.com", "/v1/x", Some(3)),
            ("api.example.com", "/w", None),
            // A host that is named for another base only has the rest from whoever serves more hosts.
            ("b.example.com", "/only/x", Some(4)),
            ("b.example.com", "/only/y", None),
            ("b.example.com", "/w", Some(2)),
        ];
        for (host, path, expected) in cases {
            assert_eq!(found(&table, 0, host, path), expected, "{host} {path}");
        }
    }

    #[test]
    fn documents_are_found_whoever_owns_their_path() {
        let document = |hosts: &[&str], operation| mount(&[], hosts, "", &["/.well-known/doc/v1"], operation);
        let table = RouteTable::of_apis(
            vec![document(&[], 8), document(&["api.example.com"], 9)],
            vec![
                vec![mount(&[], &[], "", &["/*"], 1)],
                vec![mount(&[], &["api.example.com"], "/v1", &["/x"], 2)],
            ],
        );
        assert_eq!(found(&table, 0, "h", "/.well-known/doc/v1"), Some(8));
        assert_eq!(found(&table, 0, "api.example.com", "/.well-known/doc/v1"), Some(9));
        assert_eq!(found(&table, 0, "api.example.com", "/.well-known/other"), Some(1));
    }
}
