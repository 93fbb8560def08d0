//! `god-flow schema`: the JSON Schemas that editors use.

use std::path::PathBuf;

use super::{Exit, out::Out, settings};
use crate::{sim, workflow::schema};

#[derive(clap::Args)]
pub(super) struct Args {
    /// The folder to write them to.
    #[arg(default_value = "schemas")]
    folder: PathBuf,
    /// Prints the schema of workflows instead of writing files.
    #[arg(long)]
    print: bool,
}

/// The files of the folder `schemas`, by name.
pub(super) fn files() -> [(&'static str, serde_json::Value); 6] {
    [
        ("workflow.schema.json", schema::workflow()),
        ("variant.schema.json", schema::variant()),
        ("part.schema.json", schema::part()),
        ("cases.schema.json", schema::settled(sim::cases::schema().clone(), "cases.schema.json")),
        ("world.schema.json", schema::settled(sim::schema().clone(), "world.schema.json")),
        ("settings.schema.json", settings::schema()),
    ]
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    if args.print || out.json {
        return out.json_data(&schema::workflow());
    }
    if let Err(error) = std::fs::create_dir_all(&args.folder) {
        return out.failure(&format!("cannot make the folder {}: {error}", args.folder.display()));
    }
    for (name, schema) in files() {
        let path = args.folder.join(name);
        if let Err(error) = std::fs::write(&path, format!("{schema:#}\n")) {
            return out.failure(&format!("cannot write {}: {error}", path.display()));
        }
        out.say(&format!("wrote {}\n", path.display()));
    }
    Exit::Fine
}
