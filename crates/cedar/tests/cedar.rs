//! Policies: what is wrong with them and where, which are in which slice, and what they say of calls.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::borrow::Cow;
use std::net::IpAddr;

use cedar::facts::{Assurance, Caller, Facts, Term, Time};
use cedar::names::{Actions, Attribute, Kind, READ, WRITE};
use cedar::{Book, Decision, Fault, Severity, Shape, Slice, Source, Vocabulary};
use smallvec::{SmallVec, smallvec};

fn attribute(name: &str, kind: Kind, required: bool) -> Attribute {
    Attribute { name: name.into(), kind, required }
}

fn vocabulary() -> Vocabulary {
    let mut actions = Actions::default();
    actions.declare([READ, WRITE]);
    actions.add("getOrder", ["tag:orders", READ]);
    actions.add("listOrders", ["tag:orders", READ]);
    actions.add("putOrder", ["tag:orders", WRITE]);
    actions.add("GET /health", [READ]);
    let claims = vec![
        attribute("tenant", Kind::Text, false),
        attribute("level", Kind::Long, false),
        attribute("teams", Kind::Texts, false),
        attribute("staff", Kind::Bool, false),
    ];
    Vocabulary { actions, claims }
}

fn order() -> Shape {
    Shape { resource: vec![attribute("id", Kind::Text, true)], callers: true, anonymous: false }
}

fn put() -> Shape {
    let resource = vec![
        attribute("id", Kind::Text, true),
        attribute("total", Kind::Long, true),
        attribute("note", Kind::Text, false),
    ];
    Shape { resource, ..order() }
}

fn open() -> Shape {
    Shape { resource: Vec::new(), callers: false, anonymous: true }
}

fn read(text: &str) -> Result<(Book, Vec<Fault>), Vec<Fault>> {
    Book::read(&[Source { name: "orders.cedar", text }], vocabulary())
}

fn slice(text: &str, operation: &str, shape: &Shape) -> Slice {
    let (slice, faults) = read(text).unwrap().0.slice(operation, shape);
    assert_eq!(faults, []);
    slice
}

/// What is wrong with policies in `putOrder`: the text that each is about, and what is said.
fn wrong(text: &str) -> Vec<(String, String)> {
    let faults = match read(text) {
        Ok((book, faults)) => [faults, book.slice("putOrder", &put()).1].concat(),
        Err(faults) => faults,
    };
    let about = |fault: &Fault| fault.range.clone().map_or("", |range| &text[range]).to_owned();
    faults.iter().map(|fault| (about(fault), fault.message.clone())).collect()
}

fn clerk<'c>() -> Caller<'c> {
    Caller {
        issuer: "https://idp.example.com",
        issuer_name: "shop",
        subject: "alice",
        application: Some("web"),
        credential: "jwt",
        scopes: smallvec!["orders:read"],
        roles: smallvec![Cow::Borrowed("clerk")],
    }
}

fn facts<'c>() -> Facts<'c> {
    Facts {
        caller: Some(clerk()),
        path: "/orders/7",
        resource: smallvec![("id", Term::Text("7".into())), ("total", Term::Long(5))],
        claims: smallvec![("tenant", Term::Text("acme".into())), ("level", Term::Long(3))],
        method: "PUT",
        host: "api.example.com",
        listener: "public",
        tls: true,
        address: IpAddr::from([10, 1, 2, 3]),
        located: true,
        // 2024-05-06T09:30:00Z, a Monday.
        time: Time { unix: 1_714_987_800_000, weekday: 1, minute: 570 },
        token_age: Some(20),
        token_left: Some(580),
        assurance: Assurance {
            acr: Some("high".into()),
            amr: smallvec!["mfa".into()],
            login_age: Some(60),
            bound: true,
        },
        credentials: smallvec!["jwt", "certificate"],
    }
}

fn says(text: &str, facts: &Facts<'_>) -> String {
    format!("{:?}", slice(text, "putOrder", &put()).decide(facts))
}

const ALL: &str = "@id(\"all\") permit (principal, action, resource);\n";

#[test]
fn nothing_is_permitted_without_a_policy_and_what_forbids_wins() {
    assert_eq!(slice("", "putOrder", &put()).decide(&facts()), Decision::Unpermitted);
    assert_eq!(slice(ALL, "putOrder", &put()).decide(&facts()), Decision::Permitted("all"));
    let both =
        format!("{ALL}@id(\"no\") forbid (principal, action, resource) when {{ resource.total > 4 }};");
    let both = slice(&both, "putOrder", &put());
    assert_eq!(both.decide(&facts()), Decision::Forbidden("no"));
    let less =
        Facts { resource: smallvec![("id", Term::Text("7".into())), ("total", Term::Long(4))], ..facts() };
    assert_eq!(both.decide(&less), Decision::Permitted("all"));
    assert!(both.permits() && both.reads("total") && !both.reads("id"));
}

