//! Operations that are WebSockets.

use std::time::Duration;

use engine::bounds;
use engine::websocket::{Flow, Origins};
use http::Method;

use super::{Case, DOCUMENT, find};

fn with(operations: &str) -> String {
    format!("{DOCUMENT}    operations: {operations}\n")
}

#[test]
fn an_operation_is_a_websocket_when_the_document_says_so() {
    let usual = Case::new(&with("{ getOrder: { websocket: {} } }")).good();
    let rules = |compiled, method, path| find(compiled, "any", method, path).unwrap().websocket.clone();
    let found = rules(&usual, &Method::GET, "/v1/orders/1").unwrap();
    assert_eq!((found.message, found.frame), (bounds::MESSAGE_BYTES, bounds::MESSAGE_BYTES));
    assert_eq!((found.idle, found.lifetime), (bounds::WEBSOCKET_IDLE, bounds::WEBSOCKET_LIFETIME));
    assert_eq!((&found.origins, found.subprotocols.len()), (&Origins::Own, 0));
    assert_eq!(found.flow, Flow { burst: 10_000, each: Duration::from_micros(500) });
    // Its HEAD is refused as a plain GET is; nothing else is touched.
    assert!(rules(&usual, &Method::HEAD, "/v1/orders/1").is_some());
    assert!(rules(&usual, &Method::OPTIONS, "/v1/orders/1").is_none());
    assert!(rules(&usual, &Method::GET, "/v1/orders").is_none());
    // A key with nothing after it is all defaults.
    let bare = Case::new(&format!("{DOCUMENT}    operations:\n      getOrder:\n        websocket:\n")).good();
    assert_eq!(rules(&bare, &Method::GET, "/v1/orders/1"), Some(found));

    let all = Case::new(&with(
        "{ \"tag:read\": { websocket: { idle: 9m } }, getOrder: { websocket: { origins: [\"https://a.test\", \
         \"http://b.test:81\"], subprotocols: [chat.v2], message: 64KiB, frame: 1KiB, rate: 120/min, idle: 1m, lifetime: 2h } } }",
    ))
    .good();
    let found = rules(&all, &Method::GET, "/v1/orders/1").unwrap();
    assert_eq!(
        found.origins,
        Origins::Listed(Box::new(["https://a.test".into(), "http://b.test:81".into()]))
    );
    assert_eq!((&*found.subprotocols[0], found.message, found.frame), ("chat.v2", 65_536, 1_024));
    assert_eq!(found.flow, Flow { burst: 120, each: Duration::from_millis(500) });
    assert_eq!((found.idle, found.lifetime), (Duration::from_secs(60), Duration::from_secs(7_200)));
    let other = rules(&all, &Method::GET, "/v1/orders").unwrap();
    assert_eq!(other.idle, Duration::from_secs(540));
    let any = Case::new(&with("{ getOrder: { websocket: { origins: [\"*\"] } } }")).good();
    assert_eq!(rules(&any, &Method::GET, "/v1/orders/1").unwrap().origins, Origins::Any);
}

#[test]
fn what_cannot_be_one_is_told() {
    for (operations, what) in [
        ("{ addOrder: { websocket: {} } }", "`POST /orders` cannot be a WebSocket"),
        (
            "{ getOrder: { websocket: { origins: [\"app.example.com\"] } } }",
            "`app.example.com` is not an origin",
        ),
        ("{ getOrder: { websocket: { origins: [\"null\"] } } }", "`null` is not an origin"),
        ("{ getOrder: { websocket: { origins: [\"https://a.test:443\"] } } }", "is not an origin"),
        ("{ getOrder: { websocket: { origins: [\"https://a.test/x\"] } } }", "is not an origin"),
        ("{ getOrder: { websocket: { subprotocols: [\"a b\"] } } }", "`a b` is not a subprotocol"),
        ("{ getOrder: { websocket: { message: 65MiB } } }", "messages cannot be of `65MiB`"),
        ("{ getOrder: { websocket: { message: 0B } } }", "messages cannot be of `0B`"),
        ("{ getOrder: { websocket: { message: 1KiB, frame: 2KiB } } }", "frames cannot be of `2KiB`"),
        ("{ getOrder: { websocket: { idle: 500ms } } }", "`500ms` is too short"),
        ("{ getOrder: { websocket: { lifetime: 0s } } }", "`0s` is too short"),
        ("{ getOrder: { websocket: { compress: true } } }", "compress"),
        ("{ getOrder: { websocket: true } }", ""),
    ] {
        let said = Case::new(&with(operations)).bad();
        assert!(said.iter().any(|one| one.contains(what)), "{operations}: {said:?}");
        assert!(said.iter().all(|one| one.contains("yett.yaml:")), "{said:?}");
    }
    let two = DOCUMENT.replace("upstream: http://127.0.0.1:3000", "upstream: main");
    let document = |http: &str| {
        format!(
            "{two}    operations: {{ getOrder: {{ websocket: {{}} }} }}\n\
             upstreams: {{ main: {{ url: \"http://a:1\", http: {http} }} }}\n"
        )
    };
    let said = Case::new(&document("2")).bad();
    assert!(said.iter().any(|one| one.contains("speaks HTTP/2 only")), "{said:?}");
    Case::new(&document("1")).good();
}

#[test]
fn messages_are_inspected_by_what_can_read_them_or_the_document_is_refused() {
    let text = with("{ getOrder: { websocket: {} } }");
    let builtin = Case::new(&format!("{text}    inspection: {{ mode: enforce }}\n")).good();
    let messages = |path| find(&builtin, "any", &Method::GET, path).unwrap().message.len();
    assert_eq!((messages("/v1/orders/1"), messages("/v1/orders")), (1, 0));
    let of_a_file = |operation: &str| {
        Case::new(&format!(
            "{DOCUMENT}    inspection: {{ rules: file:rules.conf }}\n    operations: {{ getOrder: {{ websocket: {{}}{operation} }} }}\n"
        ))
        .with("rules.conf", "SecRule ARGS \"@contains evil\" \"id:1,phase:2,deny\"\n")
    };
    let said = of_a_file("").bad();
    assert!(said.iter().any(|one| one.starts_with("unsupported") && one.contains("`getOrder`")), "{said:?}");
    of_a_file(", inspection: { mode: off }").good();
}
