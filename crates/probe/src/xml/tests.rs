use super::*;

fn small() -> Bounds {
    Bounds {
        depth: 3,
        elements: 5,
        attributes: 2,
        name: 8,
        value: 10,
        text: 10,
        namespaces: 1,
        namespace: 12,
        comment: Some(5),
        instructions: true,
    }
}

fn what(document: &str, bounds: &Bounds) -> Option<What> {
    check(document.as_bytes(), bounds).err().map(|fault| fault.what)
}

/// Each bound is reached by the one and exceeded by the other.
#[test]
fn each_bound_has_its_last_good_document() {
    for (good, bad, expected) in [
        ("<a><b><c/></b></a>", "<a><b><c><d/></c></b></a>", What::Depth),
        ("<a><b/><b/><b/><b/></a>", "<a><b/><b/><b/><b/><b/></a>", What::Elements),
        ("<a b='1' c='2'/>", "<a b='1' c='2' d='3'/>", What::Attributes),
        ("<abcdefgh/>", "<abcdefghi/>", What::Name),
        ("<a abcdefgh='1'/>", "<a abcdefghi='1'/>", What::Name),
        ("<a b='0123456789'/>", "<a b='0123456789a'/>", What::Value),
        ("<a>0123456789<b/>0123456789</a>", "<a>0123456789a</a>", What::Text),
        ("<a>01234<![CDATA[56789]]></a>", "<a>01234<![CDATA[567890]]></a>", What::Text),
        ("<a xmlns='urn:a' b='1' c='2'/>", "<a xmlns='urn:a' xmlns:b='urn:b'/>", What::Namespaces),
        ("<a xmlns='urn:12345678'/>", "<a xmlns='urn:123456789'/>", What::Namespace),
        ("<a><!--12345--></a>", "<a><!--123456--></a>", What::CommentLength),
    ] {
        assert_eq!(what(good, &small()), None, "{good}");
        assert_eq!(what(bad, &small()), Some(expected), "{bad}");
    }
}

#[test]
fn what_attacks_are_made_of_is_refused() {
    let bounds = Bounds::default();
    for (document, expected) in [
        ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", What::DocumentType),
        ("<!DOCTYPE a SYSTEM 'http://169.254.169.254/'><a/>", What::DocumentType),
        ("<!doctype a><a/>", What::DocumentType),
        ("<a>&x;</a>", What::Entity),
        ("<a b='&x;'/>", What::Entity),
        ("<a>&#0;</a>", What::Syntax),
        ("<a>&#x110000;</a>", What::Syntax),
        ("<a>&#+9;</a>", What::Syntax),
        ("<a><!-- --></a>", What::Comment),
        ("<?php x ?><a/>", What::Instruction),
        ("<?xml-stylesheet href='http://evil/'?><a/>", What::Instruction),
        ("<?xml version='1.0' encoding='UTF-16'?><a/>", What::Encoding),
        ("<?xml version='1.0' encoding='utf-7'?><a/>", What::Encoding),
        ("<?xml version='1.1'?><a/>", What::Version),
        ("<a/><?xml version='1.0'?>", What::Syntax),
        ("<a></b>", What::Syntax),
        ("<a>", What::Syntax),
        ("</a>", What::Syntax),
        ("<a/><b/>", What::Syntax),
        ("<a/>text", What::Syntax),
        ("<a/>&amp;", What::Syntax),
        ("text", What::Syntax),
        ("", What::Syntax),
        ("<a b='1' b='2'/>", What::Syntax),
        ("<a b=1/>", What::Syntax),
        ("<a b='<'/>", What::Syntax),
        ("<a b='&'/>", What::Syntax),
        ("<1/>", What::Syntax),
        ("<a:b:c/>", What::Syntax),
        ("<a\u{85}/>", What::Syntax),
        ("<a\u{202e}b/>", What::Syntax),
        ("<\u{b7}a/>", What::Syntax),
        ("<a>\u{1}</a>", What::Syntax),
        ("<a>]]></a>", What::Syntax),
    ] {
        assert_eq!(what(document, &bounds), Some(expected), "{document}");
    }
    assert_eq!(check(b"\xff\xfe<\0a\0/\0>\0", &bounds).err().map(|fault| fault.what), Some(What::Encoding));
    let deep = "<a>".repeat(200_000);
    assert_eq!(what(&deep, &bounds), Some(What::Depth));
}

#[test]
fn ordinary_documents_pass() {
    for document in [
        "<a/>",
        "<\u{e9}t\u{e9}\u{b7}1 \u{540d}='x'/>",
        "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<a>x</a>\n",
        "<?xml version='1.0' encoding='US-ASCII' standalone='yes'?><a/>",
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body a='&lt;&#169;&#x20AC;'>é &amp; ü\
         <![CDATA[<b>&x;</b>]]></s:Body></s:Envelope>",
    ] {
        assert_eq!(what(document, &Bounds::default()), None, "{document}");
    }
}

#[test]
fn a_fault_says_where() {
    let fault = check(b"<order><item><x>&y;</x></item></order>", &Bounds::default()).unwrap_err();
    assert_eq!((fault.what, fault.path.as_str()), (What::Entity, "/order/item/x"));
    let name = "n".repeat(200);
    let deep = format!("<{name}><{name}>&x;</{name}></{name}>");
    assert!(check(deep.as_bytes(), &Bounds::default()).unwrap_err().path.len() < PATH + 8);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_judged(bytes: Vec<u8>) {
        let _ = check(&bytes, &Bounds::default());
    }

    /// Whatever passes has neither a document type nor an entity, however it is cut.
    #[test]
    fn nothing_with_a_document_type_passes(before in "[ <>a/?!x-]{0,12}", after in "[ <>a/\\]&;]{0,20}") {
        let document = format!("{before}<!DOCTYPE a{after}");
        let passes = check(document.as_bytes(), &Bounds { comment: Some(99), ..Bounds::default() }).is_ok();
        proptest::prop_assert!(!passes || document.contains("<!--") || document.contains("CDATA"));
    }
}
