//! `contest`: a challenger against the champion over several tasks, for the title.
//!
//! Each task is won by somebody or nobody; the title changes hands when the challenger has won as many as the rules ask for.
//! How far apart the two were is told too: what winners are paid depends on it.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Action,
    entry::decide,
    margin::Margin,
    reflect,
    vocabulary::{Better, Outcome, yes},
};
use crate::base::Ty;

/// What `contest` takes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contest {
    /// The key under which the champion plays.
    pub champion: String,
    /// The challenger's key; where it is left out, the first other key of each task.
    #[serde(default)]
    pub challenger: Option<String>,
    /// The tasks of the round.
    pub tasks: Vec<Bout>,
    /// How many contests in a row the champion has won, the one that made them champion counted.
    #[serde(default)]
    pub wins: u32,
    /// What a challenger who reaches the bar of the games is better by: what a difference must be above for a type of
    /// tournament to get more.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub at_bar: f64,
    /// By which rules it is decided.
    pub rules: Rules,
}

/// By which rules a contest is decided.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ContestRules")]
pub struct Rules {
    /// By how much the challenger must be better to win a task; without it, being as good is enough.
    #[serde(default)]
    pub margin: Option<Margin>,
    /// What the challenger needs for the title.
    pub title: Title,
    /// Whether a challenger who reaches the bar exactly wins the task. If not, equal results win it for nobody.
    #[serde(default = "yes")]
    pub equal_wins: bool,
    /// What the champion counts as having scored where there is no result of theirs. Without it, whoever trained
    /// successfully wins the task.
    #[serde(default)]
    pub absent_champion: Option<f64>,
    /// What the winner of a task scores for it; without it, tasks score nothing.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub points: Option<f64>,
    /// Counts no difference that is a share of a result below zero, as deployed until June 2026.
    #[serde(default)]
    pub positive_only: bool,
    /// How the difference is told where tasks are played as games for points.
    #[serde(default)]
    pub games: Option<Games>,
}

/// One task of a contest.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bout {
    /// What tells it from the others.
    pub id: String,
    /// Which results are better.
    pub better: Better,
    /// The results, as they came in.
    pub results: Vec<Outcome>,
    /// Who trained successfully; where it is left out, those with a result.
    #[serde(default)]
    pub trained: Option<Vec<String>>,
    /// Whether the title cannot be had without this task.
    #[serde(default)]
    pub must_win: bool,
    /// How many environments were played for points; without it, results are compared as they are.
    #[serde(default)]
    pub environments: Option<u32>,
    /// Who has won it, where that was decided elsewhere; null for nobody.
    #[serde(default)]
    pub winner: Option<String>,
}

/// What the challenger needs for the title. Everything that is given must hold.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "[; {more_than:majority} of the tasks that anybody has won][; all tasks that anybody has won but {all_but}, and one at least][; {at_least:tasks}, however many anybody has won][; {?no_loss}no task lost and one won at least, where a draw is neither]"))]
pub struct Title {
    /// More than this share of the decided tasks.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub more_than: Option<f64>,
    /// All of the decided tasks but so many, and one at least.
    #[serde(default)]
    pub all_but: Option<u32>,
    /// So many tasks, however many were decided.
    #[serde(default)]
    pub at_least: Option<u32>,
    /// No task lost, and one won at least.
    #[serde(default)]
    pub no_loss: bool,
}

/// What points in games say about how far apart two were. A share of the points is above a bar; what it is above by, on a
/// slope, is added to `at_bar`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "from {bar:%} of the points on, where a game that is won has {points}: {slope} of what is above[; {?shares}results are that share already]"))]
pub struct Games {
    /// The points of a game that is won.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub points: f64,
    /// The share from which on it counts.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub bar: f64,
    /// How much each part of the share above the bar is worth.
    #[schemars(range(min = 0.0))]
    pub slope: f64,
    /// Whether results are the share itself, and not points.
    #[serde(default)]
    pub shares: bool,
}

/// What `contest` gives.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Contested {
    /// Who has the title now.
    pub winner: String,
    /// Whether the champion keeps it.
    pub defended: bool,
    /// The challenger, if one was found.
    pub challenger: Option<String>,
    /// By how much the challenger had to be better.
    pub margin: f64,
    /// Tasks that somebody has won.
    pub decided: u32,
    /// Tasks that the challenger has won.
    pub won: u32,
    /// Tasks that the champion has won.
    pub lost: u32,
    /// How each task came out.
    pub tasks: Vec<BoutResult>,
    /// The middle one of the tasks' differences: by how much the challenger was better. 0 where there is none.
    pub difference: f64,
}

