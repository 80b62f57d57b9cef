//! The rule files, from beside the repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use seclang::{Engine, RuleFile};

/// Where the Core Rule Set is.
pub fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/crs");
    assert!(
        folder.join("rules").is_dir(),
        "the OWASP Core Rule Set 4.28 is not at `../shared/crs` beside the repository: put its `rules`, `tests` and `crs-setup.conf.example` there"
    );
    folder
}

fn read(path: &Path) -> String {
    String::from_utf8(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

/// Name and text of each file of rules, in the order they are loaded, and of each data file.
pub fn texts(overrides: &str) -> (Vec<(String, String)>, BTreeMap<String, String>) {
    let folder = folder();
    let mut files = vec![
        ("engine.conf".to_owned(), include_str!("../data/engine.conf").to_owned()),
        ("crs-setup.conf".to_owned(), read(&folder.join("crs-setup.conf.example"))),
        ("overrides.conf".to_owned(), overrides.to_owned()),
    ];
    let mut assets = BTreeMap::new();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder.join("rules")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".conf") {
            files.push((name, read(&path)));
        } else if name.ends_with(".data") {
            assets.insert(name, read(&path));
        }
    }
    (files, assets)
}

/// Compiles the rules with more settings.
pub fn engine(overrides: &str) -> Engine {
    let (files, assets) = texts(overrides);
    let files: Vec<RuleFile<'_>> = files.iter().map(|(name, text)| RuleFile { name, text }).collect();
    let (engine, found, sources) = Engine::load(&files, &assets);
    let problems: Vec<String> = found
        .iter()
        .map(|found| {
            format!("{}: {}", found.span.map(|span| sources.place(span)).unwrap_or_default(), found.message)
        })
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    engine.expect("an engine when nothing is wrong")
}

/// As the Core Rule Set's own tests run it.
pub fn tested() -> Engine {
    engine(include_str!("../data/overrides.conf"))
}

/// As it is used, at a paranoia level.
pub fn at_level(level: impl std::fmt::Display) -> Engine {
    engine(&format!(
        "SecAction \"id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level={level}\""
    ))
}
