//! The command line: one file for each subcommand. stdout is data, everything else goes to stderr.

mod actions;
mod against;
mod alone;
mod asked;
mod call;
mod carry;
mod cases;
mod check;
#[cfg(unix)]
mod clean;
mod complete;
mod detach;
mod diff;
#[cfg(unix)]
mod doctor;
mod due;
mod events;
mod example;
mod explain;
mod export;
mod files;
mod fits;
mod follow;
mod graph;
mod keep;
mod ledger;
mod logs;
mod means;
mod on_record;
mod out;
mod plan;
mod progress;
#[cfg(unix)]
mod rehearse;
pub mod report;
mod resume;
mod retry;
mod rules;
mod run;
mod runs;
mod schema;
mod send;
mod settings;
mod setup;
mod show;
mod simulate;
mod stored;
mod table;
mod tell;
mod test;
mod timeline;
mod verify;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use out::Out;

/// Runs tournaments that are written down as workflows: checks them, plans them, draws them.
#[derive(Parser)]
#[command(name = "god-flow", version, about, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Prints data as JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    /// When to use colour; `NO_COLOR` counts too.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    color: Colour,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Colour {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Checks workflow files and says what is wrong where; silent when all is well.
    Check(check::Args),
    /// Shows what a workflow would do: its steps, how often, on which GPUs, for how long.
    Plan(plan::Args),
    /// Carries a workflow out.
    Run(run::Args),
    /// Takes a training repository the way that a tournament takes it, on this host, and says what would become of it.
    #[cfg(unix)]
    Rehearse(rehearse::Args),
    /// Says which workflows would start when, by their schedules and what ran before.
    Due(due::Args),
    /// Takes a run up where it was left: after a pause, a hold or a crash.
    Resume(resume::Args),
    /// Lists runs, the newest first.
    Runs(runs::Args),
    /// Shows how far a run is, or one of its nodes.
    Show(show::Args),
    /// Prints the log of a node's work.
    Logs(logs::Args),
    /// Prints the events of a run as JSON lines.
    Events(events::Args),
    /// Says why a node of a run is where it is.
    Explain(explain::Args),
    /// Decides about a node that is held.
    Decide(tell::Decide),
    /// Starts nothing more of a run until it is resumed; what runs goes on.
    Pause(tell::Args),
    /// Starts nothing more on a host of a run; what runs there goes on.
    Drain(tell::OfHost),
    /// Gives a drained host back to a run.
    Undrain(tell::OfHost),
    /// Ends a run: what runs is stopped.
    Cancel(tell::Args),
    /// Does a run again from a node, and keeps what still holds.
    Retry(retry::Args),
    /// Makes every recorded decision of a run again, and says what differs.
    Verify(verify::Args),
    /// Writes a run as one file that needs nothing else.
    Export(export::Args),
    /// Shows who used which GPU when.
    Timeline(timeline::Args),
    /// Shows what coldkeys have and what was charged for runs; credits them, and gives back.
    Ledger(ledger::Args),
    /// Removes what runs that are over have left on this host: containers, images, and what trainings left.
    #[cfg(unix)]
    Clean(clean::Args),
    /// Looks whether what runs need is there: Docker, GPUs, disks, the hub, the store; and says what to do.
    #[cfg(unix)]
    Doctor(doctor::Args),
    /// Prints the settings that hold, and where each comes from.
    Settings(settings::Args),
    /// Plays a workflow many times in a modelled world: how long, how costly, who wins.
    Simulate(simulate::Args),
    /// Draws a workflow's steps and what they wait for.
    Graph(graph::Args),
    /// Holds workflows to the cases beside them: given these entrants and outcomes, expect this.
    Test(test::Args),
    /// Prints the book of rules that a workflow amounts to, in plain sentences.
    Rules(rules::Args),
    /// Says in the same words what a change of a workflow changes.
    Diff(diff::Args),
    /// Writes the JSON Schemas that editors use.
    Schema(schema::Args),
    /// Lists what steps can do, with types and an example of each.
    Actions(actions::Args),
    /// Does one action alone, on an input from a file, and prints what it gives.
    Try(alone::Args),
    /// Prints a small complete workflow to start from.
    Example(example::Args),
    /// Keeps the local commands of a run; `run` starts it.
    #[command(name = keep::COMMAND, hide = true)]
    Keep(keep::Args),
    /// Tells one message to a web-hook, for a `notify` step.
    #[command(name = crate::action::notify::COMMAND, hide = true)]
    Send(send::Args),
    /// Prints the completions for a shell.
    Completions(complete::Args),
}

/// How a command ended. These numbers are the same for all commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Fine = 0,
    /// It failed.
    Failed = 1,
    /// The file or the call is wrong.
    Wrong = 2,
    /// It was refused as things stand.
    Refused = 3,
    /// It is held for a decision.
    Held = 4,
    /// It was cancelled, or the command was interrupted before it was over.
    Cancelled = 5,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Runs the command line that the program was called with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Out::new(cli.json, cli.color);
    // What keeps a local command or sends a message was told all by the run.
    let is_inner = matches!(cli.command, Command::Keep(_) | Command::Send(_));
    if !is_inner && let Err(exit) = settings::load(&out) {
        return exit.into();
    }
    let exit = match cli.command {
        Command::Check(args) => check::run(&args, &out),
        Command::Plan(args) => plan::run(&args, &out),
        Command::Run(args) => run::run(&args, &out),
        #[cfg(unix)]
        Command::Rehearse(args) => rehearse::run(&args, &out),
        Command::Due(args) => due::run(&args, &out),
        Command::Resume(args) => resume::run(&args, &out),
        Command::Runs(args) => runs::run(&args, &out),
        Command::Show(args) => show::run(&args, &out),
        Command::Logs(args) => logs::run(&args, &out),
        Command::Events(args) => events::run(&args, &out),
        Command::Explain(args) => explain::run(&args, &out),
        Command::Decide(args) => tell::decide(&args, &out),
        Command::Pause(args) => tell::pause(&args, &out),
        Command::Drain(args) => tell::drain(&args, &out),
        Command::Undrain(args) => tell::undrain(&args, &out),
        Command::Cancel(args) => tell::cancel(&args, &out),
        Command::Retry(args) => retry::run(&args, &out),
        Command::Verify(args) => verify::run(&args, &out),
        Command::Export(args) => export::run(&args, &out),
        Command::Timeline(args) => timeline::run(&args, &out),
        Command::Ledger(args) => ledger::run(&args, &out),
        #[cfg(unix)]
        Command::Clean(args) => clean::run(&args, &out),
        #[cfg(unix)]
        Command::Doctor(args) => doctor::run(&args, &out),
        Command::Settings(args) => settings::run(&args, &out),
        Command::Simulate(args) => simulate::run(&args, &out),
        Command::Graph(args) => graph::run(&args, &out),
        Command::Test(args) => test::run(&args, &out),
        Command::Rules(args) => rules::run(&args, &out),
        Command::Diff(args) => diff::run(&args, &out),
        Command::Schema(args) => schema::run(&args, &out),
        Command::Actions(args) => actions::run(&args, &out),
        Command::Try(args) => alone::run(&args, &out),
        Command::Example(args) => example::run(&args, &out),
        Command::Keep(args) => keep::run(&args, &out),
        Command::Send(args) => send::run(&args, &out),
        Command::Completions(args) => complete::run(&args, &out),
    };
    exit.into()
}
