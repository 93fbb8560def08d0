//! From a case's words to the words of our actions and back. One file for each group of topics; none of them knows a
//! number of a tournament or a rule: numbers are read from the workflow of the case's state, rules are played by actions.

mod admission;
mod boss;
mod constants;
mod field;
mod figures;
mod gpus;
mod pay;
mod reasons;
mod rounds;
mod standing;
mod tasks;
mod time;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    sync::Arc,
};

use god_flow::{
    action::{self, Gives, Takes, vocabulary::types},
    base::{Seed, Value},
    rule::{Env, Failure},
    workflow::Workflow,
};
use serde_json::{Map, Value as Json};

use crate::files::{checked, loaded};

/// Plays a case: gives what our side says, in the words of the case's `out`.
pub type Translation = fn(&Case) -> Result<Json, Missed>;

/// The topics that are played, by groups.
const GROUPS: &[&[(&str, Translation)]] = &[
    admission::TOPICS,
    boss::TOPICS,
    constants::TOPICS,
    field::TOPICS,
    figures::TOPICS,
    gpus::TOPICS,
    pay::TOPICS,
    rounds::TOPICS,
    standing::TOPICS,
    tasks::TOPICS,
    time::TOPICS,
];

/// The topics that are not played, and why.
pub const WHY_NOT: &[(&str, &str)] = &[
    ("trainer_selection", "the observed function found no trainer in any case, however many GPUs were free"),
    ("environment_configs", "images and opponents of environments are the judge's, not the workflow's"),
    ("dstack_h200_count", "customers' jobs on rented machines are no tournament"),
    ("dstack_run_name", "customers' jobs on rented machines are no tournament"),
];

/// The topic that a file is about, by its name: what stands before the first dot, without a number or a note after it.
pub fn topic(stem: &str) -> &str {
    let name = stem.split('.').next().unwrap_or(stem);
    let known = GROUPS.iter().copied().flatten().map(|(it, _)| *it).chain(WHY_NOT.iter().map(|(it, _)| *it));
    let is_it = |topic: &&str| {
        let rest = name.strip_prefix(*topic);
        rest.is_some_and(|rest| {
            rest.is_empty()
                || rest.starts_with('-')
                || rest.trim_matches(|it: char| it == '_' || it.is_ascii_digit()).is_empty()
        })
    };
    known.filter(is_it).max_by_key(|it| it.len()).unwrap_or(name)
}

pub fn translation(topic: &str) -> Option<Translation> {
    GROUPS.iter().copied().flatten().find(|(name, _)| *name == topic).map(|(_, translation)| *translation)
}

/// Why there is nothing to compare.
#[derive(Debug)]
pub enum Missed {
    /// This state of the rules, or this product, has no such thing.
    NotApplicable(String),
    /// The case has a shape that is not known here.
    Unreadable(String),
    /// An action refused its input.
    Refused(String),
}

impl From<String> for Missed {
    fn from(why: String) -> Self {
        Self::Unreadable(why)
    }
}

/// The workflows of one state of the rules.
pub struct Variant {
    pub name: String,
    workflows: Vec<(&'static str, Arc<Workflow>)>,
}

const KINDS: [&str; 3] = ["text", "image", "environment"];

impl Variant {
    pub fn load(name: &str) -> Result<Self, String> {
        let (suffix, kinds) = match name {
            "V0" => ("-2025-12", &KINDS[..2]),
            "V1" | "S001" => ("", &KINDS[..]),
            "V2" => ("-2026-06", &KINDS[..]),
            "V3" => ("-2026-07", &KINDS[..]),
            other => return Err(format!("no workflow is shipped for {other}")),
        };
        let workflows = kinds.iter().map(|kind| (*kind, checked(&loaded(&format!("workflows/{kind}{suffix}.yaml")))));
        Ok(Self { name: name.into(), workflows: workflows.collect() })
    }

    /// The workflow of a type of tournament.
    pub fn workflow(&self, kind: &str) -> Result<&Arc<Workflow>, Missed> {
        let found = self.workflows.iter().find(|(name, _)| *name == kind);
        let why = || Missed::NotApplicable(format!("{} has no {kind} tournament", self.name));
        found.map(|(_, workflow)| workflow).ok_or_else(why)
    }
}

/// One case, with the rules that it is played by.
pub struct Case<'c> {
    /// The file that it stands in, for what all its cases share.
    pub file: &'c Json,
    pub input: &'c Json,
    pub variant: &'c Variant,
    quirks: RefCell<BTreeSet<&'static str>>,
    any_order: Cell<bool>,
}

impl<'c> Case<'c> {
    pub fn new(file: &'c Json, case: &'c Json, variant: &'c Variant) -> Self {
        Self { file, input: &case["in"], variant, quirks: RefCell::default(), any_order: Cell::default() }
    }

