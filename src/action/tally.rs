//! `tally`: counts the games of two, and ends them early when one side gives up or loses too many in a row. Fewer games than
//! there were to be, without such an end, are refused.

use std::{cmp::Ordering, sync::LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::decide, play, reflect};
use crate::base::Ty;

/// What `tally` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// The games in the order in which they were played.
    #[serde(default)]
    pub games: Vec<Game>,
    /// The same in short, a letter for each game as the first of the two sees it: `W` won, `L` lost, `D` nobody's; `w` won
    /// because the second gave up, `l` lost by giving up.
    #[serde(default)]
    pub outcomes: Option<String>,
    /// How `play` was told to play: it must have been as many games, unless the time was over or they ended early. As many
    /// as are listed where nothing is said.
    #[serde(default)]
    pub playing: Option<play::Rules>,
    /// Where it is left out, games are never ended early.
    #[serde(default)]
    pub rules: Option<Rules>,
}

/// One game of two.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Game {
    /// What each seat got.
    pub returns: Vec<f64>,
    /// The seat of the first of the two: 0 or 1.
    #[serde(default)]
    pub seat: u32,
    /// Whether what one gets the other loses. Then the middle between the least and the most decides; else, who got more.
    #[serde(default)]
    pub zero_sum: bool,
    /// The least that a seat can get.
    #[serde(default)]
    pub least: f64,
    /// The most that a seat can get.
    #[serde(default)]
    pub most: f64,
    /// Whether the first of the two gave up.
    #[serde(default)]
    pub a_forfeits: bool,
    /// Whether the second of the two gave up.
    #[serde(default)]
    pub b_forfeits: bool,
}

/// When games are ended early.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TallyRules")]
pub struct Rules {
    /// After so many losses in a row right from the start.
    pub losses_at_start: u32,
    /// After so many losses in a row later on.
    pub losses_in_a_row: u32,
    /// After so many games that one side gave up.
    pub forfeits: u32,
    /// Looks only after each second game, when both had both seats.
    #[serde(default)]
    pub in_pairs: bool,
    /// Gives the games that are not played to the one who is ahead.
    #[serde(default)]
    pub award_rest: bool,
}

/// What `tally` gives.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tallied {
    /// Games that the first one won.
    pub a_wins: u32,
    /// Games that the second one won.
    pub b_wins: u32,
    /// Games that nobody won.
    pub draws: u32,
    /// All that count.
    pub total: u32,
    /// Games that were looked at before it was over.
    pub played: u32,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Tallied>);

pub(super) fn action() -> Action {
    Action::pure::<Tally, Tallied>(
        "tally",
        "Counts the games of two, and ends them early when one side gives up or loses too many in a row.",
        |input| decide(input, &GIVES, |it: Tally| tally(&it)),
    )
    .example(
        "games:\n  tally:\n    games: [{ returns: [1, -1], zero_sum: true, least: -1, most: 1 }]\n    \
         rules: { losses_at_start: 10, losses_in_a_row: 20, forfeits: 10, award_rest: true }\n",
    )
}

/// How one game went for the first of the two.
#[derive(Clone, Copy)]
struct Seen {
    won: Ordering,
    a_forfeits: bool,
    b_forfeits: bool,
}

fn tally(it: &Tally) -> Result<Tallied, String> {
    let games: Vec<Seen> = match &it.outcomes {
        Some(_) if !it.games.is_empty() => return Err("expected `games` or `outcomes`, found both".into()),
        Some(letters) => letters.chars().map(read).collect::<Result<_, _>>()?,
        None => it.games.iter().map(Game::seen).collect(),
    };
    let listed = u32::try_from(games.len()).unwrap_or(u32::MAX);
    let planned = it.playing.as_ref().and_then(|playing| playing.games).unwrap_or(listed);
    let least = match &it.playing {
        None => 0,
        Some(playing) if playing.time.is_some() => 1,
        Some(_) => planned.max(1),
    };
    let mut now = Tallied::default();
    let mut ended_early = false;
    let (mut a_lost, mut b_lost, mut a_gave_up, mut b_gave_up) = (0, 0, 0, 0);
    for game in games.iter().take(planned as usize) {
        now.played += 1;
        match game.won {
            Ordering::Greater => (now.a_wins, a_lost, b_lost) = (now.a_wins + 1, 0, b_lost + 1),
            Ordering::Less => (now.b_wins, a_lost, b_lost) = (now.b_wins + 1, a_lost + 1, 0),
            Ordering::Equal => (now.draws, a_lost, b_lost) = (now.draws + 1, 0, 0),
        }
        a_gave_up += u32::from(game.a_forfeits);
        b_gave_up += u32::from(game.b_forfeits);
        let Some(rules) = &it.rules else { continue };
        if rules.in_pairs && now.played % 2 == 1 {
            continue;
        }
        let too_many = if now.played <= rules.losses_at_start { rules.losses_at_start } else { rules.losses_in_a_row };
        let ahead = if a_gave_up >= rules.forfeits {
            Some(false)
        } else if b_gave_up >= rules.forfeits {
            Some(true)
        } else if a_lost >= too_many {
            Some(false)
        } else {
            (b_lost >= too_many).then_some(true)
        };
        let Some(a_is_ahead) = ahead else { continue };
        if rules.award_rest {
            let rest = planned.saturating_sub(now.played);
            if a_is_ahead { now.a_wins += rest } else { now.b_wins += rest }
        }
        ended_early = true;
        break;
    }
    if !ended_early && now.played < least {
        return Err(format!("expected {least} games, or fewer that end early by the rules, found {}", now.played));
    }
    now.total = now.a_wins + now.b_wins + now.draws;
    Ok(now)
}

