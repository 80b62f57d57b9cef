//! Formats and encodings: each one that counts as enforced refuses something, the others are said.

use super::{check_body, import, request_body, try_import, with_body};
use crate::Options;

/// Schema, values that pass, values that do not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    // By the validator.
    ("{type: string, format: iri}", &["\"http://\u{e9}.example/\u{e9}\""], &["\"\u{e9} x\"", "\"x\""]),
    ("{type: string, format: iri-reference}", &["\"/\u{e9}\""], &["\"\\\\a\""]),
    ("{type: string, format: uri-reference}", &["\"/a\""], &["\"/\u{e9}\"", "\"a b\""]),
    ("{type: string, format: uri-template}", &["\"/a/{b}\""], &["\"/a/{b\""]),
    ("{type: string, format: relative-json-pointer}", &["\"1/a\""], &["\"/a\""]),
    ("{type: string, format: email}", &["\"a@b.example\""], &["\"a@\"", "\"@b\""]),
    // By checks of ours.
    (
        "{type: string, format: uuid4}",
        &["\"0e37df36-f698-41e6-8dd4-cb9ced3df976\""],
        &["\"0e37df36-f698-11e6-8dd4-cb9ced3df976\"", "\"0e37df36-f698-41e6-cdd4-cb9ced3df976\""],
    ),
    ("{type: string, format: guid}", &["\"0e37df36-f698-11e6-8dd4-cb9ced3df976\""], &["\"0e37df36\""]),
    (
        "{type: string, format: http-date}",
        &[
            "\"Sun, 06 Nov 1994 08:49:37 GMT\"",
            "\"Sunday, 06-Nov-94 08:49:37 GMT\"",
            "\"Sun Nov  6 08:49:37 1994\"",
            "\"Sun Nov 16 08:49:37 1994\"",
            "\"Thu, 29 Feb 1996 23:59:60 GMT\"",
        ],
        &[
            "\"1994-11-06T08:49:37Z\"",
            "\"Sun, 06 Nov 1994 08:49:37 UTC\"",
            "\"Sun, 6 Nov 1994 08:49:37 GMT\"",
            "\"Sun, 31 Nov 1994 08:49:37 GMT\"",
            "\"Sun, 06 Nov 1994 24:49:37 GMT\"",
            "\"Sun Nov 06 08:49:37 1994\"",
            "\"sun, 06 Nov 1994 08:49:37 GMT\"",
            "\"\"",
        ],
    ),
    (
        "{type: string, format: media-range}",
        &[
            "\"*/*\"",
            "\"text/*\"",
            "\"text/html; charset=utf-8;a=\\\"b;c\\\"\"",
            "\"application/vnd.a+json\"",
        ],
        &[
            "\"*\"",
            "\"*/html\"",
            "\"text\"",
            "\"text/html; charset\"",
            "\"text/html, a/b\"",
            "\" text/html\"",
        ],
    ),
    // Numbers in numbers.
    ("{type: number, format: int32}", &["5", "5.0"], &["5.5", "2147483648"]),
    ("{type: [number, string], format: int64}", &["5", "\"5\""], &["5.5", "\"5.5\"", "\"x\""]),
    ("{format: int32}", &["5", "\"x\"", "null"], &["5.5", "2147483648"]),
    ("{format: int32, multipleOf: 0.5}", &["5"], &["5.5", "5.2"]),
    ("{type: number, format: integer}", &["5"], &["5.5"]),
    ("{type: number, format: uint8}", &["255"], &["256", "-1"]),
    ("{type: number, format: unixtime}", &["1.5"], &["1e300"]),
    // Numbers in strings.
    ("{type: string, format: int8}", &["\"127\"", "\"-128\""], &["\"128\"", "127"]),
    ("{type: string, format: int16}", &["\"32767\""], &["\"32768\""]),
    ("{type: string, format: int32}", &["\"2147483647\""], &["\"2147483648\""]),
    ("{type: string, format: uint8}", &["\"255\"", "\"0\""], &["\"256\"", "\"-1\"", "\"x\""]),
    ("{type: string, format: uint16}", &["\"65535\""], &["\"65536\""]),
    ("{type: string, format: uint32}", &["\"4294967295\""], &["\"4294967296\""]),
    ("{type: string, format: uint64}", &["\"18446744073709551615\""], &["\"18446744073709551616\""]),
    ("{type: string, format: double-int}", &["\"9007199254740991\""], &["\"9007199254740992\""]),
    ("{type: string, format: float}", &["\"1e38\""], &["\"1e39\"", "\"NaN\"", "\"inf\""]),
    ("{type: string, format: double}", &["\"-1.5e300\""], &["\"1e999\"", "\"infinity\""]),
    ("{type: string, format: number}", &["\"1.5\""], &["\"x\""]),
    (
        "{type: [string, 'null'], format: int64}",
        &["\"5\"", "null"],
        &["\"x\"", "5", "\"9223372036854775808\""],
    ),
    // Encodings.
    ("{type: string, contentEncoding: base64}", &["\"aGk=\""], &["\"aGk\"", "\"a-_=\""]),
    ("{type: string, contentEncoding: BASE64}", &["\"aGk=\""], &["\"*\""]),
    ("{type: string, contentEncoding: base64url}", &["\"aG-_\"", "\"aGk\""], &["\"aG+/\""]),
    (
        "{type: string, contentEncoding: base32}",
        &["\"MZXW6===\"", "\"\""],
        &["\"MZXW6\"", "\"MZXW61==\"", "\"MZXW====\\u0000\""],
    ),
    ("{type: string, contentEncoding: base32hex}", &["\"CPNMU===\""], &["\"CPNMZ===\""]),
    ("{type: string, contentEncoding: base16}", &["\"0aFF\""], &["\"0aF\"", "\"0g\""]),
    ("{type: string, contentEncoding: hex}", &["\"ff\""], &["\"f\""]),
    (
        "{type: string, format: uuid4, contentEncoding: base16}",
        &[],
        &["\"ff\"", "\"0e37df36-f698-41e6-8dd4-cb9ced3df976\""],
    ),
    // What any text is, and bytes of a kind that nothing reads.
    ("{type: string, format: html}", &["\"<\""], &["1"]),
    ("{type: string, contentEncoding: binary}", &["\"x\""], &["1"]),
    ("{type: string, contentMediaType: image/png, contentEncoding: base64}", &["\"aGk=\""], &["\"a\""]),
    ("{type: string, contentMediaType: text/csv, contentSchema: {}}", &["\"a,b\""], &["1"]),
    ("{type: integer, contentMediaType: application/json, contentEncoding: odd}", &["1"], &["\"a\""]),
    ("{type: boolean, format: boolean}", &["true"], &["\"true\""]),
];

