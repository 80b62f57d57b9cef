//! The network as a case knows it: the documents of issuers, and policy decision points that say what the case says. One that says
//! nothing of them is about all else, so they allow.

use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use controls::pdp::StandIn;
use controls::pdp::stand_in;
use engine::BoxFuture;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Trailed};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use proxy::offline::Answer;
use spec::{Api, Document, OperationRef, merge};

use crate::document::{Decides, Says, Service};
use crate::issuer::Network;
use crate::run;

/// Those that a document names, for whichever operations.
pub(crate) fn named_by(document: &Document) -> Vec<StandIn> {
    let mut all = Vec::new();
    for api in document.apis.values() {
        let of = |sections: &[(String, spec::Node)]| {
            sections.iter().find(|(name, _)| name == "pdp").map(|(_, node)| node.clone())
        };
        let base = of(&api.sections);
        all.extend(base.as_ref().and_then(stand_in));
        for own in api.operations.iter().filter_map(|operation| of(&operation.sections)) {
            let whole = match &base {
                Some(base) => merge(base.clone(), own),
                None => own,
            };
            all.extend(stand_in(&whole));
        }
    }
    all
}

/// Whether one is asked about an operation.
pub(crate) fn is_asked(api: &Api, operation: &OperationRef<'_>) -> bool {
    api.section_for("pdp", operation).as_ref().and_then(stand_in).is_some()
}

/// What they say in a case.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// That a call may go on, or that it may not.
    Decision(bool),
    /// Nothing: nobody is there.
    Down,
    /// This.
    Answer(Answer),
}

impl Said {
    /// As a case has it.
    pub(crate) fn of(decides: Option<&Decides>) -> Result<Self, String> {
        let Some(Decides { says, status, headers, body, json }) = decides else {
            return Ok(Self::Decision(true));
        };
        Ok(match says {
            Some(Says::Allow) => Self::Decision(true),
            Some(Says::Deny) => Self::Decision(false),
            Some(Says::Down) => Self::Down,
            None => {
                let (status, headers, body, json) = (*status, headers.clone(), body.clone(), json.clone());
                let answer = run::answer(&Service { status, headers, body, json, down: false })?;
                answer.map_or(Self::Down, Self::Answer)
            }
        })
    }
}

/// The network of one world.
#[derive(Debug)]
pub(crate) struct Beyond {
    issuers: Arc<Network>,
    pdps: Arc<[StandIn]>,
    said: Mutex<Said>,
}

impl Beyond {
    pub(crate) fn new(issuers: &Arc<Network>, pdps: &Arc<[StandIn]>) -> Self {
        let said = Mutex::new(Said::Decision(true));
        Self { issuers: Arc::clone(issuers), pdps: Arc::clone(pdps), said }
    }

    /// Says this from now on.
    pub(crate) fn say(&self, said: Said) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = said;
    }
}

impl Beyond {
    /// Who is asked at a URL.
    fn asked(&self, url: &str) -> Option<&StandIn> {
        self.pdps.iter().find(|pdp| pdp.is_at(url))
    }

    /// What one says now.
    fn answer(&self, pdp: &StandIn) -> Result<FetchResponse, FetchError> {
        match self.said.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            Said::Down => Err(FetchError::Exchange(String::from("the case has no policy decision point"))),
            Said::Answer(Answer { status, headers, body }) => Ok(FetchResponse { status, headers, body }),
            Said::Decision(allow) => {
                let (status, body) = pdp.says(allow);
                let media = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok(FetchResponse {
                    status: StatusCode::from_u16(status).unwrap_or_default(),
                    headers: HeaderMap::from_iter([media]),
                    body: body.into(),
                })
            }
        }
    }
}

impl Fetch for Beyond {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        let Some(pdp) = self.asked(&request.url) else { return self.issuers.fetch(request) };
        let answer = self.answer(pdp);
        Box::pin(async move { answer })
    }

    fn fetch_trailed(&self, request: FetchRequest) -> BoxFuture<'static, Result<Trailed, FetchError>> {
        let Some(pdp) = self.asked(&request.url) else { return self.issuers.fetch_trailed(request) };
        let answer = self.answer(pdp).map(|answer| pdp.over_grpc(&answer));
        Box::pin(async move { answer })
    }
}
