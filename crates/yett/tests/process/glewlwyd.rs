//! An issuer of another make: Debian's glewlwyd, set up by its own API, with clients of its own, a user who logs in, tokens that are bound to
//! keys and certificates, and keys that change.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::mint::base64url;
use testkit::{Peer, Recorder, until, until_every};

use crate::common::{self, Gateway, House, call, text};
use crate::holders::{Provider, certificate, outcome, peers, service};

/// A running one, with its folder.
struct Glewlwyd {
    /// Ends before its folder goes.
    provider: Provider,
    _folder: TempDir,
}

/// What an answer comes to.
type Outcome = (u16, String);

fn said(status: u16, code: &str) -> Outcome {
    (status, code.to_owned())
}

fn good() -> Outcome {
    said(200, "ok")
}

fn invalid() -> Outcome {
    said(401, "token_invalid")
}

/// What curl prints.
fn curl(arguments: &[&str]) -> String {
    let mut command = Command::new("curl");
    let output = command.args(["--silent", "--show-error"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn json_of(said: &str) -> Value {
    serde_json::from_str(said).unwrap_or_else(|error| panic!("{error}: {said}"))
}

impl Glewlwyd {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.peers/venv/bin/python");
        let mut command = Command::new(python);
        command.arg(peers("glewlwyd.py")).arg(folder.path());
        let peer = Peer::start(command.stdin(Stdio::piped()));
        Self { provider: Provider::of(peer), _folder: folder }
    }

    fn text(&self, name: &str) -> &str {
        self.provider.text(name)
    }

    fn secret(&self, client: &str) -> &str {
        self.provider.secret(client)
    }

    /// Where one of its issuers is.
    fn issuer(&self, name: &str) -> &str {
        self.provider.about["issuers"][name].as_str().unwrap()
    }

    /// Something that the operator does, or somebody with a browser.
    fn control(&self, action: &str, what: &Value) -> Value {
        let url = format!("{}{action}", self.text("control"));
        let answer = json_of(&curl(&["--data", &what.to_string(), &url]));
        assert!(answer.get("error").is_none(), "{action} {what}: {answer}");
        answer
    }

    /// What an issuer grants to a client by the client credentials grant.
    fn grant(&self, issuer: &str, who: &[&str], scope: &str, resource: &str) -> String {
        let (scope, resource) = (format!("scope={scope}"), format!("resource={resource}"));
        let mut arguments =
            vec!["--data", "grant_type=client_credentials", "--data-urlencode", scope.as_str()];
        if resource != "resource=" {
            arguments.extend(["--data-urlencode", resource.as_str()]);
        }
        arguments.extend(who);
        let url = format!("{}/token", self.issuer(issuer));
        let answer = json_of(&curl(&[&arguments[..], &[url.as_str()][..]].concat()));
        answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
    }

    /// A token for a service; without one it is for the scope.
    fn token_for(&self, issuer: &str, client: &str, scope: &str, resource: &str) -> String {
        let who = format!("{client}:{}", self.secret(client));
        self.grant(issuer, &["--user", &who], scope, resource)
    }

    /// Of `reader`, for the service.
    fn token(&self, issuer: &str) -> String {
        self.token_for(issuer, "reader", "orders:read", self.text("audience"))
    }

    /// A token that it would not give, signed with its key.
    fn minted(&self, claims: &Value, header: &Value) -> String {
        let answer = self.control("/mint", &json!({ "claims": claims, "header": header }));
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// What the application `app` gets when alice logs in.
    fn user(&self) -> [String; 3] {
        let answer = self.control("/user", &json!({}));
        ["access_token", "id_token", "refresh_token"].map(|name| answer[name].as_str().unwrap().to_owned())
    }

    /// An issuer of the document. The application's name is an audience as well: with what is for the application itself nothing but its
    /// kind is wrong.
    fn written(&self, name: &str, settings: &str) -> String {
        let (url, audience) = (self.issuer(name), self.text("audience"));
        format!("  {name}: {{ url: \"{url}\", audience: [\"{audience}\", app]{settings} }}\n")
    }

    /// The setting by which its issuer `es256` is asked about tokens, as one of its clients.
    fn asked(&self, client: &str, secret: &str, more: &str) -> String {
        let url = self.text("introspection_endpoint");
        format!(
            ", introspection: {{ url: \"{url}\", client_id: {client}, client_secret: \"file:{secret}\", \
             max_age: 1s, deadline: 10s{more} }}"
        )
    }
}

/// A house with the contract of these tests.
fn house() -> House {
    let house = House::new();
    house.write(
        "openapi.yaml",
        &common::CONTRACT.replace("notes:read", "orders:read").replace("notes:write", "orders:write"),
    );
    house
}

fn document(service: &Recorder, issuers: &str, api: &str) -> String {
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\n\
         record: {{ access_log: \"file:access.log\" }}\nissuers:\n{issuers}\
         apis:\n  notes:\n    contract: ./openapi.yaml\n    upstream: {}\n{api}",
        service.url()
    )
}

/// A gateway before the service, with these issuers.
fn gateway(house: &House, service: &Recorder, issuers: &str, api: &str) -> Gateway {
    house.write("yett.yaml", &document(service, issuers, api));
    Gateway::start(house)
}

fn came_to((status, answer): (u16, String)) -> Outcome {
    let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("ok");
    if status == 401 {
        let head = answer.to_ascii_lowercase();
        assert!(
            head.contains("\nwww-authenticate: ") && head.contains("error=\"invalid_token\""),
            "{answer}"
        );
    }
    (status, code.to_owned())
}

fn get(gateway: &Gateway, token: &str) -> Outcome {
    came_to(call(&gateway.url, "GET", "/notes", Some(token), None))
}

const ONE: &str = "    authentication: { oauth: { issuers: [es256] } }\n";
const BOTH: &str = "    authentication: { oauth: { issuers: [es256, rs256] } }\n";

#[test]
fn another_provider_works_by_discovery_alone_for_clients_and_for_users() {
    let (house, service, provider) = (house(), service(), Glewlwyd::start());
    let issuers = provider.written("es256", ", typ: rfc9068") + &provider.written("rs256", "");
    let gateway = gateway(&house, &service, &issuers, BOTH);
    for issuer in ["es256", "rs256"] {
        assert_eq!(get(&gateway, &provider.token(issuer)), good(), "{issuer}");
    }
    let [access, _, _] = provider.user();
    assert_eq!(get(&gateway, &access), good(), "of a user");
    assert_eq!(service.count(), 3);
    // What a client may do is what its provider says.
    let clerk = provider.token_for("rs256", "clerk", "orders:read orders:write", provider.text("audience"));
    let reader = provider.token("rs256");
    let write =
        |token: &str| came_to(call(&gateway.url, "POST", "/notes", Some(token), Some("{\"text\":\"a\"}")));
    assert_eq!(write(&reader), said(403, "insufficient_scope"));
    assert_eq!(service.count(), 3);
    assert_eq!(write(&clerk), good());
    assert_eq!(service.count(), 4);
}

/// The parts of a token.
fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().unwrap()
}

/// With one character of the signature changed, in the middle, where each bit counts.
fn altered(token: &str) -> String {
    let [header, claims, signature] = parts(token);
    let other = if signature[20..].starts_with('A') { "B" } else { "A" };
    format!("{header}.{claims}.{}{other}{}", &signature[..20], &signature[21..])
}

/// What is wrong with it, and the token. All come from the provider, or are signed with its key, unless they say otherwise.
fn bad_tokens(provider: &Glewlwyd) -> Vec<(&'static str, String)> {
    let token = provider.token("es256");
    let other = provider.token_for("es256", "clerk", "orders:read", provider.text("audience"));
    let ([header, claims, signature], [_, others, _]) = (parts(&token), parts(&other));
    let unsigned = base64url(b"{\"alg\":\"none\",\"typ\":\"at+jwt\"}");
    let [_, id_token, refresh_token] = provider.user();
    let mint = |claims: Value| provider.minted(&claims, &json!({}));
    let head = |header: Value| provider.minted(&json!({}), &header);
    let elsewhere = provider.text("elsewhere");
    let later = now() + 600;
    vec![
        ("for another service", provider.token_for("es256", "reader", "orders:read", elsewhere)),
        ("for no service", provider.token_for("es256", "reader", "orders:read", "")),
        ("an ID token", id_token),
        ("a refresh token", refresh_token),
        ("of an issuer of the same server that is none of ours", provider.token("brief")),
        ("with another signature", altered(&token)),
        ("with the claims of another", format!("{header}.{others}.{signature}")),
        ("without a signature", format!("{header}.{claims}.")),
        ("with no algorithm", format!("{unsigned}.{claims}.")),
        ("in the name of the other issuer", mint(json!({ "iss": provider.issuer("rs256") }))),
        (
            "in the name of the server",
            mint(json!({ "iss": provider.issuer("es256").replace("/api/es256", "") })),
        ),
        (
            "in the issuer's name with a slash",
            mint(json!({ "iss": format!("{}/", provider.issuer("es256")) })),
        ),
        ("with the key of the other issuer", head(json!({ "kid": "rs256-1" }))),
        ("with an unknown key", head(json!({ "kid": "es256-7" }))),
        ("for the service in another spelling", mint(json!({ "aud": "HTTPS://orders.example.com" }))),
        ("not yet valid", mint(json!({ "nbf": later }))),
        ("issued later", mint(json!({ "iat": later }))),
        ("of nobody", mint(json!({ "sub": Value::Null }))),
        ("without an end", mint(json!({ "exp": Value::Null }))),
        ("an ID token by its name", head(json!({ "typ": "JWT" }))),
        ("a logout token by its name", head(json!({ "typ": "logout+jwt" }))),
        ("a proof by its name", head(json!({ "typ": "dpop+jwt" }))),
        ("an introspection answer by its name", head(json!({ "typ": "token-introspection+jwt" }))),
    ]
}

/// The second that it is.
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[test]
fn what_another_provider_did_not_mean_for_the_service_is_refused() {
    let (house, service, provider) = (house(), service(), Glewlwyd::start());
    let issuers = provider.written("es256", ", typ: rfc9068") + &provider.written("rs256", "");
    let gateway = gateway(&house, &service, &issuers, BOTH);
    let mut passed = 0;
    for (what, token) in bad_tokens(&provider) {
        assert_eq!(get(&gateway, &token), invalid(), "{what}");
        // Another token that is as good as this one is bad.
        assert_eq!(get(&gateway, &provider.minted(&json!({}), &json!({}))), good(), "twin of {what}");
        passed += 1;
        assert_eq!(service.count(), passed, "{what}");
    }
    assert_eq!(passed, 23);
    let over = json!({ "iat": now() - 700, "nbf": now() - 700, "exp": now() - 100 });
    assert_eq!(get(&gateway, &provider.minted(&over, &json!({}))), said(401, "token_expired"));
    // It is the kind by its name that the setting is about: without it an access token may be called a JWT, and an ID token still not be one.
    drop(gateway);
    let gateway = self::gateway(&house, &service, &provider.written("es256", ""), ONE);
    assert_eq!(get(&gateway, &provider.minted(&json!({}), &json!({ "typ": "JWT" }))), good());
    let [_, id_token, _] = provider.user();
    assert_eq!(get(&gateway, &id_token), invalid(), "an ID token");
    assert_eq!(get(&gateway, &provider.token("rs256")), invalid(), "of an issuer that is not named");
    assert_eq!(service.count(), passed + 1);
}

#[test]
fn a_token_of_another_provider_ends_when_it_said() {
    let (house, service, provider) = (house(), service(), Glewlwyd::start());
    let api = "    authentication: { oauth: { issuers: [brief] } }\n";
    let gateway = gateway(&house, &service, &provider.written("brief", ", leeway: 0s"), api);
    // A slow machine may be too late for one: then for another.
    let token = until(30, || {
        let token = provider.token("brief");
        (get(&gateway, &token) == good()).then_some(token)
    });
    let token = token.expect("a token of three seconds is good for a call");
    let pause = Duration::from_millis(100);
    let over = until_every(pause, 30, || (get(&gateway, &token) == said(401, "token_expired")).then_some(()));
    assert!(over.is_some(), "it is over and still good");
    let before = service.count();
    assert_eq!(get(&gateway, &token), said(401, "token_expired"), "and stays so");
    assert_eq!(service.count(), before);
}

#[test]
fn another_provider_may_change_its_keys_and_take_them_back() {
    let (house, service, provider) = (house(), service(), Glewlwyd::start());
    let gateway = gateway(&house, &service, &provider.written("es256", ""), ONE);
    let first = provider.token("es256");
    assert_eq!(get(&gateway, &first), good());
    // The first look at a token of a new key fetches it, and waits for that.
    let pause = Duration::from_millis(250);
    let taken = |token: &str| until_every(pause, 30, || (get(&gateway, token) == good()).then_some(()));
    provider.control("/rotate", &json!({ "keep": true }));
    let second = provider.token("es256");
    assert!(taken(&second).is_some(), "{:?}", get(&gateway, &second));
    assert_eq!(get(&gateway, &first), good(), "its key is still published");
    provider.control("/rotate", &json!({ "keep": false }));
    let third = provider.token("es256");
    assert!(taken(&third).is_some(), "{:?}", get(&gateway, &third));
    let before = service.count();
    for old in [&first, &second] {
        assert_eq!(get(&gateway, old), invalid(), "its key was taken back");
    }
    assert_eq!(service.count(), before);
    assert_eq!(get(&gateway, &third), good());
}

#[test]
fn another_provider_tells_which_tokens_are_good_and_which_it_took_back() {
    let (house, service, provider) = (house(), service(), Glewlwyd::start());
    for client in ["app", "reader"] {
        house.write(&format!("{client}.secret"), provider.secret(client));
    }
    house.write("wrong.secret", "wrong");
    let settings = |asked: &str| provider.written("es256", asked);
    let all = ", tokens: all";
    let gateway = gateway(&house, &service, &settings(&provider.asked("app", "app.secret", all)), ONE);
    let ([access, id_token, refresh_token], [other, _, _]) = (provider.user(), provider.user());
    for _ in 0..3 {
        assert_eq!(get(&gateway, &access), good());
    }
    assert_eq!(service.count(), 3);
    // It tells a client about its own tokens, and of others' that they are not active.
    let readers = provider.token("es256");
    for (what, token) in [
        ("an ID token", id_token),
        ("a refresh token", refresh_token),
        ("another client's", readers.clone()),
        ("with another signature", altered(&access)),
        ("nobody's", String::from("none-of-its-tokens")),
    ] {
        assert_eq!(get(&gateway, &token), invalid(), "{what}");
    }
    assert_eq!(service.count(), 3);
    // Taken back there (RFC 7009), it is over here within `max_age`, and no other is.
    let (who, form) = (format!("app:{}", provider.secret("app")), format!("token={access}"));
    curl(&["--fail", "--user", &who, "--data", &form, provider.text("revocation_endpoint")]);
    let pause = Duration::from_millis(100);
    let over = until_every(pause, 20, || (get(&gateway, &access) == invalid()).then_some(()));
    assert!(over.is_some(), "a token that was taken back is good for `max_age` at most");
    assert_eq!(get(&gateway, &other), good(), "another of the same user and client");
    drop(gateway);
    let before = service.count();
    // Whoever the token was given to is told.
    let as_reader = provider.asked("reader", "reader.secret", all);
    let gateway = self::gateway(&house, &service, &settings(&as_reader), ONE);
    assert_eq!(get(&gateway, &readers), good(), "as the client whose token it is");
    assert_eq!(service.count(), before + 1);
    drop(gateway);
    let unavailable = said(503, "issuer_unavailable");
    let as_nobody = provider.asked("reader", "wrong.secret", all);
    let gateway = self::gateway(&house, &service, &settings(&as_nobody), ONE);
    assert_eq!(get(&gateway, &readers), unavailable, "with a wrong secret");
    drop(gateway);
    // Its signed answers are for whom the token is for, as a draft of RFC 9701 had it, and not for who asks.
    let signed = provider.asked("app", "app.secret", ", tokens: all, signed: true");
    let gateway = self::gateway(&house, &service, &settings(&signed), ONE);
    let told = until_every(Duration::from_millis(300), 20, || {
        assert_eq!(get(&gateway, &other), unavailable, "a signed answer");
        house.read("access.log").contains("its signed answer is for another client").then_some(())
    });
    assert!(told.is_some(), "{}", house.read("access.log"));
    assert_eq!(service.count(), before + 1);
}

#[test]
fn a_token_that_another_provider_bound_to_a_key_is_good_with_its_proofs_only() {
    let (house, service, provider) = (house(), service(), Glewlwyd::start());
    house.write("reader.secret", provider.secret("reader"));
    let api = "    authentication: { oauth: { issuers: [es256], sender_constrained: dpop } }\n";
    for asked in [String::new(), provider.asked("reader", "reader.secret", ", tokens: all")] {
        let gateway = gateway(&house, &service, &provider.written("es256", &asked), api);
        let url = format!("http://{}/notes", gateway.url);
        let before = service.count();
        let calls = json!({ "calls": [
            { "as": "holder", "url": url }, { "as": "thief", "url": url }, { "as": "bearer", "url": url },
            { "as": "holder", "url": url },
        ] });
        let client = provider.provider.client("reader", provider.text("audience"), calls);
        assert_eq!(client["token_type"], "dpop");
        let found: Vec<_> = client["calls"].as_array().unwrap().iter().map(outcome).collect();
        let refused = (401, "token_invalid");
        assert_eq!(found, [(200, "ok"), refused, refused, (200, "ok")], "{client}");
        assert_eq!(get(&gateway, &provider.token("es256")), invalid(), "bound to nothing");
        assert_eq!(service.count() - before, 2);
    }
    // The same token is good where nothing is demanded.
    let gateway = gateway(&house, &service, &provider.written("es256", ""), ONE);
    assert_eq!(get(&gateway, &provider.token("es256")), good());
}

/// A call over TLS, with one of the certificates or none.
fn over_tls(house: &House, url: &str, token: &str, name: Option<&str>) -> Outcome {
    let path = |name: &str| house.path(name).to_str().unwrap().to_owned();
    let authorization = format!("authorization: Bearer {token}");
    let ca = path("ca.pem");
    let shown = name.map(|name| (path(&format!("{name}.pem")), path(&format!("{name}.key"))));
    let mut arguments =
        vec!["--include", "--http1.1", "--cacert", ca.as_str(), "--header", authorization.as_str(), url];
    if let Some((pem, key)) = &shown {
        arguments.extend(["--cert", pem.as_str(), "--key", key.as_str()]);
    }
    let answer = curl(&arguments);
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    came_to((status.unwrap_or_else(|| panic!("no status in {answer:?}")), answer))
}

#[test]
fn a_token_that_another_provider_bound_to_a_certificate_is_good_with_that_only() {
    let (house, service, provider) = (house(), service(), Glewlwyd::start());
    for name in ["ca", "server", "own", "other"] {
        certificate(&house, name);
    }
    let api = "    authentication: { oauth: { issuers: [es256], sender_constrained: mtls } }\n";
    let listeners = "listeners:\n  plain: { bind: \"127.0.0.1:0\" }\n  secure:\n    bind: \"127.0.0.1:0\"\n    \
                     tls: { certificate: server.pem, key: \"file:server.key\", client_ca: ca.pem, client_certificate: optional }\n";
    let document = document(&service, &provider.written("es256", ""), api);
    house.write("yett.yaml", &document.replace("listen: http://127.0.0.1:0\n", listeners));
    let gateway = Gateway::start(&house);
    // Who terminates TLS before the provider says by a field which certificate the client has shown.
    let line = house.read("own.pem").lines().collect::<Vec<_>>().join(" ");
    let shown = format!("x-client-certificate: {line}");
    let who = ["--data", "client_id=machine", "--header", shown.as_str()];
    let token = provider.grant("es256", &who, "orders:read", provider.text("audience"));
    let port = gateway.secure.rsplit(':').next().unwrap();
    let url = format!("https://localhost:{port}/notes");
    assert_eq!(over_tls(&house, &url, &token, Some("own")), good());
    assert_eq!(over_tls(&house, &url, &token, Some("other")), invalid(), "a thief with a certificate");
    assert_eq!(over_tls(&house, &url, &token, None), invalid(), "and one without");
    assert_eq!(get(&gateway, &token), invalid(), "in clear text");
    let unbound = provider.token("es256");
    assert_eq!(over_tls(&house, &url, &unbound, Some("own")), invalid(), "bound to nothing");
    assert_eq!(service.count(), 1);
    assert_eq!(over_tls(&house, &url, &token, Some("own")), good());
    assert_eq!(service.count(), 2);
}
