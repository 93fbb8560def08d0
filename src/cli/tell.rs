//! `god-flow decide`, `cancel`, `pause`, `drain` and `undrain`: what an operator says to a run, with who says it and why.
//!
//! Whoever drives the run answers; where nobody does, the command is recorded all the same and nothing is started.

use clap::ValueEnum;
use serde_json::json;

use super::{Exit, carry, files, on_record::OnRecord, out::Out, stored::Told};
use crate::{
    driver::{self, Answer},
    run::{self, Ruling, place::HostId},
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    #[command(flatten)]
    on_record: OnRecord,
}

#[derive(clap::Args)]
pub(super) struct OfHost {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// The host, as `god-flow show` and `god-flow timeline` name it.
    host: String,
    #[command(flatten)]
    on_record: OnRecord,
}

#[derive(clap::Args)]
pub(super) struct Decide {
    /// The run: its name or id, the start of either, or `@latest`.
    run: String,
    /// The node that is held.
    node: String,
    /// What becomes of it.
    #[arg(value_enum)]
    decision: Decision,
    /// A file with what the node gives instead, in YAML or JSON: for `replace`.
    #[arg(long, value_name = "FILE")]
    with: Option<String>,
    #[command(flatten)]
    on_record: OnRecord,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Decision {
    /// It is done again, with fresh budgets.
    Retry,
    /// It gives what the file says.
    Replace,
    /// Its failure stands.
    Accept,
    /// It counts as skipped.
    Void,
}

pub(super) fn decide(args: &Decide, out: &Out) -> Exit {
    let ruling = match (args.decision, &args.with) {
        (Decision::Replace, None) => {
            return out.wrong("`replace` needs what the node gives instead: add --with FILE");
        }
        (Decision::Replace, Some(path)) => match files::value(path) {
            Ok(value) => Ruling::Replace(value),
            Err(why) => return out.wrong(&why),
        },
        (_, Some(_)) => return out.wrong("--with is for `replace`"),
        (Decision::Retry, None) => Ruling::Retry,
        (Decision::Accept, None) => Ruling::Accept,
        (Decision::Void, None) => Ruling::Void,
    };
    let command = run::Command::Rule { node: args.node.as_str().into(), ruling };
    tell(&args.run, &args.on_record, command, "decided", out)
}

pub(super) fn cancel(args: &Args, out: &Out) -> Exit {
    tell(&args.run, &args.on_record, run::Command::Cancel, "cancelled", out)
}

pub(super) fn pause(args: &Args, out: &Out) -> Exit {
    tell(&args.run, &args.on_record, run::Command::Pause, "paused", out)
}

pub(super) fn drain(args: &OfHost, out: &Out) -> Exit {
    tell_of_host(args, |host| run::Command::Drain { host }, "drained", out)
}

pub(super) fn undrain(args: &OfHost, out: &Out) -> Exit {
    tell_of_host(args, |host| run::Command::Undrain { host }, "given back", out)
}

fn tell_of_host(args: &OfHost, command: impl FnOnce(HostId) -> run::Command, done: &str, out: &Out) -> Exit {
    let host = match HostId::parse(&args.host) {
        Ok(host) => host,
        Err(why) => return out.wrong(&why),
    };
    tell(&args.run, &args.on_record, command(host), done, out)
}

fn tell(run: &str, on_record: &OnRecord, command: run::Command, done: &str, out: &Out) -> Exit {
    told(run, on_record, command, done, out).unwrap_or_else(|exit| exit)
}

fn told(run: &str, on_record: &OnRecord, command: run::Command, done: &str, out: &Out) -> Result<Exit, Exit> {
    let (why, who) = (on_record.why(out)?, on_record.who());
    let stored = on_record.place.open(out)?;
    let header = stored.find(run, out)?;
    let by = format!("a command of process {}", std::process::id());
    let answer = carry::block_on(driver::ask(&*stored.store, header.id, &by, &who, why, command.clone()));
    if command == run::Command::Cancel && matches!(answer, Ok(Answer::Obeyed)) {
        let told = stored.told(&header.id.to_string(), out)?;
        if told.is_left() {
            return Ok(runs_on(&told, &told.resume(&on_record.place), out));
        }
    }
    Ok(match answer {
        Ok(Answer::Obeyed) if out.json => {
            out.json_data(&json!({ "run": header.id, "name": header.name, "done": done }))
        }
        Ok(Answer::Obeyed) => {
            out.say(&format!("{done}: {}\n", header.name));
            Exit::Fine
        }
        Ok(Answer::Refused(why)) => out.refused(&format!("{}: {why}", header.name)),
        Err(error) => out.failure(&driver::full(&error)),
    })
}

/// A run that is cancelled and that nobody drives: what runs of it is stopped by whoever takes it up.
fn runs_on(told: &Told, resume: &str, out: &Out) -> Exit {
    let (name, run) = (&told.header.name, &told.world.run);
    let count = run.attempts.len() - run.ordered().count();
    if out.json {
        let done = "to be cancelled";
        return out.json_data(&json!({ "run": told.header.id, "name": name, "done": done, "under_way": count }));
    }
    let what = match count {
        0 => "nothing of it runs".to_owned(),
        1 => "1 attempt may run on".to_owned(),
        count => format!("{count} attempts may run on"),
    };
    out.say(&format!(
        "no process drives {name}: it is cancelled when it is taken up, and {what} until then: {resume}\n"
    ));
    Exit::Fine
}
