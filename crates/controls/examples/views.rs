//! `views [ROUNDS]`: what it costs to read an answer and write it without two fields of each order in it, beside what `serde_json` takes
//! to read and print the same bytes, at 1 KiB, 64 KiB and 5 MiB; turn by turn, the medians.

#![allow(clippy::disallowed_methods, reason = "measures")]

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use controls::scope::{ApiScope, Assets, GatewayScope, OperationKind, OperationScope, Shared};
use diagnostics::{Diagnostics, Sources};
use engine::keyed::Keyed;
use engine::{Attached, Body};
use rustix::time::{ClockId, clock_gettime};
use testkit::{CallBuilder, FakeClock, core, worked};

const DOCUMENT: &str = "version: 1\nlisten: http://127.0.0.1:8080\napis: { t: { contract: ./api.yaml, upstream: http://127.0.0.1:3000 } }\n";

const CONTRACT: &str = r#"
openapi: 3.1.0
info: { title: t, version: "1" }
paths:
  /x:
    get:
      operationId: x
      security: []
      responses:
        "200":
          description: ok
          content:
            application/json:
              schema:
                type: object
                properties:
                  items:
                    type: array
                    items:
                      type: object
                      properties:
                        id: { type: string }
                        note: { type: string }
                        lines: { type: array, items: { type: object, properties: { sku: { type: string }, price: { type: number } } } }
"#;

const SECTION: &str =
    "answers: { notes: { at: [/items/*/note] }, prices: { at: [/items/*/lines/*/price], otherwise: mask } }";

const ITEM: &str = r#"{"id":"ord_000001","status":"placed","note":"please ring, 2 times","lines":[{"sku":"a-1","price":12.50,"tags":["gift","new"]},{"sku":"b-2","price":7,"tags":[]}],"total":{"amount":4890,"currency":"EUR"}}"#;

fn main() {
    let rounds: usize = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(30);
    let Some(control) = control() else {
        let _ = writeln!(std::io::stderr(), "the section does not compile");
        return;
    };
    for length in [1 << 10, 64 << 10, 5 << 20] {
        let body = answer(length);
        let repeats = (1 << 20) / length.max(1) + 1;
        let mut both = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            both.0.push(time(repeats, || hidden(&*control, &body)));
            both.1.push(time(repeats, || plain(&body)));
        }
        let (ours, theirs) = (median(&mut both.0), median(&mut both.1));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        let _ = writeln!(
            std::io::stdout(),
            "{:>8} bytes: {ours:>12?} hidden, {theirs:>12?} serde_json, {ratio:.2}",
            body.len()
        );
    }
}

fn time(repeats: usize, mut run: impl FnMut()) -> Duration {
    let begin = spent();
    (0..repeats).for_each(|_| run());
    (spent() - begin) / u32::try_from(repeats).unwrap_or(1)
}

/// CPU time of this thread.
fn spent() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

fn median(all: &mut [Duration]) -> Duration {
    all.sort_unstable();
    all.get(all.len() / 2).copied().unwrap_or_default()
}

/// The control's own step, on a body that nobody has read.
fn hidden(control: &dyn Attached, body: &Bytes) {
    let mut call = CallBuilder::get("/x").build();
    call.response.headers.insert("content-type", http::HeaderValue::from_static("application/json"));
    call.response.body = Body::new(body.clone());
    let (_, verdict) = worked(control.response_body(&mut call));
    let _ = black_box((verdict, call.response.body.bytes().len()));
}

fn plain(body: &Bytes) {
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let _ = black_box(value.map(|value| value.to_string().len()));
}

fn answer(length: usize) -> Bytes {
    let items = vec![ITEM; length / ITEM.len() + 1];
    format!("{{\"items\":[{}],\"next\":null}}", items.join(",")).into()
}

fn control() -> Option<Box<dyn Attached>> {
    let (mut found, mut sources) = (Diagnostics::new(), Sources::default());
    let file = sources.add("yett.yaml", DOCUMENT);
    let resolved = spec::resolve(&spec::parse(DOCUMENT, file, &mut found)?, None, &[], &mut found)?;
    let file = sources.add("section.yaml", SECTION);
    let section = spec::parse(SECTION, file, &mut found)?;
    let assets = contract::Assets::from([("api.yaml".to_owned(), Arc::from(CONTRACT.as_bytes()))]);
    let options = contract::Options::default();
    let contract = contract::import("api.yaml", &assets, &mut sources, &options, &mut found)?;
    let (none, made) = (Assets::new(), Keyed::default());
    let gateway = GatewayScope {
        document: &resolved.document,
        assets: &none,
        local_jwks: None,
        sources: &sources,
        made: &made,
        shared: Shared::default(),
    };
    let settings = resolved.document.apis.values().next()?;
    let api = ApiScope {
        gateway: &gateway,
        name: "t",
        settings,
        contract: Some(&contract),
        base_path: "",
        public_url: "https://api.example.com",
        scopes: &[],
        schemes: &[],
        shared: Shared::default(),
    };
    let operation = contract.operations.first()?;
    let scope = OperationScope {
        api: &api,
        kind: OperationKind::Declared,
        contract: Some(operation),
        id: &operation.id,
        method: &operation.method,
        template: &operation.template,
        params: &[],
        siblings: &[],
        websocket: false,
        section: Some(&section),
    };
    let compiled = controls::views::compile(&scope, &mut found);
    let control = Arc::clone(&compiled.first()?.control);
    Some(control.attach(&core(&FakeClock::new(), &Arc::default())))
}
