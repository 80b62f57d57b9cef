//! What is harmless: texts and code of the system that this runs on, and made-up names and queries.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::corpora;
use crate::sample::{Sample, hash};

/// Samples of one kind at most.
const MOST: usize = 16_000;
/// Bytes of a text at most: what a client would send as one string.
const LONGEST: usize = 8 * 1024;

pub fn all() -> Vec<Sample> {
    let mut all = corpora::harmless();
    all.extend(corpora::access_log());
    all.extend(corpora::left_out(false));
    all.extend(prose());
    all.extend(markdown());
    all.extend(code());
    all.extend(some(names()));
    all.extend(graphql());
    all
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        match path.symlink_metadata() {
            Ok(kind) if kind.is_dir() => walk(&path, found),
            Ok(kind) if kind.is_file() && kind.len() < 4 << 20 => found.push(path),
            _ => {}
        }
    }
}

fn files(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut paths = Vec::new();
    walk(Path::new(folder), &mut paths);
    paths.sort();
    let texts = paths.into_iter().filter_map(|path| {
        let name = path.to_string_lossy().into_owned();
        if !wanted(&name) {
            return None;
        }
        let bytes = std::fs::read(&path).ok()?;
        let text = if name.ends_with(".gz") {
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(bytes.as_slice()).take(4 << 20).read_to_end(&mut text).ok()?;
            text
        } else {
            bytes
        };
        Some((name, String::from_utf8(text).ok()?))
    });
    texts.collect()
}

/// The first [`MOST`] by hash, so that no folder comes first.
fn some(mut samples: Vec<Sample>) -> Vec<Sample> {
    samples.sort_by_cached_key(|sample| sample.values.first().map(|(_, value)| hash(value)));
    samples.dedup_by(|one, other| one.values == other.values);
    samples.truncate(MOST);
    samples
}

fn sample(source: &'static str, label: &str, text: &str) -> Sample {
    let mut sample = Sample::value(source, "harmless", text.as_bytes());
    label.clone_into(&mut sample.label);
    sample
}

/// Paragraphs of Debian's documentation.
fn prose() -> Vec<Sample> {
    let named = |name: &str| {
        let name = name.trim_end_matches(".gz");
        let last = name.rsplit('/').next().unwrap_or_default();
        let known =
            ["README", "NEWS", "changelog", "copyright", "TODO", "FAQ", "AUTHORS", "THANKS", "HACKING"];
        known.iter().any(|known| last.starts_with(known))
            && !last.ends_with(".html")
            && !last.ends_with(".md")
            || last.ends_with(".txt")
    };
    let mut found = Vec::new();
    for (name, text) in files("/usr/share/doc", named) {
        let paragraphs =
            text.split("\n\n").map(str::trim).filter(|text| text.len() >= 40 && text.len() <= LONGEST);
        found.extend(paragraphs.map(|text| sample("Debian documentation", &name, text)));
    }
    some(found)
}

/// Texts of one package of the registry.
pub fn registry(package: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let home = std::env::var("HOME").unwrap_or_default();
    let registry = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{home}/.cargo"));
    let package = format!("/{package}-");
    let found = files(&format!("{registry}/registry/src"), |name| name.contains(&package) && wanted(name));
    found.into_iter().map(|(_, text)| text).collect()
}

fn markdown() -> Vec<Sample> {
    let registry = std::env::var("CARGO_HOME")
        .unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap_or_default()));
    let sources = [format!("{registry}/registry/src"), String::from("/usr/share/doc")];
    let mut found = Vec::new();
    for (name, text) in sources.iter().flat_map(|folder| files(folder, |name| name.ends_with(".md"))) {
        found.extend(cut(&text, 40).map(|text| sample("Markdown", &name, text)));
    }
    some(found)
}

/// Pieces of whole lines.
fn cut(text: &str, lines: usize) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.match_indices('\n').nth(lines - 1).map_or(rest.len(), |(at, _)| at + 1);
        let (piece, left) = rest.split_at(end);
        rest = left;
        Some(piece)
    })
    .filter(|piece| piece.trim().len() >= 20 && piece.len() <= LONGEST)
}

