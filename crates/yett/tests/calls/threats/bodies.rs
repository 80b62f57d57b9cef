//! Rows 21, 23 and 34: bodies past bounds, bombs, and bodies that two parsers read differently.

use std::io::Write;

use testkit::{RawClient, Recorder};

use crate::harness::*;

const JSON: &str = "Content-Type: application/json\r\n";

fn invalid() -> Expect {
    Expect::Problem(400, "body_invalid")
}

/// A good body of exactly `length` bytes, by white space, with an attack at its end when asked for.
fn body_of(length: usize, tail: &str) -> String {
    let start = r#"{"name":"a""#;
    format!("{start}{}{tail}}}", " ".repeat(length - start.len() - tail.len() - 1))
}

#[test]
fn threat_21_nothing_passes_unread_above_the_bound() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&Setup::api("bodies: { max: 64KiB }"), &recorder.url());
    let bound = 64 * 1024;
    let large = Expect::Problem(413, "body_too_large");
    let chunks = |body: &str| {
        let pieces: Vec<String> = body
            .as_bytes()
            .chunks(4096)
            .map(|piece| format!("{:x}\r\n{}\r\n", piece.len(), String::from_utf8_lossy(piece)))
            .collect();
        chunked("/things", format!("{}0\r\n\r\n", pieces.concat()).as_bytes())
    };
    let attack = r#","evil":"<script>""#;
    let good = body_of(bound, "");
    let cases = [
        case("one byte more", post_json("/things", body_of(bound + 1, "")), large.clone())
            .twin(post_json("/things", &good)),
        case("one byte more in chunks", chunks(&body_of(bound + 1, "")), large.clone()).twin(chunks(&good)),
        case("an attack behind the bound", post_json("/things", body_of(bound + 1, attack)), large.clone()),
        case("an attack behind the bound in chunks", chunks(&body_of(bound * 2, attack)), large.clone()),
        case("an attack at the bound", post_json("/things", body_of(bound, attack)), invalid()),
        case("an attack at the bound in chunks", chunks(&body_of(bound, attack)), invalid()),
        case("a length that says more", send("POST", "/things", JSON, body_of(bound * 4, attack)), large),
    ];
    judge(&gateway, &recorder, &cases);
    reaches_naive(&cases);
    // A length beyond the bound is refused with the head: nobody waits for the body, however slow it comes.
    let mut client = RawClient::connect(gateway.address);
    client
        .send(format!("POST /things HTTP/1.1\r\nHost: api.test\r\n{JSON}Content-Length: 99999999999\r\n\r\n"))
        .unwrap();
    assert_eq!(client.reply().unwrap().status, 413);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    send("POST", "/things", &format!("{JSON}Content-Encoding: {coding}\r\n"), body)
}

