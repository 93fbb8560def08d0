//! `god-flow completions`: what a shell completes.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Exit, out::Out};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The shell to print completions for.
    shell: Shell,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let mut text = Vec::new();
    let all = Cli::command();
    // What nobody calls by hand is not completed either.
    let visible = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut command = clap::Command::new("god-flow").args(all.get_arguments().cloned()).subcommands(visible);
    clap_complete::generate(args.shell, &mut command, "god-flow", &mut text);
    out.data(&String::from_utf8_lossy(&text))
}
