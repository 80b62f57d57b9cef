//! From the controls' answers to a plan: which control speaks at which stage, and what that needs of the bodies.

use std::collections::HashMap;
use std::sync::Arc;

use contract::{Parts, PlacedPart};
use controls::scope::{Compiled, GatewayScope, HeldTo, OperationScope};
use controls::{CONTROLS, ORDER};
use diagnostics::{Diagnostic, Diagnostics, FileId, Sources};
use engine::plan::PlaceId;
use engine::{BodyMode, Control, Mode, Needs, OperationPlan, PlannedStep, ResponseMode, Stage, bounds};

use crate::places::Places;

/// What a control said when it was compiled, with its name in the registry.
pub(crate) type Answers = Vec<(&'static str, Vec<Compiled>)>;

/// Where the parts of an operation's plan come from.
pub(crate) struct Steps {
    pub(crate) head: Box<[PlannedStep]>,
    pub(crate) body: Box<[PlannedStep]>,
    pub(crate) message: Box<[PlannedStep]>,
    pub(crate) before_upstream: Box<[PlannedStep]>,
    pub(crate) response_head: Box<[PlannedStep]>,
    pub(crate) response_body: Box<[PlannedStep]>,
    pub(crate) observe: Box<[u32]>,
    pub(crate) request_mode: BodyMode,
    pub(crate) response_mode: ResponseMode,
}

/// Where an operation comes from.
pub(crate) struct Origin<'a> {
    /// Where it is declared.
    pub(crate) place: String,
    /// The contract's file, and where its parts are there.
    pub(crate) parts: Option<(&'a str, &'a Parts)>,
}

/// The places of an operation and of its parts; that of the operation where it has not this one.
#[derive(Default)]
struct Whereabouts {
    operation: PlaceId,
    security: PlaceId,
    parameters: PlaceId,
    body: PlaceId,
    responses: PlaceId,
}

impl Whereabouts {
    /// What of the contract a control goes by at a stage; none where its rules are the configuration's.
    const fn rules(&self, held_to: HeldTo, stage: Stage) -> PlaceId {
        match (held_to, stage) {
            (HeldTo::Configuration, _)
            | (HeldTo::Messages, Stage::Admission | Stage::Message | Stage::Upstream) => PlaceId(0),
            (HeldTo::Security, _) => self.security,
            (HeldTo::Messages, Stage::Head) => self.parameters,
            (HeldTo::Messages, Stage::Body) => self.body,
            (HeldTo::Messages, Stage::ResponseHead | Stage::ResponseBody) => self.responses,
        }
    }
}

/// Operations, controls and places, each by its number.
pub(crate) type Planned = (Vec<Arc<OperationPlan>>, Vec<Arc<dyn Control>>, Vec<Box<str>>);

/// Numbers operations, controls and places as they come up.
pub(crate) struct Planner<'a> {
    controls: Vec<Arc<dyn Control>>,
    numbers: HashMap<*const (), u32>,
    places: Places<'a>,
    operations: Vec<Arc<OperationPlan>>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(sources: &'a Sources, document: FileId) -> Self {
        Self {
            controls: Vec::new(),
            numbers: HashMap::new(),
            places: Places::new(sources, document),
            operations: Vec::new(),
        }
    }

    /// The checks before routing.
    pub(crate) fn admission(&mut self, scope: &GatewayScope<'_>, out: &mut Diagnostics) -> Vec<PlannedStep> {
        let answers: Answers = CONTROLS
            .iter()
            .filter_map(|entry| entry.gateway.map(|gateway| (entry.name, gateway(scope, out))))
            .collect();
        check_places(&answers, out);
        self.steps(&answers, Stage::Admission, &Whereabouts::default()).into_vec()
    }

    /// Asks every control about an operation.
    pub(crate) fn ask(scope: &OperationScope<'_>, sections: &Sections<'_>, out: &mut Diagnostics) -> Answers {
        let mut answers = Answers::new();
        for entry in CONTROLS {
            let Some(compile) = entry.operation else { continue };
            let section = sections.get(entry.name);
            let own = OperationScope { section: section.as_ref(), ..copy(scope) };
            let compiled = compile(&own, out);
            if !compiled.is_empty() {
                answers.push((entry.name, compiled));
            }
        }
        answers
    }

    /// Plans an operation by the answers of its controls.
    pub(crate) fn plan(
        &mut self,
        answers: &Answers,
        origin: &Origin<'_>,
        head_only: bool,
        out: &mut Diagnostics,
    ) -> Steps {
        check_places(answers, out);
        let place = &self.whereabouts(origin);
        let body = self.steps(answers, Stage::Body, place);
        // The answer to HEAD has no body to look at.
        let response_body =
            if head_only { Box::default() } else { self.steps(answers, Stage::ResponseBody, place) };
        Steps {
            head: self.steps(answers, Stage::Head, place),
            message: self.steps(answers, Stage::Message, place),
            before_upstream: self.steps(answers, Stage::Upstream, place),
            response_head: self.steps(answers, Stage::ResponseHead, place),
            observe: self.observers(answers),
            request_mode: request_mode(answers, &body),
            response_mode: response_mode(&response_body),
            body,
            response_body,
        }
    }

    /// Adds a planned operation and returns its number.
    pub(crate) fn add(&mut self, plan: OperationPlan) -> u32 {
        let number = u32::try_from(self.operations.len()).unwrap_or(u32::MAX);
        self.operations.push(Arc::new(plan));
        number
    }

    pub(crate) fn finish(self) -> Planned {
        (self.operations, self.controls, self.places.finish())
    }

    fn number(&mut self, control: &Arc<dyn Control>) -> u32 {
        let next = u32::try_from(self.controls.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(Arc::as_ptr(control).cast()).or_insert(next);
        if number == next {
            self.controls.push(Arc::clone(control));
        }
        number
    }

    fn steps(&mut self, answers: &Answers, stage: Stage, at: &Whereabouts) -> Box<[PlannedStep]> {
        let mut steps = Vec::new();
        for place in ORDER.iter().filter(|place| place.stage == stage) {
            let of_control = answers.iter().filter(|(name, _)| *name == place.control);
            for compiled in of_control.flat_map(|(_, compiled)| compiled) {
                let mode = mode_at(compiled, stage);
                if mode != Mode::Off && speaks_at(compiled.control.needs(), stage) {
                    let control = self.number(&compiled.control);
                    let place = compiled.span.and_then(|span| self.places.span(span)).unwrap_or(at.operation);
                    let contract = at.rules(compiled.held_to, stage);
                    let contract_body = at.rules(compiled.held_to, Stage::Body);
                    steps.push(PlannedStep { control, mode, place, contract, contract_body });
                }
            }
        }
        steps.into_boxed_slice()
    }

    fn whereabouts(&mut self, origin: &Origin<'_>) -> Whereabouts {
        let operation = self.places.text(&origin.place);
        let Some((file, parts)) = origin.parts else {
            return Whereabouts { operation, ..Whereabouts::default() };
        };
        let mut part = |part: &Option<PlacedPart>| part.as_ref().map(|part| self.places.part(file, part));
        Whereabouts {
            operation,
            security: part(&parts.security).unwrap_or(operation),
            parameters: part(&parts.parameters).unwrap_or(operation),
            body: part(&parts.body).unwrap_or(operation),
            responses: part(&parts.responses).unwrap_or(operation),
        }
    }

    fn observers(&mut self, answers: &Answers) -> Box<[u32]> {
        let mut numbers = Vec::new();
        for compiled in answers.iter().flat_map(|(_, compiled)| compiled) {
            if compiled.control.needs().observe {
                let number = self.number(&compiled.control);
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
        numbers.into_boxed_slice()
    }
}

/// The controls' sections for one operation.
pub(crate) struct Sections<'a> {
    pub(crate) settings: &'a spec::Api,
    pub(crate) operation: spec::OperationRef<'a>,
}

impl Sections<'_> {
    fn get(&self, name: &str) -> Option<spec::Node> {
        self.settings.section_for(name, &self.operation)
    }
}

