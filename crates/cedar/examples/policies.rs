//! `policies ROUNDS`: what a decision of 100 policies costs as a multiple of one bare ES256 verification of the cryptographic library in
//! the same, interleaved run, and how long 1,000 policies of an API of 1,350 operations take to be read, checked and cut; prints JSON
//! and ends with 1 when either is more than promised.
//!
//! Costs are CPU time of the thread. Two decisions are measured: of the policies that are left of 100 for one of 20 operations, and of 100
//! that are all about the one operation, of which the last one permits.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on has to fail loudly"
)]

use std::borrow::Cow;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::IpAddr;
use std::process::ExitCode;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, ParsedPublicKey,
};
use cedar::facts::{Assurance, Caller, Facts, Term, Time};
use cedar::names::{Actions, Attribute, Kind, READ, WRITE};
use cedar::{Book, Decision, Shape, Slice, Source, Vocabulary};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use smallvec::smallvec;

/// The most that a decision may cost, in bare verifications.
const PROMISED: f64 = 0.5;
/// The most that 1,000 policies may take to compile, in seconds.
const SECONDS: f64 = 1.0;
/// Operations of the large API.
const OPERATIONS: usize = 1_350;
/// Decisions of a round.
const DECISIONS: usize = 1_000;
/// Verifications of a round.
const VERIFICATIONS: usize = 200;

