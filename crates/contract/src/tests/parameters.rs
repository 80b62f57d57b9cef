//! Each style × type, each refusal with its valid twin.

use super::{import, parameters, with_parameters};

/// style, explode, schema, what passes, what does not.
type Row = (&'static str, bool, &'static str, &'static [&'static str], &'static [&'static str]);

const NUMBERS: &str = "{type: array, items: {type: integer}, maxItems: 3}";
const POINT: &str = "{type: object, required: [r], additionalProperties: false, properties: {r: {type: integer}, g: {type: integer}}}";

#[test]
fn path_styles() {
    let rows: &[Row] = &[
        (
            "simple",
            false,
            "{type: integer, minimum: 1}",
            &["5", "1"],
            &["0", "x", "05", "1.5", "", "5,6", "%35x"],
        ),
        (
            "simple",
            false,
            "{type: string, maxLength: 3}",
            &["abc", "%C3%A9%C3%A9%C3%A9"],
            &["abcd", "%C3", "%zz", "%00"],
        ),
        ("simple", false, "{type: string, enum: [a b, c]}", &["a%20b", "c"], &["a+b", "d"]),
        ("simple", false, "{type: boolean}", &["true", "false"], &["True", "1"]),
        (
            "simple",
            false,
            "{type: string, format: uuid}",
            &["0e37df36-f698-11e6-8dd4-cb9ced3df976"],
            &["0e37df36"],
        ),
        ("simple", false, NUMBERS, &["3", "3,4,5"], &["a", "3,4,5,6", "3,,4", "3%2C4"]),
        ("simple", false, POINT, &["r,100", "r,100,g,200"], &["g,1", "r", "r,x", "r,1,b,2", "r,1,r,2"]),
        ("simple", true, POINT, &["r=100", "r=100,g=200"], &["g=1", "r", "r=1,b=2"]),
        ("label", false, "{type: integer}", &[".5"], &["5", ".x", "."]),
        ("label", false, NUMBERS, &[".3,4,5"], &["3,4", ".3.4"]),
        ("label", true, NUMBERS, &[".3.4.5"], &[".3,4", ".3.4.5.6"]),
        ("label", false, POINT, &[".r,100,g,200"], &[".r=1"]),
        ("label", true, POINT, &[".r=100.g=200"], &[".r,1"]),
        ("matrix", false, "{type: integer}", &[";p=5"], &[";q=5", "5", ";p=x"]),
        ("matrix", false, NUMBERS, &[";p=3,4,5"], &[";p=3;p=4"]),
        ("matrix", true, NUMBERS, &[";p=3;p=4"], &[";p=3;q=4"]),
        ("matrix", false, POINT, &[";p=r,100,g,200"], &[";p=r=1"]),
        ("matrix", true, POINT, &[";r=100;g=200"], &[";r,1"]),
    ];
    for (style, explode, schema, good, bad) in rows {
        let text = format!(
            "{{name: p, in: path, required: true, style: {style}, explode: {explode}, schema: {schema}}}"
        );
        let template = if *style == "matrix" { "/x/m{p}" } else { "/x/{p}" };
        let api = import(&with_parameters(template, &text));
        for value in *good {
            assert!(parameters(&api, &[("p", value)], None, &[]).is_empty(), "{text} must take `{value}`");
        }
        for value in *bad {
            assert!(!parameters(&api, &[("p", value)], None, &[]).is_empty(), "{text} must refuse `{value}`");
        }
    }
}

#[test]
fn a_matrix_that_begins_its_segment_is_told_because_no_call_reaches_it() {
    let parameter = "{name: p, in: path, required: true, style: matrix, schema: {type: integer}}";
    for template in ["/x/{p}", "/x/{p}/y", "/x/{p}y"] {
        let text = with_parameters(template, parameter);
        let (api, said) = super::try_import(&[("api.yaml", &text)], &crate::Options::default());
        assert!(api.is_none() && said.len() == 1, "{said:?}");
        assert!(
            said[0].contains("no call reaches the operation") && said[0].contains("api.yaml:7:"),
            "{said:?}"
        );
        let mut options = crate::Options::default();
        options
            .accept_unenforced
            .insert(format!("/paths/{}/get/parameters/0/style", crate::pointer::escape(template)));
        assert!(!super::import_with(&text, &options).operations[0].fully_enforced);
    }
    assert!(import(&with_parameters("/x/m{p}", parameter)).operations[0].fully_enforced);
}

