//! What callers and receivers write into events, and where it is shown: it stays text, short, and moves nothing.

use testkit::{Alg, Mint};

use super::*;

/// A script, what moves cursors and titles of terminals, ends of lines, and what turns the direction of text or is not seen.
const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\u{1b}]0;owned\u{7}\r\nevil: 1\u{202e}\u{2066}\u{200b}\u{2028}\u{9b}\"\\";

/// The same in a path: what HTTP does not take as it is, is percent-encoded, as a service would decode it.
fn in_path(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// What people see: nothing in it moves anything.
fn is_inert(text: &str) -> bool {
    !text.contains(|char: char| char != '\n' && engine::text::is_hidden(char))
}

/// All texts of a JSON value, with where they stand.
fn texts(value: &Value, place: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((place.to_owned(), text.clone())),
        Value::Array(all) => all.iter().for_each(|one| texts(one, place, out)),
        Value::Object(all) => all.iter().for_each(|(key, one)| texts(one, &format!("{place}.{key}"), out)),
        _ => {}
    }
}

/// Sends bytes as a call, and gives its answer.
fn raw(gateway: &Gateway, request: &str) -> String {
    let mut stream = TcpStream::connect(&gateway.url).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // One that is too long is not read to its end.
    let _ = stream.write_all(request.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    common::text(&answer)
}

#[test]
fn what_callers_write_is_text_wherever_an_event_is_shown() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), "retry: { first: 10ms, most: 10ms, tries: 2 }");
    let alert = "  alerts:\n    guessing: { by: [principal, application], rate: 1/min, sinks: [soc] }\n";
    // An issuer that lets people call themselves as they like.
    let mint = Mint::new(Alg::Es256, "k1");
    house.write("keys.json", &format!("{{\"keys\":[{}]}}", mint.jwk()));
    let issuers = "issuers: { idp: { url: \"https://idp.example\", jwks: \"file:keys.json\" } }\nlisten:";
    let document = house.read("yett.yaml").replacen("listen:", issuers, 1);
    let document = document.replace("issuer: local", "issuer: idp\n    audience: notes");
    house.write("yett.yaml", &format!("{document}{alert}"));
    let gateway = Gateway::start(&house);
    // What a token may hold of it: all but what is a control character.
    let name: String = HOSTILE.chars().filter(|char| !char.is_control()).collect();
    let name = format!("{name}{}", "\u{202e}W".repeat(200));
    let claims = json!({
        "iss": "https://idp.example", "sub": name, "aud": "notes", "exp": 4_102_444_800_u64, "client_id": name,
        "scope": "notes:read"
    });
    let token = mint.token(&claims.to_string());
    let path = in_path(HOSTILE);
    // What HTTP takes of it in a field.
    let agent: String = HOSTILE.chars().filter(|char| matches!(char, ' '..='~')).collect();
    let request = |target: &str, credential: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n{credential}user-agent: {agent}\r\n\r\n"
        )
    };
    let bearer = format!("authorization: Bearer {token}\r\n");
    for (target, credential) in [
        (format!("/{path}"), String::new()),
        (format!("/notes?x={path}"), bearer.clone()),
        ("/notes".into(), bearer),
        ("/notes".into(), format!("authorization: Bearer {}\r\n", "e".repeat(9_000))),
        (format!("/{}", "n".repeat(7_000)), String::new()),
    ] {
        let answer = raw(&gateway, &request(&target, &credential));
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    raw(&gateway, &request(&format!("/{}", "n".repeat(1 << 20)), ""));
    // Calls of which there is a record, and the alert of whom they come from.
    let all = until(60, || {
        let all = receiver.taken();
        let told = |kind: &str| all.iter().any(|one| one.event["type"].as_str().unwrap().starts_with(kind));
        let of_alice = |one: &&Taken| one.event["data"]["subject"].to_string().contains("script");
        (told("yett.alert") && all.iter().filter(of_alice).count() >= 2).then_some(all)
    });
    let all = all.unwrap_or_else(|| panic!("{:#?}", receiver.taken()));
    let mut hostile = 0;
    for call in receiver.recorder.calls() {
        assert!(call.body.len() < 64 << 10, "an event is bounded: {}", call.body.len());
        assert!(is_inert(&common::text(&call.raw).replace('\r', "")), "{}", common::text(&call.raw));
    }
    for one in &all {
        let mut found = Vec::new();
        texts(&one.event, "", &mut found);
        for (place, text) in &found {
            assert!(text.len() < 8 << 10, "{place}: {} bytes", text.len());
            hostile += usize::from(text.contains("<script>"));
        }
        for of_ours in ["type", "source", "severity", "time", "id"] {
            assert!(is_inert(one.event[of_ours].as_str().unwrap()), "{of_ours}");
        }
        assert_eq!(one.event["data"]["evil"], Value::Null);
    }
    assert!(hostile >= 3, "texts came as texts: {all:#?}");
    // The same on the terminal of who looks at what was given up.
    receiver.answers(Answer::json(500, HOSTILE).header("x", "\u{202e}"));
    raw(&gateway, &request("/notes", &format!("authorization: Bearer {token}\r\n")));
    raw(&gateway, &request(&format!("/{path}"), ""));
    assert!(
        until(60, || (gateway.metric("yett_events_dead_letters", "soc") >= 2.0).then_some(())).is_some(),
        "{}",
        ready(&gateway)
    );
    for arguments in [
        &["notify", "dead", "list"][..],
        &["notify", "dead", "list", "--json"],
        &["notify", "status"],
        &["notify", "status", "--json"],
        &["events"],
    ] {
        let told = house.good(arguments);
        assert!(is_inert(&told), "{arguments:?}: {told:?}");
    }
    // And the log, and what the process says of itself.
    assert!(is_inert(&house.read("access.log")));
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
}

#[test]
fn what_receivers_write_is_text_wherever_a_failure_is_shown() {
    let service = Service::start();
    let answer =
        Answer::json(429, HOSTILE).header("retry-after", "\u{1b}[2J").header("location", HOSTILE.trim());
    let garbage = answer.fault(Fault::Garbage(format!("HTTP/1.1 {HOSTILE}\r\n\r\n").into_bytes()));
    let recorder = Recorder::scripted(move |_| garbage.clone());
    let house = house(&service, &format!("{}/hook", recorder.url()), SOON);
    let mut gateway = Gateway::start(&house);
    let id = refused(&gateway, "/x");
    assert!(recorder.wait_for(2), "{id} is tried again");
    let said = gateway.line("takes no events");
    assert!(is_inert(&said), "{said:?}");
    let why = ready(&gateway)["notices"]["sinks"]["soc"]["last_error"].as_str().unwrap().to_owned();
    assert!(is_inert(&why) && why.len() < 512, "{why:?}");
    let status = house.good(&["notify", "status"]);
    assert!(is_inert(&status) && status.contains("failing"), "{status:?}");
}
