//! `rate ROUNDS`: reads a typical body so often, for a profiler or the shell's `time`; says how many bytes that were.

use std::io::Write as _;

use tape::{Bounds, Tape};

fn main() {
    let order = |i: u32| {
        format!(
            r#"{{"id":"ord_{i:08}","customer":{{"name":"Ada Lovelace","email":"ada@example.com","vip":true}},"lines":[{{"sku":"A-{i}","quantity":3,"unit_price":12.50}},{{"sku":"B-77","quantity":1,"unit_price":99.95}}],"note":"please ring twice, and leave it with the neighbours at number 12","shipping":{{"street":"12 St James's Square","city":"London","postcode":"SW1Y 4JH","country":"GB"}},"placed":"2026-01-02T03:04:05Z","tags":["gift","express"],"total":137.45}}"#
        )
    };
    let body = bytes::Bytes::from(format!("[{},{}]", order(1), order(2)));
    let bounds = Bounds::default();
    let rounds: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    for _ in 0..rounds {
        std::hint::black_box(Tape::parse(std::hint::black_box(body.clone()), &bounds).is_ok());
    }
    let bytes = u64::try_from(body.len()).unwrap_or_default().saturating_mul(rounds);
    let _ = writeln!(std::io::stdout(), "{bytes} bytes in {rounds} rounds");
}
