use super::*;

/// An answer by its lines, heads and body; `|` parts what it encapsulates.
fn answer(head: &str, rest: &str) -> Vec<u8> {
    format!("ICAP/1.0 {}\r\n\r\n{rest}", head.replace('\n', "\r\n")).into_bytes()
}

fn said(bytes: &[u8], file: &[u8]) -> Result<Verdict, String> {
    verdict(&read(bytes)?, file)
}

const REQUEST: &str = "POST / HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSE: &str = "HTTP/1.1 403 No\r\n\r\n";

#[test]
fn verdicts_are_read_strictly() {
    let found = |name: &str| Ok(Verdict::Found(String::from(name)));
    let request = format!("req-hdr=0, req-body={}", REQUEST.len());
    let response = format!("res-hdr=0, res-body={}", RESPONSE.len());
    let cases = [
        (answer("204 No Content\nISTag: \"a\"", ""), Ok(Verdict::Clean)),
        (
            answer(&format!("200 OK\nEncapsulated: {request}"), &format!("{REQUEST}4\r\nfile\r\n0\r\n\r\n")),
            Ok(Verdict::Clean),
        ),
        (
            answer(
                &format!("200 OK\nEncapsulated: {request}"),
                &format!("{REQUEST}2\r\nfi\r\n2;x=y\r\nle\r\n0\r\na: b\r\n\r\n"),
            ),
            Ok(Verdict::Clean),
        ),
        (
            answer(&format!("200 OK\nEncapsulated: {request}"), &format!("{REQUEST}4\r\ncopy\r\n0\r\n\r\n")),
            found("unnamed"),
        ),
        (
            answer(&format!("200 OK\nEncapsulated: {response}"), &format!("{RESPONSE}1\r\nx\r\n0\r\n\r\n")),
            found("unnamed"),
        ),
        (
            answer(
                &format!(
                    "200 OK\nX-Infection-Found: Type=0; Resolution=2; Threat=Eicar-Test;\nEncapsulated: {response}"
                ),
                &format!("{RESPONSE}0\r\n\r\n"),
            ),
            found("Eicar-Test"),
        ),
        (
            answer(
                &format!(
                    "200 OK\nX-Infection-Found: Type=0; Resolution=2; Threat=Test.A;\nX-Violations-Found: 1\n\t-\n\tTest.A\n\t0\n\t0\n\
                     Encapsulated: {response}"
                ),
                &format!("{RESPONSE}1\r\nx\r\n0\r\n\r\n"),
            ),
            found("Test.A"),
        ),
        (answer("204 No\nX-Virus-ID: Bad\u{7}Thing", ""), found("BadThing")),
        (answer("200 OK\nEncapsulated: res-hdr=0, null-body=19", RESPONSE), found("unnamed")),
    ];
    for (bytes, expected) in cases {
        assert_eq!(said(&bytes, b"file"), expected, "{}", bytes.escape_ascii());
        // Whatever is cut off is seen to be missing.
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{}", bytes[..length].escape_ascii());
            assert!(!is_whole(&bytes[..length]));
        }
        assert!(is_whole(&bytes));
    }
}

#[test]
fn what_is_no_verdict_is_refused() {
    let request = format!("req-hdr=0, req-body={}", REQUEST.len());
    for bad in [
        answer("404 Not Found", ""),
        answer("500 Server error", ""),
        answer("100 Continue", ""),
        answer("200 OK", ""),
        answer("200 OK\nEncapsulated: req-hdr=0", REQUEST),
        answer("200 OK\nEncapsulated: req-hdr=0, req-body=99999999", REQUEST),
        answer("200 OK\nEncapsulated: nonsense", ""),
        answer(&format!("200 OK\nEncapsulated: {request}"), &format!("{REQUEST}zz\r\n")),
        answer(&format!("200 OK\nEncapsulated: {request}"), &format!("{REQUEST}+4\r\nfile\r\n0\r\n\r\n")),
        answer(&format!("200 OK\nEncapsulated: {request}"), &format!("{REQUEST}4\r\nfileX\r\n0\r\n\r\n")),
        b"HTTP/1.1 204 No Content\r\n\r\n".to_vec(),
        b"ICAP/1.0 abc\r\n\r\n".to_vec(),
        b"nonsense\r\n\r\n".to_vec(),
    ] {
        assert!(said(&bad, b"file").is_err(), "{}", bad.escape_ascii());
    }
    let endless = vec![b'a'; HEAD + 1];
    assert!(is_whole(&endless) && read(&endless).is_err());
}

#[test]
fn the_tag_of_the_signatures_is_read() {
    assert_eq!(
        read(&answer("200 OK\nISTag: \"CI-1\"\nMethods: REQMOD", "")).unwrap().tag.as_deref(),
        Some("CI-1")
    );
    assert_eq!(read(&answer("200 OK\nistag: CI-2", "")).unwrap().tag.as_deref(), Some("CI-2"));
    assert_eq!(read(&answer("204 No", "")).unwrap().tag, None);
}

#[test]
fn a_request_says_where_its_parts_are() {
    for file in [&b""[..], b"x", b"\r\n0\r\n\r\n"] {
        let request = reqmod("127.0.0.1:1344", "/avscan", file);
        let text = String::from_utf8_lossy(&request).into_owned();
        let (head, rest) = text.split_once("\r\n\r\n").unwrap();
        let parts = head.lines().find_map(|line| line.strip_prefix("Encapsulated: ")).unwrap();
        let Ok(Carries::Request(body)) = carried(parts, rest.as_bytes()) else { panic!("{text}") };
        assert_eq!(body, file);
    }
    let text = String::from_utf8(options("a:1", "/b")).unwrap();
    assert!(text.starts_with("OPTIONS icap://a:1/b ICAP/1.0\r\nHost: a:1\r\n") && text.ends_with("\r\n\r\n"));
}

proptest::proptest! {
    #[test]
    fn any_answer_is_read(rest: Vec<u8>, head in "(200|204) OK(\nEncapsulated: (req|res|null|opt)-(hdr|body)=[0-9]{1,3}){0,2}") {
        let bytes = [answer(&head, ""), rest].concat();
        let _ = (is_whole(&bytes), read(&bytes));
    }
}
