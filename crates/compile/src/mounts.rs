//! Where APIs are mounted, and which of them would answer to the same calls.

use diagnostics::{Diagnostic, Diagnostics, Span};
use engine::route::{Mount, Template, Tree};
use http::Method;

/// Listeners and hosts that serve an API alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) listeners: Vec<u16>,
    /// Empty for any host.
    pub(crate) hosts: Vec<Box<str>>,
}

/// One planned operation's way in.
pub(crate) struct Way {
    pub(crate) base: String,
    pub(crate) template: Template,
    pub(crate) method: Method,
    pub(crate) operation: u32,
}

/// The sites of an API: its listeners, parted by the hosts that each serves of it.
pub(crate) fn sites(document: &spec::Document, api: &spec::Api, out: &mut Diagnostics) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for (number, (name, listener)) in document.listeners.iter().enumerate() {
        let named = api.listeners.iter().find(|wanted| wanted.value == *name);
        if !api.listeners.is_empty() && named.is_none() {
            continue;
        }
        let served: Vec<&str> = listener.hosts.iter().map(|host| host.value.as_str()).collect();
        let own: Vec<&str> = api.hosts.iter().map(|host| host.value.as_str()).collect();
        let hosts = match (own.is_empty(), served.is_empty()) {
            (true, _) => served,
            (false, true) => own,
            (false, false) => {
                own.into_iter().filter(|host| served.iter().any(|on| covers(on, host))).collect()
            }
        };
        if hosts.is_empty() && !(listener.hosts.is_empty() && api.hosts.is_empty()) {
            if let Some(named) = named {
                let message =
                    format!("the listener `{name}` serves none of the hosts of `{}`", api.name.value);
                let help = "add one of the API's hosts to the listener's, or take the listener out";
                out.push(Diagnostic::error("unreachable", message).at(named.span).help(help));
            }
            continue;
        }
        let hosts: Vec<Box<str>> = hosts.into_iter().map(Into::into).collect();
        let number = u16::try_from(number).unwrap_or(u16::MAX);
        match sites.iter_mut().find(|site| site.hosts == hosts) {
            Some(site) => site.listeners.push(number),
            None => sites.push(Site { listeners: vec![number], hosts }),
        }
    }
    if sites.is_empty() && api.listeners.is_empty() && !document.listeners.is_empty() {
        let message = format!("no listener serves a host of `{}`", api.name.value);
        let span = api.hosts.first().map_or(api.name.span, |host| host.span);
        let help = "add the host to a listener's `hosts`, or take it out";
        out.push(Diagnostic::error("unreachable", message).at(span).help(help));
    }
    sites
}

/// Whether all hosts of `narrow` are hosts of `wide`.
fn covers(wide: &str, narrow: &str) -> bool {
    wide == narrow
        || wide.strip_prefix("*.").is_some_and(|suffix| {
            narrow.split_once('.').is_some_and(|(label, rest)| label != "*" && rest == suffix)
        })
}

fn overlap(left: &[Box<str>], right: &[Box<str>]) -> bool {
    left.is_empty()
        || right.is_empty()
        || left.iter().any(|one| right.iter().any(|other| covers(one, other) || covers(other, one)))
}

/// Base paths that are taken, to find two APIs that claim one.
#[derive(Debug, Default)]
pub(crate) struct Claims(Vec<(String, Site, String)>);

impl Claims {
    /// Takes a base path at a site for an API; reports when another has it.
    pub(crate) fn take(&mut self, api: &str, site: &Site, base: &str, span: Span, out: &mut Diagnostics) {
        let taken = self.0.iter().find(|(owner, at, path)| {
            owner != api
                && path == base
                && overlap(&at.hosts, &site.hosts)
                && at.listeners.iter().any(|number| site.listeners.contains(number))
        });
        if let Some((owner, ..)) = taken {
            let shown = if base.is_empty() { "/" } else { base };
            let message = format!("`{api}` and `{owner}` are both served under `{shown}` on the same hosts");
            let help = "give one of them a `base_path`, `hosts` or `listeners` of its own";
            out.push(Diagnostic::error("conflict", message).at(span).help(help));
        }
        self.0.push((api.to_owned(), site.clone(), base.to_owned()));
    }
}

/// The mounts of one API at one site; `collide` is told of two operations under one method and shape of path.
pub(crate) fn lay_out(site: &Site, ways: &[Way], mut collide: impl FnMut(u32, u32)) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for way in ways {
        let found = mounts.iter().position(|mount| *mount.base == *way.base);
        let at = found.unwrap_or_else(|| {
            mounts.push(Mount {
                listeners: site.listeners.clone(),
                hosts: site.hosts.clone(),
                base: way.base.as_str().into(),
                tree: Tree::default(),
            });
            mounts.len() - 1
        });
        if let Some(mount) = mounts.get_mut(at)
            && let Err(other) = mount.tree.insert(&way.template, way.method.clone(), way.operation)
        {
            collide(way.operation, other);
        }
    }
    mounts
}
