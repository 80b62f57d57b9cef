//! Who is let in by a certificate, and with which scopes and roles: by the subject in full, or by all that lies below a boundary.
//!
//! A table that is there names all who are let in; `*` names everybody. What several entries grant adds up. Looking costs one hash
//! and one comparison per pattern; what comes of it is remembered with the certificate.

use std::collections::{BTreeMap, HashMap};

use engine::ScopeSet;
use spec::{Authority, CertificateSubject};

use super::names::{is_host, is_subject, is_uri};

const HELP: &str = "write a subject in full, or `*` for all; of URIs `spiffe://example.com/shop/*` for all below, of hosts \
                    `*.example.com`, of mail addresses `*@example.com`";

/// Whom an entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Whom<'t> {
    All,
    One(&'t str),
    /// Whose subject begins so, up to a boundary.
    Below(&'t str),
    /// Whose subject ends so, from a boundary on.
    Within(&'t str),
}

impl<'t> Whom<'t> {
    /// Reads the key of an entry; `None` when no subject of the kind could be meant.
    fn read(text: &'t str, kind: Option<CertificateSubject>) -> Option<Self> {
        use CertificateSubject::{DnsSan, EmailSan, UriSan};
        if text == "*" {
            return Some(Self::All);
        }
        let (uris, hosts) = (matches!(kind, None | Some(UriSan)), matches!(kind, None | Some(DnsSan)));
        if let Some(rest) = text.strip_prefix('*') {
            let host = match rest.strip_prefix('.') {
                Some(host) => Some(host).filter(|_| hosts),
                None => rest.strip_prefix('@').filter(|_| kind == Some(EmailSan)),
            };
            return host.filter(|host| is_host(host)).map(|_| Self::Within(rest));
        }
        match text.strip_suffix('*') {
            Some(start) => (uris && ends_at_boundary(start)).then_some(Self::Below(start)),
            None => is_subject(text, kind).then_some(Self::One(text)),
        }
    }
}

/// Whether URIs begin so that have one who vouches for all of them: after the authority, where there is one, and a slash; else
/// after what the scheme names and a colon or a slash.
fn ends_at_boundary(start: &str) -> bool {
    let whole = is_uri(&format!("{start}x"));
    let Some((_, rest)) = start.split_once(':') else { return false };
    match rest.strip_prefix("//") {
        Some(rest) => whole && rest.ends_with('/') && rest.len() > 1,
        None => whole && (rest.ends_with(':') || rest.ends_with('/')),
    }
}

/// What an entry grants.
#[derive(Debug, Clone, Default)]
struct Granted {
    scopes: Vec<usize>,
    roles: Vec<Box<str>>,
}

/// The table of one authority, for one API.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Whether there is a table.
    listed: bool,
    all: Option<Granted>,
    one: HashMap<Box<str>, Granted>,
    below: Vec<(Box<str>, Granted)>,
    within: Vec<(Box<str>, Granted)>,
}

/// What is wrong with the keys of a table: the key, and what to do.
pub fn check(authority: &Authority) -> impl Iterator<Item = (&str, &'static str, diagnostics::Span)> {
    let kind = authority.subject.as_ref().map(|subject| subject.value);
    let wrong = move |key: &str| Whom::read(key, kind).is_none();
    let all = authority.grants.iter().filter(move |(key, _)| wrong(key));
    all.map(|(key, grant)| (key.as_str(), HELP, grant.span))
}

impl Grants {
    /// The table of an authority; `bits` are the numbers of the API's scopes, all others mean nothing to it.
    #[must_use]
    pub fn of(authority: &Authority, bits: &[String]) -> Self {
        let kind = authority.subject.as_ref().map(|subject| subject.value);
        let mut table = Self { listed: !authority.grants.is_empty(), ..Self::default() };
        for (key, grant) in &authority.grants {
            let bit = |scope: &String| bits.iter().position(|known| known == scope);
            let granted = Granted {
                scopes: grant.scopes.0.iter().filter_map(bit).collect(),
                roles: grant.roles.0.iter().map(|role| role.as_str().into()).collect(),
            };
            // What is wrong names nobody, and has been reported.
            match Whom::read(key, kind) {
                None => {}
                Some(Whom::All) => table.all = Some(granted),
                Some(Whom::One(subject)) => drop(table.one.insert(subject.into(), granted)),
                Some(Whom::Below(start)) => table.below.push((start.into(), granted)),
                Some(Whom::Within(end)) => table.within.push((end.into(), granted)),
            }
        }
        table
    }

    /// What a subject may do, and as whom; `None` when it is not let in.
    #[must_use]
    pub fn find(&self, subject: &str) -> Option<(ScopeSet, Vec<Box<str>>)> {
        let below = self.below.iter().filter(|(start, _)| subject.starts_with(&**start));
        let within = self.within.iter().filter(|(end, _)| subject.ends_with(&**end));
        let patterns = below.chain(within).map(|(_, granted)| granted);
        let mut found = self.all.iter().chain(self.one.get(subject)).chain(patterns).peekable();
        if self.listed && found.peek().is_none() {
            return None;
        }
        let (mut scopes, mut roles) = (ScopeSet::default(), BTreeMap::new());
        for granted in found {
            granted.scopes.iter().for_each(|bit| scopes.insert(*bit));
            roles.extend(granted.roles.iter().map(|role| (role.clone(), ())));
        }
        Some((scopes, roles.into_keys().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CertificateSubject::{CommonName, DnsSan, EmailSan, Fingerprint, SubjectDn, UriSan};

    #[test]
    fn threat_16_patterns_end_at_a_boundary() {
        for (text, kind, good) in [
            ("*", None, true),
            ("*", Some(Fingerprint), true),
            ("spiffe://example.com/shop", None, true),
            ("spiffe://example.com/shop", Some(DnsSan), false),
            ("spiffe://example.com/*", None, true),
            ("spiffe://example.com/ns/prod/*", Some(UriSan), true),
            ("spiffe://example.com/ns/prod*", None, false),
            ("spiffe://example.com/ns/*/shop", None, false),
            ("spiffe://example.com/../*", None, false),
            ("spiffe://example.com*", None, false),
            ("spiffe://*", None, false),
            ("spiffe:*", None, false),
            ("https://*", None, false),
            ("https://a.example/*", None, true),
            ("https://a.example:*", None, false),
            ("https:///*", None, false),
            ("urn:example:*", None, true),
            ("urn:*", None, false),
            ("*.example.com", None, true),
            ("*.example.com", Some(DnsSan), true),
            ("*.example.com", Some(UriSan), false),
            ("*example.com", None, false),
            ("*.", None, false),
            ("a.*.example.com", None, false),
            ("*.*", None, false),
            ("*@example.com", Some(EmailSan), true),
            ("*@example.com", None, false),
            ("*@*", Some(EmailSan), false),
            ("robot@example.com", Some(EmailSan), true),
            ("robot@Example.com", Some(EmailSan), false),
            ("Partner One", Some(CommonName), true),
            ("Partner *", Some(CommonName), false),
            ("CN=robot,O=Shop", Some(SubjectDn), true),
            ("CN=robot,*", Some(SubjectDn), false),
            ("", None, false),
        ] {
            assert_eq!(Whom::read(text, kind).is_some(), good, "{text} {kind:?}");
        }
    }

    fn table(kind: &str, grants: &str) -> Grants {
        let text = format!("client_ca: ca.pem\n{kind}grants: {grants}\n");
        let (mut sources, mut found) = (diagnostics::Sources::default(), diagnostics::Diagnostics::new());
        let file = sources.add("yett.yaml", text.as_str());
        let node = spec::parse(&text, file, &mut found).unwrap();
        let authority: Authority = spec::read(&node, &mut found).unwrap_or_else(|| panic!("{found:?}"));
        assert_eq!(check(&authority).count(), 0, "{grants}");
        Grants::of(&authority, &["read".to_owned(), "write".to_owned()])
    }

    /// The numbers of scopes, and the roles; `None` who is not let in.
    fn granted(table: &Grants, subject: &str) -> Option<(Vec<usize>, String)> {
        let (scopes, roles) = table.find(subject)?;
        Some(((0..4).filter(|bit| scopes.contains(*bit)).collect(), roles.join(" ")))
    }

    #[test]
    fn a_table_names_all_who_are_let_in_and_what_it_grants_adds_up() {
        let grants = "{ \"spiffe://example.com/shop\": { scopes: [read, other], roles: clerk }, \
                       \"spiffe://example.com/ns/prod/*\": { scopes: write }, \
                       \"spiffe://example.com/ns/*\": { scopes: read, roles: [boss, clerk] }, \
                       \"*.example.com\": { roles: host } }";
        let listed = table("", grants);
        for (subject, expected) in [
            ("spiffe://example.com/shop", Some((vec![0], "clerk"))),
            ("spiffe://example.com/shop2", None),
            ("spiffe://example.com/shop/a", None),
            ("spiffe://example.com/ns/prod/a/b", Some((vec![0, 1], "boss clerk"))),
            ("spiffe://example.com/ns/production", Some((vec![0], "boss clerk"))),
            ("spiffe://example.com/ns", None),
            ("spiffe://example.org/ns/prod/a", None),
            ("a.example.com", Some((vec![], "host"))),
            ("a.b.example.com", Some((vec![], "host"))),
            ("example.com", None),
            ("badexample.com", None),
        ] {
            let expected = expected.map(|(scopes, roles)| (scopes, roles.to_owned()));
            assert_eq!(granted(&listed, subject), expected, "{subject}");
        }
        let all = table("", "{ \"*\": { scopes: read }, \"a.example\": { scopes: write } }");
        assert_eq!(granted(&all, "b.example"), Some((vec![0], String::new())));
        assert_eq!(granted(&all, "a.example"), Some((vec![0, 1], String::new())));
        let nobody_said = table("", "{}");
        assert_eq!(granted(&nobody_said, "b.example"), Some((vec![], String::new())));
        let mail = table("subject: email-san\n", "{ \"*@example.com\": { scopes: read } }");
        assert_eq!(granted(&mail, "robot@example.com"), Some((vec![0], String::new())));
        assert_eq!(granted(&mail, "robot@evil.example.com"), None);
        assert_eq!(granted(&mail, "example.com@evil.com"), None);
    }
}
