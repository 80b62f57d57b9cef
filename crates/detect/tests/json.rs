//! What is JSON as a whole is looked at string by string; what only looks like it is read as it stands.

use detect::{Families, Family, Finding, Place, inspect};

fn find(value: &str) -> Option<Finding> {
    inspect(Place::Value, value.as_bytes(), Families::NONE)
        .filter(|finding| finding.score >= detect::THRESHOLD)
}

fn family(value: &str) -> Option<Family> {
    find(value).map(|finding| finding.family)
}

/// JSON in a string of JSON, so many times.
fn nested(text: &str, layers: usize) -> String {
    (0..layers).fold(text.to_owned(), |inner, _| {
        format!("{{\"a\":\"{}\"}}", inner.replace('\\', "\\\\").replace('"', "\\\""))
    })
}

#[test]
fn brackets_and_a_quote_make_no_json() {
    let cases = [
        ("[1' union select a,b from c -- \"]", "[1, \"a union, select members\"]", Family::Sql),
        ("[1' union select user,password from users -- \"]", "[1, \"users\"]", Family::Sql),
        ("[1\" or \"1\"=\"1\"]", "[\"1\",\" or \",\"1\",\"=\",\"1\"]", Family::Sql),
        ("[1 or 1=1, \"\"]", "[1, 1, \"\"]", Family::Sql),
        ("{1;$(id)\"}", "{\"1\":\"(id)\"}", Family::Shell),
        ("{\"a\":1}' or '1'='1\"}", "{\"a\":1,\"b\":\"1's\"}", Family::Sql),
        ("[\"a\"]' union select a,b from c -- [\"\"]", "[[\"a\"],[\"\"]]", Family::Sql),
    ];
    for (attack, twin, wanted) in cases {
        assert_eq!(family(attack), Some(wanted), "{attack}");
        assert_eq!(find(twin), None, "{twin}");
    }
}

#[test]
fn what_stands_apart_in_json_is_no_attack_together() {
    for apart in [
        r#"{"a":"the union","b":"select one of them, or none"}"#,
        r#"{"note":"李 \"Duke\" Select","tags":["a","Ken \"Duke\" Or"]}"#,
        r#" { "a" : [ -1, 2.5e-3, 0, 1E+9, true, false, null, {}, [] ], "b\"c" : "it's" } "#,
        r#"["1' or", 1, "1 - -"]"#,
    ] {
        assert_eq!(find(apart), None, "{apart}");
    }
    // What is a statement to whoever does not read it as JSON is found all the same.
    for attack in [
        r#"["1' union select ",1,", password from users -- "]"#,
        r#"{"a":"1','2'); drop table ","b":"; -- "}"#,
        r#"["1' and 1=(select ",1,",password from users)"]"#,
    ] {
        assert_eq!(family(attack), Some(Family::Sql), "{attack}");
    }
}

#[test]
fn a_window_is_not_taken_for_the_value() {
    // The first 16,384 bytes look like JSON by themselves.
    let attack = "1' union select user,password from users -- ";
    let padding = "a".repeat(16_384 - attack.len() - 4);
    let first = format!("[{attack}\"{padding}\"]");
    assert_eq!(first.len(), 16_384);
    assert_eq!(family(&format!("{first} and so on")), Some(Family::Sql));
    assert_eq!(find(&format!("[1 \"{padding}\"] and so on")), None);
}

#[test]
fn layers_of_json_are_read_or_refused() {
    for layers in 1..=4 {
        assert_eq!(family(&nested("1' union select a,b from c -- ", layers)), Some(Family::Sql), "{layers}");
        assert_eq!(find(&nested("a union of members", layers)), None, "{layers}");
    }
    // One more: what the innermost strings hold is no longer known.
    for layers in 5..=7 {
        let found = find(&nested("1'\nunion\nselect\na,b\nfrom\nc", layers)).unwrap();
        assert_eq!((found.family, found.rule, found.score), (Family::Evasion, "layers", 10), "{layers}");
    }
}
