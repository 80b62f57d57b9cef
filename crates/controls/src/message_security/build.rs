//! From the section to the control of an operation.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use diagnostics::{Diagnostics, Severity};
use engine::Control;
use http::HeaderValue;
use jose::{Algorithm, KeyManagement, KeySet, OpeningKeys, Recipient, Signer};
use spec::{Mode, SecretRef, Spanned};

use super::answer::Answers;
use super::believed::{Believed, Named, issuers};
use super::check::{check, error, essence, warning};
use super::config::{
    AnswerSection, DecryptSection, EncryptSection, FieldValues, MessageSecuritySection, RequestSection,
    VerifySection,
};
use super::fields::{Fields, Values};
use super::keys::{Decrypt, Incoming, Outgoing, Recipients, Verify};
use super::request::Requests;
use super::{Form, MessageSecurity, directions, places};
use crate::pattern::Pattern;
use crate::private::vary;
use crate::scope::{ApiScope, Compiled, HeldTo, OperationKind, OperationScope, mode};

/// What operations with one section share.
struct Built {
    requests: Option<Arc<Requests>>,
    answers: Option<Arc<Answers>>,
    signers: Option<Named>,
    readers: Option<Named>,
}

/// Compiles it for an operation that goes upstream, when it has the section.
pub fn compile(scope: &OperationScope<'_>, out: &mut Diagnostics) -> Vec<Compiled> {
    let (Some(node), OperationKind::Declared | OperationKind::ImpliedHead) = (scope.section, scope.kind)
    else {
        return Vec::new();
    };
    let key = scope.section_key("message_security");
    let shared = scope.api.share(&key, || {
        let before = out.count(Severity::Error);
        let section: MessageSecuritySection = spec::read(node, out)?;
        check(&section, out);
        if out.count(Severity::Error) > before {
            return None;
        }
        build(scope.api, &section, out).map(|built| (section, built))
    });
    let Some((section, built)) = shared.as_ref().as_ref().filter(|(section, _)| section.mode != Mode::Off)
    else {
        return Vec::new();
    };
    if scope.websocket {
        let message = format!("`{}` is a WebSocket, whose messages are neither opened nor sealed", scope.id);
        error(message, node.span, "write `message_security: { mode: off }` for this operation", out);
        return Vec::new();
    }
    places::check(scope, node, section, out);
    let may_have = scope.kind == OperationKind::Declared
        && scope.contract.is_none_or(|operation| operation.request.has_body());
    // Where no body is declared, one that comes all the same is nothing that is read, and must not pass as clear text.
    let requests = built.requests.as_ref().filter(|requests| may_have || requests.required);
    if requests.is_none() && built.answers.is_none() {
        return Vec::new();
    }
    let given = built.answers.as_ref().zip(section.answer.as_ref().map(|answer| answer.span));
    directions::check(scope, requests.filter(|_| may_have), given, out);
    let believed = Believed {
        signers: issuers(scope, built.signers.as_ref().filter(|_| may_have), out),
        readers: issuers(scope, built.readers.as_ref(), out),
    };
    let control = scope.api.share(&format!("{key}:{may_have}:{believed:?}"), || MessageSecurity {
        requests: requests.cloned(),
        answers: built.answers.clone(),
        believed,
        bodies: may_have,
        enforced: section.mode == Mode::Enforce,
    });
    let mode = mode(section.mode);
    vec![Compiled {
        control: control as Arc<dyn Control>,
        mode,
        response_mode: mode,
        body_limit: None,
        held_to: HeldTo::Configuration,
        span: Some(node.span),
    }]
}

/// Reads keys; `None` when something is wrong, which has been said.
fn build(api: &ApiScope<'_>, section: &MessageSecuritySection, out: &mut Diagnostics) -> Option<Built> {
    let requests = match &section.request {
        Some(request) => Some(Arc::new(requests(api, request, out)?)),
        None => None,
    };
    let answers = match &section.answer {
        Some(answer) => Some(Arc::new(answers(api, answer, out)?)),
        None => None,
    };
    let verify = section.request.as_ref().and_then(|request| request.verify.as_ref());
    let encrypt = section.answer.as_ref().and_then(|answer| answer.encrypt.as_ref());
    Some(Built {
        requests,
        answers,
        signers: verify
            .filter(|one| one.callers.is_some())
            .map(|one| Named::new(one.issuer.clone(), one.span)),
        readers: encrypt
            .filter(|one| one.callers.is_some())
            .map(|one| Named::new(one.issuer.clone(), one.span)),
    })
}

/// Why keys cannot be used.
fn refuse_keys(keys: &Spanned<SecretRef>, why: impl std::fmt::Display, out: &mut Diagnostics) {
    let help = "keys are a JWK set (RFC 7517 section 5): `{\"keys\": […]}`, each with its `kid`";
    error(format!("the keys at `{}` cannot be used: {why}", keys.value), keys.span, help, out);
}

/// A set of keys; that it is missing has been reported with all that is.
fn key_file(api: &ApiScope<'_>, keys: &Spanned<SecretRef>) -> Option<Bytes> {
    api.gateway.secret(keys).map(|bytes| Bytes::copy_from_slice(bytes))
}

fn form(fields: &[Pattern], values: FieldValues, media_type: &str) -> Form {
    let values = match values {
        FieldValues::Json => Values::Json,
        FieldValues::Text => Values::Text,
    };
    match fields {
        [] => Form::Whole(essence(media_type).into()),
        fields => Form::Fields(Fields { at: fields.into(), values }),
    }
}