/// How one task came out.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BoutResult {
    /// The task's.
    pub id: String,
    /// Who won it; null for nobody.
    pub winner: Option<String>,
    /// The champion's result.
    pub champion: Option<f64>,
    /// The challenger's result.
    pub challenger: Option<f64>,
    /// By how much the challenger was better, as a share; null where one result is missing.
    pub difference: Option<f64>,
    /// The challenger's key.
    pub opponent: Option<String>,
    /// What the champion scores for it; null where tasks score nothing, or a result is missing.
    pub champion_score: Option<f64>,
    /// What the challenger scores for it.
    pub challenger_score: Option<f64>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Contested>);

pub(super) fn action() -> Action {
    Action::pure::<Contest, Contested>(
        "contest",
        "A challenger against the champion over several tasks: who wins each, who has the title, and how far apart they were. \
         Without a decided task the champion keeps the title.",
        |input| decide(input, &GIVES, |it: Contest| Ok(contest(&it))),
    )
    .example(
        "title:\n  contest:\n    champion: \"${champion.hotkey}\"\n    challenger: \"${challenger.hotkey}\"\n    \
         tasks: \"${duels}\"\n    wins: 2\n    \
         rules: { margin: { start: 0.05, decay: 0.8, floor: 0.03 }, title: { more_than: 0.5 } }\n",
    )
}

fn contest(it: &Contest) -> Contested {
    let margin = it.rules.margin.as_ref().map_or(0.0, |margin| margin.after(it.wins));
    let found = it.challenger.clone().or_else(|| it.tasks.iter().find_map(|task| other(task, &it.champion)));
    let tasks: Vec<BoutResult> = it.tasks.iter().map(|task| bout(it, task, found.as_deref())).collect();
    let is_won = |task: &&BoutResult| task.winner.as_ref().is_some_and(|winner| *winner != it.champion);
    let won = tasks.iter().filter(is_won).count();
    let decided = tasks.iter().filter(|task| task.winner.is_some()).count();
    let missed = it.tasks.iter().zip(&tasks).any(|(task, result)| task.must_win && !is_won(&result));
    let challenger = tasks.iter().find(is_won).and_then(|task| task.winner.clone()).or(found);
    let takes_it = won > 0 && !missed && it.rules.title.is_earned(won, decided);
    let winner = challenger.clone().filter(|_| takes_it).unwrap_or_else(|| it.champion.clone());
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Contested {
        defended: winner == it.champion,
        winner,
        challenger,
        margin,
        decided: count(decided),
        won: count(won),
        lost: count(decided - won),
        difference: middle(tasks.iter().filter_map(|task| task.difference).collect()),
        tasks,
    }
}

impl Title {
    fn is_earned(&self, won: usize, decided: usize) -> bool {
        let share = self.more_than.is_none_or(|share| won as f64 > decided as f64 * share);
        let all_but = self.all_but.is_none_or(|spare| won >= decided.saturating_sub(spare as usize).max(1));
        let enough = self.at_least.is_none_or(|least| won >= least as usize);
        share && all_but && enough && (!self.no_loss || won == decided)
    }
}

/// The first key with a result that is not the champion's.
fn other(task: &Bout, champion: &str) -> Option<String> {
    let theirs = |it: &&Outcome| it.hotkey != champion && it.loss.is_some_and(f64::is_finite);
    task.results.iter().find(theirs).map(|it| it.hotkey.clone())
}

fn bout(it: &Contest, task: &Bout, challenger: Option<&str>) -> BoutResult {
    // Without a named challenger every task has its own: the first other key in it.
    let opponent = match &it.challenger {
        None if it.rules.absent_champion.is_none() => other(task, &it.champion),
        _ => challenger.map(String::from),
    };
    let result_of = |key: &str| {
        let found = task.results.iter().find(|it| it.hotkey == key)?;
        found.loss.filter(|loss| found.finetune && loss.is_finite())
    };
    let theirs = opponent.as_deref().and_then(result_of);
    let found = result_of(&it.champion);
    let ours = found.or(it.rules.absent_champion.filter(|_| theirs.is_some()));
    let winner = task.winner.clone().or_else(|| match (ours, theirs) {
        (Some(ours), Some(theirs)) => compared(it, task.better, ours, theirs, opponent.as_deref()),
        _ => Some(alone(it, task, ours, theirs, opponent.as_deref())),
    });
    let score = |key: Option<&str>| {
        it.rules.points.filter(|_| ours.is_some() && theirs.is_some()).map(|points| match (&winner, key) {
            (Some(winner), Some(key)) if winner == key => points,
            _ => 0.0,
        })
    };
    let (champion_score, challenger_score) = (score(Some(&it.champion)), score(opponent.as_deref()));
    // What an absent champion counts as is no result to compare with.
    let difference = found.zip(theirs).map(|(ours, theirs)| difference(it, task, ours, theirs));
    BoutResult {
        id: task.id.clone(),
        winner,
        champion: ours,
        challenger: theirs,
        difference,
        opponent,
        champion_score,
        challenger_score,
    }
}

