//! The controls: one folder each, with the same file names in each (`mod.rs`, `config.rs`, `tests.rs`, `README.md`). This file
//! is the crate's root and the registry: which controls there are, and in which order they speak, each place with its reason.
//!
//! A control owns its section of the document, compiles it for each operation, and speaks at its stages. Controls do not know
//! each other. Order is a security property: it is written here once, [`drawing`] prints it, and nothing sorts it later.

pub mod admission;
pub mod authentication;
pub mod authorization;
pub mod bodies;
pub mod content;
pub mod cors;
pub mod forwarding;
pub mod hygiene;
pub mod inspection;
pub mod leaks;
pub mod limits;
pub mod message_security;
pub mod metadata;
pub mod networks;
pub mod objects;
pub mod options;
pub mod pdp;
pub mod policies;
pub mod uploads;
pub mod upstream_identity;
pub mod validation;
pub mod views;

// What several controls need lies beside them.
pub mod accepted;
pub mod address;
mod aside;
mod asked;
mod bearer;
pub mod callers;
mod coding;
pub mod hops;
mod meter;
mod oauth;
mod patch;
pub mod pattern;
mod places;
mod private;
mod read_body;
mod rewrite;
pub mod scope;
pub mod security;

use std::fmt::Write as _;

use diagnostics::Diagnostics;
use engine::Stage;

use crate::scope::{Compiled, GatewayScope, NamedFile, OperationScope};

