//! The contract that parameters and bodies are read by: every style, every kind of body.

use std::sync::{Arc, OnceLock};

use contract::{Api, Assets, OnUndeclared, Options, Undeclared};
use diagnostics::{Diagnostics, Sources};

const CONTRACT: &str = include_str!("sample.yaml");

/// Compiled twice: what is undeclared is refused, or stripped.
pub(crate) fn api(strips: bool) -> &'static Api {
    static APIS: OnceLock<[Api; 2]> = OnceLock::new();
    let apis = APIS.get_or_init(|| [compile(OnUndeclared::Refuse), compile(OnUndeclared::Strip)]);
    &apis[usize::from(strips)]
}

fn compile(on: OnUndeclared) -> Api {
    let mut assets = Assets::new();
    assets.insert(String::from("sample.yaml"), Arc::from(CONTRACT.as_bytes()));
    let undeclared = Undeclared { query: on, cookie: on, header: on, property: on };
    let options = Options { undeclared, ..Options::default() };
    let (mut sources, mut out) = (Sources::default(), Diagnostics::new());
    let api = contract::import("sample.yaml", &assets, &mut sources, &options, &mut out);
    assert!(!out.has_errors(), "the sample contract: {out:?}");
    api.expect("the sample contract compiles")
}
