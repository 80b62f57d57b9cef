use super::*;

fn parse(content_type: &str, body: &str) -> Multipart {
    read(content_type.as_bytes(), body.replace('\n', "\r\n").as_bytes())
}

const TYPE: &str = "multipart/form-data; boundary=b";
const PART: &str = "Content-Disposition: form-data; name=\"a\"\n\n1\n";

#[test]
fn fields_files_and_headers_are_read() {
    let found = parse(
        TYPE,
        "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n2\n--b\nContent-Disposition: form-data; name=f; filename=\"x\\\".php\"\nContent-Type: text/plain\n\ndata\n--b--\n",
    );
    assert_eq!(found.fields, [(b"a".to_vec(), b"1\r\n2".to_vec())]);
    assert_eq!(
        found.files,
        [File { name: b"f".to_vec(), file_name: b"x\".php".to_vec(), content: b"data".to_vec() }]
    );
    assert_eq!(found.headers.len(), 3);
    assert_eq!(found.headers[2], (b"f".to_vec(), b"Content-Type: text/plain".to_vec()));
    assert!(!found.strict_error());
}

#[test]
fn what_is_not_strict_is_flagged() {
    let ok = format!("--b\n{PART}--b--\n");
    assert!(parse("multipart/form-data; boundary=\"b\"", &ok).flags.boundary_quoted);
    assert!(parse("multipart/form-data boundary=b", &ok).flags.missing_semicolon);
    assert!(parse("multipart/form-data; boundary =b", &ok).flags.boundary_whitespace);
    assert!(parse(TYPE, &format!("x\n{ok}")).flags.data_before);
    assert!(parse(TYPE, &format!("{ok}x\n")).flags.data_after);
    assert!(parse(TYPE, &format!("{ok}{ok}")).flags.data_after);
    assert!(parse(TYPE, &ok.replace("; name", ";\n name")).flags.header_folding);
    assert!(parse(TYPE, &ok.replace('"', "'")).flags.invalid_quoting);
    let lines = read(TYPE.as_bytes(), format!("--b\n{PART}--b--\r\n").as_bytes());
    assert!(lines.flags.lf_line && lines.strict_error());
}

#[test]
fn line_feeds_inside_of_a_part_are_its_content() {
    let body = format!("--b\n{}--b--\n", PART.replace("1\n", "of unix\x01of unix\n")).replace('\n', "\r\n");
    let found = read(TYPE.as_bytes(), body.replace('\x01', "\n").as_bytes());
    assert_eq!(found.fields, [(b"a".to_vec(), b"of unix\nof unix".to_vec())]);
    assert!(!found.strict_error());
}

#[test]
fn what_is_no_multipart_body_is_an_error() {
    let ok = format!("--b\n{PART}--b--\n");
    assert_eq!(parse(TYPE, &ok).error, None);
    assert_eq!(parse("multipart/form-data; charset=utf-8; boundary=b; x=y", &ok).error, None);
    for body in [
        ok.replace("name", "nome"),
        ok.replace("=\"a\"", "=\"\""),
        ok.replace("=\"a\"", "=\"a\"b"),
        ok.replace("=\"a\"", "=a/b"),
        ok.replace("=\"a\"", "=\"a"),
        ok.replace("=\"a\"", "=\"a\"; name=\"b\""),
        ok.replace("=\"a\"", "=\"a\"; filename*=UTF-8''x"),
        ok.replace("form-data", "attachment"),
        ok.replace("Content-Disposition", "Content-Type"),
        ok.replace("\n\n1", "\nContent-Disposition: form-data; name=\"b\"\n\n1"),
        ok.replace("\n\n1", "\nno colon\n\n1"),
        ok.replace("\n\n1", "\n1"),
        ok.replace("--b--", "--b-- "),
        ok.replace("1\n", "--bx\n"),
        ok.replace("1\n", "-- b\n"),
        ok.replace("--b--\n", ""),
        "--b\n".to_owned(),
    ] {
        let found = parse(TYPE, &body);
        assert!(found.error.is_some() && found.strict_error(), "{body}");
    }
    for kind in [
        "multipart/form-data",
        "multipart/form-data; boundary=b; boundary=c",
        "multipart/form-data; boundary=\"b",
    ] {
        assert!(parse(kind, &ok).error.is_some(), "{kind}");
    }
}

#[test]
fn lines_that_look_like_a_boundary_are_told() {
    let body = |content: &str, end: &str| format!("--b\n{}{end}\n", PART.replace("1\n", content));
    let unmatched = |body: String| parse(TYPE, &body).flags.unmatched_boundary;
    assert_eq!(unmatched(body("1\n", "--b--")), Unmatched::No);
    assert_eq!(unmatched(body("--\n-- \n", "--b--")), Unmatched::No);
    assert_eq!(unmatched(body("--other\n", "--b--")), Unmatched::Inside);
    assert_eq!(unmatched(body("--other\n", "--c--")), Unmatched::Last);
    assert_eq!(unmatched(body("x--b\n", "")), Unmatched::Last);
}

#[test]
fn a_part_without_a_file_name_is_a_field() {
    let part = PART.replace("=\"a\"", "=\"a\"; filename=\"\"");
    assert_eq!(parse(TYPE, &format!("--b\n{part}--b--\n")).fields, [(b"a".to_vec(), b"1".to_vec())]);
}

proptest::proptest! {
    #[test]
    fn nothing_panics(kind in "\\PC{0,40}", body in "(--b|\\r\\n|[a-z:;=\"' -]){0,30}") {
        let _ = read(format!("multipart/form-data; boundary=b{kind}").as_bytes(), body.as_bytes());
        let _ = read(TYPE.as_bytes(), body.as_bytes());
    }
}
