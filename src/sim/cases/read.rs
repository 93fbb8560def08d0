//! Reads a file of cases.

use std::{hash::Hash, sync::LazyLock};

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::file;
use crate::{
    base::{Mistake, Name, Place, SourceId},
    document::{Tree, parse, shape, types::read_format},
};

/// The JSON Schema of files of cases.
pub fn schema() -> &'static Json {
    static SCHEMA: LazyLock<Json> = LazyLock::new(|| schemars::schema_for!(file::Cases).to_value());
    &SCHEMA
}

/// A file of cases.
pub struct File {
    /// The workflow's file, as it is written, and where.
    pub test: (String, Place),
    pub cases: Vec<Case>,
}

/// One case, and what it says where.
pub struct Case {
    pub name: Name,
    pub place: Place,
    /// The rules that are other than in the workflow's file.
    pub set: Vec<Set>,
    pub(super) says: file::Case,
    /// All of it, as it is written.
    pub tree: Tree,
}

/// A rule that a case sets, as a call would, and where it says so.
pub struct Set {
    pub setting: String,
    pub place: Place,
}

/// Reads a file of cases. `source` is what its mistakes point into.
pub fn read(source: SourceId, text: &str) -> Result<File, Vec<Mistake>> {
    let (tree, mut mistakes) = parse(source, text);
    let Some(tree) = tree.filter(|_| mistakes.is_empty()) else { return Err(mistakes) };
    shape::check(&tree, schema(), &read_format, &mut mistakes);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let file: file::Cases = serde_json::from_value(tree.to_json())
        .map_err(|error| vec![Mistake::new("cases::unreadable", tree.place, error.to_string())])?;
    let written = tree.get("cases").map(Tree::entries).unwrap_or_default();
    let inputs = file.inputs;
    let cases = file.cases.into_iter().zip(written).map(|((name, mut says), (key, of_case))| {
        says.inputs = over(&inputs, says.inputs);
        let set = over(&file.set, std::mem::take(&mut says.set)).into_iter().map(|(path, value)| {
            let written = [of_case, &tree].into_iter().find_map(|it| it.get("set")?.key(&path));
            Set { setting: format!("{path}={value}"), place: written.map_or(key.place, |key| key.place) }
        });
        Case { name, place: key.place, set: set.collect(), says, tree: of_case.clone() }
    });
    let test = (file.test, tree.get("test").map_or(tree.place, |test| test.place));
    Ok(File { test, cases: cases.collect() })
}

/// What all cases have in common, and what one says instead or besides.
fn over<K: Clone + Eq + Hash>(common: &IndexMap<K, Json>, own: IndexMap<K, Json>) -> IndexMap<K, Json> {
    let mut all = common.clone();
    all.extend(own);
    all
}

impl Case {
    /// The rules that are other than in the workflow's file, as a call sets them.
    pub fn settings(&self) -> Vec<String> {
        self.set.iter().map(|set| set.setting.clone()).collect()
    }
}
