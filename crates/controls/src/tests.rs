//! The order of controls, and that each has its place, its mode, its files and its page.

use super::*;
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_place_is_taken_once_by_a_control_there_is() {
    let mut seen = BTreeSet::new();
    for place in ORDER {
        assert!(
            seen.insert((place.control, place.stage)),
            "{} twice at {}",
            place.control,
            place.stage.name()
        );
        assert!(CONTROLS.iter().any(|entry| entry.name == place.control), "{} is no control", place.control);
        assert!(!place.reason.is_empty());
    }
    for entry in CONTROLS {
        assert!(ORDER.iter().any(|place| place.control == entry.name), "{} has no place", entry.name);
        assert!(entry.gateway.is_some() || entry.operation.is_some(), "{} is never compiled", entry.name);
    }
}

#[test]
fn order_is_a_security_property() {
    let at = |control: &str, stage: Stage| {
        ORDER.iter().position(|place| place.control == control && place.stage == stage).unwrap()
    };
    let head = |control: &str| at(control, Stage::Head);
    for (earlier, later) in [
        ("admission", "cors"),
        ("cors", "options"),
        ("admission", "hygiene"),
        ("hygiene", "networks"),
        ("networks", "cors"),
        ("cors", "authentication"),
        ("options", "authentication"),
        ("authentication", "authorization"),
        ("authorization", "policies"),
        ("policies", "limits"),
        ("limits", "validation"),
        ("validation", "inspection"),
        ("validation", "objects"),
        ("objects", "views"),
        ("views", "inspection"),
        ("inspection", "forwarding"),
        ("forwarding", "pdp"),
    ] {
        assert!(head(earlier) < head(later), "{earlier} before {later}");
    }
    assert!(at("authentication", Stage::Body) < at("message_security", Stage::Body));
    assert!(at("message_security", Stage::Body) < at("bodies", Stage::Body));
    assert!(head("message_security") < head("validation"));
    assert!(at("bodies", Stage::Body) < at("validation", Stage::Body));
    assert!(at("validation", Stage::Body) < at("content", Stage::Body));
    assert!(at("validation", Stage::Body) < at("objects", Stage::Body));
    assert!(at("objects", Stage::Body) < at("content", Stage::Body));
    assert!(at("validation", Stage::Body) < at("policies", Stage::Body));
    assert!(at("content", Stage::Body) < at("uploads", Stage::Body));
    assert!(at("uploads", Stage::Body) < at("inspection", Stage::Body));
    assert!(at("validation", Stage::ResponseBody) < at("views", Stage::ResponseBody));
    assert!(at("validation", Stage::ResponseHead) < at("views", Stage::ResponseHead));
    assert!(at("inspection", Stage::Message) < at("upstream_identity", Stage::Upstream));
    let last = |stage: Stage| ORDER.iter().rposition(|place| place.stage == stage);
    assert_eq!(last(Stage::Head), Some(head("pdp")), "what a client says of itself is gone by then");
    assert_eq!(last(Stage::ResponseBody), Some(at("message_security", Stage::ResponseBody)));
    assert!(at("inspection", Stage::Body) < at("pdp", Stage::Body));
}

/// All sources of a control but its tests.
fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all += &sources(&path);
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with("tests.rs") {
            all += &String::from_utf8(std::fs::read(&path).unwrap()).unwrap();
        }
    }
    all
}

/// Who changes the body of a call is read from the sources, so that nobody who begins to is forgotten here.
#[test]
fn threat_46_nobody_changes_a_body_behind_who_approves_of_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let changes = |control: &str| {
        let source = sources(&root.join(control));
        source.contains("call.body.replace(") || source.contains("call.body.respell(")
    };
    let at = |control: &str| {
        ORDER.iter().position(|place| place.control == control && place.stage == Stage::Body).unwrap()
    };
    let names = CONTROLS.iter().map(|entry| entry.name);
    let changing: Vec<&str> = names.filter(|&name| changes(name)).collect();
    // Validation writes what it has just approved of.
    assert_eq!(changing, ["message_security", "bodies", "validation"]);
    let last = changing.iter().map(|&name| at(name)).max().unwrap();
    for approves in ["objects", "policies", "views", "content", "uploads", "inspection", "pdp", "forwarding"]
    {
        assert!(last < at(approves), "{approves} approves of what changes behind it");
    }
}

/// Stages come in the order of a call, each once, so that the drawing is one.
#[test]
fn the_drawing_is_the_order() {
    let mut stages: Vec<Stage> = ORDER.iter().map(|place| place.stage).collect();
    stages.dedup();
    let expected = [
        Stage::Admission,
        Stage::Head,
        Stage::Body,
        Stage::Message,
        Stage::Upstream,
        Stage::ResponseHead,
        Stage::ResponseBody,
    ];
    assert_eq!(stages, expected);
    let drawing = drawing();
    let controls = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let drawn: Vec<String> =
        drawing.lines().filter(|line| line.starts_with(' ')).filter_map(controls).collect();
    let places: Vec<&str> = ORDER.iter().map(|place| place.control).collect();
    assert_eq!(drawn, places);
    assert!(ORDER.iter().all(|place| drawing.contains(place.reason)));
}

/// A rule is tried in shadow before it counts: every section has a mode. Without a section are who calls, which cannot be
/// put off, and those that refuse nothing: they answer, or write what goes upstream, so there is nothing to try.
#[test]
fn every_section_has_a_mode() {
    for entry in CONTROLS {
        match &entry.section {
            // What goes upstream is the one or the other: there is no verdict to try.
            Some(_) if entry.name == "upstream_identity" => {}
            Some(section) => {
                let schema = serde_json::Value::from((section.schema)()).to_string();
                assert!(schema.contains("\"shadow\""), "`{}` has no mode", entry.name);
            }
            None => {
                let without = ["options", "metadata", "authentication", "forwarding"];
                assert!(without.contains(&entry.name), "`{}` has no section", entry.name);
            }
        }
    }
}

#[test]
fn every_control_has_its_files_and_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for entry in CONTROLS {
        for file in ["mod.rs", "config.rs", "tests.rs", "README.md"] {
            let path = root.join("src").join(entry.name).join(file);
            assert!(path.exists(), "{} is missing", path.display());
        }
        let page = root.join("../../docs/controls").join(format!("{}.md", entry.name));
        assert!(page.exists(), "{} is missing", page.display());
    }
}
