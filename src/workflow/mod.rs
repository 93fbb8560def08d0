//! From a document to a workflow: names resolved, types known, every mistake collected.
//!
//! To hold a [`Workflow`] is the proof that its file is valid: only [`check`] builds one. `plan` and `run` instantiate its
//! bodies; nothing here evaluates an expression, except the values of `rules`, which are plain.

mod apart;
mod body;
mod check;
mod form;
mod given;
mod gpus;
mod hosts;
mod meant;
mod misfit;
mod names;
mod origin;
pub mod schedule;
pub mod schema;
mod settings;
mod step;
pub mod types;
mod unused;
mod written;

use std::{collections::BTreeMap, sync::Arc};

use indexmap::IndexMap;

pub use check::{Checked, check, check_loaded};
pub use given::Given;
pub use gpus::GpuTable;
pub use settings::Settings;

/// What the file says word for word, for those who may not read documents.
pub use crate::document::types::{ClockTime, Every, OnFailure, OnTimeLimit, Retry, Schedule, Weekday};
use crate::{
    action::Action,
    base::{Name, Place, Ty, Value},
    rule::Rule,
};

/// A valid workflow.
#[derive(Clone, Debug)]
pub struct Workflow {
    pub name: Name,
    pub about: Option<String>,
    /// The record that expressions read as `rules`.
    pub rules: Value,
    pub inputs: IndexMap<Name, Input>,
    pub gpus: Option<GpuTable>,
    pub limits: IndexMap<Name, u32>,
    pub schedule: Option<Schedule>,
    /// The main body first, then the templates and the bodies of fan-outs.
    pub bodies: Vec<Body>,
    /// Where each rule is written, and each field of what a run gives: `rules.fee`, `gives.champion`.
    pub written_at: BTreeMap<String, Place>,
}

/// Something that a run is given.
#[derive(Clone, Debug)]
pub struct Input {
    pub ty: Ty,
    pub about: Option<String>,
    pub default: Option<Value>,
    /// The address that is asked for it when a run begins that is not given it.
    pub from: Option<Arc<str>>,
}

/// The index of a body in [`Workflow::bodies`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyIx(pub u32);

/// The index of a step in its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepIx(pub u32);

/// Steps that are done together, with names for what goes in and what comes out.
#[derive(Clone, Debug)]
pub struct Body {
    pub name: Name,
    pub about: Option<String>,
    pub takes: IndexMap<Name, Ty>,
    /// The body of a fan-out sees the names around it; a template sees only what it takes.
    pub sees_around: bool,
    /// Each step stands after those that it needs.
    pub steps: Vec<Step>,
    /// Where each step stands, by its name.
    pub(crate) places: BTreeMap<Name, StepIx>,
    pub gives: Vec<(Name, Given)>,
    pub gives_ty: Ty,
}

/// One step.
#[derive(Clone, Debug)]
pub struct Step {
    pub name: Name,
    pub about: Option<String>,
    /// Where the file says it.
    pub place: Place,
    /// The steps of the same body that must be done before, because they are read or named in `needs`.
    pub needs: Vec<StepIx>,
    pub when: Option<Rule>,
    pub does: Does,
    pub settings: Arc<Settings>,
    /// What the step gives to those who read it.
    pub ty: Ty,
    /// Whether anybody reads it.
    pub read: bool,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Does {
    Action { action: &'static Action, input: Given, gives: Ty },
    Use { body: BodyIx, with: Vec<(Name, Given)> },
    Each(Each),
    Repeat(Repeat),
}

impl Does {
    /// Whether a step's own work is done outside.
    pub fn is_work(&self) -> bool {
        matches!(self, Self::Action { action, .. } if !action.is_pure())
    }
}

/// A body for each item of a list, all at the same time.
#[derive(Clone, Debug)]
pub struct Each {
    pub item: Name,
    pub list: Given,
    pub key: Given,
    pub at_most: u32,
    pub body: BodyIx,
}

/// A template again and again, each time with what the time before gave.
#[derive(Clone, Debug)]
pub struct Repeat {
    pub body: BodyIx,
    pub carry: Vec<(Name, Given)>,
    pub with: Vec<(Name, Given)>,
    /// Whether the template takes `number`.
    pub numbered: bool,
    pub until: Rule,
    pub at_most: u32,
}

impl Workflow {
    pub const MAIN: BodyIx = BodyIx(0);

    pub fn body(&self, at: BodyIx) -> &Body {
        &self.bodies[at.0 as usize]
    }
    pub fn main(&self) -> &Body {
        self.body(Self::MAIN)
    }
}

impl Body {
    pub fn step(&self, at: StepIx) -> &Step {
        &self.steps[at.0 as usize]
    }
    pub fn find(&self, name: &str) -> Option<StepIx> {
        self.places.get(name).copied()
    }
}

impl Step {
    /// Whether it becomes an open and a close node, with nodes between them.
    pub fn is_composite(&self) -> bool {
        !matches!(self.does, Does::Action { .. })
    }
    /// The paths that its expressions read, from a name in scope: `["rules", "fee"]`.
    pub fn reads(&self, see: &mut dyn FnMut(&[Arc<str>])) {
        let (mut givens, mut rules) = (Vec::new(), Vec::new());
        unused::visit(self, &mut |given| givens.push(given), &mut |rule| rules.push(rule));
        givens.into_iter().for_each(|given| given.reads(see));
        rules.into_iter().for_each(|rule| rule.reads().iter().for_each(|path| see(path)));
    }
    /// Whether its expressions call that function of the host.
    pub fn calls(&self, function: &str) -> bool {
        let (mut givens, mut rules) = (Vec::new(), Vec::new());
        unused::visit(self, &mut |given| givens.push(given), &mut |rule| rules.push(rule));
        givens.into_iter().any(|given| given.calls(function))
            || rules.into_iter().any(|rule| rule.calls().iter().any(|name| name.as_str() == function))
    }
}
