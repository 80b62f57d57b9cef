//! API contracts: OpenAPI 3.0, 3.1 and 3.2 documents (and Swagger 2.0, converted) become operations with compiled rules
//! for their requests and answers.
//!
//! What it promises:
//! - it opens no file and no connection: documents arrive as [`Assets`], remote references are errors;
//! - a part of a contract that is used and not enforced is an error that names it, never silence;
//! - all problems are said at once, each with file, line, column and JSON Pointer;
//! - checking a message takes time linear in its size for every schema without `uniqueItems`, patterns included;
//! - a violation says what is expected and never shows what was sent.
//!
//! How it is used: a loader asks [`references`] which files a document needs, [`import`] makes an [`Api`] of them, and the
//! validation control asks [`RequestRules`] and [`ResponseRules`].

mod alias;
mod body;
mod carries;
mod checker;
mod compiled;
mod documents;
mod fast;
mod form;
mod formats;
mod import;
mod load;
mod locate;
mod lower;
mod media;
mod model;
mod multipart;
mod parameter;
mod parts;
mod percent;
pub mod pointer;
mod query;
pub mod raw;
mod reading;
mod request;
mod response;
mod rewrite;
mod schemas;
mod shape;
mod style;
mod swagger;
#[cfg(test)]
mod tests;
mod unused;
mod violation;
mod work;
mod yaml;

pub use alias::is_alias;
pub use body::{BodyInput, BodyMatch, MediaRules, Rewritten};
pub use carries::{Carries, MAX_PLACES, Steps};
pub use import::import;
pub use load::{Assets, MAX_FILE, references};
pub use media::{ContentType, MediaKind};
pub use model::{
    Api, KeyPlace, OnUndeclared, Open, Operation, Options, Parts, PlacedPart, Requirement, Security,
    SecurityScheme, Server, Stats, Undeclared, Unenforced,
};
pub use multipart::{MAX_PARTS, Part, parse as parse_multipart};
pub use query::{Fault as PairsFault, MAX_PAIRS, MAX_READ_PAIRS, Pair, pairs};
pub use reading::{Reading, Unreadable, undeclared};
pub use request::{ParameterInput, RequestRules, Stripped};
pub use response::ResponseRules;
pub use swagger::convert_swagger;
pub use violation::{MAX_MESSAGE, MAX_POINTER, MAX_VIOLATIONS, Place, Violation, Violations};
