//! Messages that are signed or encrypted for whoever is behind the gateway, whatever carries them there: JWS (RFC 7515) and JWE
//! (RFC 7516), of whole bodies or of fields of JSON, both ways.
//!
//! # Requests
//!
//! What is in the message is the body: its media type is known from the configuration and put in the place of the message's with the head,
//! so that validation is asked about it; with the body it is decrypted, verified, or both (a signed message in an encrypted one), and
//! everything after, the service included, reads clear text. Where it is `required`, which it is unless somebody says otherwise, a body
//! that is not protected is refused.
//!
//! # Answers
//!
//! Sealed last, after all that reads and changes them: signed, encrypted, or both, by a key that the configuration names, or by one of the
//! application that calls. What describes the answer in clear text (validators, ranges, digests) goes. An answer that cannot be sealed as a
//! whole is withheld. What the gateway answers itself, a refusal above all, is not sealed: it holds nothing of the service.
//!
//! # Promises
//!
//! - Algorithms are lists without a default; a key serves those that it names and that fit its type ([`jose::Encrypted`]).
//! - Whoever sends a message that is not good is told so and nothing more; which step failed is in the decision.
//! - Nothing grows: there is no compression, and no field is more than one message deep.
//! - A message is bound to its caller where `callers` says whose key is whose. Nothing here says that it is fresh: that is the content's
//!   business, or that of proofs of possession.
//! - In shadow everything is tried and nothing changed.

mod answer;
mod believed;
mod build;
mod check;
mod config;
mod directions;
mod fields;
mod keys;
mod places;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use contract::ContentType;
use engine::verdict::{Refusal, Violation};
use engine::{Attached, Call, Code, Control, CoreContext, Needs, Step, codes};
use http::HeaderMap;

use crate::read_body;
use crate::security::Issuers;

pub use build::compile;
pub use check::check_section;
pub use config::{
    AnswerSection, ContentAlgorithm, DecryptSection, EncryptSection, FieldValues, KeyAlgorithm,
    MessageSecuritySection, RequestSection, SignSection, SignatureAlgorithm, VerifySection, files, schema,
};

use answer::Answers;
use believed::Believed;
use fields::Fields;
use request::Requests;

/// What of a body is a message.
#[derive(Debug)]
enum Form {
    /// The whole, of this media type, in lower case.
    Whole(Box<str>),
    /// Fields.
    Fields(Fields),
}

/// The control, for operations that have the same of it.
#[derive(Debug)]
pub struct MessageSecurity {
    requests: Option<Arc<Requests>>,
    answers: Option<Arc<Answers>>,
    believed: Believed,
    /// Whether the contract declares bodies here.
    bodies: bool,
    /// Whether calls are changed.
    enforced: bool,
}

impl Control for MessageSecurity {
    fn name(&self) -> &'static str {
        "message_security"
    }

    fn needs(&self) -> Needs {
        let answers = self.answers.is_some();
        Needs {
            head: true,
            body: self.requests.is_some() && self.bodies,
            response_head: answers,
            response_body: answers,
            ..Needs::default()
        }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<MessageSecurity>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let MessageSecurity { requests, answers, believed, bodies, enforced } = &*self.0;
        let asked = match answers {
            Some(answers) => {
                let application = application(call, &believed.readers);
                answers.check_head(call, application.as_deref(), *enforced)
            }
            None => Ok(()),
        };
        Step::Done(verdict(match (asked, requests) {
            (Ok(()), Some(requests)) if *bodies => requests.check_head(call, *enforced),
            (Ok(()), Some(requests)) => requests.check_undeclared(call),
            (asked, _) => asked,
        }))
    }

    fn body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        match &self.0.requests {
            Some(requests) => {
                let application = application(call, &self.0.believed.signers);
                requests.check_body(call, application, self.0.enforced)
            }
            None => Step::Done(engine::Verdict::Allow),
        }
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        Step::Done(verdict(match &self.0.answers {
            Some(answers) => answers.check_response_head(call, self.0.enforced),
            None => Ok(()),
        }))
    }

    fn response_body<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        match &self.0.answers {
            Some(answers) => {
                let application = application(call, &self.0.believed.readers);
                answers.check_response_body(call, application, self.0.enforced)
            }
            None => Step::Done(engine::Verdict::Allow),
        }
    }
}

fn verdict(found: Result<(), Box<Refusal>>) -> engine::Verdict {
    match found {
        Ok(()) => engine::Verdict::Allow,
        Err(refusal) => engine::Verdict::Refuse(refusal),
    }
}

/// A refusal of a field: the detail is the operator's, the message the caller's.
fn refuse_field(code: &'static Code, detail: &str, pointer: &str, message: &str) -> Box<Refusal> {
    let mut refusal = Refusal::new(code, format!("{detail} at `{pointer}`"));
    let violation = Violation { place: "body", pointer: pointer.to_owned(), message: message.to_owned() };
    refusal.violations.push(violation);
    refusal
}

/// Nobody waits for the rest of the work on a body any more.
fn abandoned() -> Box<Refusal> {
    Refusal::new(&codes::CONTROL_FAILED, "the call went away while its messages were worked on")
}

/// The one media type of a message, when it can be read.
fn media_type(headers: &HeaderMap) -> Option<ContentType> {
    read_body::content_type(headers).and_then(ContentType::parse)
}

/// The application that calls, as an issuer names it that is believed: another may call one of its own the same.
fn application(call: &Call, issuers: &Issuers) -> Option<Arc<str>> {
    let principals = call.proofs.iter().map(|proof| &proof.principal);
    let mut believed = principals.filter(|principal| issuers.vouch_for(principal));
    believed.find_map(|principal| principal.application.clone())
}
