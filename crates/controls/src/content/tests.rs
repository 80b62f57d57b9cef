use std::sync::Arc;

use engine::{Control, Refusal, Verdict};
use http::Method;
use proptest::prelude::*;
use spec::Size;
use state::MemoryCells;
use testkit::{CallBuilder, FakeClock, core, done};

use super::{Content, ContentSection, FormSection, JsonSection, MultipartSection, OnPart, XmlSection};

fn judge(section: &ContentSection, media_type: &str, body: &[u8]) -> Option<Box<Refusal>> {
    let control = Arc::new(Content::new(section));
    let attached = control.attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
    let builder = CallBuilder::new(Method::POST, "/");
    let mut call = builder.body(media_type, bytes::Bytes::copy_from_slice(body)).build();
    match done(attached.body(&mut call)) {
        Verdict::Refuse(refusal) => Some(refusal),
        _ => None,
    }
}

/// The code, and the pointers of the violations.
fn told(section: &ContentSection, media_type: &str, body: impl AsRef<[u8]>) -> String {
    judge(section, media_type, body.as_ref()).map_or_else(
        || String::from("ok"),
        |refusal| {
            let pointers: Vec<&str> = refusal.violations.iter().map(|one| one.pointer.as_str()).collect();
            format!("{} {}", refusal.code.name, pointers.join(" "))
        },
    )
}

fn size(bytes: u64) -> Size {
    Size::from_bytes(bytes)
}

fn multipart(parts: &[(&str, &str)]) -> String {
    let part = |(head, body): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
    };
    parts.iter().map(part).collect::<String>() + "--b--\r\n"
}