/// One control.
pub struct Entry {
    /// Its name in documents, logs and metrics; also the key of its section in an API's settings.
    pub name: &'static str,
    /// Its section, when it has one (`None`: it is configured by other keys). It stands at the top of the document for a
    /// control that works for the whole gateway, else under an API.
    pub section: Option<Section>,
    /// Compiles it for the whole gateway (admission), when it works there.
    pub gateway: Option<fn(&GatewayScope<'_>, &mut Diagnostics) -> Vec<Compiled>>,
    /// Compiles it for one operation, when it works there. No control means: nothing to check here. More than one is
    /// for controls that hold several rules in several modes, such as limits.
    pub operation: Option<fn(&OperationScope<'_>, &mut Diagnostics) -> Vec<Compiled>>,
}

/// The section of the document that a control owns.
pub struct Section {
    /// Its schema.
    pub schema: fn() -> schemars::Schema,
    /// Reads it and reports all that is wrong with it by itself: it may be that of a profile that nobody uses, or of an API
    /// whose contract cannot be read. What depends on an operation is for [`Entry::operation`].
    pub check: fn(&spec::Node, &mut Diagnostics),
    /// The files that it names.
    pub files: fn(&spec::Node) -> Vec<NamedFile>,
}

/// A control's place at a stage.
pub struct Place {
    /// Name of the control.
    pub control: &'static str,
    /// The stage.
    pub stage: Stage,
    /// Why here.
    pub reason: &'static str,
}

/// All controls.
pub static CONTROLS: &[Entry] = &[
    Entry {
        name: "admission",
        section: section(admission::schema, admission::check_section),
        gateway: Some(admission::compile),
        operation: Some(admission::compile_open),
    },
    Entry {
        name: "networks",
        section: Some(Section {
            schema: networks::schema,
            check: networks::check_section,
            files: networks::files,
        }),
        gateway: None,
        operation: Some(networks::compile),
    },
    Entry {
        name: "cors",
        section: section(cors::schema, cors::check_section),
        gateway: None,
        operation: Some(cors::compile),
    },
    Entry {
        name: "hygiene",
        section: section(hygiene::schema, hygiene::check_section),
        gateway: None,
        operation: Some(hygiene::compile),
    },
    Entry { name: "options", section: None, gateway: None, operation: Some(options::compile) },
    Entry { name: "metadata", section: None, gateway: None, operation: Some(metadata::compile) },
    Entry { name: "authentication", section: None, gateway: None, operation: Some(authentication::compile) },
    Entry {
        name: "authorization",
        section: section(authorization::schema, authorization::check_section),
        gateway: None,
        operation: Some(authorization::compile),
    },
    Entry {
        name: "policies",
        section: Some(Section {
            schema: policies::schema,
            check: policies::check_section,
            files: policies::files,
        }),
        gateway: None,
        operation: Some(policies::compile),
    },
    Entry {
        name: "limits",
        section: section(limits::schema, limits::check_section),
        gateway: None,
        operation: Some(limits::compile),
    },
    Entry {
        name: "message_security",
        section: Some(Section {
            schema: message_security::schema,
            check: message_security::check_section,
            files: message_security::files,
        }),
        gateway: None,
        operation: Some(message_security::compile),
    },
    Entry {
        name: "bodies",
        section: section(bodies::schema, bodies::check_section),
        gateway: None,
        operation: Some(bodies::compile),
    },
    Entry {
        name: "validation",
        section: section(validation::schema, validation::check_section),
        gateway: None,
        operation: Some(validation::compile),
    },
    Entry {
        name: "objects",
        section: Some(Section {
            schema: objects::schema,
            check: objects::check_section,
            files: objects::files,
        }),
        gateway: None,
        operation: Some(objects::compile),
    },
    Entry {
        name: "views",
        section: section(views::schema, views::check_section),
        gateway: None,
        operation: Some(views::compile),
    },
    Entry {
        name: "content",
        section: section(content::schema, content::check_section),
        gateway: None,
        operation: Some(content::compile),
    },
    Entry {
        name: "uploads",
        section: section(uploads::schema, uploads::check_section),
        gateway: None,
        operation: Some(uploads::compile),
    },
    Entry {
        name: "inspection",
        section: Some(Section {
            schema: inspection::schema,
            check: inspection::check_section,
            files: inspection::files,
        }),
        gateway: None,
        operation: Some(inspection::compile),
    },
    Entry {
        name: "leaks",
        section: section(leaks::schema, leaks::check_section),
        gateway: None,
        operation: Some(leaks::compile),
    },
    Entry { name: "forwarding", section: None, gateway: None, operation: Some(forwarding::compile) },
    Entry {
        name: "pdp",
        section: Some(Section { schema: pdp::schema, check: pdp::check_section, files: pdp::files }),
        gateway: None,
        operation: Some(pdp::compile),
    },
    Entry {
        name: "upstream_identity",
        section: section(upstream_identity::schema, upstream_identity::check_section),
        gateway: None,
        operation: Some(upstream_identity::compile),
    },
];

const fn section(
    schema: fn() -> schemars::Schema,
    check: fn(&spec::Node, &mut Diagnostics),
) -> Option<Section> {
    Some(Section { schema, check, files: |_| Vec::new() })
}

const fn place(control: &'static str, stage: Stage, reason: &'static str) -> Place {
    Place { control, stage, reason }
}

/// The order at each stage: earlier speaks first.
pub static ORDER: &[Place] = &[
    place(
        "admission",
        Stage::Admission,
        "whose call it is must be known, and floods be stopped, before any work is done",
    ),
    place(
        "admission",
        Stage::Head,
        "first, and only where anyone may call: a credential that is not looked at buys no way past the limits",
    ),
    place(
        "hygiene",
        Stage::Head,
        "what it adds stands on the refusals of all that follow, and on the answers of ours",
    ),
    place(
        "networks",
        Stage::Head,
        "who is not let in is told nothing of the API, not even what a preflight says, and costs two searches",
    ),
    place(
        "cors",
        Stage::Head,
        "a preflight carries no credentials, and even a refusal has to say which origin may read it",
    ),
    place("options", Stage::Head, "says what a 405 says to anybody; after cors, which answers preflights"),
    place(
        "metadata",
        Stage::Head,
        "its documents are for those who have no token yet; it stands in no other operation",
    ),
    place(
        "upstream_identity",
        Stage::Head,
        "as metadata: its public keys are for any service that is told who calls",
    ),
    place(
        "authentication",
        Stage::Head,
        "who calls is asked before anything that depends on it: authorization, limits per subject, validation",
    ),
    place(
        "authorization",
        Stage::Head,
        "on the proofs of authentication, and before what costs more; nobody without a right uses up a limit",
    ),
    place(
        "policies",
        Stage::Head,
        "as authorization, whose narrower sister it is: on proofs, path, network and time only, so that nothing has to be read for it",
    ),
    place("limits", Stage::Head, "on the principal, and before validation, which costs more than counting"),
    place(
        "message_security",
        Stage::Head,
        "what a message is said to be in clear text is what the contract's media types are for; before validation reads them",
    ),
    place(
        "bodies",
        Stage::Head,
        "a coding that cannot be undone is refused before a byte of the body is read",
    ),
    place("validation", Stage::Head, "only callers who may call at all learn what the contract wants"),
    place(
        "objects",
        Stage::Head,
        "on parameters that fit the contract, less what is stripped; whose they are is known before anything is inspected",
    ),
    place(
        "views",
        Stage::Head,
        "as objects: refuses questions by what is hidden, and asks the upstream for an answer that is whole and can be read",
    ),
    place(
        "inspection",
        Stage::Head,
        "costs most of all, so after whatever refuses for less; on the head as it goes upstream, less what is stripped",
    ),
    place(
        "leaks",
        Stage::Head,
        "only asks the upstream for an answer that can be read: refuses nothing, so after all that do",
    ),
    place(
        "forwarding",
        Stage::Head,
        "after all that read what the client says: what it writes is what goes upstream, and nobody mistakes it for the client's",
    ),
    place(
        "pdp",
        Stage::Head,
        "last: who decides elsewhere is asked about what passed here, as it goes upstream; what it adds is not the client's either",
    ),
    place(
        "authentication",
        Stage::Body,
        "first: a digest that was signed, and what a sender signed, is that of the body as it came, before anything decodes it",
    ),
    place(
        "message_security",
        Stage::Body,
        "before all that read it, who read what was in the message, as the service does",
    ),
    place("bodies", Stage::Body, "everything after it reads the decoded, bounded body, parsed once"),
    place(
        "validation",
        Stage::Body,
        "on the tape that bodies made; what is undeclared is gone before anything later reads",
    ),
    place(
        "objects",
        Stage::Body,
        "on the tape that validation has read, without what it stripped; a search in it costs less than what follows",
    ),
    place(
        "policies",
        Stage::Body,
        "as objects, where it judges by a value of the body: what fits the contract is read in one way",
    ),
    place(
        "views",
        Stage::Body,
        "as objects: what a caller may not set is looked for in what fits the contract",
    ),
    place(
        "content",
        Stage::Body,
        "on the bytes that go upstream; what the contract does not want need not be looked into",
    ),
    place(
        "uploads",
        Stage::Body,
        "a scanner elsewhere is asked last of those that look for what is wrong with the body's form",
    ),
    place(
        "inspection",
        Stage::Body,
        "on the bytes that go upstream: decoded, and without what validation stripped",
    ),
    place(
        "pdp",
        Stage::Body,
        "last, as at the head, where it is told of the body or only that says who calls",
    ),
    place(
        "forwarding",
        Stage::Body,
        "last: the digest that is signed is that of the body as it goes upstream",
    ),
    place(
        "inspection",
        Stage::Message,
        "each message of a WebSocket's client, whole and before it goes on; nobody else reads messages",
    ),
    place(
        "upstream_identity",
        Stage::Upstream,
        "when every check has passed: an issuer is asked for calls that go on only, and nobody reads what it gave",
    ),
    place(
        "authorization",
        Stage::Upstream,
        "last: the first use of an administrative operation is one when nothing keeps the call from going on",
    ),
    place(
        "validation",
        Stage::ResponseHead,
        "the answer as the upstream gave it, before anything of ours changes it",
    ),
    place(
        "inspection",
        Stage::ResponseHead,
        "reads the upstream's own fields, before those that ours replace",
    ),
    place(
        "views",
        Stage::ResponseHead,
        "after the contract's own headers were checked, since it removes validators of what is hidden",
    ),
    place(
        "cors",
        Stage::ResponseHead,
        "removes what the upstream says of origins, after the contract's own headers were checked",
    ),
    place(
        "limits",
        Stage::ResponseHead,
        "removes the upstream's own `RateLimit` fields, after the contract's headers were checked",
    ),
    place(
        "message_security",
        Stage::ResponseHead,
        "removes what describes the answer in clear text, after those that read it",
    ),
    place(
        "leaks",
        Stage::ResponseHead,
        "keeps what some callers see otherwise out of caches; after the contract's headers were checked",
    ),
    place(
        "hygiene",
        Stage::ResponseHead,
        "last: whatever the others check is checked as the upstream gave it",
    ),
    place(
        "validation",
        Stage::ResponseBody,
        "costs less than inspection, and what it withholds leaks nothing",
    ),
    place(
        "views",
        Stage::ResponseBody,
        "after validation, which reads the answer as it came; what is not shown need not be looked through for leaks",
    ),
    place(
        "leaks",
        Stage::ResponseBody,
        "after validation, since it may overwrite secrets; what it withholds need not be inspected",
    ),
    place("inspection", Stage::ResponseBody, "the answer as the client reads it, once it is opened"),
    place(
        "message_security",
        Stage::ResponseBody,
        "last: what is signed is what all others have left of the answer, and nobody reads it once it is encrypted",
    ),
];

/// Whether a control may end a call by a refusal; the others only answer, or write what goes on.
#[must_use]
pub fn can_refuse(control: &str) -> bool {
    !matches!(control, "options" | "metadata" | "forwarding" | "hygiene")
}

/// [`ORDER`] for people: the stages in the order of a call, and in each the controls with the reason of their place.
#[must_use]
pub fn drawing() -> String {
    let mut text = String::new();
    let mut stage = None;
    let mut number = 0;
    for place in ORDER {
        if stage != Some(place.stage) {
            let gap = if stage.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", place.stage.name());
            (stage, number) = (Some(place.stage), 0);
        }
        number += 1;
        let _ = writeln!(text, "{number:>4} {:<15} {}", place.control, place.reason);
    }
    text
}

#[cfg(test)]
mod tests;
