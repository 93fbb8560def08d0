//! Requests that would wait for ever, found before a run begins.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    plan::{self, Foreseen, NodeIx},
    run::{
        event::HostOffer,
        place::{self, Fleet, Group, GroupIx, HostId, Misfit, Needs, Offer, Shape},
    },
    workflow::Does,
};

/// The first node of a foreseen run that no host could ever hold, with what comes nearest. What cannot be foreseen is not
/// refused.
pub fn refuse(foreseen: &Foreseen, hosts: Vec<(HostId, HostOffer)>) -> Option<(String, Misfit)> {
    let mut fleet = Fleet::default();
    for (host, HostOffer { gpus, cpus, memory, slots, holds }) in hosts {
        fleet.join(host, Offer { gpus, cpus, memory, slots, holds });
    }
    let mut groups: BTreeMap<(plan::FrameIx, &str), (NodeIx, Vec<Needs>)> = BTreeMap::new();
    for node in foreseen.plan.nodes() {
        let Some(needs) = needs(foreseen, node) else { continue };
        if let Some(word) = &foreseen.plan.step(node).settings.same_host {
            let frame = foreseen.plan.node(node).frame;
            groups.entry((frame, word.as_str())).or_insert_with(|| (node, Vec::new())).1.push(needs.clone());
        }
        if let Err(misfit) = place::refuse(&shape(needs, None), &fleet) {
            return Some((foreseen.plan.id(node), misfit));
        }
    }
    for (node, members) in groups.into_values() {
        let needs = members[0].clone();
        let group = Group { id: GroupIx(0), members };
        if let Err(misfit) = place::refuse(&shape(needs, Some(Arc::new(group))), &fleet) {
            return Some((foreseen.plan.id(node), misfit));
        }
    }
    None
}

fn shape(needs: Needs, group: Option<Arc<Group>>) -> Shape {
    Shape { group, needs, time_limit: None, limits: std::collections::BTreeSet::new() }
}

fn needs(foreseen: &Foreseen, node: NodeIx) -> Option<Needs> {
    if foreseen.skipped.contains(&node) {
        return None;
    }
    let Does::Action { action, .. } = &foreseen.plan.step(node).does else { return None };
    if action.is_pure() {
        return None;
    }
    let gpus = plan::gpus(&foreseen.plan, node, foreseen).ok()?;
    let input = plan::input(&foreseen.plan, node, foreseen).ok()?;
    let (cpus, memory) = action.room(&input, gpus.as_ref().map_or(0, crate::base::GpuRequest::count));
    Some(Needs { gpus, cpus, memory })
}
