//! `cost get|json|form LEVEL CALLS`: makes calls, for a profiler or the shell's `time`; the cost of one is the difference
//! between two counts of calls, divided. Says what they cost in counts.

#[path = "../tests/ftw/mod.rs"]
mod ftw;

use std::io::Write as _;

use ftw::requests;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout().lock();
    let (Some(what), Some(level), Some(calls)) =
        (arguments.first(), arguments.get(1), arguments.get(2).and_then(|calls| calls.parse::<usize>().ok()))
    else {
        let _ = writeln!(out, "usage: cost get|json|form LEVEL CALLS");
        return;
    };
    let engine = ftw::rules::at_level(level);
    let mut work = 0;
    for seed in 0..calls {
        let request = match what.as_str() {
            "get" => requests::browser_get(),
            "json" => requests::json(seed),
            _ => requests::form(seed),
        };
        work += ftw::inspect(&engine, &request).work();
    }
    let _ = writeln!(out, "{:?}, {calls} calls, work {work}", engine.statistics());
}
