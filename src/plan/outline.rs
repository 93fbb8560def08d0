//! The outline of a plan: one row for each step of the file, with counts where it is done more than once.

use std::collections::BTreeMap;

use petgraph::graph::NodeIndex;
use serde::Serialize;

use super::{Foreseen, FrameIx, NodeIx, Part, Plan, cost::Costs};
use crate::{
    base::{GpuRequest, Name},
    workflow::{BodyIx, Does, Given, Step, StepIx, Workflow},
};

/// A row: a step of the file where it stands, under the step that uses its template.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    pub name: Name,
    /// What the step does, in words: `train`, `for each match: use match`.
    pub does: String,
    /// How often it can be done, where that is not once.
    pub bound: Option<String>,
    pub when: Option<String>,
    pub needs: Vec<Name>,
    /// What a full plan knows of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
    pub rows: Vec<Row>,
}

/// What a full plan knows of a row.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Counted {
    /// Nodes of this step; for a fan-out its items, for a `repeat` its times.
    pub count: usize,
    pub skipped: usize,
    /// How many of them ask for which GPUs.
    pub gpus: BTreeMap<GpuRequest, usize>,
    pub gpu_hours: f64,
    /// The longest that one of them is expected to take, in seconds.
    pub longest_s: f64,
}

/// The outline of a workflow, without counts.
pub fn outline(workflow: &Workflow) -> Vec<Row> {
    rows(workflow, Workflow::MAIN)
}

fn rows(workflow: &Workflow, body: BodyIx) -> Vec<Row> {
    let body = workflow.body(body);
    body.steps.iter().map(|step| row(workflow, &body.steps, step)).collect()
}

fn row(workflow: &Workflow, siblings: &[Step], step: &Step) -> Row {
    let needs = step.needs.iter().map(|need| siblings[need.0 as usize].name.clone()).collect();
    let when = step.when.as_ref().map(|when| when.text().to_string());
    let plain = |does: String, bound, rows| Row {
        name: step.name.clone(),
        does,
        bound,
        when: when.clone(),
        needs,
        counted: None,
        rows,
    };
    match &step.does {
        Does::Action { action, .. } => plain(action.name.into(), None, Vec::new()),
        Does::Use { body, .. } => plain(format!("use {}", workflow.body(*body).name), None, rows(workflow, *body)),
        Does::Repeat(repeat) => {
            let does = format!("repeat {}", workflow.body(repeat.body).name);
            plain(does, Some(format!("at most {} times", repeat.at_most)), rows(workflow, repeat.body))
        }
        Does::Each(each) => {
            let inner = row(workflow, &[], workflow.body(each.body).step(StepIx(0)));
            let bound = format!("for each {} of {}, at most {}", each.item, spelled(&each.list), each.at_most);
            let row = plain(inner.does, Some(bound), inner.rows);
            Row { when: row.when.or(inner.when), ..row }
        }
    }
}

/// A list as the author wrote it, as far as that is short.
fn spelled(given: &Given) -> String {
    const SHOWN_MAX: usize = 60;
    let expression = match given {
        Given::Text(text) => text.expression().filter(|text| text.len() <= SHOWN_MAX),
        _ => None,
    };
    match (given.known(), expression) {
        (Some(crate::base::Value::List(items)), _) => format!("{} items", items.len()),
        (_, Some(expression)) => expression.into(),
        _ => "a list".into(),
    }
}

/// The outline of a full plan, with counts.
pub fn counted(foreseen: &Foreseen, costs: &Costs) -> Vec<Row> {
    let plan = &foreseen.plan;
    let workflow = plan.workflow();
    let mut top = Row {
        name: workflow.name.clone(),
        does: String::new(),
        bound: None,
        when: None,
        needs: Vec::new(),
        counted: None,
        rows: outline(workflow),
    };
    let places = Places::of(plan);
    for node in plan.nodes() {
        let counts = is_counted(plan, node, foreseen.skipped.contains(&node));
        let row = descend(&mut top, &places.path(plan, node));
        let counted = row.counted.get_or_insert_default();
        if foreseen.skipped.contains(&node) {
            counted.skipped += 1;
        } else if counts {
            counted.count += 1;
            if let Some(request) = costs.gpus(node) {
                *counted.gpus.entry(request.clone()).or_default() += 1;
            }
            counted.gpu_hours += costs.gpu_hours(node);
            counted.longest_s = counted.longest_s.max(costs.expected(node).millis() as f64 / 1_000.0);
        }
    }
    top.rows
}

/// Whether a node is counted in its row: a fan-out is counted by its items, a `repeat` by its turns, everything else by
/// its first node. What is skipped as a whole has neither items nor turns and counts itself.
pub fn is_counted(plan: &Plan, node: NodeIx, skipped: bool) -> bool {
    match (&plan.step(node).does, plan.node(node).part) {
        (Does::Repeat(_), Part::Turn(_)) => true,
        (Does::Repeat(_) | Does::Each(_), _) => skipped,
        (_, Part::Task | Part::Open) => true,
        (_, Part::Close | Part::Turn(_)) => false,
    }
}

/// Where the rows of a plan's nodes are among those of its outline.
pub struct Places(Vec<Vec<usize>>);

impl Places {
    pub fn of(plan: &Plan) -> Self {
        // For each frame, the path of positions from the top.
        let mut paths: Vec<Vec<usize>> = Vec::with_capacity(plan.frames().len());
        for (_, frame) in plan.frames() {
            let path = match frame.under {
                None => Vec::new(),
                Some(open) => row_path(plan, &paths, plan.node(open).frame, plan.node(open).step),
            };
            paths.push(path);
        }
        Self(paths)
    }

    /// The positions down to a node's row.
    pub fn path(&self, plan: &Plan, node: NodeIx) -> Vec<usize> {
        let found = plan.node(node);
        row_path(plan, &self.0, found.frame, found.step)
    }
}

/// The rows from the top down to a step. The one step of a fan-out's item shares the fan-out's row.
fn row_path(plan: &Plan, paths: &[Vec<usize>], frame: FrameIx, step: StepIx) -> Vec<usize> {
    let mut path = paths[frame.0 as usize].clone();
    if !plan.workflow().body(plan.frame(frame).body).sees_around {
        path.push(step.0 as usize);
    }
    path
}

fn descend<'a>(row: &'a mut Row, path: &[usize]) -> &'a mut Row {
    path.iter().fold(row, |row, at| &mut row.rows[*at])
}

/// The steps of one longest chain, folded to rows: each name once, in order.
pub fn chain(foreseen: &Foreseen, costs: &Costs) -> Vec<String> {
    let mut chain: Vec<String> = Vec::new();
    for node in costs.critical_path() {
        let node = NodeIndex::new(*node as usize);
        if costs.expected(node).millis() > 0 {
            chain.push(foreseen.plan.id(node));
        }
    }
    chain
}
