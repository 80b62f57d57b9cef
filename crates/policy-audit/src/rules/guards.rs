//! Controls that do not refuse where they should: API3, API4, API8, API10.

use serde_json::Value as Json;

use super::{Check, Hit, Home, Rule};
use crate::Risk;
use crate::view::{Api, Operation};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "requests-unchecked",
        risk: Risk::Api3,
        weight: 15,
        title: "requests are not held to the contract",
        why: "the contract says what a request may be, and nobody looks",
        fix: "write `validation: { request: enforce }`; `shadow` first shows whom that would harm",
        home: Home::Document(&["validation"]),
        check: Check::Watched(requests_unchecked, "validation", "request"),
    },
    Rule {
        id: "requests-in-shadow",
        risk: Risk::Api3,
        weight: 10,
        title: "requests that violate the contract pass",
        why: "what is only recorded is not stopped",
        fix: "run `yett promote validation.request`: it says whom that harms, and writes it",
        home: Home::Document(&["validation"]),
        check: Check::Operation(requests_in_shadow),
    },
    Rule {
        id: "answers-unchecked",
        risk: Risk::Api3,
        weight: 6,
        title: "answers are not held to the contract",
        why: "data that the contract does not promise leaves without anyone's notice",
        fix: "write `validation: { response: shadow }`, and `enforce` once `yett shadow` says that it harms nobody",
        home: Home::Document(&["validation"]),
        check: Check::Watched(answers_unchecked, "validation", "response"),
    },
    Rule {
        id: "answers-in-shadow",
        risk: Risk::Api10,
        weight: 2,
        title: "answers that violate the contract leave",
        why: "what the service sends is taken on trust: what it was given by others passes to the caller",
        fix: "run `yett promote validation.response`",
        home: Home::Document(&["validation"]),
        check: Check::Operation(answers_in_shadow),
    },
    Rule {
        id: "no-limit",
        risk: Risk::Api4,
        weight: 10,
        title: "nothing bounds how often it is called",
        why: "one caller can use up what is there for all",
        fix: "write `limits: [{ per: subject, rate: 600/min }]` for the API; `mode: shadow` first shows whom that would harm",
        home: Home::Document(&["limits"]),
        check: Check::Operation(no_limit),
    },
    Rule {
        id: "limits-by-everyone",
        risk: Risk::Api4,
        weight: 3,
        title: "callers share one limit",
        why: "a limit of the whole API lets one caller lock out all others",
        fix: "add a limit `per: subject`, `per: application` or `per: address`",
        home: Home::Document(&["limits"]),
        check: Check::Operation(limits_by_everyone),
    },
    Rule {
        id: "bodies-in-shadow",
        risk: Risk::Api4,
        weight: 8,
        title: "bodies out of bounds pass",
        why: "depth, number of keys and decoded size of a body are what parsers fall over",
        fix: "write `bodies: { mode: enforce }`",
        home: Home::Document(&["bodies"]),
        check: Check::Watched(bodies_in_shadow, "bodies", "mode"),
    },
    Rule {
        id: "attacks-unseen",
        risk: Risk::Api8,
        weight: 8,
        title: "calls are not inspected",
        why: "injections in values that the contract allows reach the service",
        fix: "write `inspection: { rules: builtin, mode: shadow }`, and `enforce` once `yett shadow` says that it harms nobody",
        home: Home::Document(&["inspection"]),
        check: Check::Watched(attacks_unseen, "inspection", "mode"),
    },
    Rule {
        id: "attacks-in-shadow",
        risk: Risk::Api8,
        weight: 4,
        title: "calls that inspection takes for attacks pass",
        why: "what is only recorded is not stopped",
        fix: "run `yett promote inspection.mode`, or with the name of the rules where only some are in shadow",
        home: Home::Document(&["inspection"]),
        check: Check::Operation(attacks_in_shadow),
    },
    Rule {
        id: "views-in-shadow",
        risk: Risk::Api3,
        weight: 6,
        title: "fields that are for some callers only are shown to all",
        why: "what is only recorded is not hidden, and not kept from being set",
        fix: "run `yett promote views`, with the rule behind it where only that is in shadow: it says whom that harms, and writes it",
        home: Home::Document(&["views"]),
        check: Check::Operation(views_in_shadow),
    },
    Rule {
        id: "leaks-unseen",
        risk: Risk::Api8,
        weight: 4,
        title: "nobody looks for leaks in answers",
        why: "stack traces and messages of databases tell an attacker what to try next, and secrets what to use",
        fix: "write `leaks: { mode: shadow }`, and `enforce` once `yett shadow` says that it harms nobody",
        home: Home::Document(&["leaks"]),
        check: Check::Watched(leaks_unseen, "leaks", "mode"),
    },
    Rule {
        id: "uploads-unchecked",
        risk: Risk::Api8,
        weight: 6,
        title: "files are taken without a look at what is in them",
        why: "a program or a web page under the name of a picture is run by whoever opens it",
        fix: "write `uploads: { mode: enforce, types: […] }`",
        home: Home::Document(&["uploads"]),
        check: Check::Watched(uploads_unchecked, "uploads", "mode"),
    },
    Rule {
        id: "origins-any",
        risk: Risk::Api8,
        weight: 5,
        title: "pages of any origin may call",
        why: "whatever page a user opens can call the API from their browser, and read the answers",
        fix: "name the origins: `cors: { origins: [https://shop.example.com] }`",
        home: Home::Document(&["cors"]),
        check: Check::Operation(origins_any),
    },
    Rule {
        id: "unread-bodies",
        risk: Risk::Api8,
        weight: 4,
        title: "bodies that nothing can read pass",
        why: "what is not read is not checked by any control",
        fix: "take `opaque: accept` out of `validation`, or declare a media type that can be read",
        home: Home::Document(&["validation"]),
        check: Check::Operation(unread_bodies),
    },
    Rule {
        id: "contract-unenforced",
        risk: Risk::Api8,
        weight: 4,
        title: "parts of the contract are accepted not to be enforced",
        why: "the contract promises what nobody holds anyone to",
        fix: "write these parts so that they can be enforced: `yett check` names them when `accept_unenforced` is gone",
        home: Home::Document(&["accept_unenforced"]),
        check: Check::Api(contract_unenforced),
    },
];

