//! Files of this project, for tests that play them.

use std::sync::Arc;

use god_flow::{
    document::{self, Tree},
    workflow::{self, Checked, Workflow},
};

struct Disk;
impl document::Reader for Disk {
    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

/// A file with all that it includes and extends.
pub(crate) fn loaded(path: &str) -> Tree {
    let (loaded, _, mistakes) = document::load(path, &Disk, &document::types::is_modifier);
    assert!(mistakes.is_empty(), "{path}: {mistakes:?}");
    loaded.expect("what has no mistakes is there").tree
}

/// The workflow that a document says.
pub(crate) fn checked(tree: &Tree) -> Arc<Workflow> {
    match workflow::check(tree) {
        Ok(Checked::Workflow(workflow)) => Arc::new(*workflow),
        other => panic!("{other:?}"),
    }
}
