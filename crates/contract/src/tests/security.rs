//! `security`: what is not understood lets nobody in.

use super::{import, try_import};
use crate::{Options, Requirement, Security};

fn text(security: &str) -> String {
    format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\npaths:\n  /a:\n    get:\n      security: {security}\n      \
         responses: {{'200': {{description: ok}}}}\ncomponents:\n  securitySchemes:\n    oauth: {{type: oauth2, flows: \
         {{clientCredentials: {{tokenUrl: 'https://i/t', scopes: {{admin: a}}}}}}}}\n    oidc: {{type: openIdConnect, \
         openIdConnectUrl: 'https://i/.well-known/openid-configuration'}}\n"
    )
}

#[test]
fn a_requirement_of_another_type_is_an_error() {
    let rows = [
        ("[oauth]", "6:18: [bad-security] a security requirement is an object"),
        ("[null]", "[bad-security] a security requirement is an object"),
        ("[{oauth: admin}]", "[bad-security] the scopes of `oauth` are a list of names"),
        ("[{oauth: null}]", "[bad-security] the scopes of `oauth`"),
        ("[{oauth: [1]}]", "[bad-security] the scopes of `oauth`"),
        ("{oauth: [admin]}", "[bad-security] `security` is a list"),
        ("null", "[bad-security] `security` is a list"),
    ];
    for (security, expected) in rows {
        let (api, said) = try_import(&[("api.yaml", &text(security))], &Options::default());
        assert!(api.is_none() && said.len() == 1 && said[0].contains(expected), "{security}: {said:?}");
    }
    let oauth = |scopes: &[&str]| Requirement {
        schemes: vec![(String::from("oauth"), scopes.iter().map(|scope| (*scope).to_owned()).collect())],
    };
    let good = [
        ("[{oauth: [admin]}]", vec![oauth(&["admin"])]),
        ("[{oauth: []}, {}]", vec![oauth(&[]), Requirement::default()]),
        ("[]", vec![]),
    ];
    for (security, expected) in good {
        assert_eq!(import(&text(security)).operations[0].security, Security::Alternatives(expected));
    }
}

#[test]
fn a_scope_that_its_scheme_does_not_declare_is_said() {
    let said = |security: &str| try_import(&[("api.yaml", &text(security))], &Options::default());
    let (api, lines) = said("[{oauth: [admim]}]");
    assert!(api.is_some());
    assert!(
        lines[0].contains("warning [undeclared-scope] the scheme `oauth` declares no scope `admim`"),
        "{lines:?}"
    );
    for good in ["[{oauth: [admin]}]", "[{oidc: [anything]}]"] {
        assert!(said(good).1.is_empty(), "{good}");
    }
}
