//! The prefilter is sound: over real values, no rule is kept from a value that it matches.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::texts::Texts;

/// The Core Rule Set from beside the repository, all paranoia levels.
fn engine() -> Engine {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/crs");
    assert!(
        folder.join("rules").is_dir(),
        "the OWASP Core Rule Set 4.28 is not at `../shared/crs` beside the repository"
    );
    let read = |path: &Path| String::from_utf8(std::fs::read(path).unwrap()).unwrap();
    let mut files = vec![
        ("setup".to_owned(), read(&folder.join("crs-setup.conf.example"))),
        (
            "level".to_owned(),
            "SecAction \"id:1,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level=4\"".to_owned(),
        ),
    ];
    let mut assets = BTreeMap::new();
    let mut paths: Vec<_> =
        std::fs::read_dir(folder.join("rules")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("conf") => files.push((name, read(&path))),
            Some("data") => drop(assets.insert(name, read(&path))),
            _ => {}
        }
    }
    let files: Vec<RuleFile<'_>> = files.iter().map(|(name, text)| RuleFile { name, text }).collect();
    load(&files, &assets).0.unwrap()
}

/// Labelled values, and pieces of the Core Rule Set's own tests.
fn values() -> Vec<Vec<u8>> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let corpus = std::fs::read(shared.join("corpora/httpparams-train.csv")).unwrap_or_default();
    let mut values: Vec<Vec<u8>> =
        corpus.split(|byte| *byte == b'\n').step_by(40).map(<[u8]>::to_vec).collect();
    for folder in std::fs::read_dir(shared.join("crs/tests/regression/tests")).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap().step_by(4) {
            let text = std::fs::read(file.unwrap().path()).unwrap();
            let lines = text.split(|byte| *byte == b'\n');
            let interesting = lines.filter(|line| {
                crate::bytes::find(line, b"uri:").is_some() || crate::bytes::find(line, b"data:").is_some()
            });
            values.extend(interesting.step_by(3).map(|line| line.iter().copied().skip(16).collect()));
        }
    }
    assert!(values.len() > 1000, "{}", values.len());
    values
}

#[test]
fn no_rule_is_kept_from_a_value_that_it_matches() {
    let engine = engine();
    let mut texts = Texts::new(engine.rules.len().div_ceil(64), Keys::new());
    let (mut tests, mut matches) = (0, 0);
    for value in values() {
        let source = texts.add(&value);
        for (at, rule) in engine.rules.iter().enumerate() {
            let Some(link) = rule.links.first().filter(|link| link.gathered) else { continue };
            let Some((false, operator)) = &link.test else { continue };
            if operator.parameter().is_some_and(|parameter| parameter.constant().is_none()) {
                continue;
            }
            let text =
                link.transformations.iter().fold(source, |text, step| texts.transformed(text, *step).0);
            let parameter =
                operator.parameter().and_then(|parameter| parameter.constant()).unwrap_or_default();
            tests += 1;
            if operator.test(texts.get(text), parameter, crate::operator::Capture::No).is_none() {
                continue;
            }
            matches += 1;
            let is_allowed = link.gate.allows(texts.present(text), texts.get(text).len());
            let words = texts.candidates(text, &engine.prefilter).0;
            let is_candidate = words[at / 64] >> (at % 64) & 1 == 1;
            let shown = String::from_utf8_lossy(texts.get(text)).into_owned();
            assert!(is_allowed && is_candidate, "rule {} is kept from `{shown}`", rule.id);
        }
    }
    assert!(matches > 1000, "only {matches} matches in {tests} tests");
}

#[test]
fn transformations_are_left_out_only_where_they_change_nothing() {
    let mut texts = Texts::new(1, Keys::new());
    for value in values() {
        let source = texts.add(&value);
        for step in crate::Transformation::all() {
            let mut out = Vec::new();
            step.apply(&value, &mut out);
            let result = texts.transformed(source, step).0;
            assert_eq!(texts.get(result), out, "{}", step.name());
            let kinds = crate::transform::kinds(step.triggers());
            assert!(out == value || kinds & texts.kinds(source) != 0 || value.is_empty(), "{}", step.name());
        }
    }
}
