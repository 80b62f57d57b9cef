//! What a configuration does, written down: made of what was compiled, with references in the place of secrets.

use std::collections::{BTreeMap, BTreeSet};

use compile::Compiled;
use contract::raw::{At, Raw};
use contract::{Operation, Security};
use diagnostics::without_userinfo;
use engine::Mode;
use engine::plan::OperationPlan;
use serde_json::{Map, Value as Json, json};
use spec::{Api, ContractSource, Dpop, Node, OperationRef, Value};

use crate::{binding, websocket};

/// Version of the description: two of different versions are not compared.
pub const VERSION: u32 = 2;
/// Keys of an API that are described with its operations.
const APART: [&str; 3] = ["operations", "contract", "authentication"];
/// Members of a schema that say nothing of what fits.
const WORDS: [&str; 9] = [
    "title",
    "description",
    "summary",
    "example",
    "examples",
    "externalDocs",
    "deprecated",
    "default",
    "xml",
];

/// Describes what was compiled; `assets` are the files that it was compiled from.
#[must_use]
pub fn describe(compiled: &Compiled, assets: &contract::Assets) -> Json {
    let tree = &compiled.resolved.complete;
    let mut gateway = Map::new();
    let named = ["listeners", "issuers", "authorities", "signers", "users", "webhooks", "upstreams", "apis"];
    for entry in tree.entries().iter().filter(|entry| !named.contains(&entry.key.as_str())) {
        gateway.insert(entry.key.clone(), plain(&entry.value));
    }
    let group = |name: &str| tree.get(name).map_or_else(|| json!({}), plain);
    let apis: Map<String, Json> = compiled
        .resolved
        .document
        .apis
        .values()
        .map(|api| (api.name.value.clone(), describe_api(compiled, api, assets)))
        .collect();
    let mut described = json!({
        "version": VERSION,
        "gateway": gateway,
        "listeners": group("listeners"),
        "issuers": group("issuers"),
        "authorities": group("authorities"),
        "signers": group("signers"),
        "users": group("users"),
        "webhooks": group("webhooks"),
        "upstreams": group("upstreams"),
        "apis": apis,
    });
    described.sort_all_objects();
    described
}

/// A value of the document. Secrets are references; passwords in URLs are taken out.
fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Float(value) => json!(value),
        Value::String(text) => json!(without_userinfo(text)),
        Value::Sequence(items) => Json::Array(items.iter().map(plain).collect()),
        Value::Mapping(entries) => {
            Json::Object(entries.iter().map(|entry| (entry.key.clone(), plain(&entry.value))).collect())
        }
    }
}

fn describe_api(compiled: &Compiled, api: &Api, assets: &contract::Assets) -> Json {
    let name = api.name.value.as_str();
    let tree = compiled.resolved.complete.at(&["apis", name]);
    let sections: BTreeSet<&str> =
        compile::sections().iter().filter(|section| !section.top).map(|section| section.name).collect();
    let mut settings = Map::new();
    for entry in tree.map(Node::entries).unwrap_or_default() {
        if !sections.contains(entry.key.as_str()) && !APART.contains(&entry.key.as_str()) {
            settings.insert(entry.key.clone(), plain(&entry.value));
        }
    }
    // Proofs are taken whether or not anything is said of them, so that what nobody wrote compares with what somebody does.
    if api.dpop.is_none() {
        let usual = Dpop::default();
        settings.insert(String::from("dpop"), json!({ "window": usual.window.value, "nonce": usual.nonce }));
    }
    let raw = match &api.contract.value {
        ContractSource::File(file) => Raw::load(file.path(), assets),
        ContractSource::None => None,
    };
    let all = raw.as_ref().map(Raw::operations).unwrap_or_default();
    let written: BTreeMap<(&str, &str), &contract::raw::RawOperation<'_>> =
        all.iter().map(|one| ((one.template, one.method.as_str()), one)).collect();
    let contract = compiled.contract(name);
    let mut operations = Map::new();
    let mut definitions = Definitions::default();
    let plans = compiled.snapshot.operations.iter();
    for plan in plans.filter(|plan| *plan.api == *name && plan.upstream.is_some()) {
        let declared = contract.and_then(|contract| {
            contract
                .operations
                .iter()
                .find(|operation| *operation.id == *plan.id && operation.method == plan.method)
        });
        // HEAD follows its GET.
        if declared.is_none() && contract.is_some() {
            continue;
        }
        let mut described = describe_operation(compiled, (api, tree), plan, declared.map(|one| &**one));
        let key = declared.map(|declared| (declared.template.as_str(), declared.method.as_str()));
        let written = key.and_then(|key| written.get(&key));
        if let (Some(written), Some(members)) = (written, described.as_object_mut()) {
            members.insert(String::from("request"), definitions.request(written));
            members.insert(String::from("responses"), definitions.responses(written));
        }
        operations.insert(format!("{} {}", plan.method, plan.template), described);
    }
    json!({
        "settings": settings,
        "authentication": tree.and_then(|tree| tree.get("authentication")).map(plain),
        "contract": raw.is_some(),
        "operations": operations,
        "schemas": definitions.finish(),
    })
}

