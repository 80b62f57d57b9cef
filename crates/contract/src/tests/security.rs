//! `security`: what is not understood lets nobody in.

use std::sync::Arc;

use diagnostics::{Diagnostics, Sources};

use super::{import, try_import};
use crate::documents::Documents;
use crate::import::Import;
use crate::{Assets, Options, Requirement, Security};

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

/// What the operation's `security` is read as, whatever errors there are.
fn read(security: &str) -> Security {
    let text = text(security);
    let assets = Assets::from([(String::from("a.yaml"), Arc::from(text.as_bytes()))]);
    let mut out = Diagnostics::new();
    let documents = Documents::load("a.yaml", &assets, &mut Sources::default(), &mut out).unwrap();
    let options = Options::default();
    let mut import = Import::new(&documents, &options, 1);
    import.security_schemes();
    import.operations().remove(0).operation.security
}

#[test]
fn an_operation_whose_requirement_is_malformed_is_nobodys() {
    let bad = [
        "[oauth]",
        "[{oauth: [admin]}, null]",
        "[{}, {oauth: admin}]",
        "{oauth: [admin]}",
        "null",
        "[{oauth: [1]}]",
    ];
    for security in bad {
        assert_eq!(read(security), Security::Malformed, "{security}");
    }
    for good in ["[]", "[{}]", "[{oauth: [admin]}, {}]"] {
        assert!(matches!(read(good), Security::Alternatives(_)), "{good}");
    }
}

#[test]
fn keys_of_schemes_and_flows_are_known() {
    let said = |from: &str, to: &str| {
        let text = text("[{oauth: [admin]}]").replace(from, to);
        try_import(&[("api.yaml", &text)], &Options::default())
    };
    let rows = [
        (
            "type: openIdConnect,",
            "type: openIdConnect, openIdConectUrl: x,",
            "a security scheme has no `openIdConectUrl`; did you mean `openIdConnectUrl`?",
        ),
        (
            "clientCredentials:",
            "clientCredential:",
            "`flows` has no `clientCredential`; did you mean `clientCredentials`?",
        ),
        ("tokenUrl:", "tokenURL:", "an OAuth flow has no `tokenURL`"),
        (
            "clientCredentials:",
            "deviceAuthorization: {}, clientCredentials:",
            "no `deviceAuthorization` before OpenAPI 3.2",
        ),
        ("scopes: {admin: a}", "scopes: [admin]", "`scopes` is an object"),
        ("flows: {clientCredentials", "flows: [], x-f: {clientCredentials", "`flows` is an object"),
    ];
    for (from, to, expected) in rows {
        let (api, lines) = said(from, to);
        assert!(api.is_none() && lines.iter().any(|line| line.contains(expected)), "{expected}: {lines:?}");
    }
    assert!(said("tokenUrl:", "x-a: 1, description: d, tokenUrl:").0.is_none());
    assert!(said("tokenUrl:", "x-a: 1, refreshUrl: r, tokenUrl:").1.is_empty());
    // Only operations that name the scheme are less than fully enforced.
    let text = text("[{oauth: [admin]}]").replace("type: openIdConnect,", "type: openIdConnect, nam: x,");
    let mut options = Options::default();
    options.accept_unenforced.insert(String::from("/components/securitySchemes/oidc/nam"));
    assert!(super::import_with(&text, &options).operations[0].fully_enforced);
    let other = text.replace("security: [{oauth: [admin]}]", "security: [{oidc: []}]");
    assert!(!super::import_with(&other, &options).operations[0].fully_enforced);
}

#[test]
fn header_parameters_of_other_parts_of_the_document_have_their_keys_checked() {
    for name in ["Accept", "content-type", "AUTHORIZATION"] {
        let parameter =
            |keys: &str| super::with_parameters("/x", &format!("{{name: {name}, in: header, {keys}}}"));
        let (api, said) = try_import(&[("api.yaml", &parameter("shema: {}"))], &Options::default());
        assert!(api.is_none() && said[0].contains("a parameter has no `shema`"), "{name}: {said:?}");
        assert!(import(&parameter("schema: {type: string}")).operations[0].fully_enforced);
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
