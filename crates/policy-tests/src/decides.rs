//! The network as a case knows it: the documents of issuers, policy decision points that say what the case says, and services that are
//! asked whose an object is. A case that says nothing of them is about all else, so they allow, and an object is its own owner.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use controls::objects::{OwnerStandIn, stand_ins};
pub(crate) use controls::pdp::StandIn;
use controls::pdp::stand_in;
use engine::BoxFuture;
use engine::fetch::{Fetch, FetchError, FetchRequest, FetchResponse, Trailed};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use proxy::offline::Answer;
use spec::{Api, Document, Node, OperationRef, Strings, merge};

use crate::document::{Decides, Says, Service};
use crate::issuer::Network;
use crate::{Subject, run};

/// A section of every API and operation that has it, whole.
fn sections(document: &Document, name: &str) -> Vec<Node> {
    let mut all = Vec::new();
    for api in document.apis.values() {
        let of = |sections: &[(String, Node)]| {
            sections.iter().find(|(written, _)| written == name).map(|(_, node)| node.clone())
        };
        let base = of(&api.sections);
        all.extend(base.clone());
        for own in api.operations.iter().filter_map(|operation| of(&operation.sections)) {
            all.push(match &base {
                Some(base) => merge(base.clone(), own),
                None => own,
            });
        }
    }
    all
}

/// The policy decision points that a document names, for whichever operations.
pub(crate) fn named_by(document: &Document) -> Vec<StandIn> {
    sections(document, "pdp").iter().filter_map(stand_in).collect()
}

/// The services that a document asks whose an object is.
pub(crate) fn asked_by(document: &Document) -> Vec<OwnerStandIn> {
    sections(document, "objects").iter().flat_map(stand_ins).collect()
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

fn json_answer(status: StatusCode, body: String) -> FetchResponse {
    let media = (header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    FetchResponse { status, headers: HeaderMap::from_iter([media]), body: body.into() }
}

/// The network of one world.
#[derive(Debug)]
pub(crate) struct Beyond {
    issuers: Arc<Network>,
    pdps: Arc<[StandIn]>,
    said: Mutex<Said>,
    services: Arc<[OwnerStandIn]>,
    owners: Mutex<BTreeMap<String, Strings>>,
}

impl Beyond {
    pub(crate) fn new(subject: &Subject) -> Self {
        Self {
            issuers: Arc::clone(&subject.network),
            pdps: Arc::clone(&subject.pdps),
            said: Mutex::new(Said::Decision(true)),
            services: Arc::clone(&subject.services),
            owners: Mutex::default(),
        }
    }

    /// Objects have these owners from now on.
    pub(crate) fn own(&self, owners: BTreeMap<String, Strings>) {
        *self.owners.lock().unwrap_or_else(PoisonError::into_inner) = owners;
    }

    /// What a service answers that is asked whose an object is; `None` for another question.
    fn owner(&self, url: &str) -> Option<FetchResponse> {
        let (service, id) =
            self.services.iter().find_map(|service| service.id_in(url).map(|id| (service, id)))?;
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        let json = match owners.get(&id) {
            Some(Strings(owners)) => serde_json::json!(owners),
            None => serde_json::json!(id),
        };
        Some(json_answer(StatusCode::OK, service.says(&json.to_string())))
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
                Ok(json_answer(StatusCode::from_u16(status).unwrap_or_default(), body))
            }
        }
    }
}

impl Fetch for Beyond {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        if let Some(answer) = self.owner(&request.url) {
            return Box::pin(async move { Ok(answer) });
        }
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
