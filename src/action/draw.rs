//! `draw`: who plays whom in a round. Numbers are the workflow's; chance comes from the core.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, entry::drawn, reflect, vocabulary::Entrant};
use crate::base::{Ty, seed::Stream};

/// What `draw` takes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Draw {
    /// Those who play this round.
    pub field: Vec<Entrant>,
    /// The defender of the title, who may fill an odd field or join a group.
    pub champion: Option<Entrant>,
    /// Whether it is the first round.
    #[serde(default)]
    pub first: bool,
    /// Whether it is the last round: then nobody joins a group who does not play anyway.
    #[serde(default)]
    pub last: bool,
    /// The shapes that a round may have; the first that fits is taken.
    pub shapes: Shapes,
}

/// The shapes that a round may have, tried in this order.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shapes {
    /// Everybody plays in one group, in the first round only.
    pub together: Option<Together>,
    /// Players are paired.
    pub pairs: Option<Pairs>,
    /// Otherwise they play in groups.
    pub groups: Option<Groups>,
}

/// When everybody plays in one group.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "where {from} to {up_to} take part"))]
pub struct Together {
    /// The fewest that play so.
    pub from: usize,
    /// The most that play so.
    pub up_to: usize,
}

/// When pairs are drawn.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "where {up_to} or fewer play; where they are an odd number, {odd}"))]
pub struct Pairs {
    /// The most who are paired; more are put into groups.
    pub up_to: usize,
    /// What is done about an odd number.
    pub odd: Odd,
}

/// What is done about an odd number of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Odd {
    /// The champion plays too, or steps back where they play already.
    ChampionFills,
    /// The last one drawn has nobody against them.
    Bye,
}

/// How groups are cut.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "[; up to {about} in a group][; fewer than {at_least} in a group make one group less, and larger ones][; {needs} must play at least][; {few}][; the champion joins {champion_joins}][; {?champion_counts}a champion who joins counts when the number of groups is worked out]"))]
pub struct Groups {
    /// How many members a group should have at most; all are in one group where it is left out.
    #[schemars(range(min = 1))]
    pub about: Option<usize>,
    /// Fewer than that in a group: then there is one group less, and the groups are larger.
    #[serde(default)]
    pub at_least: usize,
    /// Fewer than that in all cannot be drawn.
    #[serde(default)]
    pub needs: usize,
    /// A smaller size where few take part; in the first round only.
    pub few: Option<Few>,
    /// Which group the champion joins who does not play already; none when left out.
    pub champion_joins: Option<Joins>,
    /// Whether a champion who will join counts when the number of groups is worked out.
    #[serde(default)]
    pub champion_counts: bool,
}

/// A smaller size of groups where few take part.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("x-says" = "up to {about} in a group where {up_to} or fewer play the first round"))]
pub struct Few {
    /// The most who count as few.
    pub up_to: usize,
    /// How many members a group should have at most.
    #[schemars(range(min = 1))]
    pub about: usize,
}

/// Which group the champion joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Joins {
    /// The first one drawn.
    First,
    /// The smallest one, the first of those.
    Smallest,
}

/// What `draw` gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Drawn {
    /// The shape that fitted.
    pub shape: Shape,
    /// Who plays whom.
    pub matches: Vec<Match>,
}

/// The shape of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Everybody in one group, since few take part.
    Together,
    Pairs,
    Groups,
}

/// Those who play against one another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Match {
    /// What tells it from the others of its round, such as `pair-03`.
    pub id: String,
    pub members: Vec<Entrant>,
}

static GIVES: LazyLock<Ty> = LazyLock::new(reflect::given::<Drawn>);

pub(super) fn action() -> Action {
    Action::drawn::<Draw, Drawn>(
        "draw",
        "Draws who plays whom in a round: one group of all, pairs or groups, by the first shape that fits the number \
         of those who play.",
        |input, stream| drawn(input, &GIVES, stream, draw),
    )
    .example(
        "draw:\n  draw:\n    field: \"${inputs.entrants}\"\n    first: true\n    shapes:\n      pairs: { up_to: 14, odd: bye }\n      \
         groups: { about: 32, at_least: 20 }\n",
    )
}

