//! From the document's `users` and an API's `authentication` to tables of users.

use std::collections::HashMap;
use std::sync::Arc;

use credentials::{PasswordHash, is_user, read_users};
use diagnostics::{Diagnostic, Diagnostics};
use engine::principal::{Binding, CredentialKind, Marks};
use engine::{Principal, ScopeSet, bounds};
use smallvec::SmallVec;
use spec::{Document, Grant, Spanned};
use tape::Tape;

use super::{Group, Passwords, Table, User};
use crate::scope::{ApiScope, Assets};
use crate::security::{ANY_SCHEME, bit, password_scheme, private_listeners, scope_names, users_issuer};

/// The name in `grants` that stands for everybody.
const ALL: &str = "*";
/// Faults of one file that are told; the rest is counted.
const TOLD: usize = 20;

/// Reports what is wrong with files of passwords and with who is let in, whether an API takes the users or not.
pub fn check_users(document: &Document, assets: &Assets, out: &mut Diagnostics) {
    for (name, group) in &document.users {
        // That a file is missing has been said with all that is.
        let file = group.passwords.path();
        let Some(text) = assets.get(file) else { continue };
        let (users, faults) = read_users(text, bounds::USERS);
        for fault in faults.iter().take(TOLD) {
            let message = format!("`{file}`:{}:{}: {}", fault.line, fault.column, fault.why);
            let help = "write a line for each user, as `yett user hash NAME` prints it: `name:$argon2id$…`";
            out.push(Diagnostic::error("invalid-users", message).at(group.passwords.span).help(help));
        }
        if let Some(more) = faults.len().checked_sub(TOLD).filter(|more| *more > 0) {
            let message = format!("{more} more lines of `{file}` are wrong");
            let help = "mend those that are told first";
            out.push(Diagnostic::error("invalid-users", message).at(group.passwords.span).help(help));
        }
        let mut costs: Vec<[u32; 3]> = users.values().map(PasswordHash::costs).collect();
        costs.sort_unstable();
        costs.dedup();
        if costs.len() > 1 {
            let message = format!("the lines of `{file}` do not all cost the same to check");
            let help = "make them with one `m`, `t` and `p`: how long an answer takes says else which names there are";
            out.push(Diagnostic::warning("uneven-users", message).at(group.passwords.span).help(help));
        }
        for (user, grant) in group.grants.iter().filter(|(user, _)| *user != ALL) {
            if !is_user(user) {
                let message = format!("`{}` is no name of a user of `{name}`", user.escape_debug());
                let help = "write the name before the `:` of a line of the file, or `*` for all";
                out.push(Diagnostic::error("invalid-value", message).at(grant.span).help(help));
            } else if !users.contains_key(user.as_str()) {
                // No error: whoever takes a line out of the file means what follows.
                let message = format!("`{}` is let in, and `{file}` has no such user", user.escape_debug());
                let help = "add the line that `yett user hash` prints, or take the grant out";
                out.push(Diagnostic::warning("unknown-user", message).at(grant.span).help(help));
            }
        }
    }
}

/// What takes passwords for the schemes of these sets; where any scheme will do, those of all entries.
pub(in crate::authentication) fn compile(api: &ApiScope<'_>, sets: &[Vec<u16>]) -> Option<Passwords> {
    let mut wanted: Vec<u16> = sets.iter().flatten().copied().collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut passwords = Passwords { tables: Vec::new(), groups: Vec::new(), private: private_listeners(api) };
    for scheme in wanted {
        let named: Vec<(&[Spanned<String>], bool)> = match scheme {
            ANY_SCHEME => {
                let entries = api.settings.authentication.values();
                entries.map(|entry| (entry.users.as_slice(), entry.forward)).collect()
            }
            scheme => vec![password_scheme(api, scheme)],
        };
        for (names, forward) in named.into_iter().filter(|(names, _)| !names.is_empty()) {
            let tables = names.iter().filter_map(|name| table(api, &name.value));
            let tables: SmallVec<[usize; 1]> = tables.map(|table| passwords.place(table)).collect();
            let same = |group: &&mut Group| group.tables == tables && group.forward == forward;
            match passwords.groups.iter_mut().find(same) {
                Some(group) if group.schemes.contains(&scheme) => {}
                Some(group) => group.schemes.push(scheme),
                None => {
                    passwords.groups.push(Group {
                        tables,
                        schemes: SmallVec::from_slice(&[scheme]),
                        forward,
                    });
                }
            }
        }
    }
    (!passwords.groups.is_empty()).then_some(passwords)
}

