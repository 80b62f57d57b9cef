//! What is packaged for containers: the file that an image is made of has to ask for no right, bring no secret, and name what is
//! there. Nothing is built here.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot read the house has to fail loudly"
)]

mod common;

use common::root;

fn read(path: &str) -> String {
    String::from_utf8(std::fs::read(root().join(path)).unwrap()).unwrap()
}

/// An instruction of a Containerfile: its word, and what follows.
type Instruction = (String, String);

/// Reads one, stage by stage; what stands before the first stage is the first entry.
fn stages(text: &str) -> Vec<Vec<Instruction>> {
    let whole = text.replace("\\\n", " ");
    let lines = whole.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut stages = vec![Vec::new()];
    for line in lines {
        let (word, rest) = line.split_once(' ').unwrap();
        if word == "FROM" {
            stages.push(Vec::new());
        }
        stages.last_mut().unwrap().push((word.to_owned(), rest.trim().to_owned()));
    }
    stages
}

fn of<'i>(stage: &'i [Instruction], word: &str) -> Vec<&'i str> {
    stage.iter().filter(|(found, _)| found == word).map(|(_, rest)| rest.as_str()).collect()
}

/// A command as a list of words; what is not written so would want a shell.
fn words(form: &str) -> Vec<String> {
    serde_json::from_str(form).unwrap_or_else(|_| panic!("`{form}` wants a shell"))
}

/// What is wrong with a Containerfile.
fn faults(text: &str) -> Vec<String> {
    let stages = stages(text);
    let (last, all) = (stages.last().unwrap(), stages.concat());
    let mut faults = Vec::new();
    let mut demand = |good: bool, what: &str| {
        if !good {
            faults.push(what.to_owned());
        }
    };
    let user = of(last, "USER");
    let numbers: Vec<u32> = user.iter().flat_map(|user| user.split(':')).flat_map(str::parse).collect();
    demand(
        user.len() == 1 && numbers.len() == 2 && !numbers.contains(&0),
        "runs as somebody by name, or as root",
    );
    let at = last.iter().position(|(word, _)| word == "USER").unwrap_or(last.len());
    demand(
        last.iter().skip(at).all(|(word, _)| word != "COPY" && word != "RUN"),
        "is changed by its own user",
    );
    demand(of(&all, "ADD").is_empty(), "adds what may come from elsewhere");
    demand(of(last, "RUN").is_empty(), "runs something in the image itself");
    demand(
        of(&all, "ENV").is_empty() && of(&all, "ARG").iter().all(|arg| arg.contains("_IMAGE=")),
        "sets variables",
    );
    let told = |rest: &str| {
        let lower = rest.to_ascii_lowercase();
        ["://", "password", "secret", "token", "private", "curl", "wget"]
            .iter()
            .any(|word| lower.contains(word))
    };
    demand(!all.iter().any(|(_, rest)| told(rest)), "names a URL, a secret or a download");
    for copy in of(&stages[1], "COPY") {
        demand(copy == ". .", "copies by a list of its own, past `.dockerignore`");
    }
    for copy in of(last, "COPY") {
        demand(copy.starts_with("--from=build "), "copies from the context");
    }
    faults
}

#[test]
fn the_image_asks_for_no_right_and_brings_no_secret() {
    let text = read("packaging/Containerfile");
    assert_eq!(faults(&text), Vec::<String>::new());
    // That these would be found.
    for (from, to) in [
        ("USER 65532:65532", "USER 0:0"),
        ("USER 65532:65532", "USER yett"),
        ("USER 65532:65532\n", ""),
        ("STOPSIGNAL SIGTERM", "COPY --from=build /empty /more"),
        ("STOPSIGNAL SIGTERM", "ENV YETT_KEY=hush"),
        ("STOPSIGNAL SIGTERM", "RUN [\"true\"]"),
        ("COPY . .", "ADD https://example.com/yett.tar /source"),
        ("COPY . .", "COPY . .\nCOPY keys keys"),
        ("ARG BASE_IMAGE=", "ARG API_TOKEN=x\nARG BASE_IMAGE="),
        ("COPY --from=build --chmod=0555", "COPY --chmod=0555"),
    ] {
        assert!(text.contains(from), "{from}");
        assert!(!faults(&text.replace(from, to)).is_empty(), "{to}");
    }
}