/// Draws a round.
pub fn draw(input: Draw, stream: &mut Stream) -> Result<Drawn, String> {
    let Draw { mut field, champion, first, last, shapes } = input;
    let count = field.len();
    stream.shuffle(&mut field);
    if shapes.together.as_ref().is_some_and(|it| first && (it.from..=it.up_to).contains(&count)) {
        return Ok(Drawn { shape: Shape::Together, matches: named("group", vec![field]) });
    }
    if let Some(pairs) = shapes.pairs.as_ref().filter(|pairs| count <= pairs.up_to) {
        return Ok(Drawn { shape: Shape::Pairs, matches: named("pair", paired(field, champion, pairs.odd, stream)) });
    }
    let Some(groups) = shapes.groups else {
        return Err(format!("no shape fits {count} members: say how groups are cut, or let more be paired"));
    };
    if count < groups.needs {
        return Err(format!("at least {} members are needed for groups, and there are {count}", groups.needs));
    }
    let joins = groups.champion_joins.zip(champion).filter(|(_, it)| !last && !plays(&field, it));
    let mut drawn = grouped(field, &groups, first, joins.is_some());
    stream.shuffle(&mut drawn);
    if let Some((joins, champion)) = joins {
        let place = match joins {
            Joins::First => drawn.first_mut(),
            Joins::Smallest => drawn.iter_mut().min_by_key(|group| group.len()),
        };
        place.into_iter().for_each(|group| group.push(champion.clone()));
    }
    Ok(Drawn { shape: Shape::Groups, matches: named("group", drawn) })
}

fn plays(field: &[Entrant], it: &Entrant) -> bool {
    field.iter().any(|member| member.hotkey == it.hotkey)
}

fn paired(mut field: Vec<Entrant>, champion: Option<Entrant>, odd: Odd, stream: &mut Stream) -> Vec<Vec<Entrant>> {
    if let (1, Odd::ChampionFills, Some(champion)) = (field.len() % 2, odd, champion) {
        if plays(&field, &champion) {
            field.retain(|member| member.hotkey != champion.hotkey);
        } else {
            field.push(champion);
        }
        stream.shuffle(&mut field);
    }
    let mut pairs: Vec<Vec<Entrant>> = field.chunks(2).map(<[_]>::to_vec).collect();
    stream.shuffle(&mut pairs);
    pairs
}

/// Cuts the members, shuffled already, into groups whose sizes differ by one at most.
fn grouped(field: Vec<Entrant>, rule: &Groups, first: bool, champion_joins: bool) -> Vec<Vec<Entrant>> {
    let few = rule.few.as_ref().filter(|few| first && field.len() <= few.up_to);
    let about = few.map(|few| few.about).or(rule.about);
    let count = field.len() + usize::from(champion_joins && rule.champion_counts);
    let mut groups = about.map_or(1, |about| count.div_ceil(about.max(1)).max(1));
    while groups > 1 && field.len() / groups < rule.at_least {
        groups -= 1;
    }
    let (size, larger) = (field.len() / groups, field.len() % groups);
    let mut members = field.into_iter();
    (0..groups).map(|i| members.by_ref().take(size + usize::from(i < larger)).collect()).collect()
}