fn copy<'a>(scope: &OperationScope<'a>) -> OperationScope<'a> {
    OperationScope {
        api: scope.api,
        kind: scope.kind,
        contract: scope.contract,
        id: scope.id,
        method: scope.method,
        template: scope.template,
        params: scope.params,
        siblings: scope.siblings,
        websocket: scope.websocket,
        section: scope.section,
    }
}

const STAGES: [Stage; 7] = [
    Stage::Admission,
    Stage::Head,
    Stage::Body,
    Stage::Message,
    Stage::Upstream,
    Stage::ResponseHead,
    Stage::ResponseBody,
];

const fn speaks_at(needs: Needs, stage: Stage) -> bool {
    match stage {
        Stage::Admission => needs.admission,
        Stage::Head => needs.head,
        Stage::Body => needs.body,
        Stage::Message => needs.message,
        Stage::Upstream => needs.upstream,
        Stage::ResponseHead => needs.response_head,
        Stage::ResponseBody => needs.response_body,
    }
}

const fn mode_at(compiled: &Compiled, stage: Stage) -> Mode {
    match stage {
        Stage::ResponseHead | Stage::ResponseBody => compiled.response_mode,
        _ => compiled.mode,
    }
}

/// A control that wants to speak where the registry gives it no place would never be asked: that is our fault, and it
/// must not be silent.
fn check_places(answers: &Answers, out: &mut Diagnostics) {
    for (name, compiled) in answers {
        for needs in compiled.iter().map(|compiled| compiled.control.needs()) {
            for stage in STAGES.into_iter().filter(|stage| speaks_at(needs, *stage)) {
                if !ORDER.iter().any(|place| place.control == *name && place.stage == stage) {
                    let message =
                        format!("the control `{name}` has no place at the stage `{}`", stage.name());
                    let help = "this is a fault of this build: report it";
                    out.push(Diagnostic::error("control-without-place", message).help(help));
                }
            }
        }
    }
}

/// The smallest bound that a reader of the body sets, else the common one: nothing is read in part (THREATS row 21).
fn request_mode(answers: &Answers, body: &[PlannedStep]) -> BodyMode {
    if body.is_empty() {
        return BodyMode::Pass { limit: bounds::PASS_BYTES };
    }
    let readers = answers.iter().flat_map(|(_, compiled)| compiled);
    let limit = readers
        .filter(|compiled| compiled.mode != Mode::Off)
        .filter_map(|compiled| compiled.body_limit)
        .min();
    BodyMode::Whole { limit: limit.unwrap_or(bounds::BODY_BYTES) }
}

fn response_mode(steps: &[PlannedStep]) -> ResponseMode {
    if steps.iter().any(|step| step.mode == Mode::Enforce) {
        ResponseMode::Whole { limit: bounds::BODY_BYTES }
    } else if steps.is_empty() {
        ResponseMode::Pass
    } else {
        ResponseMode::Sample { limit: bounds::SAMPLE_BYTES }
    }
}