#[test]
fn the_image_is_made_of_what_is_there() {
    let text = read("packaging/Containerfile");
    let stages = stages(&text);
    let (before, build, last) = (&stages[0], &stages[1], stages.last().unwrap());
    assert_eq!(stages.len(), 3);
    // Its images are named once, by a version, and are of the same Debian: the C library has to be no older than the one built on.
    let images = of(before, "ARG");
    let image = |name: &str| {
        images.iter().find_map(|arg| arg.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
    };
    let (rust, base) = (image("BUILD_IMAGE"), image("BASE_IMAGE"));
    assert!(rust.contains("-bookworm") && base.contains("debian12") && !text.contains(":latest"));
    assert_eq!((of(build, "FROM")[0], of(last, "FROM")[0]), ("${BUILD_IMAGE} AS build", "${BASE_IMAGE}"));
    let workspace = read("Cargo.toml");
    let version = workspace.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(rust.contains(&format!("/rust:{version}-")), "{rust} is not Rust {version}");
    // What is built is what is copied.
    let built: Vec<Vec<String>> = of(build, "RUN").into_iter().map(words).collect();
    assert_eq!(
        built[0],
        ["cargo", "build", "--profile", "dist", "--locked", "-p", "yett", "--features", "cedar"]
    );
    assert!(workspace.contains("[profile.dist]\n"));
    let copied = of(last, "COPY");
    assert!(copied[0].ends_with(" /source/target/dist/yett /usr/bin/yett"), "{copied:?}");
    assert!(built[1].contains(&String::from("/empty")) && copied[1].contains(" /empty /var/lib/yett"));
    assert_eq!(of(build, "WORKDIR"), ["/source"]);
}

#[test]
fn the_image_runs_what_the_unit_file_runs() {
    let stages = stages(&read("packaging/Containerfile"));
    let last = stages.last().unwrap();
    let run = [words(of(last, "ENTRYPOINT")[0]), words(of(last, "CMD")[0])].concat().join(" ");
    let unit = read("packaging/yett.service");
    assert!(unit.lines().any(|line| line == format!("ExecStart={run}")), "{run}");
    let data = run.split("--data ").nth(1).unwrap();
    let volumes: Vec<String> = of(last, "VOLUME").into_iter().flat_map(words).collect();
    assert_eq!(volumes, [data]);
    let check = of(last, "HEALTHCHECK")[0].split(" CMD ").nth(1).unwrap();
    assert_eq!(words(check), ["/usr/bin/yett", "status", "--data", data]);
    assert_eq!(of(last, "STOPSIGNAL"), ["SIGTERM"]);
    assert_eq!(of(last, "WORKDIR"), ["/etc/yett"]);
}

#[test]
fn the_image_is_built_from_sources_and_nothing_else() {
    let ignored = read(".dockerignore");
    let rules: Vec<&str> =
        ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(rules[0], "*", "what nobody names stays out");
    let taken: Vec<&str> = rules.iter().filter_map(|rule| rule.strip_prefix('!')).collect();
    // The members of the workspace, what locks them, and the pages that the program has in it (`crates/yett/build.rs`).
    assert_eq!(
        taken,
        ["Cargo.toml", "Cargo.lock", "crates", "benches/load", "examples/orders", "docs/errors"]
    );
    assert!(taken.iter().all(|path| root().join(path).exists()));
    let workspace = read("Cargo.toml");
    assert!(workspace.contains("members = [\"crates/*\", \"benches/load\", \"examples/orders\"]"));
    assert!(read("crates/yett/build.rs").contains("../../docs/errors"));
}
