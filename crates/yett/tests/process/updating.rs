//! Rules that arrive as a signed bundle: in shadow, with what they would decide otherwise; put in force; taken back. What is forged, cut off,
//! old or out of date changes nothing. Real calls through a real gateway.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]
#![allow(clippy::too_many_lines, reason = "a story from beginning to end")]

use crate::common::{Gateway, House, Service, call, mode, text};
use serde_json::Value;
use testkit::until;

/// What every version refuses, and the word that one adds.
fn rules(word: &str) -> String {
    format!(
        "SecRule ARGS \"@contains evil\" \"id:1,phase:2,deny,log\"\nSecRule ARGS \"@pmFromFile words.data\" \"id:2,phase:2,deny,log\"\n# {word}\n"
    )
}

/// A house with a key, and bundles 41 and 42, of which the latter refuses a word more.
fn house(service: &Service) -> House {
    let house = House::new();
    let public = house.good(&["update", "key", "publisher.pem"]);
    assert_eq!(mode(&house.path("publisher.pem")), 0o600);
    house.write("updates.pub", &format!("# the publisher\n{public}"));
    for (number, word) in [("41", "bad"), ("42", "worse")] {
        std::fs::create_dir_all(house.path(&format!("set-{number}/rules"))).unwrap();
        house.write(&format!("set-{number}/rules/a.conf"), &rules(word));
        house.write(&format!("set-{number}/rules/words.data"), &format!("{word}\n"));
        sign(&house, number, &format!("{number}.bundle"), "publisher.pem");
    }
    house.write(
        "yett.yaml",
        &format!(
            "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: \"127.0.0.1:0\" }}\napis:\n  notes:\n    contract: none\n    \
             allow: [\"GET /notes\"]\n    unsecured: anonymous\n    upstream: http://127.0.0.1:{}\n    inspection:\n      rules: builtin # for now\n",
            service.port
        ),
    );
    house
}

fn sign(house: &House, number: &str, out: &str, key: &str) {
    let folder = format!("set-{number}");
    house.good(&["update", "sign", &folder, "--set", "own", "--number", number, "--key", key, "--out", out]);
}

fn get(gateway: &Gateway, word: &str) -> u16 {
    call(&gateway.url, "GET", &format!("/notes?q={word}"), None, None).0
}

fn becomes(gateway: &Gateway, word: &str, status: u16) {
    until(30, || (get(gateway, word) == status).then_some(()))
        .unwrap_or_else(|| panic!("{word}: not {status}"));
}

const ENFORCE: [&str; 7] = ["promote", "inspection.next", "--yes", "--min-calls", "2", "--max-harm", "100%"];

#[test]
fn a_bundle_comes_in_shadow_is_put_in_force_and_goes_back() {
    let service = Service::start();
    let house = house(&service);
    let gateway = Gateway::start(&house);
    assert_eq!((get(&gateway, "bad"), get(&gateway, "good")), (200, 200));
    let first = house.read("yett.yaml");

    // Told before anything is written.
    let request = |word: &str| format!("GET /notes?q={word} HTTP/1.1\r\nHost: x\r\n\r\n");
    house.write("recorded.http", &["good", "bad", "evil"].map(request).concat());
    let told = house.good(&["update", "41.bundle", "--dry-run", "--recorded", "recorded.http"]);
    assert!(
        told.contains("recorded.http#2: refused from then on, by inspection with payload_refused: "),
        "{told}"
    );
    assert!(told.contains("2 of 3 recorded requests would be decided otherwise"), "{told}");
    assert!(told.contains("+      next: file:updates/own/41\n"), "{told}");
    assert!(!house.path("updates").exists() && house.read("yett.yaml") == first);
    assert!(house.bad(&["update", "41.bundle"]).contains("Nobody is there to be asked"));
    assert!(!house.path("updates/own/41").exists() && house.read("yett.yaml") == first);

    // In shadow, beside the detectors of our own.
    house.good(&["update", "41.bundle", "--yes"]);
    assert!(house.path("updates/own/41/rules/words.data").exists());
    let counted = until(30, || {
        assert_eq!(get(&gateway, "bad"), 200);
        let said = house.good(&["shadow", "--format", "json", "--control", "inspection.next"]);
        let said: Value = serde_json::from_str(&said).unwrap();
        let refused = said["refused"].as_array().unwrap().iter().map(|row| row["calls"].as_u64().unwrap());
        (refused.sum::<u64>() >= 2).then_some(said)
    });
    let said = counted.expect("what it would have refused is counted");
    assert_eq!(said["refused"][0]["code"], "payload_refused");
    let id = said["refused"][0]["examples"][0].as_str().unwrap();
    assert!(house.good(&["explain", id]).contains("rules 2"), "the decision says which rule");
    let none = house.bad(&["promote"]);
    assert!(none.contains("`inspection.next`"), "{none}");
    // What it would harm speaks against it.
    let harm = house.bad(&[&ENFORCE[..5], &["--max-harm", "0.1%"]].concat());
    assert!(harm.contains("declined"), "{harm}");
    house.good(&ENFORCE);
    becomes(&gateway, "bad", 403);
    assert_eq!(get(&gateway, "good"), 200);

    // The next version, in its place and back by one command each.
    house.good(&["update", "42.bundle", "--yes"]);
    let both = house.read("yett.yaml");
    assert!(both.contains("rules: file:updates/own/41 # for now"), "{both}");
    assert!(both.contains("next: file:updates/own/42"), "{both}");
    until(30, || {
        assert_eq!((get(&gateway, "worse"), get(&gateway, "bad")), (200, 403));
        house.yett(&ENFORCE).status.success().then_some(())
    })
    .expect("it is counted anew, and put in force");
    becomes(&gateway, "worse", 403);
    assert_eq!(get(&gateway, "bad"), 200, "the word is not in the new version");
    let old = house.bad(&["update", "41.bundle", "--yes"]);
    assert!(old.contains("older than 42"), "{old}");
    house.good(&["update", "rollback", "--yes"]);
    becomes(&gateway, "worse", 200);
    assert_eq!(get(&gateway, "bad"), 403);
    assert!(house.bad(&["update", "rollback", "--yes"]).contains("nothing"));
}

