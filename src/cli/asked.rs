//! Inputs that an address says: asked once, when a run begins, so that the run keeps what was said and nobody asks again.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{Exit, files, out::Out};
use crate::{
    base::{Name, Value},
    document::Tree,
    workflow::{Input, Workflow},
};

/// A workflow, the text that a run keeps of it, and what the run is given.
pub(super) type ToRun = (Arc<Workflow>, Tree, IndexMap<Name, Value>);

/// The workflow of a run that begins, its text and what it is given, with what its inputs' addresses say; what is given
/// is asked nowhere.
pub(super) fn workflow(path: &str, settings: &[String], inputs: Option<&str>, out: &Out) -> Result<ToRun, Exit> {
    let (workflow, tree) = files::workflow_and_source(path, settings, out)?;
    let given = inputs.map(|path| files::inputs(path, &workflow)).transpose();
    let given = given.map_err(|why| out.wrong(&why))?;
    let given = given.unwrap_or_default();
    if left_open(&workflow, &given).next().is_none() {
        return Ok((workflow, tree, given));
    }
    if path == "-" {
        return Err(out.wrong("an input comes from an address, and stdin is read once: put the workflow into a file"));
    }
    let disk = files::Disk::around(path).asking();
    let (workflow, tree) = files::good(path, files::read_by(&disk, path, settings), out)?;
    Ok((workflow, tree, given))
}

/// The inputs that an address would have to be asked for.
fn left_open<'w>(
    workflow: &'w Workflow,
    given: &'w IndexMap<Name, Value>,
) -> impl Iterator<Item = (&'w Name, &'w str)> {
    let is_open = |input: &Input| input.default.as_ref().is_none_or(|default| *default == Value::Null);
    let open = workflow.inputs.iter().filter(move |(name, input)| is_open(input) && !given.contains_key(*name));
    open.filter_map(|(name, input)| Some((name, input.from.as_deref()?)))
}

/// Says of inputs that only a run asks an address for, that they are not there.
pub(super) fn tell(workflow: &Workflow, given: &IndexMap<Name, Value>, out: &Out) {
    for (name, address) in left_open(workflow, given) {
        out.say(&format!("only a run asks {address}: the input `{name}` is left out here; --inputs FILE gives it\n"));
    }
}
