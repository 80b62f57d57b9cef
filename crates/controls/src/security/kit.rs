//! What the tests of authentication and authorization share: an issuer that mints anything, a network of canned answers,
//! a side runtime polled by hand, and the way from a document and a contract to a call's verdict.

mod net;
mod samples;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use diagnostics::{Diagnostics, Sources};
use engine::call::BodyLength;
use engine::control::Cancel;
use engine::keyed::Keyed;
use engine::replay::Replays;
use engine::verdict::Refusal;
use engine::{
    Attached, Call, CallId, Clock, CoreContext, LocalFuture, Mode, Peer, Request, Step, Tick, Verdict,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use jose::SigningKey;
use state::MemoryReplays;
use testkit::FakeClock;
pub(crate) use testkit::mint::base64url as b64;

pub(crate) use net::{FakeNet, Net, NoCells, Reply, Side};
pub(crate) use samples::{CONTRACT, DOCUMENT};

use crate::accepted;
use crate::scope::{ApiScope, Assets, Compiled, GatewayScope, OperationKind, OperationScope, Shared};

/// Seconds since 1970 at which the fake clock starts.
pub(crate) const NOW: u64 = testkit::clock::START;
pub(crate) const SHOP: &str = "https://idp.example.com/realms/shop";
pub(crate) const STAFF: &str = "https://login.example.org/v2.0";

/// Claims of a good token of `SHOP` for `orders`, with members replaced or added, or taken out when `value` is empty.
pub(crate) fn claims(changes: &[(&str, &str)]) -> String {
    let (exp, iat) = ((NOW + 600).to_string(), NOW.to_string());
    let mut members: Vec<(&str, String)> = vec![
        ("iss", format!("\"{SHOP}\"")),
        ("sub", "\"alice\"".into()),
        ("aud", "\"orders\"".into()),
        ("exp", exp),
        ("iat", iat),
        ("client_id", "\"app\"".into()),
        ("scope", "\"orders:read orders:write\"".into()),
    ];
    for (name, value) in changes {
        members.retain(|(known, _)| known != name);
        if !value.is_empty() {
            members.push((name, (*value).to_owned()));
        }
    }
    let text: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", text.join(","))
}

/// The sections of the controls that are tried with it.
const SECTIONS: [spec::SectionSpec; 5] = [
    spec::SectionSpec {
        name: "message_security",
        top: false,
        schema: crate::message_security::schema,
        check: crate::message_security::check_section,
    },
    spec::SectionSpec {
        name: "validation",
        top: false,
        schema: crate::validation::schema,
        check: crate::validation::check_section,
    },
    spec::SectionSpec {
        name: "authorization",
        top: false,
        schema: crate::authorization::schema,
        check: crate::authorization::check_section,
    },
    spec::SectionSpec {
        name: "admission",
        top: true,
        schema: crate::admission::schema,
        check: crate::admission::check_section,
    },
    spec::SectionSpec {
        name: "upstream_identity",
        top: false,
        schema: crate::upstream_identity::schema,
        check: crate::upstream_identity::check_section,
    },
];

/// A gateway's surroundings.
pub(crate) struct World {
    pub(crate) clock: FakeClock,
    pub(crate) net: Arc<FakeNet>,
    pub(crate) side: Side,
    pub(crate) keyed: Arc<Keyed>,
    pub(crate) replays: Arc<dyn Replays>,
    pub(crate) shop: SigningKey,
    pub(crate) staff: SigningKey,
}

pub(crate) fn discovery(issuer: &str, jwks: &str) -> String {
    format!("{{\"issuer\":\"{issuer}\",\"jwks_uri\":\"{jwks}\"}}")
}

impl World {
    /// Two issuers whose keys can be fetched.
    pub(crate) fn new() -> Self {
        let world = Self {
            clock: FakeClock::new(),
            net: Arc::default(),
            side: Side::default(),
            keyed: Arc::default(),
            replays: Arc::new(MemoryReplays::new()),
            shop: SigningKey::generate().unwrap(),
            staff: SigningKey::generate().unwrap(),
        };
        for (issuer, key) in [(SHOP, &world.shop), (STAFF, &world.staff)] {
            let jwks = format!("{issuer}/jwks");
            world.net.set(
                &format!("{issuer}/.well-known/openid-configuration"),
                Reply::Json(discovery(issuer, &jwks)),
            );
            world.net.set(&jwks, Reply::Json(key.jwks_json()));
        }
        world
    }

    pub(crate) fn core(&self, core: usize) -> CoreContext {
        CoreContext {
            core,
            clock: Arc::new(self.clock.clone()),
            cells: Arc::new(NoCells),
            replays: Arc::clone(&self.replays),
            fetch: Arc::new(Net(Arc::clone(&self.net))),
            side: Arc::new(self.side.clone()),
            keyed: Arc::clone(&self.keyed),
        }
    }

    /// Moves time on in small steps, letting the side runtime work at each.
    pub(crate) fn pass(&self, time: Duration) {
        let step = Duration::from_millis(250).max(time / 400);
        let mut left = time;
        self.side.run();
        while left > Duration::ZERO {
            let now = step.min(left);
            self.clock.advance(now);
            left -= now;
            self.side.run();
        }
    }

    /// A good token of `SHOP`, with changes to its claims.
    pub(crate) fn token(&self, changes: &[(&str, &str)]) -> String {
        self.shop.sign(&[], claims(changes).as_bytes()).unwrap()
    }
}

/// The controls of one operation, in their order.
type Planned = Vec<(Box<dyn Attached>, Mode)>;

/// A compiled API at work on one core.
pub(crate) struct Gateway {
    pub(crate) operations: BTreeMap<String, Planned>,
    pub(crate) found: Diagnostics,
    pub(crate) clock: FakeClock,
    pub(crate) side: Side,
}

/// Settings and contract as text; compiled as `compile` would, less what other controls need.
pub(crate) struct Setup<'a> {
    pub(crate) document: &'a str,
    pub(crate) contract: Option<&'a str>,
    pub(crate) local_jwks: Option<&'a str>,
    pub(crate) assets: Assets,
}