/// Whether a control that the contract gives something to look at says this.
fn validation<'o>(operation: &'o Operation<'_>, side: &str) -> &'o str {
    if operation.mode("validation").is_none() {
        return "off";
    }
    operation.setting(&["validation", side]).as_str().unwrap_or("off")
}

fn has_request(operation: &Operation<'_>) -> bool {
    operation.json["request"].is_object()
}

fn has_answers(operation: &Operation<'_>) -> bool {
    operation.answers().next().is_some()
}

fn requests_unchecked(operation: &Operation<'_>) -> Hit {
    (has_request(operation) && validation(operation, "request") == "off")
        .then(|| String::from("`validation.request` is off"))
}

fn requests_in_shadow(operation: &Operation<'_>) -> Hit {
    (has_request(operation) && validation(operation, "request") == "shadow")
        .then(|| String::from("`validation.request` is in shadow"))
}

fn answers_unchecked(operation: &Operation<'_>) -> Hit {
    (has_answers(operation) && validation(operation, "response") == "off")
        .then(|| String::from("`validation.response` is off"))
}

fn answers_in_shadow(operation: &Operation<'_>) -> Hit {
    (has_answers(operation) && validation(operation, "response") == "shadow")
        .then(|| String::from("`validation.response` is in shadow"))
}

fn no_limit(operation: &Operation<'_>) -> Hit {
    operation.limits().next().is_none().then(|| match operation.mode("limits") {
        Some("shadow") => String::from("its limits are in shadow"),
        _ => String::from("no limit holds"),
    })
}

fn limits_by_everyone(operation: &Operation<'_>) -> Hit {
    let mut limits = operation.limits().peekable();
    limits.peek()?;
    limits.all(|limit| limit["per"] == "api").then(|| String::from("its limits count all callers together"))
}

fn takes_body(operation: &Operation<'_>) -> bool {
    operation.bodies().next().is_some()
}

fn bodies_in_shadow(operation: &Operation<'_>) -> Hit {
    let word = operation.setting(&["bodies", "mode"]).as_str().unwrap_or("off");
    let seen = operation.mode("bodies").is_some();
    match (takes_body(operation), seen, word) {
        (true, true, "shadow") => Some(String::from("`bodies.mode` is in shadow")),
        (true, false, _) => Some(String::from("`bodies.mode` is off")),
        _ => None,
    }
}

fn attacks_unseen(operation: &Operation<'_>) -> Hit {
    operation.mode("inspection").is_none().then(|| String::from("no inspection looks at it"))
}

fn attacks_in_shadow(operation: &Operation<'_>) -> Hit {
    let whole =
        operation.mode("inspection").is_some() && operation.setting(&["inspection", "mode"]) == "shadow";
    let some = || operation.in_shadow("inspection").filter(|said| said.contains("`inspection.modes."));
    whole.then(|| String::from("`inspection.mode` is in shadow")).or_else(some)
}

fn views_in_shadow(operation: &Operation<'_>) -> Hit {
    operation.in_shadow("views")
}

fn leaks_unseen(operation: &Operation<'_>) -> Hit {
    operation.mode("leaks").is_none().then(|| String::from("nothing looks through its answers"))
}

/// Media types in which files come.
fn is_upload(media: &str) -> bool {
    let media = media.to_ascii_lowercase();
    media.starts_with("multipart/form-data")
        || media.starts_with("image/")
        || media.starts_with("application/octet-stream")
        || media.starts_with("application/pdf")
        || media.starts_with("application/zip")
}

fn uploads_unchecked(operation: &Operation<'_>) -> Hit {
    let (media, _) = operation.bodies().find(|(media, _)| is_upload(media))?;
    (!operation.enforces("uploads")).then(|| format!("files of `{media}` are not checked"))
}

fn origins_any(operation: &Operation<'_>) -> Hit {
    let origins = operation.setting(&["cors", "origins"]).as_array()?;
    origins.iter().any(|origin| origin == "*").then(|| String::from("`cors.origins` has `*`"))
}

fn unread_bodies(operation: &Operation<'_>) -> Hit {
    (takes_body(operation) && operation.setting(&["validation", "opaque"]) == "accept")
        .then(|| String::from("`validation.opaque` is `accept`"))
}

fn contract_unenforced(api: &Api<'_>) -> Hit {
    let count = api.facts.accepted;
    (count > 0).then(|| format!("{count} parts of the contract are accepted without being enforced"))
}

/// Whether a value of the description is switched on.
pub(crate) fn is_on(value: &Json) -> bool {
    *value == Json::Bool(true)
}
