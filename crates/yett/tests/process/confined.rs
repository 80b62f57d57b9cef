//! The process opens its own files and starts nothing, from the moment that it has read its document.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test that cannot go on has failed")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::common::{self, Gateway, House, call};

/// What the kernel says of the process.
fn of_status(gateway: &Gateway, name: &str) -> String {
    let status = common::text(&fs::read(format!("/proc/{}/status", gateway.id())).unwrap());
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().to_owned()
}

#[test]
fn a_confined_process_reads_in_the_folders_of_its_files() {
    let house = House::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("openapi.yaml"), common::CONTRACT).unwrap();
    let moved = |house: &House| {
        let name = elsewhere.path().join("openapi.yaml");
        house.document(4000).replace("./openapi.yaml", name.to_str().unwrap())
    };
    house.write("yett.yaml", &house.document(4000));
    let mut gateway = Gateway::start(&house);
    // Seccomp: a filter (2).
    assert_eq!((of_status(&gateway, "Seccomp"), of_status(&gateway, "NoNewPrivs")), ("2".into(), "1".into()));
    house.write("yett.yaml", &moved(&house));
    gateway.line("this process may not read it");
    gateway.line("reload failed");
    assert_eq!(call(&gateway.url, "GET", "/notes", None, None).0, 401, "the old one serves");
    house.write("yett.yaml", &house.document(4001));
    gateway.line("configuration 2 serves now");
    drop(gateway);
    // Who says where files will be, and who wants none of it.
    for arguments in [&["--allow-read", elsewhere.path().to_str().unwrap()][..], &["--unconfined"]] {
        house.write("yett.yaml", &house.document(4000));
        let mut gateway = Gateway::start_with(&house, arguments);
        let filter = if arguments.len() == 1 { "0" } else { "2" };
        assert_eq!(of_status(&gateway, "Seccomp"), filter, "{arguments:?}");
        house.write("yett.yaml", &moved(&house));
        gateway.line("configuration 2 serves now");
    }
}

#[test]
fn a_folder_that_is_written_to_and_holds_the_configuration_is_told() {
    let house = House::new();
    fs::create_dir(house.path("log")).unwrap();
    const WARNING: &str = "holds files of the configuration and is written to";
    for (log, told) in [("file:access.log", true), ("file:log/access.log", false), ("stdout", false)] {
        house.write("yett.yaml", &(house.document(4000) + &format!("record: {{ access_log: \"{log}\" }}\n")));
        let mut child = house.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = Vec::new();
        for line in BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok) {
            let is_last = line.starts_with("admin on ");
            said.push(line);
            if is_last {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(said.iter().any(|line| line.starts_with("admin on ")), "{said:?}");
        assert_eq!(said.iter().any(|line| line.contains(WARNING)), told, "{log}: {said:?}");
    }
}

#[test]
fn a_folder_that_is_not_there_cannot_be_allowed() {
    let house = House::new();
    house.write("yett.yaml", &house.document(4000));
    let said = house.bad(&["run", "--allow-read", "nowhere"]);
    assert!(said.contains("`--allow-read nowhere` is no folder"), "{said}");
}