/// Each condition once as it holds and once as it does not.
#[test]
fn what_is_told_of_a_call_can_be_asked_for() {
    let cases: &[(&str, &str)] = &[
        ("principal.subject == \"alice\"", "principal.subject == \"bob\""),
        ("principal.issuer like \"https://idp.*\"", "principal.issuer == \"shop\""),
        ("principal in Issuer::\"shop\"", "principal in Issuer::\"staff\""),
        ("principal == Caller::\"shop|alice\"", "principal == Caller::\"staff|alice\""),
        ("principal in Application::\"web\"", "principal in Application::\"app\""),
        ("principal has application && principal.application == \"web\"", "!(principal has application)"),
        ("principal in Role::\"clerk\"", "principal in Role::\"admin\""),
        ("principal in [Role::\"admin\", Role::\"clerk\"]", "principal in [Role::\"admin\"]"),
        ("principal.roles.contains(\"clerk\")", "principal.roles.contains(\"admin\")"),
        (
            "principal.scopes.containsAny([\"orders:read\", \"x\"])",
            "principal.scopes.contains(\"orders:write\")",
        ),
        ("principal.credential == \"jwt\"", "principal.credential == \"api_key\""),
        ("principal is Caller", "principal is Anonymous"),
        ("resource.id == \"7\"", "resource.id == \"8\""),
        ("resource == Resource::\"/orders/7\"", "resource == Resource::\"/orders/8\""),
        ("resource.total <= 5", "resource.total < 5"),
        ("!(resource has note)", "resource has note && resource.note == \"x\""),
        ("context.claims has tenant && context.claims.tenant == \"acme\"", "context.claims has teams"),
        (
            "context.claims has level && context.claims.level >= 3",
            "context.claims has level && context.claims.level > 3",
        ),
        (
            "context.client.address.isInRange(ip(\"10.0.0.0/8\"))",
            "context.client.address.isInRange(ip(\"192.168.0.0/16\"))",
        ),
        ("context.client.located && context.client.address.isIpv4()", "context.client.address.isLoopback()"),
        (
            "context.request.method == \"PUT\" && context.request.tls",
            "context.request.listener == \"partner\"",
        ),
        ("context.request.host == \"api.example.com\"", "context.request.path == \"/\""),
        ("context.time.weekday == 1 && context.time.minute >= 540", "context.time.minute < 540"),
        (
            "context.time.now > datetime(\"2024-05-06T09:29:59Z\")",
            "context.time.now > datetime(\"2024-05-06T09:30:00Z\")",
        ),
        ("context.time.now.toTime() == duration(\"9h30m\")", "context.time.now.toTime() < duration(\"9h\")"),
        (
            "context.token has age && context.token.age < 30",
            "context.token has age && context.token.age > 30",
        ),
        ("context.token has left && context.token.left > 500", "!(context.token has left)"),
        ("context.assurance has acr && context.assurance.acr == \"high\"", "!context.assurance.bound"),
        ("context.assurance.amr.contains(\"mfa\")", "context.assurance.amr.contains(\"otp\")"),
        (
            "context.assurance has login_age && context.assurance.login_age <= 60",
            "!(context.assurance has login_age)",
        ),
        ("context.credentials.contains(\"certificate\")", "context.credentials.contains(\"password\")"),
        ("action == Action::\"putOrder\"", "action == Action::\"getOrder\""),
        ("action in Action::\"tag:orders\"", "action in Action::\"group:read\""),
        ("context.time == context.time && context == context", "context != context"),
    ];
    for (holds, fails) in cases {
        let policy = |condition: &str| {
            format!("@id(\"p\") permit (principal, action, resource) when {{ {condition} }};")
        };
        assert_eq!(says(&policy(holds), &facts()), "Permitted(\"p\")", "{holds}");
        assert_eq!(says(&policy(fails), &facts()), "Unpermitted", "{fails}");
    }
}

#[test]
fn scopes_of_policies_are_cedars_own() {
    let cases = [
        ("principal == Caller::\"shop|alice\", action, resource", true),
        ("principal == Caller::\"shop|bob\", action, resource", false),
        ("principal in Role::\"clerk\", action, resource", true),
        ("principal in Role::\"admin\", action, resource", false),
        ("principal is Caller, action, resource", true),
        ("principal is Caller in Role::\"clerk\", action, resource", true),
        ("principal is Caller in Role::\"admin\", action, resource", false),
        ("principal in Caller::\"shop|alice\", action, resource", true),
        ("principal, action == Action::\"putOrder\", resource", true),
        ("principal, action == Action::\"getOrder\", resource", false),
        ("principal, action in [Action::\"getOrder\", Action::\"putOrder\"], resource", true),
        ("principal, action in Action::\"group:write\", resource", true),
        ("principal, action in Action::\"group:read\", resource", false),
        ("principal, action, resource == Resource::\"/orders/7\"", true),
        ("principal, action, resource == Resource::\"/orders/8\"", false),
        ("principal, action, resource is Resource", true),
    ];
    for (scope, permitted) in cases {
        let expected = if permitted { "Permitted(\"p\")" } else { "Unpermitted" };
        assert_eq!(says(&format!("@id(\"p\") permit ({scope});"), &facts()), expected, "{scope}");
    }
}