/// Who wins where both have a result.
fn compared(it: &Contest, better: Better, ours: f64, theirs: f64, opponent: Option<&str>) -> Option<String> {
    let margin = it.rules.margin.clone().unwrap_or_default();
    let bar = margin.bar(better, ours, it.wins);
    let reached = match better {
        Better::Lower => theirs < bar || it.rules.equal_wins && theirs == bar,
        Better::Higher => theirs > bar || it.rules.equal_wins && theirs == bar,
    };
    if reached {
        return opponent.map(String::from);
    }
    (it.rules.equal_wins || theirs != ours).then(|| it.champion.clone())
}

/// Who wins where a result is missing: the only one who trained, or else the only one with a result; the champion where
/// nobody has one.
fn alone(it: &Contest, task: &Bout, ours: Option<f64>, theirs: Option<f64>, opponent: Option<&str>) -> String {
    let trained = |key: &str, has_result: bool| match &task.trained {
        Some(trained) => trained.iter().any(|it| it == key),
        None => has_result,
    };
    let champion = it.champion.clone();
    let Some(opponent) = opponent.filter(|_| ours.is_some() || theirs.is_some()) else { return champion };
    match (trained(&it.champion, ours.is_some()), trained(opponent, theirs.is_some())) {
        (false, true) => opponent.into(),
        (true, true) if theirs.is_some() => opponent.into(),
        _ => champion,
    }
}

/// By how much the challenger was better, as a share.
fn difference(it: &Contest, task: &Bout, ours: f64, theirs: f64) -> f64 {
    if let (Some(games), Some(environments)) = (&it.rules.games, task.environments) {
        return games.difference(ours, theirs, f64::from(environments), it.at_bar);
    }
    let (by, of) = match task.better {
        Better::Lower => (ours - theirs, theirs),
        Better::Higher => (theirs - ours, ours),
    };
    if of == 0.0 || it.rules.positive_only && of < 0.0 { 0.0 } else { by / of.abs() }
}

impl Games {
    fn difference(&self, ours: f64, theirs: f64, environments: f64, at_bar: f64) -> f64 {
        let most = self.points * environments;
        let share = if self.shares { theirs } else { (2.0 * theirs + ours - most) / most };
        if share.is_nan() || share < self.bar { 0.0 } else { at_bar + (share - self.bar) * self.slope }
    }
}

