//! `credentials [ROUNDS]`: what it costs to know who calls, as multiples of one bare ES256 verification of the cryptographic
//! library in the same, interleaved run. Prints JSON and ends with 1 when a median is over what is promised.
//!
//! A document and a contract are compiled as `yett run` compiles them; what is timed is the control `authentication` at the head
//! of a call, whole: finding the credential, all checks, the proof it leaves. Costs are CPU time of the thread.
//!
//! - `token`: ES256 tokens that nobody has seen before;
//! - `proof`: a token that is remembered, with a fresh proof of possession (DPoP, RFC 9449), the table of uses included;
//! - `remembered`: 10,000 tokens by Zipf's law, each seen before; the share that was still remembered is printed;
//! - `key`: API keys of a table of 10,000.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot go on has to fail loudly"
)]

use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use compile::{Input, compile};
use controls::authentication::TokenCache;
use controls::authentication::apikey::published;
use controls::scope::Assets;
use credentials::{Entry, HashKey, NEVER, NewKey, Presented, Table, Usage};
use diagnostics::Sources;
use engine::snapshot::{CoreSnapshot, Live};
use engine::{Attached, Call, Clock, CoreContext, Verdict};
use jose::{base64url_decode, base64url_encode};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use state::MemoryCells;
use testkit::{Alg, CallBuilder, FakeClock, Mint, done};

/// Calls of a round, but those that only look something up.
const CALLS: usize = 200;
/// Calls of a round that only look something up.
const LOOKUPS: usize = 4_000;
/// Distinct tokens that are remembered, and API keys.
const DISTINCT: usize = 10_000;
const ISSUER: &str = "https://idp.example.com";

const DOCUMENT: &str = r#"
version: 1
listen: http://127.0.0.1:8080
issuers:
  shop: { url: "https://idp.example.com", jwks: "file:keys.json" }
apis:
  orders:
    contract: openapi.yaml
    upstream: http://127.0.0.1:3000
    authentication:
      oauth: { issuers: [shop], audience: orders }
      bound: { issuers: [shop], audience: orders, sender_constrained: dpop }
      key: { source: applications }
"#;

const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: Orders, version: "1" }
components:
  securitySchemes:
    oauth: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example.com/t", scopes: { "orders:read": r } } } }
    bound: { type: oauth2, flows: { clientCredentials: { tokenUrl: "https://idp.example.com/t", scopes: { "orders:read": r } } } }
    key: { type: apiKey, in: header, name: X-Key }