#[test]
fn query_styles() {
    let rows: &[Row] = &[
        ("form", true, "{type: integer}", &["p=5"], &["p=x", "p=5&p=6", "p=", "", "p"]),
        ("form", true, "{type: [string, integer]}", &["p=5", "p=a"], &["p=a&p=b"]),
        ("form", true, "{type: string, minLength: 1}", &["p=a+b", "p=%26"], &["p=", "p=%ff", "p=%"]),
        ("form", true, NUMBERS, &["p=3&p=4", "p=3"], &["p=3,4", "p=1&p=2&p=3&p=4"]),
        ("form", false, NUMBERS, &["p=3,4,5", "p=3"], &["p=3&p=4", "p=3|4"]),
        ("form", true, POINT, &["r=100&g=200", "r=1"], &["r=x", "r=1&r=2", "r=1&b=2"]),
        ("form", false, POINT, &["p=r,100,g,200"], &["p=r", "p=b,1"]),
        ("spaceDelimited", false, NUMBERS, &["p=3%204%205", "p=3+4"], &["p=3,4"]),
        ("pipeDelimited", false, NUMBERS, &["p=3|4|5", "p=3%7C4"], &["p=3,4"]),
        ("pipeDelimited", false, POINT, &["p=r|100|g|200"], &["p=r|x"]),
        ("spaceDelimited", false, POINT, &["p=r%20100%20g%20200"], &["p=r,1"]),
        (
            "deepObject",
            true,
            POINT,
            &["p[r]=100&p[g]=200", "p%5Br%5D=1"],
            &["p[r]=x", "p[b]=1&p[r]=1", "p[r]=1&p[r]=2", "p[r=1", "p=1"],
        ),
        (
            "deepObject",
            true,
            "{type: object, properties: {a: {type: array, items: {type: integer}}, o: {type: object, properties: {k: {type: boolean}}}}}",
            &["p[a][]=1&p[a][]=2", "p[a][0]=1&p[a][1]=2", "p[o][k]=true"],
            &["p[a][]=x", "p[a][5]=1", "p[o][k]=1"],
        ),
    ];
    for (style, explode, schema, good, bad) in rows {
        let text = format!(
            "{{name: p, in: query, required: true, style: {style}, explode: {explode}, schema: {schema}}}"
        );
        let api = import(&with_parameters("/x", &text));
        for value in *good {
            let said = parameters(&api, &[], Some(value), &[]);
            assert!(said.is_empty(), "{text} must take `{value}`: {said:?}");
        }
        for value in *bad {
            assert!(!parameters(&api, &[], Some(value), &[]).is_empty(), "{text} must refuse `{value}`");
        }
    }
}

#[test]
fn cookies_behind_the_bound_do_not_pass_unread() {
    let api = import(&with_parameters("/x", "{name: currency, in: cookie, schema: {enum: [EUR, USD]}}"));
    let many = |count: usize| "a;".repeat(count);
    let (half, rest) = (many(512), many(511));
    let rows: &[(&[&str], &[&str])] = &[
        (&[&format!("{}currency=EUR", many(1023))], &["-cookie a"]),
        (&[&format!("{}currency=BAD", many(1023))], &["cookie currency enum", "-cookie a"]),
        (&[&format!("{}currency=EUR", many(1024))], &["cookie  bounds"]),
        (&[&format!("{}currency=BAD; currency=EUR; session=1", many(1024))], &["cookie  bounds"]),
        (&[&half, &rest, "currency=EUR"], &["-cookie a"]),
        (&[&half, &rest, "currency=BAD"], &["cookie currency enum", "-cookie a"]),
        (&[&half, &half, "currency=EUR"], &["cookie  bounds"]),
        (&[&many(1024), "currency=BAD"], &["cookie  bounds"]),
    ];
    for (fields, expected) in rows {
        let headers: Vec<(&str, &str)> = fields.iter().map(|field| ("cookie", *field)).collect();
        let shown: Vec<&str> =
            fields.iter().map(|field| field.get(field.len().max(24) - 24..).unwrap()).collect();
        assert_eq!(parameters(&api, &[], None, &headers), *expected, "{shown:?}");
    }
}

