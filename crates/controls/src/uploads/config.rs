//! The section `uploads`.

use std::collections::BTreeSet;
use std::sync::Arc;

use diagnostics::{Diagnostic, Diagnostics, Severity};
use engine::Control;
use probe::archive::Limits;
use probe::{Kind, kind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spec::{Duration, Mode, Node, Size, Spanned};

use super::checks::ACTIVE;
use super::{Rules, Scan, Scanner, Speaks, Uploads};
use crate::scope::{Compiled, HeldTo, OperationKind, OperationScope, mode};

/// What becomes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnUpload {
    /// The call is refused.
    Refuse,
    /// It passes.
    Allow,
}

/// Which files may be uploaded, what may be in them, and who scans them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Uploads")]
pub struct UploadsSection {
    /// whether files are refused, or only recorded
    pub mode: Mode,
    /// media types that are accepted, by content: exact ones, `image/*` or `text/*`; without the key every type but programs
    pub types: Option<Vec<Spanned<String>>>,
    /// programs, and archives with programs in them
    pub executables: OnUpload,
    /// files that are something else than their media type or extension says
    pub mismatch: OnUpload,
    /// extensions that are refused; without the key those that a server, a shell or a desktop runs
    pub extensions: Option<Vec<Spanned<String>>>,
    /// office documents with macros
    pub macros: OnUpload,
    /// files that are two things at once
    pub polyglots: OnUpload,
    /// archives, and what may be in them
    pub archives: ArchivesSection,
    /// who scans every file, in this order
    pub scan: Vec<Spanned<ScanSection>>,
}

impl Default for UploadsSection {
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            types: None,
            executables: OnUpload::Refuse,
            mismatch: OnUpload::Refuse,
            extensions: None,
            macros: OnUpload::Refuse,
            polyglots: OnUpload::Refuse,
            archives: ArchivesSection::default(),
            scan: Vec::new(),
        }
    }
}

/// Archives: ZIP (and what is made of it), gzip and tar are looked into.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "UploadArchives")]
pub struct ArchivesSection {
    /// archives inside each other
    #[schemars(range(min = 1, max = 16))]
    pub depth: u32,
    /// entries in all
    #[schemars(range(min = 1))]
    pub entries: u32,
    /// bytes unpacked in all
    pub size: Spanned<Size>,
    /// how many times longer than packed an entry may be
    #[schemars(range(min = 1, max = 2000))]
    pub ratio: u32,
    /// entries that are encrypted
    pub encrypted: OnUpload,
    /// archives of other formats, and entries compressed otherwise
    pub unreadable: OnUpload,
    /// links and devices
    pub links: OnUpload,
}

impl Default for ArchivesSection {
    fn default() -> Self {
        let Limits { depth, entries, bytes, ratio } = Limits::default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Self {
            depth: count(depth),
            entries: count(entries),
            size: Spanned::nowhere(Size::from_bytes(bytes as u64)),
            ratio: count(ratio),
            encrypted: OnUpload::Refuse,
            unreadable: OnUpload::Refuse,
            links: OnUpload::Refuse,
        }
    }
}

/// A scanner: `clamd` or `icap`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "UploadScan")]
pub struct ScanSection {
    /// clamd's address: `tcp://host:port` or `unix:/path`
    pub clamd: Option<Spanned<String>>,
    /// an ICAP service (RFC 3507): `icap://host:port/service`
    pub icap: Option<Spanned<String>>,
    /// how long it may take for one file
    pub timeout: Duration,
    /// files that it says nothing of, since it does not answer or not with a verdict
    pub on_error: OnUpload,
    /// verdicts that are remembered, by the content's SHA-256
    pub remember: u32,
    /// how long a verdict is remembered, as long as the scanner's signatures stay the same
    pub keep: Duration,
}

impl Default for ScanSection {
    fn default() -> Self {
        Self {
            clamd: None,
            icap: None,
            timeout: Duration::from_secs(10),
            on_error: OnUpload::Refuse,
            remember: 10_000,
            keep: Duration::from_secs(600),
        }
    }
}