/// Whatever arrives, the last good one serves.
#[test]
fn threat_40_a_bundle_that_is_forged_cut_off_old_or_out_of_date_changes_nothing() {
    let service = Service::start();
    let house = house(&service);
    house.good(&["update", "42.bundle", "--yes"]);
    let text_before = house.read("yett.yaml").replace("builtin # for now", "file:updates/own/42");
    house.write("yett.yaml", &text_before.replace("      next: file:updates/own/42\n", ""));
    let before = house.read("yett.yaml");
    let gateway = Gateway::start(&house);
    assert_eq!((get(&gateway, "worse"), get(&gateway, "good")), (403, 200));

    let whole = house.read("42.bundle");
    house.write("cut.bundle", &whole[..whole.len() / 2]);
    house.good(&["update", "key", "stranger.pem"]);
    std::fs::create_dir_all(house.path("set-43/rules")).unwrap();
    house.write("set-43/rules/a.conf", "# lets all pass\nSecRuleEngine Off\n");
    sign(&house, "43", "forged.bundle", "stranger.pem");
    // The publisher's signature on other content.
    let signature =
        |text: &str| text.split("\"sig\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let forged = house.read("forged.bundle");
    house.write("stolen.bundle", &forged.replace(&signature(&forged), &signature(&whole)));
    // Of the publisher, and of the same number as one that is here.
    house.write("set-42/rules/words.data", "another\n");
    sign(&house, "42", "twice.bundle", "publisher.pem");
    // Rules that the engine does not know.
    std::fs::create_dir_all(house.path("set-44/rules")).unwrap();
    house.write("set-44/rules/a.conf", "SecRule NOTHING \"x\" \"id:1,phase:2,deny\"\n");
    sign(&house, "44", "broken.bundle", "publisher.pem");
    for (bundle, why) in [
        ("cut.bundle", "no bundle, or not a whole one"),
        ("forged.bundle", "no key that is believed has signed it"),
        ("stolen.bundle", "no key that is believed has signed it"),
        ("41.bundle", "older than 42"),
        ("twice.bundle", "two bundles have one version"),
        ("broken.bundle", "NOTHING"),
        ("gone.bundle", "cannot be read"),
    ] {
        let said = house.bad(&["update", bundle, "--yes"]);
        assert!(said.contains(why), "{bundle}: {said}");
        assert_eq!(house.read("yett.yaml"), before, "{bundle}");
        let places = std::fs::read_dir(house.path("updates/own")).unwrap().count();
        assert_eq!(places, 1, "{bundle}");
    }
    // Half of a version on the disk, by whatever hand: what was loaded goes on.
    std::fs::write(house.path("updates/own/42/rules/a.conf"), "SecRule ARGS \"@contains").unwrap();
    let said = house.bad(&["reload"]);
    assert!(said.contains("updates/own/42/rules/a.conf"), "{said}");
    assert_eq!((get(&gateway, "worse"), get(&gateway, "good")), (403, 200));
    // Nobody is believed whose key is not there.
    std::fs::remove_file(house.path("updates.pub")).unwrap();
    let said = house.yett(&["update", "42.bundle"]);
    assert!(text(&said.stderr).contains("updates.pub"), "{}", text(&said.stderr));
    assert_eq!(said.status.code(), Some(1));
}
