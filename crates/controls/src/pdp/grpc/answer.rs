//! What `CheckResponse` comes to. A permission has the status OK, and its response, where it has one, is one that allows; whatever else
//! has a status is a denial, or an error of the service's own where it says so.

use bytes::Bytes;
use engine::fetch::{FetchResponse, Trailed};
use engine::text::inert;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use prost::Message;

use super::messages::{
    CheckResponse, DeniedHttpResponse, Header, HeaderValueOption, HttpStatus, OkHttpResponse, Status,
};
use super::{MEDIA, STATUS, framed};
use crate::pdp::answer::{Added, Answer, REASON, few};

/// Statuses of gRPC.
const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;
const UNAVAILABLE: u16 = 14;

/// What a message comes to for who takes the header fields of these names.
pub(in crate::pdp) fn checked(names: &[HeaderName], message: &[u8]) -> Answer {
    let said =
        CheckResponse::decode(message).map_err(|error| format!("its answer is no `CheckResponse`: {error}"));
    said.and_then(|said| decided(names, said)).unwrap_or_else(|why| Answer::Nonsense(why.into()))
}

fn decided(names: &[HeaderName], said: CheckResponse) -> Result<Answer, String> {
    let CheckResponse { status, denied_response, ok_response, error_response } = said;
    // Envoy takes one that is missing for OK. Here nothing is allowed by what is not there.
    let status = status.ok_or("its answer has no `status`")?;
    let is_denied = denied_response.is_some() || error_response.is_some();
    match (status.code, ok_response, denied_response, error_response) {
        (_, Some(_), _, _) if is_denied => Err(String::from("its answer has two responses")),
        (_, _, Some(_), Some(_)) => Err(String::from("its answer has two responses")),
        (OK, None, None, None) => Ok(Answer::Allow([].into())),
        (OK, Some(ok), _, _) => Ok(Answer::Allow(added(names, ok)?)),
        (OK, None, _, _) => Err(String::from("the status of its answer allows, and its response does not")),
        (_, _, _, Some(error)) => {
            Ok(Answer::Away(format!("an error of its own: {}", why(&status, Some(&error))).into()))
        }
        (_, _, denied, None) => Ok(Answer::Deny {
            reason: why(&status, denied.as_ref()).into(),
            not_found: denied.and_then(|denied| denied.status).is_some_and(|status| status.code == 404),
        }),
    }
}

/// What a service says of its reasons: its status' text, else what callers were meant to read, else its number.
fn why(status: &Status, denied: Option<&DeniedHttpResponse>) -> Box<str> {
    let body = denied.map(|denied| denied.body.as_str()).unwrap_or_default();
    if let Some(text) = [status.message.as_str(), body].into_iter().find(|text| !text.is_empty()) {
        return inert(text, REASON);
    }
    match denied.and_then(|denied| denied.status.as_ref()) {
        Some(status) => format!("it answered {}", status.code).into(),
        None => format!("it answered with the code {}", status.code).into(),
    }
}

/// The fields that go upstream. They replace what the client sent in any case, so that one that is to be removed is one that is not
/// added; that the query is to be changed is not done, and no permission.
fn added(names: &[HeaderName], ok: OkHttpResponse) -> Result<Added, String> {
    if !ok.query_parameters_to_set.is_empty() || !ok.query_parameters_to_remove.is_empty() {
        return Err(String::from("its answer wants the query changed, which is not done"));
    }
    let named = |key: &str| names.iter().find(|name| name.as_str().eq_ignore_ascii_case(key));
    let mut all: Vec<(HeaderName, HeaderValue)> = Vec::new();
    for HeaderValueOption { header, append } in ok.headers {
        let header = header.ok_or("its answer has a header field without a name")?;
        let Some(name) = named(&header.key) else { continue };
        if !append.is_some_and(|append| append.value) {
            all.retain(|(known, _)| known != name);
        }
        all.push((name.clone(), value(&header)?));
        few(names, &all)?;
    }
    for name in ok.headers_to_remove.iter().filter_map(|key| named(key)) {
        all.retain(|(known, _)| known != name);
    }
    Ok(all.into())
}

fn value(header: &Header) -> Result<HeaderValue, String> {
    let bytes = match (header.value.as_bytes(), &*header.raw_value) {
        (text, []) => text,
        ([], raw) => raw,
        _ => return Err(format!("its answer has two values in one of `{}`", header.key)),
    };
    HeaderValue::from_bytes(bytes)
        .map_err(|_| format!("its answer has a value of `{}` that cannot be sent", header.key))
}

/// The answer of a service that says by gRPC what this status says over HTTP: 200 allows with these header fields, 5xx is an error of
/// its own, and whatever else denies.
pub(in crate::pdp) fn said(status: StatusCode, headers: &HeaderMap) -> Trailed {
    let failed = status.is_server_error();
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        let raw_value = Bytes::copy_from_slice(value.as_bytes());
        let header = Header { key: name.as_str().to_owned(), value: String::new(), raw_value };
        HeaderValueOption { header: Some(header), append: Some(super::messages::BoolValue { value: true }) }
    };
    let response = if status == StatusCode::OK {
        let ok =
            OkHttpResponse { headers: headers.iter().map(header).collect(), ..OkHttpResponse::default() };
        let status = Some(Status { code: OK, message: String::new() });
        CheckResponse { status, ok_response: Some(ok), ..CheckResponse::default() }
    } else {
        let code = HttpStatus { code: status.as_u16().into() };
        let denied = DeniedHttpResponse { status: Some(code), body: String::new() };
        let status = Some(Status { code: PERMISSION_DENIED, message: String::new() });
        CheckResponse { status, denied_response: Some(denied), ..CheckResponse::default() }
    };
    let body = if failed { Vec::new() } else { framed(&response.encode_to_vec()) };
    let ended = HeaderValue::from(if failed { UNAVAILABLE } else { 0 });
    Trailed {
        answer: FetchResponse {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, MEDIA)]),
            body: body.into(),
        },
        trailers: Some(HeaderMap::from_iter([(STATUS, ended)])),
    }
}