impl UploadsSection {
    fn rules(&self) -> Rules {
        let allows = |what: OnUpload| what == OnUpload::Allow;
        let archives = &self.archives;
        let odd = [
            ("encrypted", archives.encrypted),
            ("unreadable", archives.unreadable),
            ("links", archives.links),
        ];
        let listed = self.extensions.as_ref().map(|all| all.iter().map(|one| one.value.as_str()).collect());
        let extensions: Vec<&str> = listed.unwrap_or_else(|| ACTIVE.to_vec());
        Rules {
            kinds: self.types.as_ref().map(|types| types.iter().flat_map(|one| kinds(&one.value)).collect()),
            executables: allows(self.executables),
            mismatch: allows(self.mismatch),
            extensions: extensions
                .into_iter()
                .map(|one| one.trim_start_matches('.').to_ascii_lowercase())
                .collect(),
            macros: allows(self.macros),
            polyglots: allows(self.polyglots),
            limits: Limits {
                depth: archives.depth as usize,
                entries: archives.entries as usize,
                bytes: archives.size.as_usize(),
                ratio: archives.ratio as usize,
            },
            allowed: odd.into_iter().filter(|(_, on)| allows(*on)).map(|(key, _)| key).collect(),
        }
    }
}

/// Kinds that a word of `types` stands for; none for one that is not known.
fn kinds(word: &str) -> BTreeSet<Kind> {
    match word {
        "image/*" => kind::all().filter(|kind| kind.is_picture() || *kind == Kind::Svg).collect(),
        text if text.starts_with("text/") => kind::all().filter(|kind| kind.is_text()).collect(),
        other => kind::of_media_type(other).collect(),
    }
}

impl ScanSection {
    /// The scanner, when it is written as one.
    fn scanner(&self) -> Option<Scanner> {
        let (address, speaks) = match (&self.clamd, &self.icap) {
            (Some(address), None) => (clamd_address(address)?, Speaks::Clamd),
            (None, Some(url)) => icap_address(url)?,
            _ => return None,
        };
        Some(Scanner {
            address,
            speaks,
            timeout: self.timeout.get(),
            allow_on_error: self.on_error == OnUpload::Allow,
            remembered: self.remember as usize,
            keep: self.keep.get(),
        })
    }
}

fn clamd_address(text: &str) -> Option<String> {
    let tcp = text.strip_prefix("tcp://").is_some_and(has_port);
    (tcp || text.starts_with("unix:/")).then(|| text.to_owned())
}

/// The port is 1344 where none is written (RFC 3507 section 4.2).
fn icap_address(text: &str) -> Option<(String, Speaks)> {
    let rest = text.strip_prefix("icap://")?;
    let (authority, path) = rest.split_once('/')?;
    let authority = if has_port(authority) { authority.to_owned() } else { format!("{authority}:1344") };
    let plain = !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && has_port(&authority))
        .then(|| (format!("tcp://{authority}"), Speaks::Icap(authority.clone(), format!("/{path}"))))
}

fn has_port(authority: &str) -> bool {
    let parsed = authority.parse::<http::uri::Authority>();
    parsed.is_ok_and(|parsed| {
        parsed.port_u16().is_some() && !parsed.host().is_empty() && !authority.contains('@')
    })
}

/// The section's schema.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(UploadsSection)
}

/// Reports what is wrong with the section, wherever it stands.
pub fn check_section(node: &Node, out: &mut Diagnostics) {
    let section: Option<UploadsSection> = spec::read(node, out);
    if let Some(section) = section {
        check(&section, node, out);
    }
}