impl Passwords {
    /// The place of a table, which is added when it is not there.
    fn place(&mut self, table: Arc<Table>) -> usize {
        let known = self.tables.iter().position(|one| Arc::ptr_eq(one, &table));
        known.unwrap_or_else(|| {
            self.tables.push(table);
            self.tables.len() - 1
        })
    }
}

/// The table of a group of users; made once per API.
fn table(api: &ApiScope<'_>, name: &str) -> Option<Arc<Table>> {
    let made = api.share(&format!("users {name}"), || {
        let group = api.gateway.document.users.get(name)?;
        let text = api.gateway.assets.get(group.passwords.path())?;
        // What is wrong with the file has been reported.
        let (all, _) = read_users(text, bounds::USERS);
        let issuer: Arc<str> = users_issuer(name).into();
        let mut lines: Vec<(Box<str>, Arc<PasswordHash>)> =
            all.into_iter().map(|(user, hash)| (user, Arc::new(hash))).collect();
        // In one order, so that a name that nobody has is checked against the same line each time.
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut stand_ins: Vec<_> = lines.iter().map(|(_, hash)| Arc::clone(hash)).collect();
        if stand_ins.is_empty() {
            stand_ins.push(Arc::new(PasswordHash::of_nobody()));
        }
        let names = scope_names(api);
        let mut users = HashMap::new();
        for (user, hash) in lines {
            let Some(granted) = granted(&group.grants, &user) else { continue };
            let principal = Arc::new(principal(&issuer, &user, &hash, &granted, &names)?);
            users.insert(user, User { hash, principal });
        }
        Some(Arc::new(Table { issuer, users, stand_ins }))
    });
    (*made).clone()
}

/// What a user is granted: by name and by `*`, which add up; `None` when the table does not let the user in.
fn granted<'g>(
    grants: &'g std::collections::BTreeMap<String, Spanned<Grant>>,
    user: &str,
) -> Option<Vec<&'g Grant>> {
    let found: Vec<&Grant> =
        [user, ALL].iter().filter_map(|name| grants.get(*name)).map(|one| &one.value).collect();
    (grants.is_empty() || !found.is_empty()).then_some(found)
}

/// Whom a password proves.
fn principal(
    issuer: &Arc<str>,
    user: &str,
    hash: &PasswordHash,
    granted: &[&Grant],
    names: &[String],
) -> Option<Principal> {
    let mut scopes = ScopeSet::default();
    let all = granted.iter().flat_map(|grant| &grant.scopes.0);
    all.filter_map(|scope| bit(names, scope)).for_each(|bit| scopes.insert(bit));
    let mut roles: Vec<Box<str>> =
        granted.iter().flat_map(|grant| &grant.roles.0).map(|role| role.as_str().into()).collect();
    roles.sort();
    roles.dedup();
    let marks = Marks { digest: *hash.line(), id: None, session: None, party: None, issued: None };
    Some(Principal {
        issuer: Arc::clone(issuer),
        subject: user.into(),
        application: None,
        scopes,
        roles: roles.into(),
        claims: Arc::new(claims(user)?),
        // The file says who is a user, and for how long.
        expires: u64::MAX,
        taken_until: u64::MAX,
        credential: CredentialKind::Password,
        binding: Binding::default(),
        marks: Some(Box::new(marks)),
    })
}

/// What is known of a user, for who asks for claims.
fn claims(user: &str) -> Option<Tape> {
    let mut text = Vec::with_capacity(64);
    text.extend_from_slice(b"{\"sub\":");
    engine::text::push_json(&mut text, user);
    text.push(b'}');
    Tape::parse(text.into(), &tape::Bounds::default()).ok()
}
