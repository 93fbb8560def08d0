//! `god-flow logs`: what the work of a node has written.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

use super::{
    Exit,
    follow::Followed,
    out::Out,
    setup::{Kind, Setup},
    stored::{Told, Where},
};
use crate::{
    backend::{self, AttemptId},
    run::Status,
    workflow::Does,
};

/// How often it is looked for more.
const POLL: Duration = Duration::from_millis(300);
/// Bytes that are read at once.
const PART: u64 = 64 << 10;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// The node, such as `rounds#2/match[pair-03]/train`.
    node: String,
    /// Goes on until the attempt is over, or no process drives the run any more.
    #[arg(short, long)]
    follow: bool,
    /// Which attempt; the last one where it is left out.
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    #[command(flatten)]
    place: Where,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    match print(args, out) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn print(args: &Args, out: &Out) -> Result<Exit, Exit> {
    let stored = args.place.open(out)?;
    let mut told = stored.told(&args.run, out)?;
    let path = path(&told, args, out)?;
    let run = told.header.clone();
    let mut followed = Followed::new(&*stored.store, &run);
    let mut from = 0;
    loop {
        // What is written before it is known to be over is read after that is known.
        if args.follow && stored.has_more(&told, out)? {
            told = stored.told(&run.id.to_string(), out)?;
        }
        let over = !args.follow || is_over(&told, args);
        let left = !over && followed.is_left(out)?;
        loop {
            let mut bytes = Vec::new();
            let read = File::open(&path).and_then(|mut file| {
                file.seek(SeekFrom::Start(from))?;
                file.take(PART).read_to_end(&mut bytes)
            });
            match read {
                Ok(0) => break,
                Ok(count) => from += count as u64,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && args.follow && !over => break,
                Err(error) => return Err(out.failure(&format!("cannot read {}: {error}", path.display()))),
            }
            if !out.stream(&bytes)? {
                return Ok(Exit::Fine);
            }
        }
        if over {
            return Ok(Exit::Fine);
        }
        if left {
            return Ok(followed.end(args.place.store.as_deref(), out));
        }
        std::thread::sleep(POLL);
    }
}

fn path(told: &Told, args: &Args, out: &Out) -> Result<PathBuf, Exit> {
    let name = &told.header.name;
    let Some(node) = told.world.run.find(&args.node) else { return Err(told.no_node(&args.node, out)) };
    if !told.world.run.is_work(node) {
        return Err(out.wrong(&format!("`{}` does no work outside, so there is no log of it", args.node)));
    }
    if matches!(&told.world.run.plan.step(node).does, Does::Action { action, .. } if action.is_of_ledger()) {
        let what = "is done in the ledger, which writes no logs";
        return Err(out.wrong(&format!("`{}` {what}; `god-flow ledger list --run {name}` lists what moved", args.node)));
    }
    let tries: Vec<u32> = told.history.tries.iter().filter(|it| *it.node == *args.node).map(|it| it.attempt).collect();
    let number = match args.attempt {
        Some(number) if tries.contains(&number) => number,
        Some(number) => return Err(out.wrong(&format!("there is no attempt {number} of `{}`", args.node))),
        None => match tries.last() {
            Some(last) => *last,
            None if told.history.reused.contains_key(args.node.as_str()) => {
                return Err(
                    out.wrong(&format!("`{}` did not run here: its result was kept from another run", args.node))
                );
            }
            None => return Err(out.wrong(&format!("no attempt of `{}` has begun", args.node))),
        },
    };
    let setup: Setup = serde_json::from_str(&told.header.setup)
        .map_err(|error| out.failure(&format!("how {name} was carried out cannot be read: {error}")))?;
    match setup.backend {
        Kind::Mock => Err(out.refused(&format!("{name} was played by the mock backend, which writes no logs"))),
        Kind::Process | Kind::Docker => {
            let id = AttemptId { run: told.header.id, node: args.node.as_str().into(), number };
            Ok(backend::log_path(&setup.folder, &id))
        }
    }
}

/// Whether nothing more will be written.
fn is_over(told: &Told, args: &Args) -> bool {
    let run = &told.world.run;
    let current = run.find(&args.node).filter(|node| run.status(*node) == Status::Running);
    let current = current.and_then(|node| run.attempts.get(&node)).map(|attempt| attempt.number);
    match (current, args.attempt) {
        (None, _) => true,
        (Some(current), Some(asked)) => current != asked,
        (Some(_), None) => false,
    }
}
