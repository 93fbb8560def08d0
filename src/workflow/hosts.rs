//! Words under `same_host` that tie no steps together.
//!
//! The check calls it with the whole document. Only steps of one body can be tied to one host.

use std::collections::BTreeMap;

use crate::{
    base::{Mistake, Place, near},
    document::Tree,
};

/// Adds a mistake for every word that only one step of its body has.
pub(super) fn tell_of_lone_words(tree: &Tree, mistakes: &mut Vec<Mistake>) {
    let templates = tree.get("templates").map(Tree::entries).unwrap_or_default();
    let bodies = templates.iter().map(|(_, template)| template).chain([tree]).filter_map(|it| it.get("steps"));
    for steps in bodies {
        let mut places: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
        for word in steps.entries().iter().filter_map(|(_, step)| step.get("same_host")) {
            if let Some(text) = word.as_text() {
                places.entry(text).or_default().push(word.place);
            }
        }
        for (word, found) in &places {
            let [place] = found.as_slice() else { continue };
            let near = near::nearest(word, places.keys().copied().filter(|other| other != word));
            // Of two that nobody else has, the one that was written first is what was meant.
            if near.is_some_and(|near| matches!(places[near].as_slice(), [other] if place < other)) {
                continue;
            }
            let message = format!("no other step beside this one has the word `{word}` under `same_host`");
            let help = near.map_or_else(
                || "write the same word at the step whose host it should be, or leave it out".into(),
                |near| format!("did you mean `{near}`?"),
            );
            mistakes.push(Mistake::new("workflow::lone_host", *place, message).help(help));
        }
    }
}