fn describe_operation(
    compiled: &Compiled,
    (api, tree): (&Api, Option<&Node>),
    plan: &OperationPlan,
    declared: Option<&Operation>,
) -> Json {
    let tags: Vec<&str> = declared.iter().flat_map(|one| &one.tags).map(String::as_str).collect();
    let template = declared
        .map_or_else(|| plan.template.get(plan.base_length..).unwrap_or_default(), |one| &one.template);
    let id = declared.map(|one| one.id.as_str()).filter(|id| !id.contains(' '));
    let reference = OperationRef { id, method: plan.method.as_str(), template, tags: &tags };
    let mut controls: Map<String, Json> = Map::new();
    let mut rules_in_shadow: BTreeSet<String> = BTreeSet::new();
    let steps = [
        &plan.head,
        &plan.body,
        &plan.message,
        &plan.before_upstream,
        &plan.response_head,
        &plan.response_body,
    ];
    for step in steps.into_iter().flatten() {
        let Some(control) = compiled.snapshot.controls.get(step.control as usize) else { continue };
        let known = controls.get(control.name()).and_then(Json::as_str) == Some(Mode::Enforce.name());
        if step.mode == Mode::Shadow {
            // Without a name: the rules that do as their section says.
            let rule = control.rule().map(|rule| format!(".{rule}")).unwrap_or_default();
            rules_in_shadow.insert(format!("{}{rule}", control.name()));
        }
        if !known {
            controls.insert(control.name().to_owned(), json!(step.mode.name()));
        }
    }
    let mut settings = Map::new();
    for section in compile::sections().iter().filter(|section| !section.top) {
        let whole = tree.and_then(|tree| tree.get(section.name)).cloned();
        let own = api.section_for(section.name, &reference);
        let merged = whole.into_iter().chain(own).reduce(spec::merge);
        if let Some(merged) = merged.filter(|_| controls.contains_key(section.name)) {
            settings.insert(section.name.to_owned(), plain(&merged));
        }
    }
    if let Some(section) = settings.get_mut("policies").and_then(Json::as_object_mut) {
        section.extend(policies(compiled, plan));
    }
    let unsecured = api.unsecured_for(&reference).map(|word| word.value);
    json!({
        "id": &*plan.id,
        "access": access(declared.map(|one| &one.security), unsecured, api),
        "certificate": plan.client_certificate,
        "websocket": api.websocket_for(&reference).map(|websocket| websocket::describe(websocket)),
        "sender_constrained": binding::describe(api, &reference, declared),
        "controls": controls,
        "rules_in_shadow": rules_in_shadow,
        "settings": settings,
    })
}

/// What policies about an operation say, as they are written but for room; files and templates are only where they come from.
fn policies(compiled: &Compiled, plan: &OperationPlan) -> [(String, Json); 2] {
    let controls = [&plan.head, &plan.body].into_iter().flatten();
    let controls = controls.filter_map(|step| compiled.snapshot.controls.get(step.control as usize));
    let asked: Vec<_> = controls.filter_map(|control| compile::policies_of(&**control)).collect();
    let texts = |permits: bool| {
        let told = asked.iter().flat_map(|control| control.told()).filter(|policy| policy.permits == permits);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        told.map(|policy| words(policy.text)).collect::<BTreeSet<_>>()
    };
    [("permits", texts(true)), ("forbids", texts(false))].map(|(key, texts)| (key.to_owned(), json!(texts)))
}