#[test]
fn a_policy_that_forbids_and_fails_forbids_and_one_that_permits_and_fails_does_not() {
    let over = "context.claims has level && context.claims.level + 9223372036854775807 > 0";
    let forbids = format!("{ALL}@id(\"f\") forbid (principal, action, resource) when {{ {over} }};");
    assert_eq!(says(&forbids, &facts()), "Undecided(\"f\")");
    let permits = format!("@id(\"f\") permit (principal, action, resource) when {{ {over} }};");
    assert_eq!(says(&permits, &facts()), "Unpermitted");
    assert_eq!(says(&format!("{permits}{ALL}"), &facts()), "Permitted(\"all\")");
    let less = Facts { claims: smallvec![("level", Term::Long(-1))], ..facts() };
    assert_eq!(says(&forbids, &less), "Forbidden(\"f\")", "where it can be evaluated");
}

#[test]
fn nobody_who_is_known_is_a_type_of_its_own() {
    let text = "@id(\"a\") permit (principal is Anonymous, action == Action::\"GET /health\", resource);\n\
                @id(\"b\") permit (principal is Caller, action, resource) when { principal.subject == \"alice\" };";
    let open = slice(text, "GET /health", &open());
    let nobody = Facts { caller: None, resource: SmallVec::new(), ..facts() };
    assert_eq!(open.decide(&nobody), Decision::Permitted("a"));
    assert_eq!(
        open.policies().map(|policy| policy.id).collect::<Vec<_>>(),
        ["a"],
        "no caller is known there"
    );
    let either = Shape { anonymous: true, ..order() };
    let both = slice(text, "getOrder", &either);
    assert_eq!(both.decide(&facts()), Decision::Permitted("b"));
    assert_eq!(both.decide(&Facts { caller: None, ..facts() }), Decision::Unpermitted);
    // Who may be nobody has no subject.
    let (_, faults) = read("permit (principal, action, resource) when { principal.subject == \"a\" };")
        .unwrap()
        .0
        .slice("getOrder", &either);
    assert_eq!(faults.len(), 1, "{faults:?}");
}

