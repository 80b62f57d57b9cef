use super::*;

const SINK: &str = "notify:
  sinks:
    soc:
      url: https://soc.example.com/hook
      secret: env:HOOK
      previous_secret: file:old.secret
      events: { code: [insufficient_scope], control: [authorization, route], api: [orders], operation: [getOrder] }
";
const GOOD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn case(sink: &str) -> Case {
    Case::new(&format!("{DOCUMENT}{sink}")).with("env:HOOK", GOOD).with("old.secret", GOOD)
}

#[test]
fn a_sink_names_its_secrets_and_what_there_is() {
    let compiled = case(SINK).good();
    assert_eq!(compiled.resolved.document.notify.unwrap().sinks.len(), 1);
    let needed = needed_assets("yett.yaml", &format!("{DOCUMENT}{SINK}"), None);
    let secrets = needed.iter().filter(|one| matches!(one.kind, NeededKind::Env | NeededKind::Secret));
    assert_eq!(secrets.map(|one| &*one.name).collect::<Vec<_>>(), ["env:HOOK", "old.secret"]);
}

#[test]
fn what_would_keep_a_sink_silent_is_an_error() {
    let without = case("").good();
    let with = case(SINK).good();
    assert_ne!(without.digest(), with.digest(), "a reload sees it");
    for (written, instead, expected) in [
        ("insufficient_scope", "insuficient_scope", "did you mean `insufficient_scope`?"),
        ("control: [authorization", "control: [authorisation", "did you mean `authorization`?"),
        ("api: [orders]", "api: [order]", "did you mean `orders`?"),
        ("operation: [getOrder]", "operation: [getOrders]", "did you mean `getOrder`?"),
    ] {
        let wrong = case(&SINK.replace(written, instead)).bad();
        assert!(wrong.len() == 1 && wrong[0].contains(expected), "{wrong:#?}");
    }
}

#[test]
fn alerts_name_what_there_is() {
    let alerts =
        "  alerts:\n    a: { rate: 5/min, events: { code: [insufficient_scope], operation: [getOrder] } }\n";
    case(&format!("{SINK}{alerts}")).good();
    for (written, instead) in [("insufficient_scope]", "scope_lacking]"), ("getOrder] } }", "takeOrder] } }")]
    {
        let wrong = case(&format!("{SINK}{}", alerts.replace(written, instead))).bad();
        assert!(wrong.len() == 1 && wrong[0].contains("there is no"), "{wrong:#?}");
    }
}

#[test]
fn what_is_no_secret_is_refused_without_a_word_of_it() {
    for bad in ["", "hunter2hunter2hunter2hunter2hunter2", "whsec_c2hvcnQ="] {
        let wrong = case(SINK).with("env:HOOK", bad).bad();
        assert!(wrong.len() == 1 && wrong[0].contains("openssl rand"), "{wrong:#?}");
        assert!(bad.is_empty() || !wrong[0].contains(bad), "{wrong:#?}");
    }
    let missing = Case::new(&format!("{DOCUMENT}{SINK}")).with("old.secret", GOOD).bad();
    assert!(missing.len() == 1 && missing[0].contains("`HOOK` is not set"), "{missing:#?}");
}
