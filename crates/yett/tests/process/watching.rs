//! Files, folders and links that are replaced while the gateway runs: each is seen without being told.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use crate::common::{self, Gateway, House, Service, call};
use testkit::until_every;

/// Waits until a configuration serves.
fn serves(gateway: &mut Gateway, number: u32) {
    gateway.line(&format!("configuration {number} serves now"));
}

/// A document whose digest differs with each number.
fn numbered(house: &House, number: u16) -> String {
    house.document(4000 + number)
}

#[test]
fn a_file_in_a_folder_that_was_not_there_is_seen() {
    let house = House::new();
    house.write("yett.yaml", &numbered(&house, 1));
    let mut gateway = Gateway::start(&house);
    house.write("yett.yaml", &numbered(&house, 1).replace("./openapi.yaml", "./late/deep/openapi.yaml"));
    gateway.line("reload failed");
    fs::create_dir(house.path("late")).unwrap();
    fs::create_dir(house.path("late/deep")).unwrap();
    house.write("late/deep/openapi.yaml", common::CONTRACT);
    serves(&mut gateway, 2);
    // It is watched from now on as any other.
    house.write("late/deep/openapi.yaml", &common::CONTRACT.replace("listNotes", "allNotes"));
    serves(&mut gateway, 3);
}

#[test]
fn what_links_lead_to_is_seen() {
    let house = House::new();
    fs::create_dir(house.path("real")).unwrap();
    house.write("real/yett.yaml", &numbered(&house, 1));
    house.write("real/api.yaml", common::CONTRACT);
    fs::remove_file(house.path("openapi.yaml")).unwrap();
    symlink("real/yett.yaml", house.path("yett.yaml")).unwrap();
    symlink(house.path("real/api.yaml"), house.path("openapi.yaml")).unwrap();
    let mut gateway = Gateway::start(&house);
    house.write("real/yett.yaml", &numbered(&house, 2));
    serves(&mut gateway, 2);
    fs::write(house.path("real/api.yaml"), common::CONTRACT.replace("listNotes", "allNotes")).unwrap();
    serves(&mut gateway, 3);
}

/// As the kubelet writes a mounted ConfigMap: a folder with the new files, then one link that is swapped.
#[test]
fn a_mounted_volume_is_swapped_at_once() {
    let house = House::new();
    let version = |name: &str, number: u16| {
        fs::create_dir_all(house.path("etc").join(name)).unwrap();
        house.write(&format!("etc/{name}/yett.yaml"), &numbered(&house, number));
        house.write(&format!("etc/{name}/openapi.yaml"), common::CONTRACT);
    };
    let swap = |name: &str| {
        symlink(name, house.path("etc/..data_tmp")).unwrap();
        fs::rename(house.path("etc/..data_tmp"), house.path("etc/..data")).unwrap();
    };
    version("..1", 1);
    swap("..1");
    for file in ["yett.yaml", "openapi.yaml"] {
        symlink(Path::new("..data").join(file), house.path("etc").join(file)).unwrap();
    }
    // The volume is mounted read-only: nothing is written beside the document.
    let mut gateway = Gateway::start_with(&house, &["--config", "etc/yett.yaml", "--data", "data"]);
    for number in 2..=4_u16 {
        version(&format!("..{number}"), number);
        swap(&format!("..{number}"));
        serves(&mut gateway, u32::from(number));
        fs::remove_dir_all(house.path("etc").join(format!("..{}", number - 1))).unwrap();
    }
}

#[test]
fn a_folder_put_in_the_place_of_another_is_seen() {
    let house = House::new();
    for (folder, number) in [("conf", 1), ("next", 2)] {
        fs::create_dir(house.path(folder)).unwrap();
        house.write(&format!("{folder}/yett.yaml"), &numbered(&house, number));
        house.write(&format!("{folder}/openapi.yaml"), common::CONTRACT);
    }
    // The new folder is none of those that the process started with.
    let arguments = ["--config", "conf/yett.yaml", "--data", "data", "--allow-read", "."];
    let mut gateway = Gateway::start_with(&house, &arguments);
    fs::rename(house.path("conf"), house.path("before")).unwrap();
    fs::rename(house.path("next"), house.path("conf")).unwrap();
    serves(&mut gateway, 2);
    house.write("conf/yett.yaml", &numbered(&house, 3));
    serves(&mut gateway, 3);
}

/// A document that is gone for a moment is a fault for that moment only.
#[test]
fn readiness_recovers_with_the_document() {
    let house = House::new();
    house.write("yett.yaml", &numbered(&house, 1));
    let mut gateway = Gateway::start(&house);
    let ready = |gateway: &Gateway| {
        let (status, page) = call(&gateway.admin, "GET", "/ready", None, None);
        let (_, body) = page.split_once("\r\n\r\n").unwrap();
        let detail: serde_json::Value = serde_json::from_str(body).unwrap();
        (status, detail["degraded"].clone(), detail["last_reload"]["outcome"].clone())
    };
    fs::rename(house.path("yett.yaml"), house.path("x")).unwrap();
    gateway.line("reload failed");
    assert_eq!(ready(&gateway), (200, true.into(), "failed".into()));
    fs::rename(house.path("x"), house.path("yett.yaml")).unwrap();
    let healthy = |gateway: &Gateway| {
        until_every(Duration::from_millis(50), 20, || (ready(gateway).1 == false).then_some(()))
    };
    assert!(healthy(&gateway).is_some(), "the document is back: {:?}", ready(&gateway));
    assert_eq!(ready(&gateway), (200, false.into(), "unchanged".into()));
    // A document that is broken, then as it was, is no different.
    let good = house.read("yett.yaml");
    house.write("yett.yaml", "version: 1\n");
    gateway.line("reload failed");
    house.write("yett.yaml", &good);
    assert!(healthy(&gateway).is_some(), "the document is good again: {:?}", ready(&gateway));
    let status = house.good(&["status"]);
    assert!(status.contains("last reload: nothing changed"), "{status}");
}

