//! Requests that would wait for ever, found before a run begins.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    plan::{self, Foreseen, NodeIx},
    run::{
        event::HostOffer,
        place::{self, Fleet, Group, GroupIx, HostId, Misfit, Needs, Offer, Shape},
        rerun::without_keys,
    },
    workflow::Does,
};

/// What no host could ever hold.
#[derive(Clone, Debug)]
pub struct Unfit {
    /// The first node that asks for it.
    pub node: String,
    /// How many nodes of the same step ask for the same beside it.
    pub others: usize,
    /// What it asks for, and what comes nearest.
    pub misfit: Misfit,
}

/// What no host could ever hold of a foreseen run, step by step. What cannot be foreseen is not refused.
pub fn refuse(foreseen: &Foreseen, hosts: Vec<(HostId, HostOffer)>) -> Vec<Unfit> {
    let mut fleet = Fleet::default();
    for (host, HostOffer { gpus, cpus, memory, slots, ahead, holds, place }) in hosts {
        fleet.join(host, Offer { gpus, cpus, memory, slots, ahead, holds, place });
    }
    let mut unfit: Vec<Unfit> = Vec::new();
    let mut refuse = |node: NodeIx, shape: &Shape| {
        let Err(misfit) = place::refuse(shape, &fleet) else { return true };
        let node = foreseen.plan.id(node);
        let same = |it: &&mut Unfit| it.misfit == misfit && without_keys(&it.node) == without_keys(&node);
        match unfit.iter_mut().find(same) {
            Some(same) => same.others += 1,
            None => unfit.push(Unfit { node, others: 0, misfit }),
        }
        false
    };
    let mut groups: BTreeMap<(plan::FrameIx, &str), (NodeIx, Vec<Needs>)> = BTreeMap::new();
    for node in foreseen.plan.nodes() {
        let Some(needs) = needs(foreseen, node) else { continue };
        // Of a group there is nothing more to say where one of it fits nowhere by itself.
        if refuse(node, &shape(needs.clone(), None))
            && let Some(word) = &foreseen.plan.step(node).settings.same_host
        {
            let frame = foreseen.plan.node(node).frame;
            groups.entry((frame, word.as_str())).or_insert_with(|| (node, Vec::new())).1.push(needs);
        }
    }
    for (node, members) in groups.into_values() {
        let needs = members[0].clone();
        let group = Group { id: GroupIx(0), members };
        refuse(node, &shape(needs, Some(Arc::new(group))));
    }
    unfit
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{GpuKind, Seed, SourceId, Value},
        document,
        plan::foresee,
        run::place::GpuId,
        workflow::{self, Checked},
    };

    #[test]
    fn what_no_host_can_hold_is_refused_with_the_nearest() {
        let text = "god_flow: 1\nworkflow: w\nsteps:\n  a: { process: { shell: x } }\n  b: { process: { shell: x }, gpus: 16xH100 }\n  \
                    c: { process: { shell: x }, gpus: 9xH100, needs: [a, b] }\n";
        let (tree, _) = document::parse(SourceId(0), text);
        let checked = workflow::check(&tree.expect("it can be read"));
        let Ok(Checked::Workflow(workflow)) = checked else { panic!("{checked:?}") };
        let foreseen = foresee(Arc::new(*workflow), Value::record::<&str>([]), Seed(1)).expect("it goes to its end");
        let gpu = |at: u32| (GpuId::parse(&at.to_string()).expect("a name"), GpuKind::parse("H100").expect("a kind"));
        let offer = HostOffer { gpus: (0..8).map(gpu).collect(), cpus: 8, slots: 8, ..HostOffer::default() };
        let unfit = refuse(&foreseen, vec![(HostId::parse("h1").expect("a name"), offer)]);
        let told = unfit.into_iter().map(|unfit| (unfit.node, unfit.misfit.to_string()));
        let expected = [("b", 16), ("c", 9)].map(|(node, asked)| {
            let why = "fits no host; the nearest is `h1`, which has 8xH100 where";
            (node.to_owned(), format!("{asked}xH100 {why} {asked}xH100 is asked"))
        });
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