const MULTIPART: &str = "multipart/form-data; boundary=b";
const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn json_is_held_to_narrower_bounds_with_pointers() {
    let json = JsonSection {
        depth: Some(3),
        values: Some(10),
        members: Some(2),
        items: Some(3),
        name: Some(size(4)),
        string: Some(size(5)),
        number: Some(size(3)),
        folded: OnPart::Refuse,
        inexact: OnPart::Allow,
    };
    let section = ContentSection { json, ..ContentSection::default() };
    for (good, bad, pointers) in [
        (r#"{"a":{"b":[1]}}"#, r#"{"a":{"b":[[1]]}}"#, "/a/b/0"),
        ("[[1,2,3],[1,2,3],1]", "[[1,2,3],[1,2,3],[1]]", "/2/0"),
        (r#"[{"a":1,"b":2}]"#, r#"[{"a":1,"b":2,"c":3}]"#, "/0"),
        (r#"{"a":[1,2,3]}"#, r#"{"a":[1,2,3,4]}"#, "/a"),
        (r#"{"abcd":1}"#, r#"{"abcde":1}"#, "/abcde"),
        (r#"{"a/b":"12345"}"#, r#"{"a/b":"123456"}"#, "/a~1b"),
        (r#"["\u0031\u0032345"]"#, r#"["\u00e9\u00e9\u00e9"]"#, "/0"),
        ("[123]", "[1234]", "/0"),
        (r#"{"a":1,"b":2}"#, r#"{"a":1,"A":2}"#, "/A"),
    ] {
        assert_eq!(told(&section, "application/json", good), "ok", "{good}");
        assert_eq!(
            told(&section, "application/json", bad),
            format!("body_out_of_bounds {pointers}"),
            "{bad}"
        );
    }
    let many = r#"{"a":["123456","123456"],"bbbbb":1234}"#;
    assert_eq!(told(&section, "application/json", many), "body_out_of_bounds /a/0 /a/1 /bbbbb /bbbbb");
    assert_eq!(told(&ContentSection::default(), "application/json", many), "ok");
    let lots = format!("[{}1]", "12345,".repeat(3000));
    let found = judge(&section, "application/json", lots.as_bytes()).unwrap();
    assert_eq!(found.violations.len(), engine::bounds::VIOLATIONS);
}

#[test]
fn numbers_are_those_that_every_reader_reads_alike() {
    let json = JsonSection { inexact: OnPart::Refuse, ..JsonSection::default() };
    let section = ContentSection { json, ..ContentSection::default() };
    for (number, good) in [
        ("9007199254740991", true),
        ("9007199254740992", false),
        ("-9007199254740991", true),
        ("-9007199254740993", false),
        ("0.1", true),
        ("1e308", true),
        ("1e309", false),
        ("-1E999", false),
        ("123456789012345678901234567890", false),
    ] {
        let expected = if good { "ok" } else { "body_out_of_bounds /n" };
        assert_eq!(told(&section, "application/json", format!(r#"{{"n":{number}}}"#)), expected, "{number}");
    }
}

#[test]
fn xml_is_bounded_and_has_no_document_type() {
    let xml = XmlSection { depth: 3, attributes: 1, text: size(5), ..XmlSection::default() };
    let section = ContentSection { xml, ..ContentSection::default() };
    for (body, expected) in [
        ("<a><b><c d='1'>12345</c></b></a>", "ok"),
        ("<a><b><c><d/></c></b></a>", "body_out_of_bounds /a/b/c"),
        ("<a><b c='1' d='2'/></a>", "body_out_of_bounds /a"),
        ("<a>123456</a>", "body_out_of_bounds /a"),
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "content_forbidden "),
        ("<a><b>&x;</b></a>", "content_forbidden /a/b"),
        ("<a><!-- x --></a>", "content_forbidden /a"),
        ("<a><?x y?></a>", "content_forbidden /a"),
        ("<a></b>", "body_malformed /a"),
        ("{}", "body_malformed "),
    ] {
        for media_type in
            ["application/xml", "text/xml; charset=utf-8", "application/soap+xml", "image/svg+xml"]
        {
            assert_eq!(told(&section, media_type, body), expected, "{body}");
        }
    }
    assert_eq!(told(&section, "application/xml; charset=utf-16", "<a/>"), "body_malformed ");
    let xml = XmlSection { comments: OnPart::Allow, instructions: OnPart::Allow, ..XmlSection::default() };
    let section = ContentSection { xml, ..ContentSection::default() };
    assert_eq!(told(&section, "text/xml", "<a><!-- x --><?x y?></a>"), "ok");
    assert_eq!(told(&section, "text/xml", "<!DOCTYPE a><a/>"), "content_forbidden ");
}

#[test]
fn forms_are_bounded() {
    let form = FormSection { fields: 3, name: size(4), value: size(5), repeated: OnPart::Refuse };
    let section = ContentSection { form, ..ContentSection::default() };
    for (body, expected) in [
        ("a=1&b=2&c=3", "ok"),
        ("a=1&b=2&c=3&d=4", "body_out_of_bounds "),
        ("abcd=%C3%A9%C3%A9x", "ok"),
        ("abcde=1", "body_out_of_bounds "),
        ("a=%31%32%33%34%35%36", "body_out_of_bounds /a"),
        ("a=1&b=1&%61=2", "body_out_of_bounds /a"),
        ("a=%zz", "body_malformed "),
        ("a=%ff", "body_malformed "),
        ("a=%00", "body_malformed "),
    ] {
        assert_eq!(told(&section, FORM, body), expected, "{body}");
    }
    let many = "a=1&".repeat(1025);
    assert_eq!(told(&ContentSection::default(), FORM, &many), "body_out_of_bounds ");
    assert_eq!(told(&ContentSection::default(), FORM, "a=1&a=2"), "ok");
    assert_eq!(told(&ContentSection::default(), FORM, b"a=\xff"), "body_malformed ");
}

#[test]
fn multipart_is_bounded() {
    let limits = MultipartSection {
        parts: 3,
        files: 1,
        name: size(4),
        filename: size(8),
        part: Some(size(20)),
        nested: OnPart::Refuse,
    };
    let section = ContentSection { multipart: limits, ..ContentSection::default() };
    let file = |name: &str| multipart(&[(&format!("name=\"f\"; filename=\"{name}\""), "x")]);
    for (body, expected) in [
        (multipart(&[("name=a", "1"), ("name=b", "2"), ("name=c", "01234567890123456789")]), "ok"),
        (
            multipart(&[("name=a", "1"), ("name=b", "2"), ("name=c", "3"), ("name=d", "4")]),
            "body_out_of_bounds ",
        ),
        (multipart(&[("name=abcde", "1")]), "body_out_of_bounds "),
        (multipart(&[("name=a", "012345678901234567890")]), "body_out_of_bounds /a"),
        (multipart(&[("name=a; filename=x", "1"), ("name=b; filename=y", "2")]), "body_out_of_bounds "),
        (file("12345678"), "ok"),
        (file("123456789"), "body_out_of_bounds /f"),
        (file("../a"), "content_forbidden /f"),
        (file("a\\\\b"), "content_forbidden /f"),
        (file("c:a"), "content_forbidden /f"),
        (file(".."), "content_forbidden /f"),
        (file("a\u{202e}g"), "content_forbidden /f"),
        (multipart(&[("name=a; filename*=UTF-8''x", "1")]), "body_malformed "),
        (multipart(&[("name=a\r\nContent-Transfer-Encoding: base64", "MQ==")]), "body_malformed "),
        (
            multipart(&[("name=a\r\nContent-Type: multipart/mixed; boundary=c", "--c--")]),
            "content_forbidden /a",
        ),
        (multipart(&[("name=a\r\nContent-Type: application/json", "{\"a\":1}")]), "ok"),
        (multipart(&[("name=a\r\nContent-Type: application/json", "{\"a\":}")]), "body_malformed /a"),
        (multipart(&[("name=a\r\nContent-Type: text/xml", "<a/>")]), "ok"),
        (multipart(&[("name=a\r\nContent-Type: text/xml", "<!DOCTYPE a><a/>")]), "content_forbidden /a"),
        (multipart(&[("name=a\r\nContent-Type: image/png", "<html>")]), "content_mismatch /a"),
        (multipart(&[("name=a\r\nContent-Type: image/gif", "GIF89a...")]), "ok"),
        (String::from("--b"), "body_malformed "),
    ] {
        assert_eq!(told(&section, MULTIPART, &body), expected, "{body}");
    }
    let nested = multipart(&[("name=a\r\nContent-Type: multipart/mixed; boundary=c", "--c--")]);
    let limits = MultipartSection { nested: OnPart::Allow, ..MultipartSection::default() };
    let section = ContentSection { multipart: limits, ..ContentSection::default() };
    assert_eq!(told(&section, MULTIPART, nested), "ok");
}

#[test]
fn content_agrees_with_its_media_type() {
    let section = ContentSection::default();
    let lenient = ContentSection { mismatch: OnPart::Allow, ..ContentSection::default() };
    for (media_type, good, bad) in [
        ("image/png", &b"\x89PNG\r\n\x1a\n"[..], &b"<script>alert(1)</script>"[..]),
        ("image/jpeg", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"),
        ("application/pdf", b"%PDF-1.4", b"MZ\x90\0\x03"),
        ("application/zip", b"PK\x03\x04", b"Rar!\x1a\x07\0"),
        ("text/plain", b"text", b"\x7fELF\x02\x01"),
        ("text/csv; charset=utf-8", b"a,b", b"a,\xe9"),
        ("text/csv; charset=iso-8859-1", b"a,\xe9", b"\x7fELF\x02\x01"),
    ] {
        assert_eq!(told(&section, media_type, good), "ok", "{media_type}");
        assert_eq!(told(&section, media_type, bad), "content_mismatch ", "{media_type}");
        assert_eq!(told(&lenient, media_type, bad), "ok", "{media_type}");
    }
    assert_eq!(told(&section, "application/octet-stream", b"MZ\x90\0"), "ok");
    assert_eq!(told(&section, "application/json", b"<a/>"), "body_malformed ");
    assert_eq!(told(&section, "nonsense", b"x"), "media_type_unsupported ");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let attached = Arc::new(Content::new(&ContentSection::default()))
        .attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
    let post = || CallBuilder::new(Method::POST, "/").body("text/plain", "x");
    for (builder, expected) in [
        (post(), None),
        (post().header("content-encoding", "identity"), None),
        (post().header("content-encoding", "gzip"), Some("coding_unsupported")),
        (post().header("content-type", "text/html"), Some("media_type_unsupported")),
    ] {
        let code = match done(attached.body(&mut builder.build())) {
            Verdict::Refuse(refusal) => Some(refusal.code.name),
            _ => None,
        };
        assert_eq!(code, expected);
    }
}

/// JSON without escapes, of every kind of value.
fn json_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof!["null|true|[1-9][0-9]{0,5}|-?0\\.[0-9]{1,4}", "\"[a-z]{0,8}\""];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let items = proptest::collection::vec(inner.clone(), 0..5);
        let members = proptest::collection::btree_map("[a-z]{1,6}", inner, 0..5);
        prop_oneof![
            items.prop_map(|items| format!("[{}]", items.join(","))),
            members.prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    /// What is refused here is what a tape with the same bounds would not be made of.
    #[test]
    fn bounds_are_those_of_the_tape(text in json_text(), at in proptest::array::uniform7(0_u32..7)) {
        let [depth, values, members, items, name, string, number] = at;
        let bounds = tape::Bounds {
            depth,
            values: values * 5 + 1,
            members,
            items,
            name_bytes: name,
            string_bytes: string,
            number_bytes: number,
        };
        let json = JsonSection {
            depth: Some(depth),
            values: Some(values * 5 + 1),
            members: Some(members),
            items: Some(items),
            name: Some(size(name.into())),
            string: Some(size(string.into())),
            number: Some(size(number.into())),
            ..JsonSection::default()
        };
        let section = ContentSection { json, ..ContentSection::default() };
        let fits = tape::Tape::parse(text.clone().into(), &bounds).is_ok();
        prop_assert_eq!(told(&section, "application/json", &text) == "ok", fits, "{}", text);
    }

    /// A refusal never says what stood in the body; only names, as parts of pointers.
    #[test]
    fn values_are_not_told(secret in "[a-z]{12,20}") {
        let json = JsonSection { string: Some(size(4)), ..JsonSection::default() };
        let section = ContentSection { json, ..ContentSection::default() };
        let bodies = [
            ("application/json", format!(r#"{{"a":["{secret}"]}}"#)),
            ("application/json", format!("[{secret}")),
            ("text/xml", format!("<a><b>{secret}&x;</b></a>")),
            ("image/png", secret.clone()),
            (MULTIPART, multipart(&[("name=a; filename=\"../x\"", &secret)])),
        ];
        for (media_type, body) in bodies {
            let refusal = judge(&section, media_type, body.as_bytes()).unwrap();
            let told = format!("{refusal:?}");
            prop_assert!(!told.contains(&secret), "{}", told);
        }
    }

    #[test]
    fn any_body_is_judged(bytes: Vec<u8>, kind in 0_usize..6) {
        let types = ["application/json", "text/xml", FORM, MULTIPART, "image/png", "text/plain"];
        let _ = judge(&ContentSection::default(), types[kind], &bytes);
    }
}
