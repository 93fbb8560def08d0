//! `god-flow check`: what is wrong with workflow files, files of cases and modelled worlds, and where.

use std::{collections::HashSet, path::PathBuf};

use clap::ValueEnum;

use super::{
    Exit, cases,
    files::{self, tell},
    out::Out,
    report::Format,
};
use crate::{
    base::{Mistake, Place},
    document::Sources,
};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Files, folders, or `-` for stdin. Of a folder, every `*.yaml` and `*.yml` is checked: workflows, parts, modelled worlds, and
    /// files of cases (`*.test.yaml`) with the workflow that they belong to; `god-flow test` runs those.
    #[arg(required = true, value_name = "FILE")]
    paths: Vec<String>,
    /// Changes a rule, the schedule or the GPUs for this check.
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
    let mut all = Vec::new();
    let mut sources = Sources::default();
    for path in &args.paths {
        match files::expand(path, "workflow files (*.yaml, *.yml)", &is_checked) {
            Ok(found) => {
                all.extend(found.mistakes(&mut sources));
                paths.extend(found.files);
            }
            Err(why) => {
                let place = Place::new(sources.add(path.as_str(), ""), 0..0);
                all.push(Mistake::new("document::unreadable", place, why));
            }
        }
    }
    let mut data = HashSet::new();
    let mut read = Vec::new();
    for path in &paths {
        if cases::holds(path) {
            match cases::read(path) {
                Ok(file) => all.extend(file.mistakes(&mut sources)),
                Err((mistakes, of)) => read.push((path, mistakes, of)),
            }
            continue;
        }
        let (mistakes, of) = match files::world(path) {
            Some((checked, of)) => (checked.err(), of),
            None => {
                let read = files::read(path, &args.settings);
                data.extend(read.data.iter().map(|path| real(path)));
                (read.checked.err(), read.sources)
            }
        };
        read.push((path, mistakes.unwrap_or_default(), of));
    }
    for (path, mistakes, of) in read {
        // What another file takes values from is no workflow, unless somebody asks for it by name.
        if args.paths.contains(path) || !data.contains(&real(path)) {
            all.extend(merged(mistakes, &of, &mut sources));
        }
    }
    if !all.is_empty() || format == Format::Json {
        tell(&all, &sources, format, out);
    }
    if all.is_empty() { Exit::Fine } else { Exit::Wrong }
}

/// A path by which a file is known, whichever way it was named.
fn real(path: &str) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.into())
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

/// Whether a file of that name is a workflow, a part, a world or a file of cases.
fn is_checked(name: &str) -> bool {
    [".yaml", ".yml"].iter().any(|end| name.ends_with(end))
}
