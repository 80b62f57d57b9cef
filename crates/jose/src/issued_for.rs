//! For which issuers a key of a set is: the member `issuer` that Microsoft writes beside keys, since one set of theirs is for all
//! tenants.
//!
//! `https://login.example.com/{tenantid}/v2.0` is for every tenant there, the same with a tenant's id for that one only
//! (<https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#validate-the-issuer>). The URLs of version 1.0 of their tokens
//! are of another host, with the tenant in the same place: there the tenant decides. What is no URL says nothing (RFC 7517 section 4).

/// What stands for each tenant.
const ANY: &str = "{tenantid}";

/// Whether a key that says that it is for `named` may be used for `issuer`.
pub(crate) fn fits(named: &str, issuer: &str) -> bool {
    let (Some((host, path)), Some((own_host, own_path))) = (parts(named), parts(issuer)) else {
        return parts(named).is_none();
    };
    if host != own_host {
        return tenant(path) == ANY || tenant(path) == tenant(own_path);
    }
    match path.split_once(ANY) {
        None => path == own_path,
        Some((before, after)) => {
            let inner = own_path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
            inner.is_some_and(|inner| !inner.is_empty() && !inner.contains('/'))
        }
    }
}

/// A URL up to its path, and its path.
fn parts(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.find('/').unwrap_or(rest.len());
    url.split_at_checked(scheme.len() + 3 + host)
}

fn tenant(path: &str) -> &str {
    path.split('/').nth(1).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_key_is_for_whom_it_says() {
        let (v1, v2) = ("https://sts.windows.net/t1/", "https://login.microsoftonline.com/t1/v2.0");
        // What the key says, the issuer, whether it may be used.
        for (named, issuer, good) in [
            ("https://login.microsoftonline.com/{tenantid}/v2.0", v2, true),
            ("https://login.microsoftonline.com/{tenantid}/v2.0", v1, true),
            (v2, v2, true),
            (v2, v1, true),
            (v1, v1, true),
            ("https://login.microsoftonline.com/t2/v2.0", v2, false),
            ("https://login.microsoftonline.com/t2/v2.0", v1, false),
            ("https://login.microsoftonline.com/t1/v1.0", v2, false),
            ("https://login.microsoftonline.com/{tenantid}/v1.0", v2, false),
            ("https://login.microsoftonline.com/{tenantid}", v2, false),
            (
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                "https://login.microsoftonline.com//v2.0",
                false,
            ),
            (
                "https://login.microsoftonline.com/{tenantid}/v2.0",
                "https://login.microsoftonline.com/a/b/v2.0",
                false,
            ),
            ("https://evil.example/t2/v2.0", v2, false),
            ("https://idp.example/realms/a", "https://idp.example/realms/b", false),
            ("CN=somebody", v2, true),
            ("", v2, true),
            (v2, "urn:yett:local", false),
        ] {
            assert_eq!(fits(named, issuer), good, "{named} {issuer}");
        }
    }
}