/// Who may call: `closed`, `anonymous`, and what has to be shown, as sets of needs (`scheme scope`, `scheme`).
fn access(security: Option<&Security>, unsecured: Option<spec::Unsecured>, api: &Api) -> Json {
    let shown = |alternatives: Vec<Vec<String>>, anonymous: bool| json!({ "anonymous": anonymous, "any_of": alternatives });
    match (security, unsecured) {
        (Some(Security::Malformed), _) => json!({ "anonymous": false, "any_of": [] }),
        (Some(Security::Alternatives(all)), _) => {
            let bound = |scheme: &str| api.authentication_for(scheme).is_some();
            let anonymous = all.is_empty() || all.iter().any(|one| one.schemes.is_empty());
            let needs = |one: &contract::Requirement| {
                let of_scheme = |(scheme, scopes): &(String, Vec<String>)| {
                    let mut all = vec![format!("a credential of `{scheme}`")];
                    all.extend(scopes.iter().map(|scope| format!("the scope `{scope}`")));
                    all
                };
                one.schemes.iter().flat_map(of_scheme).collect::<Vec<String>>()
            };
            let usable = all
                .iter()
                .filter(|one| !one.schemes.is_empty() && one.schemes.iter().all(|(scheme, _)| bound(scheme)));
            shown(usable.map(needs).collect(), anonymous)
        }
        (_, Some(spec::Unsecured::Anonymous)) => shown(Vec::new(), true),
        (_, Some(spec::Unsecured::Authenticated)) => shown(vec![vec![String::from("a credential")]], false),
        _ => shown(Vec::new(), false),
    }
}

/// Schemas that others refer to, each described once.
#[derive(Default)]
struct Definitions<'r> {
    open: Vec<(String, At<'r>)>,
    known: BTreeSet<String>,
    done: Map<String, Json>,
}

impl<'r> Definitions<'r> {
    fn request(&mut self, written: &contract::raw::RawOperation<'r>) -> Json {
        let mut parameters = Map::new();
        for at in &written.parameters {
            let (Some(name), Some(place)) = (at.text("name"), at.text("in")) else { continue };
            let media =
                at.get("content").and_then(|content| content.members().next().map(|(_, media)| media));
            let schema = at.get("schema").or_else(|| media.and_then(|media| media.get("schema")));
            let required = at.value.get("required") == Some(&Json::Bool(true));
            parameters.insert(
                format!("{place} {name}"),
                json!({ "required": required, "schema": schema.map(|at| self.schema(at)) }),
            );
        }
        let body = written.at.get("requestBody").and_then(At::resolve);
        let described = body.map(|body| {
            let required = body.value.get("required") == Some(&Json::Bool(true));
            json!({ "required": required, "media": body.get("content").map(|content| self.media(content)) })
        });
        json!({ "parameters": parameters, "body": described })
    }

    fn responses(&mut self, written: &contract::raw::RawOperation<'r>) -> Json {
        let mut all = Map::new();
        for (status, at) in written.at.get("responses").into_iter().flat_map(At::members) {
            let media = at.resolve().and_then(|at| at.get("content")).map(|content| self.media(content));
            all.insert(status.to_owned(), json!({ "media": media }));
        }
        Json::Object(all)
    }

    fn media(&mut self, content: At<'r>) -> Json {
        let of = content.members().map(|(name, media)| {
            (name.to_owned(), media.get("schema").map_or(Json::Null, |at| self.schema(at)))
        });
        Json::Object(of.collect())
    }

    /// A schema without words; references lead to the table of definitions.
    fn schema(&mut self, at: At<'r>) -> Json {
        let mut value = self.part(at);
        if let (Some(name), Some(members)) = (at.reference(), value.as_object_mut()) {
            members.insert(String::from("$ref"), json!(name));
            if let Some(target) = at.resolve().filter(|_| self.known.insert(name.clone())) {
                self.open.push((name, target));
            }
        }
        value
    }

    fn part(&mut self, at: At<'r>) -> Json {
        if !at.value.is_object() {
            return at.value.clone();
        }
        let mut members = Map::new();
        for (key, below) in at.members().filter(|(key, _)| !WORDS.contains(key) && !key.starts_with("x-")) {
            let each = |this: &mut Self, at: At<'r>| {
                Json::Object(at.members().map(|(name, at)| (name.to_owned(), this.schema(at))).collect())
            };
            let value = match key {
                "properties" | "patternProperties" | "dependentSchemas" => each(self, below),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                    Json::Array(below.items().into_iter().map(|at| self.schema(at)).collect())
                }
                "items"
                | "additionalProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedProperties"
                | "unevaluatedItems" => self.schema(below),
                _ => below.value.clone(),
            };
            members.insert(key.to_owned(), value);
        }
        Json::Object(members)
    }

    fn finish(mut self) -> Json {
        while let Some((name, at)) = self.open.pop() {
            let value = self.schema(at);
            self.done.insert(name, value);
        }
        Json::Object(self.done)
    }
}
