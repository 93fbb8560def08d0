//! `god-flow resume`: takes a run up where its log ends.

use jiff::Timestamp;

use super::{
    Exit,
    carry::{self, Carried},
    detach,
    out::Out,
    settings,
    setup::{Kind, Setup},
};
use crate::{
    driver::{self, Answer},
    run::Command,
    store::{self, Found, LEASE_TTL, RunHeader, Store},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name, the start of its name or id, or `@latest`.
    run: String,
    /// Where runs are kept: a path, `sqlite:PATH` or `postgres://…`. Left out: the one of the settings, or
    /// `.god-flow/god-flow.db`.
    #[arg(long, value_name = "URL")]
    store: Option<String>,
    /// How many times as fast as real time a mock run goes, or `max`.
    #[arg(long, value_name = "X")]
    speed: Option<String>,
    /// Allows steps that run local commands.
    #[arg(long)]
    allow_process: bool,
    /// Local commands that run at once.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), allow_negative_numbers = true)]
    jobs: Option<u32>,
    /// Local commands that are ordered ahead, so that the next begins the moment one ends.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=64), allow_negative_numbers = true)]
    ahead: Option<u32>,
    /// Goes on in the background and prints the run's name.
    #[arg(long)]
    detach: bool,
    /// Leaves the session of the terminal first.
    #[arg(long, hide = true)]
    apart: bool,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    if args.apart {
        detach::apart();
    }
    if let Some(why) = carry::missing(args.store.as_deref()) {
        return out.wrong(&why);
    }
    let address = carry::address(args.store.as_deref());
    let found = carry::block_on(async {
        let store = carry::open(&address, out).await?;
        let run = find(&*store, &args.run, out).await?;
        Ok((store, run))
    });
    let (store, run) = match found {
        Ok(found) => found,
        Err(exit) => return exit,
    };
    let mut setup: Setup = match serde_json::from_str(&run.setup) {
        Ok(setup) => setup,
        Err(error) => return out.failure(&format!("how {} was carried out cannot be read: {error}", run.name)),
    };
    for (given, option, kind, of) in [
        (args.jobs.is_some(), "--jobs", Kind::Process, "local commands"),
        (args.ahead.is_some(), "--ahead", Kind::Process, "local commands"),
        (args.speed.is_some(), "--speed", Kind::Mock, "mock runs"),
    ] {
        if given && setup.backend != kind {
            return out.wrong(&format!("{option} is for {of}, and {} is none of those", run.name));
        }
    }
    setup.speed = args.speed.clone().or(setup.speed);
    setup.jobs = args.jobs.or(setup.jobs);
    setup.ahead = args.ahead.or(setup.ahead);
    if let Err(why) = setup.speed() {
        return out.wrong(&format!("--speed: {why}"));
    }
    let allow_process = args.allow_process || settings::get().allow_process;
    if setup.runs_commands() && !allow_process {
        let why = "it runs local commands with your rights; allow it with --allow-process or GOD_FLOW_ALLOW_PROCESS=1";
        return out.refused(why);
    }
    if let Some(why) = setup.why_not_here() {
        return out.refused(&format!("{}: {why}", run.name));
    }
    match carry::block_on(told_to_go_on(&*store, &run)) {
        Ok(None) => {}
        Ok(Some(by)) => {
            out.say(&format!("{} goes on, driven by {by}\n", run.name));
            return Exit::Fine;
        }
        Err(error) => return out.failure(&driver::full(&error)),
    }
    let carried = Carried { store, run, address: args.store.as_deref(), allow_process, resumes: true };
    carry::carry(&carried, &setup, args.detach, out)
}

/// Tells whoever drives a paused run to go on with it, and says who that is; nothing where nobody does.
async fn told_to_go_on(store: &dyn Store, run: &RunHeader) -> Result<Option<String>, driver::Error> {
    let driven_by = async || match store.lease(run.id, &carry::holder(), LEASE_TTL, Timestamp::now()).await {
        Ok(fence) => store.release(fence).await.map(|()| None),
        Err(store::Error::Held { by, .. }) => Ok(Some(by)),
        Err(error) => Err(error),
    };
    if driven_by().await?.is_none() {
        return Ok(None);
    }
    let answer = driver::ask(store, run.id, &carry::holder(), &carry::user(), "resumed", Command::Resume).await?;
    match answer {
        // Whoever drove it may have gone meanwhile.
        Answer::Obeyed => Ok(driven_by().await?),
        // It is not paused: this process waits behind the other.
        Answer::Refused(_) => Ok(None),
    }
}

/// The run that a person means.
pub(super) async fn find(store: &dyn Store, text: &str, out: &Out) -> Result<RunHeader, Exit> {
    match store.find(text).await {
        Ok(Found::One(run)) => Ok(run),
        Ok(Found::None) => Err(out.wrong(&format!("there is no run `{text}` in {}", store.place()))),
        Ok(Found::Several(runs)) => {
            let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
            Err(out.wrong(&format!("`{text}` may be {}; write more of it", names.join(", "))))
        }
        Err(error) => Err(out.refused(&driver::full(&error))),
    }
}
