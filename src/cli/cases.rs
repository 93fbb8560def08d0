//! Files of cases, each with the workflow that it is held against, for `check` and `test`.

use std::{path::Path, sync::Arc};

use super::{
    check::merged,
    files::{self, Disk},
};
use crate::{
    base::{Mistake, Place, SourceId},
    document::{self, Reader, Sources},
    sim::cases::{self, Case},
    workflow::{Checked, Workflow},
};

/// A file of cases that can be read.
pub(super) struct File {
    path: String,
    text: String,
    /// The workflow's file, as it is to be opened.
    workflow: String,
    pub(super) read: cases::File,
}

/// Mistakes, and what their places are in.
pub(super) type Wrong = (Vec<Mistake>, Sources);

/// Whether a file of that name holds cases.
pub(super) fn is_named(name: &str) -> bool {
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Whether a file holds cases, by its name or by what it says it is.
pub(super) fn holds(path: &str) -> bool {
    let says_so = || {
        let text = Disk::around(path).read(path).unwrap_or_default();
        let (tree, _) = document::parse(SourceId::default(), &text);
        tree.is_some_and(|tree| tree.get("test").is_some() && tree.get("workflow").is_none())
    };
    is_named(path) || path != "-" && says_so()
}

pub(super) fn read(path: &str) -> Result<File, Wrong> {
    let mut sources = Sources::default();
    let text = Disk::around(path).read(path);
    let source = sources.add(path, text.as_deref().unwrap_or_default());
    let unreadable = |why| {
        let message = format!("cannot read {path}: {why}");
        vec![Mistake::new("document::unreadable", Place::new(source, 0..0), message)]
    };
    let read = text.map_err(unreadable).and_then(|text| Ok((cases::read(source, &text)?, text)));
    let (read, text) = match read {
        Ok(read) => read,
        Err(mistakes) => return Err((mistakes, sources)),
    };
    let workflow = Path::new(path).with_file_name(&read.test.0).to_string_lossy().into_owned();
    Ok(File { path: path.to_owned(), text, workflow, read })
}

impl File {
    /// What is wrong with the cases, as far as it is known before they are played.
    pub(super) fn mistakes(&self, all: &mut Sources) -> Vec<Mistake> {
        let mut told = Vec::new();
        // Each way of setting rules once; of one that gives no workflow the mistakes are told already.
        let mut tried: Vec<(Vec<String>, Option<Arc<Workflow>>)> = Vec::new();
        for case in &self.read.cases {
            let settings = case.settings();
            let known = tried.iter().position(|(before, _)| *before == settings);
            let at = known.unwrap_or_else(|| {
                let workflow = self.workflow(case).map_err(|(mistakes, of)| told.extend(merged(mistakes, &of, all)));
                tried.push((settings, workflow.ok().map(|(workflow, ..)| workflow)));
                tried.len() - 1
            });
            if let Some(workflow) = &tried[at].1
                && let Err(mistake) = case.check(workflow)
            {
                let mut own = Sources::default();
                own.add(self.path.as_str(), self.text.as_str());
                told.extend(merged(vec![mistake], &own, all));
            }
        }
        told
    }

    /// The workflow as a case wants it, and the sources that it was read from, with this file as the last.
    pub(super) fn workflow(&self, case: &Case) -> Result<(Arc<Workflow>, Sources, SourceId), Wrong> {
        let mut read = files::read(&self.workflow, &case.settings());
        let own = read.sources.add(self.path.as_str(), self.text.as_str());
        let here = |place: Place| Place { source: own, ..place };
        let test = here(self.read.test.1);
        let mistakes = match read.checked {
            Ok(Checked::Workflow(checked)) => return Ok((Arc::new(*checked), read.sources, own)),
            Ok(Checked::Part(name)) => {
                let message = format!("expected a workflow, found the part `{name}`");
                vec![Mistake::new("cases::not_a_workflow", test, message)]
            }
            Err(mistakes) => mistakes,
        };
        // What the case sets, and the file that it names, are to be mended where they are written.
        let is_missing = |it: &Mistake| it.code == "document::unreadable" && it.place.source == SourceId::default();
        let set_at = |place: Place| {
            let set = case.set.iter().find(|set| read.sources.name(place.source) == format!("--set {}", set.setting));
            set.map_or(place, |set| here(set.place))
        };
        let placed = |mut mistake: Mistake| {
            mistake.place = if is_missing(&mistake) { test } else { set_at(mistake.place) };
            mistake.related.iter_mut().for_each(|(place, _)| *place = set_at(*place));
            mistake
        };
        Err((mistakes.into_iter().map(placed).collect(), read.sources))
    }

    /// The cases once more, their places in the sources of the workflow.
    pub(super) fn again(&self, source: SourceId) -> Vec<Case> {
        cases::read(source, &self.text).map(|read| read.cases).unwrap_or_default()
    }
}
