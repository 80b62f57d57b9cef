//! `load`: both ends of a benchmark, as cheap per call as they can be, so that the proxy between them is what is measured.
//!
//! `load call` sends prepared requests over keep-alive connections and prints one JSON line with what came back;
//! `load handshake` opens TLS connections and closes them again;
//! `load serve` answers every request with the same bytes. Both run on one thread, speak only what the benchmarks need
//! of HTTP/1.1 (RFC 9112: keep-alive, Content-Length) and stop at anything else with an error rather than a wrong count.

mod call;
mod handshake;
mod message;
mod pace;
mod serve;
mod windows;

use std::io::Write;
use std::process::ExitCode;

const USAGE: &str = "usage: load serve --listen ADDRESS [--bytes 256] | load call --target ADDRESS --requests FILE \
                     [--order FILE] [--connections 32] [--seconds 2.5] [--rate CALLS] | load handshake --target ADDRESS \
                     --group x25519|x25519mlkem768 [--connections 32] [--seconds 2.5]";

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            // When stderr is gone there is nobody left to tell.
            drop(writeln!(std::io::stderr(), "error: {message}"));
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<(), String> {
    let command = args.next();
    let mut flags = Vec::new();
    while let Some(name) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{name}` needs a value; {USAGE}"))?;
        flags.push((name, value));
    }
    let flags = Flags(flags);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    let local = tokio::task::LocalSet::new();
    match command.as_deref() {
        Some("serve") => {
            local.block_on(&runtime, serve::serve(flags.text("--listen")?, flags.number("--bytes", 256)?))
        }
        Some("call") => local.block_on(&runtime, call::call(&flags)),
        Some("handshake") => local.block_on(&runtime, handshake::handshake(&flags)),
        _ => Err(USAGE.to_owned()),
    }
}

/// The command line as pairs.
struct Flags(Vec<(String, String)>);

impl Flags {
    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> Result<&str, String> {
        self.find(name).ok_or_else(|| format!("`{name}` is missing; {USAGE}"))
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        let Some(text) = self.find(name) else { return Ok(default) };
        text.parse().map_err(|_| format!("`{name} {text}` is no number"))
    }
}
