//! `god-flow plan`: what a workflow would do, before it does it.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Exit, against, asked, files, fits, graph::title, out::Out, stored::Where};
use crate::{
    base::{GpuKind, GpuRequest, Name, Seed, Size, near},
    plan::{
        Foreseen,
        cost::{Costs, Estimate},
        draw, foresee, outline,
    },
    run::{
        event::HostOffer,
        place::{GpuId, HostId},
    },
    sim::Model,
    workflow::Workflow,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The workflow file, or `-` for stdin.
    file: String,
    /// Changes a rule, the schedule or the GPUs for this plan.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// A file with the inputs, in YAML or JSON.
    #[arg(long, value_name = "FILE")]
    inputs: Option<String>,
    /// Makes up the inputs that are not given: lists of entrants get this many.
    #[arg(long, value_name = "N", value_parser = files::entrants, allow_negative_numbers = true)]
    entrants: Option<usize>,
    /// The GPUs there are, as in `32xH100`, to estimate how long it takes. May be given for several kinds.
    #[arg(long, value_name = "GPUS")]
    gpus: Vec<String>,
    /// The modelled world that it is planned for: what fits none of its hosts is refused, and how long it takes on their
    /// GPUs is estimated.
    #[arg(long, value_name = "FILE", conflicts_with = "gpus")]
    world: Option<String>,
    /// Shows what of this run would be kept if the file were carried out now, and what would run again and why.
    #[arg(long, value_name = "RUN", conflicts_with_all = ["inputs", "entrants", "gpus", "world"])]
    against: Option<String>,
    #[command(flatten)]
    place: Where,
    /// Seed of what is made up.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let workflow = match files::workflow(&args.file, &args.settings, out) {
        Ok(workflow) => workflow,
        Err(exit) => return exit,
    };
    if let Some(run) = &args.against {
        return against::run(workflow, run, &args.place, out);
    }
    let model = match args.world.as_deref().map(|path| files::world_file(path, out)).transpose() {
        Ok(world) => world.map(|(_, model)| model),
        Err(exit) => return exit,
    };
    let fleet = match fleet(&args.gpus) {
        Ok(fleet) => model.as_ref().map_or(fleet, |model| gpus_of(&model.hosts())),
        Err(why) => return out.wrong(&why),
    };
    let given = match args.inputs.as_deref().map(|path| files::inputs(path, &workflow)).transpose() {
        Ok(given) => given.unwrap_or_default(),
        Err(why) => return out.wrong(&why),
    };
    asked::tell(&workflow, &given, out);
    let seed = Seed(args.seed);
    let inputs = match model.clone().unwrap_or_default().inputs(&workflow, &given, args.entrants, seed) {
        Ok(inputs) => inputs,
        Err(missing) => return bounds(&workflow, &missing, &fleet, out),
    };
    let foreseen = match foresee(workflow.clone(), inputs, seed) {
        Ok(foreseen) => foreseen,
        Err(stuck) => return stops(out, &stuck.to_string()),
    };
    let hosts = model.as_ref().map_or_else(|| one_host(&fleet), Model::hosts);
    if !hosts.is_empty()
        && let Err(exit) = fits::check_foreseen(&foreseen, hosts, out)
    {
        return exit;
    }
    let costs = match Costs::of(&foreseen) {
        Ok(costs) => costs,
        Err((node, trouble)) => {
            return stops(out, &format!("{}: {trouble}", foreseen.plan.id(node)));
        }
    };
    let estimate = match (!fleet.is_empty()).then(|| costs.estimate(&foreseen, &fleet)).transpose() {
        Ok(estimate) => estimate,
        Err(request) => {
            return out.refused(&format!("a step asks for {request}, which {} can never meet", words(&fleet)));
        }
    };
    if out.json {
        return out.json_data(&full_json(&workflow, &foreseen, &costs, estimate.as_ref()));
    }
    let lines = if out.unicode { draw::Lines::Unicode } else { draw::Lines::Ascii };
    let tree = draw::tree(&title(&workflow), &outline::counted(&foreseen, &costs), lines);
    let exit = out.data(&format!("{tree}\n{}", summary(&foreseen, &costs, estimate.as_ref(), &words(&fleet))));
    // The process ends here: giving a million values back one by one would take a fifth of its time.
    std::mem::forget((foreseen, costs));
    exit
}

/// There is no plan, and why; to programs as data.
fn stops(out: &Out, at: &str) -> Exit {
    let message = format!("the plan comes to a stop at {at}");
    let told = if out.json { out.json_data(&json!({ "error": message })) } else { Exit::Fine };
    let failed = out.failure(&message);
    if told == Exit::Fine { failed } else { told }
}