#[test]
fn what_counts_as_enforced_is() {
    for (schema, good, bad) in ROWS {
        let api = import(&with_body("3.1.0", schema, "{}"));
        assert!(api.operations[0].fully_enforced, "{schema}");
        for body in *good {
            assert!(
                request_body(&api, body).is_empty(),
                "{schema} must take {body}: {:?}",
                request_body(&api, body)
            );
        }
        for body in *bad {
            assert!(!request_body(&api, body).is_empty(), "{schema} must refuse {body}");
        }
    }
}

#[test]
fn nullable_strings_carry_numbers_too() {
    let api = import(&with_body("3.0.3", "{type: string, nullable: true, format: int64}", "{}"));
    for (body, good) in [("\"5\"", true), ("null", true), ("\"x\"", false), ("5", false)] {
        assert_eq!(request_body(&api, body).is_empty(), good, "{body}");
    }
}

#[test]
fn what_is_not_checked_is_said() {
    let rows = [
        ("{type: string, format: idn-email}", "format", "the format `idn-email` is not known"),
        ("{type: string, format: idn-hostname}", "format", "the format `idn-hostname` is not known"),
        ("{type: string, format: color}", "format", "the format `color` is not known"),
        ("{type: string, format: style}", "format", "the format `style` is not known"),
        ("{type: string, format: boolean}", "format", "says nothing of a value that is no boolean"),
        ("{type: string, format: [a]}", "format", "the value must be the name of a format"),
        (
            "{type: string, contentEncoding: quoted-printable}",
            "contentEncoding",
            "`quoted-printable` is not checked",
        ),
        ("{type: string, contentEncoding: 7bit}", "contentEncoding", "`7bit` is not checked"),
        ("{contentEncoding: base65}", "contentEncoding", "`base65` is not checked"),
        (
            "{type: string, contentMediaType: application/json}",
            "contentMediaType",
            "is `application/json` is not checked",
        ),
        ("{type: string, contentMediaType: application/xml}", "contentMediaType", "is not checked"),
        ("{type: string, contentMediaType: 5}", "contentMediaType", "is not checked"),
        (
            "{type: string, contentMediaType: text/plain, contentSchema: {type: string}}",
            "contentSchema",
            "is not checked",
        ),
    ];
    for (schema, key, expected) in rows {
        let text = with_body("3.1.0", schema, "{}");
        let (api, said) = try_import(&[("api.yaml", &text)], &Options::default());
        assert!(api.is_none() && said.iter().all(|line| line.contains("[unenforced]")), "{schema}: {said:?}");
        assert!(said[0].contains(expected), "{schema}: {said:?}");
        let mut options = Options::default();
        for owner in ["requestBody", "responses/200"] {
            let at = format!("/paths/~1x/post/{owner}/content/application~1json/schema/{key}");
            options.accept_unenforced.insert(at);
        }
        let (api, said) = try_import(&[("api.yaml", &text)], &options);
        assert!(api.is_some_and(|api| !api.operations[0].fully_enforced), "{schema}: {said:?}");
    }
}

