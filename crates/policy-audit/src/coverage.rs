//! What protects each operation from each of the ten risks, and how far.

use crate::Risk;
use crate::rules::free_address;
use crate::view::{Operation, Whole};

/// How far an operation is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// There is nothing here to protect.
    Nothing,
    /// Nothing protects it.
    Open,
    /// Something does, and not all that could.
    Partly,
    /// All that a gateway can do is done.
    Held,
}

impl Level {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Level::Nothing => "-",
            Level::Open => "open",
            Level::Partly => "partly",
            Level::Held => "held",
        }
    }
}

/// What protects an operation from one risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// The risk.
    pub risk: Risk,
    /// How far.
    pub level: Level,
    /// What does.
    pub by: Vec<&'static str>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The API.
    pub api: String,
    /// The operation's id.
    pub operation: String,
    /// Of each risk, in their order.
    pub covers: Vec<Cover>,
}

/// Of every operation.
pub(crate) fn cover(whole: &Whole<'_>) -> Vec<Row> {
    let failures = crate::view::at(whole.json, &["gateway", "admission", "failures", "mode"]) == "enforce";
    let mut rows = Vec::new();
    for api in &whole.apis {
        let contract = api.json["contract"] == serde_json::Value::Bool(true);
        rows.extend(api.operations.iter().map(|operation| Row {
            api: api.name.to_owned(),
            operation: operation.id().to_owned(),
            covers: Risk::ALL.into_iter().map(|risk| one(risk, operation, contract, failures)).collect(),
        }));
    }
    rows
}

/// What is there, of all that could be.
fn of(risk: Risk, parts: &[(bool, &'static str)]) -> Cover {
    let by: Vec<&'static str> = parts.iter().filter(|(is, _)| *is).map(|(_, what)| *what).collect();
    let level = match by.len() {
        0 => Level::Open,
        count if count == parts.len() => Level::Held,
        _ => Level::Partly,
    };
    Cover { risk, level, by }
}

fn nothing(risk: Risk) -> Cover {
    Cover { risk, level: Level::Nothing, by: Vec::new() }
}

/// Never more than partly: the rest is beyond a gateway.
fn at_most_partly(cover: Cover) -> Cover {
    Cover { level: cover.level.min(Level::Partly), ..cover }
}

fn one(risk: Risk, operation: &Operation<'_>, contract: bool, failures: bool) -> Cover {
    let known = !operation.is_anonymous();
    let validated =
        operation.enforces("validation") && operation.setting(&["validation", "request"]) == "enforce";
    let answers = operation.setting(&["validation", "response"]);
    let limited = operation.limits().next().is_some();
    let promised = answers == "enforce" && operation.mode("validation").is_some();
    match risk {
        Risk::Api1 if !operation.parameters().any(|(place, _, _)| place == "path") => nothing(risk),
        // Whose an object is no gateway knows: never more than partly.
        Risk::Api1 => {
            let parts = [
                (known, "the caller is known"),
                (validated, "ids are held to the contract"),
                (limited, "trying ids is limited"),
            ];
            at_most_partly(of(risk, &parts))
        }
        Risk::Api2 => {
            of(risk, &[(known, "a credential is verified"), (failures, "failures are limited per address")])
        }
        Risk::Api3 => of(
            risk,
            &[
                (validated, "requests are held to the contract"),
                (promised, "answers are held to the contract"),
            ],
        ),
        Risk::Api4 => of(
            risk,
            &[
                (limited, "calls are limited"),
                (operation.bodies().next().is_none() || operation.enforces("bodies"), "bodies are bounded"),
            ],
        ),
        Risk::Api5 => of(
            risk,
            &[(known, "the caller is known"), (operation.wants_right(), "a scope or a role is asked for")],
        ),
        Risk::Api6 if !operation.writes() => nothing(risk),
        Risk::Api6 => {
            at_most_partly(of(risk, &[(known, "the caller is known"), (limited, "calls are limited")]))
        }
        Risk::Api7 if free_address(operation).is_none() => nothing(risk),
        Risk::Api7 => {
            at_most_partly(of(risk, &[(operation.enforces("inspection"), "addresses are inspected")]))
        }
        Risk::Api8 => of(
            risk,
            &[
                (operation.enforces("inspection"), "calls are inspected"),
                (operation.enforces("leaks"), "leaks in answers are stopped"),
            ],
        ),
        Risk::Api9 if !contract => of(risk, &[(false, "the contract has it")]),
        Risk::Api9 => {
            of(risk, &[(contract, "the contract has it"), (!operation.deprecated, "it is not deprecated")])
        }
        Risk::Api10 => of(
            risk,
            &[
                (promised, "answers are held to the contract"),
                (operation.enforces("leaks"), "leaks in answers are stopped"),
            ],
        ),
    }
}
