//! What fits no host is refused before anything is done: by `run`, `plan` and `simulate` alike.

use std::sync::Arc;

use super::{Exit, out::Out};
use crate::{
    base::{Seed, Value},
    driver::{self, Unfit},
    plan::{Foreseen, foresee},
    run::{event::HostOffer, place::HostId},
    workflow::Workflow,
};

/// Steps that are told of.
const TOLD_MAX: usize = 5;

/// Refuses a run of which something could never start on these hosts. What cannot be foreseen is not refused: it may be
/// different when its turn comes.
pub(super) fn check(
    workflow: &Arc<Workflow>,
    inputs: &Value,
    seed: Seed,
    hosts: Vec<(HostId, HostOffer)>,
    out: &Out,
) -> Result<(), Exit> {
    match foresee(workflow.clone(), inputs.clone(), seed) {
        Ok(foreseen) => check_foreseen(&foreseen, hosts, out),
        Err(_) => Ok(()),
    }
}

pub(super) fn check_foreseen(foreseen: &Foreseen, hosts: Vec<(HostId, HostOffer)>, out: &Out) -> Result<(), Exit> {
    let unfit = driver::refuse(foreseen, hosts);
    if unfit.is_empty() {
        return Ok(());
    }
    let mut lines: Vec<String> = unfit.iter().take(TOLD_MAX).map(line).collect();
    if unfit.len() > TOLD_MAX {
        lines.push(format!("and {} more", unfit.len() - TOLD_MAX));
    }
    Err(out.refused(&lines.join("\n       ")))
}

fn line(unfit: &Unfit) -> String {
    let Unfit { node, others, misfit } = unfit;
    let others = if *others > 0 { format!(" (and {others} more of this step)") } else { String::new() };
    format!("`{node}`{others} could never start: {misfit}")
}
