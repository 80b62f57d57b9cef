//! Who may call what: API1, API2, API5, API6.

use super::{Check, Hit, Home, Rule};
use crate::Risk;
use crate::schema::{has, takes};
use crate::view::{Api, Operation, at};

/// Words that a path or a name has where it is for those who run the service.
const ADMIN: [&str; 6] = ["admin", "internal", "manage", "management", "debug", "ops"];
/// Words of flows that machines are let loose on.
const FLOWS: [&str; 14] = [
    "login", "signin", "signup", "register", "password", "otp", "verify", "checkout", "payment", "payments",
    "purchase", "transfer", "coupon", "invite",
];
/// Operations from which on one right for all of them is too few.
const SEVERAL: usize = 4;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "object-id-free",
        risk: Risk::Api1,
        weight: 4,
        title: "ids in paths are any text",
        why: "an id that may be anything is a way to probe for other people's objects, and for whatever the service does with odd ids",
        fix: "give the path parameter a `format` (`uuid`), a `pattern`, or `type: integer` in the contract",
        home: Home::Contract,
        check: Check::Operation(object_id_free),
    },
    Rule {
        id: "object-id-guessable",
        risk: Risk::Api1,
        weight: 2,
        title: "ids in paths are numbers, and nothing counts who tries them",
        why: "numbers can be counted through; without a limit per caller nobody notices",
        fix: "write `limits: [{ per: subject, rate: … }]` for the operation, or use ids that cannot be guessed",
        home: Home::Document(&["limits"]),
        check: Check::Operation(object_id_guessable),
    },
    Rule {
        id: "objects-in-shadow",
        risk: Risk::Api1,
        weight: 6,
        title: "ids of other people's objects pass",
        why: "what is only recorded is not stopped",
        fix: "run `yett promote objects`, with the binding behind it where only that is in shadow: it says whom that harms, and writes it",
        home: Home::Document(&["objects"]),
        check: Check::Operation(objects_in_shadow),
    },
    Rule {
        id: "anonymous-write",
        risk: Risk::Api2,
        weight: 15,
        title: "anyone may change something",
        why: "a call that changes something should say who makes it",
        fix: "give the operation `security` in the contract, or `unsecured: authenticated` in the configuration",
        home: Home::Contract,
        check: Check::Operation(anonymous_write),
    },
    Rule {
        id: "anonymous-read",
        risk: Risk::Api2,
        weight: 3,
        title: "anyone may read",
        why: "what needs no credential is everybody's, and is read by whoever finds it",
        fix: "give the operation `security` in the contract, unless it is meant to be public",
        home: Home::Contract,
        check: Check::Operation(anonymous_read),
    },
    Rule {
        id: "key-in-query",
        risk: Risk::Api2,
        weight: 6,
        title: "an API key travels in the query",
        why: "queries end up in logs, histories and `Referer` fields, and a key in them with them",
        fix: "declare the key with `in: header` in the contract's `securitySchemes`",
        home: Home::Contract,
        check: Check::Api(key_in_query),
    },
    Rule {
        id: "tokens-unbound",
        risk: Risk::Api2,
        weight: 2,
        title: "a stolen token can be used by whoever has it",
        why: "a bearer token is good in anyone's hands; one that is bound to a key (DPoP, mTLS) is not",
        fix: "write `sender_constrained: dpop` (or `mtls`, `any`) under the API's `authentication`, once its clients can",
        home: Home::Document(&["authentication"]),
        check: Check::Operation(tokens_unbound),
    },
    Rule {
        id: "write-without-right",
        risk: Risk::Api5,
        weight: 8,
        title: "any caller may change something",
        why: "who has any credential at all may do this: neither a scope nor a role is asked for",
        fix: "give the operation a scope in the contract's `security`, or `authorization: { require: { roles: […] } }`",
        home: Home::Contract,
        check: Check::Operation(write_without_right),
    },
    Rule {
        id: "admin-without-right",
        risk: Risk::Api5,
        weight: 9,
        title: "an administrative operation wants no right of its own",
        why: "its path says that it is for those who run the service, and what it wants has every caller",
        fix: "write `authorization: { require: { roles: [admin] } }` for it, or serve it on a listener of its own",
        home: Home::Document(&["authorization"]),
        check: Check::Operation(admin_without_right),
    },
    Rule {
        id: "policy-in-shadow",
        risk: Risk::Api5,
        weight: 6,
        title: "calls that a policy denies pass",
        why: "what is only recorded is not stopped",
        fix: "run `yett promote pdp`: it says whom that harms, and writes it",
        home: Home::Document(&["pdp"]),
        check: Check::Operation(policy_in_shadow),
    },
    Rule {
        id: "policies-in-shadow",
        risk: Risk::Api5,
        weight: 6,
        title: "calls that no policy permits pass",
        why: "what is only recorded is not stopped",
        fix: "run `yett promote policies`: it says whom that harms, and writes it",
        home: Home::Document(&["policies"]),
        check: Check::Operation(policies_in_shadow),
    },
    Rule {
        id: "policy-fails-open",
        risk: Risk::Api5,
        weight: 5,
        title: "calls pass of which a policy decision point says nothing",
        why: "whoever keeps it from answering may do what it would deny",
        fix: "take `on_error: allow` out of `pdp`: what is not decided is refused then",
        home: Home::Document(&["pdp", "on_error"]),
        check: Check::Operation(policy_fails_open),
    },
    Rule {
        id: "one-right-for-all",
        risk: Risk::Api5,
        weight: 4,
        title: "one right opens every operation",
        why: "reading and changing want the same, so whoever may look may also delete",
        fix: "part the scopes in the contract: at least reading from writing",
        home: Home::Contract,
        check: Check::Api(one_right_for_all),
    },
    Rule {
        id: "flow-unlimited",
        risk: Risk::Api6,
        weight: 5,
        title: "a sensitive flow has no limit of its own",
        why: "its name says that it is worth a machine's while: guessing passwords, buying up, sending invitations",
        fix: "write `limits` for the operation, `per: address` where callers are not known yet, and far below the API's",
        home: Home::Document(&["operations"]),
        check: Check::Operation(flow_unlimited),
    },
];

