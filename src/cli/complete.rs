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
    clap_complete::generate(args.shell, &mut Cli::command(), "god-flow", &mut text);
    out.data(&String::from_utf8_lossy(&text))
}
