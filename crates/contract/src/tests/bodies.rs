//! Media types, forms, multipart and their canonical forms.

use super::{check_body, import};
use crate::{BodyInput, BodyMatch, ContentType, MediaKind};

fn api(content: &str) -> crate::Api {
    import(&format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  /x:\n    post:\n      \
         requestBody: {{content: {{{content}}}}}\n      responses: {{'200': {{description: ok}}}}\n"
    ))
}

#[test]
fn media_types_are_matched_narrowest_first() {
    let api = api(
        "application/json: {}, application/*: {}, text/plain: {}, application/vnd.a+json: {}, 'image/*': {}",
    );
    let rows = [
        (Some("application/json"), "application/json"),
        (Some("Application/JSON; charset=utf-8"), "application/json"),
        (Some("application/vnd.a+json"), "application/vnd.a+json"),
        (Some("application/other"), "application/*"),
        (Some("image/png"), "image/*"),
        (Some("text/html"), "unsupported"),
        (Some("application"), "missing"),
        (Some("application/json; a=1; a=2"), "missing"),
        (None, "missing"),
    ];
    for (given, expected) in rows {
        let found = match api.operations[0].request.body(given) {
            BodyMatch::Media(rules) => rules.media_type(),
            BodyMatch::Unsupported => "unsupported",
            BodyMatch::MissingContentType => "missing",
            BodyMatch::NotDeclared => "none",
        };
        assert_eq!(found, expected, "{given:?}");
    }
    for (text, kind) in [
        ("application/json", MediaKind::Json),
        ("application/problem+json", MediaKind::Json),
        ("application/xml", MediaKind::Opaque),
        ("image/svg+xml", MediaKind::Binary),
        ("text/csv", MediaKind::Text),
        ("multipart/form-data; boundary=a", MediaKind::Multipart),
        ("multipart/mixed", MediaKind::Opaque),
        ("application/octet-stream", MediaKind::Binary),
        ("text/event-stream", MediaKind::Opaque),
    ] {
        assert_eq!(ContentType::parse(text).unwrap().kind(), kind, "{text}");
    }
}

#[test]
fn a_range_is_no_way_around_its_schema() {
    let told = api("'*/*': {schema: {type: object, required: [k]}}");
    assert!(check_body(&told, "application/json", b"{\"k\":1}").is_empty());
    assert_eq!(check_body(&told, "application/json", b"{}"), [" required"]);
    for kind in ["application/octet-stream", "image/png", "application/x-unknown"] {
        assert_eq!(check_body(&told, kind, b"{}"), [" media-type"], "{kind}");
    }
    for schema in ["{}", "{schema: {type: string, format: binary}}", "{schema: {}}"] {
        let free = api(&format!("'*/*': {schema}"));
        assert!(check_body(&free, "image/png", b"x").is_empty(), "{schema}");
    }
}

#[test]
fn bytes_are_read_where_the_contract_says_that_they_are_bytes() {
    let binary = "{schema: {type: string, format: binary}}";
    for (media_type, entry, actual, unread, may) in [
        ("application/octet-stream", "{}", "application/octet-stream", true, true),
        ("application/octet-stream", binary, "application/octet-stream", false, false),
        ("application/xml", binary, "application/xml", true, true),
        ("application/json", "{}", "application/json", false, false),
        ("text/plain", "{}", "text/plain", false, false),
        ("'text/*'", "{}", "text/csv", false, false),
        ("'*/*'", "{}", "image/png", true, true),
        ("'*/*'", "{}", "application/json", false, true),
        ("'*/*'", binary, "image/png", false, false),
        ("'*/*'", binary, "application/xml", true, false),
    ] {
        let api = api(&format!("{media_type}: {entry}"));
        let BodyMatch::Media(rules) = api.operations[0].request.body(Some(actual)) else { panic!() };
        assert_eq!(
            (rules.is_unread(Some(actual)), rules.may_be_unread()),
            (unread, may),
            "{media_type} {entry} {actual}"
        );
    }
}

#[test]
fn json_in_another_charset_or_with_tricks_is_refused() {
    let api = api("application/json: {schema: {type: object}}");
    assert!(check_body(&api, "application/json; charset=UTF-8", b"{}").is_empty());
    assert_eq!(check_body(&api, "application/json; charset=utf-16", b"{}"), [" charset"]);
    for body in
        [&b"\xef\xbb\xbf{}"[..], b"{\0}\0", b"{\"a\":1,\"a\":2}", b"", b"{}{}", b"{\"a\":\"\\ud800\"}"]
    {
        assert_eq!(check_body(&api, "application/json", body), [" syntax"], "{body:?}");
    }
}

