//! From the document's `authorities` and an API's `authentication` to rules.

use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics};
use engine::bounds;
use spec::Document;

use super::grants::{self, Grants};
use super::{Group, Rule};
use crate::scope::ApiScope;
use crate::security::{ANY_SCHEME, asking, authority_issuer, certificate_scheme, scope_names};

/// Reports what is wrong with tables of who is let in, whether an API takes the certificates or not.
pub fn check_authorities(document: &Document, out: &mut Diagnostics) {
    for (name, authority) in &document.authorities {
        let most = bounds::CERTIFICATE_GRANTS;
        if authority.grants.len() > most {
            let message = format!("`grants` of the authorities `{name}` have more than {most} entries");
            let help = "give those that may do the same names below one boundary, as in `spiffe://example.com/shop/*`";
            out.push(Diagnostic::error("invalid-value", message).at(authority.span).help(help));
        }
        for (key, help, span) in grants::check(authority) {
            let message = format!("`{}` is no subject of a certificate of `{name}`", key.escape_debug());
            out.push(Diagnostic::error("invalid-value", message).at(span).help(help));
        }
    }
}

/// The groups that prove the schemes of these sets by certificates; where any scheme will do, those of all entries.
pub(in crate::authentication) fn compile(api: &ApiScope<'_>, sets: &[Vec<u16>]) -> Arc<[Group]> {
    let mut wanted: Vec<u16> = sets.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut groups: Vec<Group> = Vec::new();
    for scheme in wanted {
        let entries = api.settings.authentication.values().map(|entry| entry.authorities.as_slice());
        let named = match scheme {
            ANY_SCHEME => entries.collect(),
            scheme => vec![certificate_scheme(api, scheme)],
        };
        for names in named.into_iter().filter(|names| !names.is_empty()) {
            let rules: Vec<Arc<Rule>> = names.iter().filter_map(|name| rule(api, &name.value)).collect();
            let same = |group: &&mut Group| {
                group.rules.len() == rules.len()
                    && group.rules.iter().zip(&rules).all(|(one, other)| Arc::ptr_eq(one, other))
            };
            match groups.iter_mut().find(same) {
                Some(group) if group.schemes.contains(&scheme) => {}
                Some(group) => group.schemes.push(scheme),
                None => groups.push(Group { rules, schemes: vec![scheme] }),
            }
        }
    }
    groups.into()
}

/// The rule of authorities; made once per API.
fn rule(api: &ApiScope<'_>, name: &str) -> Option<Arc<Rule>> {
    let authority = api.gateway.document.authorities.get(name)?;
    let made = api.share(&format!("authorities {name}"), || {
        Arc::new(Rule {
            issuer: authority_issuer(name).into(),
            subject: authority.subject.as_ref().map(|subject| subject.value),
            grants: Grants::of(authority, &scope_names(api)),
            listeners: asking(api, authority),
            revocable: api.gateway.document.wants_store(),
        })
    });
    Some(Arc::clone(&made))
}
