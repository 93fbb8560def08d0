//! `god-flow plan FILE --against RUN`: what of a run would be kept if the file were carried out now, and what would run
//! again, and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::json;

use super::{
    Exit,
    out::Out,
    show::wrapped,
    stored::{Told, Where},
};
use crate::{
    base::{Ty, Value, near},
    run::{
        Beginning, Digest, NodeId, Outcome, Reusable,
        rerun::{Foreseen, Fresh, Outlook, foresee},
    },
    workflow::Workflow,
};

/// Nodes that are named for one reason.
const NAMED_MAX: usize = 3;

/// What a new run of the workflow is given: what the old one was given, as far as the workflow asks for it.
pub(super) fn inputs(old: &Told, workflow: &Workflow) -> Result<Value, String> {
    let before = old.world.run.plan.inputs();
    let fields = workflow.inputs.iter().map(|(name, input)| {
        let value = before.field(name.as_str()).filter(|value| **value != Value::Null).map(|value| {
            let read = Value::recorded(&value.to_json(), &input.ty);
            read.map_err(|why| format!("the input `{name}` of {}: {why}", old.header.name))
        });
        let value = match (value, &input.default, &input.ty) {
            (Some(value), ..) => value?,
            (None, Some(default), _) => default.clone(),
            (None, None, Ty::Optional(_)) => Value::Null,
            (None, None, _) => return Err(format!("{} was not given the input `{name}`", old.header.name)),
        };
        Ok((name.shared().clone(), value))
    });
    Ok(Value::Record(Arc::new(fields.collect::<Result<_, String>>()?)))
}

pub(super) fn run(workflow: Arc<Workflow>, run: &str, place: &Where, out: &Out) -> Exit {
    let told = place.open(out).and_then(|stored| stored.told(run, out));
    let old = match told {
        Ok(old) => old,
        Err(exit) => return exit,
    };
    let inputs = match inputs(&old, &workflow) {
        Ok(inputs) => inputs,
        Err(why) => return out.wrong(&why),
    };
    let reusable = match Reusable::of(old.header.id, old.workflow.clone(), &old.records, None, false) {
        Ok(reusable) => reusable,
        Err(error) => return out.failure(&error.to_string()),
    };
    let beginning = Beginning {
        id: old.header.id,
        name: "planned".into(),
        workflow: Digest::of(&old.source),
        inputs,
        seed: old.world.run.seed,
        simulated: old.header.simulated,
    };
    let outlook = foresee(old.now(), workflow, &beginning, &reusable);
    if out.json { out.json_data(&as_json(&old, &outlook)) } else { out.data(&text(&old, &outlook, out)) }
}

/// What becomes of the nodes of one step.
#[derive(Default)]
struct Row<'a> {
    kept: usize,
    again: usize,
    perhaps: usize,
    reasons: BTreeMap<String, Vec<&'a Foreseen>>,
}

fn rows(outlook: &Outlook) -> BTreeMap<&str, Row<'_>> {
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for it in &outlook.nodes {
        let row = rows.entry(&it.step).or_default();
        match &it.fresh {
            None => row.kept += 1,
            Some(fresh) => {
                let is_perhaps = matches!(fresh, Fresh::Downstream { .. });
                row.perhaps += usize::from(is_perhaps);
                row.again += usize::from(!is_perhaps);
                row.reasons.entry(reason(it, fresh)).or_default().push(it);
            }
        }
    }
    rows
}

/// Why it is done again, in words that are the same for all nodes with the same reason.
fn reason(it: &Foreseen, fresh: &Fresh) -> String {
    let decided = if it.decision { "decided again, " } else { "" };
    let rules: Vec<String> = it.because.iter().map(|path| rule(path)).collect();
    let because = match rules.as_slice() {
        [] => String::new(),
        rules => format!(", because of {}", near::list(rules.iter().map(String::as_str))),
    };
    format!("{decided}{}{because}", fresh.words())
}

fn rule(path: &str) -> String {
    format!("rules.{path}")
}

fn text(old: &Told, outlook: &Outlook, out: &Out) -> String {
    let width = out.look().width;
    let rows = rows(outlook);
    let mut text = format!("against {} ({})\n\n", old.header.name, old.header.stands().0);
    let label = rows.keys().map(|step| step.chars().count()).max().unwrap_or(4).max(4);
    text.push_str(&format!("{:<label$}  {:>6}  {:>10}  {:>10}\n", "STEP", "KEPT", "RUNS AGAIN", "IT DEPENDS"));
    let (mut kept, mut again, mut perhaps) = (0, 0, 0);
    for (step, row) in &rows {
        let zero = |count: usize| if count == 0 { "-".to_owned() } else { count.to_string() };
        let counts = (zero(row.kept), zero(row.again), zero(row.perhaps));
        text.push_str(&format!("{step:<label$}  {:>6}  {:>10}  {:>10}\n", counts.0, counts.1, counts.2));
        kept += row.kept;
        again += row.again;
        perhaps += row.perhaps;
    }
    text.push_str(&format!("{:<label$}  {kept:>6}  {again:>10}  {perhaps:>10}\n", "all"));
    let mut reasons: BTreeMap<&str, Vec<&Foreseen>> = BTreeMap::new();
    for row in rows.values() {
        for (reason, nodes) in &row.reasons {
            reasons.entry(reason).or_default().extend(nodes);
        }
    }
    if !reasons.is_empty() {
        text.push('\n');
    }
    for (reason, nodes) in reasons {
        let names = named(nodes.iter().map(|it| &it.node), nodes.len());
        text.push_str(&wrapped(&format!("{reason}: {names}"), "", width));
    }
    if !outlook.gone.is_empty() {
        let names = named(outlook.gone.iter(), outlook.gone.len());
        text.push_str(&wrapped(&format!("no longer a part of it: {names}"), "", width));
    }
    let told: BTreeSet<&String> = outlook.nodes.iter().flat_map(|it| &it.because).collect();
    let untold: Vec<NodeId> =
        outlook.rules.iter().filter(|path| !told.contains(path)).map(|path| rule(path).into()).collect();
    if !untold.is_empty() {
        let names = named(untold.iter(), untold.len());
        let what = "changed, and nothing that is known so far comes out differently for it";
        text.push_str(&wrapped(&format!("{what}: {names}"), "", width));
    }
    if perhaps > 0 {
        let told = "What depends is kept if what runs again gives the same as before. The run may also come to steps that are not known yet.";
        text.push_str(&format!("\n{}", wrapped(told, "", width)));
    }
    if let Some(Outcome::Failed { node, failure }) = &outlook.world.run.outcome {
        text.push_str(&format!("\nIt would fail at {node}: {}\n", failure.message));
    }
    text
}

fn named<'a>(nodes: impl Iterator<Item = &'a NodeId>, count: usize) -> String {
    let shown: Vec<&str> = nodes.take(NAMED_MAX).map(|id| &**id).collect();
    match count.saturating_sub(NAMED_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn as_json(old: &Told, outlook: &Outlook) -> serde_json::Value {
    let nodes: Vec<serde_json::Value> = outlook
        .nodes
        .iter()
        .map(|it| json!({ "node": it.node, "step": it.step, "decision": it.decision, "kept": it.fresh.is_none(), "fresh": it.fresh, "because": it.because }))
        .collect();
    json!({ "against": old.header.id, "name": old.header.name, "nodes": nodes, "gone": outlook.gone, "rules": outlook.rules, "outcome": outlook.world.run.outcome })
}
