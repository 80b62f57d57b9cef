//! What answers say beside what the upstream means to say: header fields that are added, replaced or taken away, and
//! `Strict-Transport-Security` (RFC 6797).
//!
//! Decisions: what is added stands on every answer to a call that has an operation, refusals included, and what the upstream
//! says under the same name is gone: one party decides. `Strict-Transport-Security` goes over TLS only (section 7.2), and
//! is the gateway's where it is configured. Fields that say how a message is framed, coded or what it is are not to be
//! touched: the contract was checked against them. What every server tells of itself (`Server`, `X-Powered-By`) is
//! removed by the proxy from all answers, whether this control is there or not.
//!
//! In shadow nothing changes, and the decision notes which fields would have gone.

mod config;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use engine::{Attached, Call, Control, CoreContext, Needs, Step, Verdict};
use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderName, HeaderValue};

pub use config::{HygieneSection, check_section, compile, schema};

/// What is done to answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `Strict-Transport-Security`.
    pub hsts: Option<HeaderValue>,
    /// Fields that each answer carries, once each.
    pub add: Vec<(HeaderName, HeaderValue)>,
    /// Fields of the upstream that go, those that are added among them.
    pub strip: Vec<HeaderName>,
    /// Whether it only looks.
    pub shadow: bool,
}

/// The control.
#[derive(Debug)]
pub struct Hygiene {
    settings: Settings,
}

impl Hygiene {
    /// With these settings.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    fn names<'c>(&'c self, call: &'c Call) -> impl Iterator<Item = &'c HeaderName> {
        self.settings.strip.iter().filter(|name| call.response.headers.contains_key(*name))
    }
}

impl Control for Hygiene {
    fn name(&self) -> &'static str {
        "hygiene"
    }

    fn needs(&self) -> Needs {
        Needs { head: true, response_head: true, ..Needs::default() }
    }

    fn attach(self: Arc<Self>, _core: &CoreContext) -> Box<dyn Attached> {
        Box::new(AtWork(self))
    }
}

#[derive(Debug)]
struct AtWork(Arc<Hygiene>);

impl Attached for AtWork {
    fn head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        let settings = &self.0.settings;
        if !settings.shadow {
            let hsts = settings.hsts.iter().filter(|_| call.peer.tls).cloned();
            call.answer_headers.extend(hsts.map(|value| (STRICT_TRANSPORT_SECURITY, value)));
            call.answer_headers.extend(settings.add.iter().cloned());
        }
        Step::Done(Verdict::Allow)
    }

    fn response_head<'c>(&'c self, call: &'c mut Call) -> Step<'c> {
        if self.0.settings.shadow {
            let names: Vec<&str> = self.0.names(call).map(HeaderName::as_str).collect();
            return Step::Done(if names.is_empty() {
                Verdict::Allow
            } else {
                Verdict::Note(format!("would take away `{}`", names.join("`, `")).into())
            });
        }
        for name in &self.0.settings.strip {
            call.response.headers.remove(name);
        }
        Step::Done(Verdict::Allow)
    }
}