/// Source code in Python, Perl, Rust and C.
fn code() -> Vec<Sample> {
    let registry = std::env::var("CARGO_HOME")
        .unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap_or_default()));
    let registry = format!("{registry}/registry/src");
    let mut found = Vec::new();
    let folders =
        ["/usr/lib/python3", "/usr/lib/python3.11", "/usr/share/perl", "/usr/include", registry.as_str()];
    for folder in folders {
        let wanted = |name: &str| {
            let kind = [".py", ".pm", ".pl", ".h", ".c", ".rs"].iter().any(|ending| name.ends_with(ending));
            // Code about attacks is no harmless code.
            kind && !["injection", "/detect", "seclang", "modsec"].iter().any(|word| name.contains(word))
                && hash(name.as_bytes()).is_multiple_of(8)
        };
        for (name, text) in files(folder, wanted) {
            found.extend(cut(&text, 40).map(|text| sample("source code", &name, text)));
        }
    }
    some(found)
}

const FIRST: [&str; 16] = [
    "Conan", "Siobhán", "Jean-Luc", "D'Arcy", "Zoë", "N'Golo", "Renée", "Ken", "Mary Ann", "Þór", "李",
    "Ahmed", "Nuala", "Björn", "O", "Dell'",
];
const LAST: [&str; 40] = [
    "O'Brien",
    "O'Connor",
    "D'Angelo",
    "L'Hôpital",
    "McDonald",
    "van 't Hoff",
    "d'Artagnan",
    "O'Neill-Smith",
    "Dell'Acqua",
    "N'Diaye",
    "Union",
    "Select",
    "Null",
    "Drop",
    "Or",
    "And",
    "True",
    "Table",
    "Order",
    "Case",
    "Script",
    "Cat",
    "Kill",
    "Sleep",
    "Where",
    "Having",
    "St. John",
    "Smith & Sons",
    "Johnson & Johnson",
    "AT&T",
    "Procter & Gamble",
    "Marks & Spencer",
    "Barnes & Noble",
    "Yahoo!",
    "Toys \"R\" Us",
    "C++ Ltd.",
    "A/S Norsk",
    "5 > 3 GmbH",
    "50% off; more",
    "#1 Cat | Dog",
];
const FORMS: [&str; 14] = [
    "{f} {l}",
    "{l}, {f}",
    "{f} \"Duke\" {l}",
    "c/o {f} {l}, 12 Main St.; Apt #4",
    "{l} and {l}",
    "{f} or {l}?",
    "Is it {f} {l} or Mr. {l}'s?",
    "{f}'s & {l}'s",
    "'{f} {l}'",
    "({f}) {l}",
    "{f} {l} <{f}@example.com>",
    "{f} {l} -- CEO",
    "Meet {f} {l} @ 5; bring 2-3 friends",
    "{l}: 1 or 2 = ok",
];

fn names() -> Vec<Sample> {
    let mut found = Vec::new();
    for form in FORMS {
        for first in FIRST {
            for last in LAST {
                found.push(sample(
                    "names and addresses",
                    form,
                    &form.replace("{f}", first).replace("{l}", last),
                ));
            }
        }
    }
    found
}

fn graphql() -> Vec<Sample> {
    const FIELDS: [&str; 10] = [
        "id",
        "name",
        "node(id: \"MDQ6VXNlcjE=\") { ...on User { login } }",
        "items(first: 10, after: \"Y3Vyc29y\", orderBy: {field: CREATED_AT, direction: DESC}) { edges { node { id title } } pageInfo { hasNextPage } }",
        "owner @include(if: $full) { login avatarUrl(size: 40) }",
        "search(query: \"is:open author:o'brien\", type: ISSUE) { nodes { __typename } }",
        "description(format: \"\"\"markdown; text\"\"\")",
        "price(currency: EUR, where: {amount_gt: 10, or: [{a: 1}, {b: 2}]})",
        "tags(filter: {in: [\"a\", \"b\"], not: null})",
        "union: select(from: 1, to: 2) { value }",
    ];
    const HEADS: [&str; 8] = [
        "query",
        "query Orders($id: ID!, $full: Boolean = true, $in: [String!])",
        "mutation Add($input: AddInput!)",
        "subscription OnEvent",
        "{ __schema { types { name kind } } } query Q",
        "fragment F on Order",
        "query Q($where: Filter)",
        "query @cached(ttl: 60)",
    ];
    let mut found = Vec::new();
    for head in HEADS {
        for (index, first) in FIELDS.iter().enumerate() {
            for second in FIELDS.iter().skip(index) {
                for layout in [" ", "\n  "] {
                    let text = format!("{head} {{{layout}{first}{layout}{second}{layout}alias: {first}\n}}");
                    found.push(sample("GraphQL", head, &text));
                }
            }
        }
    }
    found
}