#[test]
fn threat_23_bombs_stay_small() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&Setup::api("bodies: { max: 256KiB, codings: [gzip] }"), &recorder.url());
    let thing = br#"{"name":"a"}"#;
    let mut bomb = vec![b' '; 64 * 1024 * 1024];
    bomb.splice(0..0, thing.iter().copied());
    let bomb = gzip(&bomb);
    let twice = gzip(&bomb);
    let deep = |open: &str, close: &str, count: usize| {
        format!(r#"{{"name":{}1{}}}"#, open.repeat(count), close.repeat(count))
    };
    let many: Vec<String> = (0..20_000).map(|at| format!("\"k{at}\":1")).collect();
    let too = Expect::OneOf(&["body_too_large", "body_out_of_bounds", "body_malformed"]);
    let bounds = Expect::OneOf(&["body_out_of_bounds", "body_invalid", "body_malformed"]);
    let coding = Expect::Problem(415, "coding_unsupported");
    let cases = [
        case("a bomb", coded("gzip", &bomb), too.clone()),
        case("a bomb in a bomb", coded("gzip", &twice), too),
        case("two codings", coded("gzip, gzip", &twice), coding.clone()),
        case("two codings in two fields", coded("gzip\r\nContent-Encoding: gzip", &twice), coding.clone()),
        case("an undeclared coding", coded("br", b"\x0b\x02\x80abc\x03"), coding.clone()),
        case("an unknown coding", coded("foo", thing), coding.clone()),
        case("deflate, not declared", coded("deflate", thing), coding),
        case("a coding that lies", coded("gzip", thing), Expect::Problem(400, "body_malformed")),
        case(
            "a coding that breaks off",
            coded("gzip", &gzip(thing)[..20]),
            Expect::Problem(400, "body_malformed"),
        ),
        case(
            "bytes behind the coding",
            coded("gzip", &[gzip(thing), b"x".to_vec()].concat()),
            Expect::Problem(400, "body_malformed"),
        ),
        case("an attack inside the coding", coded("gzip", &gzip(br#"{"name":"a","evil":1}"#)), invalid()),
        case("deep arrays", post_json("/things", deep("[", "]", 100_000)), bounds.clone()),
        case("deep arrays that stay open", post_json("/things", deep("[", "", 100_000)), bounds.clone()),
        case("deep objects", post_json("/things", deep("{\"a\":", "}", 30_000)), bounds.clone()),
        case(
            "many keys",
            post_json("/things", format!("{{\"name\":\"a\",{}}}", many[..10_000].join(","))),
            bounds.clone(),
        ),
        case(
            "many items",
            post_json("/things", format!("{{\"name\":\"a\",\"count\":[{}1]}}", "1,".repeat(100_000))),
            bounds.clone(),
        ),
        case(
            "a long number",
            post_json("/things", format!("{{\"name\":\"a\",\"count\":1{}}}", "0".repeat(100_000))),
            bounds.clone(),
        ),
        case(
            "a long key",
            post_json("/things", format!("{{\"name\":\"a\",\"{}\":1}}", "k".repeat(100_000))),
            bounds,
        ),
    ];
    let before = gateway.resident();
    judge(&gateway, &recorder, &cases);
    reaches_naive(&cases);
    for _ in 0..20 {
        for case in &cases {
            let _ = gateway.call(&case.hostile);
        }
    }
    let grown = gateway.resident().saturating_sub(before);
    assert!(grown < 48 * 1024, "resident memory grew by {grown} KiB");
    // What is declared passes decoded, as it was checked, and says nothing of a coding any more.
    assert_eq!(gateway.call(coded("gzip", &gzip(thing))).status, 200);
    let call = recorder.last();
    assert_eq!((call.body.as_slice(), call.head.get("content-encoding")), (thing.as_slice(), None));
    assert_eq!(call.head.get("content-length"), Some("12"));
}

fn utf16(text: &str, big: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

fn typed(media: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    send("POST", "/things", &format!("Content-Type: {media}\r\n"), body)
}

fn json_cases() -> Vec<Case> {
    let thing = r#"{"name":"a"}"#;
    let twin = post_json("/things", thing);
    let unsupported = Expect::Problem(415, "media_type_unsupported");
    let any =
        Expect::OneOf(&["body_malformed", "body_invalid", "body_out_of_bounds", "media_type_unsupported"]);
    let duplicates = Expect::OneOf(&["body_malformed", "body_invalid", "body_out_of_bounds"]);
    let types = [
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "json",
        "*/*",
        "application",
        "application/json/x",
        "text/json",
        "multipart/form-data; boundary=x",
    ];
    let mut all: Vec<Case> = types
        .iter()
        .map(|media| case(&format!("JSON as {media}"), typed(media, thing), unsupported.clone()))
        .collect();
    all.extend([
        case("no content type", send("POST", "/things", "", thing), unsupported),
        case("XML as JSON", typed("application/json", "<name>a</name>"), any.clone()),
        case("a form as JSON", typed("application/json", "name=a"), any.clone()),
        case("UTF-16 in little endian", typed("application/json", utf16(thing, false)), any.clone()),
        case("UTF-16 in big endian", typed("application/json", utf16(thing, true)), any.clone()),
        case(
            "UTF-16 with a mark",
            typed("application/json; charset=utf-16", [b"\xff\xfe".to_vec(), utf16(thing, false)].concat()),
            any.clone(),
        ),
        case(
            "a charset that is not UTF-8",
            typed("application/json; charset=iso-8859-1", thing),
            any.clone(),
        ),
        case("UTF-7", typed("application/json; charset=utf-7", thing), any.clone()),
        case("two charsets", typed("application/json; charset=utf-8; charset=utf-7", thing), any.clone()),
        case("a byte order mark", typed("application/json", format!("\u{feff}{thing}")), any.clone()),
        case("broken UTF-8", typed("application/json", b"{\"name\":\"\xff\"}"), any.clone()),
        case("overlong UTF-8", typed("application/json", b"{\"name\":\"\xc0\xaf\"}"), any.clone()),
        case("a lone surrogate", typed("application/json", r#"{"name":"\ud800"}"#), any.clone()),
        case("a duplicate key", post_json("/things", r#"{"name":"a","name":"b"}"#), duplicates.clone()),
        case(
            "a duplicate key, escaped",
            post_json("/things", r#"{"name":"a","\u006eame":"b"}"#),
            duplicates.clone(),
        ),
        case(
            "a duplicate key in another case",
            post_json("/things", r#"{"name":"a","NAME":"b"}"#),
            duplicates.clone(),
        ),
        case(
            "a duplicate key with NUL behind",
            post_json("/things", r#"{"name":"a","name\u0000":"b"}"#),
            duplicates,
        ),
        case("a big number", post_json("/things", r#"{"name":"a","count":1e400}"#), any.clone()),
        case(
            "a number past 2^53",
            post_json("/things", r#"{"name":"a","count":9007199254740993}"#),
            any.clone(),
        ),
        case(
            "a number that wraps",
            post_json("/things", r#"{"name":"a","count":18446744073709551617}"#),
            any.clone(),
        ),
        case(
            "a number that is almost whole",
            post_json("/things", r#"{"name":"a","count":1.0000000000000000000000001}"#),
            any.clone(),
        ),
        case("a number with a leading zero", post_json("/things", r#"{"name":"a","count":01}"#), any.clone()),
        case("a hexadecimal number", post_json("/things", r#"{"name":"a","count":0x1}"#), any.clone()),
        case("NaN", post_json("/things", r#"{"name":"a","count":NaN}"#), any.clone()),
        case("a comment", post_json("/things", r#"{"name":"a"/*,"role":"admin"*/}"#), any.clone()),
        case("a comma at the end", post_json("/things", r#"{"name":"a",}"#), any.clone()),
        case("single quotes", post_json("/things", r"{'name':'a'}"), any.clone()),
        case("two documents", post_json("/things", format!("{thing}{thing}")), any.clone()),
        case("bytes behind the document", post_json("/things", format!("{thing}x")), any.clone()),
        case("NUL behind the document", post_json("/things", format!("{thing}\0")), any),
        case(
            "an enumeration in another case",
            post_json("/things", r#"{"name":"a","role":"Admin"}"#),
            invalid(),
        ),
        case(
            "an undeclared property",
            post_json("/things", r#"{"name":"a","__proto__":{"admin":true}}"#),
            invalid(),
        ),
        case("an empty body", post_json("/things", ""), Expect::OneOf(&["body_missing", "body_malformed"])),
        case(
            "no body",
            get("/things", "").splice_start("POST"),
            Expect::OneOf(&["body_missing", "media_type_unsupported"]),
        ),
        case(
            "a body where none is declared",
            send("GET", "/things", JSON, thing),
            Expect::Problem(400, "body_not_declared"),
        )
        .twin(get("/things", "")),
    ]);
    let last = all.len() - 1;
    all[..last].iter_mut().for_each(|case| case.twin.clone_from(&twin));
    all
}

trait SpliceStart {
    fn splice_start(self, method: &str) -> Self;
}

impl SpliceStart for Vec<u8> {
    fn splice_start(self, method: &str) -> Self {
        [method.as_bytes(), &self["GET".len()..]].concat()
    }
}

fn form_cases() -> Vec<Case> {
    let form =
        |body: &str| send("POST", "/form", "Content-Type: application/x-www-form-urlencoded\r\n", body);
    let any = Expect::OneOf(&["body_malformed", "body_invalid", "media_type_unsupported"]);
    [
        ("a field twice", "name=a&name=b"),
        ("a field twice, encoded", "name=a&%6eame=b"),
        ("a field in another case", "name=a&Name=b"),
        ("a field as an array", "name[]=a"),
        ("an undeclared field", "name=a&evil=1"),
        ("a field behind a semicolon", "name=a;role=admin"),
        ("broken UTF-8", "name=%ff"),
        ("a broken escape", "name=%zz"),
        ("a value of a list that is not there", "name=a&role=admin"),
        ("a value in another case", "name=a&role=USER"),
        ("a field that is JSON", r#"{"name":"a"}"#),
        ("a field with NUL in its name", "name=a&name%00=b"),
    ]
    .iter()
    .map(|(name, body)| case(name, form(body), any.clone()).twin(form("name=a&role=user")))
    .collect()
}

fn multipart_cases() -> Vec<Case> {
    let upload =
        |media: &str, body: &str| send("POST", "/upload", &format!("Content-Type: {media}\r\n"), body);
    let media = "multipart/form-data; boundary=xx";
    let part = |disposition: &str, body: &str| {
        format!("--xx\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{body}\r\n")
    };
    let note = part("name=\"note\"", "hi");
    let end = "--xx--\r\n";
    let any = Expect::OneOf(&["body_malformed", "body_invalid", "media_type_unsupported"]);
    let bodies = [
        ("a part twice", format!("{note}{note}{end}")),
        ("a part in another case", format!("{note}{}{end}", part("name=\"Note\"", "x"))),
        ("an undeclared part", format!("{note}{}{end}", part("name=\"evil\"", "x"))),
        ("a name twice in a part", format!("{}{end}", part("name=\"note\"; name=\"evil\"", "x"))),
        ("a name by RFC 5987", format!("{}{end}", part("name*=utf-8''note", "x"))),
        (
            "filename and filename*",
            format!("{note}{}{end}", part("name=\"file\"; filename=\"a.txt\"; filename*=utf-8''a.php", "x")),
        ),
        ("filename* alone", format!("{note}{}{end}", part("name=\"file\"; filename*=utf-8''a.php", "x"))),
        (
            "two filenames",
            format!("{note}{}{end}", part("name=\"file\"; filename=\"a.txt\"; filename=\"a.php\"", "x")),
        ),
        ("no name", format!("{note}{}{end}", part("filename=\"a\"", "x"))),
        ("no disposition", format!("{note}--xx\r\nContent-Type: text/plain\r\n\r\nx\r\n{end}")),
        (
            "two dispositions",
            format!(
                "--xx\r\nContent-Disposition: form-data; name=\"note\"\r\nContent-Disposition: form-data; name=\"evil\"\r\n\r\nhi\r\n{end}"
            ),
        ),
        (
            "a disposition that is an attachment",
            format!("{note}--xx\r\nContent-Disposition: attachment; name=\"file\"\r\n\r\nx\r\n{end}"),
        ),
        (
            "a coding of the transfer",
            format!(
                "--xx\r\nContent-Disposition: form-data; name=\"note\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGk=\r\n{end}"
            ),
        ),
        ("no end", note.clone()),
        ("something behind the end", format!("{note}{end}{}", part("name=\"evil\"", "x"))),
        ("something before the start", format!("evil\r\n{note}{end}")),
        ("bare LF", format!("{note}{end}").replace("\r\n", "\n")),
        (
            "a folded disposition",
            "--xx\r\nContent-Disposition: form-data;\r\n name=\"note\"\r\n\r\nhi\r\n--xx--\r\n".to_owned(),
        ),
        ("a note past its length", format!("{}{end}", part("name=\"note\"", &"x".repeat(17)))),
        ("another boundary", format!("{note}{end}").replace("xx", "yy")),
    ];
    let good = upload(media, &format!("{note}{}{end}", part("name=\"file\"; filename=\"a.txt\"", "x")));
    let mut all: Vec<Case> = bodies
        .iter()
        .map(|(name, body)| case(name, upload(media, body), any.clone()).twin(good.clone()))
        .collect();
    for media in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=xx; boundary=yy",
        "multipart/mixed; boundary=xx",
    ] {
        all.push(case(media, upload(media, &format!("{note}{end}")), any.clone()).twin(good.clone()));
    }
    all
}

#[test]
fn threat_34_json_is_read_one_way() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &json_cases());
    reaches_naive(&json_cases());
}

#[test]
fn threat_34_forms_are_read_one_way() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &form_cases());
    reaches_naive(&form_cases());
}

#[test]
fn threat_34_multipart_is_read_one_way() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    judge(&gateway, &recorder, &multipart_cases());
    reaches_naive(&multipart_cases());
}

#[test]
fn threat_34_what_was_inspected_is_what_is_sent() {
    let recorder = Recorder::start();
    let gateway = Gateway::start(&recorder);
    let spelled = "{ \"name\" : \"\\u0061\\/b\", \"count\":1.0e0 }";
    assert_eq!(gateway.call(post_json("/things", spelled)).status, 200);
    assert_eq!(recorder.last().body, spelled.as_bytes(), "not canonical: byte for byte");
    let gateway = Gateway::with(&Setup::api("validation: { canonical: true }"), &recorder.url());
    assert_eq!(gateway.call(post_json("/things", spelled)).status, 200);
    let seen = String::from_utf8(recorder.last().body).unwrap();
    let value: serde_json::Value = serde_json::from_str(&seen).unwrap();
    assert_eq!(value["name"], "a/b");
    assert!(!seen.contains('\\') && !seen.contains(' '), "canonical: {seen}");
    assert_eq!(recorder.last().head.get("content-length"), Some(seen.len().to_string().as_str()));
}

#[test]
fn a_large_upload_passes_unread_where_nothing_reads_it() {
    let recorder = Recorder::start();
    let api = "allow: [\"POST /files/*\"]\nunsecured: anonymous\nvalidation: { request: off, response: off }";
    let setup = Setup { api: api.into(), ..Setup::default() };
    let document = setup.document(&recorder.url()).replace("contract: ./openapi.yaml", "contract: none");
    let gateway = Gateway::with_document(&document);
    let body = vec![b'x'; 16 * 1024 * 1024];
    let before = gateway.resident();
    let reply = gateway.call(send("POST", "/files/a", "Content-Type: application/octet-stream\r\n", &body));
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert!(recorder.last().body == body, "the body arrived as it was sent");
    let grown = gateway.resident().saturating_sub(before);
    assert!(grown < 12 * 1024, "a body that passes is not held: {grown} KiB");
}

/// Short texts become long indexes: those count as well as the texts.
#[test]
fn threat_48_what_is_parsed_counts_too() {
    let recorder = Recorder::start();
    let setup = Setup { arguments: &["--body-memory", "120KiB"], ..Setup::default() };
    let gateway = Gateway::with(&setup, &recorder.url());
    let dense = format!(r#"{{"name":"a","tags":[{}""]}}"#, r#""","#.repeat(9_000));
    let sparse = body_of(dense.len(), "");
    let room = Expect::Problem(503, "overloaded");
    let cases = [case("many values", post_json("/things", &dense), room).twin(post_json("/things", sparse))];
    judge(&gateway, &recorder, &cases);
    reaches_naive(&cases);
    assert!(gateway.metric("yett_bound_reached_total", &[("bound", "body_memory")]) >= 1.0);
    // With room for it, it is a good call.
    let roomy = Gateway::start(&recorder);
    assert_eq!(roomy.call(post_json("/things", dense)).status, 200);
}

/// What takes long is done elsewhere, with the same outcome.
#[test]
fn long_bodies_are_judged_as_short_ones_are() {
    let recorder = Recorder::start();
    let gateway = Gateway::with(&Setup::api("bodies: { max: 1MiB, codings: [gzip] }"), &recorder.url());
    let bound = 300 * 1024;
    let (good, bad) = (body_of(bound, ""), body_of(bound, r#","evil":1"#));
    // Not so well compressed that it would be refused for that.
    let tags: Vec<String> = (0..9_000_u64).map(|at| format!("\"{:x}\"", at * 2_654_435_761)).collect();
    let tagged = |more: &str| format!(r#"{{"name":"a"{more},"tags":[{}]}}"#, tags.join(","));
    let packed = |more: &str| coded("gzip", &gzip(tagged(more).as_bytes()));
    let cases = [
        case("long", post_json("/things", &bad), invalid()).twin(post_json("/things", &good)),
        case("long when decoded", packed(r#","evil":1"#), invalid()).twin(packed("")),
        case("long and broken", post_json("/things", &good[1..]), Expect::Problem(400, "body_malformed"))
            .twin(post_json("/things", &good)),
    ];
    judge(&gateway, &recorder, &cases);
}