paths:
  /token: { get: { operationId: token, security: [{ oauth: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /bound: { get: { operationId: bound, security: [{ bound: ["orders:read"] }], responses: { "200": { description: ok } } } }
  /key: { get: { operationId: key, security: [{ key: [] }], responses: { "200": { description: ok } } } }
"#;

/// CPU time of this thread, in microseconds.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What Zipf's law with exponent 1 draws, without a generator of random numbers: a walk over the unit interval by the golden
/// ratio, which is spread as evenly as can be.
struct Zipf {
    shares: Vec<f64>,
    at: f64,
}

impl Zipf {
    fn new(distinct: usize) -> Self {
        let weights: Vec<f64> = (1..=distinct).map(|rank| 1.0 / rank as f64).collect();
        let whole: f64 = weights.iter().sum();
        let shares = weights.iter().scan(0.0, |sum, weight| {
            *sum += weight / whole;
            Some(*sum)
        });
        Self { shares: shares.collect(), at: 0.0 }
    }

    fn draw(&mut self) -> usize {
        self.at = (self.at + 0.618_033_988_749_895).fract();
        self.shares.partition_point(|share| *share < self.at).min(self.shares.len() - 1)
    }
}

/// The gateway's control at work, and those who call it.
struct Bench {
    snapshot: CoreSnapshot,
    core: CoreContext,
    clock: FakeClock,
    issuer: Mint,
    holder: Mint,
    proof_header: String,
}

impl Bench {
    fn new() -> Self {
        let (issuer, holder) = (Mint::new(Alg::Es256, "one"), Mint::new(Alg::Es256, "holder"));
        let keys = format!(r#"{{"keys":[{}]}}"#, issuer.jwk());
        let files = [("openapi.yaml", CONTRACT), ("keys.json", keys.as_str())];
        let assets: Assets =
            files.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(text.as_bytes()))).collect();
        let (unreadable, references, live) = (BTreeMap::new(), BTreeMap::new(), Live::default());
        let input = Input {
            path: "yett.yaml",
            text: DOCUMENT,
            assets: &assets,
            unreadable: &unreadable,
            references: &references,
            environment: None,
            local_jwks: None,
            generation: 1,
            live: &live,
        };
        let compiled =
            compile(&input, None, &mut Sources::default()).unwrap_or_else(|found| panic!("{found:#?}"));
        let clock = FakeClock::new();
        let core = testkit::core(&clock, &Arc::new(MemoryCells::new()));
        let snapshot = CoreSnapshot::attach(compiled.snapshot, &core);
        let proof_header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{{}}}}}"#, holder.public());
        Self { snapshot, core, clock, issuer, holder, proof_header }
    }

    /// The control that says who calls an operation.
    fn control(&self, operation: &str) -> &dyn Attached {
        let plan = self.snapshot.snapshot().operations.iter().find(|plan| &*plan.id == operation);
        let steps = plan.expect("the operation").head.iter();
        let mut controls = steps.filter_map(|step| self.snapshot.control(step.control));
        controls.find(|(name, _)| *name == "authentication").expect("the control").1
    }

    /// A token as long as those of the field: some twenty claims.
    fn token(&self, number: usize, bound: bool) -> String {
        let seconds = testkit::clock::START;
        let cnf = if bound { format!(r#","cnf":{{"jkt":"{}"}}"#, self.thumbprint()) } else { String::new() };
        let groups: Vec<String> = (0..12).map(|group| format!("\"group-{group}\"")).collect();
        self.issuer.token(&format!(
            r#"{{"iss":"{ISSUER}","sub":"user-{number:06}","aud":["orders","account"],"exp":{},"nbf":{seconds},"iat":{seconds},"jti":"{number:032x}","client_id":"shop-web","scope":"openid orders:read orders:write profile email","sid":"{number:032}","acr":"1","auth_time":{seconds},"name":"A Person","given_name":"A","family_name":"Person","locale":"en","email_verified":true,"groups":[{}]{cnf}}}"#,
            seconds + 3600,
            groups.join(","),
        ))
    }

    /// The key of the holder by its name (RFC 7638).
    fn thumbprint(&self) -> String {
        let public = self.holder.public();
        let member = |name: &str| {
            let (_, rest) = public.split_once(&format!("\"{name}\":\"")).expect("a member");
            rest.split_once('"').expect("its end").0.to_owned()
        };
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, member("x"), member("y"));
        base64url_encode(digest(&SHA256, text.as_bytes()).as_ref())
    }

    /// A call with a proof of possession that nobody has seen.
    fn proven(&self, number: usize, token: &str) -> Call {
        let claims = format!(
            r#"{{"jti":"{number:032}","htm":"GET","htu":"http://api.example.com/bound","iat":{},"ath":"{}"}}"#,
            testkit::clock::START,
            base64url_encode(digest(&SHA256, token.as_bytes()).as_ref())
        );
        let authorization = format!("DPoP {token}");
        let call = CallBuilder::get("/bound?limit=50").header("authorization", &authorization);
        call.header("dpop", &self.holder.jws(&self.proof_header, &claims)).build()
    }

    /// API keys that the gateway knows.
    fn keys(&self) -> Vec<NewKey> {
        let hashing = Arc::new(HashKey::new(&[7; 32]).expect("a key"));
        let keys: Vec<NewKey> = (0..DISTINCT).map(|_| NewKey::draw(|bytes| self.clock.fill(bytes))).collect();
        let entry = |key: &NewKey| Entry {
            hash: hashing.hash(&Presented::parse(key.reveal().as_bytes()).expect("a key")),
            application: "app_1".into(),
            name: "shop".into(),
            scopes: Box::new([0]),
            until: NEVER,
            replaced: false,
            revoked: false,
            suspended: false,
            usage: Arc::new(Usage::since(0)),
        };
        let table: HashMap<_, _> = keys.iter().map(|key| (key.id, entry(key))).collect();
        let scopes = vec!["orders:read".into()];
        published(&self.core.keyed).publish(Table::new(Arc::clone(&hashing), 1, scopes, table));
        keys
    }

    fn bearer(&self, token: &str) -> Call {
        CallBuilder::get("/token").header("authorization", &format!("Bearer {token}")).build()
    }

    /// What the library alone is given of a token.
    fn bare(&self, token: &str) -> (Vec<u8>, Vec<u8>) {
        let (input, signature) = token.rsplit_once('.').expect("three parts");
        (input.as_bytes().to_vec(), base64url_decode(signature).expect("base64url"))
    }

    /// The issuer's key, as the library alone is given it.
    fn public(&self) -> ParsedPublicKey {
        let public = self.issuer.public();
        let member = |name: &str| {
            let (_, rest) = public.split_once(&format!("\"{name}\":\"")).expect("a coordinate");
            base64url_decode(rest.split_once('"').expect("its end").0).expect("base64url")
        };
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, [vec![4], member("x"), member("y")].concat())
            .expect("a key")
    }
}

