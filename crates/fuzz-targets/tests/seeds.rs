//! Replays `fuzz/seeds/` through the targets, so that what fuzzing once found stays fixed.
#![allow(clippy::expect_used, reason = "a missing folder is a failure")]

use std::fs;
use std::path::Path;

#[test]
fn every_seed_keeps_the_properties_of_its_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, run) in fuzz_targets::TARGETS {
        let mut replayed = 0;
        for entry in fs::read_dir(root.join(name)).expect("a folder of seeds for each target") {
            let path = entry.expect("an entry").path();
            let data = fs::read(&path).expect("a readable seed");
            println!("{}", path.display());
            run(&data);
            // Cut anywhere, a seed is hostile.
            for length in (0..data.len().min(200)).step_by(7) {
                run(data.get(..length).unwrap_or_default());
            }
            replayed += 1;
        }
        assert!(replayed >= 4, "`{name}` has too few seeds");
    }
}

#[test]
fn each_target_has_its_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/fuzz_targets");
    for (name, _) in fuzz_targets::TARGETS {
        assert!(root.join(name).with_extension("rs").is_file(), "fuzz/fuzz_targets/{name}.rs is missing");
    }
}
