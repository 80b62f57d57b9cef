use super::*;

/// Cases of the golden file: `=== name`, the document, `=>`, one line per diagnostic.
fn cases() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let blocks = include_str!("wrong.golden").split("=== ").skip(1);
    let case = |block: &'static str| {
        let (name, rest) = block.split_once('\n').expect("a name");
        let (document, expected) = rest.split_once("=>\n").expect("an arrow");
        (name, document, expected.lines().filter(|line| !line.is_empty()).collect())
    };
    blocks.map(case).collect()
}

#[test]
fn wrong_documents_are_told_what_is_wrong() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    let mut differing = String::new();
    for (name, document, expected) in cases {
        let found = lines(&outcome(document, None));
        assert!(!found.is_empty(), "{name}");
        if found != expected {
            differing.push_str(&format!("=== {name}\n{document}=>\n{}\n\n", found.join("\n")));
        }
    }
    assert!(differing.is_empty(), "these differ:\n{differing}");
}

#[test]
fn every_error_says_what_to_do() {
    for (name, document, _) in cases() {
        for item in outcome(document, None).found.iter() {
            assert!(item.help.as_ref().is_some_and(|help| !help.is_empty()), "{name}: {}", item.message);
            assert!(item.span.is_some(), "{name}: {}", item.message);
            assert!(!item.message.ends_with('.'), "{name}: {}", item.message);
        }
    }
}

#[test]
fn secrets_are_not_echoed() {
    for secret in ["hunter2", "env:hunter2 x", "12345", "file:"] {
        let document = format!(
            "version: 1\nlisteners: {{ a: {{ bind: 127.0.0.1:0, tls: {{ certificate: c, key: \"{secret}\" }} }} }}\n"
        );
        let found = lines(&outcome(&document, None)).join("\n");
        assert!(found.starts_with("error "), "{found}");
        assert!(secret == "file:" || !found.contains(secret), "{found}");
    }
}

#[test]
fn an_environment_that_is_not_there_is_an_error() {
    let found = lines(&outcome(FULL, Some("prodd")));
    assert_eq!(found, ["error unknown-name 1:1 there is no environment `prodd` | did you mean `prod`?"]);
}

#[test]
fn too_large_and_too_deep_documents_are_refused() {
    let large = format!("version: 1\n#{}\n", "x".repeat(MAX_BYTES));
    assert!(lines(&outcome(&large, None))[0].starts_with("error too-large 1:1"));
    let deep = format!("version: {}1{}\n", "[".repeat(MAX_DEPTH + 1), "]".repeat(MAX_DEPTH + 1));
    assert!(lines(&outcome(&deep, None))[0].starts_with("error too-deep 1:"));
    let blocks: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    assert!(lines(&outcome(&blocks, None))[0].starts_with("error too-deep"));
}

proptest::proptest! {
    /// A document with lines lost, doubled or cut never panics, and never comes back empty-handed without an error.
    #[test]
    fn broken_documents_are_survived(
        lost in proptest::collection::vec(0_usize..46, 0..3),
        doubled in 0_usize..46,
        cut in (0_usize..46, 0_usize..60),
        environment in 0_usize..3,
    ) {
        let mut text = String::new();
        for (index, line) in FULL.lines().enumerate() {
            if lost.contains(&index) {
                continue;
            }
            let end = if index == cut.0 { cut.1.min(line.len()) } else { line.len() };
            text.push_str(&line[..end]);
            text.push('\n');
            if index == doubled {
                text.push_str(line);
                text.push('\n');
            }
        }
        let environment = [None, Some("prod"), Some("test")][environment];
        let outcome = outcome(&text, environment);
        proptest::prop_assert!(outcome.resolved.is_some() || outcome.found.has_errors());
        if let Some(resolved) = &outcome.resolved {
            let printed = print(resolved, &outcome.sources);
            let mut sources = Sources::default();
            let file = sources.add("printed", printed.as_str());
            proptest::prop_assert!(parse(&printed, file, &mut Diagnostics::new()).is_some(), "{}", printed);
        }
    }
}
