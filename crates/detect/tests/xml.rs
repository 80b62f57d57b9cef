//! Texts of XML as a reader of the element gets them: comments, instructions and sections do not cut them.

use detect::{Families, Family, Place, inspect, xml_is_utf8, xml_parts};

fn parts(body: &str) -> Vec<String> {
    let mut parts = Vec::new();
    xml_parts(body.as_bytes(), |part| parts.push(String::from_utf8_lossy(part).into_owned()));
    parts
}

/// The surest family in any part.
fn family(body: &str) -> Option<Family> {
    let mut found = None;
    xml_parts(body.as_bytes(), |part| {
        let finding = inspect(Place::Value, part, Families::NONE);
        found = finding.filter(|finding| finding.score >= detect::THRESHOLD).map(|one| one.family).or(found);
    });
    found
}

#[test]
fn a_text_is_whole_whatever_stands_in_it() {
    let cases = [
        ("<q>1 UNI<!-- -->ON</q>", vec!["1 UNION"]),
        ("<q>1 UNI<!---->ON</q>", vec!["1 UNION"]),
        ("<q>1 UNI<!-->x-->ON</q>", vec!["1 UNION"]),
        ("<q>1 UNI<?a?>ON</q>", vec!["1 UNION"]),
        ("<q>1 UNI<?a > b ?>ON</q>", vec!["1 UNION"]),
        ("<q>1 UNI<?a it's ?>ON<b/>'</q>", vec!["s ", "1 UNION", "'"]),
        ("<q>1 <![CDATA[UNI]]>ON</q>", vec!["1 UNION"]),
        ("<q><![CDATA[UNI]]><![CDATA[ON]]></q>", vec!["UNION"]),
        ("<q><![CDATA[a < b]]> &amp; c</q>", vec!["a < b &amp; c"]),
        ("<q>a<b>b</b>c</q>", vec!["a", "b", "c"]),
        ("<q>a<b/>b<!-- --></q>", vec!["a", "b"]),
        ("<q> <!-- a --> <![CDATA[ ]]> </q>", vec![]),
        ("<q a='b<!-- c -->'>d</q>", vec!["b<!-- c -->", "d"]),
    ];
    for (body, wanted) in cases {
        assert_eq!(parts(body), wanted, "{body}");
    }
}

#[test]
fn an_attack_in_pieces_is_found_and_its_twin_is_not() {
    let padding = "a harmless text. ".repeat(64);
    let attack =
        format!("<a><p>{padding}</p><q>1 UNI<!---->ON SEL<![CDATA[ECT]]> password FR<!---->OM users</q></a>");
    assert_eq!(family(&attack), Some(Family::Sql));
    let twin = format!("<a><p>{padding}</p><q>a uni<!---->on of se<![CDATA[lec]]>ted us<!---->ers</q></a>");
    assert_eq!(family(&twin), None);
}

#[test]
fn what_has_no_end_is_read_to_the_end() {
    let cases = [
        ("<q>a<!-- b", vec!["a", "<!-- b"]),
        ("<q>a<![CDATA[ b", vec!["a b"]),
        ("<q>a<?b c", vec!["a", "<?b c"]),
        ("<q>a<!", vec!["a"]),
        ("<q a='b", vec!["b"]),
    ];
    for (body, wanted) in cases {
        assert_eq!(parts(body), wanted, "{body}");
    }
}

#[test]
fn only_what_is_utf8_to_everybody_is_utf8() {
    let utf8: [&[u8]; 8] = [
        b"<a/>",
        b"\xef\xbb\xbf<?xml version='1.0'?><a/>",
        b"<?xml version='1.0' encoding='utf-8'?><a/>",
        b"<?xml version=\"1.0\" encoding = \"US-ASCII\" standalone='yes'?><a/>",
        b"<?xml version='1.0'?><a encoding='utf-16'>encoding utf-7</a>",
        b"<?xml-stylesheet href='a'?><a/>",
        "<a>é</a>".as_bytes(),
        // The beginning of a body ends where it ends.
        b"<a>\xc3",
    ];
    for body in utf8 {
        assert!(xml_is_utf8(body), "{:?}", body.escape_ascii().to_string());
    }
    let other: [&[u8]; 10] = [
        b"<?xml version='1.0' encoding='utf-7'?><a/>",
        b"<?xml version='1.0' encoding='UTF-16'?><a/>",
        b" \n<?XML version='1.0' ENCODING='ibm037'?><a/>",
        b"<?xml encoding='utf-8' encoding='utf-7'?><a/>",
        b"<?xml version='1.0' encoding=utf-7?><a/>",
        b"<?xml version='1.0' encoding='utf-7",
        b"\xff\xfe<\0a\0/\0>\0",
        b"<\0a\0/\0>\0",
        b"<a>\xe9</a>",
        // `<?xm` in EBCDIC.
        b"\x4c\x6f\xa7\x94",
    ];
    for body in other {
        assert!(!xml_is_utf8(body), "{:?}", body.escape_ascii().to_string());
    }
}