impl<'a> Setup<'a> {
    pub(crate) fn new(document: &'a str, contract: &'a str) -> Self {
        Self { document, contract: Some(contract), local_jwks: None, assets: Assets::new() }
    }

    /// Compiles and attaches; hands `look` the API's scope for whatever else a test wants.
    pub(crate) fn attach(&self, world: &World, core: usize) -> Gateway {
        self.attach_and(world, core, |_| {})
    }

    pub(crate) fn attach_and(&self, world: &World, core: usize, look: impl FnOnce(&ApiScope<'_>)) -> Gateway {
        let mut found = Diagnostics::new();
        let mut sources = Sources::default();
        let file = sources.add("yett.yaml", self.document);
        let node = spec::parse(self.document, file, &mut found).unwrap();
        let resolved = spec::resolve(&node, None, &SECTIONS, &mut found);
        let resolved = resolved.unwrap_or_else(|| panic!("{found:#?}"));
        let contract = self.contract.map(|text| {
            let assets = contract::Assets::from([("api.yaml".to_owned(), Arc::from(text.as_bytes()))]);
            let api = resolved.document.apis.values().next();
            let accepted = api.map(|api| accepted::pointers(api, &self.assets, &mut sources, &mut found));
            let accept_unenforced = accepted.unwrap_or_default();
            let options = contract::Options { accept_unenforced, ..contract::Options::default() };
            contract::import("api.yaml", &assets, &mut sources, &options, &mut found)
                .unwrap_or_else(|| panic!("{found:#?}"))
        });
        let (mut scopes, mut schemes) = (Vec::new(), Vec::new());
        for operation in contract.iter().flat_map(|contract| &contract.operations) {
            if let contract::Security::Alternatives(list) = &operation.security {
                let named = list.iter().flat_map(|requirement| &requirement.schemes);
                scopes.extend(named.flat_map(|(_, scopes)| scopes.iter().cloned()));
            }
        }
        scopes.sort();
        scopes.dedup();
        schemes.extend(contract.iter().flat_map(|contract| contract.schemes.keys().cloned()));
        let made = engine::keyed::Keyed::default();
        let gateway = GatewayScope {
            document: &resolved.document,
            assets: &self.assets,
            local_jwks: self.local_jwks.map(str::as_bytes),
            sources: &sources,
            made: &made,
            shared: Shared::default(),
        };
        let settings = resolved.document.apis.values().next().unwrap();
        let api = ApiScope {
            gateway: &gateway,
            name: &settings.name.value,
            settings,
            contract: contract.as_ref(),
            base_path: "/v1",
            public_url: "https://api.example.com",
            scopes: &scopes,
            schemes: &schemes,
            shared: Shared::default(),
        };
        let mut operations = BTreeMap::new();
        let context = world.core(core);
        let declared: Vec<_> = contract.iter().flat_map(|contract| &contract.operations).collect();
        for operation in &declared {
            let compiled = compile(&api, Some(operation), &operation.id, &operation.method, &mut found);
            let attached = compiled.into_iter().map(|one| (one.control.attach(&context), one.mode)).collect();
            operations.insert(operation.id.clone(), attached);
        }
        if contract.is_none() {
            let compiled = compile(&api, None, "any", &Method::GET, &mut found);
            let attached = compiled.into_iter().map(|one| (one.control.attach(&context), one.mode)).collect();
            operations.insert("any".to_owned(), attached);
        }
        look(&api);
        Gateway { operations, found, clock: world.clock.clone(), side: world.side.clone() }
    }
}

fn compile(
    api: &ApiScope<'_>,
    contract: Option<&Arc<contract::Operation>>,
    id: &str,
    method: &Method,
    out: &mut Diagnostics,
) -> Vec<Compiled> {
    let template = contract.map_or("/any", |operation| operation.template.as_str());
    let reference = spec::OperationRef { id: Some(id), method: method.as_str(), template, tags: &[] };
    let section = |name: &str| api.settings.section_for(name, &reference);
    let (rights, onward) = (section("authorization"), section("upstream_identity"));
    let scope = |section| OperationScope {
        api,
        kind: OperationKind::Declared,
        contract,
        id,
        method,
        template,
        params: &[],
        siblings: &[],
        websocket: false,
        section,
    };
    let mut compiled = crate::authentication::compile(&scope(rights.as_ref()), out);
    compiled.extend(crate::authorization::compile(&scope(rights.as_ref()), out));
    compiled.extend(crate::upstream_identity::compile(&scope(onward.as_ref()), out));
    compiled
}

/// A call with these header fields.
pub(crate) fn call(clock: &FakeClock, target: &str, fields: &[(&str, &str)]) -> Call {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let host = ("api.example.com".into(), "api.example.com".into());
    let uri = target.parse().unwrap();
    let request = Request::new(Method::GET, Version::HTTP_11, uri, host, headers, BodyLength::Empty).unwrap();
    let peer = Peer { address: "192.0.2.1:1".parse().unwrap(), listener: 0, tls: true, facts: None };
    Call::new(CallId(1), (clock.now(), clock.unix()), peer, request)
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) call: Call,
    pub(crate) refusal: Option<Box<Refusal>>,
    pub(crate) shadowed: Vec<&'static str>,
    /// Whether some control had to wait.
    pub(crate) waited: bool,
}

