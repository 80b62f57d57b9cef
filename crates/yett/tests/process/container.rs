//! What an image runs (`packaging/Containerfile`), with its two folders elsewhere: the gateway starts by it, and is found well for as
//! long as it is there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot be set up has to fail loudly"
)]

use std::process::Command;

use crate::common::{Gateway, House, Service, call, text};

/// The words of an instruction, for a house in the place of the image.
fn words(instruction: &str, house: &House) -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    let file = text(&std::fs::read(root.join("Containerfile")).unwrap());
    let line = file.lines().find(|line| line.starts_with(instruction)).unwrap();
    let list = &line[line.find('[').unwrap()..];
    let words: Vec<String> = serde_json::from_str(list).unwrap();
    let place = |name: &str| house.path(name).to_str().unwrap().to_owned();
    let moved = |word: String| {
        let word = word.replace("/usr/bin/yett", env!("CARGO_BIN_EXE_yett"));
        word.replace("/etc/yett", &place("config")).replace("/var/lib/yett", &place("data"))
    };
    words.into_iter().map(moved).collect()
}

fn command(words: &[String]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir("/").env("NO_COLOR", "1");
    command
}

#[test]
fn what_an_image_runs_starts_the_gateway_and_finds_it_well() {
    let (house, service) = (House::new(), Service::start());
    std::fs::create_dir(house.path("config")).unwrap();
    house.write(
        "config/yett.yaml",
        &format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\napis:\n  notes:\n    contract: none\n    \
             allow: [\"GET /*\"]\n    unsecured: anonymous\n    upstream: http://127.0.0.1:{}\n",
            service.port
        ),
    );
    let run = [words("ENTRYPOINT", &house), words("CMD", &house)].concat();
    let check = words("HEALTHCHECK", &house);
    let is_well = || command(&check).output().unwrap().status.success();
    assert!(!is_well(), "nothing runs yet");
    let gateway = Gateway::from_command(command(&run));
    assert!(is_well());
    assert_eq!(call(&gateway.url, "GET", "/a", None, None).0, 200);
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
    assert!(!is_well(), "it has ended");
}
