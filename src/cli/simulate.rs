//! `god-flow simulate`: plays a workflow many times in a modelled world, in virtual time.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use clap::ValueEnum;
use indexmap::IndexMap;
use serde_json::json;

use super::{Exit, asked, files, fits, out::Out};
use crate::{
    base::{Name, Seed, Value, near},
    sim::{Model, Sample, Setup, Spread, Tally, same_result, sample, storm},
    workflow::Workflow,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The workflow file, or `-` for stdin.
    file: String,
    /// The modelled world; without it, that of `worlds/` beside the workflow which has its name, or four hosts with eight
    /// H100 each.
    #[arg(long, value_name = "FILE")]
    world: Option<String>,
    /// Makes up the inputs that are not given: lists of entrants get this many.
    #[arg(long, value_name = "N", value_parser = files::entrants, allow_negative_numbers = true)]
    entrants: Option<usize>,
    /// How many runs are played, each with a seed of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = runs, allow_negative_numbers = true)]
    runs: usize,
    /// The seed of the first run; the others follow it.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// Changes a rule, the schedule or the GPUs, of both workflows when two are compared.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// A file with the inputs, in YAML or JSON.
    #[arg(long, value_name = "FILE")]
    inputs: Option<String>,
    /// Another workflow, played with the same seeds and shown beside the first.
    #[arg(long, value_name = "FILE", conflicts_with = "faults")]
    compare: Option<String>,
    /// How work is scheduled: our way, or the deployed system's for comparison.
    #[arg(long, value_enum, default_value_t = Policy::Ours)]
    policy: Policy,
    /// Plays each run through a storm of crashes, lost reports and lost hosts, and checks it after every turn.
    #[arg(long)]
    faults: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    Ours,
    /// Polling loops of 15 minutes, clone to upload inside the time of the GPUs, lowest priority first; beside ours.
    Deployed,
}

/// One workflow and what it is given.
struct Side {
    title: String,
    workflow: std::sync::Arc<Workflow>,
    given: IndexMap<Name, Value>,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match simulate(args, out) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn simulate(args: &Args, out: &Out) -> Result<Exit, Exit> {
    let world = args.world.clone().or_else(|| files::world_of(&args.file));
    let model = world.as_deref().map(|path| files::world_file(path, out)).transpose()?;
    let model = model.map_or_else(Model::default, |(_, model)| model);
    let mut sides = vec![side(&args.file, args, out)?];
    if let Some(other) = &args.compare {
        sides.push(side(other, args, out)?);
    }
    for side in &sides {
        let inputs = model.inputs(&side.workflow, &side.given, args.entrants, Seed(args.seed));
        // That inputs are missing is told below.
        if let Ok(inputs) = inputs {
            fits::check(&side.workflow, &inputs, Seed(args.seed), model.hosts(), out)?;
        }
    }
    if args.faults {
        return storms(args, &model, &sides[0], out);
    }
    let with_deployed = args.policy == Policy::Deployed;
    let mut tallies = Vec::new();
    for side in &sides {
        let samples = played(args, side, &model, out, &|setup| sample(&model, setup, with_deployed))?;
        tallies.push((side, Tally::of(&samples), samples));
    }
    if out.json {
        let tell = |(side, tally, samples): &(&Side, Tally, Vec<Sample>)| json!({ "workflow": side.workflow.name, "file": side.title, "world": model.name(), "tally": tally, "samples": samples });
        return Ok(match tallies.as_slice() {
            [one] => out.json_data(&tell(one)),
            several => out.json_data(&several.iter().map(tell).collect::<Vec<_>>()),
        });
    }
    let columns: Vec<(&str, &Tally)> = tallies.iter().map(|(side, tally, _)| (side.title.as_str(), tally)).collect();
    let exit = out.data(&table(&columns));
    if let Some(bad) = tallies.iter().flat_map(|(.., samples)| samples).find(|it| it.end != "succeeded") {
        out.say(&format!("\nThe run with the seed {} {}: {}\n", bad.seed, bad.end, bad.why.as_deref().unwrap_or("")));
    }
    Ok(exit)
}

/// How many runs are played: none would tell nothing.
fn runs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a whole number from 1 on".into()),
    }
}

fn side(path: &str, args: &Args, out: &Out) -> Result<Side, Exit> {
    let workflow = files::workflow(path, &args.settings, out)?;
    let given = args.inputs.as_deref().map(|path| files::inputs(path, &workflow)).transpose();
    let given = given.map_err(|why| out.wrong(&why))?.unwrap_or_default();
    asked::tell(&workflow, &given, out);
    Ok(Side { title: path.to_string(), workflow, given })
}