fn ids<'o>(operation: &'o Operation<'_>) -> impl Iterator<Item = (&'o str, &'o serde_json::Value)> {
    let parameters = operation.parameters().filter(|(place, _, _)| *place == "path");
    parameters.map(|(_, name, json)| (name, operation.schemas.target(&json["schema"])))
}

fn object_id_free(operation: &Operation<'_>) -> Hit {
    let free = |schema: &serde_json::Value| {
        !has(schema, &["pattern", "format", "enum", "const", "allOf", "anyOf", "oneOf"])
            && !["integer", "number", "boolean"].iter().any(|kind| takes(schema, kind))
    };
    let (name, _) = ids(operation).find(|(_, schema)| free(schema))?;
    Some(format!("`{{{name}}}` takes any text"))
}

fn objects_in_shadow(operation: &Operation<'_>) -> Hit {
    operation.in_shadow("objects")
}

fn policy_in_shadow(operation: &Operation<'_>) -> Hit {
    operation.in_shadow("pdp")
}

fn policies_in_shadow(operation: &Operation<'_>) -> Hit {
    operation.in_shadow("policies")
}

fn policy_fails_open(operation: &Operation<'_>) -> Hit {
    (operation.setting(&["pdp", "on_error"]) == "allow").then(|| String::from("`pdp.on_error` is `allow`"))
}

fn object_id_guessable(operation: &Operation<'_>) -> Hit {
    let (name, _) = ids(operation).find(|(_, schema)| takes(schema, "integer"))?;
    operation.limits().next().is_none().then(|| format!("`{{{name}}}` is a number, and no limit holds"))
}

fn anonymous_write(operation: &Operation<'_>) -> Hit {
    (operation.writes() && operation.is_anonymous()).then(|| String::from("it wants no credential"))
}

fn anonymous_read(operation: &Operation<'_>) -> Hit {
    (!operation.writes() && operation.is_anonymous()).then(|| String::from("it wants no credential"))
}

fn key_in_query(api: &Api<'_>) -> Hit {
    let name = api.facts.keys_in_query.first()?;
    Some(format!("the security scheme `{name}` has its key in the query"))
}

fn tokens_unbound(operation: &Operation<'_>) -> Hit {
    let demanded = at(operation.json, &["sender_constrained", "demanded"]).as_object()?;
    let free = demanded.values().any(serde_json::Value::is_null) && operation.json["certificate"] != true;
    let called = !operation.is_anonymous() && !operation.is_closed();
    (operation.writes() && called && free)
        .then(|| String::from("tokens need not be bound to a key of their holder"))
}

fn write_without_right(operation: &Operation<'_>) -> Hit {
    let called = !operation.is_anonymous() && !operation.is_closed();
    (operation.writes() && called && !operation.wants_right())
        .then(|| String::from("it wants neither a scope nor a role"))
}

/// Whether a name has one of these words in it, whatever parts its words.
fn says(name: &str, words: &[&str]) -> bool {
    let mut parts: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for char in name.chars() {
        // `resetPassword` and `reset-password` are two words each.
        if !char.is_alphanumeric() || (char.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        was_lower = char.is_lowercase();
        if let (true, Some(last)) = (char.is_alphanumeric(), parts.last_mut()) {
            last.extend(char.to_lowercase());
        }
    }
    parts.iter().any(|part| words.contains(&part.as_str()))
}

fn admin_without_right(operation: &Operation<'_>) -> Hit {
    if !says(operation.path, &ADMIN) || operation.is_closed() {
        return None;
    }
    let roles = operation.setting(&["authorization", "require", "roles"]);
    let role = roles.as_str().is_some_and(|role| !role.is_empty())
        || roles.as_array().is_some_and(|all| !all.is_empty());
    let own = |way: Vec<&str>| {
        way.iter().any(|need| need.strip_prefix("the scope").is_some_and(|scope| says(scope, &ADMIN)))
    };
    let scoped = !operation.is_anonymous() && operation.ways().all(own);
    (!role && !scoped).then(|| String::from("neither a role nor a scope of administrators is asked for"))
}

fn one_right_for_all(api: &Api<'_>) -> Hit {
    let held: Vec<&Operation<'_>> =
        api.operations.iter().filter(|one| !one.is_anonymous() && !one.is_closed()).collect();
    let mixed = held.iter().any(|one| one.writes()) && held.iter().any(|one| !one.writes());
    if held.len() < SEVERAL || !mixed || !held.iter().all(|one| one.wants_right()) {
        return None;
    }
    // All that is asked for, as one text.
    let wants = |one: &Operation<'_>| {
        let scopes = |way: Vec<&str>| {
            way.into_iter().filter(|need| need.starts_with("the scope")).collect::<Vec<_>>().join(", ")
        };
        let ways: Vec<String> = one.ways().map(scopes).collect();
        format!("{ways:?} {}", one.setting(&["authorization", "require"]))
    };
    let first = wants(held.first()?);
    held.iter().all(|one| wants(one) == first).then(|| format!("{} operations want the same", held.len()))
}

fn flow_unlimited(operation: &Operation<'_>) -> Hit {
    let named = says(operation.path, &FLOWS) || says(operation.id(), &FLOWS);
    (operation.writes() && named && operation.limits().next().is_none())
        .then(|| String::from("its name says what it is, and no limit holds for it"))
}