/// Microseconds of a call, of calls that all have to pass.
fn spent(control: &dyn Attached, calls: &mut [Call]) -> f64 {
    let began = now();
    for call in calls.iter_mut() {
        let verdict = done(control.head(call));
        assert!(matches!(verdict, Verdict::Allow) && !call.proofs.is_empty(), "{verdict:?}");
    }
    (now() - began) / calls.len() as f64
}

/// One figure with what is promised of it.
struct Row {
    name: &'static str,
    promised: f64,
    costs: Vec<f64>,
}

impl Row {
    fn json(&self, bare: &[f64]) -> (bool, Value) {
        let ratios: Vec<f64> = self.costs.iter().zip(bare).map(|(cost, bare)| cost / bare).collect();
        let spread =
            ratios.iter().fold((f64::MAX, f64::MIN), |(low, high), one| (low.min(*one), high.max(*one)));
        let ratio = median(ratios);
        let value = json!({
            "us": median(self.costs.clone()), "ratio": ratio, "spread": [spread.0, spread.1], "promised": self.promised,
        });
        (ratio <= self.promised, value)
    }
}

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(15);
    let bench = Bench::new();
    let (token, bound, key) = (bench.control("token"), bench.control("bound"), bench.control("key"));
    let held = bench.token(0, true);
    let known: Vec<String> = (0..DISTINCT).map(|number| bench.token(1_000_000 + number, false)).collect();
    let keys = bench.keys();
    let public = bench.public();
    // A token is remembered when it is verified for the second time.
    for _ in 0..2 {
        let mut seen: Vec<Call> = known.iter().map(|token| bench.bearer(token)).collect();
        spent(token, &mut seen);
    }
    spent(bound, &mut [bench.proven(0, &held)]);
    let row = |name, promised| Row { name, promised, costs: Vec::new() };
    let mut rows = [row("token", 1.2), row("proof", 1.3), row("remembered", 0.05), row("key", 0.05)];
    let (mut bare_costs, mut zipf) = (Vec::new(), Zipf::new(DISTINCT));
    let cache = TokenCache::of(&bench.core.keyed, 0);
    let (mut hits, mut looked) = (0, 0);
    for round in 0..rounds {
        let fresh: Vec<String> = (0..CALLS).map(|n| bench.token(1 + round * CALLS + n, false)).collect();
        let inputs: Vec<_> = fresh.iter().map(|token| bench.bare(token)).collect();
        let began = now();
        for (input, signature) in &inputs {
            public.verify_sig(input, signature).expect("a good signature");
        }
        bare_costs.push((now() - began) / CALLS as f64);
        let mut calls: Vec<Call> = fresh.iter().map(|token| bench.bearer(token)).collect();
        rows[0].costs.push(spent(token, &mut calls));
        let mut calls: Vec<Call> = (0..CALLS).map(|n| bench.proven(1 + round * CALLS + n, &held)).collect();
        rows[1].costs.push(spent(bound, &mut calls));
        let mut calls: Vec<Call> = (0..LOOKUPS).map(|_| bench.bearer(&known[zipf.draw()])).collect();
        let before = cache.counts();
        rows[2].costs.push(spent(token, &mut calls));
        hits += cache.counts().hits - before.hits;
        looked += cache.counts().hits + cache.counts().misses - before.hits - before.misses;
        let mut calls: Vec<Call> = (0..LOOKUPS)
            .map(|n| CallBuilder::get("/key").header("x-key", keys[n * 7 % DISTINCT].reveal()).build())
            .collect();
        rows[3].costs.push(spent(key, &mut calls));
    }
    let mut told = json!({ "bare_es256_us": median(bare_costs.clone()), "rounds": rounds,
        "distinct_tokens": DISTINCT, "hit_rate": hits as f64 / looked as f64, "keys": DISTINCT });
    let mut good = true;
    for row in &rows {
        let (met, value) = row.json(&bare_costs);
        good &= met;
        told[row.name] = value;
    }
    println!("{told}");
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