/// Plays all runs on all cores; the results stand in the order of the seeds.
fn played<T: Send>(
    args: &Args,
    side: &Side,
    model: &Model,
    out: &Out,
    play: &(dyn Fn(&Setup) -> T + Sync),
) -> Result<Vec<T>, Exit> {
    let setup = |number: usize| {
        let seed = Seed(args.seed.wrapping_add(number as u64));
        let inputs = model.inputs(&side.workflow, &side.given, args.entrants, seed)?;
        Ok(Setup { workflow: side.workflow.clone(), inputs, seed })
    };
    setup(0).map_err(|missing: Vec<Name>| {
        let names = near::list(missing.iter().map(Name::as_str));
        out.wrong(&format!(
            "the inputs {names} are missing: give them with --inputs FILE, or make them up with --entrants N"
        ))
    })?;
    let (next, cores) = (AtomicUsize::new(0), thread::available_parallelism().map_or(1, std::num::NonZero::get));
    let mut all: Vec<(usize, T)> = thread::scope(|scope| {
        let work = || {
            let mut mine = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                match (number < args.runs).then(|| setup(number)) {
                    Some(Ok(setup)) => mine.push((number, play(&setup))),
                    Some(Err(_)) | None => return mine,
                }
            }
        };
        let threads: Vec<_> = (0..cores.min(args.runs)).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a played run does not panic")).collect()
    });
    all.sort_by_key(|(number, _)| *number);
    Ok(all.into_iter().map(|(_, result)| result).collect())
}

/// Storms instead of calm weather: all is well when every check holds and every run comes to what it comes to in calm.
fn storms(args: &Args, model: &Model, side: &Side, out: &Out) -> Result<Exit, Exit> {
    let results = played(args, side, model, out, &|setup| {
        let calm = storm(model, setup, None).map_err(|tripped| format!("in calm weather, {tripped}"))?;
        let stormy = storm(model, setup, Some(setup.seed)).map_err(|tripped| tripped.to_string())?;
        if same_result(&calm.end, &stormy.end) {
            Ok((stormy.turns, stormy.crashes, stormy.log.len()))
        } else {
            Err(format!("calm weather gives {:?}, and the storm {:?}", calm.end, stormy.end))
        }
    })?;
    let failed: Vec<(u64, &String)> =
        (args.seed..).zip(&results).filter_map(|(seed, result)| Some((seed, result.as_ref().err()?))).collect();
    let good = results.iter().filter_map(|result| result.as_ref().ok());
    let (turns, crashes, events) = good.fold((0, 0, 0), |all, one| (all.0 + one.0, all.1 + one.1, all.2 + one.2));
    if out.json {
        let failed: Vec<_> = failed.iter().map(|(seed, why)| json!({ "seed": seed, "why": why })).collect();
        let exit = out.json_data(
            &json!({ "runs": results.len(), "turns": turns, "crashes": crashes, "events": events, "failed": failed }),
        );
        return Ok(if failed.is_empty() { exit } else { Exit::Failed });
    }
    let runs = results.len();
    let exit = out.data(&format!("{runs} storms, {turns} turns, {crashes} crashes, {events} events\n"));
    for (seed, why) in &failed {
        out.say(&format!("the seed {seed} went wrong: {why}\n"));
    }
    if let Some((seed, _)) = failed.first() {
        let file = &args.file;
        return Err(out.failure(&format!(
            "{} of {runs} storms went wrong; play one again with `god-flow simulate {file} --faults --seed {seed}`",
            failed.len()
        )));
    }
    out.say("every check held after every turn, and every run came to what it comes to without faults\n");
    Ok(exit)
}

/// The tallies side by side.
fn table(columns: &[(&str, &Tally)]) -> String {
    let mut rows: Vec<(&str, Vec<String>)> = Vec::new();
    let mut row = |name: &'static str, cell: &dyn Fn(&Tally) -> Option<String>| {
        let cells: Vec<Option<String>> = columns.iter().map(|(_, tally)| cell(tally)).collect();
        if cells.iter().any(Option::is_some) {
            rows.push((name, cells.into_iter().map(|it| it.unwrap_or_else(|| "-".into())).collect()));
        }
    };
    let shown = |spread: &Spread, digits: usize| {
        if spread.p5 == spread.p95 {
            format!("{:.digits$}", spread.median)
        } else {
            format!("{:.digits$}  ({:.digits$} to {:.digits$})", spread.mean, spread.p5, spread.p95)
        }
    };
    let share = |share: f64| format!("{:.1} %", 100.0 * share);
    row("runs", &|it| Some(it.runs.to_string()));
    row("ended", &|it| {
        Some(it.ends.iter().map(|(end, count)| format!("{count} {end}")).collect::<Vec<_>>().join(", "))
    });
    row("hours", &|it| Some(shown(&it.hours, 1)));
    row("GPU-hours", &|it| Some(shown(&it.gpu_hours, 1)));
    row("cost", &|it| Some(shown(&it.cost, 0)));
    row("hours over the lower bound", &|it| Some(shown(&it.over_bound, 3)));
    row("the same, round by round", &|it| Some(shown(&it.over_stretch_bound, 3)));
    row("hours as deployed", &|it| it.deployed_hours.as_ref().map(|it| shown(it, 1)));
    row("the same, over the lower bound", &|it| it.deployed_over_bound.as_ref().map(|it| shown(it, 3)));
    row("the most skilled wins", &|it| it.best_won.map(share));
    row("the champion keeps the title", &|it| it.champion_kept.map(share));
    let title = [("", columns.iter().map(|(title, _)| (*title).to_string()).collect::<Vec<_>>())];
    let rows: Vec<_> = title.into_iter().filter(|_| columns.len() > 1).chain(rows).collect();
    let first = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let width = |at: usize| rows.iter().map(|(_, cells)| cells[at].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, cells) in &rows {
        let cells = cells.iter().enumerate().map(|(at, cell)| format!("{cell:<0$}", width(at)));
        let line = format!("{name:<first$}  {}", cells.collect::<Vec<_>>().join("   "));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
