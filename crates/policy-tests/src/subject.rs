//! The configuration under test: compiled as `yett run` compiles it, with stand-ins for what tests must not need.

use std::collections::BTreeMap;
use std::sync::Arc;

use compile::{Compiled, Input, NeededKind};
use controls::objects::OwnerStandIn;
use controls::scope::Assets;
use credentials::{PasswordHash, SALT_BYTES, read_users};
use diagnostics::{Diagnostic, Diagnostics, Sources};
use engine::bounds;
use engine::snapshot::Live;
use spec::Document;

use crate::decides::{self, StandIn};
use crate::issuer::{self, Keys, Network};

/// What stands in for a secret that the environment does not have: tests run where production's secrets are not.
/// It is one of any form: 32 bytes, and base64 of 24.
const SECRET: &str = "yetttestsecretyetttestsecretyett";

/// The password of every user: nobody knows their own.
pub(crate) const PASSWORD: &str = "yett-test-password";

/// What was read of a configuration.
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    /// The document's name as shown.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
    /// What it names.
    pub assets: &'a Assets,
    /// Why what it names is not there.
    pub unreadable: &'a BTreeMap<String, String>,
    /// Files that each contract file refers to.
    pub references: &'a BTreeMap<String, Vec<String>>,
    /// Which of its environments is meant.
    pub environment: Option<&'a str>,
}

/// A configuration that calls are put to.
#[derive(Debug)]
pub struct Subject {
    pub(crate) compiled: Compiled,
    pub(crate) keys: Keys,
    pub(crate) network: Arc<Network>,
    /// Those that stand in for the policy decision points that it names.
    pub(crate) pdps: Arc<[StandIn]>,
    /// Those that stand in for the services that it asks whose an object is.
    pub(crate) services: Arc<[OwnerStandIn]>,
    pub(crate) live: Live,
    /// The files that it was compiled from, those of contracts among them.
    pub(crate) assets: Assets,
}

/// Lines by which the same users have the password of the run.
fn passwords(document: &Document, assets: &mut Assets) {
    if document.users.is_empty() {
        return;
    }
    let Some(hash) = PasswordHash::make(PASSWORD.as_bytes(), &[0; SALT_BYTES]) else { return };
    for file in document.users.values().map(|group| group.passwords.path()) {
        let Some(text) = assets.get(file) else { continue };
        let (users, faults) = read_users(text, bounds::USERS);
        // What is wrong with a file is said by the compiler.
        if faults.is_empty() {
            let mut lines: Vec<String> = users.keys().map(|user| format!("{user}:{hash}\n")).collect();
            lines.sort();
            assets.insert(file.to_owned(), lines.concat().as_bytes().into());
        }
    }
}

impl Subject {
    /// Compiles it.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn compile(files: &Files<'_>, sources: &mut Sources) -> Result<Self, Diagnostics> {
        let failed = |message: &str| {
            let mut found = Diagnostics::new();
            found.push(Diagnostic::error("internal", message));
            found
        };
        let document = document(files);
        let keys = document.as_ref().map(Keys::generate);
        let live = Live::default();
        let mut assets = files.assets.clone();
        let jwks = match &keys {
            Some(Some(keys)) => Some(Arc::clone(keys.jwks())),
            Some(None) => return Err(failed("no key for tests can be made")),
            // Whatever is wrong with the document is said by the compiler.
            None => None,
        };
        if let (Some(document), Some(jwks)) = (&document, &jwks) {
            for file in issuer::key_files(document) {
                assets.insert(file, Arc::clone(jwks));
            }
        }
        if let Some(document) = &document {
            passwords(document, &mut assets);
        }
        for needed in compile::needed_assets(files.name, files.text, files.environment) {
            if needed.kind == NeededKind::Env {
                assets.entry(needed.name).or_insert_with(|| SECRET.as_bytes().into());
            }
        }
        let outline = compile::outline(files.name, files.text, files.environment);
        if outline.is_some_and(|outline| outline.assertion_key) {
            let own = jose::SigningKey::generate().and_then(|key| key.to_pkcs8());
            let own = own.map_err(|_| failed("no key for assertions can be made"))?;
            assets.insert(String::from(compile::ASSERTION_KEY), own.as_slice().into());
        }
        let input = Input {
            path: files.name,
            text: files.text,
            assets: &assets,
            unreadable: files.unreadable,
            references: files.references,
            environment: files.environment,
            local_jwks: jwks.as_deref(),
            generation: 1,
            live: &live,
        };
        let compiled = compile::compile(&input, None, sources)?;
        let Some(Some(keys)) = keys else { return Err(failed("the document has no shape")) };
        let network = Arc::new(Network::of(&compiled.resolved.document, &keys));
        let pdps = decides::named_by(&compiled.resolved.document).into();
        let services = decides::asked_by(&compiled.resolved.document).into();
        Ok(Self { compiled, keys, network, pdps, services, live, assets })
    }

    /// The document as meant.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.compiled.resolved.document
    }

    /// The keys that stand in for those of every issuer, as a JWK set (RFC 7517).
    #[must_use]
    pub fn jwks(&self) -> &[u8] {
        self.keys.jwks()
    }

    /// What it was compiled to.
    #[must_use]
    pub fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

fn document(files: &Files<'_>) -> Option<Document> {
    let (mut sources, mut ignored) = (Sources::default(), Diagnostics::new());
    let file = sources.add(files.name, files.text);
    let tree = spec::parse(files.text, file, &mut ignored)?;
    Some(spec::resolve(&tree, files.environment, &compile::sections(), &mut ignored)?.document)
}
