//! `speed get|json|prose|code|worst ROUNDS`: looks at so many values, for a profiler or the shell's `time`; says how many bytes
//! that were. `worst` searches for the value that costs most for its length, and says what it costs.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

use detect::{Families, Place};

fn main() {
    detect::prepare();
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let rounds: u32 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let mut out = std::io::stdout().lock();
    if what == "worst" {
        let (micros, value) = worst(rounds);
        let _ = writeln!(out, "{micros:.1} µs per KiB: {value:?}");
        return;
    }
    let values = values(&what);
    let start = Instant::now();
    for _ in 0..rounds {
        for (place, value) in &values {
            black_box(detect::inspect(*place, black_box(value.as_bytes()), Families::NONE));
        }
    }
    let micros = start.elapsed().as_secs_f64() * 1e6 / f64::from(rounds);
    let bytes: usize = values.iter().map(|(_, value)| value.len()).sum();
    let kib = f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1024.0;
    let _ = writeln!(
        out,
        "{} values, {bytes} bytes: {micros:.2} µs, {:.2} µs per KiB",
        values.len(),
        micros / kib
    );
}

fn values(what: &str) -> Vec<(Place, String)> {
    let value = |text: &str| (Place::Value, text.to_owned());
    match what {
        "get" => {
            let header = |text: &str| (Place::Header, text.to_owned());
            let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
            let mut all = vec![header(agent), header("https://shop.example.com/orders?page=2&sort=date")];
            all.extend(
                ["42", "name", "2026-01-02", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "Ada Lovelace"]
                    .map(value),
            );
            all.extend(["id", "sort", "since", "session", "q"].map(|name| (Place::Name, name.to_owned())));
            all
        }
        "json" => (0..48)
            .flat_map(|number| {
                let text = match number % 6 {
                    0 => format!("ord_{number:08}"),
                    1 => format!("12 St James's Square, flat {number}"),
                    2 => format!("ada{number}@example.com"),
                    3 => String::from("2026-01-02T03:04:05Z"),
                    4 => format!("please ring {number}"),
                    _ => String::from("GB"),
                };
                [(Place::Name, format!("field_{number}")), (Place::Value, text)]
            })
            .collect(),
        "prose" => vec![value(
            &"It's a note (of some length), with commas; and \"quotes\" - all that prose has. ".repeat(13),
        )],
        _ => {
            vec![value(&"if (a[i] != b) { return \"x: \" + c->d; } // see e.g. <f.h> & g's #1\n".repeat(15))]
        }
    }
}

/// Tries long runs of what detectors look closer at, mixed by a generator of its own; the dearest per KiB.
fn worst(rounds: u32) -> (f64, String) {
    const PIECES: [&str; 40] = [
        "' or ",
        "(select ",
        "union ",
        "1=1 ",
        "--",
        "/*",
        "<a b=",
        "<script ",
        "on=",
        "javascript:",
        ";id ",
        "|cat ",
        "`",
        "$(",
        "../",
        "..",
        "${",
        "{{",
        "%25",
        "\\u0027",
        "&#39;",
        "\"",
        "'",
        "(",
        ")(",
        "a",
        " ",
        "=",
        "[$ne]",
        "/",
        ".",
        "0x",
        ":",
        "<",
        "@@",
        ",",
        "char(",
        "\n",
        "<!--",
        "{\"a\":\"",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap_or(1)).unwrap_or(0)
    };
    let mut dearest = (0.0_f64, String::new());
    for _ in 0..rounds {
        let kinds = 1 + next(4);
        let pattern: String = (0..kinds).filter_map(|_| PIECES.get(next(PIECES.len()))).copied().collect();
        let length = [1024, 4096, 16_384].get(next(3)).copied().unwrap_or(1024);
        let value: String = pattern.chars().cycle().take(length).collect();
        let cost = |value: &str| {
            let start = Instant::now();
            black_box(detect::inspect(Place::Value, black_box(value.as_bytes()), Families::NONE));
            start.elapsed().as_secs_f64() * 1e6 * 1024.0
                / f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX))
        };
        // The best of three, so that others at work on the machine do not count.
        let micros = cost(&value).min(cost(&value)).min(cost(&value));
        if micros > dearest.0 {
            dearest = (micros, pattern);
        }
    }
    dearest
}
