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
            let nearest = |word: &str| near::nearest(word, places.keys().copied().filter(|other| *other != word));
            let near = nearest(word);
            // Of two that nobody else has, the one that was written first is what was meant.
            let is_meant = |near: &str| matches!(places[near].as_slice(), [other] if place < other);
            if near.is_some_and(|near| is_meant(near) && nearest(near) == Some(word)) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::SourceId, document};

    /// The words that are told, where steps one after the other have these.
    fn told(words: &[&str]) -> Vec<String> {
        let steps = words.iter().enumerate().map(|(at, word)| format!("  s{at}: {{ same_host: {word} }}\n"));
        let text = format!("steps:\n{}", steps.collect::<String>());
        let (tree, mut mistakes) = document::parse(SourceId::default(), &text);
        tell_of_lone_words(&tree.expect("the text is good"), &mut mistakes);
        mistakes.iter().map(|it| text[it.place.start as usize..it.place.end as usize].to_owned()).collect()
    }

    #[test]
    fn of_two_near_words_that_tie_nothing_only_the_later_one_is_told() {
        assert_eq!(told(&["one", "two", "one", "two"]), [""; 0]);
        assert_eq!(told(&["evaluator", "evalautor"]), ["evalautor"]);
        assert_eq!(told(&["evaluator", "evaluation", "evaluations"]), ["evaluations", "evaluator"]);
    }
}