/// The middle one, or the mean of the two in the middle.
fn middle(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let half = numbers.len() / 2;
    match numbers.len() {
        0 => 0.0,
        n if n % 2 == 1 => numbers[half],
        _ => f64::midpoint(numbers[half - 1], numbers[half]),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// A task in which both have a result, lower being better.
    fn task(ours: impl Into<Json>, theirs: impl Into<Json>) -> Json {
        let results = json!([{"hotkey": "champion", "loss": ours.into()}, {"hotkey": "her", "loss": theirs.into()}]);
        json!({"id": "t", "better": "lower", "results": results})
    }

    fn contested(tasks: impl Into<Json>, wins: u32, rules: Json) -> Contested {
        let input =
            json!({"champion": "champion", "challenger": "her", "tasks": tasks.into(), "wins": wins, "rules": rules});
        contest(&serde_json::from_value(input).unwrap())
    }

    #[test]
    fn the_margin_shrinks_with_each_win_down_to_its_floor() {
        let rules = json!({"margin": {"start": 0.05, "decay": 0.8, "floor": 0.03}, "title": {"more_than": 0.5}});
        for (wins, margin) in [(1, 0.05), (2, 0.05 * 0.8), (3, 0.05 * 0.8 * 0.8), (4, 0.03), (40, 0.03)] {
            assert!((contested(json!([]), wins, rules.clone()).margin - margin).abs() < 1e-12, "after {wins} wins");
        }
    }

    #[test]
    fn who_reaches_the_bar_wins_the_task() {
        let winner =
            |ours: f64, theirs: f64, rules: Json| contested([task(ours, theirs)], 1, rules).tasks[0].winner.clone();
        let rules = |more: Json| {
            let mut rules = json!({"margin": {"start": 0.1}, "title": {"more_than": 0.5}});
            rules.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            rules
        };
        let (her, champion) = (Some("her".to_string()), Some("champion".to_string()));
        assert_eq!(winner(1.0, 0.9, rules(json!({}))), her);
        assert_eq!(winner(1.0, 0.91, rules(json!({}))), champion);
        assert_eq!(winner(1.0, 0.9, rules(json!({"equal_wins": false}))), champion);
        assert_eq!(
            winner(1.0, 1.0, rules(json!({"margin": null}))),
            her,
            "a tie dethrones where nothing more is asked"
        );
        assert_eq!(winner(1.0, 1.0, rules(json!({"margin": null, "equal_wins": false}))), None);
        // Below zero a multiplied margin asks for less than the champion has.
        assert_eq!(winner(-1.0, -1.0, rules(json!({}))), champion);
        assert_eq!(winner(-1.0, -1.0, rules(json!({"margin": {"start": 0.1, "multiplied": true}}))), her);
    }

    #[test]
    fn the_title_takes_as_many_tasks_as_the_rules_ask_for() {
        let defended = |won: usize, lost: usize, title: Json| {
            let tasks: Vec<Json> = vec![task(1.0, 0.5); won].into_iter().chain(vec![task(1.0, 2.0); lost]).collect();
            contested(tasks, 1, json!({"title": title})).defended
        };
        let majority = json!({"more_than": 0.5});
        assert!(defended(3, 3, majority.clone()) && !defended(4, 2, majority.clone()) && defended(0, 0, majority));
        let all_but_one = json!({"all_but": 1});
        assert!(
            defended(4, 2, all_but_one.clone()) && !defended(5, 1, all_but_one.clone()) && defended(0, 1, all_but_one)
        );
        assert!(defended(3, 0, json!({"at_least": 4})) && !defended(4, 5, json!({"at_least": 4})));
        assert!(defended(5, 1, json!({"no_loss": true})) && !defended(1, 0, json!({"no_loss": true})));
        let mut lost = task(1.0, 2.0);
        lost["must_win"] = true.into();
        let tasks = [task(1.0, 0.5), task(1.0, 0.5), lost];
        assert!(contested(tasks, 1, json!({"title": {"more_than": 0.5}})).defended);
    }

    #[test]
    fn where_one_side_is_missing_the_other_wins_if_it_trained() {
        let winner = |ours: Json, theirs: Json, trained: Json| {
            let mut task = task(ours, theirs);
            task["trained"] = trained;
            contested([task], 1, json!({"title": {"more_than": 0.5}})).tasks[0].winner.clone().unwrap()
        };
        assert_eq!(winner(Json::Null, 1.into(), Json::Null), "her");
        assert_eq!(winner(1.into(), Json::Null, Json::Null), "champion");
        assert_eq!(winner(Json::Null, 1.into(), json!(["champion"])), "champion");
        assert_eq!(winner(Json::Null, 1.into(), json!(["champion", "her"])), "her");
        assert_eq!(winner(Json::Null, 1.into(), json!([])), "champion");
        assert_eq!(winner(Json::Null, Json::Null, json!(["her"])), "champion");
    }

    #[test]
    fn who_plays_alone_is_by_no_share_better() {
        let games = json!({"points": 3, "bar": 0.6, "slope": 0.125});
        for rules in
            [json!({"games": games}), json!({"games": games, "absent_champion": 0}), json!({"absent_champion": 5})]
        {
            let mut rules = rules;
            rules["title"] = json!({"no_loss": true});
            let mut task = task(Json::Null, 9.0);
            task["better"] = "higher".into();
            task["environments"] = 1.into();
            let found = contested([task], 1, rules.clone());
            assert_eq!((found.won, found.difference, found.tasks[0].difference), (1, 0.0, None), "{rules}");
        }
    }

    #[test]
    fn the_difference_is_the_middle_one() {
        let rules = json!({"title": {"more_than": 0.5}, "games": {"points": 3, "bar": 0.6, "slope": 0.125}});
        let difference = |tasks: Vec<Json>| contested(tasks, 1, rules.clone()).difference;
        assert_eq!(difference(vec![]), 0.0);
        assert_eq!(difference(vec![task(1.0, 0.5), task(1.0, 2.0), task(1.25, 1.0)]), 0.25);
        assert_eq!(difference(vec![task(1.0, 0.5), task(1.0, 0.0)]), 0.5, "a share of nothing is none");
        let mut games = task(3.0, 9.0);
        games["environments"] = 4.into();
        assert!((difference(vec![games.clone()]) - 0.01875).abs() < 1e-12);
        let input = json!({"champion": "champion", "tasks": [games], "at_bar": 0.05, "rules": rules});
        let found = contest(&serde_json::from_value(input).unwrap());
        assert!((found.difference - 0.06875).abs() < 1e-12, "what reaching the bar is worth comes on top");
    }
}