fn requests(
    api: &ApiScope<'_>,
    section: &Spanned<RequestSection>,
    out: &mut Diagnostics,
) -> Option<Requests> {
    let decrypt = match &section.decrypt {
        None => None,
        Some(decrypt) => Some(decrypting(api, decrypt, out)?),
    };
    let verify = match &section.verify {
        None => None,
        Some(verify) => Some(verifying(api, verify, out)?),
    };
    let form = form(&section.fields, section.values, &section.media_type);
    let content = match &form {
        Form::Whole(_) => essence(&section.content_type),
        Form::Fields(fields) => match fields.values {
            Values::Json => String::from("application/json"),
            Values::Text => String::from("text/plain"),
        },
    };
    Some(Requests {
        form,
        content_type: HeaderValue::from_str(&section.content_type).ok()?,
        required: section.required,
        incoming: Incoming { decrypt, verify, content: content.into() },
    })
}

fn decrypting(api: &ApiScope<'_>, section: &DecryptSection, out: &mut Diagnostics) -> Option<Decrypt> {
    let keys = match OpeningKeys::parse(key_file(api, &section.keys)?) {
        Ok(keys) => keys,
        Err(why) => {
            refuse_keys(&section.keys, why, out);
            return None;
        }
    };
    let management: Vec<_> = section.algorithms.iter().map(|one| one.get()).collect();
    let encryption: Vec<_> = section.encryption.iter().map(|one| one.get()).collect();
    let served = |one: &KeyManagement| encryption.iter().any(|encryption| keys.serve(*one, *encryption));
    if let Some(unserved) = management.iter().find(|one| !served(one)) {
        refuse_keys(&section.keys, format_args!("none of them serves `{unserved}`"), out);
        return None;
    }
    Some(Decrypt { keys, management, encryption })
}

fn verifying(api: &ApiScope<'_>, section: &VerifySection, out: &mut Diagnostics) -> Option<Verify> {
    let keys = match KeySet::parse(key_file(api, &section.keys)?) {
        Ok(keys) => keys,
        Err(why) => {
            refuse_keys(&section.keys, why, out);
            return None;
        }
    };
    let algorithms: Vec<_> = section.algorithms.iter().map(|one| one.get()).collect();
    if let Some(why) = unserved(&keys, &algorithms, section) {
        refuse_keys(&section.keys, why, out);
        return None;
    }
    if keys.spoiled() > 0 {
        let message = format!("{} of the keys at `{}` cannot be read", keys.spoiled(), section.keys.value);
        let help = "they are of a type that verifies signatures, and too short or malformed: what they sign is refused";
        warning(message, section.keys.span, help, out);
    }
    Some(Verify {
        keys,
        algorithms,
        typ: section.typ.as_deref().map(Into::into),
        callers: section.callers.as_ref().map(boxed),
    })
}

/// Why keys do not do what is said of them.
fn unserved(keys: &KeySet, algorithms: &[Algorithm], section: &VerifySection) -> Option<String> {
    if keys.is_empty() {
        return Some(String::from("none of them verifies a signature"));
    }
    if let Some(one) = algorithms.iter().find(|one| keys.tried(&[**one]) == 0) {
        return Some(format!("none of them serves `{}`", one.name()));
    }
    let wrong = |kid: &String| match keys.kids().filter(|known| known == kid).count() {
        0 => Some(format!("none has the `kid` `{kid}` of `callers`")),
        1 if algorithms.iter().any(|one| keys.serves(kid, *one)) => None,
        1 => Some(format!("that with the `kid` `{kid}` of `callers` serves none of `algorithms`")),
        _ => Some(format!("more than one has the `kid` `{kid}` of `callers`")),
    };
    section.callers.iter().flat_map(BTreeMap::values).find_map(wrong)
}

fn boxed(callers: &BTreeMap<String, String>) -> BTreeMap<Box<str>, Box<str>> {
    callers.iter().map(|(application, kid)| (application.as_str().into(), kid.as_str().into())).collect()
}

fn answers(api: &ApiScope<'_>, section: &Spanned<AnswerSection>, out: &mut Diagnostics) -> Option<Answers> {
    let sign = match &section.sign {
        None => None,
        Some(sign) => {
            let signer = Signer::new(key_file(api, &sign.keys)?, sign.kid.as_deref(), sign.algorithm.get());
            Some(signer.map_err(|why| refuse_keys(&sign.keys, why, out)).ok()?)
        }
    };
    let encrypt = match &section.encrypt {
        None => None,
        Some(encrypt) => Some(recipients(api, encrypt, out)?),
    };
    Some(Answers {
        form: form(&section.fields, section.values, &section.media_type),
        media_type: HeaderValue::from_str(&section.media_type).ok()?,
        outgoing: Outgoing { sign, encrypt },
        vary: vary(api),
    })
}

fn recipients(api: &ApiScope<'_>, section: &EncryptSection, out: &mut Diagnostics) -> Option<Recipients> {
    let keys = key_file(api, &section.keys)?;
    let mut recipient = |kid: Option<&str>| {
        let found = Recipient::new(keys.clone(), kid, section.algorithm.get(), section.encryption.get());
        found.map_err(|why| refuse_keys(&section.keys, why, out)).ok()
    };
    let Some(callers) = &section.callers else {
        return recipient(section.kid.as_deref()).map(Recipients::One);
    };
    let all = callers.iter().map(|(application, kid)| {
        recipient(Some(kid)).map(|recipient| (application.as_str().into(), recipient))
    });
    all.collect::<Option<_>>().map(Recipients::Callers)
}
