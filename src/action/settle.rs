//! `settle`: what follows from a round's winners: who is out, who has the title, or who plays on.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect};
use crate::base::Ty;

/// What `settle` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// Who has won the round.
    pub winners: Vec<String>,
    /// Everybody who takes part and was not out before.
    pub field: Vec<String>,
    /// The champion's key.
    pub champion: String,
    /// Whether this was the last round.
    #[serde(default)]
    pub last: bool,
    /// Who has the title, where the last round leaves that to others than its winners.
    #[serde(default)]
    pub title: Option<String>,
    /// What the check behind this round found, where there was one.
    #[serde(default)]
    pub gate: Option<Gate>,
    /// What follows.
    #[serde(default)]
    pub rules: Rules,
}

/// What a check between two rounds found.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Whether somebody has to look at it first.
    #[serde(default)]
    pub halt: bool,
    /// Who is removed.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// What follows from a round.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SettleRules")]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of its own in the language")]
pub struct Rules {
    /// The champion plays on with those who won, if anybody did.
    #[serde(default)]
    pub champion_stays: bool,
    /// The champion is out like anybody else who has not won, before the last round too.
    #[serde(default)]
    pub champion_falls: bool,
    /// Publishes the code of the one who lost the last round too.
    #[serde(default)]
    pub publish_second: bool,
    /// Keeps the model of whoever has the title: the next tournament starts from it.
    #[serde(default)]
    pub keep_model: bool,
}

/// What `settle` gives.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Settled {
    /// Who is out now, in the order of their keys.
    pub out: Vec<String>,
    /// Who has the title; null while it is open.
    pub title: Option<String>,
    /// Whether the one who has it did not have it before.
    pub dethroned: bool,
    /// Who plays the next round; null where there is none.
    pub next: Option<Vec<String>>,
    /// Whether there is a check before the next round.
    pub checked: bool,
    /// Whose code is published, by place.
    pub publish: Vec<String>,
    /// Whose model is kept.
    pub keep: Option<String>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Settled>);

pub(super) fn action() -> Action {
    Action::pure::<Settle, Settled>(
        "settle",
        "What follows from a round: who is out, who has the title, or who plays the next round. Without a winner the champion \
         keeps the title.",
        |input| decide(input, &GIVES, |it: Settle| Ok(settle(it))),
    )
    .example("settled:\n  settle:\n    winners: [a]\n    field: [a, b, champion]\n    champion: champion\n")
}

fn settle(it: Settle) -> Settled {
    let mut winners = it.winners.clone();
    if it.rules.champion_stays && !it.last && !winners.is_empty() && !winners.contains(&it.champion) {
        winners.push(it.champion.clone());
    }
    let spared = |hotkey: &String| *hotkey == it.champion && !it.last && !it.rules.champion_falls;
    let mut out: Vec<String> =
        it.field.iter().filter(|hotkey| !winners.contains(hotkey) && !spared(hotkey)).cloned().collect();
    out.sort();
    let settled = Settled { out, ..Settled::default() };
    if winners.is_empty() {
        let champion = it.champion;
        return Settled { title: Some(champion.clone()), publish: vec![champion], ..settled };
    }
    if it.last {
        let title = it.title.unwrap_or_else(|| winners[0].clone());
        let second = it.field.iter().find(|hotkey| **hotkey != title).filter(|_| it.rules.publish_second);
        return Settled {
            dethroned: title != it.champion,
            publish: std::iter::once(&title).chain(second).cloned().collect(),
            keep: it.rules.keep_model.then(|| title.clone()),
            title: Some(title),
            ..settled
        };
    }
    let Some(gate) = it.gate else { return Settled { next: Some(winners), ..settled } };
    winners.retain(|hotkey| *hotkey == it.champion || !gate.remove.contains(hotkey));
    Settled { checked: true, next: (!gate.halt).then_some(winners), ..settled }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn settled(winners: &[&str], more: Json) -> Settled {
        let mut input = json!({"winners": winners, "field": ["a", "b", "C"], "champion": "C"});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settle(serde_json::from_value(input).unwrap())
    }

    #[test]
    fn those_who_have_not_won_are_out_and_the_others_play_on() {
        let given = settled(&["a"], json!({}));
        assert_eq!((given.out, given.next), (vec!["b".to_string()], Some(vec!["a".to_string()])));
        assert_eq!(settled(&["a"], json!({"rules": {"champion_falls": true}})).out, ["C", "b"]);
        let given = settled(&["a"], json!({"rules": {"champion_stays": true}}));
        assert_eq!(given.next, Some(vec!["a".into(), "C".into()]));
    }

    #[test]
    fn the_title_is_kept_without_a_winner_and_goes_to_the_one_of_the_last_round() {
        let given = settled(&[], json!({}));
        assert_eq!((given.title.as_deref(), given.dethroned, given.next), (Some("C"), false, None));
        let given = settled(&["a"], json!({"last": true, "rules": {"publish_second": true, "keep_model": true}}));
        assert_eq!((given.title.as_deref(), given.dethroned, given.keep.as_deref()), (Some("a"), true, Some("a")));
        assert_eq!((given.publish, given.out), (vec!["a".into(), "b".into()], vec!["C".into(), "b".into()]));
        assert_eq!(settled(&["a", "C"], json!({"last": true, "title": "C"})).title.as_deref(), Some("C"));
    }

    #[test]
    fn a_check_between_rounds_halts_or_removes() {
        let gate = |gate: Json| settled(&["a", "b"], json!({"gate": gate}));
        assert_eq!((gate(json!({"halt": true})).next, gate(json!({"halt": true})).checked), (None, true));
        assert_eq!((gate(json!(null)).next, gate(json!(null)).checked), (Some(vec!["a".into(), "b".into()]), false));
        assert_eq!(gate(json!({"remove": ["b"]})).next, Some(vec!["a".into()]));
    }
}
