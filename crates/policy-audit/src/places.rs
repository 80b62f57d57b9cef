//! Where findings stand: at the operation in the contract, or at the deepest key of the document that is written on the way to what is
//! missing.

use std::collections::{BTreeMap, HashMap};

use compile::Compiled;
use diagnostics::{FileId, Sources, Span};
use spec::Node;

use crate::Finding;
use crate::rules::Home;
use crate::score::is_of_contract;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As a path from where the document was called by its own.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Where lines begin, so that a thousand places in a long contract cost one look at it.
struct Lines<'s> {
    sources: &'s Sources,
    starts: HashMap<FileId, Vec<usize>>,
}

impl Lines<'_> {
    fn place(&mut self, span: Span) -> Option<Place> {
        let source = self.sources.get(span.file)?;
        let text = &*source.text;
        let starts = self.starts.entry(span.file).or_insert_with(|| {
            let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(ends).collect()
        });
        let at = (span.start as usize).min(text.len());
        let line = starts.partition_point(|start| *start <= at);
        let start = line.checked_sub(1).and_then(|line| starts.get(line)).copied().unwrap_or_default();
        let column = String::from_utf8_lossy(text.as_bytes().get(start..at)?).chars().count() + 1;
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Some(Place { file: self.file(span.file, &source.name), line: number(line), column: number(column) })
    }

    /// A file from where the document was called: contracts are named from the document's folder.
    fn file(&self, id: FileId, name: &str) -> String {
        let plain = |path: &str| path.trim_start_matches("./").to_owned();
        let folder = self.sources.get(FileId(0)).and_then(|document| document.name.rsplit_once('/'));
        match folder.filter(|_| id != FileId(0) && !name.starts_with('/')) {
            Some((folder, _)) => plain(&format!("{folder}/{}", plain(name))),
            None => plain(name),
        }
    }
}

/// Finds the place of each.
pub(crate) fn find(findings: &mut [Finding], compiled: &Compiled, sources: &Sources) {
    let mut lines = Lines { sources, starts: HashMap::new() };
    let mut of_api: BTreeMap<&str, HashMap<&str, Option<Span>>> = BTreeMap::new();
    for api in compiled.resolved.document.apis.keys() {
        let declared =
            compiled.contract(api).map(|contract| contract.operations.as_slice()).unwrap_or_default();
        of_api.insert(api, declared.iter().map(|one| (one.id.as_str(), one.span)).collect());
    }
    for finding in findings {
        let spans = finding.api.as_deref().and_then(|api| of_api.get(api));
        let operations = finding.operations.iter().filter_map(|id| *spans?.get(id.as_str())?);
        finding.others = operations.filter_map(|span| lines.place(span)).collect();
        let in_contract = finding.others.first().filter(|_| is_of_contract(finding)).cloned();
        finding.place = in_contract.or_else(|| lines.place(in_document(finding, compiled)));
    }
}

/// The deepest key that is written of those that lead to where it is mended.
fn in_document(finding: &Finding, compiled: &Compiled) -> Span {
    let tree = &compiled.resolved.tree;
    let below: &[&str] = match finding.rule.home {
        Home::Contract => &[],
        Home::Document(below) => below,
    };
    let api = finding.api.as_deref();
    let path = api.map(|api| vec!["apis", api]).unwrap_or_default().into_iter().chain(below.iter().copied());
    let named =
        finding.what.strip_prefix('`').and_then(|text| text.split('`').next()).filter(|_| api.is_none());
    let (mut node, mut span): (&Node, Span) = (tree, tree.span);
    for key in path.chain(named) {
        let Some(entry) = node.entry(key) else { break };
        (node, span) = (&entry.value, entry.key_span);
    }
    span
}