    /// Notes that a switch is on here which is off by default, or the other way round: the deployed behaviour.
    pub fn quirk(&self, name: &'static str) -> bool {
        self.quirks.borrow_mut().insert(name)
    }
    /// Notes that the order of the list that comes out says nothing.
    pub fn in_any_order(&self) {
        self.any_order.set(true);
    }
    pub fn is_in_any_order(&self) -> bool {
        self.any_order.get()
    }
    pub fn quirks(&self) -> BTreeSet<&'static str> {
        self.quirks.borrow().clone()
    }

    /// The rule at a dotted path of the workflow of that type, as it would be given to an action.
    pub fn rule(&self, kind: &str, path: &str) -> Result<Json, Missed> {
        let workflow = self.variant.workflow(kind)?;
        let found = path.split('.').try_fold(&workflow.rules, |value, field| value.field(field));
        found.map(Value::to_json).ok_or_else(|| {
            Missed::Unreadable(format!("{} of {} has no rule `{path}`", workflow.name, self.variant.name))
        })
    }

    /// A field of the case's input; null when there is none.
    pub fn get(&self, field: &str) -> &'c Json {
        &self.input[field]
    }
    pub fn text(&self, field: &str) -> Result<&'c str, Missed> {
        text(&self.input[field])
    }
    pub fn list(&self, field: &str) -> Result<&'c [Json], Missed> {
        list(&self.input[field])
    }
}

pub fn text(json: &Json) -> Result<&str, Missed> {
    json.as_str().ok_or_else(|| Missed::Unreadable(format!("expected a text, found {json}")))
}
pub fn list(json: &Json) -> Result<&[Json], Missed> {
    json.as_array().map(Vec::as_slice).ok_or_else(|| Missed::Unreadable(format!("expected a list, found {json}")))
}
pub fn map(json: &Json) -> Result<&Map<String, Json>, Missed> {
    json.as_object().ok_or_else(|| Missed::Unreadable(format!("expected a mapping, found {json}")))
}

/// Which results of a type of task are better.
pub fn better(kind: &Json) -> Result<&'static str, Missed> {
    Ok(match text(kind)? {
        "grpo" | "env" | "GrpoTask" | "EnvTask" => "higher",
        "instruct" | "chat" | "dpo" | "image" | "InstructTextTask" | "ChatTask" | "DpoTask" | "ImageTask" => "lower",
        other => return Err(Missed::Unreadable(format!("unknown type of task `{other}`"))),
    })
}

/// A number, unless it is one of the texts for what is not a number.
pub fn finite(json: &Json) -> Json {
    if json.is_number() { json.clone() } else { Json::Null }
}

/// Plays an action of the catalogue, the way a run does: typed input in, typed output out.
pub fn play(name: &str, input: Json) -> Result<Json, Missed> {
    play_with(name, input, Seed(1))
}

/// Plays an action of the catalogue with other random numbers.
pub fn play_with(name: &str, input: Json, seed: Seed) -> Result<Json, Missed> {
    let action = action::find(name).ok_or_else(|| Missed::Unreadable(format!("there is no action `{name}`")))?;
    if !action.is_pure() {
        return Err(Missed::Unreadable(format!("`{name}` is done by a backend")));
    }
    let Takes::Fields { ty, .. } = &action.takes else {
        return Err(Missed::Unreadable(format!("`{name}` takes anything")));
    };
    let input = Value::from_json(&input, ty).map_err(|why| Missed::Unreadable(format!("`{name}`: {why}")))?;
    let decided = action.decide(&input, seed, name).expect("a pure action decides");
    let output = decided.map_err(Missed::Refused)?;
    if let Gives::Record(ty) = &action.gives {
        Value::from_json(&output.to_json(), ty).map_err(|why| Missed::Unreadable(format!("`{name}` gave: {why}")))?;
    }
    Ok(output.to_json())
}

/// What the GPU table of the workflow of that type says of a task.
pub fn ask_gpus(case: &Case, kind: &str, task: Json) -> Result<Json, Missed> {
    let workflow = case.variant.workflow(kind)?;
    let Some(table) = &workflow.gpus else {
        return Err(Missed::Unreadable(format!("{} has no GPU table", workflow.name)));
    };
    let (_, ty) = types().find(|(name, _)| name.as_str() == "task").expect("the vocabulary knows tasks");
    let task = Value::from_json(&task, &ty).map_err(Missed::Unreadable)?;
    let asked = table.ask(&[task], &Rules(workflow)).map_err(|why| Missed::Refused(why.to_string()))?;
    Ok(asked.to_json())
}

/// The rules of a workflow, and no other names.
struct Rules<'w>(&'w Workflow);
impl Env for Rules<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        (name == "rules").then(|| self.0.rules.clone())
    }
    fn call(&self, function: &str, _: &[Value]) -> Result<Value, Failure> {
        Err(Failure::Host { function: function.into(), why: "there is no such function".into() })
    }
}
