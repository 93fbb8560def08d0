//! `god-flow keep-commands`: the process between the engine and local commands. Nobody calls it by hand.

use std::path::PathBuf;

use super::{Exit, out::Out};

/// The name of the command.
pub(super) const COMMAND: &str = "keep-commands";

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder of the run's attempts.
    folder: PathBuf,
    /// Commands at once.
    jobs: u32,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    #[cfg(unix)]
    let kept = crate::backend::process::keeper::keep(&args.folder, args.jobs);
    #[cfg(not(unix))]
    let kept: std::io::Result<()> = Err(std::io::Error::other("local commands are run on Unix systems only"));
    match kept {
        Ok(()) => Exit::Fine,
        Err(error) => out.failure(&format!("{}: {error}", args.folder.display())),
    }
}