fn named(kind: &str, matches: Vec<Vec<Entrant>>) -> Vec<Match> {
    let matches = matches.into_iter().filter(|members| !members.is_empty()).enumerate();
    matches.map(|(i, members)| Match { id: format!("{kind}-{:02}", i + 1), members }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::base::Seed;

    fn entrant(hotkey: &str) -> Json {
        json!({"hotkey": hotkey, "repository": "https://github.com/o/r", "commit": "c"})
    }

    fn drawn_with(count: usize, with: &Json, seed: u64) -> Result<Drawn, String> {
        let field: Vec<Json> = (0..count).map(|i| entrant(&format!("h{i:03}"))).collect();
        let mut input = json!({"field": field, "champion": entrant("champion")});
        for (key, value) in with.as_object().unwrap() {
            input[key] = value.clone();
        }
        draw(serde_json::from_value(input).unwrap(), &mut Seed(seed).stream("draw"))
    }

    fn sizes(drawn: &Drawn) -> Vec<usize> {
        let mut sizes: Vec<usize> = drawn.matches.iter().map(|it| it.members.len()).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes
    }

    #[test]
    fn the_number_decides_the_shape() {
        let usual = json!({"shapes": {"pairs": {"up_to": 14, "odd": "champion_fills"}, "groups": {"about": 32, "at_least": 20}}});
        let small = json!({"first": true, "shapes": {"together": {"from": 3, "up_to": 14}, "pairs": {"up_to": 8, "odd": "bye"}}});
        let join = |how: &str| json!({"shapes": {"groups": {"about": 4, "at_least": 2, "needs": 2, "champion_joins": how, "champion_counts": true}}});
        for (count, with, expected) in [
            (14, &usual, (Shape::Pairs, vec![2; 7])),
            (5, &usual, (Shape::Pairs, vec![2; 3])),
            (15, &usual, (Shape::Groups, vec![15])),
            (39, &usual, (Shape::Groups, vec![39])),
            (41, &usual, (Shape::Groups, vec![21, 20])),
            (65, &usual, (Shape::Groups, vec![22, 22, 21])),
            (14, &small, (Shape::Together, vec![14])),
            (2, &small, (Shape::Pairs, vec![2])),
            (1, &small, (Shape::Pairs, vec![1])),
            (200, &json!({"shapes": {"groups": {}}}), (Shape::Groups, vec![200])),
            (8, &join("smallest"), (Shape::Groups, vec![3, 3, 3])),
            (4, &join("first"), (Shape::Groups, vec![3, 2])),
        ] {
            let drawn = drawn_with(count, with, 7).unwrap();
            assert_eq!((drawn.shape, sizes(&drawn)), expected, "{count} {with}");
        }
        assert!(drawn_with(15, &small, 1).unwrap_err().starts_with("no shape fits 15 members"));
        assert!(drawn_with(1, &join("first"), 1).unwrap_err().starts_with("at least 2 members"));
    }

    #[test]
    fn the_champion_steps_back_from_an_odd_field() {
        let mut field: Vec<Json> = (0..4).map(|i| entrant(&format!("h{i}"))).collect();
        field.push(entrant("champion"));
        let with = json!({"field": field, "shapes": {"pairs": {"up_to": 14, "odd": "champion_fills"}}});
        let drawn = drawn_with(0, &with, 3).unwrap();
        assert_eq!(sizes(&drawn), [2, 2]);
        assert!(drawn.matches.iter().flat_map(|it| &it.members).all(|member| member.hotkey != "champion"));
    }

    proptest! {
        #[test]
        fn everybody_plays_exactly_once(count in 0usize..150, seed: u64, up_to in 0usize..40, about in prop::option::of(1usize..40), at_least in 0usize..40) {
            let with = json!({"shapes": {"pairs": {"up_to": up_to, "odd": "bye"}, "groups": {"about": about, "at_least": at_least}}});
            let drawn = drawn_with(count, &with, seed).unwrap();
            let mut hotkeys: Vec<&str> =
                drawn.matches.iter().flat_map(|it| &it.members).map(|member| member.hotkey.as_str()).collect();
            hotkeys.sort_unstable();
            hotkeys.dedup();
            prop_assert_eq!(hotkeys.len(), count);
            let sizes = sizes(&drawn);
            if drawn.shape == Shape::Groups && count > 0 {
                prop_assert!(sizes[0] - sizes[sizes.len() - 1] <= 1);
            }
            prop_assert_eq!(&drawn, &drawn_with(count, &with, seed).unwrap());
        }
    }
}
