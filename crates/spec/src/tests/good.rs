use super::*;
use serde_json::Value as Json;

/// A tree as JSON, as an editor's validator sees it.
fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::from(*value),
        Value::Integer(value) => Json::from(*value),
        Value::Float(value) => Json::from(*value),
        Value::String(text) => Json::from(text.as_str()),
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), json(&entry.value))).collect())
        }
    }
}

fn tree(text: &str) -> Node {
    let mut sources = Sources::default();
    let file = sources.add("yett.yaml", text);
    parse(text, file, &mut Diagnostics::new()).expect("YAML")
}

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema(&SECTIONS)).expect("a good schema")
}

#[test]
fn good_documents_are_good_and_the_schema_agrees() {
    let validator = validator();
    for text in [TEN_LINES, FULL] {
        good(text, None);
        let errors: Vec<String> = validator
            .iter_errors(&json(&tree(text)))
            .map(|error| format!("{} {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{text}");
    }
    for environment in ["prod", "test"] {
        good(FULL, Some(environment));
    }
}

#[test]
fn the_schema_takes_pointers_into_any_file() {
    let validator = validator();
    for (pointer, good) in [
        ("/paths/~1x/get", true),
        ("other.yaml#/paths/~1x", true),
        ("#/paths", false),
        ("other.yaml#paths", false),
        ("paths", false),
    ] {
        let text = FULL.replace("[/paths/~1x/get]", &format!("[\"{pointer}\"]"));
        assert_eq!(validator.is_valid(&json(&tree(&text))), good, "{pointer}");
    }
}

#[test]
fn the_schema_accepts_the_resolved_form_too() {
    let validator = validator();
    for text in [TEN_LINES, FULL] {
        let resolved = good(text, None).resolved.expect("resolved");
        let errors: Vec<String> = validator
            .iter_errors(&json(&resolved.tree))
            .map(|error| format!("{} {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn the_schema_refuses_unknown_keys_everywhere() {
    let validator = validator();
    let places = [
        "",
        "/listeners/public",
        "/listeners/public/tls",
        "/listeners/partner/http",
        "/admin",
        "/issuers/staff",
        "/issuers/staff/introspection",
        "/authorities/partners",
        "/authorities/partners/grants/spiffe:~1~1example.com~1*",
        "/signers/shops",
        "/signers/shops/keys/shop-1",
        "/users/clerks",
        "/users/clerks/grants/alice",
        "/webhooks/billing",
        "/upstreams/files/sign",
        "/upstreams/orders",
        "/upstreams/orders/deadlines",
        "/upstreams/orders/targets/0",
        "/upstreams/orders/outliers",
        "/upstreams/orders/tls",
        "/upstreams/orders/health",
        "/upstreams/orders/breakers",
        "/upstreams/orders/headers",
        "/upstreams/orders/retries",
        "/upstreams/files/pool",
        "/shedding",
        "/profiles/standard",
        "/profiles/standard/validation",
        "/apis/orders",
        "/apis/orders/authentication/oauth",
        "/apis/orders/dpop",
        "/apis/orders/operations/exportOrders/authentication",
        "/apis/orders/limits/0",
        "/apis/orders/operations/exportOrders",
        "/apis/orders/operations/tag:admin/validation",
        "/environments/prod",
        "/environments/prod/profiles/standard",
        "/environments/test/listeners/public",
        "/record",
        "/record/decisions",
        "/telemetry",
        "/telemetry/otlp",
    ];
    for place in places {
        let mut document = json(&tree(FULL));
        let object =
            document.pointer_mut(place).and_then(Json::as_object_mut).unwrap_or_else(|| panic!("{place}"));
        object.insert(String::from("bogus"), Json::from(1));
        assert!(!validator.is_valid(&document), "{place}");
    }
}

#[test]
fn every_property_of_the_schema_says_what_it_is() {
    let schema = schema(&SECTIONS);
    let mut holders = vec![&schema];
    let defs = schema["$defs"].as_object().expect("definitions");
    holders.extend(defs.iter().filter(|(name, _)| !name.starts_with("section.")).map(|(_, def)| def));
    for (key, property) in holders.iter().filter_map(|def| def["properties"].as_object()).flatten() {
        let direct = property.get("description").is_some();
        let target = property["$ref"].as_str().and_then(|to| schema.pointer(to.trim_start_matches('#')));
        let referred =
            target.is_some_and(|def| def.get("description").is_some() || def.get("title").is_some());
        assert!(
            direct || referred || SECTIONS.iter().any(|section| section.name == key),
            "{key}: {property}"
        );
    }
}

/// `key:` with nothing after it is taken by the reader and by editors alike, or by neither; so are pointers.
#[test]
fn the_schema_and_the_reader_agree_on_what_is_empty_or_zero() {
    let validator = validator();
    let with = |place: &str, line: &str| TEN_LINES.replace(place, &format!("{line}\n{place}"));
    let cases = [
        (with("    upstream:", "    accept_unenforced: [/a, \"b.yaml#/c\"]"), true),
        (with("    upstream:", "    accept_unenforced: [\"#/a\"]"), false),
        (with("    upstream:", "    accept_unenforced: [a]"), false),
        (with("apis:", "admin:"), true),
        (with("apis:", "record:"), true),
        (with("apis:", "telemetry:"), true),
        (with("apis:", "telemetry: { otlp: { endpoint: https://c } }"), true),
        (with("apis:", "telemetry: { otlp: { endpoint: http://127.0.0.1:4318, sample: 0% } }"), true),
        (with("apis:", "telemetry: { otlp: { } }"), false),
        (with("apis:", "gate:"), true),
        (with("apis:", "profiles:"), true),
        (with("apis:", "profiles: { a: }"), true),
        (with("apis:", "environments:"), true),
        (with("apis:", "environments: { a: }"), true),
        (with("    upstream:", "    operations:"), true),
        (with("    upstream:", "    operations: { a: { validation: } }"), true),
        (TEN_LINES.replace("validation: {", "validation:\n    #{"), true),
        (TEN_LINES.replace("limits: [", "limits:\n    #["), false),
        (with("apis:", "issuers:"), true),
        (with("apis:", "upstreams:"), true),
        (with("apis:", "trusted_hops:"), false),
        (with("apis:", "upstreams: { u: { url: http://u, deadlines: } }"), true),
        (with("apis:", "upstreams: { u: { url: http://u, deadlines: { connect: 0s } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, deadlines: { total: 0m0ms } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, deadlines: { idle: 10ms } } }"), true),
        (with("apis:", "upstreams: { u: { url: http://u, deadlines: { lifetime: 30d } } }"), true),
        (with("apis:", "upstreams: { u: { url: http://u, deadlines: { lifetime: 0d } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, outliers: , retries: , pool: } }"), true),
        (with("apis:", "upstreams: { u: { url: http://u, outliers: { eject: 0s } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, outliers: { failures: 0 } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, retries: { most: 11 } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, retries: { statuses: [404] } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, retries: { most: 0, statuses: [599] } } }"), true),
        (with("apis:", "upstreams: { u: { targets: [{ url: http://u, weight: 1001 }] } }"), false),
        (with("apis:", "upstreams: { u: { targets: [{ url: http://u, weight: 1000 }] } }"), true),
        (
            with("apis:", "upstreams: { u: { url: http://u, balance: \"hash:header:x\", slow_start: 0s } }"),
            true,
        ),
        (with("apis:", "upstreams: { u: { url: http://u, balance: random } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, health: /up } }"), true),
        (with("apis:", "upstreams: { u: { url: http://u, health: up } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, health: { path: /up, down_after: 0 } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, health: { path: /up, timeout: 0s } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, breakers: { connections: 0 } } }"), false),
        (with("apis:", "upstreams: { u: { url: http://u, breakers: { pending: 0, calls: 1 } } }"), true),
        (with("apis:", "listeners: { a: { bind: 127.0.0.1:1, tls: } }").replace("listen:", "#"), true),
        (TEN_LINES.split("apis:").next().unwrap_or_default().to_owned() + "apis:\n", false),
    ];
    for (text, taken) in cases {
        let found = lines(&outcome(&text, None));
        assert_eq!(found.is_empty(), taken, "{text}{found:?}");
        assert_eq!(validator.is_valid(&json(&tree(&text))), taken, "{text}");
    }
}

#[test]
fn the_schema_and_the_reader_agree_on_mirrors() {
    let validator = validator();
    for (mirror, taken) in [
        ("{ upstream: m }", true),
        ("{ upstream: m, share: 1% }", true),
        ("{ upstream: m, share: 100% }", true),
        ("{ upstream: m, share: 0% }", false),
        ("{ upstream: m, share: 5 }", false),
        ("{ share: 5% }", false),
        ("m", false),
    ] {
        let upstreams =
            format!("upstreams: {{ m: {{ url: http://m }}, u: {{ url: http://u, mirror: {mirror} }} }}");
        let text = TEN_LINES.replace("apis:", &format!("{upstreams}\napis:"));
        let found = lines(&outcome(&text, None));
        assert_eq!(found.is_empty(), taken, "{text}{found:?}");
        assert_eq!(validator.is_valid(&json(&tree(&text))), taken, "{text}");
    }
}