impl Ended {
    /// Code of the refusal, or `ok`.
    pub(crate) fn code(&self) -> &'static str {
        self.refusal.as_ref().map_or("ok", |refusal| refusal.code.name)
    }

    /// The challenge, or nothing.
    pub(crate) fn challenge(&self) -> String {
        let fields = self.refusal.iter().flat_map(|refusal| &refusal.headers);
        let values: Vec<&str> = fields.map(|(_, value)| value.to_str().unwrap()).collect();
        values.join("|")
    }
}

impl Gateway {
    /// Sends a GET.
    pub(crate) fn send(&self, operation: &str, target: &str, fields: &[(&str, &str)]) -> Ended {
        self.end(operation, call(&self.clock, target, fields))
    }

    /// Ends a call; while it waits, time passes in steps and the side runtime works.
    pub(crate) fn end(&self, operation: &str, mut call: Call) -> Ended {
        let (mut waited, mut shadowed) = (false, Vec::new());
        let mut refusal = None;
        let controls = &self.operations[operation];
        let head = controls.iter().map(|(control, mode)| (control, mode, false));
        let before_upstream = controls.iter().map(|(control, mode)| (control, mode, true));
        for (control, mode, is_last) in head.chain(before_upstream) {
            let mut step = if is_last { control.upstream(&mut call) } else { control.head(&mut call) };
            // What leaves its core is done here.
            while let Step::OffloadThen(job, then) = step {
                step = then((job.run)(&Cancel::default()));
            }
            let verdict = match step {
                Step::Done(verdict) => verdict,
                Step::Offload(_) | Step::OffloadThen(..) => unreachable!("they come back to it"),
                Step::Wait(future) => {
                    waited = true;
                    self.wait(future)
                }
            };
            match verdict {
                Verdict::Refuse(found) | Verdict::StepUp(found) if *mode == Mode::Shadow => {
                    shadowed.push(found.code.name);
                }
                Verdict::Refuse(found) | Verdict::StepUp(found) => {
                    refusal = Some(found);
                    break;
                }
                _ => {}
            }
        }
        Ended { call, refusal, shadowed, waited }
    }

    fn wait(&self, mut future: LocalFuture<'_, Verdict>) -> Verdict {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            if let Poll::Ready(verdict) = future.as_mut().poll(&mut context) {
                return verdict;
            }
            self.side.run();
            self.clock.advance(Duration::from_millis(50));
        }
        unreachable!("a call waits at most a few seconds")
    }

    pub(crate) fn bearer(&self, operation: &str, token: &str) -> Ended {
        self.send(operation, "/v1/x", &[("authorization", &format!("Bearer {token}"))])
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.found.iter().map(|diagnostic| diagnostic.code).collect()
    }

    pub(crate) fn now(&self) -> Tick {
        self.clock.now()
    }
}

/// The two at work, with keys fetched.
pub(crate) fn ready() -> (World, Gateway) {
    let world = World::new();
    let gateway = Setup::new(DOCUMENT, CONTRACT).attach(&world, 0);
    assert!(!gateway.found.has_errors(), "{:#?}", gateway.found);
    world.side.run();
    (world, gateway)
}