#[test]
fn forms() {
    let api = api(
        "application/x-www-form-urlencoded: {schema: {type: object, required: [n], properties: {n: {type: integer}, \
         l: {type: array, items: {type: integer}}, c: {type: array, items: {type: string}}, \
         o: {type: object, properties: {k: {type: boolean}}}, s: {type: string}}}, encoding: {c: {style: form, explode: false}}}",
    );
    let rows: &[(&str, &[&str])] = &[
        ("n=1", &[]),
        ("n=x", &["/n type"]),
        ("l=1", &[" required"]),
        ("n=1&n=2", &["/n duplicate"]),
        ("n=1&l=1&l=2", &[]),
        ("n=1&l=1&l=x", &["/l/1 type"]),
        ("n=1&c=a,b", &[]),
        ("n=1&c=a&c=b", &["/c duplicate"]),
        ("n=1&o=%7B%22k%22:true%7D", &[]),
        ("n=1&o[k]=true", &[]),
        ("n=1&o[k]=1", &["/o/k type"]),
        ("n=1&s=5", &[]),
        ("n=1&other=5", &["?/other"]),
        ("n=1&x=1&x=2", &["/x duplicate"]),
        ("n=%zz", &[" encoding"]),
    ];
    for (body, expected) in rows {
        let said = check_body(&api, "application/x-www-form-urlencoded", body.as_bytes());
        assert_eq!(said, *expected, "{body}");
    }
}

const MULTIPART: &str = "multipart/form-data: {schema: {type: object, required: [n], properties: {n: {type: integer}, \
    files: {type: array, items: {type: string, format: binary}}, f: {type: string, format: binary, maxLength: 4}, \
    j: {type: object, required: [k], properties: {k: {type: boolean}}}}}, encoding: {f: {contentType: 'image/png, image/*'}}}";

fn part(head: &str, body: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n{body}\r\n")
}

#[test]
fn multipart_is_read_strictly() {
    let api = api(MULTIPART);
    let n = part("name=\"n\"", "5");
    let rows: Vec<(String, &[&str])> = vec![
        (format!("{n}--B--\r\n"), &[]),
        (format!("{n}--B--"), &[]),
        (format!("{}--B--\r\n", part("name=n", "5")), &[]),
        (format!("{}--B--\r\n", part("name=\"n\"", "x")), &["/n type"]),
        (format!("{n}{n}--B--\r\n"), &["/n duplicate"]),
        (
            format!(
                "{n}{}{}--B--\r\n",
                part("name=files; filename=a", "1"),
                part("name=files; filename=b", "2")
            ),
            &[],
        ),
        (format!("{n}{}--B--\r\n", part("name=j", "{\"k\":true}")), &[]),
        (format!("{n}{}--B--\r\n", part("name=j", "{\"k\":1}")), &["/j/k type"]),
        (format!("{n}{}--B--\r\n", part("name=j", "x")), &["/j syntax"]),
        (format!("{n}{}--B--\r\n", part("name=f; filename=a\r\nContent-Type: image/png", "1234")), &[]),
        (
            format!("{n}{}--B--\r\n", part("name=f; filename=a\r\nContent-Type: image/png", "12345")),
            &["/f maxLength"],
        ),
        (
            format!("{n}{}--B--\r\n", part("name=f; filename=a\r\nContent-Type: text/html", "1")),
            &["/f contentType"],
        ),
        (format!("{}--B--\r\n", part("name=n; filename*=utf-8''a", "5")), &[" syntax"]),
        (format!("{}--B--\r\n", part("name=n; name=m", "5")), &[" syntax"]),
        (format!("{}--B--\r\n", part("name=n\r\nContent-Transfer-Encoding: base64", "NQ==")), &[" syntax"]),
        (format!("{}--B--\r\n", part("name=n\r\nContent-Disposition: form-data; name=m", "5")), &[" syntax"]),
        (format!("preamble\r\n{n}--B--\r\n"), &[" syntax"]),
        (format!("{n}--B--\r\nepilogue"), &[" syntax"]),
        // Readers that take a bare line feed for the end of a line find one part more.
        (format!("{n}{}--B--\r\n", part("name=files; filename=a", "1\n--B")), &[" syntax"]),
        (format!("{n}{}--B--\r\n", part("name=files; filename=a", "1\r--B\r\n")), &[" syntax"]),
        (format!("{n}{}--B--\r\n", part("name=files; filename=a", "1 --B\n--A")), &[]),
        (n.clone(), &[" syntax"]),
        (n.replace("\r\n", "\n"), &[" syntax"]),
    ];
    for (body, expected) in rows {
        assert_eq!(check_body(&api, "multipart/form-data; boundary=B", body.as_bytes()), expected, "{body}");
    }
    assert_eq!(check_body(&api, "multipart/form-data", n.as_bytes()), [" boundary"]);
}

