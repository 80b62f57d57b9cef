//! The gateway's own settings: listeners, issuers, upstreams, admission, records. API2, API4, API8, API10.

use serde_json::Value as Json;

use super::guards::is_on;
use super::{Check, Hits, Home, Rule};
use crate::Risk;
use crate::view::{Whole, at};

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "clear-text",
        risk: Risk::Api8,
        weight: 12,
        title: "calls come in clear text from other machines",
        why: "tokens, keys and data can be read and changed by whoever is on the way",
        fix: "give the listener `tls: { certificate: …, key: … }` and take `accept: [cleartext]` out",
        home: Home::Document(&["listeners"]),
        check: Check::Gateway(clear_text),
    },
    Rule {
        id: "tls-old",
        risk: Risk::Api8,
        weight: 2,
        title: "TLS 1.2 is spoken",
        why: "TLS 1.3 has no weak ciphers, no renegotiation, and hides the server's certificate",
        fix: "write `min_version: \"1.3\"`, unless a client of yours cannot",
        home: Home::Document(&["listeners"]),
        check: Check::Gateway(tls_old),
    },
    Rule {
        id: "admin-reachable",
        risk: Risk::Api8,
        weight: 5,
        title: "the admin listener can be reached from other machines",
        why: "names of APIs, operations and issuers, and how much is called, are there for whoever asks",
        fix: "write `admin: { bind: 127.0.0.1:9901 }`, or a network of operators' own",
        home: Home::Document(&["admin"]),
        check: Check::Gateway(admin_reachable),
    },
    Rule {
        id: "local-issuer",
        risk: Risk::Api2,
        weight: 6,
        title: "the gateway signs tokens itself",
        why: "the built-in issuer is for the first minutes and for tests: whoever is on the machine can make any token",
        fix: "name your identity provider: `issuer: https://…`",
        home: Home::Document(&["issuers"]),
        check: Check::Gateway(local_issuer),
    },
    Rule {
        id: "token-type-lenient",
        risk: Risk::Api2,
        weight: 2,
        title: "tokens of other kinds are taken as access tokens",
        why: "an ID token of the same issuer has a good signature, too; its type tells it from an access token (RFC 9068)",
        fix: "write `typ: rfc9068` for the issuer, if it writes `at+jwt`",
        home: Home::Document(&["issuers"]),
        check: Check::Gateway(token_type_lenient),
    },
    Rule {
        id: "clock-leeway",
        risk: Risk::Api2,
        weight: 2,
        title: "tokens are taken long after their end",
        why: "what an issuer ended goes on for as long as the leeway says",
        fix: "write `leeway: 10s`, and keep the clocks right",
        home: Home::Document(&["issuers"]),
        check: Check::Gateway(clock_leeway),
    },
    Rule {
        id: "caller-by-common-name",
        risk: Risk::Api2,
        weight: 3,
        title: "callers are known by the common name of their certificate",
        why: "no standard says what may stand in a common name, and authorities let much of it pass",
        fix: "write `subject: uri-san` or `dns-san` for the authorities, and have certificates made with such a name",
        home: Home::Document(&["authorities"]),
        check: Check::Gateway(caller_by_common_name),
    },
    Rule {
        id: "certificates-unlisted",
        risk: Risk::Api2,
        weight: 3,
        title: "no list says which client certificates were revoked",
        why: "a certificate whose key was stolen proves its caller until it ends, which may be in a year",
        fix: "write `client_crls` beside the listener's `client_ca`",
        home: Home::Document(&["listeners"]),
        check: Check::Gateway(certificates_unlisted),
    },
    Rule {
        id: "signatures-repeatable",
        risk: Risk::Api2,
        weight: 3,
        title: "signed calls are good again and again while they are fresh",
        why: "who sees a signed call can send it once more, as often as `max_age` has time for",
        fix: "write `nonce: required` for the signers",
        home: Home::Document(&["signers"]),
        check: Check::Gateway(signatures_repeatable),
    },
    Rule {
        id: "guessing-unlimited",
        risk: Risk::Api2,
        weight: 8,
        title: "credentials may be guessed at without a limit",
        why: "each address may fail as often as it likes",
        fix: "write `admission: { failures: { mode: enforce } }`",
        home: Home::Document(&["admission"]),
        check: Check::Gateway(guessing_unlimited),
    },
    Rule {
        id: "anonymous-unlimited",
        risk: Risk::Api4,
        weight: 6,
        title: "calls without a credential are not limited",
        why: "whoever has no credential can keep the gateway busy",
        fix: "write `admission: { anonymous: { mode: enforce } }`",
        home: Home::Document(&["admission"]),
        check: Check::Gateway(anonymous_unlimited),
    },
    Rule {
        id: "decisions-unkept",
        risk: Risk::Api8,
        weight: 6,
        title: "no decision is kept",
        why: "nobody can say afterwards who was refused and why, and nothing in shadow can be judged",
        fix: "write `record: { decisions: { enabled: true } }`",
        home: Home::Document(&["record"]),
        check: Check::Settable(decisions_unkept, &["record", "decisions", "enabled"], "true"),
    },
    Rule {
        id: "access-unlogged",
        risk: Risk::Api8,
        weight: 3,
        title: "there is no access log",
        why: "who called what cannot be told after an incident",
        fix: "write `record: { access_log: stdout }` or a file",
        home: Home::Document(&["record"]),
        check: Check::Settable(access_unlogged, &["record", "access_log"], "stdout"),
    },
    Rule {
        id: "sink-clear-text",
        risk: Risk::Api8,
        weight: 4,
        title: "events leave in clear text for another machine",
        why: "who called what, and what was refused, can be read on the way, and kept from arriving",
        fix: "write the sink with `https://`, and take `allow_cleartext` out",
        home: Home::Document(&["notify", "sinks"]),
        check: Check::Gateway(sink_clear_text),
    },
    Rule {
        id: "upstream-clear-text",
        risk: Risk::Api10,
        weight: 6,
        title: "calls go on in clear text to another machine",
        why: "what TLS protected up to here can be read and changed on the way to the service, and so can its answers",
        fix: "write the target with `https://`",
        home: Home::Document(&["upstreams"]),
        check: Check::Gateway(upstream_clear_text),
    },
    Rule {
        id: "upstream-patient",
        risk: Risk::Api10,
        weight: 2,
        title: "a service may take minutes to answer",
        why: "calls to a service that hangs pile up here and at the callers",
        fix: "write `deadlines: { first_byte: 30s }` for the upstream",
        home: Home::Document(&["upstreams"]),
        check: Check::Gateway(upstream_patient),
    },
];