/// CPU time of this thread, in microseconds.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// What one of so many turns costs.
fn each(turns: usize, mut work: impl FnMut()) -> f64 {
    let began = now();
    (0..turns).for_each(|_| work());
    (now() - began) / turns as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn text(name: &str) -> Attribute {
    Attribute { name: name.into(), kind: Kind::Text, required: true }
}

fn optional(name: &str, kind: Kind) -> Attribute {
    Attribute { name: name.into(), kind, required: false }
}

fn vocabulary(operations: usize) -> Vocabulary {
    let mut actions = Actions::default();
    for number in 0..operations {
        let tag = format!("tag:t{}", number % 40);
        actions.add(&format!("op{number}"), [&*tag, if number.is_multiple_of(3) { WRITE } else { READ }]);
    }
    let claims = vec![optional("tenant", Kind::Text), optional("level", Kind::Long)];
    Vocabulary { actions, claims }
}

fn shape(number: usize) -> Shape {
    let names = ["tenant_id", "order_id", "line", "customer_id"];
    let resource = names[..number % 4 + 1].iter().map(|name| text(name)).collect();
    Shape { resource, callers: true, anonymous: number.is_multiple_of(50) }
}

/// As people write them: by role, by tenant, by level, by network, by time.
fn policy(number: usize, action: &str) -> String {
    let condition = match number % 5 {
        0 => "context.claims has tenant && context.claims.tenant == resource.tenant_id",
        1 => "context.claims has level && context.claims.level >= 3 && resource.tenant_id != \"t0\"",
        2 => "context.client.located && !context.client.address.isLoopback()",
        3 => "context.time.weekday < 6 && context.time.minute >= 480 && context.time.minute < 1080",
        _ => "resource.tenant_id like \"acme*\" || resource.tenant_id == \"internal\"",
    };
    match number % 10 {
        0 => format!("@id(\"p{number}\") forbid (principal, {action}, resource) unless {{ {condition} }};\n"),
        1..=6 => format!(
            "@id(\"p{number}\") permit (principal in Role::\"r{}\", {action}, resource) when {{ {condition} }};\n",
            number % 30
        ),
        _ => format!(
            "@id(\"p{number}\") permit (principal is Caller, {action}, resource) when {{ principal.subject == \"s{number}\" && {condition} }};\n"
        ),
    }
}

fn last(action: &str) -> String {
    format!(
        "@id(\"last\") permit (principal in Role::\"staff\", {action}, resource) when {{ resource.tenant_id == \"acme\" }};\n"
    )
}

fn book(policies: &str, operations: usize) -> Book {
    let sources = [Source { name: "policies.cedar", text: policies }];
    Book::read(&sources, vocabulary(operations)).expect("good policies").0
}

fn slice(book: &Book, number: usize) -> Slice {
    let (slice, faults) = book.slice(&format!("op{number}"), &shape(number));
    assert!(faults.is_empty(), "{faults:?}");
    slice
}

fn facts<'c>() -> Facts<'c> {
    Facts {
        caller: Some(Caller {
            issuer: "https://login.example.com/realms/shop",
            issuer_name: "shop",
            subject: "8c1b7cb0-7d5e-4f6c-9f34-2f0d6f1c9a11",
            application: Some("web"),
            credential: "jwt",
            scopes: smallvec!["orders:read"],
            roles: smallvec![Cow::Borrowed("staff"), Cow::Borrowed("r1"), Cow::Borrowed("r29")],
        }),
        path: "/v1/tenants/acme/orders/ord_000001",
        resource: smallvec![
            ("tenant_id", Term::Text("acme".into())),
            ("order_id", Term::Text("ord_000001".into()))
        ],
        claims: smallvec![("tenant", Term::Text("acme".into())), ("level", Term::Long(2))],
        method: "GET",
        host: "api.example.com",
        listener: "public",
        tls: true,
        address: IpAddr::from([203, 0, 113, 7]),
        located: true,
        time: Time { unix: 1_714_987_800_000, weekday: 1, minute: 570 },
        token_age: Some(20),
        token_left: Some(580),
        assurance: Assurance::default(),
        credentials: smallvec!["jwt"],
    }
}

/// Seconds to read 1,000 policies and cut them for each operation: nine in ten about one operation, the rest about a tag or all.
fn compiled() -> f64 {
    let mut all = String::new();
    for number in 0..1_000 {
        let action = match number % 20 {
            0 => String::from("action"),
            1 => format!("action in Action::\"tag:t{}\"", number % 40),
            _ => format!("action == Action::\"op{}\"", number * 7 % OPERATIONS),
        };
        all.push_str(&policy(number, &action));
    }
    let began = now();
    let book = book(&all, OPERATIONS);
    for number in 0..OPERATIONS {
        black_box(slice(&book, number));
    }
    (now() - began) / 1e6
}

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(15);
    let mut spread_out = String::new();
    for number in 0..99 {
        let action = match number % 5 {
            0 => String::from("action"),
            _ => format!("action == Action::\"op{}\"", number % 20),
        };
        let _ = write!(spread_out, "{}", policy(number, &action));
    }
    let on_one: String = (0..99).map(|number| policy(number, "action == Action::\"op1\"")).collect();
    let cut = slice(&book(&(spread_out + &last("action")), 20), 1);
    let whole = slice(&book(&(on_one + &last("action == Action::\"op1\"")), 20), 1);
    let call = facts();
    for slice in [&cut, &whole] {
        assert_eq!(slice.decide(&call), Decision::Permitted("last"));
    }
    let random = SystemRandom::new();
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let message = [7; 800];
    let signature = pair.sign(&random, &message).expect("a signature");
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref()).expect("a key");
    let (mut bare, mut of_cut, mut of_whole) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        bare.push(each(VERIFICATIONS, || key.verify_sig(&message, signature.as_ref()).expect("good")));
        of_cut.push(each(DECISIONS, || {
            black_box(cut.decide(black_box(&call)));
        }));
        of_whole.push(each(DECISIONS, || {
            black_box(whole.decide(black_box(&call)));
        }));
    }
    let ratios = |costs: &[f64]| costs.iter().zip(&bare).map(|(cost, bare)| cost / bare).collect::<Vec<_>>();
    let (cut_ratio, whole_ratio) = (median(ratios(&of_cut)), median(ratios(&of_whole)));
    let seconds = median((0..3).map(|_| compiled()).collect());
    println!(
        "{}",
        json!({
            "bare_es256_us": median(bare.clone()), "rounds": rounds, "promised": PROMISED,
            "cut": { "policies": cut.policies().count(), "us": median(of_cut), "ratio": cut_ratio },
            "whole": { "policies": whole.policies().count(), "us": median(of_whole), "ratio": whole_ratio },
            "compile": { "policies": 1_000, "operations": OPERATIONS, "seconds": seconds, "promised": SECONDS },
        })
    );
    // Of a hundred policies about one operation nothing is promised.
    let good = cut_ratio <= PROMISED && seconds < SECONDS;
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
