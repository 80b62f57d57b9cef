//! Row 49: what would be open to everybody by accident has to be accepted by name before anything is served.

use std::process::Command;

use testkit::raw::exchange;
use testkit::{Naive, Recorder};

use crate::harness::*;

/// What a command says of a document, and whether it is content with it.
fn say(command: &str, document: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("yett.yaml"), document).unwrap();
    std::fs::write(folder.path().join("openapi.yaml"), CONTRACT).unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_yett")).arg(command).current_dir(folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

/// The usual document, bound to an address, with these dangers accepted.
fn bound(to: &str, accept: &str) -> String {
    let setup = Setup { top: format!("accept: [{accept}]\n"), ..Setup::default() };
    setup
        .document("http://127.0.0.1:1")
        .replace("listen: http://127.0.0.1:0", &format!("listen: http://{to}"))
}

#[test]
fn threat_49_cleartext_and_the_local_issuer_are_not_public_by_accident() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "[2001:db8::1]:0"] {
        let both = bound(address, "");
        for command in ["check", "run"] {
            let (content, said) = say(command, &both);
            assert!(!content, "{address}: `yett {command}` goes on");
            for code in ["error[cleartext]", "error[local-issuer]"] {
                assert!(said.contains(code), "{address}: `yett {command}` does not say {code}\n{said}");
            }
        }
        // One that is accepted is not the other.
        for (accepted, left) in [("cleartext", "error[local-issuer]"), ("local_issuer", "error[cleartext]")] {
            let (content, said) = say("check", &bound(address, accepted));
            let count = said.lines().filter(|line| line.starts_with("error[")).count();
            assert!(!content && said.contains(left) && count == 1, "{address}, {accepted}:\n{said}");
        }
        let (content, said) = say("check", &bound(address, "cleartext, local_issuer"));
        assert!(content, "{address}: both are accepted\n{said}");
    }
}

#[test]
fn threat_49_what_only_this_machine_reaches_needs_no_acceptance() {
    for address in ["127.0.0.1:0", "127.9.9.9:0", "[::1]:0"] {
        let (content, said) = say("check", &bound(address, ""));
        assert!(content && !said.contains("error["), "{address}\n{said}");
        // What was accepted and is not there is told, so that it goes before it matters.
        let (_, said) = say("check", &bound(address, "cleartext"));
        assert!(said.contains("warning[unused-accept]"), "{address}\n{said}");
    }
    let recorder = Recorder::start();
    assert_eq!(Gateway::start(&recorder).call(get("/things", "")).status, 200);
}

#[test]
fn threat_49_a_naive_proxy_serves_everybody_in_clear_text() {
    let recorder = Recorder::start();
    let naive = Naive::bind("0.0.0.0:0", recorder.address());
    assert!(naive.address().ip().is_unspecified());
    let address = ([127, 0, 0, 1], naive.address().port()).into();
    let reply = exchange(address, get("/secret", "Authorization: Bearer anything\r\n")).unwrap();
    assert_eq!((reply.status, recorder.count()), (200, 1));
}
