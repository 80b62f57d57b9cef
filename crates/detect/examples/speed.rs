//! `speed get|json|values|prose|base64|code|hostile|PATTERN ROUNDS`: looks at so many values, for a profiler or the shell's `time`; says how many
//! bytes that were. `hostile` is every two pieces of what detectors look closer at, and PATTERN anything else, repeated to 4 KiB.

use std::hint::black_box;
use std::io::Write as _;

use detect::{Families, Place};

fn main() {
    detect::prepare();
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let rounds: u32 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let values = values(&what);
    for _ in 0..rounds {
        for (place, value) in &values {
            black_box(detect::inspect(*place, black_box(value.as_bytes()), Families::NONE));
        }
    }
    let bytes: usize = values.iter().map(|(_, value)| value.len()).sum();
    let _ = writeln!(std::io::stdout(), "{} values of {bytes} bytes, {rounds} rounds", values.len());
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
        "values" => (0..47)
            .flat_map(|number| {
                let word = WORDS.get(number % WORDS.len()).copied().unwrap_or_default();
                [(Place::Name, format!("f{number}")), (Place::Value, format!("{word} {}", number + 96))]
            })
            .collect(),
        "prose" => vec![value(
            &"It's a note (of some length), with commas; and \"quotes\" - all that prose has. ".repeat(13),
        )],
        "base64" => vec![value(&"YSBub3RlIG9mIG1pbmUsIG5vIG1vcmUu".repeat(32))],
        "code" => {
            vec![value(&"if (a[i] != b) { return \"x: \" + c->d; } // see e.g. <f.h> & g's #1\n".repeat(15))]
        }
        "hostile" => {
            let second = |first: &'static str| PIECES.iter().map(move |second| [first, second].concat());
            PIECES.iter().flat_map(|first| second(first)).map(|pattern| value(&repeated(&pattern))).collect()
        }
        pattern => vec![value(&repeated(pattern))],
    }
}

fn repeated(pattern: &str) -> String {
    pattern.chars().cycle().take(4096).collect()
}

/// What short values say.
const WORDS: [&str; 10] = [
    "books",
    "garden",
    "kitchen",
    "travel",
    "history",
    "music",
    "science",
    "St James's Square",
    "2026-11-25",
    "note",
];

/// What detectors look closer at.
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
