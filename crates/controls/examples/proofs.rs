//! `proofs ROUNDS`: what a proof of possession (DPoP, RFC 9449) costs, all checks and the table of uses included, as a multiple
//! of one bare ES256 verification of the cryptographic library in the same, interleaved run; prints JSON and ends with 1 when
//! it is more than promised.
//!
//! Costs are CPU time of the thread. No two proofs are alike, and none is checked twice.

#![allow(
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on has to fail loudly"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use controls::authentication::possession::CoreProofs;
use controls::security::possession::Proofs;
use engine::Call;
use jose::{Algorithm, base64url_decode, base64url_encode};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use state::MemoryCells;
use testkit::{Alg, CallBuilder, FakeClock, Mint};

/// The most that a proof may cost, in bare verifications.
const PROMISED: f64 = 1.3;
/// Proofs of a round.
const PROOFS: usize = 200;
/// As long as access tokens are.
const TOKEN: usize = 800;

/// CPU time of this thread, in microseconds.
fn now() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

fn spent(work: impl FnOnce()) -> f64 {
    let began = now();
    work();
    now() - began
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

struct Client {
    mint: Mint,
    header: String,
    token: String,
    hash: String,
}

impl Client {
    fn new() -> Self {
        let mint = Mint::new(Alg::Es256, "holder");
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{{{}}}}}"#, mint.public());
        let token = "t".repeat(TOKEN);
        let hash = base64url_encode(digest(&SHA256, token.as_bytes()).as_ref());
        Self { mint, header, token, hash }
    }

    fn call(&self, number: usize) -> Call {
        let claims = format!(
            r#"{{"jti":"{number:032}","htm":"GET","htu":"http://api.example.com/v1/orders/{number}","iat":{},"ath":"{}"}}"#,
            testkit::clock::START,
            self.hash
        );
        let target = format!("/v1/orders/{number}?limit=50");
        CallBuilder::get(&target).header("dpop", &self.mint.jws(&self.header, &claims)).build()
    }

    /// What the library alone is given: key, input and signature of a proof.
    fn bare(&self, call: &Call) -> (ParsedPublicKey, Vec<u8>, Vec<u8>) {
        let proof = call.request.headers["dpop"].to_str().expect("a proof").to_owned();
        let (input, signature) = proof.rsplit_once('.').expect("three parts");
        let member = |name: &str| {
            let key = self.mint.public();
            let (_, rest) = key.split_once(&format!("\"{name}\":\"")).expect("a coordinate");
            base64url_decode(&rest[..43]).expect("base64url")
        };
        let point = [vec![4], member("x"), member("y")].concat();
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point).expect("a key");
        (key, input.as_bytes().to_vec(), base64url_decode(signature).expect("base64url"))
    }
}

fn main() -> ExitCode {
    let rounds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(15);
    let client = Client::new();
    let rule = Arc::new(Proofs {
        algorithms: Algorithm::ALL.to_vec(),
        window: Duration::from_secs(60),
        nonce: None,
        url: None,
    });
    let core = testkit::core(&FakeClock::new(), &Arc::new(MemoryCells::new()));
    let proofs = CoreProofs::attach(&rule, &core);
    let first = client.call(0);
    let key = *jose::Proof::read(first.request.headers["dpop"].to_str().expect("a proof"), &Algorithm::ALL)
        .expect("a proof")
        .thumbprint();
    let (mut ratios, mut bare_cost, mut proof_cost) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let calls: Vec<Call> = (0..PROOFS).map(|n| client.call(round * PROOFS + n + 1)).collect();
        let inputs: Vec<_> = calls.iter().map(|call| client.bare(call)).collect();
        let bare = spent(|| {
            for (key, input, signature) in &inputs {
                key.verify_sig(input, signature).expect("a good signature");
            }
        });
        let checked = spent(|| {
            for call in &calls {
                proofs.check(call, &client.token, &key).expect("a good proof");
            }
        });
        ratios.push(checked / bare);
        bare_cost.push(bare / PROOFS as f64);
        proof_cost.push(checked / PROOFS as f64);
    }
    let ratio = median(ratios.clone());
    let spread = ratios.iter().fold((f64::MAX, f64::MIN), |(low, high), one| (low.min(*one), high.max(*one)));
    println!(
        "{}",
        json!({
            "bare_es256_us": median(bare_cost), "proof_us": median(proof_cost),
            "ratio": ratio, "spread": [spread.0, spread.1], "promised": PROMISED, "rounds": rounds,
        })
    );
    if ratio <= PROMISED { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