fn form(kind: &str, properties: &str, encoding: &str) -> String {
    format!(
        "openapi: 3.1.0\ninfo: {{title: t, version: '1'}}\nsecurity: []\npaths:\n  /x:\n    post:\n      requestBody: \
         {{content: {{{kind}: {{schema: {{type: object, properties: {{{properties}}}}}, encoding: {{{encoding}}}}}}}}}\n      \
         responses: {{'200': {{description: ok}}}}\n"
    )
}

#[test]
fn a_field_of_a_form_is_of_the_type_that_the_contract_names() {
    let kind = "application/x-www-form-urlencoded";
    let properties = "a: {type: array, items: {type: integer}}, s: {type: string}, t: {type: string}";
    let api = import(&form(
        kind,
        properties,
        "a: {contentType: application/json}, s: {contentType: application/json}, t: {contentType: text/plain}",
    ));
    let rows: &[(&str, &[&str])] = &[
        ("a=[1,2]&s=%22x%22&t=x", &[]),
        ("a=1", &["/a type"]),
        ("a=[%22x%22]", &["/a/0 type"]),
        ("a=1,2", &["/a syntax"]),
        ("a=[1]&a=[2]", &["/a duplicate"]),
        ("s=x", &["/s syntax"]),
        ("s=1", &["/s type"]),
    ];
    for (body, expected) in rows {
        assert_eq!(check_body(&api, kind, body.as_bytes()), *expected, "{body}");
    }
    let said =
        |encoding: &str| try_import(&[("api.yaml", &form(kind, properties, encoding))], &Options::default());
    assert!(said("a: {contentType: application/json, style: form}").0.is_some());
    for (encoding, expected) in [
        ("a: {contentType: application/xml}", "a field of this type is not read"),
        ("a: {contentType: 'application/json, text/plain'}", "a field of this type is not read"),
        ("q: {contentType: application/json}", "the schema has no such property"),
    ] {
        let (api, said) = said(encoding);
        assert!(api.is_none() && said.len() == 1 && said[0].contains(expected), "{encoding}: {said:?}");
    }
}

#[test]
fn a_part_is_of_the_type_that_its_schema_names() {
    let kind = "multipart/form-data";
    let properties = "i: {type: string, contentMediaType: image/png}, b: {type: string, contentMediaType: application/octet-stream}, \
        l: {type: array, items: {type: string, contentMediaType: 'image/png'}}, e: {type: string, contentMediaType: image/png}";
    let api = import(&form(kind, properties, "e: {contentType: image/jpeg}"));
    let rows: &[(&str, &[&str])] = &[
        ("name=i\r\nContent-Type: image/png", &[]),
        ("name=i\r\nContent-Type: text/html", &["/i contentType"]),
        ("name=i", &["/i contentType"]),
        ("name=b\r\nContent-Type: image/png", &[]),
        ("name=l\r\nContent-Type: image/png", &[]),
        ("name=l\r\nContent-Type: image/gif", &["/l contentType"]),
        ("name=e\r\nContent-Type: image/jpeg", &[]),
        ("name=e\r\nContent-Type: image/png", &["/e contentType"]),
    ];
    for (head, expected) in rows {
        let body = format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\nx\r\n--B--\r\n");
        assert_eq!(check_body(&api, "multipart/form-data; boundary=B", body.as_bytes()), *expected, "{head}");
    }
    let text = form(kind, properties, "l: {style: form, explode: false}");
    let (api, said) = try_import(&[("api.yaml", &text)], &Options::default());
    assert!(api.is_none() && said[0].contains("another style is not read"), "{said:?}");
    assert!(import(&form(kind, properties, "l: {style: form}")).operations[0].fully_enforced);
}
