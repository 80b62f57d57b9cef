//! What is served, and who knows of it: API9.

use serde_json::Value as Json;

use super::{Check, Hit, Home, Rule};
use crate::Risk;
use crate::view::{Api, Operation, at};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "no-contract",
        risk: Risk::Api9,
        weight: 100,
        title: "there is no contract",
        why: "nobody says what a call or an answer may be, so that nothing can be held to it",
        fix: "write an OpenAPI document for the service, and `contract: openapi.yaml`",
        home: Home::Document(&["contract"]),
        check: Check::Api(no_contract),
    },
    Rule {
        id: "deprecated-served",
        risk: Risk::Api9,
        weight: 3,
        title: "an operation is deprecated and served",
        why: "old operations are those that nobody mends any more",
        fix: "take it out of the contract when its last caller is gone: `yett events --operation NAME` says who that is",
        home: Home::Contract,
        check: Check::Operation(deprecated_served),
    },
    Rule {
        id: "no-owner",
        risk: Risk::Api9,
        weight: 2,
        title: "nobody is said to own it",
        why: "when something happens to it, nobody knows whom to tell",
        fix: "write `owner: team@example.com`",
        home: Home::Document(&["owner"]),
        check: Check::Api(no_owner),
    },
    Rule {
        id: "any-host",
        risk: Risk::Api9,
        weight: 2,
        title: "it answers to every host name",
        why: "names that nobody meant (of a test, of an old domain) reach it as well as its own",
        fix: "write `hosts: [api.example.com]`",
        home: Home::Document(&["hosts"]),
        check: Check::Api(any_host),
    },
    Rule {
        id: "operation-unreachable",
        risk: Risk::Api9,
        weight: 2,
        title: "an operation refuses every call",
        why: "none of the credentials that it takes can be verified here: it is in the contract, and nobody can use it",
        fix: "bind its security scheme under `authentication`, or take it out of the contract",
        home: Home::Contract,
        check: Check::Operation(operation_unreachable),
    },
];

fn no_contract(api: &Api<'_>) -> Hit {
    (api.json["contract"] == Json::Bool(false)).then(|| String::from("`contract` is `none`"))
}

fn deprecated_served(operation: &Operation<'_>) -> Hit {
    operation.deprecated.then(|| String::from("the contract calls it deprecated"))
}

fn no_owner(api: &Api<'_>) -> Hit {
    let owner = at(api.json, &["settings", "owner"]).as_str().unwrap_or_default();
    owner.is_empty().then(|| String::from("it has no `owner`"))
}

fn any_host(api: &Api<'_>) -> Hit {
    let hosts = at(api.json, &["settings", "hosts"]).as_array().map_or(0, Vec::len);
    (hosts == 0).then(|| String::from("it has no `hosts`"))
}

fn operation_unreachable(operation: &Operation<'_>) -> Hit {
    operation.is_closed().then(|| String::from("nobody can be let in"))
}
