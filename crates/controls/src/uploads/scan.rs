//! One scanner, as a control of its own beside the checks: it waits, where those work.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use engine::fetch::{DialogRequest, Reach};
use engine::verdict::Refusal;
use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict, codes};
use probe::scanner::{Verdict as Said, clamd, icap};

use super::verdicts::{Digest, Verdicts};
use super::{File, dialogs, files, refuse};

/// When to come back to a scanner that is not there.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// Longest answer beyond what the file itself may take, in bytes.
const ANSWER: usize = 128 * 1024;

/// What a scanner speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Speaks {
    /// clamd.
    Clamd,
    /// ICAP: authority and path of the service.
    Icap(String, String),
}

/// One scanner.
#[derive(Debug, Clone)]
pub struct Scanner {
    /// Where it is: `tcp://host:port` or `unix:/path`.
    pub address: String,
    /// What it speaks.
    pub speaks: Speaks,
    /// How long it may take for one file.
    pub timeout: Duration,
    /// Whether files pass that it says nothing of.
    pub allow_on_error: bool,
    /// Verdicts remembered.
    pub remembered: usize,
    /// How long a verdict is remembered.
    pub keep: Duration,
}

/// The control.
#[derive(Debug)]
pub struct Scan {
    scanner: Scanner,
}

impl Scan {
    /// With a scanner.
    #[must_use]
    pub fn new(scanner: Scanner) -> Self {
        Self { scanner }
    }
}

impl Control for Scan {
    fn name(&self) -> &'static str {
        "uploads"
    }

    fn needs(&self) -> Needs {
        Needs { body: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, core: &CoreContext) -> Box<dyn Attached> {
        let Scanner { remembered, keep, .. } = self.scanner;
        let key = format!("{:?} {} {remembered} {keep:?}", self.scanner.speaks, self.scanner.address);
        let verdicts = core.keyed.get_or_make("uploads-verdicts", &key, || Verdicts::new(remembered, keep));
        Box::new(AtWork { scanner: self.scanner.clone(), verdicts, core: core.clone() })
    }
}

#[derive(Debug)]
struct AtWork {
    scanner: Scanner,
    verdicts: Arc<Verdicts>,
    core: CoreContext,
}

impl Attached for AtWork {
    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        match files(call) {
            Ok(files) if files.is_empty() => Step::Done(Verdict::Allow),
            Ok(files) => Step::Wait(Box::pin(self.judge(files))),
            Err(refusal) => Step::Done(Verdict::Refuse(refusal)),
        }
    }
}

impl AtWork {
    async fn judge(&self, files: Vec<File>) -> Verdict {
        let mut unscanned = None;
        for file in &files {
            match self.ask_once(file).await {
                Ok(Said::Clean) => {}
                Ok(Said::Found(name)) => {
                    let detail = format!("`{}` says `{name}`", self.scanner.address);
                    let message = "must not be malware";
                    return Verdict::Refuse(refuse(&codes::UPLOAD_INFECTED, &detail, &file.pointer, message));
                }
                Err(why) if self.scanner.allow_on_error => unscanned = Some(why),
                Err(why) => {
                    let detail = format!("`{}`: {why}", self.scanner.address);
                    let refusal = Refusal::new(&codes::SCANNER_UNAVAILABLE, detail);
                    return Verdict::Refuse(refusal.retry_after(RETRY_AFTER));
                }
            }
        }
        match unscanned {
            None => Verdict::Allow,
            Some(why) => Verdict::Note(format!("not scanned by `{}`: {why}", self.scanner.address).into()),
        }
    }

    /// What is known of a file, or what the scanner says.
    async fn ask_once(&self, file: &File) -> Result<Said, String> {
        let _place = self.verdicts.enter().ok_or_else(|| String::from("too many scans at one time"))?;
        if self.verdicts.is_stale(self.core.clock.now()) {
            let tag = self.signatures().await?;
            self.verdicts.signatures(&tag, self.core.clock.now());
        }
        let digest = sha256(&file.bytes);
        if let Some(known) = self.verdicts.find(&digest, self.core.clock.now()) {
            return Ok(known);
        }
        let generation = self.verdicts.generation();
        let said = self.scan(&file.bytes).await?;
        self.verdicts.keep(digest, said.clone(), generation, self.core.clock.now());
        Ok(said)
    }

    /// The state of the scanner's signatures.
    async fn signatures(&self) -> Result<String, String> {
        match &self.scanner.speaks {
            Speaks::Clamd => {
                let answer = self.dialog(Bytes::from_static(clamd::VERSION), clamd::is_whole, ANSWER).await?;
                clamd::version(&answer)
            }
            Speaks::Icap(host, path) => {
                let answer = self.dialog(icap::options(host, path).into(), icap::is_whole, ANSWER).await?;
                let answer = icap::read(&answer)?;
                match (answer.status, answer.tag) {
                    // Section 4.7: every answer of a service has it. One that has none changes by time alone.
                    (200, tag) => Ok(tag.unwrap_or_default()),
                    (status, _) => Err(format!("the ICAP service answers {status} to OPTIONS")),
                }
            }
        }
    }

    async fn scan(&self, bytes: &Bytes) -> Result<Said, String> {
        match &self.scanner.speaks {
            Speaks::Clamd => {
                let answer = self.dialog(clamd::instream(bytes).into(), clamd::is_whole, ANSWER).await?;
                clamd::verdict(&answer)
            }
            Speaks::Icap(host, path) => {
                // It may answer with the file itself.
                let most = bytes.len().saturating_mul(2).saturating_add(ANSWER);
                let answer =
                    self.dialog(icap::reqmod(host, path, bytes).into(), icap::is_whole, most).await?;
                let answer = icap::read(&answer)?;
                let said = icap::verdict(&answer, bytes)?;
                if let Some(tag) = &answer.tag {
                    self.verdicts.signatures(tag, self.core.clock.now());
                }
                Ok(said)
            }
        }
    }

    async fn dialog(
        &self,
        send: Bytes,
        is_whole: fn(&[u8]) -> bool,
        max_bytes: usize,
    ) -> Result<Bytes, String> {
        let address = self.scanner.address.clone();
        let deadline = self.scanner.timeout;
        let request = DialogRequest { address, send, is_whole, deadline, max_bytes, reach: Reach::Operator };
        dialogs::ask(&self.core, request).await.map_err(|error| error.to_string())
    }
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    let digest = digest::digest(&digest::SHA256, bytes);
    for (to, from) in out.iter_mut().zip(digest.as_ref()) {
        *to = *from;
    }
    out
}
