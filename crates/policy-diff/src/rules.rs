//! Which way a setting goes: the one table that says for each key whether more of it lets more through.
//!
//! A key that is not here has no known direction, and a change of it counts as weaker.

/// How values of a key compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A larger number, or a longer time, lets more through.
    MoreIsWeaker,
    /// It lets less through.
    MoreIsStricter,
    /// Each entry lets something more through.
    Grants,
    /// The same, and without the key everything passes.
    GrantsOrAll,
    /// Each entry is one more who is believed; without the key it is the only one there is.
    Believes,
    /// Each entry is one more demand.
    Demands,
    /// `true` lets more through.
    TrueIsWeaker,
    /// It lets less through.
    TrueIsStricter,
    /// Nothing of what passes depends on it.
    Neutral,
    /// Not known.
    Unknown,
}

/// Words from the strictest on; a list is tried when both values are in it. What stands for a missing key is `-`.
pub(crate) const RANKS: &[&[&str]] = &[
    &["enforce", "shadow", "off"],
    &["refuse", "strip", "report", "allow"],
    &["refuse", "mask", "tag", "ignore"],
    &["refuse", "accept"],
    &["remove", "mask"],
    &["refuse", "inspect"],
    &["refuse", "serve"],
    &["required", "optional", "-"],
    &["required", "off"],
    // What a policy decision point is told of bodies.
    &["json", "none"],
    &["dpop", "any", "-"],
    &["mtls", "any", "-"],
    &["all", "opaque"],
    &["rfc9068", "lenient"],
    &["1.3", "1.2"],
    &["-", "authenticated", "anonymous"],
    // What an opaque subject of an event means.
    &["subject", "refused", "-"],
    &["session", "refused", "-"],
    // What a service is sent in place of a caller's credential.
    &["strip", "pass"],
    &["exchange", "pass"],
    &["client_credentials", "pass"],
];

/// The kind of a key, by its path in dots. The first line that fits counts.
pub(crate) fn kind(path: &str) -> Kind {
    let last = path.rsplit('.').next().unwrap_or_default();
    if let Some(kind) = of_section(path, last) {
        return kind;
    }
    let below = |part: &str| path.split('.').any(|one| one == part);
    let neutral = [
        "deadlines",
        "pool",
        "outliers",
        "slow_start",
        "retries",
        "health",
        "breakers",
        "balance",
        "record",
        "shedding",
    ];
    if neutral.iter().any(|part| below(part)) {
        return Kind::Neutral;
    }
    match last {
        "owner" | "data" | "weight" | "canonical" | "remember" | "keep" | "timeout" | "version" | "name"
            if !below("json") && !below("xml") && !below("form") && !below("multipart") =>
        {
            Kind::Neutral
        }
        "max" | "ratio" | "depth" | "values" | "members" | "items" | "name" | "string" | "number"
        | "elements" | "attributes" | "value" | "text" | "namespaces" | "namespace" | "comment"
        | "fields" | "parts" | "files" | "filename" | "part" | "entries" | "size" | "leeway" | "max_age"
        | "inbound" | "outbound" | "arguments" | "burst" | "rate" | "head" | "head_timeout" | "idle"
        | "streams" => Kind::MoreIsWeaker,
        "window" if below("dpop") => Kind::MoreIsWeaker,
        // Of a listener.
        "total" | "address" if below("connections") => Kind::MoreIsWeaker,
        "paranoia" => Kind::MoreIsStricter,
        "types" | "algorithms" | "hosts" | "listeners" | "methods" => Kind::GrantsOrAll,
        "origins" | "headers" | "expose" | "codings" | "exclude" | "accept" | "trusted_hops"
        | "proxy_protocol" | "audience" | "issuers" | "allow" | "accept_unenforced" => Kind::Grants,
        "source" | "authorities" | "signers" | "users" | "webhook" if below("authentication") => Kind::Grants,
        // What a preset sets is written out beside it.
        "preset" => Kind::Neutral,
        "forward" if below("authentication") => Kind::TrueIsWeaker,
        // Under another one, no key that was given out is known any more.
        "key" if path == "store.key" => Kind::Neutral,
        "scopes" | "roles" if below("require") => Kind::Demands,
        "extensions" | "strip" | "scan" | "client_crls" | "remove" | "pins" => Kind::Demands,
        "credentials" | "local" => Kind::TrueIsWeaker,
        _ => Kind::Unknown,
    }
}

