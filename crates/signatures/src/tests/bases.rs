//! Values of components, by the examples of RFC 9421 section 2.

use std::borrow::Cow;

use proptest::prelude::*;

use super::{base, headers, message};
use crate::base::{Shape, member, strict};
use crate::{Fault, Message, Signature, normal_authority};

/// What a message's base says of one component.
fn value(message: &Message<'_>, component: &str) -> Result<String, Fault> {
    let base = base(message, &format!("({component})"))?;
    let (line, _) = base.split_once('\n').unwrap();
    Ok(line.strip_prefix(component).unwrap().strip_prefix(": ").unwrap().to_owned())
}

/// Section 2.1; that lines are not folded is the grammar's to see (RFC 9112 section 5.2).
#[test]
fn fields_are_joined_and_trimmed() {
    let fields = headers(&[
        ("host", "www.example.com"),
        ("x-ows-header", "  Leading and trailing whitespace.   "),
        ("cache-control", "max-age=60"),
        ("cache-control", "    must-revalidate"),
        ("example-dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
        ("x-empty-header", ""),
        ("x-tab", "a\tb"),
    ]);
    let message = message(&fields);
    for (name, expected) in [
        ("host", "www.example.com"),
        ("x-ows-header", "Leading and trailing whitespace."),
        ("cache-control", "max-age=60, must-revalidate"),
        ("example-dict", "a=1,    b=2;x=1;y=2,   c=(a   b   c)"),
        ("x-empty-header", ""),
        ("x-tab", "a\tb"),
    ] {
        assert_eq!(value(&message, &format!("\"{name}\"")).unwrap(), expected, "{name}");
    }
    assert_eq!(value(&message, "\"x-missing\""), Err(Fault::FieldMissing));
    assert_eq!(value(&message, "\"x-missing\";bs"), Err(Fault::FieldMissing));
}

/// Sections 2.1.1 and 2.1.2.
#[test]
fn structured_fields_are_written_as_the_standard_does() {
    let text = " a=1,    b=2;x=1;y=2,   c=(a   b   c), d";
    assert_eq!(strict(Shape::Dictionary, text).unwrap(), "a=1, b=2;x=1;y=2, c=(a b c), d");
    for (key, expected) in [("a", "1"), ("d", "?1"), ("b", "2;x=1;y=2"), ("c", "(a b c)")] {
        assert_eq!(member(text, key).unwrap(), expected, "{key}");
    }
    assert_eq!(member(text, "e"), Err(Fault::MemberMissing));
    assert_eq!(member("a=1, a=2", "a"), Err(Fault::NotStructured), "which of them?");
    assert_eq!(strict(Shape::List, "a;q=1 ,\tb").unwrap(), "a;q=1, b");
    assert_eq!(strict(Shape::Item, " \"x\"  ").unwrap(), "\"x\"");
    assert_eq!(strict(Shape::Dictionary, "a=1,"), Err(Fault::NotStructured));

    let fields = headers(&[("priority", "u=1,   i"), ("x-other", "u=1,   i")]);
    let message = message(&fields);
    assert_eq!(value(&message, "\"priority\";sf").unwrap(), "u=1, i");
    assert_eq!(value(&message, "\"priority\";key=\"u\"").unwrap(), "1");
    assert_eq!(value(&message, "\"x-other\";sf"), Err(Fault::NotStructured));
    assert_eq!(value(&message, "\"x-other\";key=\"u\""), Err(Fault::NotStructured));
}

/// Section 2.1.3.
#[test]
fn bytes_keep_lines_apart() {
    let two = headers(&[("example-header", "value, with, lots"), ("example-header", "of, commas")]);
    let one = headers(&[("example-header", "value, with, lots, of, commas")]);
    let component = "\"example-header\";bs";
    assert_eq!(value(&message(&two), component).unwrap(), ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:");
    assert_eq!(value(&message(&one), component).unwrap(), ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:");
    let bytes = headers(&[("x", "\u{e9}")]);
    assert_eq!(value(&message(&bytes), "\"x\""), Err(Fault::FieldBytes));
    assert_eq!(value(&message(&bytes), "\"x\";bs").unwrap(), ":w6k=:");
}

/// Section 7.5.6: joined by commas nobody could tell one cookie from two.
#[test]
fn fields_that_are_no_lists_have_one_line() {
    let one = headers(&[("cookie", "a=1, b=2"), ("accept", "a"), ("accept", "b")]);
    let two = headers(&[("cookie", "a=1"), ("cookie", "b=2")]);
    assert_eq!(value(&message(&one), "\"cookie\"").unwrap(), "a=1, b=2");
    assert_eq!(value(&message(&one), "\"accept\"").unwrap(), "a, b");
    assert_eq!(value(&message(&two), "\"cookie\""), Err(Fault::SeveralLines));
    assert_eq!(value(&message(&two), "\"cookie\";bs").unwrap(), ":YT0x:, :Yj0y:");
}

/// Section 2.2.
#[test]
fn derived_components() {
    let fields = headers(&[]);
    let target = |path, query| Message {
        method: "GET",
        scheme: "https",
        authority: Cow::Borrowed("www.example.com"),
        path: Cow::Borrowed(path),
        query,
        headers: &fields,
    };
    let all = |message: &Message<'_>| {
        ["@method", "@target-uri", "@authority", "@scheme", "@request-target", "@path", "@query"]
            .map(|name| value(message, &format!("\"{name}\"")).unwrap())
    };
    assert_eq!(
        all(&target("/path", Some("param=value"))),
        [
            "GET",
            "https://www.example.com/path?param=value",
            "www.example.com",
            "https",
            "/path?param=value",
            "/path",
            "?param=value"
        ]
    );
    assert_eq!(
        all(&target("", None)),
        ["GET", "https://www.example.com/", "www.example.com", "https", "/", "/", "?"]
    );
    assert_eq!(
        all(&target("/a%2Fb", Some(""))),
        ["GET", "https://www.example.com/a%2Fb?", "www.example.com", "https", "/a%2Fb?", "/a%2Fb", "?"]
    );
}

#[test]
fn authorities_have_one_spelling() {
    for (written, https, expected) in [
        ("Example.COM", true, "example.com"),
        ("example.com:443", true, "example.com"),
        ("example.com:443", false, "example.com:443"),
        ("example.com:80", false, "example.com"),
        ("example.com:", true, "example.com"),
        ("[::1]:8443", true, "[::1]:8443"),
        ("example.com", false, "example.com"),
    ] {
        assert_eq!(normal_authority(written, https), expected, "{written}");
    }
}

/// Section 2.2.8.
#[test]
fn parameters_of_the_query() {
    let fields = headers(&[]);
    let mut message = message(&fields);
    let said =
        |message: &Message<'_>, name: &str| value(message, &format!("\"@query-param\";name=\"{name}\""));
    message.query = Some("param=value&foo=bar&baz=batman&qux=");
    assert_eq!(said(&message, "baz").unwrap(), "batman");
    assert_eq!(said(&message, "qux").unwrap(), "");
    assert_eq!(said(&message, "param").unwrap(), "value");
    message.query = Some(
        "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something",
    );
    assert_eq!(said(&message, "var").unwrap(), "this%20is%20a%20big%0Amultiline%20value");
    assert_eq!(said(&message, "bar").unwrap(), "with%20plus%20whitespace");
    assert_eq!(said(&message, "fa%C3%A7ade%22%3A%20").unwrap(), "something");
    for (query, name) in [
        (Some("a=1&a=2"), "a"),
        (Some("a=1&%61=2"), "a"),
        (Some("b=1"), "a"),
        (Some("a=%FF"), "a"),
        (None, "a"),
        (Some("fa%C3%A7ade=1"), "fa%c3%a7ade"),
    ] {
        message.query = query;
        assert_eq!(said(&message, name), Err(Fault::QueryParameter), "{query:?}");
    }
    message.query = Some("a=100%&b");
    assert_eq!(said(&message, "a").unwrap(), "100%25");
    assert_eq!(said(&message, "b").unwrap(), "");
}

proptest! {
    /// What is read is written in one way: reading it again comes to the same.
    #[test]
    fn what_is_read_is_a_fixed_point(input in "[a-c]=\\(( ?\"(@method|@path|x-a|date)\"(;bs|;sf)?){0,4}\\)(;(created|expires)=[0-9]{1,4}|;(nonce|keyid)=\"[a-z\\\\\"]{0,4}\"){0,3}") {
        let read = |input: &str| {
            let label = input.split('=').next().unwrap();
            let fields = headers(&[("signature-input", input), ("signature", &format!("{label}=:AA==:"))]);
            Signature::read(&fields)
        };
        if let Ok(Some(first)) = read(&input) {
            let written = format!("a={}", first.written());
            let again = read(&written).unwrap().unwrap();
            prop_assert_eq!(first.written(), again.written());
            prop_assert_eq!((first.created, &first.key), (again.created, &again.key));
        }
    }

    /// Nothing that is sent makes it panic.
    #[test]
    fn any_text_is_read_or_refused(input in "[ -~]{0,80}", signature in "[ -~]{0,40}", covered in "[ -~]{0,60}") {
        let fields = headers(&[("signature-input", &input), ("signature", &signature), ("content-digest", &input)]);
        let _ = Signature::read(&fields).map(|read| read.map(|read| read.base(&message(&fields))));
        let _ = base(&message(&fields), &format!("({covered})"));
        let _ = crate::ContentDigest::read(&fields);
    }
}
