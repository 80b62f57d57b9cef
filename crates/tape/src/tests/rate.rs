//! How fast the pass is.

use crate::{Bounds, Tape};

/// Prints the rate of the pass on a typical body: `cargo test -p tape --profile ci -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
#[expect(clippy::disallowed_methods, reason = "measures real time")]
fn rate() {
    let order = |i: u32| {
        format!(
            r#"{{"id":"ord_{i:08}","customer":{{"name":"Ada Lovelace","email":"ada@example.com","vip":true}},"lines":[{{"sku":"A-{i}","quantity":3,"unit_price":12.50}},{{"sku":"B-77","quantity":1,"unit_price":99.95}}],"note":"please ring twice, and leave it with the neighbours at number 12","shipping":{{"street":"12 St James's Square","city":"London","postcode":"SW1Y 4JH","country":"GB"}},"placed":"2026-01-02T03:04:05Z","tags":["gift","express"],"total":137.45}}"#
        )
    };
    let body = bytes::Bytes::from(format!("[{},{}]", order(1), order(2)));
    let bounds = Bounds::default();
    for _ in 0..3 {
        let start = std::time::Instant::now();
        let rounds = 200_000u32;
        for _ in 0..rounds {
            std::hint::black_box(Tape::parse(std::hint::black_box(body.clone()), &bounds).is_ok());
        }
        let seconds = start.elapsed().as_secs_f64();
        println!("{} bytes: {:.0} MB/s", body.len(), body.len() as f64 * f64::from(rounds) / seconds / 1e6);
    }
}