/// The plan as far as it is known without the inputs: every step with its bounds.
fn bounds(workflow: &Workflow, missing: &[Name], fleet: &BTreeMap<GpuKind, u32>, out: &Out) -> Exit {
    let rows = outline::outline(workflow);
    if out.json {
        return out.json_data(&json!({ "workflow": workflow.name, "missing_inputs": missing, "steps": rows }));
    }
    let lines = if out.unicode { draw::Lines::Unicode } else { draw::Lines::Ascii };
    let exit = out.data(&draw::tree(&title(workflow), &rows, lines));
    let names = near::list(missing.iter().map(Name::as_str));
    out.say(&format!(
        "\nHow often each step is done depends on the inputs {names}: give them with --inputs FILE, or make them up with --entrants N.\n"
    ));
    if !fleet.is_empty() {
        out.say("Without them there is no estimate, and it is not known whether all of it fits on a host.\n");
    }
    exit
}

fn fleet(words: &[String]) -> Result<BTreeMap<GpuKind, u32>, String> {
    let mut fleet = BTreeMap::new();
    for word in words.iter().flat_map(|word| word.split(',')) {
        let request = GpuRequest::parse(word).map_err(|why| format!("--gpus: {why}"))?;
        match request.kinds() {
            [kind] => *fleet.entry(kind.clone()).or_default() += request.count(),
            _ => return Err(format!("--gpus: expected one kind at a time, as in `32xH100`, found `{word}`")),
        }
    }
    Ok(fleet)
}

fn words(fleet: &BTreeMap<GpuKind, u32>) -> String {
    let there: Vec<String> = fleet.iter().map(|(kind, count)| format!("{count}x{kind}")).collect();
    there.join(" and ")
}

/// The GPUs that there are on all hosts.
fn gpus_of(hosts: &[(HostId, HostOffer)]) -> BTreeMap<GpuKind, u32> {
    let mut fleet = BTreeMap::new();
    for (_, kind) in hosts.iter().flat_map(|(_, offer)| &offer.gpus) {
        *fleet.entry(kind.clone()).or_default() += 1;
    }
    fleet
}

/// One host with all GPUs that were named, and room for all else: on which hosts they are was not said.
fn one_host(fleet: &BTreeMap<GpuKind, u32>) -> Vec<(HostId, HostOffer)> {
    let gpus = fleet.iter().flat_map(|(kind, count)| (0..*count).map(move |number| (number, kind)));
    let gpus: Vec<_> = gpus
        .filter_map(|(number, kind)| Some((GpuId::parse(&format!("{kind}-{number}")).ok()?, kind.clone())))
        .collect();
    if gpus.is_empty() {
        return Vec::new();
    }
    let offer = HostOffer { gpus, cpus: u32::MAX, memory: Size(u64::MAX), slots: 1, ..HostOffer::default() };
    HostId::parse("--gpus").map(|host| vec![(host, offer)]).unwrap_or_default()
}

fn summary(foreseen: &Foreseen, costs: &Costs, estimate: Option<&Estimate>, gpus: &str) -> String {
    let nodes = foreseen.plan.graph().node_count();
    let hours = costs.gpu_hours_of_all();
    let needs_gpus = hours > 0.0;
    let needed = if needs_gpus { format!("{hours:.1} GPU-hours") } else { "none of which needs a GPU".into() };
    let mut text = format!("{} nodes, {needed}\n", grouped(nodes));
    let chain = outline::chain(foreseen, costs);
    if !chain.is_empty() {
        text.push_str(&format!("longest chain {}: {}\n", costs.critical_length(), folded(&chain)));
    }
    if let Some(estimate) = estimate {
        let busy = if needs_gpus { format!(", GPUs busy {:.0} %", 100.0 * estimate.busy) } else { String::new() };
        text.push_str(&format!("on {gpus}: about {}{busy}\n", rounded(estimate.length)));
    }
    text
}

/// A long chain by its beginning and its end.
fn folded(chain: &[String]) -> String {
    const SHOWN: usize = 4;
    if chain.len() <= 2 * SHOWN {
        return chain.join(" → ");
    }
    let (first, last) = (&chain[..SHOWN], &chain[chain.len() - SHOWN..]);
    format!("{} → … {} more … → {}", first.join(" → "), chain.len() - 2 * SHOWN, last.join(" → "))
}

/// Whole minutes are exact enough for an estimate.
fn rounded(span: crate::base::Span) -> crate::base::Span {
    const MINUTE: u64 = 60_000;
    let millis = span.millis();
    let millis = if millis > MINUTE { millis.div_ceil(MINUTE) * MINUTE } else { millis };
    crate::base::Span::from_millis(millis).unwrap_or(span)
}

/// `700000` as `700,000`.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

fn full_json(
    workflow: &Workflow,
    foreseen: &Foreseen,
    costs: &Costs,
    estimate: Option<&Estimate>,
) -> serde_json::Value {
    json!({
        "workflow": workflow.name,
        "nodes": foreseen.plan.graph().node_count(),
        "gpu_hours": costs.gpu_hours_of_all(),
        "longest_chain": {
            "seconds": costs.critical_length().millis() as f64 / 1_000.0,
            "nodes": outline::chain(foreseen, costs),
        },
        "estimate": estimate.map(|it| json!({ "seconds": it.length.millis() as f64 / 1_000.0, "busy": it.busy })),
        "steps": outline::counted(foreseen, costs),
    })
}
