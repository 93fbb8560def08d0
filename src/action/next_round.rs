//! `next_round`: who plays the next round, and whether it is the last one.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, reflect, vocabulary::Entrant};
use crate::base::Ty;

/// What `next_round` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NextRound {
    /// Those who won the round before, the champion among them where they did.
    pub winners: Vec<Entrant>,
    /// The defender of the title.
    pub champion: Option<Entrant>,
    /// What is done about an odd number of winners.
    pub odd: Parity,
    /// Hotkeys that still take part; others are left out. Everybody when left out.
    pub registered: Option<Vec<String>>,
}

/// What is done about an odd number of winners.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    /// The champion joins them, or steps back where they won too.
    ChampionEvens,
    /// Nothing.
    Stays,
}

/// What `next_round` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Next {
    /// Those who play the next round; nobody when there is none.
    pub field: Vec<Entrant>,
    /// Whether it is the last round: one challenger against the champion.
    pub last: bool,
    /// Who challenges the champion in the last round.
    pub challenger: Option<Entrant>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Next>);

pub(super) fn action() -> Action {
    Action::pure::<NextRound, Next>(
        "next_round",
        "Says who plays the next round and whether it is the last: one winner is left, or one and the champion.",
        |input| decide(input, &GIVES, |it| Ok(next_round(it))),
    )
    .example("next:\n  next_round:\n    winners: \"${inputs.entrants.top(1)}\"\n    odd: champion_evens\n")
}

/// Who plays the next round.
pub fn next_round(input: NextRound) -> Next {
    let NextRound { winners: mut field, champion, odd, registered } = input;
    let is_champion = |it: &Entrant| champion.as_ref().is_some_and(|champion| champion.hotkey == it.hotkey);
    let champion_won = field.iter().any(is_champion);
    let last = field.len() == 1 || (field.len() == 2 && champion_won);
    if odd == Parity::ChampionEvens && field.len() % 2 == 1 {
        match &champion {
            Some(_) if champion_won && field.len() > 1 => field.retain(|it| !is_champion(it)),
            Some(champion) if !champion_won => field.push(champion.clone()),
            _ => {}
        }
    }
    if let Some(registered) = registered {
        field.retain(|it| registered.contains(&it.hotkey));
    }
    let challenger = field.iter().find(|it| last && !is_champion(it)).cloned();
    Next { field, last, challenger }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrant(hotkey: &str) -> Entrant {
        Entrant {
            hotkey: hotkey.into(),
            coldkey: None,
            repository: "https://github.com/o/r".into(),
            commit: "c".into(),
            datasets: None,
        }
    }

    #[test]
    fn the_last_round_is_one_against_the_champion() {
        let evens = Parity::ChampionEvens;
        for (winners, odd, field, last, challenger) in [
            (vec!["a"], evens, vec!["a", "C"], true, Some("a")),
            (vec!["C"], evens, vec!["C"], true, None),
            (vec!["a", "C"], evens, vec!["a", "C"], true, Some("a")),
            (vec!["a", "b"], evens, vec!["a", "b"], false, None),
            (vec!["a", "b", "c"], evens, vec!["a", "b", "c", "C"], false, None),
            (vec!["a", "C", "c"], evens, vec!["a", "c"], false, None),
            (vec!["a", "b", "gone"], evens, vec!["a", "b", "C"], false, None),
            (vec![], evens, vec![], false, None),
            (vec!["C", "a"], Parity::Stays, vec!["C", "a"], true, Some("a")),
            (vec!["a", "b"], Parity::Stays, vec!["a", "b"], false, None),
            (vec!["C", "a", "b"], Parity::Stays, vec!["C", "a", "b"], false, None),
        ] {
            let next = next_round(NextRound {
                winners: winners.iter().map(|it| entrant(it)).collect(),
                champion: Some(entrant("C")),
                odd,
                registered: Some(["a", "b", "c", "C"].map(String::from).to_vec()),
            });
            let found: Vec<&str> = next.field.iter().map(|it| it.hotkey.as_str()).collect();
            let challenger_found = next.challenger.as_ref().map(|it| it.hotkey.as_str());
            assert_eq!((found, next.last, challenger_found), (field, last, challenger), "{winners:?}");
        }
    }
}
