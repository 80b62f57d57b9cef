use super::*;

fn matches(pattern: &str, text: &[u8]) -> bool {
    let translated = translate(pattern).unwrap();
    let mut builder = regex::bytes::RegexBuilder::new(&translated.pattern);
    builder.unicode(false).dot_matches_new_line(true).build().unwrap().is_match(text)
}

#[test]
fn classes_mean_what_pcre_means() {
    for (pattern, yes, no) in [
        ("^[a&&b]$", "&", "c"),
        ("^[!--b]$", "-", "."),
        ("^[~~a]$", "~", "b"),
        ("^[[a]$", "[", "b"),
        ("^[]a]$", "]", "b"),
        ("^[^]a]$", "b", "]"),
        ("^[\\w-.]$", "-", "+"),
        ("^[a-\\d]$", "-", "b"),
        ("^[[:alpha:]]$", "x", "1"),
        ("^[\\101-\\103]$", "B", "D"),
        ("^[\\x{41}]$", "A", "B"),
        ("^[\\]]$", "]", "\\"),
    ] {
        assert!(matches(pattern, yes.as_bytes()), "{pattern} {yes}");
        assert!(!matches(pattern, no.as_bytes()), "{pattern} {no}");
    }
    assert!(matches("^[\\x{bc}\\xff]+$", b"\xbc\xff") && matches("^é$", "é".as_bytes()));
}

#[test]
fn ends_and_braces_mean_what_pcre_means() {
    assert!(!matches("a$", b"a\n") && matches("(?m)a$", b"a\nb") && !matches("(?:(?m)a)b$", b"ab\n"));
    assert!(matches("a{,2}", b"a{,2}") && matches("{a}", b"{a}") && matches("a{2}", b"aa"));
    assert!(matches("a.b", b"a\nb") && matches("\\Qa.b\\E", b"a.b") && !matches("\\Qa.b\\E", b"axb"));
    assert!(matches("^\\0\\x0b\\cA\\e$", b"\0\x0b\x01\x1b") && matches("(?#no)a", b"a"));
    assert!(matches("(?<n>a)(?P<m>b)", b"ab") && matches("(?i:A)b", b"ab"));
}

#[test]
fn what_backtracks_is_widened_or_refused() {
    assert!(matches("^((?:a|(b)))-\\1$", b"b-a") && !matches("^(a|b)-\\1$", b"a-c"));
    for pattern in ["a++b", "(?>a)b", "a(?!c[)])b", "(?<=x)?ab"] {
        assert!(matches(pattern, b"ab"), "{pattern}");
        assert_eq!(translate(pattern).unwrap().widened.len(), 1, "{pattern}");
    }
    for pattern in
        ["(a\\1)", "\\g1", "(?R)", "(*ACCEPT)", "(?|a)", "[a", "*a", "a|+", "\\", "(?=a", "\\y", "[b-a]"]
    {
        assert!(translate(pattern).is_err(), "{pattern}");
    }
}

proptest::proptest! {
    #[test]
    fn nothing_panics(pattern in "[a-z0-9\\\\\\[\\]\\(\\)\\{\\}?*+:<>=!#^$|.,&~\\-\\PC]{0,40}") {
        let _ = translate(&pattern);
    }
}