#[test]
fn a_slice_has_what_can_be_satisfied_in_its_operation_and_no_more() {
    let text = "@id(\"all\") permit (principal, action, resource);\n\
                @id(\"get\") permit (principal, action == Action::\"getOrder\", resource);\n\
                @id(\"write\") forbid (principal, action in Action::\"group:write\", resource);\n\
                @id(\"total\") forbid (principal, action, resource) when { resource has total && resource.total > 9 };\n\
                @id(\"told\") forbid (principal, action, resource) when { action == Action::\"listOrders\" };\n\
                @id(\"never\") permit (principal, action, resource) when { principal is Anonymous };";
    let book = read(text).unwrap().0;
    let ids = |operation: &str, shape: &Shape| {
        let (slice, faults) = book.slice(operation, shape);
        assert_eq!(faults, []);
        slice.policies().map(|policy| policy.id.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids("getOrder", &order()), ["all", "get"]);
    assert_eq!(ids("putOrder", &put()), ["write", "total", "all"]);
    let list = Shape { resource: Vec::new(), ..order() };
    assert_eq!(ids("listOrders", &list), ["told", "all"]);
    assert_eq!(ids("GET /health", &open()), ["all", "never"]);
}

#[test]
fn what_nobody_reads_is_not_wanted() {
    let wants = |text: &str| *slice(text, "putOrder", &put()).wants();
    assert_eq!(wants(ALL), cedar::Wants::default());
    let of =
        |condition: &str| wants(&format!("permit (principal, action, resource) when {{ {condition} }};"));
    assert!(of("context.claims has tenant").claims);
    assert!(of("context.time.minute > 3").time && !of("context.time.minute > 3").client);
    assert!(wants("permit (principal in Role::\"a\", action, resource);").roles);
    assert!(of("principal in [Role::\"a\"]").roles && !of("principal in Issuer::\"a\"").roles);
    let all = of("context == context");
    assert!(
        all.claims && all.client && all.request && all.time && all.token && all.assurance && all.credentials
    );
}

#[test]
fn what_is_wrong_is_said_at_its_place() {
    let of = |text: &str| {
        let all = wrong(text);
        assert_eq!(all.len(), 1, "{all:?}");
        all[0].0.clone()
    };
    let when = |condition: &str| format!("permit (principal, action, resource) when {{ {condition} }};");
    assert_eq!(of("permit (principal, action, resource) wen { true };"), "wen");
    assert_eq!(of(&when("resource.totl > 3")), "resource.totl");
    assert_eq!(of(&when("resource.note == \"a\"")), "resource.note", "it may not be there");
    assert_eq!(of(&when("resource.total == \"a\"")), "resource.total == \"a\"");
    assert_eq!(of(&when("context.claims.tenant == \"a\"")), "context.claims.tenant");
    assert_eq!(of(&when("principal in Rolle::\"a\"")), "Rolle");
    assert_eq!(of(&when("context.client.address.isInRange(ip(\"10.0.0.0/40\"))")), "ip(\"10.0.0.0/40\")");
    assert_eq!(
        of(&when("context.client.address.isInRange(ip(context.request.host))")),
        "ip(context.request.host)"
    );
}

#[test]
fn misspelled_actions_repeated_ids_and_templates_are_said() {
    let said = |text: &str| {
        read(text)
            .unwrap_err()
            .into_iter()
            .map(|fault| (fault.message, fault.help.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let all = said("permit (principal, action == Action::\"putOrdr\", resource);");
    assert_eq!(all[0].0, "the API has no operation and no group `putOrdr`");
    assert_eq!(all[0].1, "did you mean `putOrder`?");
    let all = said("permit (principal, action, resource) when { action in Action::\"tag:x\" };");
    assert!(all[0].0.ends_with("`tag:x`"));
    let all = said("permit (principal, action == Action::\"group:read\", resource);");
    assert_eq!(all[0].1, "write `action in Action::\"group:read\"`");
    let all = said(
        "@id(\"a\") permit (principal, action, resource);\n@id(\"a\") forbid (principal, action, resource);",
    );
    assert_eq!(all[0].0, "there are two policies with the id `a`");
    let all = said("permit (principal == ?principal, action, resource);");
    assert_eq!(all[0].0, "a template of Cedar's is not linked");
    // Constants would be one by the time that they are looked at.
    let deep = " || resource.total > 3".repeat(600);
    let deep = format!("permit (principal, action, resource) when {{ resource.total > 3{deep} }};");
    assert!(said(&deep)[0].0.starts_with("the condition has more than 500 parts"));
    let many = "permit (principal, action, resource);\n".repeat(4_001);
    assert_eq!(said(&many)[0].0, "there are more than 4000 policies");
    let (book, _) = read("\npermit (principal, action, resource);").unwrap();
    assert_eq!(book.slice("getOrder", &order()).0.policies().next().unwrap().id, "orders.cedar:2");
}

#[test]
fn faults_are_said_once_for_a_shape_and_confusable_names_are_warnings() {
    let (book, _) = read("permit (principal, action, resource) when { resource.total > 3 };").unwrap();
    assert_eq!(book.slice("getOrder", &order()).1.len(), 1);
    assert_eq!(book.slice("getOrder", &order()).1, []);
    assert_eq!(
        book.slice("listOrders", &Shape { resource: Vec::new(), ..order() }).1,
        [],
        "the same at the same place"
    );
    let (book, _) =
        read("permit (principal, action, resource) when { resource.id == \"\u{202e}a\" };").unwrap();
    let faults = book.slice("getOrder", &order()).1;
    assert_eq!(faults.iter().map(|fault| fault.severity).collect::<Vec<_>>(), [Severity::Warning]);
}

#[test]
fn what_can_be_satisfied_nowhere_is_a_warning_with_the_last_operation() {
    let misspelled = "context.claims has tenent && context.claims.tenent == \"a\"";
    let text = format!(
        "{ALL}@id(\"never\") forbid (principal, action in Action::\"tag:orders\", resource) when {{ {misspelled} }};"
    );
    let book = read(&text).unwrap().0;
    let said = |operation: &str, shape: &Shape| {
        let faults = book.slice(operation, shape).1;
        faults.into_iter().map(|fault| (fault.severity, fault.message)).collect::<Vec<_>>()
    };
    let list = Shape { resource: Vec::new(), ..order() };
    for (operation, shape) in
        [("getOrder", order()), ("getOrder", order()), ("GET /health", open()), ("listOrders", list)]
    {
        assert_eq!(said(operation, &shape), []);
    }
    let message = "no call can satisfy `never`, so that it does nothing";
    assert_eq!(said("putOrder", &put()), [(Severity::Warning, message.to_owned())]);
    assert_eq!(said("putOrder", &put()), [], "once");
}