/// One letter of `outcomes`.
fn read(letter: char) -> Result<Seen, String> {
    let won = match letter {
        'W' | 'w' => Ordering::Greater,
        'L' | 'l' => Ordering::Less,
        'D' => Ordering::Equal,
        other => return Err(format!("expected W, L, D, w or l for each game, found {other:?}")),
    };
    Ok(Seen { won, a_forfeits: letter == 'l', b_forfeits: letter == 'w' })
}

impl Game {
    fn seen(&self) -> Seen {
        Seen { won: self.for_the_first(), a_forfeits: self.a_forfeits, b_forfeits: self.b_forfeits }
    }

    /// Greater where the first of the two won.
    fn for_the_first(&self) -> Ordering {
        let of = |seat: u32| self.returns.get(seat as usize).copied().unwrap_or(0.0);
        let (mine, theirs) = (of(self.seat), of(1 - self.seat.min(1)));
        let (got, bar) = if self.zero_sum { (mine, f64::midpoint(self.least, self.most)) } else { (mine, theirs) };
        if self.zero_sum && self.least == self.most {
            return Ordering::Equal;
        }
        got.partial_cmp(&bar).unwrap_or(Ordering::Equal)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `W`, `L` and `D` for the first, lower case where the loser gave up.
    fn played(games: &str, planned: u32, award_rest: bool, in_pairs: bool) -> (u32, u32, u32) {
        let game = |letter: char| {
            let (returns, forfeits) = match letter {
                'W' | 'w' => (json!([1, -1]), "b_forfeits"),
                'L' | 'l' => (json!([-1, 1]), "a_forfeits"),
                _ => (json!([0, 0]), "a_forfeits"),
            };
            let mut game = json!({"returns": returns, "zero_sum": true, "least": -1, "most": 1});
            game[forfeits] = letter.is_lowercase().into();
            game
        };
        let rules = json!({
            "losses_at_start": 3, "losses_in_a_row": 5, "forfeits": 2, "award_rest": award_rest, "in_pairs": in_pairs,
        });
        let played: Vec<_> = games.chars().map(game).collect();
        let count = |it: serde_json::Value| tally(&serde_json::from_value(it).unwrap()).unwrap();
        let playing = json!({"games": planned, "turn": "5s"});
        let given = count(json!({"games": played, "playing": playing, "rules": rules}));
        let in_short = count(json!({"outcomes": games, "playing": playing, "rules": rules}));
        assert_eq!(given, in_short, "{games}");
        (given.a_wins, given.b_wins, given.draws)
    }

    #[test]
    fn losing_on_and_on_ends_it() {
        assert_eq!(played("LLLWWW", 10, true, false), (0, 10, 0));
        assert_eq!(played("WLLLLW", 6, true, false), (2, 4, 0), "later on it takes more losses");
        assert_eq!(played("WLLLLLW", 10, true, false), (1, 9, 0));
        assert_eq!(played("LLDLLL", 6, true, false), (0, 5, 1), "a draw breaks the row");
        assert_eq!(played("LLLLWW", 6, false, true), (2, 4, 0), "three in a row are seen only after the fourth");
    }

    #[test]
    fn what_is_no_outcome_is_refused() {
        for (input, expected) in [
            (json!({"outcomes": "WX"}), "expected W, L, D, w or l for each game, found 'X'"),
            (json!({"outcomes": "W", "games": [{"returns": [1, -1]}]}), "expected `games` or `outcomes`, found both"),
        ] {
            assert_eq!(tally(&serde_json::from_value(input).unwrap()).unwrap_err(), expected);
        }
    }

    #[test]
    fn too_few_games_are_refused_unless_they_ended_early_or_with_the_time() {
        let rules = json!({"losses_at_start": 3, "losses_in_a_row": 5, "forfeits": 2});
        let told = |outcomes: &str, playing: serde_json::Value| {
            tally(&serde_json::from_value(json!({"outcomes": outcomes, "playing": playing, "rules": rules})).unwrap())
                .map(|it| it.total)
        };
        let too_few = |least: u32, found: u32| {
            Err(format!("expected {least} games, or fewer that end early by the rules, found {found}"))
        };
        let (ten, timed) = (json!({"games": 10, "turn": "5s"}), json!({"time": "15m", "turn": "5s"}));
        assert_eq!(told("WLWLWLWLW", ten.clone()), too_few(10, 9));
        assert_eq!(told("", ten.clone()), too_few(10, 0));
        assert_eq!(told("LLL", ten.clone()), Ok(3));
        assert_eq!(told("WLWLWLWLWL", ten), Ok(10));
        assert_eq!(told("WL", timed.clone()), Ok(2));
        assert_eq!(told("", timed), too_few(1, 0));
        assert_eq!(told("WL", json!({"games": 10, "time": "15m", "turn": "5s"})), Ok(2));
        assert_eq!(told("", serde_json::Value::Null), Ok(0));
    }

    #[test]
    fn giving_up_ends_it() {
        assert_eq!(played("WlWlWW", 10, true, false), (2, 8, 0));
        assert_eq!(played("wWwWWW", 10, false, false), (3, 0, 0));
    }

    #[test]
    fn games_without_a_sum_go_to_who_got_more() {
        let game = |returns, seat| Game {
            returns,
            seat,
            zero_sum: false,
            least: 0.0,
            most: 10.0,
            a_forfeits: false,
            b_forfeits: false,
        };
        assert_eq!(game(vec![5.0, 3.0], 0).for_the_first(), std::cmp::Ordering::Greater);
        assert_eq!(game(vec![5.0, 3.0], 1).for_the_first(), std::cmp::Ordering::Less);
        assert_eq!(game(vec![], 7).for_the_first(), std::cmp::Ordering::Equal);
    }
}
