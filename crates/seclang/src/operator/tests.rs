use std::collections::BTreeMap;

use diagnostics::{Diagnostics, FileId, Span};

use super::*;
use crate::syntax::Test;
use crate::template::Names;

fn compile(name: &str, argument: &str) -> Result<Operator, Diagnostics> {
    let span = Span { file: FileId(0), start: 0, end: 0 };
    let name = name.to_ascii_lowercase();
    let test = Test { negated: false, name, argument: argument.to_owned(), span, argument_span: span };
    let assets = BTreeMap::from([
        ("words.data".to_owned(), "# comment\nalpha\n\n  beta gamma \n".to_owned()),
        ("nets.data".to_owned(), "10.0.0.0/8\n# no\n::1\n".to_owned()),
    ]);
    let mut found = Diagnostics::new();
    let operator = build(&test, &assets, &mut Names::default(), &mut found);
    operator.map(|(operator, _)| operator).ok_or(found)
}

fn matches(name: &str, argument: &str, value: &[u8]) -> bool {
    let operator = compile(name, argument).unwrap();
    let parameter =
        operator.parameter().map(|parameter| parameter.constant().unwrap().to_vec()).unwrap_or_default();
    operator.test(value, &parameter, Capture::No).is_some()
}

#[test]
fn every_operator_does_what_the_manual_says() {
    let cases: &[(&str, &str, &[u8], &[u8])] = &[
        ("rx", "^a.c$", b"a\nc", b"abcd"),
        ("pm", "foo |62 61|r b|61|z", b"xFOOx", b"ba"),
        ("pm", "foo b|61|r", b"xBARx", b"b|61|r"),
        ("pm", "a|b", b"a|b", b"ab"),
        ("pmFromFile", "words.data", b"a BETA GAMMA", b"beta"),
        ("pmf", "words.data", b"alphabet", b"comment"),
        ("ipMatch", "192.0.2.0/24,::1", b"192.0.2.9", b"192.0.3.9"),
        ("ipMatch", "2001:db8::/32", b"2001:db8::1", b"192.0.2.1"),
        ("ipMatchFromFile", "nets.data", b"10.1.2.3", b"11.0.0.1"),
        ("ipMatchF", "nets.data", b"::1", b"x"),
        ("eq", "5", b"5 apples", b"6"),
        ("eq", "0", b"apples", b"1"),
        ("ge", "5", b"5", b"4"),
        ("gt", "5", b"6", b"5"),
        ("le", "5", b"5", b"6"),
        ("lt", "5", b"-6", b"5"),
        ("beginsWith", "ab", b"abc", b"cab"),
        ("contains", "b c", b"ab cd", b"abcd"),
        ("strmatch", "bc", b"abcd", b"aBCd"),
        ("containsWord", "bc", b"a bc d", b"abc d"),
        ("endsWith", "bc", b"abc", b"abcd"),
        ("streq", "bc", b"bc", b"BC"),
        ("within", "GET POST", b"POST", b"PUT"),
        ("validateByteRange", "32-126,10", b"\x00", b"a\n"),
        ("validateUrlEncoding", "", b"%zz", b"%41"),
        ("validateUtf8Encoding", "", b"\xff", "é".as_bytes()),
        ("detectSQLi", "", b"1' OR '1'='1", b"O'Brien"),
        ("detectXSS", "", b"<script>alert(1)</script>", b"a < b"),
    ];
    for (name, argument, yes, no) in cases {
        assert!(matches(name, argument, yes), "@{name} {argument} {}", String::from_utf8_lossy(yes));
        assert!(!matches(name, argument, no), "@{name} {argument} {}", String::from_utf8_lossy(no));
    }
    assert!(matches("unconditionalMatch", "", b"") && !matches("noMatch", "", b""));
}

#[test]
fn captures_are_ranges_or_texts() {
    let regex = compile("rx", "a(b)?(c)").unwrap();
    assert_eq!(
        regex.test(b"xac", b"", Capture::Groups),
        Some(Found::Groups(vec![Some((1, 3)), None, Some((2, 3))]))
    );
    let phrases = compile("pm", "b").unwrap();
    assert_eq!(phrases.test(b"aB", b"", Capture::Groups), Some(Found::Groups(vec![Some((1, 2))])));
    assert!(matches!(
        compile("detectSQLi", "").unwrap().test(b"1' OR '1'='1", b"", Capture::Groups),
        Some(Found::Text(_))
    ));
}

#[test]
fn what_cannot_be_compiled_is_an_error() {
    for (name, argument) in [
        ("rx", "(a\\1)"),
        ("rx", "(a"),
        ("rx", "a{1000}{1000}{1000}"),
        ("pmFromFile", "absent.data"),
        ("ipMatch", "300.0.0.1"),
        ("ipMatch", "10.0.0.0/33"),
        ("validateByteRange", "1-256"),
        ("validateByteRange", "9-1"),
        ("inspectFile", "x"),
        ("streq", "%{nothing}"),
    ] {
        assert!(compile(name, argument).is_err_and(|found| found.has_errors()), "@{name} {argument}");
    }
}

#[test]
fn numbers_that_a_database_reads_as_nothing_hide_no_injection() {
    let sql = compile("detectSQLi", "").unwrap();
    let is_injection = |value: &str| sql.test(value.as_bytes(), b"", Capture::No).is_some();
    assert!(is_injection(
        "1.e(ascii 1.e(substring(1.e(select password from users limit 1 1.e,1 1.e) 1.e,1 1.e,1 1.e)1.e)1.e) = 70 or'1'='2"
    ));
    assert!(is_injection("1' or 1.e(1)"));
    for value in ["1.e", "section 1.e and 2.E", "1.5e-3", "page.example"] {
        assert!(!is_injection(value), "{value}");
    }
}

proptest::proptest! {
    #[test]
    fn detectors_take_any_bytes(value: Vec<u8>) {
        let _ = Operator::SqlInjection.test(&value, b"", Capture::Groups);
        let _ = Operator::CrossSiteScripting.test(&value, b"", Capture::Groups);
    }

    #[test]
    fn words_alone_are_no_injection(
        number in "[0-9]{0,3}([.]?[0-9a-fA-FxXeEbB]{0,4})",
        word in "(?i)(union|select|or|and|not|null|true|drop|waitfor|exec|begin|if|case|having|into|like|sleep|x|n|e|b|u|q|_|[a-z_]{0,9}){0,3}[0-9]{0,3}",
    ) {
        let value = format!("{number}{word}").replace('.', "");
        proptest::prop_assert!(Operator::SqlInjection.test(value.as_bytes(), b"", Capture::No).is_none(), "{}", value);
    }

    #[test]
    fn without_tags_and_attributes_there_is_no_script(value in "(on[a-z]{3,8}|style|href|xmlns|script|javascript:|[ >'\"`/!\\-\\[\\]?%&;:a-z0-9\\x00\t]){0,12}") {
        proptest::prop_assert!(Operator::CrossSiteScripting.test(value.as_bytes(), b"", Capture::No).is_none(), "{}", value);
    }

    #[test]
    fn detectors_take_anything_that_looks_like_code(value in "['\"`()\\[\\]{}<>=!@#$%^&*;:/\\\\a-f0-9xX \\-,.|~?]{0,60}") {
        let _ = Operator::SqlInjection.test(value.as_bytes(), b"", Capture::Groups);
        let _ = Operator::CrossSiteScripting.test(value.as_bytes(), b"", Capture::Groups);
    }
}
