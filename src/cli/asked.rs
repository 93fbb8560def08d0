//! Inputs that an address says: asked when a run begins, and only of what it is not given, so that the run keeps what was said
//! and nobody asks again.

use std::time::Duration;

use indexmap::IndexMap;

use super::{Exit, files, out::Out};
use crate::{
    base::{Name, Value, limits::DOCUMENT_BYTES_MAX},
    hub::text::{self, Limits},
    workflow::{Input, Workflow},
};

/// What an address may take to say what an input is.
const LIMITS: Limits = Limits { time: Duration::from_secs(30), bytes: DOCUMENT_BYTES_MAX };

/// Adds what addresses say of the inputs that are left open.
pub(super) async fn ask(workflow: &Workflow, given: &mut IndexMap<Name, Value>, out: &Out) -> Result<(), Exit> {
    let mut said = Vec::new();
    for (name, address) in left_open(workflow, given) {
        let help = "look at the address; `--inputs FILE` gives the input without asking it";
        let text = text::get(address, &LIMITS).await;
        let text = text.map_err(|why| out.wrong(&format!("{name}: cannot read {address}: {why}; {help}")))?;
        let value = files::input(address, &text, name, &workflow.inputs[name].ty).map_err(|why| out.wrong(&why))?;
        said.push((name.clone(), value));
    }
    given.extend(said);
    Ok(())
}

/// The inputs that an address would have to be asked for.
pub(super) fn left_open<'w>(
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