fn check(section: &UploadsSection, node: &Node, out: &mut Diagnostics) -> Option<()> {
    let before = out.count(Severity::Error);
    for word in section.types.iter().flatten().filter(|word| kinds(&word.value).is_empty()) {
        let message = format!("`{}` is no media type that is known by its content", word.value);
        let help = "write one such as `image/png`, `application/pdf`, `image/*` or `text/*`, in lower case";
        out.push(Diagnostic::error("uploads", message).at(word.span).help(help));
    }
    let archives = &section.archives;
    let ranges = [
        ("archives.depth", archives.depth, 1..=16),
        ("archives.entries", archives.entries, 1..=u32::MAX),
        ("archives.ratio", archives.ratio, 1..=2000),
    ];
    for (key, value, range) in ranges.into_iter().filter(|(_, value, range)| !range.contains(value)) {
        let path: Vec<&str> = key.split('.').collect();
        let help = format!("write from {} to {}", range.start(), range.end());
        let found = Diagnostic::error("uploads", format!("`{key}: {value}` is out of range"));
        out.push(found.at(node.at(&path).unwrap_or(node).span).help(help));
    }
    let bound = engine::bounds::WHOLE_BYTES;
    if !(1..=bound).contains(&archives.size.bytes()) {
        let message = format!("`size: {}` is out of range", archives.size.value);
        let help =
            format!("write from `1B` to `{}`: archives are unpacked in memory", Size::from_bytes(bound));
        out.push(Diagnostic::error("uploads", message).at(archives.size.span).help(help));
    }
    for scan in section.scan.iter().filter(|scan| scan.scanner().is_none()) {
        let message = "a scanner wants one address, of `clamd` or of `icap`";
        let help = "write `clamd: tcp://host:port`, `clamd: unix:/path` or `icap: icap://host:port/service`";
        out.push(Diagnostic::error("uploads", message).at(scan.span).help(help));
    }
    (out.count(Severity::Error) == before).then_some(())
}

/// Compiles it for an operation that may have a body, when it has the section: the checks, and each scanner.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let may_have = scope.contract.is_none_or(|operation| operation.request.has_body());
    let (Some(node), OperationKind::Declared, true) = (scope.section, scope.kind, may_have) else {
        return Vec::new();
    };
    let shared = scope.api.share(&scope.section_key("uploads"), || {
        let section: UploadsSection = spec::read(node, out)?;
        check(&section, node, out)?;
        let mode = mode(section.mode);
        let compiled = |control: Arc<dyn Control>, span| Compiled {
            control,
            mode,
            response_mode: mode,
            body_limit: None,
            held_to: HeldTo::Configuration,
            span: Some(span),
        };
        let mut all = vec![compiled(Arc::new(Uploads::new(section.rules())), node.span)];
        for scan in &section.scan {
            all.push(compiled(Arc::new(Scan::new(scan.scanner()?)), scan.span));
        }
        Some(all)
    });
    let all = shared.iter().flatten();
    all.filter(|compiled| compiled.mode != engine::Mode::Off).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_scanners_are_read_strictly() {
        for good in ["tcp://127.0.0.1:3310", "tcp://[::1]:3310", "tcp://clamd:3310", "unix:/run/clamd.ctl"] {
            assert!(clamd_address(good).is_some(), "{good}");
        }
        for bad in
            ["", "127.0.0.1:3310", "tcp://clamd", "tcp://u@clamd:3310", "unix:clamd.ctl", "http://clamd:3310"]
        {
            assert!(clamd_address(bad).is_none(), "{bad}");
        }
        for (url, address, path) in [
            ("icap://scan:11344/avscan", "tcp://scan:11344", "/avscan"),
            ("icap://scan/avscan?x=y", "tcp://scan:1344", "/avscan?x=y"),
        ] {
            let (found, Speaks::Icap(_, service)) = icap_address(url).unwrap() else { panic!("{url}") };
            assert_eq!((found.as_str(), service.as_str()), (address, path));
        }
        for bad in
            ["icap://scan", "icap://scan/", "icap:///avscan", "http://scan/avscan", "icap://scan/a\r\nb"]
        {
            assert!(icap_address(bad).is_none(), "{bad}");
        }
    }
}
