//! Files in bodies: whether they are what they are called, what is in them, and what scanners say of them (THREATS rows 23, 34).
//!
//! # What a file is
//!
//! A part of a multipart body that has a file's name, or whose content is no text; and a whole body whose media type is neither one of
//! text nor one with a syntax, or whose content is no text whatever is said of it. Parts are split by the reader that `validation` uses.
//!
//! # Checks
//!
//! All by content: a program is one whatever it is called; a type that is not listed, or that is not the one that was said
//! ([`probe::kind`]), is refused; so are files that are two things at once ([`probe::polyglot`]) and macros
//! ([`probe::office`]). Archives are unpacked in memory, within bounds, and what is in them is held to the same
//! ([`probe::archive`]); what cannot be looked into is refused. Small files are checked on their core, others by the pool of worker
//! threads.
//!
//! # Scanners
//!
//! Each scanner that is listed sees every file, over [`engine::fetch::Fetch::dialog`], the only way out. A scanner that does not
//! answer, or not with a verdict, refuses: `on_error: allow` says otherwise. Verdicts are remembered by the content's SHA-256, for all
//! cores and over reloads, until they are old or the scanner's signatures change: see [`verdicts`].

mod checks;
mod config;
mod dialogs;
mod scan;
#[cfg(test)]
mod tests;
pub mod verdicts;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contract::{ContentType, MediaKind, parse_multipart};
use engine::control::{Cancel, Job};
use engine::verdict::{Refusal, Violation};
use engine::{Attached, Call, Code, Control, CoreContext, Needs, Step, Verdict, codes};
use http::header::CONTENT_TYPE;
use probe::Kind;

use crate::coding::is_encoded;

pub use checks::Rules;
pub use config::{ArchivesSection, OnUpload, ScanSection, UploadsSection, check_section, compile, schema};
pub use scan::{Scan, Scanner, Speaks};

/// Bytes up to which a body without archives is checked on its core.
const ON_CORE: usize = 64 * 1024;
/// How long a worker thread may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// One file.
#[derive(Debug, Clone)]
struct File {
    /// JSON Pointer of its part; empty for a whole body.
    pointer: String,
    name: Option<String>,
    /// The media type that is said of it.
    declared: Option<ContentType>,
    bytes: Bytes,
    kind: Kind,
}

/// The files of a body.
///
/// # Errors
/// The refusal of a body that cannot be taken apart.
fn files(call: &Call) -> Result<Vec<File>, Box<Refusal>> {
    let bytes = call.body.bytes();
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    if is_encoded(&call.request.headers) {
        let detail = "a body in a content coding cannot be looked into: see `bodies.codings`";
        return Err(Refusal::new(&codes::CODING_UNSUPPORTED, detail));
    }
    let mut fields = call.request.headers.get_all(CONTENT_TYPE).iter();
    let declared = fields.next().and_then(|field| field.to_str().ok()).and_then(ContentType::parse);
    let Some(declared) = declared.filter(|_| fields.next().is_none()) else {
        return Err(Refusal::new(&codes::MEDIA_TYPE_UNSUPPORTED, "a body without one readable media type"));
    };
    match declared.kind() {
        MediaKind::Multipart => parts(bytes, declared.parameter("boundary").unwrap_or_default()),
        MediaKind::Opaque if declared.essence.starts_with("multipart/") => {
            let message = "multipart bodies other than `multipart/form-data` cannot be looked into";
            Err(refuse(&codes::UPLOAD_REFUSED, message, "", message))
        }
        said => {
            let kind = Kind::of(bytes);
            // What is said to be text, or to have a syntax, and is neither, is a file that is called something else.
            let plain = said != MediaKind::Binary && (kind.is_text() || kind == Kind::Empty);
            let file = || File {
                pointer: String::new(),
                name: None,
                declared: Some(declared),
                bytes: bytes.clone(),
                kind,
            };
            Ok(if plain { Vec::new() } else { vec![file()] })
        }
    }
}

fn parts(bytes: &Bytes, boundary: &str) -> Result<Vec<File>, Box<Refusal>> {
    let parts = parse_multipart(bytes, boundary)
        .map_err(|message| refuse(&codes::BODY_MALFORMED, message, "", message))?;
    let mut files = Vec::new();
    for part in parts {
        let kind = Kind::of(part.body);
        let plain = kind.is_text() || kind == Kind::Empty;
        if part.filename.is_some() || !plain {
            files.push(File {
                pointer: format!("/{}", part.name.replace('~', "~0").replace('/', "~1")),
                name: part.filename,
                declared: part.content_type,
                bytes: bytes.slice_ref(part.body),
                kind,
            });
        }
    }
    Ok(files)
}

/// A refusal with one violation: the detail is the operator's, the message the caller's.
fn refuse(code: &'static Code, detail: &str, pointer: &str, message: &str) -> Box<Refusal> {
    let pointer = engine::text::bounded(pointer, 256);
    let shown: String = pointer.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    let mut refusal = Refusal::new(code, format!("{detail} at `{shown}`"));
    let violation = Violation { place: "body", pointer: pointer.to_owned(), message: message.to_owned() };
    refusal.violations.push(violation);
    refusal
}

/// The checks, for one operation.
#[derive(Debug)]
pub struct Uploads {
    rules: Arc<Rules>,
}

impl Uploads {
    /// By its rules.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self { rules: Arc::new(rules) }
    }
}

impl Control for Uploads {
    fn name(&self) -> &'static str {
        "uploads"
    }

    fn needs(&self) -> Needs {
        Needs { body: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Uploads>);

impl Attached for AtWork {
    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let files = match files(call) {
            Ok(files) => files,
            Err(refusal) => return Step::Done(Verdict::Refuse(refusal)),
        };
        let rules = Arc::clone(&self.0.rules);
        let work = move |cancel: &Cancel| {
            let check = |file| match cancel.is_cancelled() {
                false => rules.check(file),
                // Nobody waits for it any more.
                true => Err(Refusal::new(&codes::CONTROL_FAILED, "looking at files was ended")),
            };
            match files.iter().try_for_each(check) {
                Ok(()) => Verdict::Allow,
                Err(refusal) => Verdict::Refuse(refusal),
            }
        };
        // What an archive unpacks to may be large however small it is.
        let small = call.body.bytes().len() <= ON_CORE && !has_archives(call);
        if small {
            Step::Done(work(&Cancel::default()))
        } else {
            Step::Offload(Job { budget: PATIENCE, run: Box::new(work) })
        }
    }
}

/// Whether something in the body may begin an archive: looked for by signatures, without taking it apart again.
fn has_archives(call: &Call) -> bool {
    let signs: [&[u8]; 3] = [b"PK\x03\x04", b"\x1f\x8b\x08", b"ustar"];
    let bytes = call.body.bytes();
    signs.iter().any(|sign| bytes.windows(sign.len()).any(|window| window == *sign))
}
