use super::*;

fn operation<'a>(id: &'a str, method: &'a str, template: &'a str, tags: &'a [&'a str]) -> OperationRef<'a> {
    OperationRef { id: Some(id), method, template, tags }
}

#[test]
fn ten_lines_become_the_full_shape() {
    let resolved = good(TEN_LINES, None).resolved.expect("resolved");
    let document = &resolved.document;
    assert_eq!(document.data.path(), "./data");
    assert_eq!(document.listeners["default"].bind.to_string(), "127.0.0.1:8080");
    assert_eq!(document.listeners["default"].http.streams, 100);
    assert_eq!(document.admin.bind.to_string(), "127.0.0.1:9901");
    assert!(document.issuers["local"].local);
    assert_eq!(document.upstreams["orders"].targets[0].url.as_str(), "http://127.0.0.1:3000");
    let api = resolved.api("orders").expect("the API");
    assert_eq!(api.upstream.value, "orders");
    let scheme = api.authentication_for("whatever").expect("any scheme");
    assert_eq!(scheme.issuers[0].value, "local");
    assert_eq!(scheme.audience.as_ref().expect("audience").0, ["orders"]);
    assert!(api.section("validation").is_some());
}

#[test]
fn an_issuer_by_url_is_shared_between_apis() {
    let text = "\
version: 1
listen: 127.0.0.1:0
apis:
  a: { contract: a.yaml, upstream: http://a, issuer: https://idp.example.com/x/, audience: a }
  b: { contract: b.yaml, upstream: http://b, issuer: https://idp.example.com/x/, audience: [b, c] }
";
    let resolved = good(text, None).resolved.expect("resolved");
    assert_eq!(resolved.document.issuers.keys().collect::<Vec<_>>(), ["idp.example.com/x"]);
    let issuer = &resolved.document.issuers["idp.example.com/x"];
    assert_eq!(issuer.url.as_ref().expect("a URL").as_str(), "https://idp.example.com/x/");
    let audience =
        |api: &str| resolved.document.apis[api].authentication["*"].audience.clone().expect("one").value.0;
    assert_eq!(
        (audience("a"), audience("b")),
        (vec![String::from("a")], vec![String::from("b"), String::from("c")])
    );
}

#[test]
fn the_full_shape_keeps_what_it_says() {
    let resolved = good(FULL, None).resolved.expect("resolved");
    let document = &resolved.document;
    assert_eq!(document.upstreams["orders"].http, HttpVersion::Http2);
    assert_eq!(document.upstreams["orders"].deadlines.connect.to_string(), "500ms");
    assert_eq!(document.upstreams["orders"].deadlines.total.to_string(), "1m");
    assert_eq!(document.listeners["partner"].http.version, HttpVersion::Http1);
    assert_eq!(document.listeners["partner"].http.head.bytes(), 16 * 1024);
    assert!(
        matches!(&document.listeners["public"].tls.as_ref().expect("TLS").key.as_ref().expect("a key").value, SecretRef::Env(n) if n == "TLS_KEY")
    );
    assert_eq!(document.issuers["staff"].typ, TypRule::Rfc9068);
    assert_eq!(
        document.issuers["staff"].scopes_from.as_ref().map(|from| &from.value),
        Some(&ScopesFrom::Roles)
    );
    assert_eq!(document.record.on_full.value, OnFull::Refuse);
    let orders = &document.apis["orders"];
    assert_eq!(orders.owner.as_deref(), Some("team@example.com"), "from the profile");
    assert_eq!(orders.operations.len(), 3);
    assert!(orders.authentication_for("unnamed").is_none());
    assert_eq!(document.apis["files"].contract.value, ContractSource::None);
    assert_eq!(document.apis["files"].allow[0].to_string(), "GET /files/*");
    let nested = document.trusted_hops[0];
    assert!(nested.contains("10.1.2.3".parse().expect("an address")));
}

#[test]
fn the_narrowest_operation_settings_win() {
    let resolved = good(FULL, None).resolved.expect("resolved");
    let rate = |operation: &OperationRef<'_>| {
        let node = resolved.operation_settings("orders", operation, "limits").expect("limits");
        let limits: Vec<Limit> = read(&node, &mut Diagnostics::new()).expect("readable");
        limits[0].rate.to_string()
    };
    assert_eq!(rate(&operation("list", "GET", "/orders", &[])), "60/min");
    assert_eq!(rate(&operation("purge", "POST", "/purge", &["x", "admin"])), "5/s");
    assert_eq!(rate(&operation("exportOrders", "GET", "/export", &["admin"])), "2/hour");
    let admin = operation("purge", "POST", "/purge", &["admin"]);
    let node = resolved.operation_settings("orders", &admin, "validation").expect("validation");
    let validation: Validation = read(&node, &mut Diagnostics::new()).expect("readable");
    assert_eq!((validation.request, validation.response), (Mode::Enforce, Mode::Enforce), "mappings merge");
    let api = &resolved.document.apis["orders"];
    let unsecured = |method, template| {
        api.unsecured_for(&OperationRef { id: None, method, template, tags: &[] })
            .map(|spanned| spanned.value)
    };
    assert_eq!(unsecured("GET", "/health"), Some(Unsecured::Anonymous));
    assert_eq!(unsecured("PUT", "/health"), Some(Unsecured::Authenticated));
}

#[test]
fn an_environment_changes_a_profile_and_says_so() {
    let outcome = good(FULL, Some("prod"));
    let resolved = outcome.resolved.as_ref().expect("resolved");
    assert_eq!(resolved.document.data.path(), "/prod");
    let validation: Validation = read(
        resolved.api("orders").and_then(|api| api.section("validation")).expect("there"),
        &mut Diagnostics::new(),
    )
    .expect("readable");
    assert_eq!(validation.response, Mode::Enforce);
    let printed = print(resolved, &outcome.sources);
    for line in [
        "data: /prod  # environment prod (yett.yaml:56:80)",
        "      response: enforce  # environment prod (yett.yaml:56:59)",
        "      request: enforce  # profile standard (yett.yaml:25:28)",
        "    owner: team@example.com  # profile standard (yett.yaml:24:12)",
        "    base_path: /v1  # yett.yaml:30:16",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
}

/// What the short form stands for in an environment or a profile is theirs.
#[test]
fn the_short_form_of_an_environment_says_so() {
    let text = format!(
        "{TEN_LINES}profiles: {{ p: {{ issuer: local }} }}\n\
         environments: {{ prod: {{ listen: 127.0.0.1:9, apis: {{ orders: {{ upstream: http://u }} }} }} }}\n"
    );
    let text = text.replace("    issuer: local\n", "    profile: p\n");
    let outcome = good(&text, Some("prod"));
    let printed = print(outcome.resolved.as_ref().expect("resolved"), &outcome.sources);
    for line in [
        "    bind: 127.0.0.1:9  # environment prod (yett.yaml:11:33)",
        "      - url: http://u  # environment prod (yett.yaml:11:74)",
        "    upstream: orders  # environment prod (yett.yaml:11:74)",
        "    local: true  # profile p (yett.yaml:10:26)",
        "          - local  # profile p (yett.yaml:10:26)",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line}\n{printed}");
    }
}

/// Sections that nobody wrote are printed by their defaults, and are no part of what is compiled.
#[test]
fn sections_that_nobody_wrote_are_printed_and_not_compiled() {
    let text = TEN_LINES.replace("    validation: { request: enforce, response: shadow }\n", "");
    let outcome = good(&text, None);
    let resolved = outcome.resolved.as_ref().expect("resolved");
    let printed = print(resolved, &outcome.sources);
    for part in ["gate:\n  calls: 5/s  # default\n", "    validation:\n      request: enforce  # default\n"] {
        assert!(printed.contains(part), "{part}\n{printed}");
    }
    assert!(resolved.api("orders").expect("the API").section("validation").is_none());
    assert!(resolved.tree.at(&["apis", "orders", "validation"]).is_none());
    let without = text.replace("contract: ./openapi.yaml", "contract: none\n    allow: [GET /x]");
    let outcome = good(&without, None);
    let printed = print(outcome.resolved.as_ref().expect("resolved"), &outcome.sources);
    assert!(!printed.contains("validation"), "there is no contract to hold calls to\n{printed}");
}

#[test]
fn the_short_form_prints_with_its_places() {
    let outcome = good(TEN_LINES, None);
    let printed = print(outcome.resolved.as_ref().expect("resolved"), &outcome.sources);
    assert_eq!(printed, include_str!("ten_lines.golden"), "{printed}");
}

#[test]
fn what_is_printed_resolves_to_the_same() {
    for (text, environment) in [(TEN_LINES, None), (FULL, None), (FULL, Some("prod"))] {
        let first = good(text, environment);
        let printed = print(first.resolved.as_ref().expect("resolved"), &first.sources);
        let second = good(&printed, None);
        let again = print(second.resolved.as_ref().expect("resolved"), &second.sources);
        let bare = |text: &str| -> Vec<String> {
            text.lines().map(|line| line.split("  # ").next().unwrap_or(line).to_owned()).collect()
        };
        assert_eq!(bare(&printed), bare(&again));
    }
}

#[test]
fn a_control_of_the_gateway_owns_a_section_at_the_top() {
    let text = TEN_LINES.replace("apis:", "gate: {}\napis:");
    let found = outcome(&text, None);
    assert!(!found.found.has_errors(), "{:?}", lines(&found));
    let document = found.resolved.unwrap().document;
    let calls = document.section("gate").and_then(|node| node.get("calls")).and_then(Node::as_str);
    assert_eq!(calls, Some("5/s"), "defaults are filled in as everywhere");
    assert!(document.section("limits").is_none());
    // Neither kind of section stands at the other's place.
    let text = TEN_LINES.replace("apis:", "limits: []\napis:");
    assert!(lines(&outcome(&text, None)).iter().any(|line| line.contains("it is a key of an API")));
    let text = TEN_LINES.replace("    upstream:", "    gate: {}\n    upstream:");
    assert!(lines(&outcome(&text, None)).iter().any(|line| line.contains("it is a key of the document")));
}

#[test]
fn secrets_in_clear_are_not_printed() {
    for (key, url, hidden) in [("HUSH", "http://me:HUSH@h:1", true), ("env:TLS_KEY", "http://h:1", false)] {
        let text = format!(
            "version: 1\nlisteners: {{a: {{bind: 127.0.0.1:1, tls: {{cert: c.pem, key: {key}}}}}}}\n\
             upstreams: {{u: {{targets: [{{url: \"{url}\"}}]}}}}\napis: {{o: {{contract: none, upstream: u}}}}\n"
        );
        let outcome = outcome(&text, None);
        let resolved = outcome.resolved.as_ref().expect("resolved");
        let printed = print(resolved, &outcome.sources);
        assert!(!printed.contains("HUSH"), "{printed}");
        assert_eq!(printed.contains("(secret)"), hidden, "{printed}");
    }
    let headers =
        "headers: { set: { x-api-key: HUSH, x-a: said }, secrets: { cookie: HUSH, x-b: env:NAME } }";
    let text = format!(
        "version: 1\nupstreams: {{ u: {{ url: \"http://h\", {headers} }} }}\napis: {{ o: {{ contract: none, upstream: u }} }}\n"
    );
    let outcome = outcome(&text, None);
    let printed = print(outcome.resolved.as_ref().expect("resolved"), &outcome.sources);
    assert!(
        !printed.contains("HUSH") && printed.contains("said") && printed.contains("env:NAME"),
        "{printed}"
    );
}

#[test]
fn texts_are_plain_where_they_read_back_and_quoted_elsewhere() {
    for (text, expected) in [
        ("json.a_b-c", "json.a_b-c"),
        ("/a/b:c", "/a/b:c"),
        ("off", "off"),
        ("POST /a", "\"POST /a\""),
        ("a\"b\n", "\"a\\\"b\\n\""),
        ("No", "\"No\""),
        ("1", "\"1\""),
        ("1e3", "\"1e3\""),
        ("0x1f", "\"0x1f\""),
        (".inf", "\".inf\""),
        ("", "\"\""),
        ("a: b", "\"a: b\""),
        ("a:", "\"a:\""),
        ("a,b", "\"a,b\""),
        ("-x", "\"-x\""),
        ("é", "\"é\""),
    ] {
        assert_eq!(quoted(text), expected);
        for (document, path) in [
            (format!("a: {{ {expected}: [{expected}] }}\n"), ["a", text]),
            (format!("a:\n  {expected}:\n    - {expected}\n"), ["a", text]),
        ] {
            let (mut sources, mut found) = (Sources::default(), Diagnostics::new());
            let file = sources.add("a.yaml", document.as_str());
            let tree = parse(&document, file, &mut found).expect("a tree");
            let items = tree.at(&path).map(|list| list.items()).unwrap_or_default();
            assert_eq!(items.first().and_then(|item| item.as_str()), Some(text), "{document}");
        }
    }
}
