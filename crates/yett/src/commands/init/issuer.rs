//! Who signs tokens: as the command line says, else the contract's OpenID provider, else the gateway itself.

use contract::{Api, SecurityScheme};

/// Where the metadata of a provider is, below its issuer's URL (OpenID Connect Discovery 1.0, section 4).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// The issuer, and why a provider that the contract names was passed over.
///
/// # Errors
/// When `--issuer` is neither `local` nor the URL of an issuer whose keys can be fetched safely.
pub(super) fn choose(given: Option<&str>, api: &Api) -> Result<(String, Vec<String>), String> {
    if let Some(issuer) = given {
        if issuer != "local" {
            good(issuer).map_err(|why| format!("`--issuer`: {why}"))?;
        }
        return Ok((issuer.to_owned(), Vec::new()));
    }
    let mut passed_over = Vec::new();
    for scheme in api.schemes.values() {
        let SecurityScheme::OpenIdConnect { url } = scheme else { continue };
        match discovered(url) {
            Ok(issuer) => return Ok((issuer.to_owned(), Vec::new())),
            Err(why) => passed_over.push(why),
        }
    }
    Ok((String::from("local"), passed_over))
}

/// The issuer whose metadata are at a URL.
fn discovered(url: &str) -> Result<&str, String> {
    let issuer = url.strip_suffix(DISCOVERY).ok_or_else(|| {
        format!("`{url}` does not end with `{DISCOVERY}`, so it does not say what `iss` tokens carry")
    })?;
    good(issuer).map(|()| issuer)
}

fn good(issuer: &str) -> Result<(), String> {
    let url: spec::Url = issuer.parse().map_err(|error: spec::ParseError| error.to_string())?;
    if url.is_https() || url.is_loopback() {
        return Ok(());
    }
    Err(format!("`{issuer}` is not `https`: keys fetched in clear can be replaced on the way"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_what_discovery_says_and_no_guess() {
        for (url, issuer) in [
            ("https://idp.example.com/.well-known/openid-configuration", Ok("https://idp.example.com")),
            (
                "https://idp.example.com/t/1/.well-known/openid-configuration",
                Ok("https://idp.example.com/t/1"),
            ),
            ("http://127.0.0.1:9/.well-known/openid-configuration", Ok("http://127.0.0.1:9")),
            ("https://idp.example.com", Err("does not end with")),
            ("https://idp.example.com/.well-known/other", Err("does not end with")),
            ("http://idp.example.com/.well-known/openid-configuration", Err("is not `https`")),
            ("/.well-known/openid-configuration", Err("")),
        ] {
            match (discovered(url), issuer) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                (found, _) => panic!("{url}: {found:?}"),
            }
        }
    }
}
