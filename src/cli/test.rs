//! `god-flow test`: holds workflows to the cases beside them.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
};

use serde_json::{Value as Json, json};

use super::{
    Exit, cases,
    check::merged,
    files::{self, tell},
    out::Out,
    report::Format,
};
use crate::{base::Mistake, document::Sources, sim::cases::Case, workflow::Workflow};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Files of cases, or folders, of which every `*.test.yaml` is taken.
    #[arg(default_value = "workflows", value_name = "FILE")]
    paths: Vec<String>,
    /// Runs only the cases of this name.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
}

/// What came of one case.
struct Tried {
    file: String,
    case: String,
    mistakes: Vec<Mistake>,
}

pub(super) fn run(args: &Args, out: &Out) -> Exit {
    let mut paths = Vec::new();
    let mut sources = Sources::default();
    for path in &args.paths {
        match files::expand(path, "files of cases (*.test.yaml, *.test.yml)", &cases::is_named) {
            Ok(found) if found.unread.is_empty() => paths.extend(found.files),
            Ok(found) => {
                let mistakes = found.mistakes(&mut sources);
                tell(&mistakes, &sources, if out.json { Format::Json } else { Format::Human }, out);
                return Exit::Wrong;
            }
            Err(why) => return out.wrong(&why),
        }
    }
    let mut tried = Vec::new();
    for path in &paths {
        if let Err(mistakes) = file(path, args.case.as_deref(), &mut sources, &mut tried) {
            tell(&mistakes, &sources, if out.json { Format::Json } else { Format::Human }, out);
            return Exit::Wrong;
        }
    }
    if tried.is_empty() {
        return out.wrong(&format!("no case is called `{}`", args.case.as_deref().unwrap_or_default()));
    }
    let failed = tried.iter().filter(|it| !it.mistakes.is_empty()).count();
    let told = if out.json {
        let told = |mistakes: &[Mistake]| mistakes.iter().map(|it| difference(it, &sources)).collect::<Vec<_>>();
        let all = tried.iter().map(|it| {
            json!({ "file": it.file, "case": it.case, "passed": it.mistakes.is_empty(), "differences": told(&it.mistakes) })
        });
        out.json_data(&all.collect::<Vec<_>>())
    } else {
        let line = |it: &Tried| {
            format!("{} {} {}\n", if it.mistakes.is_empty() { "ok    " } else { "FAILED" }, it.file, it.case)
        };
        let all: Vec<Mistake> = tried.iter().flat_map(|it| it.mistakes.clone()).collect();
        tell(&all, &sources, Format::Human, out);
        let passed = tried.len() - failed;
        out.data(&format!("{}{passed} passed, {failed} failed\n", tried.iter().map(line).collect::<String>()))
    };
    match told {
        Exit::Fine if failed > 0 => Exit::Failed,
        told => told,
    }
}

/// What differs, where it is expected, and by what it was decided.
fn difference(it: &Mistake, sources: &Sources) -> Json {
    let by = it.related.iter().map(|(place, what)| json!({ "what": what, "at": sources.describe(*place) }));
    json!({ "message": it.message, "at": sources.describe(it.place), "by": by.collect::<Vec<_>>() })
}

/// Runs the cases of a file; the error is what is wrong with the file itself.
fn file(path: &str, only: Option<&str>, all: &mut Sources, tried: &mut Vec<Tried>) -> Result<(), Vec<Mistake>> {
    let file = cases::read(path).map_err(|(mistakes, own)| merged(mistakes, &own, all))?;
    let wanted = |case: &Case| only.is_none_or(|only| case.name.as_str() == only);
    // Most cases share their settings, and reading a workflow takes longer than playing one.
    let mut ready: HashMap<Vec<String>, Ready> = HashMap::new();
    for (at, case) in file.read.cases.iter().enumerate().filter(|(_, case)| wanted(case)) {
        let it = match ready.entry(case.settings()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let read = file.workflow(case).map_err(|(mistakes, of)| merged(mistakes, &of, all))?;
                let (workflow, sources, own) = read;
                // What differs is told of the case and of the workflow: both in the same sources.
                entry.insert(Ready { workflow, cases: file.again(own), sources })
            }
        };
        let Some(again) = it.cases.get(at) else { continue };
        let mistakes = merged(again.run(&it.workflow), &it.sources, all);
        tried.push(Tried { file: path.to_owned(), case: case.name.to_string(), mistakes });
    }
    Ok(())
}

/// A workflow with some settings, and the cases among its sources.
struct Ready {
    workflow: Arc<Workflow>,
    cases: Vec<Case>,
    sources: Sources,
}
