//! `god-flow check`: what is wrong with workflow files and modelled worlds, and where.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::{
    Exit,
    files::{self, tell},
    out::Out,
    report::Format,
};
use crate::{base::Mistake, document::Sources};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Files, folders, or `-` for stdin. Of a folder, every `*.yaml` is checked: workflows, parts and modelled worlds.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<String>,
    /// Changes a rule for this check.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    settings: Vec<String>,
    /// How mistakes are told.
    #[arg(long, value_enum, default_value_t = Told::Human)]
    format: Told,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Told {
    /// For people, with the place underlined.
    Human,
    /// For programs.
    Json,
    /// For pull requests, as annotations.
    Github,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let format = match args.format {
        _ if out.json => Format::Json,
        Told::Human => Format::Human,
        Told::Json => Format::Json,
        Told::Github => Format::Github,
    };
    let mut paths = Vec::new();
    for path in &args.paths {
        match expand(path) {
            Ok(found) => paths.extend(found),
            Err(why) => return out.wrong(&why),
        }
    }
    let mut all = Vec::new();
    let mut sources = Sources::default();
    for path in &paths {
        let (mistakes, of) = match files::world(path) {
            Some((checked, of)) => (checked.err(), of),
            None => {
                let read = files::read(path, &args.settings);
                (read.checked.err(), read.sources)
            }
        };
        all.extend(merged(mistakes.unwrap_or_default(), &of, &mut sources));
    }
    if !all.is_empty() || format == Format::Json {
        tell(&all, &sources, format, out);
    }
    if all.is_empty() { Exit::Fine } else { Exit::Wrong }
}

/// Moves mistakes into one list of sources, so that a part that many workflows include is told of once.
pub(super) fn merged(mistakes: Vec<Mistake>, from: &Sources, into: &mut Sources) -> Vec<Mistake> {
    mistakes
        .into_iter()
        .map(|mut mistake| {
            mistake.place = into.adopt(from, mistake.place);
            for (place, _) in &mut mistake.related {
                *place = into.adopt(from, *place);
            }
            mistake
        })
        .collect()
}

/// The files that a path means.
fn expand(path: &str) -> Result<Vec<String>, String> {
    if path == "-" || !Path::new(path).is_dir() {
        return Ok(vec![path.to_string()]);
    }
    let mut found = Vec::new();
    walk(Path::new(path), &mut found)?;
    found.sort();
    if found.is_empty() {
        return Err(format!("expected workflow files (*.yaml) in the folder {path}, found none"));
    }
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<String>) -> Result<(), String> {
    let told = |error: std::io::Error| format!("cannot read the folder {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(told)? {
        let path: PathBuf = entry.map_err(told)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_dir() && !path.is_symlink() && !name.starts_with('.') {
            walk(&path, found)?;
        } else if [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) && !name.contains(".test.") {
            found.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(())
}