/// The kind of a key in a section that has words of its own.
fn of_section(path: &str, last: &str) -> Option<Kind> {
    if let Some(last) = path.strip_prefix("policies.") {
        return Some(of_policies(last));
    }
    let below = |part: &str| path.split('.').any(|one| one == part);
    // Of these a list names all who pass; without it, as without the rule that it is of, everybody does.
    let callers = matches!(last, "to" | "by") && below("views") || last == "except" && below("bindings");
    if callers || below("require") && (matches!(last, "any" | "acr_values") || below("claims")) {
        return Some(Kind::GrantsOrAll);
    }
    match last {
        "places" if below("bindings") => return Some(Kind::Demands),
        "at" | "asked_by" if below("views") => return Some(Kind::Demands),
        // A binding that is new is stricter; that another claim has fewer objects in it is not known.
        "claim" if below("bindings") => return Some(Kind::MoreIsStricter),
        "refuse" if below("objects") => return Some(Kind::Neutral),
        "undeclared" if below("bindings") || below("views") || below("message_security") => {
            return Some(Kind::Neutral);
        }
        "shown_at" | "clear_at" if below("views") || below("message_security") => return Some(Kind::Neutral),
        "operations" if below("modes") => return Some(Kind::GrantsOrAll),
        // In shadow, and what was before: neither refuses anything.
        "next" | "before" if below("inspection") => return Some(Kind::Neutral),
        "by_issue" => return Some(Kind::TrueIsWeaker),
        // For them personal data in answers is.
        "to" if below("personal") => return Some(Kind::Grants),
        "deadline" | "token" if below("owner") => return Some(Kind::Neutral),
        // It asks for nothing by itself.
        "administrative" => return Some(Kind::Neutral),
        "roles_issuer" => return Some(Kind::Believes),
        "issuer" if below("require") || below("bindings") => return Some(Kind::Believes),
        _ => {}
    }
    Some(match () {
        () if below("hsts") => match last {
            "max_age" => Kind::MoreIsStricter,
            _ => Kind::TrueIsStricter,
        },
        () if below("websocket") => match last {
            "message" | "frame" | "rate" | "burst" | "idle" | "lifetime" => Kind::MoreIsWeaker,
            "origins" | "subprotocols" => Kind::Grants,
            _ => Kind::Unknown,
        },
        // How long what was allowed once goes on.
        () if below("deadlines") && last == "lifetime" => Kind::MoreIsWeaker,
        () if below("networks") => match last {
            "allow" => Kind::GrantsOrAll,
            "deny" => Kind::Demands,
            _ => Kind::Unknown,
        },
        () if below("message_security") => match last {
            "algorithms" | "encryption" => Kind::GrantsOrAll,
            "required" => Kind::TrueIsStricter,
            // Other fields, keys and callers: who can say that they are more.
            _ => Kind::Unknown,
        },
        () if path.starts_with("pdp.") => of_pdp(last),
        () if path.starts_with("grants.") => Kind::Grants,
        // Of each claim a list names what it may say; without it, it may say anything.
        () if path.starts_with("require_claims.") => Kind::GrantsOrAll,
        () if below("introspection") => of_introspection(last),
        () if path.starts_with("signers.") => of_signers(last),
        () if path.starts_with("webhook.") => of_webhook(last),
        () if path.starts_with("sign.") => of_signing(last),
        () if below("upstream_identity") => of_upstream_identity(last),
        () if below("token_endpoint") => of_token_endpoint(last),
        () if path.starts_with("revocation.") => of_revocation(last),
        () if path.starts_with("state.redis.") => of_state(last),
        () if path.starts_with("notify.") || path.starts_with("telemetry.") => of_telling(last),
        () => return None,
    })
}

fn of_introspection(last: &str) -> Kind {
    match last {
        "max_age" => Kind::MoreIsWeaker,
        "audience" | "signed" => Kind::TrueIsStricter,
        // How the gateway proves who it is, and how long it waits before it refuses.
        "client_authentication" | "client_secret" | "client_key" | "deadline" => Kind::Neutral,
        _ => Kind::Unknown,
    }
}