/// Networks in a file are in effect when it is written, and one that cannot be read leaves what was.
#[test]
fn a_list_of_networks_is_part_of_the_document() {
    let (house, service) = (House::new(), Service::start());
    house.write("inside.txt", "# this machine\n127.0.0.0/8\n");
    house.write(
        "yett.yaml",
        &format!("{}    networks: {{ allow: [\"file:inside.txt\"] }}\n", house.document(service.port)),
    );
    let mut gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "ada", "--scope", "notes:read"]);
    let ask = |gateway: &Gateway, inside: bool| {
        let before = service.count();
        let (status, answer) = call(&gateway.url, "GET", "/notes", Some(token.trim()), None);
        assert_eq!(status, if inside { 200 } else { 403 }, "{answer}");
        assert_eq!(answer.contains("address_refused"), !inside);
        assert_eq!(service.count() - before, usize::from(inside));
    };
    ask(&gateway, true);
    house.write("inside.txt", "10.0.0.0/8\n");
    serves(&mut gateway, 2);
    ask(&gateway, false);
    house.write("inside.txt", "127.0.0.0/8\nten\n");
    gateway.line("reload failed");
    ask(&gateway, false);
    house.write("inside.txt", "127.0.0.0/8\n");
    serves(&mut gateway, 3);
    ask(&gateway, true);
}

/// Puts a database in place of what was there; another program writes it.
fn locate(house: &House, known: &[&str]) -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut writer = std::process::Command::new(here.join(".peers/venv/bin/python"));
    writer.arg(here.join("tests/peers/located.py")).arg(house.path("country.mmdb")).args(known);
    let output = writer.output()?;
    if output.status.success() { Ok(()) } else { Err(io::Error::other(common::text(&output.stderr))) }
}

/// Countries are where a database says they are, at once when it is replaced; one that has lost a country leaves what was.
#[test]
fn a_database_of_countries_is_part_of_the_document() {
    let (house, service) = (House::new(), Service::start());
    let (here, there) = ("127.0.0.0/8", "2001:db8::/32");
    locate(&house, &[&format!("{here}=DE"), &format!("{there}=FR")]).unwrap();
    house.write(
        "yett.yaml",
        &format!(
            "{}    networks: {{ databases: [\"file:country.mmdb\"], allow: [country:DE] }}\n",
            house.document(service.port)
        ),
    );
    let mut gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "ada", "--scope", "notes:read"]);
    let ask = |gateway: &Gateway, inside: bool| {
        let before = service.count();
        let (status, answer) = call(&gateway.url, "GET", "/notes", Some(token.trim()), None);
        assert_eq!(status, if inside { 200 } else { 403 }, "{answer}");
        assert_eq!(answer.contains("address_refused"), !inside);
        assert_eq!(service.count() - before, usize::from(inside));
    };
    ask(&gateway, true);
    locate(&house, &[&format!("{here}=FR"), &format!("{there}=DE")]).unwrap();
    serves(&mut gateway, 2);
    ask(&gateway, false);
    locate(&house, &[&format!("{here}=FR")]).unwrap();
    gateway.line("reload failed");
    ask(&gateway, false);
    locate(&house, &[&format!("{here}=DE")]).unwrap();
    serves(&mut gateway, 3);
    ask(&gateway, true);
}

/// A service that lets in who shows this key; its port.
fn behind_a_key(key: &'static str) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(&stream).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let good = head.iter().any(|line| line.to_ascii_lowercase() == format!("x-api-key: {key}"));
            let status = if good { "200 OK" } else { "403 Forbidden" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    Ok(port)
}

/// A secret that is rotated by writing its file is in use without a word to the process, and is told to nobody.
#[test]
fn a_secret_in_a_file_is_part_of_the_document() {
    let house = House::new();
    let port = behind_a_key("second-key").unwrap();
    let upstream = format!(
        "upstreams: {{ main: {{ url: \"http://127.0.0.1:{port}\", headers: {{ secrets: {{ x-api-key: \"file:key.txt\" }} }} }} }}\n"
    );
    let document =
        house.document(port).replace(&format!("upstream: http://127.0.0.1:{port}"), "upstream: main");
    house.write("yett.yaml", &(document + &upstream));
    house.write("key.txt", "first-key\n");
    let mut gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "ada", "--scope", "notes:read"]);
    let status = |gateway: &Gateway| call(&gateway.url, "GET", "/notes", Some(token.trim()), None).0;
    assert_eq!(status(&gateway), 403, "the service knows another key");
    house.write("key.txt", "second-key\n");
    let said = gateway.line("configuration 2 serves now");
    assert!(!said.contains("-key"), "{said}");
    assert_eq!(status(&gateway), 200);
    // One that cannot be the value of a field leaves what was.
    house.write("key.txt", "third\nkey\n");
    let said = gateway.line("reload failed");
    assert!(!said.contains("third"), "{said}");
    assert_eq!(status(&gateway), 200);
    fs::remove_file(house.path("key.txt")).unwrap();
    gateway.line("reload failed");
    assert_eq!(status(&gateway), 200);
    house.write("key.txt", "first-key\n");
    serves(&mut gateway, 3);
    assert_eq!(status(&gateway), 403);
}
