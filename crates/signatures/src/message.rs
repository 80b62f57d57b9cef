//! A request as its client sent it: what a signature was made over, and not what goes on.

use std::borrow::Cow;

use http::HeaderMap;

/// A request as its client sent it.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The method, to the letter.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host and port, by [`normal_authority`].
    pub authority: Cow<'a, str>,
    /// The path, undecoded; empty for the root.
    pub path: Cow<'a, str>,
    /// The query, undecoded and without `?`; `None` where there is no `?`.
    pub query: Option<&'a str>,
    /// Its fields.
    pub headers: &'a HeaderMap,
}

/// An authority in lower case and without the usual port of its scheme (RFC 9110 section 4.2.3).
#[must_use]
pub fn normal_authority(authority: &str, https: bool) -> Cow<'_, str> {
    let usual = if https { ":443" } else { ":80" };
    let bare = authority.strip_suffix(usual).or(authority.strip_suffix(':')).unwrap_or(authority);
    if bare.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(bare.to_ascii_lowercase())
    } else {
        Cow::Borrowed(bare)
    }
}

impl Message<'_> {
    /// The path, which is never empty (section 2.2.6).
    pub(crate) fn rooted_path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }
}
