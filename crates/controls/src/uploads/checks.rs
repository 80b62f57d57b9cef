//! What one file is held to, by its content and its names.

use std::collections::BTreeSet;

use engine::codes;
use engine::verdict::Refusal;
use probe::archive::{self, Entry, Limits, Visitor, What};
use probe::{Kind, office, polyglot};

use super::{File, refuse};

/// Extensions that make a server, a shell or a desktop run a file.
pub(super) const ACTIVE: &[&str] = &[
    "php", "php3", "php4", "php5", "php7", "pht", "phtml", "phar", "phps", "jsp", "jspx", "jspf", "asp",
    "aspx", "ashx", "asmx", "cer", "asa", "cshtml", "cgi", "pl", "py", "rb", "sh", "bash", "exe", "dll",
    "com", "scr", "cpl", "msi", "bat", "cmd", "ps1", "psm1", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta",
    "lnk", "jar", "war", "jnlp", "reg", "htaccess", "htpasswd", "shtml", "shtm", "stm", "desktop", "app",
    "elf", "so",
];

/// Those of them that servers run wherever they stand in a name (`a.php.jpg`).
const ANYWHERE: &[&str] = &[
    "php", "php3", "php4", "php5", "php7", "pht", "phtml", "phar", "jsp", "jspx", "asp", "aspx", "ashx",
    "cgi", "shtml",
];

/// What files are held to.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Kinds that are accepted; `None` accepts all.
    pub kinds: Option<BTreeSet<Kind>>,
    /// Whether programs are accepted.
    pub executables: bool,
    /// Whether a file may be something else than its media type or extension says.
    pub mismatch: bool,
    /// Extensions that are refused, in lower case.
    pub extensions: BTreeSet<String>,
    /// Whether office documents may have macros.
    pub macros: bool,
    /// Whether files may be two things at once.
    pub polyglots: bool,
    /// Bounds of archives.
    pub limits: Limits,
    /// What archives may have that is refused otherwise.
    pub allowed: BTreeSet<&'static str>,
}

type Checked = Result<(), Box<Refusal>>;

impl Rules {
    /// Holds a file to all of it.
    pub(super) fn check(&self, file: &File) -> Checked {
        if file.kind == Kind::Empty {
            return self.check_name(file);
        }
        self.check_kind(file)?;
        self.check_name(file)?;
        self.check_declared(file)?;
        if !self.polyglots
            && let Some(second) = polyglot::second(&file.bytes, file.kind)
        {
            let detail = format!("a file of the kind `{}` that is `{}` too", file.kind.name(), second.name());
            return Err(refuse(&codes::UPLOAD_REFUSED, &detail, &file.pointer, "must be one kind of file"));
        }
        if !self.macros && office::is_macro("", &file.bytes, file.kind) {
            return Err(refused_macro(file));
        }
        self.check_inside(file)
    }

    fn check_kind(&self, file: &File) -> Checked {
        let kind = file.kind;
        if !self.executables && kind.is_executable() {
            let detail = format!("a program (`{}`)", kind.name());
            return Err(refuse(&codes::UPLOAD_REFUSED, &detail, &file.pointer, "must not be a program"));
        }
        if self.kinds.as_ref().is_some_and(|kinds| !kinds.contains(&kind)) {
            let detail = format!("a file of the kind `{}`, which `uploads.types` does not list", kind.name());
            return Err(refuse(
                &codes::UPLOAD_REFUSED,
                &detail,
                &file.pointer,
                "must be of an accepted type",
            ));
        }
        Ok(())
    }

    fn check_name(&self, file: &File) -> Checked {
        let Some(name) = &file.name else { return Ok(()) };
        let name = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
        // What stood before a NUL or a `;` was the whole name to some servers, and `:` begins another stream of a file.
        let parts: Vec<&str> = name.split(['.', '\0', ';', ':']).skip(1).collect();
        let counts = |at: usize, part: &str| at + 1 == parts.len() || ANYWHERE.contains(&part);
        let mut active = parts.iter().enumerate().filter(|(at, part)| counts(*at, part));
        if let Some((_, active)) = active.find(|(_, part)| self.extensions.contains(**part)) {
            let detail = format!("a file's name with the extension `{active}`");
            return Err(refuse(
                &codes::UPLOAD_REFUSED,
                &detail,
                &file.pointer,
                "must not have this extension",
            ));
        }
        let last = name.rsplit_once('.').map(|(_, extension)| extension);
        let agrees = last.and_then(|extension| file.kind.agrees_with_extension(extension)).unwrap_or(true);
        if self.mismatch || agrees {
            return Ok(());
        }
        let detail = format!("a file of the kind `{}` with the extension of another", file.kind.name());
        Err(refuse(&codes::CONTENT_MISMATCH, &detail, &file.pointer, "must be what its name says"))
    }

    fn check_declared(&self, file: &File) -> Checked {
        let Some(declared) = &file.declared else { return Ok(()) };
        let foreign = file.kind == Kind::Data && declared.essence.starts_with("text/") && !declared.is_utf8();
        if self.mismatch || foreign || file.kind.agrees_with(&declared.essence) {
            return Ok(());
        }
        let detail = format!("a file of the kind `{}` with the media type of another", file.kind.name());
        Err(refuse(&codes::CONTENT_MISMATCH, &detail, &file.pointer, "must be what its media type says"))
    }

    fn check_inside(&self, file: &File) -> Checked {
        let mut inside = Inside { rules: self, file, found: None };
        archive::look(&file.bytes, file.kind, &self.limits, &mut inside);
        inside.found.map_or(Ok(()), Err)
    }
}

fn refused_macro(file: &File) -> Box<Refusal> {
    refuse(&codes::UPLOAD_REFUSED, "a document with macros", &file.pointer, "must not have macros")
}

/// What is found in an archive, up to the first refusal.
struct Inside<'a> {
    rules: &'a Rules,
    file: &'a File,
    found: Option<Box<Refusal>>,
}

impl Visitor for Inside<'_> {
    fn entry(&mut self, entry: &Entry<'_>) -> bool {
        // A class file in a Java archive that is accepted is what it is made of.
        let program = entry.kind.is_executable() && !self.rules.executables;
        if program {
            let detail = format!("an archive with a program (`{}`)", entry.kind.name());
            let message = "must not have programs in it";
            self.found = Some(refuse(&codes::UPLOAD_REFUSED, &detail, &self.file.pointer, message));
        } else if !self.rules.macros && office::is_macro(entry.name, entry.bytes, entry.kind) {
            self.found = Some(refused_macro(self.file));
        }
        self.found.is_none()
    }

    fn fault(&mut self, what: What) -> bool {
        let key = match what {
            What::Encrypted => "encrypted",
            What::Unreadable => "unreadable",
            What::Link => "links",
            _ => "",
        };
        if self.rules.allowed.contains(key) {
            return true;
        }
        let code = match what {
            What::Malformed => &codes::BODY_MALFORMED,
            What::Depth | What::Entries | What::Bytes | What::Ratio => &codes::BODY_OUT_OF_BOUNDS,
            What::Encrypted | What::Unreadable | What::Path | What::Link => &codes::UPLOAD_REFUSED,
        };
        let message = what.to_string();
        self.found = Some(refuse(code, &message, &self.file.pointer, &message));
        false
    }
}