#[test]
fn cookies_are_sent_as_they_were_checked() {
    let api = import(&with_parameters(
        "/x",
        "{name: currency, in: cookie, schema: {enum: [EUR, USD]}}, {name: s, in: cookie, schema: {enum: [a b, a+c]}}",
    ));
    let rows: &[(&str, &[&str])] = &[
        ("currency=EUR", &[]),
        ("s=a+c", &[]),
        ("s=a b", &[]),
        ("s=a+b", &["cookie s enum"]),
        (" currency\t= EUR ", &[]),
        ("currency=\"EUR\"", &["cookie currency encoding"]),
        ("currency=\"EUR", &["cookie currency encoding"]),
        ("currency=EUR\"", &["cookie currency enum"]),
        ("other=\"x\"; currency=USD", &["-cookie other"]),
    ];
    for (field, expected) in rows {
        assert_eq!(parameters(&api, &[], None, &[("cookie", field)]), *expected, "{field}");
    }
    // Not the white space of HTTP: the name is another one.
    let odd = http::HeaderValue::from_bytes("\u{a0}currency=EUR".as_bytes()).unwrap();
    let mut headers = http::HeaderMap::new();
    headers.append("cookie", odd);
    let input = crate::ParameterInput { path: &[], query: None, headers: &headers };
    let mut out = crate::Violations::new();
    let stripped = api.operations[0].request.check_parameters(&input, &mut out);
    assert_eq!(stripped.cookies, ["\u{a0}currency"]);
    assert_eq!(stripped.apply_cookie("\u{a0}currency=EUR; currency=USD").as_deref(), Some("currency=USD"));
}

#[test]
fn headers_and_cookies() {
    let api = import(&with_parameters(
        "/x",
        "{name: X-Count, in: header, required: true, schema: {type: integer, maximum: 9}}, \
         {name: X-List, in: header, schema: {type: array, items: {type: string, enum: [a, b]}}}, \
         {name: X-Raw, in: header, schema: {type: string, pattern: '^100%$'}}, \
         {name: Accept, in: header, required: true, schema: {type: integer}}, \
         {name: sid, in: cookie, schema: {type: string, minLength: 3}}",
    ));
    type Headers = &'static [(&'static str, &'static str)];
    let rows: &[(Headers, &[&str])] = &[
        (&[("x-count", "5")], &[]),
        (&[], &["header x-count required"]),
        (&[("x-count", "50")], &["header x-count maximum"]),
        (&[("x-count", "5"), ("x-count", "6")], &["header x-count duplicate"]),
        (&[("x-count", "5"), ("x-list", "a, b"), ("x-list", "a")], &[]),
        (&[("x-count", "5"), ("x-list", "a,c")], &["header x-list/1 enum"]),
        (&[("x-count", "5"), ("x-raw", "100%")], &[]),
        (&[("x-count", "5"), ("cookie", "sid=abc; sid=abd")], &["cookie sid duplicate"]),
        (&[("x-count", "5"), ("cookie", "sid=ab")], &["cookie sid minLength"]),
        (&[("x-count", "5"), ("cookie", "sid=abc; other=1")], &["-cookie other"]),
    ];
    for (headers, expected) in rows {
        assert_eq!(parameters(&api, &[], None, headers), *expected, "{headers:?}");
    }
}

#[test]
fn content_parameters_and_empty_values() {
    let api = import(&with_parameters(
        "/x",
        "{name: f, in: query, content: {application/json: {schema: {type: object, required: [a], properties: {a: {type: integer}}}}}}, \
         {name: e, in: query, allowEmptyValue: true, schema: {type: integer}}",
    ));
    let rows: &[(&str, &[&str])] = &[
        ("f=%7B%22a%22%3A1%7D", &[]),
        ("f=%7B%22a%22%3A%22x%22%7D", &["query f/a type"]),
        ("f=%7B%22a%22%3A1,%22a%22%3A1%7D", &["query f syntax"]),
        ("f=1&f=2", &["query f duplicate"]),
        ("e=", &[]),
        ("e=5", &[]),
        ("e=x", &["query e type"]),
    ];
    for (query, expected) in rows {
        assert_eq!(parameters(&api, &[], Some(query), &[]), *expected, "{query}");
    }
}

#[test]
fn too_many_pairs_are_refused_without_reading_them() {
    let api =
        import(&with_parameters("/x", "{name: p, in: query, schema: {type: array, items: {type: integer}}}"));
    let many = vec!["p=1"; crate::MAX_PAIRS + 1].join("&");
    assert_eq!(parameters(&api, &[], Some(&many), &[]), ["query  bounds"]);
    let most = vec!["p=1"; crate::MAX_PAIRS].join("&");
    assert!(parameters(&api, &[], Some(&most), &[]).is_empty());
}

proptest::proptest! {
    #[test]
    fn no_query_or_header_makes_it_panic(query in ".{0,80}", value in "[ -~]{0,40}") {
        let api = import(&with_parameters(
            "/x/m{p}",
            "{name: p, in: path, required: true, style: matrix, schema: {type: array, items: {type: integer}}}, \
             {name: q, in: query, style: deepObject, schema: {type: object}}, \
             {name: l, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {type: number}}}",
        ));
        parameters(&api, &[("p", &value)], Some(&query), &[("cookie", &value)]);
    }
}
