//! `personal < TEXTS`: what personal data is found in texts that are parted by NUL; for each a line of `CLASS START END`, parted by commas.

#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a measurement that cannot go on has to fail loudly"
)]

use std::io::Read as _;

use probe::personal;

fn main() {
    let mut all = Vec::new();
    std::io::stdin().read_to_end(&mut all).expect("texts on standard input");
    for text in all.split(|byte| *byte == 0) {
        let found = personal::find(text, |_| true).all;
        let found = found.iter().map(|one| format!("{} {} {}", one.class.name(), one.start, one.end));
        println!("{}", found.collect::<Vec<_>>().join(","));
    }
}