#[test]
fn parts_hold_what_was_checked_and_nothing_beside() {
    let mut options = crate::Options::default();
    let pointer = "/paths/~1x/post/requestBody/content/multipart~1form-data/encoding/n/headers";
    options.accept_unenforced.insert(format!("api.yaml#{pointer}"));
    let api = super::import_with(
        "openapi: 3.1.0\ninfo: {title: t, version: '1'}\nsecurity: []\npaths:\n  /x:\n    post:\n      requestBody: \
         {content: {multipart/form-data: {schema: {type: object, properties: {s: {enum: [\u{e9}, a]}, n: {type: string}, \
         b: {type: string, format: binary}, i: {type: string}, any: {}}}, encoding: {n: {headers: {X-Kind: {schema: {}}}}, \
         i: {contentType: image/png}}}}}\n      responses: {'200': {description: ok}}\n",
        &options,
    );
    let rows: &[(&str, &[u8], &[&str])] = &[
        ("name=s", "\u{e9}".as_bytes(), &[]),
        // The same letter in Latin-1 was taken for it, and sent as bytes.
        ("name=s", b"\xe9", &["/s encoding"]),
        ("name=s\r\nContent-Type: application/octet-stream", b"\xe9", &["/s encoding"]),
        ("name=s\r\nContent-Type: text/plain; charset=iso-8859-1", b"a", &["/s charset"]),
        ("name=s\r\nContent-Type: text/plain; charset=UTF-8", b"a", &[]),
        ("name=b; filename=f\r\nContent-Type: image/png", b"\x89\xff", &[]),
        ("name=i\r\nContent-Type: image/png", b"\x89\xff", &[]),
        ("name=any", b"\xff", &[]),
        ("name=s\r\nX-Kind: 1", b"a", &["/s headers"]),
        ("name=n\r\nX-Kind: 1", b"a", &[]),
        ("name=n\r\nx-kind: 1\r\nX-Kind: 2", b"a", &[" syntax"]),
        ("name=n\r\nX-Other: 1", b"a", &["/n headers"]),
        ("name=n\r\nContent-Length: 1", b"a", &[]),
        ("name=n\r\nContent-Length: 2", b"a", &[" syntax"]),
    ];
    for (head, body, expected) in rows {
        let start = format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        let whole = [start.as_bytes(), body, b"\r\n--B--\r\n"].concat();
        assert_eq!(check_body(&api, "multipart/form-data; boundary=B", &whole), *expected, "{head} {body:?}");
    }
}

#[test]
fn canonical_forms_read_back_alike() {
    let api = api(&format!("{MULTIPART}, application/x-www-form-urlencoded: {{}}"));
    let rewrite = |kind: &str, body: &str, strip: &[String]| {
        let BodyMatch::Media(rules) = api.operations[0].request.body(Some(kind)) else { panic!() };
        let input = BodyInput { bytes: body.as_bytes(), tape: None, content_type: Some(kind) };
        String::from_utf8(rules.rewrite(&input, strip).unwrap().bytes).unwrap()
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(rewrite(form, "a=%41&b=c%2fd&&e", &[]), "a=A&b=c%2Fd&e=");
    assert_eq!(rewrite(form, "a=1&b=2&b[c]=3", &[String::from("/b")]), "a=1");
    let kind = "multipart/form-data; boundary=B";
    let body = format!("{}--B--", part("name=n; filename=\"a\\\"b\"\r\nX-Odd: 1", "5"));
    let expected =
        "--B\r\nContent-Disposition: form-data; name=\"n\"; filename=\"a\\\"b\"\r\n\r\n5\r\n--B--\r\n";
    assert_eq!(rewrite(kind, &body, &[]), expected);
    assert_eq!(rewrite(kind, expected, &[]), expected);
}

proptest::proptest! {
    #[test]
    fn no_form_or_multipart_makes_it_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in "(--B|\r\n|name=|;|\"|[a-z]|:|=){0,40}") {
        let api = api(&format!("{MULTIPART}, application/x-www-form-urlencoded: {{}}"));
        for bytes in [&body[..], text.as_bytes()] {
            check_body(&api, "multipart/form-data; boundary=B", bytes);
            check_body(&api, "application/x-www-form-urlencoded", bytes);
        }
    }
}
