//! Where something that a case expects was decided: the steps that it came from, and the rules that they read.
//!
//! `judge` shows it beside each difference. It reads the workflow and the plan of the run, and evaluates nothing.

use std::{collections::HashSet, sync::Arc};

use crate::{
    base::{Name, Place},
    plan::{FrameIx, NodeIx},
    run::Run,
    workflow::{Does, Given, Workflow},
};

/// Steps that are told of one difference.
const STEPS_MAX: usize = 3;
/// Rules that are.
const RULES_MAX: usize = 4;
/// How far it is followed through what is only handed on.
const DEPTH_MAX: usize = 12;

/// Places, each with what was decided there.
pub(super) type Reasons = Vec<(Place, String)>;

/// Where a field of what the run gives was decided.
pub(super) fn of_run(run: &Run, field: &str) -> Reasons {
    let workflow = run.plan.workflow();
    let mut told: Reasons = Vec::new();
    if let Some(place) = workflow.written_at.get(&format!("gives.{field}")) {
        told.push((*place, "it is given here".into()));
    }
    let mut trail = Trail::of(run);
    if let Some((_, given)) = workflow.main().gives.iter().find(|(name, _)| name.as_str() == field) {
        trail.read(given, FrameIx(0), false, 0);
    }
    told.extend(trail.told(Some(field)));
    told
}

/// Where what a node gives was decided, or a field of it.
pub(super) fn of_node(run: &Run, node: NodeIx, field: Option<&str>) -> Reasons {
    let mut trail = Trail::of(run);
    trail.through(run.plan.open_of(node), field, 0);
    if trail.steps.is_empty() {
        trail.steps.push(node);
    }
    trail.told(field)
}

struct Trail<'r> {
    run: &'r Run,
    steps: Vec<NodeIx>,
    /// What is read of the rules, and how far from there.
    rules: Vec<(usize, Vec<Arc<str>>)>,
    seen: HashSet<(NodeIx, Option<String>)>,
}

impl<'r> Trail<'r> {
    fn of(run: &'r Run) -> Self {
        Self { run, steps: Vec::new(), rules: Vec::new(), seen: HashSet::new() }
    }

    fn workflow(&self) -> &'r Workflow {
        self.run.plan.workflow()
    }

    fn read(&mut self, given: &Given, frame: FrameIx, only_rules: bool, depth: usize) {
        let mut paths = Vec::new();
        given.reads(&mut |path| paths.push(path.to_vec()));
        paths.iter().for_each(|path| self.follow(path, frame, only_rules, depth));
    }

    /// Follows what an expression reads: to a rule, to a step beside it, or to whoever hands it in.
    fn follow(&mut self, path: &[Arc<str>], frame: FrameIx, only_rules: bool, depth: usize) {
        let Some(root) = path.first().filter(|_| depth < DEPTH_MAX) else { return };
        if **root == *"rules" {
            self.rules.push((depth, path.to_vec()));
            return;
        }
        let (plan, workflow) = (&self.run.plan, self.workflow());
        let around = plan.frame(frame);
        let body = workflow.body(around.body);
        if let Some(step) = body.find(root) {
            let node = plan.begin(frame, step);
            match &body.step(step).does {
                Does::Action { action, input, .. } if action.name == "value" => {
                    if self.seen.insert((node, Some(format!("{only_rules}")))) {
                        self.read(input, frame, only_rules, depth + 1);
                    }
                }
                _ if only_rules => {}
                _ => self.through(node, path.get(1).map(|field| &**field), depth + 1),
            }
            return;
        }
        let Some(above) = around.under else { return };
        let handed: &[(Name, Given)] = match &plan.step(above).does {
            Does::Use { with, .. } => with,
            Does::Repeat(repeat) => &repeat.with,
            Does::Action { .. } | Does::Each(_) => &[],
        };
        let outside = plan.node(above).frame;
        match handed.iter().find(|(name, _)| name.as_str() == &**root) {
            Some((_, given)) => self.read(given, outside, only_rules, depth + 1),
            None if body.sees_around => self.follow(path, outside, only_rules, depth + 1),
            None => {}
        }
    }

    /// The steps in which a node's result was decided: itself, or those inside it that its result is made of.
    fn through(&mut self, node: NodeIx, field: Option<&str>, depth: usize) {
        if depth > DEPTH_MAX || !self.seen.insert((node, field.map(str::to_owned))) {
            return;
        }
        let (plan, workflow) = (&self.run.plan, self.workflow());
        let step = plan.step(node);
        let body = match &step.does {
            Does::Use { body, .. } => Some(*body),
            Does::Repeat(repeat) => Some(repeat.body),
            Does::Action { .. } | Does::Each(_) => None,
        };
        // Of what is done again and again, the last time.
        if let (Some(body), Some(inside)) = (body, plan.behind(node).last()) {
            let of_it = |name: &Name| field.is_none_or(|field| name.as_str() == field);
            let gives = workflow.body(body).gives.iter().filter(|(name, _)| of_it(name));
            let before = (self.steps.len(), self.rules.len());
            gives.for_each(|(_, given)| self.read(given, *inside, false, depth + 1));
            if before != (self.steps.len(), self.rules.len()) {
                return;
            }
        }
        if !self.steps.contains(&node) {
            self.steps.push(node);
        }
        let frame = plan.node(node).frame;
        let mut paths = Vec::new();
        step.reads(&mut |path| paths.push(path.to_vec()));
        paths.iter().for_each(|path| self.follow(path, frame, true, depth + 1));
    }

    /// The steps and the rules: those first that are called like what differs, then those that are read next to it.
    fn told(self, field: Option<&str>) -> Reasons {
        let (plan, written) = (&self.run.plan, &self.workflow().written_at);
        let node = |node: &NodeIx| (plan.step(*node).place, format!("`{}` decides it", plan.id(*node)));
        let told = self.steps.iter().take(STEPS_MAX).map(node);
        let sounds_alike = |path: &[Arc<str>]| {
            let last = path.last().map(|last| &**last);
            field.zip(last).is_some_and(|(field, last)| field.contains(last) || last.contains(field))
        };
        let mut paths = self.rules.clone();
        paths.sort_by_key(|(depth, path)| (!sounds_alike(path), *depth));
        let mut rules: Reasons = Vec::new();
        for (_, path) in &paths {
            // A path may lead into what is no mapping any more; the longest part of it that is written counts.
            let longest = (2..=path.len()).rev().find_map(|many| {
                let path = path[..many].join(".");
                Some((*written.get(&path)?, path))
            });
            if let Some((place, path)) = longest.filter(|(place, _)| rules.iter().all(|(other, _)| other != place)) {
                rules.push((place, format!("by the rule `{path}`")));
            }
        }
        told.chain(rules.into_iter().take(RULES_MAX)).collect()
    }
}
