//! `god-flow test`: holds workflows to the cases beside them.

use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
    sync::Arc,
};

use serde_json::json;

use super::{
    Exit,
    check::merged,
    files::{self, Disk, tell},
    out::Out,
    report::Format,
};
use crate::{
    base::Mistake,
    document::{Reader, Sources},
    sim::cases::{self, Case},
    workflow::{Checked, Workflow},
};

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
    for path in &args.paths {
        match files::expand(path, "files of cases (*.test.yaml, *.test.yml)", &holds_cases) {
            Ok(found) => paths.extend(found),
            Err(why) => return out.wrong(&why),
        }
    }
    let mut sources = Sources::default();
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
        let told = |mistakes: &[Mistake]| mistakes.iter().map(|it| it.message.clone()).collect::<Vec<_>>();
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

/// Runs the cases of a file; the error is what is wrong with the file itself.
fn file(path: &str, only: Option<&str>, all: &mut Sources, tried: &mut Vec<Tried>) -> Result<(), Vec<Mistake>> {
    let mut own = Sources::default();
    let text = Disk::around(path).read(path);
    let source = own.add(path, text.as_deref().unwrap_or_default());
    let unreadable = |why: &String| {
        let message = format!("cannot read {path}: {why}");
        vec![Mistake::new("document::unreadable", crate::base::Place::new(source, 0..0), message)]
    };
    let read = text.as_ref().map_err(unreadable).and_then(|text| cases::read(source, text));
    let read = read.map_err(|mistakes| merged(mistakes, &own, all))?;
    let text = text.unwrap_or_default();
    let beside = Path::new(path).with_file_name(&read.test.0).to_string_lossy().into_owned();
    let wanted = |case: &Case| only.is_none_or(|only| case.name.as_str() == only);
    // Most cases share their settings, and reading a workflow takes longer than playing one.
    let mut ready: HashMap<Vec<String>, Ready> = HashMap::new();
    for (at, case) in read.cases.iter().enumerate().filter(|(_, case)| wanted(case)) {
        let it = match ready.entry(case.settings()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let mut workflow = files::read(&beside, entry.key());
                let checked = match workflow.checked {
                    Ok(Checked::Workflow(checked)) => Arc::new(*checked),
                    Ok(Checked::Part(name)) => {
                        let message = format!("expected a workflow, found the part `{name}`");
                        let mistake = Mistake::new("cases::not_a_workflow", read.test.1, message);
                        return Err(merged(vec![mistake], &own, all));
                    }
                    Err(mistakes) => return Err(merged(mistakes, &workflow.sources, all)),
                };
                // Once more, among the sources of the workflow: what differs is told of both.
                let source = workflow.sources.add(path, &*text);
                entry.insert(Ready { checked, cases: cases::read(source, &text)?.cases, sources: workflow.sources })
            }
        };
        let mistakes = merged(it.cases[at].run(&it.checked), &it.sources, all);
        tried.push(Tried { file: path.to_owned(), case: case.name.to_string(), mistakes });
    }
    Ok(())
}

/// A workflow with some settings, and the cases among its sources.
struct Ready {
    checked: Arc<Workflow>,
    cases: Vec<Case>,
    sources: Sources,
}

/// Whether a file of that name holds cases.
fn holds_cases(name: &str) -> bool {
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}
