//! `leaks json|prose|masked|dense|keys|personal|WORD ROUNDS`: has the control look through an answer of 1 MiB so often, for a profiler or the
//! shell's `time`. `masked` has secrets in it; `dense` is every word that begins a closer look, `keys` the one with the longest.

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use controls::leaks::{LeakWatch, LeaksSection, OnLeak, PersonalSection, Settings};
use engine::{Body, Control};
use testkit::{CallBuilder, FakeClock, core, worked};

const LENGTH: usize = 1 << 20;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let rounds: u32 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100);
    let length = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(LENGTH);
    let section = LeaksSection {
        traces: OnLeak::Tag,
        databases: OnLeak::Tag,
        listings: OnLeak::Tag,
        secrets: OnLeak::Mask,
        personal: match what.as_str() {
            "personal" => PersonalSection {
                cards: OnLeak::Tag,
                accounts: OnLeak::Tag,
                mails: OnLeak::Tag,
                phones: OnLeak::Tag,
                persons: OnLeak::Tag,
                to: Vec::new(),
            },
            _ => PersonalSection::default(),
        },
        ..LeaksSection::default()
    };
    let settings = Settings::of(&section, true);
    let control: Arc<dyn Control> = Arc::new(LeakWatch::new(settings));
    let attached = control.attach(&core(&FakeClock::new(), &Arc::default()));
    let body = answer(&what, length);
    let mut call = CallBuilder::get("/").build();
    for _ in 0..rounds {
        call.response.body = Body::new(body.clone());
        let (_, verdict) = worked(attached.response_body(&mut call));
        let _ = black_box(verdict);
    }
    let _ = writeln!(std::io::stdout(), "{} bytes, {rounds} rounds", body.len());
}

fn answer(what: &str, length: usize) -> Bytes {
    let order = r#"{"id":"ord_00001","name":"Ada Lovelace","note":"please ring, 2 times","price":12.50,"tags":["gift"]}"#;
    let key = ["AKIA", "ABCDEFGHIJKLMNOP"].concat();
    match what {
        "json" | "personal" => Bytes::from(list(order, length)),
        "masked" => {
            let mut text = list(order, length);
            text.replace_range(8..17, &key);
            Bytes::from(text)
        }
        "prose" => repeated(
            "It's a note (of some length), with commas; and \"quotes\" - all that prose has. ",
            length,
        ),
        "dense" => repeated(
            ".java:(Native Method)\", line .js: on line #0 .rb::line at System.ORA-SG.AKIA$6$redis://PG::",
            length,
        ),
        "keys" => repeated("PRIVATE KEY-----", length),
        word => repeated(word, length),
    }
}

fn list(item: &str, length: usize) -> String {
    format!("[{}]", vec![item; length / (item.len() + 1)].join(","))
}

fn repeated(text: &str, length: usize) -> Bytes {
    Bytes::from(text.bytes().cycle().take(length).collect::<Vec<u8>>())
}