/// Longest leeway, in seconds.
const LEEWAY: u64 = 60;
/// Longest wait for an answer, in seconds.
const ANSWER: u64 = 120;

/// Members of a group of the description.
fn group<'j>(whole: &Whole<'j>, name: &str) -> Vec<(&'j str, &'j Json)> {
    at(whole.json, &[name])
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, one)| (name.as_str(), one))
        .collect()
}

fn accepts(one: &Json, danger: &str) -> bool {
    one["accept"].as_array().into_iter().flatten().any(|word| word == danger)
}

/// Whether other machines can reach an address to listen on.
fn is_reachable(bind: &str) -> bool {
    let host = bind.rsplit_once(':').map_or(bind, |(host, _)| host);
    !bind.starts_with("unix:") && !is_loopback(host)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Seconds of a time as the document writes it; what cannot be read is none.
fn seconds(value: &Json) -> u64 {
    let time = value.as_str().and_then(|text| text.parse::<spec::Duration>().ok());
    time.map_or(0, |time| time.get().as_secs())
}

fn clear_text(whole: &Whole<'_>) -> Hits {
    let bare = |one: &Json| one["tls"].is_null() && is_reachable(one["bind"].as_str().unwrap_or_default());
    let accepted = accepts(at(whole.json, &["gateway"]), "cleartext");
    let open = group(whole, "listeners")
        .into_iter()
        .filter(|(_, one)| bare(one) && (accepted || accepts(one, "cleartext")));
    open.map(|(name, one)| {
        (
            Some(name.to_owned()),
            format!("`{}` is served without TLS", one["bind"].as_str().unwrap_or_default()),
        )
    })
    .collect()
}

fn tls_old(whole: &Whole<'_>) -> Hits {
    let old = group(whole, "listeners")
        .into_iter()
        .filter(|(_, one)| one["tls"].is_object() && at(one, &["tls", "min_version"]) != "1.3");
    old.map(|(name, _)| (Some(name.to_owned()), String::from("TLS from 1.2 on"))).collect()
}

fn admin_reachable(whole: &Whole<'_>) -> Hits {
    let bind = at(whole.json, &["gateway", "admin", "bind"]).as_str().unwrap_or_default();
    if !bind.is_empty() && is_reachable(bind) {
        vec![(None, format!("it is bound to `{bind}`"))]
    } else {
        Vec::new()
    }
}

fn local_issuer(whole: &Whole<'_>) -> Hits {
    let local = group(whole, "issuers").into_iter().filter(|(_, one)| is_on(&one["local"]));
    local.map(|(name, _)| (Some(name.to_owned()), String::from("it is the built-in one"))).collect()
}

fn token_type_lenient(whole: &Whole<'_>) -> Hits {
    let lenient =
        |one: &Json| !is_on(&one["local"]) && !["rfc9068", "id-token"].map(Json::from).contains(&one["typ"]);
    let all = group(whole, "issuers").into_iter().filter(|(_, one)| lenient(one));
    all.map(|(name, _)| (Some(name.to_owned()), String::from("`typ` is lenient"))).collect()
}

fn clock_leeway(whole: &Whole<'_>) -> Hits {
    let wide = group(whole, "issuers").into_iter().filter(|(_, one)| seconds(&one["leeway"]) > LEEWAY);
    wide.map(|(name, one)| {
        (Some(name.to_owned()), format!("`leeway` is {}", one["leeway"].as_str().unwrap_or_default()))
    })
    .collect()
}

fn caller_by_common_name(whole: &Whole<'_>) -> Hits {
    let named = group(whole, "authorities").into_iter().filter(|(_, one)| one["subject"] == "common-name");
    named.map(|(name, _)| (Some(name.to_owned()), String::from("`subject` is common-name"))).collect()
}

fn signatures_repeatable(whole: &Whole<'_>) -> Hits {
    let open = group(whole, "signers").into_iter().filter(|(_, one)| one["nonce"] == "off");
    open.map(|(name, _)| (Some(name.to_owned()), String::from("`nonce` is off"))).collect()
}

fn certificates_unlisted(whole: &Whole<'_>) -> Hits {
    let file = |value: &Json| {
        let text = value.as_str()?;
        Some(text.strip_prefix("file:").unwrap_or(text).to_owned())
    };
    let proving: Vec<String> =
        group(whole, "authorities").into_iter().filter_map(|(_, one)| file(&one["client_ca"])).collect();
    let unlisted = |one: &Json| {
        let asks = file(at(one, &["tls", "client_ca"])).is_some_and(|ca| proving.contains(&ca));
        asks && at(one, &["tls", "client_crls"]).as_array().is_none_or(Vec::is_empty)
    };
    let all = group(whole, "listeners").into_iter().filter(|(_, one)| unlisted(one));
    all.map(|(name, _)| (Some(name.to_owned()), String::from("`client_ca` has no `client_crls`"))).collect()
}

fn admission(whole: &Whole<'_>, which: &str) -> Hits {
    match at(whole.json, &["gateway", "admission", which, "mode"]).as_str() {
        Some(word @ ("off" | "shadow")) => vec![(None, format!("`admission.{which}.mode` is {word}"))],
        _ => Vec::new(),
    }
}

fn guessing_unlimited(whole: &Whole<'_>) -> Hits {
    admission(whole, "failures")
}

fn anonymous_unlimited(whole: &Whole<'_>) -> Hits {
    admission(whole, "anonymous")
}

fn decisions_unkept(whole: &Whole<'_>) -> Hits {
    let off = *at(whole.json, &["gateway", "record", "decisions", "enabled"]) == Json::Bool(false);
    if off { vec![(None, String::from("`record.decisions.enabled` is false"))] } else { Vec::new() }
}

fn access_unlogged(whole: &Whole<'_>) -> Hits {
    let off = at(whole.json, &["gateway", "record", "access_log"]) == "off";
    if off { vec![(None, String::from("`record.access_log` is off"))] } else { Vec::new() }
}

/// Whether a URL leads to another machine in clear text.
fn is_bare(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let end = if host.starts_with('[') { ']' } else { ':' };
    !is_loopback(host.split(end).next().unwrap_or_default())
}

fn sink_clear_text(whole: &Whole<'_>) -> Hits {
    let sinks = at(whole.json, &["gateway", "notify", "sinks"]).as_object();
    let bare = sinks.into_iter().flatten().filter_map(|(name, sink)| {
        let url = sink["url"].as_str().filter(|url| is_bare(url))?;
        Some((Some(name.to_owned()), format!("`{url}` is not TLS")))
    });
    bare.collect()
}

fn upstream_clear_text(whole: &Whole<'_>) -> Hits {
    let mut hits = Vec::new();
    for (name, one) in group(whole, "upstreams") {
        let urls =
            one["targets"].as_array().into_iter().flatten().filter_map(|target| target["url"].as_str());
        if let Some(url) = urls.into_iter().find(|url| is_bare(url)) {
            hits.push((Some(name.to_owned()), format!("`{url}` is not TLS")));
        }
    }
    hits
}

fn upstream_patient(whole: &Whole<'_>) -> Hits {
    let slow = group(whole, "upstreams")
        .into_iter()
        .filter(|(_, one)| seconds(at(one, &["deadlines", "first_byte"])) > ANSWER);
    slow.map(|(name, one)| {
        (
            Some(name.to_owned()),
            format!(
                "`deadlines.first_byte` is {}",
                at(one, &["deadlines", "first_byte"]).as_str().unwrap_or_default()
            ),
        )
    })
    .collect()
}