/// A decision point that knows less can refuse less by it, and one that is another may do as it likes.
fn of_pdp(last: &str) -> Kind {
    match last {
        "max_age" => Kind::MoreIsWeaker,
        "include" | "claims" => Kind::Demands,
        // What the service is told of the caller.
        "headers" => Kind::Grants,
        "token" | "deadline" | "refuse" => Kind::Neutral,
        _ => Kind::Unknown,
    }
}

/// Policies are compared one by one, whichever file or template they come from.
fn of_policies(path: &str) -> Kind {
    match path.split('.').next().unwrap_or_default() {
        "permits" => Kind::Grants,
        "forbids" => Kind::Demands,
        "files" | "links" | "refuse" => Kind::Neutral,
        "issuer" => Kind::Believes,
        // What they are told: a claim of another type, a value from elsewhere.
        _ => Kind::Unknown,
    }
}

/// Who signs, and by which key, is let in; what signatures have to cover and to say keeps others out.
fn of_signers(last: &str) -> Kind {
    match last {
        "subject" | "application" | "scopes" | "roles" | "public" | "secret" | "jwks" | "algorithm" => {
            Kind::Grants
        }
        "components" | "tag" => Kind::Demands,
        "max_age" => Kind::MoreIsWeaker,
        _ => Kind::Unknown,
    }
}

/// Who signs by a secret or a key of a sender of webhooks is let in, with its rights.
fn of_webhook(last: &str) -> Kind {
    match last {
        "secrets" | "keys" | "scopes" | "roles" => Kind::Grants,
        "tolerance" => Kind::MoreIsWeaker,
        _ => Kind::Unknown,
    }
}

/// By what a service knows that a call came through the gateway.
fn of_signing(last: &str) -> Kind {
    match last {
        "key" | "components" => Kind::Demands,
        "expires" => Kind::MoreIsWeaker,
        "keyid" | "algorithm" | "label" | "tag" => Kind::Neutral,
        _ => Kind::Unknown,
    }
}

/// What a service is told of callers lets none of them through; what it may do with a token of theirs is the issuer's to say.
fn of_upstream_identity(last: &str) -> Kind {
    match last {
        "max_age" | "lifetime" => Kind::MoreIsWeaker,
        "claims" => Kind::Grants,
        "header" | "workload" => Kind::Neutral,
        // Of an assertion, which is told beside whatever else the service goes by.
        "enabled" => Kind::Neutral,
        _ => Kind::Unknown,
    }
}

fn of_token_endpoint(last: &str) -> Kind {
    match last {
        "client_authentication" | "client_secret" | "client_key" | "deadline" => Kind::Neutral,
        _ => Kind::Unknown,
    }
}

/// Who is told changes nothing of a call; on which ways it leaves the gateway does matter.
fn of_telling(last: &str) -> Kind {
    match last {
        "allow_private" | "allow_cleartext" => Kind::TrueIsWeaker,
        _ => Kind::Neutral,
    }
}

/// What is revoked passes no more: who may say less of it, or is heard less, lets more through.
fn of_revocation(last: &str) -> Kind {
    match last {
        "issuers" | "audience" | "secret" | "url" => Kind::Demands,
        "rate" | "max_age" => Kind::MoreIsStricter,
        "any" | "api_key" => Kind::TrueIsStricter,
        "every" => Kind::MoreIsWeaker,
        "bind" | "wait" => Kind::Neutral,
        _ => Kind::Unknown,
    }
}

/// Who counts with others lets less through than who counts alone, and so do those who share more; where that is, and how it is
/// reached, says nothing of it.
fn of_state(last: &str) -> Kind {
    match last {
        "timeout" | "username" | "password" | "ca" => Kind::Neutral,
        "tls" => Kind::TrueIsStricter,
        "accept" => Kind::Grants,
        _ => Kind::Unknown,
    }
}

/// A number with its unit as one figure: times in milliseconds, sizes in bytes, rates in calls a second.
pub(crate) fn figure(text: &str) -> Option<f64> {
    if let Ok(number) = text.parse::<f64>() {
        return Some(number);
    }
    if let Ok(rate) = text.parse::<spec::Rate>() {
        return Some(
            f64::from(u32::try_from(rate.count()).unwrap_or(u32::MAX)) / rate.window().as_secs_f64(),
        );
    }
    if let Ok(time) = text.parse::<spec::Duration>() {
        return Some(time.get().as_secs_f64() * 1_000.0);
    }
    text.parse::<spec::Size>().ok().map(|size| size.bytes() as f64)
}
